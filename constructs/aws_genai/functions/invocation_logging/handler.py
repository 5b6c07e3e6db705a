"""Sets model invocation logging of Bedrock, and restores the previous configuration on deletion."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve
from .service import Logging


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client, which is created on first use."""
    return boto3.client(service)


class InvocationLogging:
    """The configuration of this account and Region. The physical id is the log group that saves the previous one."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Sets the configuration, and saves the previous one. A failure changes nothing."""
        logging, wanted = self._logging(properties["LogGroupArn"]), _configuration(properties)
        try:
            logging.set(wanted, replace=_replaces(properties))
        except Exception:
            logging.restore(wanted)
            raise
        return Made(properties["LogGroupArn"])

    def update(self, physical_id: str, properties: Properties, old: Properties, _token: str) -> Made:
        """Updates the configuration. The saved configuration is the one from before the creation."""
        wanted, ours = _configuration(properties), _configuration(old)
        self._logging(physical_id).set(wanted, replace=_replaces(properties), ours=ours)
        return Made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Restores the previous configuration."""
        self._logging(physical_id).restore(_configuration(properties))

    def _logging(self, log_group_arn: str) -> Logging:
        return Logging(client("bedrock"), client("logs"), log_group_arn)


def _replaces(properties: Properties) -> bool:
    return properties.get("Replace") == "true"


def _configuration(properties: Properties) -> dict[str, Any]:
    """Returns the configuration, which is passed as JSON because CloudFormation converts booleans to strings."""
    configuration: dict[str, Any] = json.loads(properties["Configuration"])
    return configuration


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    serve(event, context, InvocationLogging())

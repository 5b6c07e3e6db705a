"""Handles the custom resource that creates references to models of the public hub in a private hub."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve
from .service import Hub


@cache
def sagemaker() -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns the SageMaker client, which is created on first use."""
    return boto3.client("sagemaker")


class HubModels:
    """The references of one hub. The physical id contains the name of the hub, for the deletion."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Creates the references."""
        self._hub(properties["Hub"], properties["Place"]).hold(properties["Models"])
        return Made(f"{properties['Hub']}/models")

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Creates, updates and deletes references."""
        return self.create(properties, token)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Deletes all references."""
        self._hub(physical_id.partition("/")[0], properties.get("Place", "")).empty()

    def _hub(self, name: str, place: str) -> Hub:
        return Hub(sagemaker(), name, place)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    serve(event, context, HubModels())

"""Handles the approvals of the model registry, and the custom resource that deletes the endpoint with the stack."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from ..custom_resource.serving import Made, Properties, serve
from .deployment import Deployment, remove
from .environment import Environment
from .runs import Runs
from .service import Approvals

logger = Logger()


@cache
def approvals() -> Approvals:
    """Returns the approvals of the function's model group, which are created on first use."""
    sns, environment = boto3.client("sns"), Environment.read()

    def notify(subject: str, message: str) -> None:
        sns.publish(TopicArn=environment.TOPIC, Subject=subject[:100], Message=message)

    sagemaker = boto3.client("sagemaker")
    return Approvals(
        sagemaker,
        boto3.client("cloudtrail"),
        environment.GROUP,
        Runs(sagemaker, environment.PIPELINE),
        deployment(),
        notify,
    )


@cache
def deployment() -> Deployment:
    """Returns the endpoint that approved versions are deployed to."""
    return Deployment(boto3.client("sagemaker"), json.loads(Environment.read().PLAN))


class Deployed:
    """The endpoint of approved versions as a custom resource, so that it is deleted with the stack."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Does nothing: the first approval creates the endpoint."""
        return Made(properties["Endpoint"])

    def update(self, _physical_id: str, properties: Properties, _old: Properties, _token: str) -> Made:
        """Keeps the endpoint; a new name replaces the resource."""
        return Made(properties["Endpoint"])

    def delete(self, physical_id: str, _properties: Properties) -> None:
        """Deletes the endpoint with its configurations and models."""
        remove(boto3.client("sagemaker"), physical_id)


def handler(event: dict[str, Any], context: Any) -> str | None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    if "RequestType" in event:
        serve(event, context, Deployed())
        return None
    done = approvals().approved(event["detail"]["ModelPackageArn"])
    logger.info("Approval received", extra={"package": event["detail"]["ModelPackageArn"], "done": done})
    return done

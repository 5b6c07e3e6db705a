"""Deploys an approved version of a model to its endpoint, and deletes the endpoint when the stack is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from .environment import Plan

VARIANT = "AllTraffic"


class Deployment:
    """The endpoint of one fine-tuned model.

    :param plan: configuration of the endpoint.
    """

    def __init__(self, sagemaker: Any, plan: Plan) -> None:  # noqa: ANN401 - boto3 has no types
        self._sagemaker, self._plan = sagemaker, plan

    def deploy(self, package_arn: str, version: int) -> str:
        """Creates or updates the endpoint with a version. The operation is idempotent."""
        plan, name = self._plan, f"{self._plan['endpoint']}-v{version}"
        tags = [{"Key": key, "Value": value} for key, value in plan["tags"].items()]
        self._once(
            self._sagemaker.create_model,
            ModelName=name,
            ExecutionRoleArn=plan["role"],
            Containers=[{"ModelPackageName": package_arn}],
            EnableNetworkIsolation=True,
            VpcConfig={"Subnets": plan["subnets"], "SecurityGroupIds": plan["groups"]},
            Tags=tags,
        )
        config: dict[str, Any] = {
            "EndpointConfigName": name,
            "ProductionVariants": [
                {
                    "VariantName": VARIANT,
                    "ModelName": name,
                    "InstanceType": plan["instance_type"],
                    "InitialInstanceCount": plan["instances"],
                    "InitialVariantWeight": 1,
                    "ModelDataDownloadTimeoutInSeconds": 3600,
                    "ContainerStartupHealthCheckTimeoutInSeconds": 3600,
                }
            ],
            "Tags": tags,
        }
        if key := plan.get("key"):
            config["KmsKeyId"] = key
        self._once(self._sagemaker.create_endpoint_config, **config)
        serving = self._config()
        if serving is None:
            self._once(
                self._sagemaker.create_endpoint, EndpointName=plan["endpoint"], EndpointConfigName=name, Tags=tags
            )
            return "created"
        if serving == name:
            return "unchanged"
        self._sagemaker.update_endpoint(
            EndpointName=plan["endpoint"],
            EndpointConfigName=name,
            **self._capacity(serving),
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
                    "TerminationWaitInSeconds": 300,
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": each} for each in plan["alarms"]]},
            },
        )
        return "updating"

    def _capacity(self, serving: str) -> dict[str, Any]:
        """Returns the parameters that keep the number of instances that scaling has set, unless the plan changed.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html
        """
        keep: dict[str, Any] = {"RetainAllVariantProperties": True}
        try:
            before = self._sagemaker.describe_endpoint_config(EndpointConfigName=serving)["ProductionVariants"]
        except ClientError as error:
            if "Could not find" not in error.response["Error"]["Message"]:
                raise
            return keep
        if [each.get("InitialInstanceCount") for each in before] != [self._plan["instances"]]:
            keep["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DesiredInstanceCount"}]
        return keep

    def _config(self) -> str | None:
        """Returns the name of the endpoint's configuration; None if there is no endpoint."""
        try:
            return str(self._sagemaker.describe_endpoint(EndpointName=self._plan["endpoint"])["EndpointConfigName"])
        except ClientError as error:
            if "Could not find" in error.response["Error"]["Message"]:
                return None
            raise

    def _once(self, create: Any, **request: Any) -> None:  # noqa: ANN401 - boto3 has no types
        """Creates a resource, unless an earlier delivery of the same event has created it."""
        try:
            create(**request)
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if "already exist" not in message:
                raise


def remove(sagemaker: Any, endpoint: str) -> None:  # noqa: ANN401 - boto3 has no types
    """Deletes an endpoint with all configurations and models that were created for it."""
    _delete(sagemaker.delete_endpoint, EndpointName=endpoint)
    for each in list(_created(sagemaker, endpoint, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")):
        _delete(sagemaker.delete_endpoint_config, EndpointConfigName=each)
    for each in list(_created(sagemaker, endpoint, "list_models", "Models", "ModelName")):
        _delete(sagemaker.delete_model, ModelName=each)


def _created(sagemaker: Any, endpoint: str, operation: str, listed: str, name: str) -> Iterator[str]:  # noqa: ANN401
    prefix = f"{endpoint}-v"
    for page in sagemaker.get_paginator(operation).paginate(NameContains=prefix):
        for each in page[listed]:
            rest = each[name].removeprefix(prefix)
            if each[name].startswith(prefix) and rest.isdigit():
                yield each[name]


def _delete(operation: Any, **request: Any) -> None:  # noqa: ANN401 - boto3 has no types
    """Deletes a resource that may not exist."""
    try:
        operation(**request)
    except ClientError as error:
        if "Could not find" not in error.response["Error"]["Message"]:
            raise

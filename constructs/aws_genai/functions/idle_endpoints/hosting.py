"""What the sweeper asks SageMaker, CloudWatch and Application Auto Scaling, and tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

#: What is scaled of a variant.
_SCALING = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that is in service."""

    name: str
    arn: str
    config: str
    changed: datetime
    tags: Mapping[str, str]
    #: Whether calls wait in a queue, from which its instances go to none by themselves.
    queued: bool = False


class Hosting:
    """Endpoints of the account.

    https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-delete-resources.html
    """

    def __init__(self, sagemaker: Any, cloudwatch: Any, scaling: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._sagemaker, self._cloudwatch, self._scaling = sagemaker, cloudwatch, scaling

    def names(self, prefix: str) -> Iterator[str]:
        """The names of the endpoints in service that begin with ``prefix``."""
        pages = self._sagemaker.get_paginator("list_endpoints").paginate(StatusEquals="InService", NameContains=prefix)
        for page in pages:
            for each in page["Endpoints"]:
                if each["EndpointName"].startswith(prefix):
                    yield str(each["EndpointName"])

    def endpoint(self, name: str) -> Endpoint | None:
        """One endpoint with its tags; None if it is gone meanwhile."""
        try:
            found = self._sagemaker.describe_endpoint(EndpointName=name)
            tags = self._sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
        except ClientError as error:
            if "Could not find" in error.response["Error"]["Message"]:
                return None
            raise
        return Endpoint(
            name,
            found["EndpointArn"],
            found["EndpointConfigName"],
            found["LastModifiedTime"].astimezone(UTC),
            {tag["Key"]: tag["Value"] for tag in tags},
            "AsyncInferenceConfig" in found,
        )

    def exists(self, name: str) -> bool:
        """Whether there is an endpoint of that name, in service or on its way."""
        pages = self._sagemaker.get_paginator("list_endpoints").paginate(NameContains=name)
        return any(each["EndpointName"] == name for page in pages for each in page["Endpoints"])

    def variants(self, endpoint: Endpoint) -> list[str]:
        """The names of an endpoint's variants."""
        found = self._sagemaker.describe_endpoint_config(EndpointConfigName=endpoint.config)
        return [each["VariantName"] for each in found["ProductionVariants"]]

    def components(self, name: str) -> dict[str, int]:
        """The inference components of an endpoint, with how many copies each wants."""
        pages = self._sagemaker.get_paginator("list_inference_components").paginate(EndpointNameEquals=name)
        names = [each["InferenceComponentName"] for page in pages for each in page["InferenceComponents"]]
        return {each: self._copies(each) for each in names}

    def _copies(self, component: str) -> int:
        found = self._sagemaker.describe_inference_component(InferenceComponentName=component)
        return int(found["RuntimeConfig"]["DesiredCopyCount"])

    def calls(self, endpoint: Endpoint, since: datetime, until: datetime) -> int:
        """How often an endpoint was called, by any variant and component.

        https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
        """
        dimensions = [{"EndpointName": endpoint.name, "VariantName": variant} for variant in self.variants(endpoint)]
        dimensions += [{"InferenceComponentName": each} for each in self.components(endpoint.name)]
        # A period that CloudWatch keeps for two weeks, and whole ones only.
        start = since - timedelta(minutes=since.minute % 5, seconds=since.second)
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SageMaker",
                        "MetricName": "Invocations",
                        "Dimensions": [{"Name": name, "Value": value} for name, value in each.items()],
                    },
                    "Period": 300,
                    "Stat": "Sum",
                },
            }
            for number, each in enumerate(dimensions)
        ]
        total = 0.0
        token: dict[str, str] = {}
        while True:
            answer = self._cloudwatch.get_metric_data(
                MetricDataQueries=queries, StartTime=start, EndTime=until, **token
            )
            total += sum(sum(each["Values"]) for each in answer["MetricDataResults"])
            if not answer.get("NextToken"):
                return int(total)
            token = {"NextToken": answer["NextToken"]}

    def save(self, endpoint: Endpoint) -> dict[str, Any]:
        """All that brings an endpoint back to what it is now."""
        resources = [f"endpoint/{endpoint.name}/variant/{variant}" for variant in self.variants(endpoint)]
        return {
            "config": endpoint.config,
            "tags": dict(endpoint.tags),
            "components": self.components(endpoint.name),
            "scaling": [
                {"target": target, "policies": self._policies(resource), "scheduled": self._scheduled(resource)}
                for resource in resources
                for target in self._targets(resource)
            ],
        }

    def empty(self, components: Mapping[str, int]) -> None:
        """Take every copy of every component away; the instances follow where they are managed.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
        """
        for component in components:
            self._copy(component, 0)

    def delete(self, name: str) -> None:
        """Delete an endpoint; its configuration and its model stay."""
        self._sagemaker.delete_endpoint(EndpointName=name)

    def restore(self, name: str, saved: Mapping[str, Any]) -> None:
        """Bring an endpoint back; its scaling follows once it is in service."""
        if saved["components"]:
            for component, copies in saved["components"].items():
                self._copy(component, max(1, copies))
        elif not self.exists(name):
            tags = [{"Key": key, "Value": value} for key, value in saved["tags"].items() if not key.startswith("aws:")]
            self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=saved["config"], Tags=tags)

    def rescale(self, saved: Mapping[str, Any]) -> None:
        """Let an endpoint in service scale as it did; Application Auto Scaling knows no endpoint before."""
        for each in saved["scaling"]:
            self._scaling.register_scalable_target(**each["target"])
            for policy in each["policies"]:
                self._scaling.put_scaling_policy(**policy)
            for action in each.get("scheduled", ()):
                self._scaling.put_scheduled_action(**action)

    def _copy(self, component: str, count: int) -> None:
        self._sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=component, DesiredRuntimeConfig={"CopyCount": count}
        )

    def _targets(self, resource: str) -> list[dict[str, Any]]:
        found = self._scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[resource], ScalableDimension=_SCALING
        )["ScalableTargets"]
        kept = ("ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
        return [{name: each[name] for name in kept} for each in found]

    def _policies(self, resource: str) -> list[dict[str, Any]]:
        found = self._scaling.describe_scaling_policies(
            ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension=_SCALING
        )["ScalingPolicies"]
        kept = (
            "PolicyName",
            "ServiceNamespace",
            "ResourceId",
            "ScalableDimension",
            "PolicyType",
            "TargetTrackingScalingPolicyConfiguration",
            "StepScalingPolicyConfiguration",
        )
        return [{name: each[name] for name in kept if name in each} for each in found]

    def _scheduled(self, resource: str) -> list[dict[str, Any]]:
        found = self._scaling.describe_scheduled_actions(
            ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension=_SCALING
        )["ScheduledActions"]
        kept = (
            "ServiceNamespace",
            "ScheduledActionName",
            "ResourceId",
            "ScalableDimension",
            "Schedule",
            "Timezone",
            "ScalableTargetAction",
        )
        return [{name: each[name] for name in kept if name in each} for each in found]

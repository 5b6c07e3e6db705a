"""The requests of the sweeper to SageMaker, CloudWatch and Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

#: Scalable dimension of a variant.
_SCALING = "sagemaker:variant:DesiredInstanceCount"
#: Maximum number of queries of one GetMetricData.
_MOST_QUERIES = 500
#: Status code of a result with all data points.
_COMPLETE = "Complete"


class UnknownUseError(Exception):
    """CloudWatch did not return all data points, so it is unknown whether the endpoint was invoked."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint in service."""

    name: str
    arn: str
    config: str
    changed: datetime
    tags: Mapping[str, str]
    #: Whether it is an asynchronous endpoint, which scales to zero by its own scaling policy.
    queued: bool = False


class Hosting:
    """Endpoints of the account.

    https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-delete-resources.html
    """

    def __init__(self, sagemaker: Any, cloudwatch: Any, scaling: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._sagemaker, self._cloudwatch, self._scaling = sagemaker, cloudwatch, scaling

    def names(self, prefix: str) -> Iterator[str]:
        """Returns the names of the endpoints in service that begin with ``prefix``."""
        pages = self._sagemaker.get_paginator("list_endpoints").paginate(StatusEquals="InService", NameContains=prefix)
        for page in pages:
            for each in page["Endpoints"]:
                if each["EndpointName"].startswith(prefix):
                    yield str(each["EndpointName"])

    def endpoint(self, name: str) -> Endpoint | None:
        """Returns an endpoint with its tags; None if it no longer exists."""
        try:
            found = self._sagemaker.describe_endpoint(EndpointName=name)
            pages = self._sagemaker.get_paginator("list_tags").paginate(ResourceArn=found["EndpointArn"])
            tags = [tag for page in pages for tag in page["Tags"]]
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
        """Returns whether there is an endpoint of this name, in any status."""
        pages = self._sagemaker.get_paginator("list_endpoints").paginate(NameContains=name)
        return any(each["EndpointName"] == name for page in pages for each in page["Endpoints"])

    def variants(self, endpoint: Endpoint) -> list[str]:
        """Returns the names of the variants of an endpoint."""
        found = self._sagemaker.describe_endpoint_config(EndpointConfigName=endpoint.config)
        return [each["VariantName"] for each in found["ProductionVariants"]]

    def components(self, name: str) -> dict[str, int]:
        """Returns the inference components of an endpoint, each with its desired number of copies."""
        pages = self._sagemaker.get_paginator("list_inference_components").paginate(EndpointNameEquals=name)
        names = [each["InferenceComponentName"] for page in pages for each in page["InferenceComponents"]]
        return {each: self._copies(each) for each in names}

    def _copies(self, component: str) -> int:
        found = self._sagemaker.describe_inference_component(InferenceComponentName=component)
        return int(found["RuntimeConfig"]["DesiredCopyCount"])

    def calls(self, endpoint: Endpoint, since: datetime, until: datetime) -> int:
        """Returns the number of invocations of an endpoint, over all its variants and inference components.

        https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html

        :raises UnknownUseError: if no invocation was found and CloudWatch did not return all data points.
        """
        dimensions = [{"EndpointName": endpoint.name, "VariantName": variant} for variant in self.variants(endpoint)]
        dimensions += [{"InferenceComponentName": each} for each in self.components(endpoint.name)]
        # CloudWatch keeps data points of this period for 63 days. Only whole periods are requested.
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
        total, unknown = 0.0, list[str]()
        for first in range(0, len(queries), _MOST_QUERIES):
            found, missing = self._sum(queries[first : first + _MOST_QUERIES], start, until)
            total, unknown = total + found, unknown + missing
        if unknown and not total:
            raise UnknownUseError(f"CloudWatch did not return all invocations of {endpoint.name}: {'; '.join(unknown)}")
        return int(total)

    def _sum(self, queries: Sequence[Mapping[str, Any]], start: datetime, until: datetime) -> tuple[float, list[str]]:
        """Returns the sum of all data points, and one sentence for each query whose data points are incomplete.

        A query is complete if its last page has the status code ``Complete``. A response may also omit a query, or
        contain a message about all queries.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataResult.html
        """
        total, messages = 0.0, list[str]()
        status = {str(query["Id"]): "no result" for query in queries}
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=until
        )
        for page in pages:
            messages += [_message(each) for each in page.get("Messages", ())]
            for result in page["MetricDataResults"]:
                total += sum(result["Values"])
                reasons = [_message(each) for each in result.get("Messages", ())]
                status[result["Id"]] = ", ".join([str(result.get("StatusCode") or "no status code"), *reasons])
        return total, messages + [f"{id}: {each}" for id, each in status.items() if each != _COMPLETE]

    def save(self, endpoint: Endpoint) -> dict[str, Any]:
        """Returns configuration, tags, copies and scaling of an endpoint, for :meth:`restore` and :meth:`rescale`."""
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
        """Sets every component to zero copies; managed instance scaling then removes the instances.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
        """
        for component in components:
            self._copy(component, 0)

    def delete(self, name: str) -> None:
        """Deletes an endpoint. Its configuration and its model are kept."""
        self._sagemaker.delete_endpoint(EndpointName=name)

    def restore(self, name: str, saved: Mapping[str, Any]) -> None:
        """Creates an endpoint again, or restores its copies. Call :meth:`rescale` when it is in service."""
        if saved["components"]:
            for component, copies in saved["components"].items():
                self._copy(component, max(1, copies))
        elif not self.exists(name):
            tags = [{"Key": key, "Value": value} for key, value in saved["tags"].items() if not key.startswith("aws:")]
            self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=saved["config"], Tags=tags)

    def rescale(self, saved: Mapping[str, Any]) -> None:
        """Restores the scaling of an endpoint, which must be in service."""
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

    def _scaled(self, operation: str, what: str, **of: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - arguments of boto3
        """Returns the items of all pages, which have 50 items by default."""
        pages = self._scaling.get_paginator(operation).paginate(
            ServiceNamespace="sagemaker", ScalableDimension=_SCALING, **of
        )
        return [each for page in pages for each in page[what]]

    def _targets(self, resource: str) -> list[dict[str, Any]]:
        found = self._scaled("describe_scalable_targets", "ScalableTargets", ResourceIds=[resource])
        kept = ("ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
        return [{name: each[name] for name in kept} for each in found]

    def _policies(self, resource: str) -> list[dict[str, Any]]:
        found = self._scaled("describe_scaling_policies", "ScalingPolicies", ResourceId=resource)
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
        found = self._scaled("describe_scheduled_actions", "ScheduledActions", ResourceId=resource)
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


def _message(each: Mapping[str, Any]) -> str:
    return f"{each.get('Code', 'Message')}: {each.get('Value', '')}"

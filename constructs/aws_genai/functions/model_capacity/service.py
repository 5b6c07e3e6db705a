"""On-demand deployments of custom models, and provisioned throughput, which CloudFormation has no resource types for.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateCustomModelDeployment.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateProvisionedModelThroughput.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from botocore.exceptions import ClientError

from ..custom_resource.serving import Made, Pending, Properties

_ON_THE_WAY = ("Creating", "Updating", "Deleting")


class CapacityError(RuntimeError):
    """Bedrock did not provide the capacity."""


class Capacity(ABC):
    """One kind of capacity. The physical id is its ARN."""

    def __init__(self, bedrock: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._bedrock = bedrock

    def create(self, properties: Properties, token: str) -> Made | Pending:
        """Creates the capacity, and waits. The operation is idempotent."""
        return Pending(self._create(properties, f"{properties['Name'][:54]}-{token[:8]}", token), "create")

    def update(self, physical_id: str, properties: Properties, old: Properties, token: str) -> Made | Pending:
        """Creates new capacity; CloudFormation deletes the previous one after the deployment has succeeded."""
        if all(properties.get(name) == old.get(name) for name in self.counted) and self._status(physical_id):
            return self.look(Pending(physical_id, "create"), properties)
        return self.create(properties, token)

    def delete(self, physical_id: str, _properties: Properties) -> Pending | None:
        """Deletes the capacity, after a change that is in progress."""
        try:
            self._delete(physical_id)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConflictException" and self._status(physical_id) in _ON_THE_WAY:
                return Pending(physical_id, "delete")
            if code not in ("ResourceNotFoundException",):
                raise
            return None
        return Pending(physical_id, "delete") if self._status(physical_id) else None

    def look(self, pending: Pending, properties: Properties) -> Made | Pending:
        """Checks capacity that is being created or deleted."""
        arn, status = pending.physical_id, self._status(pending.physical_id)
        if pending.doing == "delete":
            if status is None:
                return Made(arn)
            return pending if status in _ON_THE_WAY else self.delete(arn, properties) or Made(arn)
        if status in _ON_THE_WAY:
            return pending
        if status in ("Active", "InService"):
            return Made(arn, {"Arn": arn})
        raise CapacityError(f"{arn} is {status or 'gone'}: {self._why(arn)}")

    #: Properties whose change requires new capacity.
    counted: tuple[str, ...] = ("Name", "Model")

    @abstractmethod
    def _create(self, properties: Properties, name: str, token: str) -> str: ...

    @abstractmethod
    def _get(self, arn: str) -> dict[str, Any]: ...

    @abstractmethod
    def _delete(self, arn: str) -> None: ...

    def _status(self, arn: str) -> str | None:
        try:
            return str(self._get(arn)["status"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise

    def _why(self, arn: str) -> str:
        try:
            return str(self._get(arn).get("failureMessage") or "Bedrock gave no reason")
        except ClientError:
            return "Bedrock gave no reason"


class Deployments(Capacity):
    """On-demand deployments of custom models."""

    def _create(self, properties: Properties, name: str, token: str) -> str:
        made = self._bedrock.create_custom_model_deployment(
            modelDeploymentName=name, modelArn=properties["Model"], clientRequestToken=token, tags=_tags(properties)
        )
        return str(made["customModelDeploymentArn"])

    def _get(self, arn: str) -> dict[str, Any]:
        return dict(self._bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn))

    def _delete(self, arn: str) -> None:
        self._bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)


class Throughputs(Capacity):
    """Provisioned throughput."""

    counted = ("Name", "Model", "Units", "Commitment")

    def _create(self, properties: Properties, name: str, token: str) -> str:
        term = {"commitmentDuration": properties["Commitment"]} if properties.get("Commitment") else {}
        made = self._bedrock.create_provisioned_model_throughput(
            provisionedModelName=name,
            modelId=properties["Model"],
            modelUnits=int(properties["Units"]),
            clientRequestToken=token,
            tags=_tags(properties),
            **term,
        )
        return str(made["provisionedModelArn"])

    def _get(self, arn: str) -> dict[str, Any]:
        return dict(self._bedrock.get_provisioned_model_throughput(provisionedModelId=arn))

    def _delete(self, arn: str) -> None:
        self._bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in sorted(properties.get("Tags", {}).items())]

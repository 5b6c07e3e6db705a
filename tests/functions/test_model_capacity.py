"""Capacity is asked for once, waited for, and given back: nothing that costs is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.custom_resource.serving import Made, Pending
from aws_genai.functions.model_capacity.service import Capacity, CapacityError, Deployments, Throughputs

MODEL = {"Name": "demo-tone", "Model": "arn:model", "Tags": {"b": 2, "a": "1"}}
BOUGHT = {**MODEL, "Units": "2", "Commitment": "OneMonth"}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class Bedrock:
    """Capacity takes two looks to come; what there is costs until it is deleted."""

    def __init__(self, end: str) -> None:
        self.end, self.there, self.made = end, dict[str, int](), list[dict[str, Any]]()
        self.deleting: list[str] = []

    def _create(self, name: str, request: dict[str, Any]) -> str:
        if not any(each["clientRequestToken"] == request["clientRequestToken"] for each in self.made):
            self.made.append(request)
            self.there[name] = 0
        return name

    def create_custom_model_deployment(self, **request: Any) -> dict[str, str]:
        return {"customModelDeploymentArn": self._create(request["modelDeploymentName"], request)}

    def create_provisioned_model_throughput(self, **request: Any) -> dict[str, str]:
        return {"provisionedModelArn": self._create(request["provisionedModelName"], request)}

    def _get(self, arn: str) -> dict[str, Any]:
        if arn not in self.there:
            raise error("ResourceNotFoundException")
        self.there[arn] += 1
        return {"status": "Creating" if self.there[arn] < 3 else self.end, "failureMessage": "no room"}

    def get_custom_model_deployment(self, *, customModelDeploymentIdentifier: str) -> dict[str, Any]:
        return self._get(customModelDeploymentIdentifier)

    def get_provisioned_model_throughput(self, *, provisionedModelId: str) -> dict[str, Any]:
        return self._get(provisionedModelId)

    def _delete(self, arn: str) -> None:
        if self.deleting:
            raise error(self.deleting.pop(0))
        if arn not in self.there:
            raise error("ResourceNotFoundException")
        del self.there[arn]

    def delete_custom_model_deployment(self, *, customModelDeploymentIdentifier: str) -> None:
        self._delete(customModelDeploymentIdentifier)

    def delete_provisioned_model_throughput(self, *, provisionedModelId: str) -> None:
        self._delete(provisionedModelId)


KINDS = [(Deployments, MODEL, "Active"), (Throughputs, BOUGHT, "InService")]


def waited(capacity: Capacity, found: Any, properties: dict[str, Any]) -> Made:
    for _ in range(9):
        if isinstance(found, Made):
            return found
        found = capacity.look(found, properties)
    raise AssertionError("it never came")


@pytest.mark.parametrize(("kind", "properties", "end"), KINDS)
def test_it_is_asked_for_once_and_waited_for(kind: type[Capacity], properties: dict[str, Any], end: str) -> None:
    bedrock = Bedrock(end)
    capacity = kind(bedrock)
    first, again = capacity.create(properties, "t" * 20), capacity.create(properties, "t" * 20)
    assert first == again == Pending("demo-tone-tttttttt", "create")
    assert waited(capacity, first, properties) == Made("demo-tone-tttttttt", {"Arn": "demo-tone-tttttttt"})
    assert len(bedrock.made) == 1
    assert bedrock.made[0]["tags"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]


def test_units_and_term_are_as_they_were_named() -> None:
    bedrock = Bedrock("InService")
    Throughputs(bedrock).create(BOUGHT, "t")
    Throughputs(bedrock).create({**BOUGHT, "Commitment": ""}, "u")
    assert [each["modelUnits"] for each in bedrock.made] == [2, 2]
    assert [each.get("commitmentDuration") for each in bedrock.made] == ["OneMonth", None]


@pytest.mark.parametrize(("kind", "properties", "end"), KINDS)
def test_another_model_is_made_beside_and_a_tag_changes_nothing(
    kind: type[Capacity], properties: dict[str, Any], end: str
) -> None:
    bedrock = Bedrock(end)
    capacity = kind(bedrock)
    made = waited(capacity, capacity.create(properties, "one"), properties)
    same = {**properties, "Tags": {}}
    assert waited(capacity, capacity.update(made.physical_id, same, properties, "two"), same) == made
    other = {**properties, "Model": "arn:other"}
    beside = waited(capacity, capacity.update(made.physical_id, other, properties, "three"), other)
    assert beside.physical_id != made.physical_id
    assert set(bedrock.there) == {made.physical_id, beside.physical_id}
    # CloudFormation gives back the one before, or, on a rollback, the new one: each by its own id.
    assert capacity.delete(made.physical_id, properties) is None
    assert set(bedrock.there) == {beside.physical_id}


@pytest.mark.parametrize(("kind", "properties", "end"), KINDS)
def test_what_does_not_come_fails_with_its_reason(kind: type[Capacity], properties: dict[str, Any], end: str) -> None:
    capacity = kind(Bedrock("Failed"))
    with pytest.raises(CapacityError, match="is Failed: no room"):
        waited(capacity, capacity.create(properties, "t"), properties)
    with pytest.raises(CapacityError, match="is gone"):
        capacity.look(Pending("nowhere", "create"), properties)


@pytest.mark.parametrize(("kind", "properties", "end"), KINDS)
def test_it_is_given_back_whatever_its_state(kind: type[Capacity], properties: dict[str, Any], end: str) -> None:
    bedrock = Bedrock(end)
    capacity = kind(bedrock)
    coming = capacity.create(properties, "t")
    assert isinstance(coming, Pending)
    bedrock.deleting = ["ConflictException"]
    going = capacity.delete(coming.physical_id, properties)
    assert going == Pending(coming.physical_id, "delete")
    waited(capacity, going, properties)
    assert not bedrock.there
    assert capacity.delete(coming.physical_id, properties) is None
    assert capacity.look(Pending(coming.physical_id, "delete"), properties) == Made(coming.physical_id)
    waited(capacity, capacity.create(properties, "u"), properties)
    bedrock.deleting = ["AccessDeniedException"]
    with pytest.raises(ClientError, match="AccessDenied"):
        capacity.delete(next(iter(bedrock.there)), properties)

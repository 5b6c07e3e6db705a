"""Instances that scheduled scaling keeps running without invocations: number, type and duration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from aws_genai.data.accelerators import AcceleratorCatalogue

Resources = dict[str, dict[str, Any]]

_HOURS_PER_WEEK = 168


def warm_instances(resources: Resources) -> Iterator[tuple[str, float]]:
    """Type and average number of warm instances above the minimum, for each scalable target of SageMaker."""
    for target in resources.values():
        properties = target.get("Properties", {})
        if target["Type"] != "AWS::ApplicationAutoScaling::ScalableTarget":
            continue
        actions = {each["ScheduledActionName"]: each for each in properties.get("ScheduledActions", [])}
        if properties.get("ServiceNamespace") == "sagemaker" and {"warm", "cool"} <= set(actions):
            kind, a_copy = _hosting(resources, target)
            warm, cool = actions["warm"], actions["cool"]
            capacity = _least(warm) - _least(cool)
            begin, days = _moment(warm)
            end, _ = _moment(cool)
            yield kind, capacity * a_copy * (end - begin) * days / _HOURS_PER_WEEK


def _least(action: dict[str, Any]) -> int:
    return int(action["ScalableTargetAction"]["MinCapacity"])


def _moment(action: dict[str, Any]) -> tuple[float, int]:
    """The hour of the day, and the number of days of the week."""
    minute, hour, _, _, days, _ = action["Schedule"].removeprefix("cron(").removesuffix(")").split()
    return int(hour) + int(minute) / 60, len(days.split(","))


def _hosting(resources: Resources, target: dict[str, Any]) -> tuple[str, float]:
    """The instance type of a scalable target, and the fraction of an instance that one unit of capacity uses."""
    component = _first(resources, target.get("DependsOn", []), "AWS::SageMaker::InferenceComponent")
    endpoint = _first(resources, (component or target)["Properties"], "AWS::SageMaker::Endpoint")
    config = _first(resources, endpoint["Properties"], "AWS::SageMaker::EndpointConfig") if endpoint else None
    if config is None:
        raise ValueError(f"no endpoint of the template is scaled by {target['Properties']['ResourceId']}")
    kind = str(config["Properties"]["ProductionVariants"][0]["InstanceType"])
    if component is None:
        return kind, 1
    needs = component["Properties"]["Specification"]["ComputeResourceRequirements"]
    have = AcceleratorCatalogue.default().get(kind.removeprefix("ml.")).count
    return kind, needs["NumberOfAcceleratorDevicesRequired"] / have


def _first(resources: Resources, within: Any, kind: str) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
    """The resource of a type that ``within`` refers to by its logical id."""
    for name in re.findall(r'"(\w+)"', json.dumps(within)):
        if resources.get(name, {}).get("Type") == kind:
            return resources[name]
    return None

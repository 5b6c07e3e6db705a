"""Fleets: how capacity is bought, how instances reach each other, when the group grows, what an instance does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from aws_genai.compute import (
    AcceleratorCatalogue,
    AcceleratorFleet,
    Capacity,
    CapacityBlock,
    FleetOptions,
    Needs,
    Platform,
    QueueOptions,
    Reserved,
    Schedule,
    ServedModel,
    Spot,
    WorkQueue,
    boot,
)
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from tests.support import new_stack, template_of

START = datetime(2027, 1, 4, 11, 30, tzinfo=UTC)
RESERVATION = "cr-0123456789abcdef0"
SPOT = Capacity(spot=Spot())


def block(days: float = 7, instances: int = 1) -> Capacity:
    end = START + timedelta(days=days)
    return Capacity(block=CapacityBlock(reservation_id=RESERVATION, start=START, end=end, instances=instances))


def fleet(
    stack: cdk.Stack, instance_type: str = "g6.12xlarge", *, queue: bool = False, **options: Any
) -> AcceleratorFleet:
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    return AcceleratorFleet(
        stack,
        "Fleet",
        foundation=foundation,
        options=FleetOptions(instance_type=instance_type, **options),
        queue=WorkQueue(stack, "Work", foundation=foundation) if queue else None,
    )


def resources(instance_type: str = "g6.12xlarge", **options: Any) -> dict[str, list[dict[str, Any]]]:
    """What a fleet is made of, by type."""
    template = template_of(lambda stack: fleet(stack, instance_type, **options)).to_json()
    found: dict[str, list[dict[str, Any]]] = {}
    for each in template["Resources"].values():
        found.setdefault(each["Type"], []).append(each)
    return found


def launch(made: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    (template,) = made["AWS::EC2::LaunchTemplate"]
    data: dict[str, Any] = template["Properties"]["LaunchTemplateData"]
    return data


def group(made: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    (found,) = made["AWS::AutoScaling::AutoScalingGroup"]
    return found


def test_on_demand_is_one_launch_template() -> None:
    made = resources()
    assert "LaunchTemplate" in group(made)["Properties"]
    assert "MixedInstancesPolicy" not in group(made)["Properties"]
    assert "CapacityRebalance" not in group(made)["Properties"]
    assert "InstanceMarketOptions" not in launch(made)
    assert "AWS::Events::Rule" not in made


def test_spot_takes_several_types_and_is_replaced_before_it_goes() -> None:
    made = resources(
        alternatives=["g6e.12xlarge", "g5.12xlarge"],
        capacity=Capacity(spot=Spot(on_demand_base=1, on_demand_percent=20)),
    )
    properties = group(made)["Properties"]
    assert properties["CapacityRebalance"] is True
    assert "LaunchTemplate" not in properties
    policy = properties["MixedInstancesPolicy"]
    assert [each["InstanceType"] for each in policy["LaunchTemplate"]["Overrides"]] == [
        "g6.12xlarge",
        "g6e.12xlarge",
        "g5.12xlarge",
    ]
    assert policy["InstancesDistribution"] == {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": 1,
        "OnDemandPercentageAboveBaseCapacity": 20,
        "SpotAllocationStrategy": "price-capacity-optimized",
    }
    (rule,) = made["AWS::Events::Rule"]
    assert rule["Properties"]["EventPattern"]["detail-type"] == [
        "EC2 Instance Rebalance Recommendation",
        "EC2 Spot Instance Interruption Warning",
    ]


def test_alternatives_without_spot_are_on_demand() -> None:
    policy = group(resources(alternatives=["g6e.12xlarge"]))["Properties"]["MixedInstancesPolicy"]
    assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 100
    assert "SpotAllocationStrategy" not in policy["InstancesDistribution"]


def test_two_spot_fleets_report_once() -> None:
    def build(stack: cdk.Stack) -> None:
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
        first, second = (
            AcceleratorFleet(
                stack, id, foundation=foundation, options=FleetOptions(instance_type="g6.xlarge", capacity=SPOT)
            )
            for id in ("First", "Second")
        )
        assert first.metric_dimension != second.metric_dimension

    template_of(build).resource_count_is("AWS::Events::Rule", 1)


@pytest.mark.parametrize(
    ("capacity", "target"),
    [
        (Reserved(reservation_id=RESERVATION), {"CapacityReservationId": RESERVATION}),
        (
            Reserved(resource_group_arn="arn:aws:resource-groups:us-east-1:111122223333:group/gpus"),
            {"CapacityReservationResourceGroupArn": "arn:aws:resource-groups:us-east-1:111122223333:group/gpus"},
        ),
    ],
)
def test_reserved_capacity_is_targeted(capacity: Reserved, target: dict[str, str]) -> None:
    data = launch(resources(capacity=Capacity(reserved=capacity)))
    assert data["CapacityReservationSpecification"] == {"CapacityReservationTarget": target}


def test_a_capacity_block_begins_and_is_drained_by_the_clock() -> None:
    made = resources("p5.48xlarge", capacity=block(instances=4), max_instances=4)
    data = launch(made)
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    target = {"CapacityReservationId": RESERVATION}
    assert data["CapacityReservationSpecification"] == {"CapacityReservationTarget": target}
    actions = [each["Properties"] for each in made["AWS::AutoScaling::ScheduledAction"]]
    assert sorted((each["StartTime"], each["DesiredCapacity"]) for each in actions) == [
        ("2027-01-04T11:30:00Z", 4),
        ("2027-01-11T10:30:00Z", 0),
    ]


@pytest.mark.parametrize(
    ("instance_type", "cards"),
    [("p5.48xlarge", 32), ("trn2.48xlarge", 16), ("trn1.32xlarge", 8), ("p4d.24xlarge", 4), ("g6e.48xlarge", 4)],
)
def test_every_network_card_has_an_efa(instance_type: str, cards: int) -> None:
    made = resources(instance_type, efa=True, cluster=True)
    interfaces = launch(made)["NetworkInterfaces"]
    assert [each["NetworkCardIndex"] for each in interfaces] == list(range(cards))
    assert [each["DeviceIndex"] for each in interfaces] == [0] + [1] * (cards - 1)
    assert [each["InterfaceType"] for each in interfaces] == ["efa"] + ["efa-only"] * (cards - 1)
    (inbound,) = made["AWS::EC2::SecurityGroupIngress"]
    (outbound,) = made["AWS::EC2::SecurityGroupEgress"]
    own = inbound["Properties"]["GroupId"]
    assert inbound["Properties"]["SourceSecurityGroupId"] == own
    assert outbound["Properties"]["DestinationSecurityGroupId"] == own
    assert inbound["Properties"]["IpProtocol"] == outbound["Properties"]["IpProtocol"] == "-1"
    (placement,) = made["AWS::EC2::PlacementGroup"]
    assert placement["Properties"]["Strategy"] == "cluster"
    assert len(group(made)["Properties"]["VPCZoneIdentifier"]) == 1


def test_a_card_without_efa_carries_ip_traffic() -> None:
    interfaces = launch(resources("p6-b300.48xlarge", efa=True))["NetworkInterfaces"]
    assert "InterfaceType" not in interfaces[0]
    assert [each["NetworkCardIndex"] for each in interfaces] == list(range(17))
    assert {each["InterfaceType"] for each in interfaces[1:]} == {"efa-only"}


def test_a_queue_makes_the_fleet_grow_and_its_end_empties_it() -> None:
    made = resources(queue=True, messages_per_instance=20, max_instances=8)
    policies = {
        each["Properties"]["AdjustmentType"]: each["Properties"] for each in made["AWS::AutoScaling::ScalingPolicy"]
    }
    steps = policies["ChangeInCapacity"]["StepAdjustments"]
    assert steps[0] == {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 1}
    assert "MetricIntervalUpperBound" not in steps[-1]
    for before, after in pairwise(steps):
        assert before["MetricIntervalUpperBound"] == after["MetricIntervalLowerBound"]
    assert policies["ExactCapacity"]["StepAdjustments"] == [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": 0}]
    empty = [each["Properties"] for each in made["AWS::CloudWatch::Alarm"] if "Metrics" in each["Properties"]]
    assert [each["Expression"] for each in empty[0]["Metrics"] if "Expression" in each] == ["visible + running"]


def test_schedules_set_sizes() -> None:
    made = resources(
        schedules=[
            Schedule(cron="0 7 * * MON-FRI", instances=1, time_zone="Europe/Berlin"),
            Schedule(cron="0 19 * * *", instances=0),
        ]
    )
    actions = [each["Properties"] for each in made["AWS::AutoScaling::ScheduledAction"]]
    assert sorted((each["Recurrence"], each["DesiredCapacity"], each["TimeZone"]) for each in actions) == [
        ("0 19 * * *", 0, "Etc/UTC"),
        ("0 7 * * MON-FRI", 1, "Europe/Berlin"),
    ]


def test_idle_accelerators_raise_an_alarm_that_may_empty_the_fleet() -> None:
    def idle(**options: Any) -> dict[str, Any]:
        (found,) = [
            each["Properties"]
            for each in resources(**options)["AWS::CloudWatch::Alarm"]
            if each["Properties"].get("MetricName") == boot.UTILIZATION
        ]
        return found

    watched = idle(idle_minutes=30)
    assert (watched["EvaluationPeriods"], watched["Period"], watched["Threshold"]) == (6, 300, 5)
    assert len(watched["AlarmActions"]) == 1
    assert len(idle(idle_to_zero=True)["AlarmActions"]) == 2


def test_a_changed_template_replaces_instances_and_comes_back_on_hardware_errors() -> None:
    made = resources()
    policy = group(made)["UpdatePolicy"]
    refresh = policy["AutoScalingInstanceRefresh"]
    assert refresh["Strategy"] == "Rolling"
    (alarm,) = refresh["Preferences"]["AlarmSpecification"]["Alarms"]
    assert alarm["Ref"].startswith("FleetHardwareAlarm")
    assert policy["AutoScalingScheduledAction"] == {"IgnoreUnmodifiedGroupSizeProperties": True}
    (errors,) = made["AWS::Logs::MetricFilter"]
    assert errors["Properties"]["FilterPattern"] == '?"NVRM: Xid" ?NEURON_HW_ERR'


def test_an_instance_has_time_to_save_its_work() -> None:
    (hook,) = group(resources())["Properties"]["LifecycleHookSpecificationList"]
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert hook["DefaultResult"] == "CONTINUE"
    assert launch(resources())["InstanceInitiatedShutdownBehavior"] == "terminate"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"instance_type": "g6.xlarge", "efa": True},
            "g6.xlarge has no Elastic Fabric Adapter. Did you mean g6.8xlarge",
        ),
        ({"alternatives": ["g6.12xlarge"]}, "named twice"),
        ({"alternatives": ["inf2.24xlarge"]}, "need different images"),
        ({"alternatives": ["p3.2xlarge"]}, "Xen hypervisor"),
        ({"alternatives": ["inf1.xlarge"]}, "alternatives: inf1.xlarge: Neuron images since 2.26.1"),
        ({"instance_type": "p5.48xlarge", "efa": True, "alternatives": ["p4d.24xlarge"]}, "different network cards"),
        (
            {"capacity": Capacity(reserved=Reserved(reservation_id=RESERVATION)), "alternatives": ["g6e.12xlarge"]},
            "A Capacity Reservation is for one instance type",
        ),
        ({"capacity": block()}, "Capacity Blocks are not offered for g6.12xlarge"),
        ({"instance_type": "p5.48xlarge", "capacity": block(instances=2)}, "has 2 instances, and the maximum is 1"),
        ({"schedules": [Schedule(cron="0 7 * * *", instances=2)]}, "A schedule sets 2 instances"),
        ({"model": ServedModel(parameters_billion=70), "instance_type": "g6.xlarge"}, "Did you mean g7e.12xlarge?"),
        ({"needs": Needs(platform="cuda")}, "or the attributes that they need"),
        ({"instance_type": None}, "or the attributes that they need"),
        ({"instance_type": None, "needs": Needs(platform="neuron", total_memory_gib=9999)}, "No type has all of these"),
        (
            {"instance_type": None, "needs": Needs(platform="cuda", max_usd_per_hour=0.6), "efa": True},
            "No type with all of these attributes has an Elastic Fabric Adapter",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(told)):
        FleetOptions(**{"instance_type": "g6.12xlarge", **options})


@pytest.mark.parametrize(
    ("create", "told"),
    [
        (Reserved, "one Capacity Reservation or one resource group"),
        (
            lambda: Reserved(
                reservation_id=RESERVATION,
                resource_group_arn="arn:aws:resource-groups:us-east-1:111122223333:group/gpus",
            ),
            "one Capacity Reservation or one resource group",
        ),
        (lambda: Capacity(spot=Spot(), reserved=Reserved(reservation_id=RESERVATION)), "these are 2: spot, reserved"),
        (lambda: Spot(on_demand_percent=101), "on_demand_percent"),
        (lambda: Spot(on_demand_base=-1), "on_demand_base"),
        (lambda: block(days=200), "lasts up to 182 days"),
        (lambda: block(days=0), "lasts up to 182 days"),
        (
            lambda: CapacityBlock(reservation_id=RESERVATION, start=START.replace(tzinfo=None), end=START, instances=1),
            "no time zone",
        ),
    ],
)
def test_capacity_that_cannot_be_bought_is_refused(create: Callable[[], object], told: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(told)):
        create()


def test_types_without_placement_groups_are_refused_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = replace(AcceleratorCatalogue.default().get("g6.xlarge"), cluster_placement=False)
    monkeypatch.setattr(AcceleratorCatalogue, "get", lambda _self, _name: kind)
    assert FleetOptions(instance_type="g6.xlarge")
    with pytest.raises(InvalidValueError, match=r"cluster: g6\.xlarge cannot run in a cluster placement group"):
        FleetOptions(instance_type="g6.xlarge", cluster=True)
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1"
    with pytest.raises(InvalidValueError, match=r"instance_type: g6\.xlarge cannot run in a cluster placement group"):
        QueueOptions(instance_type="g6.xlarge", image=image, nodes=2)


def test_on_demand_is_the_default() -> None:
    assert FleetOptions(instance_type="g6.xlarge").capacity == Capacity(spot=None, reserved=None, block=None)


def test_types_that_the_needs_select_are_those_of_the_region() -> None:
    options = FleetOptions(needs=Needs(platform="neuron", total_memory_gib=100))
    everywhere = [each.instance_type for each in options.types()]
    here = [each.instance_type for each in options.types("eu-west-1")]
    assert here
    assert set(here) < set(everywhere)
    (made,) = [
        each["Properties"]
        for each in template_of(
            lambda stack: AcceleratorFleet(
                stack, "Fleet", foundation=Foundation(stack, network=["us-east-1a"]), options=options
            )
        )
        .find_resources("AWS::AutoScaling::AutoScalingGroup")
        .values()
    ]
    overrides = made["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    assert [each["InstanceType"] for each in overrides] == [e.instance_type for e in options.types("us-east-1")]


def test_types_with_an_adapter_have_the_same_network_cards() -> None:
    cards = {each.efa_cards for each in FleetOptions(needs=Needs(platform="cuda"), efa=True).types()}
    assert len(cards) == 1
    assert all(cards)


def test_metrics_are_those_that_instances_publish() -> None:
    made = fleet(new_stack())
    busy, broken = made.metric_utilization(), made.metric_hardware_errors(period=cdk.Duration.minutes(1))
    assert (busy.namespace, busy.metric_name, busy.statistic) == (boot.NAMESPACE, boot.UTILIZATION, "Average")
    assert busy.dimensions == {"Fleet": made.metric_dimension}
    assert broken.metric_name == f"{made.metric_dimension}-HardwareErrors"
    assert broken.period.to_seconds() == 60


# What runs on the instance.

MEASURING = boot.Measuring("fleet", "us-east-1", "group")


@pytest.mark.parametrize("platform", list(Platform))
@pytest.mark.parametrize("scratch", [True, False])
def test_the_script_is_valid_and_small_enough(tmp_path: Path, platform: Platform, scratch: bool) -> None:
    text = boot.script(platform, MEASURING, scratch=scratch)
    assert len(text) < 16_384, "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"
    assert (boot.SCRATCH in text) is scratch
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    for name, inner in re.findall(r"cat > (\S+) <<'\w+'\n(.*?)\n(?:SCRIPT|UNIT|CONFIG)\n", text, re.S):
        if inner.startswith("#!/bin/bash"):
            subprocess.run(["bash", "-n"], input=inner, text=True, check=True)
        elif inner.startswith("#!/usr/bin/env python3"):
            compile(inner, name, "exec")
        elif name.endswith(".json"):
            json.loads(inner)


def program(text: str, name: str) -> str:
    """A program that the script writes."""
    found = re.search(rf"cat > /opt/aws-genai/{name} <<'SCRIPT'\n(.*?)\nSCRIPT\n", text, re.S)
    assert found
    return found[1]


def fake(folder: Path, name: str, body: str) -> None:
    """A command that stands in for one of the instance's."""
    file = folder / name
    file.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    file.chmod(0o700)


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ('case "$*" in *spot/instance-action*) echo "{}";; *) exit 22;; esac', True),
        ('case "$*" in *target-lifecycle-state*) echo Terminated;; *spot*) exit 22;; esac', True),
        ('case "$*" in *target-lifecycle-state*) echo InService;; *spot*) exit 22;; esac', False),
    ],
)
def test_an_instance_saves_its_work_when_told_to_go(tmp_path: Path, answers: str, ends: bool) -> None:
    script = program(boot.script(Platform.CUDA, MEASURING, scratch=False), "watch")
    saved, off, count = tmp_path / "saved", tmp_path / "off", tmp_path / "count"
    fake(tmp_path, "checkpoint", f"touch {saved}")
    fake(tmp_path, "systemctl", f"[ -e {saved} ] && echo $1 > {off}")
    fake(tmp_path, "curl", f'case "$*" in *api/token*) echo token; exit;; esac\n{answers}')
    # Three looks are enough to see that nothing happens.
    fake(tmp_path, "sleep", f"echo >> {count}; [ $(wc -l < {count}) -le 3 ]")
    script = script.replace(boot.CHECKPOINT, str(tmp_path / "checkpoint"))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash"], input=script, text=True, env={"PATH": path}, timeout=20, check=True)
    assert saved.exists() is ends
    assert off.exists() is ends
    if ends:
        assert off.read_text(encoding="utf-8") == "poweroff\n"


def test_neuron_cores_are_averaged(tmp_path: Path) -> None:
    measure = program(boot.script(Platform.NEURON, MEASURING, scratch=False), "measure")
    fake(tmp_path, "aws", f'echo "$@" >> {tmp_path}/calls')
    cores = {str(number): {"neuroncore_utilization": use} for number, use in enumerate((90.0, 30.0))}
    report = {"neuron_runtime_data": [{"report": {"neuroncore_counters": {"neuroncores_in_use": cores}}}]}
    lines = "\n".join(json.dumps(each) for each in (report, {"neuron_runtime_data": []})) + "\n"
    (tmp_path / "measure.py").write_text(measure, encoding="utf-8")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    command = ["python3", str(tmp_path / "measure.py"), "us-east-1", boot.NAMESPACE, boot.UTILIZATION, "fleet"]
    subprocess.run(command, input=lines, text=True, env={"PATH": path}, timeout=20, check=True)
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert [re.search(r"--value (\S+)", call)[1] for call in calls] == ["60.00", "0.00"]  # type: ignore[index]
    assert all("--dimensions Fleet=fleet" in call and f"--namespace {boot.NAMESPACE}" in call for call in calls)


def test_neither_metrics_nor_queue_widen_the_role(reference_roles: Callable[[str], list[dict[str, Any]]]) -> None:
    for statement in reference_roles("training"):
        if statement["Resource"] == "*":
            assert statement["Action"] == "cloudwatch:PutMetricData"
            assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": boot.NAMESPACE}}


@pytest.fixture
def reference_roles(reference: Any) -> Callable[[str], list[dict[str, Any]]]:
    def statements(name: str) -> list[dict[str, Any]]:
        found = [
            each["Properties"]["PolicyDocument"]["Statement"]
            for logical_id, each in reference.template("compute")["Resources"].items()
            if each["Type"] == "AWS::IAM::ManagedPolicy" and logical_id.startswith(name)
        ]
        assert found
        return [statement for each in found for statement in each]

    return statements

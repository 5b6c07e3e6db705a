"""Fleets: how capacity is bought, how instances reach each other, when the group grows, what an instance does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from aws_genai.compute import (
    AcceleratorFleet,
    CapacityBlock,
    OnDemand,
    Platform,
    Reserved,
    Schedule,
    Spot,
    WorkQueue,
    boot,
)
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import AlarmTopic, DataKey, PrivateNetwork
from tests.support import new_stack, template_of

START = datetime(2027, 1, 4, 11, 30, tzinfo=UTC)


def fleet(stack: cdk.Stack, instance_type: str = "g6.12xlarge", **options: Any) -> AcceleratorFleet:
    key = DataKey(stack, "Key", description="Fleet")
    key.allow_logs()
    return AcceleratorFleet(
        stack,
        "Fleet",
        instance_type=instance_type,
        key=key,
        network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
        topic=AlarmTopic(stack, "Alarms", key=key),
        queue=WorkQueue(stack, "Work", key=key) if options.pop("queue", False) else None,
        **options,
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
        alternatives=["g6e.12xlarge", "g5.12xlarge"], capacity=Spot(on_demand_base=1, on_demand_percent=20)
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
        first = fleet(stack, capacity=Spot())
        AcceleratorFleet(
            stack,
            "Second",
            instance_type="g6.xlarge",
            capacity=Spot(),
            key=stack.node.find_child("Key"),  # type: ignore[arg-type]
            network=stack.node.find_child("Network"),  # type: ignore[arg-type]
            topic=stack.node.find_child("Alarms"),  # type: ignore[arg-type]
        )
        assert first.metric_name != stack.node.find_child("Second").metric_name  # type: ignore[attr-defined]

    template_of(build).resource_count_is("AWS::Events::Rule", 1)


@pytest.mark.parametrize(
    ("capacity", "target"),
    [
        (Reserved(reservation_id="cr-0123456789abcdef0"), {"CapacityReservationId": "cr-0123456789abcdef0"}),
        (
            Reserved(resource_group_arn="arn:aws:resource-groups:us-east-1:111122223333:group/gpus"),
            {"CapacityReservationResourceGroupArn": "arn:aws:resource-groups:us-east-1:111122223333:group/gpus"},
        ),
    ],
)
def test_reserved_capacity_is_targeted(capacity: Reserved, target: dict[str, str]) -> None:
    data = launch(resources(capacity=capacity))
    assert data["CapacityReservationSpecification"] == {"CapacityReservationTarget": target}


def test_a_capacity_block_begins_and_is_drained_by_the_clock() -> None:
    block = CapacityBlock("cr-0123456789abcdef0", START, START + timedelta(days=7), 4)
    made = resources("p5.48xlarge", capacity=block, max_instances=4)
    data = launch(made)
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    target = {"CapacityReservationId": "cr-0123456789abcdef0"}
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
    made = resources(schedules=[Schedule("0 7 * * MON-FRI", 1, "Europe/Berlin"), Schedule("0 19 * * *", 0)])
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
    ("instance_type", "options", "told"),
    [
        ("g6.xlarge", {"efa": True}, "g6.xlarge has no Elastic Fabric Adapter. Did you mean g6.8xlarge"),
        ("g6.12xlarge", {"alternatives": ["g6.12xlarge"]}, "named twice"),
        ("g6.12xlarge", {"alternatives": ["inf2.24xlarge"]}, "need different images"),
        ("g6.12xlarge", {"alternatives": ["p3.2xlarge"]}, "Xen hypervisor"),
        ("p5.48xlarge", {"efa": True, "alternatives": ["p4d.24xlarge"]}, "different network cards"),
        ("g6.12xlarge", {"capacity": Reserved()}, "one reservation or one resource group"),
        ("g6.12xlarge", {"capacity": Reserved(reservation_id="a", resource_group_arn="b")}, "one reservation or one"),
        (
            "g6.12xlarge",
            {"capacity": Reserved(reservation_id="cr-0"), "alternatives": ["g6e.12xlarge"]},
            "A reservation is for one type",
        ),
        ("g6.12xlarge", {"capacity": Spot(on_demand_percent=101)}, "0 to 100"),
        ("g6.12xlarge", {"capacity": Spot(on_demand_base=-1)}, "cannot be negative"),
        (
            "g6.12xlarge",
            {"capacity": CapacityBlock("cr-0", START, START + timedelta(days=1), 1)},
            "No Capacity Blocks are sold for g6.12xlarge",
        ),
        (
            "p5.48xlarge",
            {"capacity": CapacityBlock("cr-0", START, START + timedelta(days=200), 1)},
            "lasts up to 182 days",
        ),
        ("p5.48xlarge", {"capacity": CapacityBlock("cr-0", START, START, 1)}, "lasts up to 182 days"),
        (
            "p5.48xlarge",
            {"capacity": CapacityBlock("cr-0", START.replace(tzinfo=None), START + timedelta(days=1), 1)},
            "no time zone",
        ),
        (
            "p5.48xlarge",
            {"capacity": CapacityBlock("cr-0", START, START + timedelta(days=1), 2)},
            "The block holds 2 instances and the group at most 1",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(instance_type: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(told)):
        fleet(new_stack(), instance_type, **options)


def test_on_demand_is_the_default() -> None:
    assert fleet(new_stack()).capacity == OnDemand()


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

"""The table after a synthesis tells the truth about resources, findings and costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from aws_genai.data import load
from aws_genai.data.accelerators import AcceleratorCatalogue
from operations.costs import idle
from operations.summary import acknowledged, by_use, engines, render, stacks
from tests.conftest import ROOT, Synthesized


def test_dev_is_cheap(environment: Callable[[str], Synthesized]) -> None:
    total = sum(cost.usd_per_month for item in environment("dev").templates.values() for cost in idle(item))
    assert 0 < total < 10


def test_costs_are_those_of_the_resources() -> None:
    template = {
        "Resources": {
            "Key": {"Type": "AWS::KMS::Key", "Properties": {}},
            "Endpoint": {
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]},
            },
            "Gateway": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}},
            "Firewall": {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": [{}, {}, {}]}},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "a"}},
            "OnExpression": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {"Metrics": [{"Expression": "a + b"}, {"MetricStat": {}}, {"MetricStat": {}}]},
            },
            "Slow": {
                "Type": "AWS::FSx::FileSystem",
                "Properties": {"StorageCapacity": 1200, "LustreConfiguration": {"PerUnitStorageThroughput": 125}},
            },
            "Fast": {
                "Type": "AWS::FSx::FileSystem",
                "Properties": {"StorageCapacity": 2400, "LustreConfiguration": {"PerUnitStorageThroughput": 250}},
            },
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {"ProductionVariants": [{"InstanceType": "ml.g6.xlarge", "InitialInstanceCount": 2}]},
            },
        }
    }
    costs = {cost.what: cost for cost in idle(template)}
    assert costs["KMS key"].usd_per_month == 1
    assert costs["interface endpoint, per zone"].usd_per_month == pytest.approx(2 * 730 * 0.01)
    assert costs["web ACL rule"].usd_per_month == 3
    assert (costs["alarm"].count, costs["alarm"].usd_per_month) == (2, pytest.approx(0.3))
    assert costs["1,200 GiB of FSx for Lustre"].usd_per_month == pytest.approx(174)
    fast = costs["2,400 GiB of FSx for Lustre, at 125 MB/s's price"]
    assert fast.usd_per_month == pytest.approx(348)
    assert fast.estimated
    hosting = costs["ml.g6.xlarge, at EC2's price"]
    assert hosting.usd_per_month == pytest.approx(2 * 730 * 0.8048)
    assert hosting.estimated


def test_what_scales_to_zero_costs_its_warm_hours_only() -> None:
    def target(name: str, warm: int, cool: int, **more: object) -> dict[str, object]:
        actions = [
            {
                "ScheduledActionName": action,
                "Schedule": schedule,
                "ScalableTargetAction": {"MinCapacity": capacity},
            }
            for action, schedule, capacity in (
                ("warm", "cron(0 8 ? * MON,TUE *)", warm),
                ("cool", "cron(0 20 ? * MON,TUE *)", cool),
            )
        ]
        return {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {"ResourceId": name, "ServiceNamespace": "sagemaker", "ScheduledActions": actions},
            **more,
        }

    def hosting(name: str, variant: dict[str, object]) -> dict[str, dict[str, object]]:
        variants = [{"InstanceType": "ml.g6.12xlarge", "InitialInstanceCount": 1, **variant}]
        return {
            f"{name}Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {"ProductionVariants": variants},
            },
            f"{name}Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {"EndpointConfigName": {"Fn::GetAtt": [f"{name}Config", "EndpointConfigName"]}},
            },
        }

    component = {
        "Type": "AWS::SageMaker::InferenceComponent",
        "Properties": {
            "EndpointName": {"Fn::GetAtt": ["ZeroEndpoint", "EndpointName"]},
            "Specification": {"ComputeResourceRequirements": {"NumberOfAcceleratorDevicesRequired": 2}},
        },
    }
    zero = hosting("Zero", {"ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0}})
    of_zero = {**zero, "Component": component, "Target": target("component", 4, 0, DependsOn=["Component"])}
    price = 730 * float(AcceleratorCatalogue.default().get("g6.12xlarge").usd_per_hour or 0)
    what = "ml.g6.12xlarge, at EC2's price"
    # Two of four accelerators a copy: four copies are two instances, for 24 of 168 hours.
    (warm,) = idle({"Resources": of_zero})
    assert (warm.what, warm.usd_per_month) == (f"{what}, in warm hours", pytest.approx(price * 2 * 24 / 168))
    plain = {**hosting("Kept", {}), "Target": target("endpoint", 3, 1)}
    plain["Target"]["Properties"]["ResourceId"] = {  # type: ignore[index]
        "Fn::Join": ["", ["endpoint/", {"Fn::GetAtt": ["KeptEndpoint", "EndpointName"]}, "/variant/a"]]
    }
    costs = {cost.what: cost.usd_per_month for cost in idle({"Resources": plain})}
    assert costs == {
        what: pytest.approx(price),
        f"{what}, in warm hours": pytest.approx(price * 2 * 24 / 168),
    }
    del of_zero["Target"]
    assert idle({"Resources": of_zero}) == [], "and without them, nothing"


def test_every_price_has_a_source() -> None:
    assert all(item["source"].startswith("https://aws.amazon.com/") for item in load("prices")["prices"].values())


def test_table_names_stacks_models_and_engines(reference: Synthesized) -> None:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    render(reference.settings, reference.folder, console)
    text = console.export_text()
    for word in [
        *stacks(reference.folder),
        *engines(reference.settings),
        "trn1.32xlarge",
        "21.5",
        "us.amazon.nova-lite-v1:0",
    ]:
        assert word in text
    assert len(engines(reference.settings)) == 7
    assert f"{acknowledged(reference.folder)} accepted" in text


def test_accepted_findings_are_counted(reference: Synthesized) -> None:
    assert acknowledged(reference.folder) == len(reference.acknowledgements)


def test_use_is_priced_by_instance_and_token(reference: Synthesized) -> None:
    rows = {name: (price, unit) for name, price, unit in by_use(reference.settings)}
    assert rows["fleet training, trn1.32xlarge"] == ("21.5", "an instance and hour")
    assert rows["us.amazon.nova-lite-v1:0"] == ("0.06 / 0.24", "a million tokens in / out")


def test_nothing_synthesized_is_one_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "operations.summary", "dev", "--assembly", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "run make synth first" in done.stderr
    assert "Traceback" not in done.stderr

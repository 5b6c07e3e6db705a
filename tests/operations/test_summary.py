"""The table after a synthesis tells the truth about resources, findings and costs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from rich.console import Console

from aws_genai.data import load
from aws_genai.data.accelerators import AcceleratorCatalogue
from aws_genai.gate import CompliancePack, attach_gate, read_record
from operations import summary
from operations.costs import idle
from operations.summary import by_use, render, stacks
from settings import about, load as load_settings
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
        "AwsSolutions",
        "NIST.800.53.R5",
        "CloudFormation Validate",
        "GenAI",
        "trn1.32xlarge",
        "21.5",
        "us.amazon.nova-lite-v1:0",
    ]:
        assert word in text
    record = read_record(reference.folder)
    assert len(record.engines) == 7
    assert f"0 findings: {', '.join(f'{name} {version}' for name, version in record.engines)}; " in text
    assert f"{record.acceptances} accepted" in text


def test_accepted_findings_are_counted(reference: Synthesized) -> None:
    assert read_record(reference.folder).acceptances == len(reference.acknowledgements)


def test_use_is_priced_by_instance_and_token(reference: Synthesized) -> None:
    rows = {name: (price, unit) for name, price, unit in by_use(reference.settings)}
    assert rows["fleet training, trn1.32xlarge"] == ("21.5", "an instance and hour")
    assert rows["us.amazon.nova-lite-v1:0"] == ("0.06 / 0.24", "a million tokens in / out")


def test_nothing_synthesized_is_one_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "operations.summary", "dev", "--assembly", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "holds no synthesis. Run make synth ENV=dev" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def assembly(environment: Callable[[str], Synthesized], tmp_path: Path) -> Path:
    """A copy of what ``make synth ENV=dev`` leaves."""
    return Path(shutil.copytree(environment("dev").folder, tmp_path / "cdk.out"))


def ran(assembly: Path, name: str = "dev") -> int:
    return summary.main([name, "--assembly", str(assembly)])


def changed(assembly: Path, **about: str) -> None:
    path = assembly / "gate.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "about": {**content["about"], **about}}), encoding="utf-8")


def test_what_was_synthesized_is_shown(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(assembly) == 0
    assert "genai-dev in us-east-1" in capsys.readouterr().out


def _other_settings(assembly: Path) -> None:
    changed(assembly, settings="another digest")


def _no_environment(assembly: Path) -> None:
    path = assembly / "gate.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "about": {}}), encoding="utf-8")


def _other_template(assembly: Path) -> None:
    path = assembly / "models.template.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")


def _unchecked_stack(assembly: Path) -> None:
    path = assembly / "gate.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["templates"]["models.template.json"]
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_settings, "config/dev.yaml has changed since"),
        (_no_environment, "holds an app without an environment, not dev"),
        (_other_template, "are not the ones that were checked"),
        (_unchecked_stack, "are not the ones that were checked"),
        (lambda assembly: (assembly / "models.template.json").unlink(), "are not the ones that were checked"),
        (lambda assembly: (assembly / "gate.json").unlink(), "was not synthesized through the gate"),
        (lambda assembly: (assembly / "gate.json").write_text("{}"), "cannot be read"),
        (lambda assembly: (assembly / "gate.json").write_text("no json"), "cannot be read"),
    ],
)
def test_what_is_not_this_environment_as_it_is_now_is_refused(
    assembly: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], object], said: str
) -> None:
    change(assembly)
    assert ran(assembly) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.endswith(". Run make synth ENV=dev\n")
    assert printed.out == ""


def test_another_environment_is_never_labelled_as_the_one_asked_for(
    assembly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(assembly, "prod") == 2
    assert "cdk.out holds dev, not prod. Run make synth ENV=prod" in capsys.readouterr().err


def test_findings_are_counted_and_not_claimed(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = assembly / "validation-report.json"
    content = json.loads(report.read_text(encoding="utf-8"))
    (plugin,) = content["pluginReports"]
    plugin |= {"conclusion": "failure", "violations": plugin["suppressedViolations"]}
    report.write_text(json.dumps(content), encoding="utf-8")
    assert ran(assembly) == 1
    assert "1 finding: " in (out := capsys.readouterr().out)
    assert "Nothing may be deployed" in " ".join(out.split())


def test_a_user_of_the_library_gets_the_record_too(tmp_path: Path) -> None:
    """Whoever calls the CDK's own ``synth``, from an app without settings."""
    app = cdk.App(outdir=str(tmp_path))
    attach_gate(app, packs=[CompliancePack.HIPAA], about={"team": "search"})
    stack = cdk.Stack(app, "One")
    cdk.CfnResource(stack, "Handle", type="AWS::CloudFormation::WaitConditionHandle")
    stage = cdk.Stage(app, "Production")
    cdk.CfnResource(cdk.Stack(stage, "Two"), "Handle", type="AWS::CloudFormation::WaitConditionHandle")
    app.synth()
    record = read_record(tmp_path)
    names = [name for name, _ in record.engines]
    assert names == ["AwsSolutions", "Serverless", "HIPAA.Security", "CloudFormation Validate", "GenAI"]
    assert all(version[0].isdigit() for _, version in record.engines)
    assert (record.about, list(record.findings), record.acceptances) == ({"team": "search"}, [], 0)
    assert len(json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))["templates"]) == 2


def test_every_shipped_environment_has_a_digest_of_its_own() -> None:
    digests = {about(load_settings(name))["settings"] for name in ("dev", "prod", "reference")}
    assert len(digests) == 3
    assert about(load_settings("dev")) == about(load_settings("dev"))

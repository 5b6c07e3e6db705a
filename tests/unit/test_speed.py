"""What makes a synthesis fast loses no finding and no setting."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_gamelift as gamelift, aws_iam as iam

import aws_genai
from aws_genai import node
from aws_genai.foundation import WorkloadRole
from aws_genai.foundation.role import grant
from aws_genai.gate.engine import REGO_TYPES
from aws_genai.gate.synthesis import GateError, attach_gate, synth
from aws_genai.once import once, path
from settings.__main__ import main
from tests.conftest import ROOT


def test_the_rules_that_the_cdk_adds_are_about_no_other_types() -> None:
    """The gate starts the engine of these rules for templates with such a type only."""
    [archive] = (Path(cdk.__file__).parent / "_jsii").glob("aws-cdk-lib@*.tgz")
    found = {}
    with tarfile.open(archive) as files:
        for member in files:
            if "/core/lib/validation/rules/" in member.name and (file := files.extractfile(member)):
                found[member.name] = re.findall(r"AWS::\w+::", file.read().decode())
    assert found, "the CDK keeps its rules elsewhere"
    assert {start for starts in found.values() for start in starts} == {REGO_TYPES}
    assert all(found.values())


@pytest.mark.parametrize("port", [80, 90])
def test_a_finding_of_the_rules_that_the_cdk_adds_fails_the_gate(port: int, tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    attach_gate(app)
    gamelift.CfnFleet(
        cdk.Stack(app, "Games"),
        "Fleet",
        name="games",
        ec2_inbound_permissions=[
            gamelift.CfnFleet.IpPermissionProperty(from_port=port, to_port=85, ip_range="10.0.0.0/8", protocol="TCP")
        ],
    )
    if port < 85:
        synth(app)
        return
    with pytest.raises(GateError) as raised:
        synth(app)
    found = [(each.engine, each.rule, each.path) for each in raised.value.findings]
    assert found == [("CloudFormation Validate", "CDK-GameLift-001", "Games/Fleet")]


def test_node_starts_with_the_flags_after_those_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--no-warnings")
    node.tune_node()
    options = os.environ["NODE_OPTIONS"]
    assert options.startswith("--no-warnings --require ")
    assert (Path(aws_genai.__file__).parent / "node_flags.cjs").is_file()
    program = "console.log(process.execArgv.length, WebAssembly.Module.name)"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("Module\n")
    assert not done.stderr


def test_growing_webassembly_memory_collects_no_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """As CloudFormation Validate's memory grows; the CDK's Node.js alone collects more than a hundred times."""
    program = """
        const { PerformanceObserver } = require("node:perf_hooks");
        let collections = 0;
        new PerformanceObserver((list) => { collections += list.getEntries().length; }).observe({ entryTypes: ["gc"] });
        const memory = new WebAssembly.Memory({ initial: 48 });
        for (let step = 0; step < 3000; step++) memory.grow(1);
        setTimeout(() => console.log(collections, memory.buffer.byteLength), 100);
    """
    monkeypatch.setenv("NODE_OPTIONS", "")
    counts = []
    for tune in (lambda: None, node.tune_node):
        tune()
        done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60, check=True)
        collections, size = map(int, done.stdout.split())
        assert size == (48 + 3000) * 64 * 1024
        counts.append(collections)
    assert counts[0] > 20
    assert counts[1] <= 5


def test_settings_are_checked_without_the_cdk() -> None:
    program = (
        "import sys; from settings.__main__ import main; main(['check', 'reference']); print('aws_cdk' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    assert done.stdout == "config/reference.yaml: OK\nFalse\n"


def test_a_mistake_in_the_settings_is_one_line_and_exit_code_2() -> None:
    command = [sys.executable, "-m", "settings", "check", "refrence"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "config/refrence.yaml: there is no such environment. Did you mean reference?\n"


def test_a_model_that_has_ended_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("settings.ended", lambda *_: ["models: it has ended."])
    assert main(["check", "dev"]) == 1
    assert capsys.readouterr().err == "models: it has ended.\n"


def test_what_is_allowed_after_the_policy_was_made_is_in_it() -> None:
    stack = cdk.Stack(cdk.App(), "Roles")
    role = WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    role.allow(("s3:GetObject",), ["arn:aws:s3:::one/*"])
    policy = role.permissions
    role.allow(("s3:PutObject",), ["arn:aws:s3:::two/*"])
    role.allow(("s3:GetObject",), ["arn:aws:s3:::two/*"])
    statements = stack.resolve(policy.policy_document)["Statement"]
    assert [(each["Action"], each["Resource"]) for each in statements] == [
        (["s3:GetObject"], ["arn:aws:s3:::one/*", "arn:aws:s3:::two/*"]),
        (["s3:PutObject"], ["arn:aws:s3:::two/*"]),
    ]


def test_a_grant_to_a_role_creates_the_object_of_the_cdk_on_use() -> None:
    stack = cdk.Stack(cdk.App(), "Roles")
    role = WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    given = grant(role, ["s3:GetObject"], ["arn:aws:s3:::one/*"])
    assert given.success
    assert "granted" not in vars(role)
    given.apply_before(cdk.CfnWaitConditionHandle(stack, "Later"))
    assert "granted" in vars(role)
    later = cdk.assertions.Template.from_stack(stack).find_resources("AWS::CloudFormation::WaitConditionHandle")
    assert [each["DependsOn"] for each in later.values()] == [[stack.get_logical_id(role.permissions)]]


def test_what_is_asked_once_is_of_its_construct() -> None:
    stack = cdk.Stack(cdk.App(), "Roles")
    roles = [iam.Role(stack, id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")) for id in ("A", "B")]
    assert [path(each) for each in roles] == ["Roles/A", "Roles/B"]
    assert [once(each, "role_arn") for each in roles] == [each.role_arn for each in roles]
    assert once(roles[0], "role_arn") is once(roles[0], "role_arn")

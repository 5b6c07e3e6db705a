"""Nobody reaches into the machines that hold weights and data: decided for an administrator, template and organization."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import botocore
import pytest

from aws_genai.data.accelerators import AcceleratorCatalogue
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import service_control_policy
from aws_genai.foundation.organization import INTERACTIVE, OPENING, PROTECTING
from aws_genai.gate import secure  # noqa: F401 - registers its rules
from aws_genai.gate.rules import RULES
from aws_genai.testing import Principal, assert_allows, assert_denies
from operations import organization
from settings import STACKS
from tests.conftest import ROOT, Synthesized

ACCOUNT = "111122223333"
DEPLOYMENT = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-us-east-1"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
POLICY = service_control_policy(deployment_roles=[organization.CDK_ROLE])
INSTANCE = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-0123456789abcdef0"
# A deny of the organization binds as one in the principal's own policies does.
ADMINISTRATOR = Principal(f"arn:aws:iam::{ACCOUNT}:role/administrator", (EVERYTHING, POLICY))
DEPLOYER = Principal(DEPLOYMENT, (EVERYTHING, POLICY))
#: Permissions that are no operations: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permissions-for-ec2-instance-connect-endpoint.html
PERMISSION_ONLY = {"ec2-instance-connect:OpenTunnel"}
#: What botocore calls a service that IAM calls otherwise.
SERVICES: dict[str, str] = {}
RENAMED = {"s3:PutBucketPublicAccessBlock": "PutPublicAccessBlock"}


def operations_of(service: str) -> set[str]:
    folder = Path(botocore.__file__).parent / "data" / SERVICES.get(service, service)
    (newest,) = sorted(folder.iterdir())[-1:]
    with gzip.open(newest / "service-2.json.gz", "rt") as file:
        return set(json.load(file)["operations"])


def test_every_action_of_the_policy_exists() -> None:
    for action in (*INTERACTIVE, *OPENING, *PROTECTING):
        service, _, name = action.partition(":")
        if action not in PERMISSION_ONLY:
            assert RENAMED.get(action, name) in operations_of(service), action


@pytest.mark.parametrize("action", [*INTERACTIVE, *OPENING])
def test_no_principal_gets_in_or_opens_a_door(reference: Synthesized, action: str) -> None:
    for who in (ADMINISTRATOR, DEPLOYER, Principal(f"arn:aws:iam::{ACCOUNT}:root", (EVERYTHING, POLICY))):
        assert_denies(reference.templates, who, action, INSTANCE)
    # The account cannot deny this to itself: without the organization an administrator may.
    assert_allows(reference.templates, Principal.administrator(ACCOUNT), action, INSTANCE)


@pytest.mark.parametrize("action", PROTECTING)
def test_only_a_deployment_changes_what_protects(reference: Synthesized, action: str) -> None:
    resource = "arn:aws:s3:::any" if action.startswith("s3:") else f"arn:aws:ec2:us-east-1:{ACCOUNT}:thing/any"
    if action.startswith("kms:"):
        return  # decided by the key's own policy as well: see the test below
    assert_denies(reference.templates, ADMINISTRATOR, action, resource)
    assert_allows(reference.templates, DEPLOYER, action, resource)


def test_only_a_deployment_changes_the_policy_of_a_key(reference: Synthesized) -> None:
    keys = [n for n, r in reference.template("compute")["Resources"].items() if r["Type"] == "AWS::KMS::Key"]
    assert len(keys) == 2
    for key in keys:
        _only_a_deployment(reference, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{reference.settings.prefix}-compute.{key}")


def _only_a_deployment(reference: Synthesized, arn: str) -> None:
    for action in (each for each in PROTECTING if each.startswith("kms:")):
        assert_denies(reference.templates, ADMINISTRATOR, action, arn)
        assert_allows(reference.templates, DEPLOYER, action, arn)
    for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"):
        assert_denies(reference.templates, ADMINISTRATOR, action, arn)
        assert_denies(reference.templates, DEPLOYER, action, arn)


def test_only_nitro_types_start(reference: Synthesized) -> None:
    def start(instance_type: str) -> tuple[Any, ...]:
        return reference.templates, DEPLOYER, "ec2:RunInstances", INSTANCE, {"ec2:InstanceType": instance_type}

    for instance_type in ("p3.2xlarge", "p2.xlarge", "g3.4xlarge", "g3s.xlarge", "f1.2xlarge", "g2.2xlarge"):
        assert_denies(*start(instance_type))
    for instance_type in AcceleratorCatalogue.default().names():
        assert_allows(*start(instance_type))


def test_no_role_of_the_stacks_can_open_a_session(reference: Synthesized) -> None:
    for layer in STACKS:
        for name, resource in reference.template(layer)["Resources"].items():
            if resource["Type"] != "AWS::IAM::ManagedPolicy":
                continue
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Deny":
                    continue
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                opened = [a for a in actions if a in INTERACTIVE or a.startswith(("ssm", "ec2messages:"))]
                assert not opened, f"{layer}.{name}: {opened}"


def test_without_a_deployment_role_the_policy_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="No role could change a policy any more"):
        service_control_policy(deployment_roles=[])
    with pytest.raises(InvalidValueError, match="AWS allows 5120"):
        service_control_policy(deployment_roles=[f"arn:aws:iam::*:role/{'x' * 60}{n}" for n in range(60)])


def test_the_command_prints_the_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert organization.main([]) == 0
    assert json.loads(capsys.readouterr().out) == POLICY


def test_each_claim_names_a_test_that_exists() -> None:
    """The table of claims cannot drift from what proves them."""
    text = (ROOT / "docs" / "zero-operator-access.md").read_text(encoding="utf-8")
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.count("|") == 6][2:]
    assert len(rows) >= 25
    for row in rows:
        page, evidence = row.split("|")[3], row.split("|")[5]
        assert "https://docs.aws.amazon.com/" in page, row
        proofs = re.findall(r"`([\w.]+)`", evidence)
        assert proofs or "AWS's promise" in evidence, row
        for proof in proofs:
            known = proof in sources or proof in RULES or any(f"def {proof}(" in each for each in sources.values())
            assert known, f"{proof} proves {row}, and is nowhere"

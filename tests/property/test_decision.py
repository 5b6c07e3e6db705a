"""Our decisions agree with those of an independent engine over generated policies, requests and contexts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from aws_genai.testing import UndecidableError, decide
from tests.conftest import ROOT

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/subject"
BUCKET = "arn:aws:s3:::data-bucket"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/Key"


@pytest.fixture(scope="module")
def oracle() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "node"), str(ROOT / "tests" / "oracle" / "decide.js")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait(timeout=10)


def ask(process: subprocess.Popen[str], simulation: dict[str, Any]) -> str | None:
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(simulation) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return answer["result"]


PATTERNS = {
    "s3:GetObject": [
        "*",
        f"{BUCKET}/*",
        f"{BUCKET}/team/*",
        f"{BUCKET}/?eam/file",
        f"{BUCKET}/${{aws:PrincipalTag/team}}/*",
        f"{BUCKET}/other",
        "arn:aws:s3:::another/*",
    ],
    "kms:Decrypt": ["*", KEY, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/*"],
}
ACTIONS = {
    "s3:GetObject": ["s3:GetObject", "s3:*", "S3:getobject", "s3:Get*", "s3:PutObject", "*", "s3:Get?bject"],
    "kms:Decrypt": ["kms:Decrypt", "kms:*", "*", "kms:Encrypt", "kms:De*"],
}
CONDITIONS = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:PrincipalTag/team": "red"}},
        {"StringEquals": {"aws:PrincipalTag/team": ["blue", "red"]}},
        {"StringNotEquals": {"aws:PrincipalTag/team": ["blue", "green"]}},
        {"StringEqualsIgnoreCase": {"aws:PrincipalTag/team": "RED"}},
        {"StringLike": {"aws:PrincipalTag/team": "r?d*"}},
        {"StringNotLike": {"aws:PrincipalTag/team": "r*"}},
        {"StringEqualsIfExists": {"aws:PrincipalTag/team": "red"}},
        {"StringNotEqualsIfExists": {"aws:PrincipalTag/team": "red"}},
        {"StringLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}},
        {"ArnEquals": {"aws:PrincipalArn": ROLE}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/sub*"}},
        {"ArnNotEquals": {"aws:PrincipalArn": [ROLE, f"{ROLE}2"]}},
        {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
        {"Null": {"aws:PrincipalTag/team": "true"}},
        {"Null": {"aws:PrincipalTag/team": "false"}},
        {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}},
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}},
        {"NumericGreaterThanEquals": {"aws:MultiFactorAuthAge": "300"}},
        {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
        {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
        {"ForAnyValue:StringLike": {"aws:TagKeys": "a*"}},
        {"StringEquals": {"aws:PrincipalTag/team": "red"}, "Bool": {"aws:SecureTransport": "true"}},
    ]
)
CONTEXTS = st.fixed_dictionaries(
    {"aws:SecureTransport": st.sampled_from(["true", "false"])},
    optional={
        "aws:PrincipalTag/team": st.sampled_from(["red", "blue", "Red", "team"]),
        "aws:SourceIp": st.sampled_from(["10.1.2.3", "192.0.2.9", "198.51.100.1"]),
        "aws:MultiFactorAuthAge": st.sampled_from(["0", "299", "300", "3600"]),
        "aws:MultiFactorAuthPresent": st.sampled_from(["true", "false"]),
        "aws:CurrentTime": st.sampled_from(["2025-06-01T00:00:00Z", "2026-11-24T00:00:00Z"]),
        "aws:TagKeys": st.lists(st.sampled_from(["a", "b", "c", "ab"]), min_size=1, max_size=3, unique=True),
    },
)
PRINCIPALS = st.sampled_from(
    [
        "*",
        {"AWS": "*"},
        {"AWS": ROLE},
        {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/other", ROLE]},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": ACCOUNT},
        {"Service": "cloudtrail.amazonaws.com"},
    ]
)


def one_or_many(values: list[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


@st.composite
def statements(draw: st.DrawFn, action: str, with_principal: bool, whole: bool = False) -> dict[str, Any]:
    negated_action, negated_resource = (
        draw(st.booleans()) and draw(st.booleans()),
        draw(st.booleans()) and draw(st.booleans()),
    )
    resources = ["*"] if whole else PATTERNS[action]
    statement: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"])),
        "NotAction" if negated_action else "Action": draw(one_or_many(ACTIONS[action])),
        "NotResource" if negated_resource and not whole else "Resource": draw(one_or_many(resources)),
    }
    if conditions := draw(CONDITIONS):
        statement["Condition"] = conditions
    if with_principal:
        statement["Principal"] = draw(PRINCIPALS)
    return statement


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    action = draw(st.sampled_from(["s3:GetObject", "kms:Decrypt"]))
    is_key = action == "kms:Decrypt"

    def documents(least: int, principal: bool = False) -> st.SearchStrategy[list[dict[str, Any]]]:
        return st.lists(statements(action, principal, principal and is_key), min_size=least, max_size=3)

    guard = draw(documents(1, principal=True) if is_key else st.just([]) | documents(1, principal=True))
    return {
        "action": action,
        "resource": KEY
        if is_key
        else draw(st.sampled_from([f"{BUCKET}/team/file", f"{BUCKET}/red/x", f"{BUCKET}/other"])),
        "identity": draw(documents(0)),
        "boundary": draw(st.none() | documents(1)),
        "guard": guard,
        "context": draw(CONTEXTS),
    }


def document(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": items}


def template(case: dict[str, Any]) -> dict[str, Any]:
    role: dict[str, Any] = {"RoleName": "subject", "AssumeRolePolicyDocument": document([])}
    resources: dict[str, Any] = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "data-bucket"}},
    }
    if case["identity"]:
        resources["Policy"] = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": document(case["identity"]), "Roles": [{"Ref": "Role"}]},
        }
    if case["boundary"] is not None:
        boundary = {"PolicyDocument": document(case["boundary"])}
        resources["Boundary"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": boundary}
        role["PermissionsBoundary"] = {"Ref": "Boundary"}
    if case["action"] == "kms:Decrypt":
        resources["Key"] = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document(case["guard"])}}
    elif case["guard"]:
        policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document(case["guard"])}
        resources["BucketPolicy"] = {"Type": "AWS::S3::BucketPolicy", "Properties": policy}
    return {"Resources": resources}


def simulation(case: dict[str, Any]) -> dict[str, Any]:
    return {
        "request": {
            "principal": ROLE,
            "action": case["action"],
            "resource": {"resource": case["resource"], "accountId": ACCOUNT},
            "contextVariables": {**case["context"], "aws:PrincipalArn": ROLE, "aws:PrincipalAccount": ACCOUNT},
        },
        "identityPolicies": [{"name": "identity", "policy": document(case["identity"])}] if case["identity"] else [],
        "permissionBoundaryPolicies": [{"name": "boundary", "policy": document(case["boundary"])}]
        if case["boundary"] is not None
        else None,
        "resourcePolicy": document(case["guard"]) if case["guard"] else None,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }


counts = {"Allowed": 0, "denied": 0, "undecided": 0}


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_agrees_with_an_independent_engine(oracle: subprocess.Popen[str], case: dict[str, Any]) -> None:
    theirs = ask(oracle, simulation(case))
    assert theirs is not None, "the other engine refused the case"
    try:
        ours = decide(template(case), "Role", case["action"], case["resource"], case["context"])
    except UndecidableError:
        counts["undecided"] += 1
        return
    counts["Allowed" if ours.allowed else "denied"] += 1
    assert ours.allowed == (theirs == "Allowed"), (ours.reason, theirs)


def test_the_generated_cases_were_telling() -> None:
    assert counts["Allowed"] >= 40
    assert counts["denied"] >= 100
    assert counts["undecided"] <= 60

"""Manifests are written by one person and signed by another, over what lies there; what goes wrong is one message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws

from aws_genai.functions.training_data.service import DataSets, Rules
from operations import data_set

BUCKET = "data-sets"


class Session:
    """An account with the models stack of ``reference``, in which somebody is signed in."""

    who = "arn:aws:sts::123456789012:assumed-role/Scientist/bob"
    outputs: list[dict[str, str]] = []
    signed_in = True

    def __init__(self, region_name: str) -> None:
        self._region = region_name

    def client(self, service: str) -> Any:
        if not self.signed_in:
            raise NoCredentialsError
        if service == "cloudformation":
            return SimpleNamespace(describe_stacks=lambda StackName: {"Stacks": [{"Outputs": self.outputs}]})
        if service == "sts":
            return SimpleNamespace(get_caller_identity=lambda: {"Arn": self.who})
        return boto3.client(service, region_name=self._region)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Session]]:
    with mock_aws():
        s3, kms = boto3.client("s3", region_name="us-east-1"), boto3.client("kms", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        fresh = type("Fresh", (Session,), {})
        fresh.outputs = [
            {"OutputKey": "DataSetsBucketName1A", "OutputValue": BUCKET},
            {"OutputKey": "DataSetsSigningKeyArn2B", "OutputValue": key},
        ]
        monkeypatch.setattr(data_set.boto3, "Session", fresh)
        for part in data_set.PARTS:
            rows = [{"instruction": f"{part} {n}", "context": "", "response": f"{n}"} for n in range(5)]
            body = "".join(json.dumps(row) + "\n" for row in rows)
            s3.put_object(Bucket=BUCKET, Key=f"data/support/{part}/a.jsonl", Body=body.encode())
        yield fresh


def run(*arguments: str) -> int:
    return data_set.main([*arguments, "--environment", "reference"])


def test_one_writes_another_signs_and_then_it_trains(
    account: type[Session], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("manifest", "support") == 0
    assert "make sign DATA=support ENV=reference" in capsys.readouterr().out
    account.who = "arn:aws:sts::123456789012:assumed-role/Approver/ann"
    assert run("sign", "support") == 0
    assert "data/support/train/a.jsonl" in capsys.readouterr().out
    clients = (boto3.client("s3", region_name="us-east-1"), boto3.client("kms", region_name="us-east-1"))
    found = DataSets(*clients, BUCKET, account.outputs[1]["OutputValue"]).admit("support", "r", Rules("instruction"))
    assert found["approver"].endswith("/ann")


def test_whoever_wrote_it_cannot_sign_it(account: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    run("manifest", "support")
    assert run("sign", "support") == 2
    assert "bob wrote this manifest; another person has to sign it" in capsys.readouterr().err


def test_a_manifest_that_lies_is_not_signed(account: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    run("manifest", "support")
    s3 = boto3.client("s3", region_name="us-east-1")
    text = json.loads(s3.get_object(Bucket=BUCKET, Key="data/support/manifest.json")["Body"].read())
    text["train"][0]["sha256"] = "0" * 64
    s3.put_object(Bucket=BUCKET, Key="data/support/manifest.json", Body=json.dumps(text).encode())
    account.who = "arn:aws:sts::123456789012:assumed-role/Approver/ann"
    assert run("sign", "support") == 2
    assert "write the manifest again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("manifest", ""), "Which data set?"),
        (("manifest", "other"), "is empty: put files there first"),
        (("sign", "other"), "write the manifest first: make manifest"),
    ],
)
def test_what_is_missing_is_one_message(
    account: type[Session], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], word: str
) -> None:
    assert run(*arguments) == 2
    assert word in capsys.readouterr().err


def test_a_template_must_be_one(account: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.put_object(Bucket=BUCKET, Key="data/support/template.json", Body=b'{"prompt": "x"}')
    assert run("manifest", "support") == 2
    assert "a prompt and a completion" in capsys.readouterr().err


def test_an_environment_without_data_sets(account: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    account.outputs = []
    assert run("manifest", "support") == 2
    assert "Add models.fine_tuning to its settings" in capsys.readouterr().err


def test_nobody_signed_in(account: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    account.signed_in = False
    assert run("manifest", "support") == 2
    assert "Sign in with an account that has this environment" in capsys.readouterr().err

"""A bucket that the settings name has to exist, or they are of a trial and its stand-in is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from local import stand_in_tools
from local.emulator import Account
from local.home import LocalError
from local.stand_in_functions import Function
from local.stand_ins import Place, places, prepare
from settings import Settings, load
from tests.settings_support import BASE, write

KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
MODELS: dict[str, Any] = {"models": ["amazon.nova-lite-v1:0"]}
IMPORTED = {"support": {"uri": "s3://models-of-mine/support/1"}}
ENDPOINTS = {
    "assistant": {"weights": {"uri": "s3://weights.of.mine/assistant/3/", "key_arn": KEY, "server": "vllm"}, "instance_type": "ml.g6.12xlarge"}
}  # fmt: skip


class Moto(Account):
    """An account whose S3 is moto's."""

    def client(self, service: str, *_: Any, **__: Any) -> Any:
        return boto3.client(service, region_name=self.region, **KEYS)


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Moto(1, 4566, "000000000000", "us-east-1")


def settings(folder: Path, *, trial: bool, region: str = "us-east-1", **models: Any) -> Settings:
    zones = {"zones": [f"{region}a", f"{region}b"]}
    content = {
        **BASE,
        "region": region,
        "network": zones,
        "models": {"bedrock": MODELS, **models},
        **({"trial": True} if trial else {}),
    }
    return load("test", write(folder, yaml.safe_dump(content)))


def test_every_place_in_s3_is_found_with_its_setting(tmp_path: Path) -> None:
    both = settings(tmp_path, trial=False, imported=IMPORTED, endpoints=ENDPOINTS)
    assert set(places(both)) == {
        Place("models.endpoints.assistant.weights.uri", "weights.of.mine", "assistant/3/"),
        Place("models.imported.support.uri", "models-of-mine", "support/1/"),
    }
    assert places(load("dev")) == []


def test_every_setting_that_names_a_bucket_is_found() -> None:
    class Some:
        def model_dump(self, mode: str) -> dict[str, Any]:
            return {
                "documents": {"bucket": "docs-of-mine"},
                "adapters": ["s3://adapters/a/", "s3://adapters/b"],
                "scripts_bucket": "scripts-of-mine",
                "logs": {"bucket_name": None},
                "arn": "arn:aws:s3:::named-by-arn/data/*",
                "whole": "arn:aws:s3:::whole",
                "text": "Documents lie in s3://nowhere/at/all",
            }

    assert places(Some()) == [  # type: ignore[arg-type]
        Place("documents.bucket", "docs-of-mine"),
        Place("adapters", "adapters", "a/"),
        Place("adapters", "adapters", "b/"),
        Place("scripts_bucket", "scripts-of-mine"),
        Place("arn", "named-by-arn", "data/"),
        Place("whole", "whole"),
    ]


def test_a_missing_bucket_stops_everything_in_one_message(tmp_path: Path, account: Account) -> None:
    both = settings(tmp_path, trial=False, imported=IMPORTED, endpoints=ENDPOINTS)
    account.client("s3").create_bucket(Bucket="weights.of.mine")
    with pytest.raises(LocalError) as refused:
        prepare(account, both)
    told = str(refused.value)
    assert told.splitlines()[0].startswith(
        "config/test.yaml: models.imported.support.uri = s3://models-of-mine/support/1: "
    )
    assert "weights.of.mine" not in told
    assert "AWS_DEFAULT_REGION=us-east-1 aws s3 mb s3://models-of-mine\n" in told
    assert "trial: true in config/test.yaml" in told
    assert [each["Name"] for each in account.client("s3").list_buckets()["Buckets"]] == ["weights.of.mine"]


def test_with_the_bucket_the_deploy_begins_and_nothing_is_put_there(tmp_path: Path, account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="models-of-mine")
    assert prepare(account, settings(tmp_path, trial=False, imported=IMPORTED)) == []
    assert "Contents" not in s3.list_objects_v2(Bucket="models-of-mine")


def test_a_trial_has_stand_ins_that_every_deploy_tells(tmp_path: Path, account: Account) -> None:
    trial = settings(tmp_path, trial=True, imported=IMPORTED)
    place = Place("models.imported.support.uri", "models-of-mine", "support/1/")
    for _ in range(2):
        assert prepare(account, trial) == [place]
    names = {each["Key"] for each in account.client("s3").list_objects_v2(Bucket="models-of-mine")["Contents"]}
    assert names == {f"support/1/{name}" for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")}  # fmt: skip
    # The trial is over: the stand-in is still told, for it would be deployed.
    assert prepare(account, settings(tmp_path, trial=False, imported=IMPORTED)) == [place]


def test_what_is_yours_is_left_alone_and_not_told(tmp_path: Path, account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="models-of-mine")
    s3.put_object(Bucket="models-of-mine", Key="support/1/config.json", Body=b"mine")
    assert prepare(account, settings(tmp_path, trial=True, imported=IMPORTED)) == []
    assert s3.get_object(Bucket="models-of-mine", Key="support/1/config.json")["Body"].read() == b"mine"
    assert len(s3.list_objects_v2(Bucket="models-of-mine")["Contents"]) == 1


def test_a_trial_in_another_region(tmp_path: Path) -> None:
    with mock_aws():
        account = Moto(1, 4566, "000000000000", "us-west-2")
        assert prepare(account, settings(tmp_path, trial=True, region="us-west-2", imported=IMPORTED))


def test_a_trial_changes_no_template(tmp_path: Path) -> None:
    assert load("local").trial
    assert load("reference").trial
    assert not load("dev").trial
    assert not load("prod").trial


TOOLS = {"find": {"description": "Finds.", "groups": ["staff"]}}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:tickets"


def with_agent(folder: Path, arn: str = ARN, *, trial: bool = True) -> Settings:
    agent = {"targets": {"tickets": {"function_arn": arn, "tools": TOOLS}}}
    content = {
        **BASE,
        "models": {"bedrock": MODELS},
        "application": {"chat": {}, "assistants": {"desk": {"kind": "agent", "agent": agent}}},
        **({"trial": True} if trial else {}),
    }
    return load("test", write(folder, yaml.safe_dump(content)))


def test_a_function_with_tools_gets_a_stand_in_that_every_deploy_tells(tmp_path: Path, account: Account) -> None:
    place = Function("application.assistants.desk.agent.targets.tickets.function_arn", ARN)
    for _ in range(2):
        assert prepare(account, with_agent(tmp_path)) == [place]
    found = account.client("lambda").get_function(FunctionName="tickets")
    assert found["Configuration"]["Handler"] == "stand_in_tools.handler"
    role = found["Configuration"]["Role"].rpartition("/")[2]
    iam = account.client("iam")
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []


def test_a_missing_function_stops_everything_in_one_message(tmp_path: Path, account: Account) -> None:
    with pytest.raises(LocalError) as refused:
        prepare(account, with_agent(tmp_path, trial=False))
    told = str(refused.value)
    assert "application.assistants.desk.agent.targets.tickets.function_arn" in told
    assert "the function tickets does not exist in this local account" in told
    assert "aws lambda create-function --function-name tickets" in told
    assert account.client("lambda").list_functions()["Functions"] == []


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:us-east-1:111122223333:function:tickets",
        "arn:aws:lambda:eu-west-1:000000000000:function:tickets",
    ],
)
def test_functions_of_other_accounts_and_regions_are_left_to_them(tmp_path: Path, account: Account, arn: str) -> None:
    assert prepare(account, with_agent(tmp_path, arn)) == []
    assert prepare(account, with_agent(tmp_path, arn, trial=False)) == []


def test_a_stand_in_returns_what_it_is_asked() -> None:
    custom = {"bedrockAgentCoreToolName": "tickets___close_ticket"}
    context = SimpleNamespace(client_context=SimpleNamespace(custom=custom))
    found = stand_in_tools.handler({"number": 7}, context)
    assert (found["target"], found["tool"], found["given"]) == ("tickets", "close_ticket", {"number": 7})

"""Two environments side by side in one account; destroying one leaves the other whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import cdk, chat, emulator
from local.deploy import deploy
from local.home import Home
from operations import owners
from operations.destroy import Destruction
from settings import Settings, load
from tests.conftest import ROOT, Synthesized

from .conftest import Local
from .test_deploy import _other_account, inventory
from .test_destroy import buckets

#: What a second environment leaves to the first.
LEFT_TO_THE_OWNER = (
    ("    invocation_log: {mask: [EmailAddress]}\n", ""),
    ("    mfa: optional\n", "    mfa: optional\n    account_log_role: false\n"),
)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings, Settings]:
    """A second environment: its assembly, its settings, and those that it would have as a plain copy."""
    folder = tmp_path_factory.mktemp("twin")
    text = (ROOT / "config/local.yaml").read_text(encoding="utf-8")
    (folder / "twin.yaml").write_text(text, encoding="utf-8")
    copy = load("twin", folder)
    for old, new in LEFT_TO_THE_OWNER:
        assert old in text
        text = text.replace(old, new)
    (folder / "twin.yaml").write_text(text, encoding="utf-8")
    return Synthesized("twin", folder / "cdk.out", folder).folder, load("twin", folder), copy


def bring(home: Home, tenant: emulator.Account, environment: str, assembly: Path) -> Home:
    made = Home(home.folder)
    made.assembly = assembly
    deploy(made, tenant, environment, Console(file=io.StringIO()))
    return made


def whole(tenant: emulator.Account, home: Home) -> set[tuple[str, str]]:
    """Every resource of the stacks of one environment."""
    client, found = tenant.client("cloudformation"), set()
    for name in cdk.stack_names(home):
        status = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        # Whatever was deployed before, and rolled back.
        assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
        for page in client.get_paginator("list_stack_resources").paginate(StackName=name):
            found |= {(each["ResourceType"], each["PhysicalResourceId"]) for each in page["StackResourceSummaries"]}
    return found


def end(tenant: emulator.Account, settings: Settings) -> Destruction:
    said: list[str] = []
    destruction = Destruction(settings, tenant.client, say=said.append, pause=0.1)
    destruction.check()
    destruction.run()
    return destruction


def test_the_owner_of_what_there_is_one_of_is_told_and_may_go_first(
    local: Local, twin: tuple[Path, Settings, Settings], variant: Any
) -> None:
    tenant, (assembly, settings, copy) = _other_account(local, "555555555555"), twin
    before = inventory(tenant)
    first = bring(local.home, tenant, "local", variant())

    # A plain copy would take what the first owns; both things are told.
    told = owners.taken(copy, tenant.client)
    assert [sentence.partition(" ")[0] for sentence in told] == ["Calls", "API"]
    assert "config/twin.yaml" in told[0]
    assert owners.taken(settings, tenant.client) == []
    assert owners.taken(load("local"), tenant.client) == []

    second = bring(local.home, tenant, "twin", assembly)
    mine, others = whole(tenant, first), whole(tenant, second)
    for bucket in (*buckets(tenant), *buckets(tenant, "genai-twin-")):
        tenant.client("s3").put_object(Bucket=bucket, Key="kept", Body=b"x")

    done = end(tenant, load("local"))
    assert done.told.stays == []
    assert buckets(tenant) == []
    assert whole(tenant, second) == others
    # Ids within an API or a pool of users are the same, as those are two; that of a trial names nothing.
    within = (
        "AWS::ApiGateway::Model",
        "AWS::ApiGateway::Stage",
        "AWS::CloudFormation::CustomResource",
        "AWS::Cognito::UserPoolGroup",
        "AWS::Cognito::UserPoolResourceServer",
    )
    assert not {each for each in mine & others if each[0] not in within}
    # The second's API logs under the first's role, which therefore stays.
    role = tenant.client("apigateway").get_account()["cloudwatchRoleArn"].rpartition("/")[2]
    assert tenant.client("iam").get_role(RoleName=role)["Role"]["RoleName"] == role
    assert any(role in note for note in done.told.notes)
    assert len(buckets(tenant, "genai-twin-")) == 15

    assert end(tenant, settings).told.stays == []
    # Now nobody needs the role any more.
    end(tenant, load("local"))
    assert inventory(tenant) == before


def test_both_answer_side_by_side_and_one_goes(
    local: Local, twin: tuple[Path, Settings, Settings], tmp_path: Path, ask: Callable[..., chat.Reply]
) -> None:
    before, mine = inventory(local.account), whole(local.account, local.home)
    second = bring(local.home, local.account, "twin", twin[0])
    found = chat.deployed(local.account, cdk.stack_names(second))
    assert found is not None
    assert found.url != local.chat.url
    token = chat.sign_in(Home(tmp_path), local.account, found)
    assert chat.ask(found, token, "Are you there?").status == 200
    assert ask("Are you there?").status == 200
    assert end(local.account, twin[1]).told.stays == []
    assert inventory(local.account) == before
    assert whole(local.account, local.home) == mine
    assert ask("Are you still there?").status == 200

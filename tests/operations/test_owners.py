"""A deploy that would take what an account has one of from its owner is told so, with the setting to change."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations import cdk, owners
from settings import Settings, load

GROUP = "genai-other-models-CallsLogs1A2B"
GUARDRAIL = "arn:aws:bedrock:us-east-1:111122223333:guardrail/abcdefghijkl"


def clients(own: list[str], *, logging: Any = None, enforced: tuple[str, ...] = (), role: str = "") -> Any:
    """An account where the stacks of ``reference`` hold ``own``, and all else is another's."""

    def list_resources(StackName: str) -> list[dict[str, Any]]:
        assert StackName == "genai-reference-models"
        if not own:
            told = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}
            raise ClientError(told, "ListStackResources")  # type: ignore[arg-type]
        return [{"StackResourceSummaries": [{"PhysicalResourceId": each} for each in own]}]

    made = {
        "apigateway": SimpleNamespace(get_account=lambda: {"cloudwatchRoleArn": role} if role else {}),
        "bedrock": SimpleNamespace(
            get_model_invocation_logging_configuration=lambda: {"loggingConfig": logging} if logging else {},
            # One a page, so that a first page is never taken for all.
            get_paginator=lambda _name: SimpleNamespace(
                paginate=lambda: [
                    {"guardrailsConfig": []},
                    *({"guardrailsConfig": [{"guardrailArn": g}]} for g in enforced),
                ]
            ),
        ),
        "cloudformation": SimpleNamespace(
            get_paginator=lambda _name: SimpleNamespace(paginate=list_resources),
            describe_stack_resources=lambda PhysicalResourceId: {
                "StackResources": [{"StackName": "genai-other-models"}]
            },
        ),
    }
    return made.__getitem__


def test_nothing_is_taken_where_nothing_is_set() -> None:
    assert owners.taken(load("reference"), clients([])) == []


def test_what_is_its_own_is_no_finding() -> None:
    role = "arn:aws:iam::111122223333:role/genai-reference-application-ApiGatewayLogging-1"
    logging = {"cloudWatchConfig": {"logGroupName": "ours"}}
    account = clients(["ours", GUARDRAIL], logging=logging, enforced=(GUARDRAIL,), role=role)
    assert owners.taken(load("reference"), account) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"logging": {"cloudWatchConfig": {"logGroupName": GROUP}}},
            f"Calls of models are logged to {GROUP} of the stack genai-other-models already. Leave models.bedrock."
            "invocation_log out of config/reference.yaml",
        ),
        ({"logging": {"s3Config": {"bucketName": "by-hand"}}}, "Calls of models are logged to by-hand"),
        ({"enforced": (GUARDRAIL,)}, f"The guardrail {GUARDRAIL} of the stack genai-other-models is enforced"),
        (
            {"role": "arn:aws:iam::111122223333:role/apigateway"},
            "Set application.chat.account_log_role to false in config/reference.yaml",
        ),
    ],
)
def test_what_another_owns_is_told(given: Any, told: str) -> None:
    (sentence,) = owners.taken(load("reference"), clients(["ours"], **given))
    assert told in sentence


def test_settings_that_leave_it_to_the_owner_deploy() -> None:
    content = load("local").model_dump()
    content["models"]["bedrock"]["invocation_log"] = None
    content["application"]["chat"]["account_log_role"] = False
    account = clients([], logging={"s3Config": {"bucketName": "theirs"}}, role="arn:aws:iam::1:role/theirs")
    assert owners.taken(Settings.model_validate(content), account) == []


def test_a_deploy_stops_before_the_cli_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cdk, "synthesize", lambda _environment: 0)
    monkeypatch.setattr(cdk, "CLI", tmp_path / "never")
    monkeypatch.setattr(owners, "check", lambda _environment: 2)
    assert cdk.main(["deploy", "dev"]) == 2

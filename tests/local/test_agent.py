"""Agents in the local account: each user acts with the tools of their groups, and changes wait for a confirmation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from aws_genai.functions.agent_tools.gateway import DeniedError, Gateway
from local import chat
from operations.answers import Event, ask

from . import tool_server
from .conftest import Local
from .roles import Role

FIND, CLOSE = "tickets___find_ticket", "tickets___close_ticket"
SECONDS = 20


@pytest.fixture(scope="module")
def tooled(local: Local) -> Iterator[Local]:
    """The account with a model that asks for the tool that a question names."""
    with tool_server.serving() as url:
        local.answers_by(url)
        yield local
    local.answers_by(local.model_url)


@pytest.fixture(scope="module")
def token(local: Local) -> Callable[[str], str]:
    """Access tokens of users, by the group that each is in."""
    found: dict[str, str] = {}

    def of(group: str) -> str:
        if group not in found:
            # Other files have users of their own.
            email = f"desk-{group}@example.com"
            chat.user(local.home, local.account, local.chat, email, [group])
            found[group] = chat.sign_in(local.home, local.account, local.chat, email)
        return found[group]

    return of


@pytest.fixture(scope="module")
def url(local: Local) -> str:
    return str(gateway(local)["GatewayUrl"])


def gateway(local: Local) -> dict[str, Any]:
    kind = "AWS::BedrockAgentCore::Gateway"
    found = local.client("cloudcontrol").get_resource(TypeName=kind, Identifier=local.resource("application", kind))
    model: dict[str, Any] = json.loads(found["ResourceDescription"]["Properties"])
    return model


def answer(local: Local, token: str, question: str) -> list[Event]:
    return list(ask(local.chat.url.removesuffix("/chat"), "desk", token, question))


def data(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [each.data for each in events if each.name == name]


def actions(local: Local) -> list[dict[str, Any]]:
    """The audit log."""
    log = local.resource("application", "AWS::Logs::LogGroup", "ToolsdeskActions")
    pages = local.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log)
    return [json.loads(event["message"]) for page in pages for event in page["events"]]


def test_a_tool_that_is_allowed_answers(tooled: Local, token: Callable[[str], str]) -> None:
    found = answer(tooled, token("staff"), f'Call {FIND} with {{"number": 7}}')
    assert [each["state"] for each in data(found, "tool")] == ["started", "done"]
    said = "".join(each["text"] for each in data(found, "delta"))
    assert "find_ticket was called" in said
    assert data(found, "done") == [{"stop_reason": "end_turn"}]


def test_a_change_waits_for_the_user(tooled: Local, token: Callable[[str], str]) -> None:
    before = len(actions(tooled))
    found = answer(tooled, token("support"), f'Call {CLOSE} with {{"number": 7}}')
    (asked,) = data(found, "confirm")
    assert (asked["action"], asked["arguments"]) == (CLOSE, {"number": 7})
    assert len(asked["digest"]) == 64
    assert data(found, "done") == [{"stop_reason": "confirm"}]
    # The gateway was not asked.
    assert len(actions(tooled)) == before


def test_a_tool_of_another_group_is_not_even_offered(tooled: Local, token: Callable[[str], str]) -> None:
    found = answer(tooled, token("staff"), f'Call {CLOSE} with {{"number": 7}}')
    assert data(found, "confirm") == []
    # The model was offered one tool only, and took that.
    assert {each["name"] for each in data(found, "tool")} == {FIND}


def test_the_policies_decide_for_whoever_calls_the_gateway(local: Local, url: str, token: Callable[[str], str]) -> None:
    offered = {group: Gateway(url, token(group)).tools(SECONDS) for group in ("support", "staff", "hr")}
    names = {group: {each["name"] for each in tools} for group, tools in offered.items()}
    assert names == {"support": {FIND, CLOSE}, "staff": {FIND}, "hr": set()}
    staff = Gateway(url, token("staff"))
    assert "find_ticket was called" in staff.call(FIND, {"number": 7}, "allowed", SECONDS)
    with pytest.raises(DeniedError, match="AuthorizeActionException"):
        staff.call(CLOSE, {"number": 7}, "denied", SECONDS)
    recorded = [
        (each["id"], each["event"], each.get("decision"))
        for each in actions(local)
        if each["id"] in ("allowed", "denied")
    ]
    assert recorded == [
        ("allowed", "asked", None),
        ("allowed", "answered", "allowed"),
        ("denied", "asked", None),
        ("denied", "answered", "denied"),
    ]


def test_tokens_that_the_gateway_does_not_know_are_refused(url: str, token: Callable[[str], str]) -> None:
    head, body, signature = token("support").split(".")
    turned = "A" if signature[5] != "A" else "B"
    forged = f"{head}.{body}.{signature[:5]}{turned}{signature[6:]}"
    for wrong in ("", "x.y.z", forged, f"{head}.{body}."):
        with pytest.raises(DeniedError, match="401"):
            Gateway(url, wrong).tools(SECONDS)


def test_the_gateway_needs_each_permission_of_its_role(local: Local, url: str, token: Callable[[str], str]) -> None:
    role, user = Role(local, "application", "ToolsdeskRole"), Gateway(url, token("support"))
    engine = next(resource for action, resource in role.actions() if action == "bedrock-agentcore:GetPolicyEngine")
    for action in ("GetPolicyEngine", "PartiallyAuthorizeActions"):
        with role.without(f"bedrock-agentcore:{action}", engine):
            assert user.tools(SECONDS) == []
    with role.without("bedrock-agentcore:AuthorizeAction", engine), pytest.raises(DeniedError):
        user.call(FIND, {"number": 7}, "unauthorized", SECONDS)
    assert len(user.tools(SECONDS)) == 2


def test_nobody_else_writes_the_audit_log(local: Local) -> None:
    """The policies as they are deployed: the recording function writes, and neither it nor the agent deletes."""
    log = local.resource("application", "AWS::Logs::LogGroup", "ToolsdeskActions")
    arn = f"arn:aws:logs:{local.account.region}:{local.account.account}:log-group:{log}:log-stream:x"
    writing, deleting = ("logs:PutLogEvents", "logs:CreateLogStream"), ("logs:DeleteLogStream", "logs:DeleteLogGroup")

    def decided(function: str, actions: tuple[str, ...]) -> set[str]:
        name = local.resource("application", "AWS::Lambda::Function", function)
        role = local.client("lambda").get_function(FunctionName=name)["Configuration"]["Role"]
        found = local.client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=list(actions), ResourceArns=[arn]
        )
        return {each["EvalDecision"] for each in found["EvaluationResults"]}

    assert decided("ToolsdeskAudit", writing) == {"allowed"}
    assert decided("AssistantdeskFunction", writing) == {"implicitDeny"}
    for function in ("ToolsdeskAudit", "AssistantdeskFunction"):
        assert decided(function, deleting) == {"implicitDeny"}


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        (
            "AWS::BedrockAgentCore::Policy",
            lambda model: {
                "Name": "wrong",
                "PolicyEngineId": model["PolicyEngineConfiguration"]["Arn"].rpartition("/")[2],
                "Definition": {
                    "Cedar": {
                        "Statement": 'permit(principal, action == AgentCore::Action::"tickets___burn", '
                        f'resource == AgentCore::Gateway::"{model["GatewayArn"]}");'
                    }
                },
            },
            "tickets___burn",
        ),
        (
            "AWS::BedrockAgentCore::Gateway",
            lambda model: {
                "Name": "without-permission",
                "RoleArn": f"arn:aws:iam::{model['GatewayArn'].split(':')[4]}:role/stand-in-tools",
                "AuthorizerType": "NONE",
                "PolicyEngineConfiguration": model["PolicyEngineConfiguration"],
            },
            "GetPolicyEngine",
        ),
    ],
)
def test_what_agentcore_refuses_fails_a_deployment(
    local: Local, kind: str, change: Callable[[dict[str, Any]], dict[str, Any]], reason: str
) -> None:
    client = local.client("cloudformation")
    body = {"Resources": {"Wrong": {"Type": kind, "Properties": change(gateway(local))}}}
    client.create_stack(StackName="wrong-agent", TemplateBody=json.dumps(body), OnFailure="DELETE")
    try:
        waiter = client.get_waiter("stack_create_complete")
        with pytest.raises(WaiterError):
            waiter.wait(StackName="wrong-agent", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        events = _events(client)
        assert any(reason in str(each.get("ResourceStatusReason", "")) for each in events), events
    finally:
        client.delete_stack(StackName="wrong-agent")


def _events(client: Any) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = client.describe_stack_events(StackName="wrong-agent")["StackEvents"]
    except ClientError:
        return []
    return found


def test_an_engine_that_only_logs_refuses_nothing(local: Local, url: str, token: Callable[[str], str]) -> None:
    """As on AWS, which is why the gate refuses such a gateway."""
    kind = "AWS::BedrockAgentCore::Gateway"
    model = gateway(local)
    id, engine = model["GatewayIdentifier"], model["PolicyEngineConfiguration"]["Arn"]

    def mode(name: str) -> None:
        value = {"Arn": engine, "Mode": name}
        patch = [{"op": "replace", "path": "/PolicyEngineConfiguration", "value": value}]
        local.client("cloudcontrol").update_resource(TypeName=kind, Identifier=id, PatchDocument=json.dumps(patch))

    mode("LOG_ONLY")
    try:
        assert "close_ticket was called" in Gateway(url, token("staff")).call(CLOSE, {"number": 7}, "logged", SECONDS)
    finally:
        mode("ENFORCE")
    with pytest.raises(DeniedError):
        Gateway(url, token("staff")).call(CLOSE, {"number": 7}, "enforced", SECONDS)

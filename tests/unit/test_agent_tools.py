"""The tools of an agent: a gateway that enforces, policies for groups, roles with what they need, and the audit log."""

from __future__ import annotations

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cognito as cognito, aws_lambda as lambda_
from aws_cdk.assertions import Template

from aws_genai.application import (
    AgentOptions,
    AgentTarget,
    AgentTool,
    AgentTools,
    Assistant,
    AssistantOptions,
    Identity,
    ToolParameter,
)
from aws_genai.application.agent_tools import permit
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.functions.agent_tools.gateway import PROTOCOL
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions
from aws_genai.policies.resolve import Environment
from aws_genai.testing import assert_allows, assert_denies
from local.account import cedar
from settings import load
from tests.conftest import Synthesized
from tests.settings_support import BASE, message
from tests.support import findings_of, template_of

MODEL = "amazon.nova-lite-v1:0"
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:tickets"
OTHER = "arn:aws:lambda:us-east-1:111122223333:function:other"
GATEWAY_ARN = "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/desk-abcdefghij"
NUMBER = ToolParameter(type="integer", description="Number of the ticket")


def options(arn: str | None = FUNCTION) -> AgentOptions:
    labels = ToolParameter(type="array", items="string", description="Labels", required=False)
    return AgentOptions(
        targets={
            "tickets": AgentTarget(
                function_arn=arn,
                tools={
                    "find_ticket": AgentTool(
                        description="Finds.",
                        input={"number": NUMBER, "labels": labels},
                        confirm=False,
                        groups=["support", "staff"],
                    ),
                    "close_ticket": AgentTool(description="Closes.", input={"number": NUMBER}, groups=["support"]),
                },
            ),
            "clock": AgentTarget(
                function_arn=OTHER, tools={"now": AgentTool(description="Tells.", confirm=False, groups=["staff"])}
            ),
        }
    )


def build(stack: cdk.Stack, name: str = "desk", **given: Any) -> AgentTools:
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="desk", foundation=foundation)
    access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=[MODEL]))
    identity = Identity(stack, "Users", foundation=foundation, groups=["support", "staff"])
    chosen = given.pop("options", None) or options()
    tools = AgentTools(stack, "Tools", foundation=foundation, name=name, identity=identity, options=chosen, **given)
    Assistant(
        stack,
        "Agent",
        foundation=foundation,
        name="desk",
        access=access,
        identity=identity,
        options=AssistantOptions(kind="agent", agent=chosen),
        toolset=tools,
    )
    return tools


@pytest.fixture(scope="module")
def made() -> Template:
    return template_of(build)


def only(template: Template, kind: str) -> dict[str, Any]:
    (found,) = template.find_resources(f"AWS::BedrockAgentCore::{kind}").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def id_of(template: Template, kind: str, begins: str) -> str:
    (found,) = [each for each in template.find_resources(kind) if each.startswith(begins)]
    return str(found)


def test_the_gateway_accepts_tokens_of_the_users_only(made: Template) -> None:
    gateway = only(made, "Gateway")
    assert gateway["AuthorizerType"] == "CUSTOM_JWT"
    tokens = gateway["AuthorizerConfiguration"]["CustomJWTAuthorizer"]
    pool = id_of(made, "AWS::Cognito::UserPool", "Users")
    assert tokens["AllowedClients"] == [{"Ref": id_of(made, "AWS::Cognito::UserPoolClient", "Users")}]
    text = "".join(part if isinstance(part, str) else part["Ref"] for part in tokens["DiscoveryUrl"]["Fn::Join"][1])
    assert text == f"https://cognito-idp.AWS::Region.amazonaws.com/{pool}/.well-known/openid-configuration"


def test_the_policies_are_enforced_and_nothing_is_told_or_searched(made: Template) -> None:
    gateway = only(made, "Gateway")
    engine = id_of(made, "AWS::BedrockAgentCore::PolicyEngine", "Tools")
    assert gateway["PolicyEngineConfiguration"] == {
        "Arn": {"Fn::GetAtt": [engine, "PolicyEngineArn"]},
        "Mode": "ENFORCE",
    }
    assert "ExceptionLevel" not in gateway
    assert gateway["ProtocolConfiguration"] == {"Mcp": {"SupportedVersions": [PROTOCOL]}}
    key = {"Fn::GetAtt": [id_of(made, "AWS::KMS::Key", "ToolsKey"), "Arn"]}
    assert gateway["KmsKeyArn"] == key == only(made, "PolicyEngine")["EncryptionKeyArn"]
    for policy in made.find_resources("AWS::BedrockAgentCore::Policy").values():
        assert policy["Properties"]["ValidationMode"] == "FAIL_ON_ANY_FINDINGS"
        assert "EnforcementMode" not in policy["Properties"]


def test_what_may_be_replaced_has_a_name_that_changes_with_it(made: Template) -> None:
    names = [each["Properties"]["Name"] for each in made.find_resources("AWS::BedrockAgentCore::Policy").values()]
    engine = only(made, "PolicyEngine")["Name"]
    assert len(set(names)) == 3
    for name in (*names, engine):
        assert re.fullmatch(r"[a-z][a-z0-9_]*_[0-9a-f]{8}", name)
        assert len(name) <= 48


def test_each_target_describes_its_tools(made: Template) -> None:
    targets = [each["Properties"] for each in made.find_resources("AWS::BedrockAgentCore::GatewayTarget").values()]
    found = {each["Name"]: each["TargetConfiguration"]["Mcp"]["Lambda"] for each in targets}
    assert {name: each["LambdaArn"] for name, each in found.items()} == {"tickets": FUNCTION, "clock": OTHER}
    find, close = found["tickets"]["ToolSchema"]["InlinePayload"]
    assert find["InputSchema"] == {
        "Type": "object",
        "Properties": {
            "number": {"Type": "integer", "Description": "Number of the ticket"},
            "labels": {"Type": "array", "Items": {"Type": "string"}, "Description": "Labels"},
        },
        "Required": ["number"],
    }
    assert close["Name"] == "close_ticket"
    assert found["clock"]["ToolSchema"]["InlinePayload"][0]["InputSchema"] == {"Type": "object"}


def test_policies_come_after_the_tools_that_they_name(made: Template) -> None:
    targets = set(made.find_resources("AWS::BedrockAgentCore::GatewayTarget"))
    policies = made.find_resources("AWS::BedrockAgentCore::Policy")
    assert len(policies) == 3
    for policy in policies.values():
        assert targets <= set(policy["DependsOn"])


def test_the_gateways_role_invokes_exactly_its_functions(made: Template) -> None:
    role = id_of(made, "AWS::IAM::Role", "ToolsRole")
    audit = id_of(made, "AWS::Lambda::Function", "ToolsAudit")
    for function in (FUNCTION, OTHER, audit):
        assert_allows(made, role, "lambda:InvokeFunction", function)
    agent = id_of(made, "AWS::Lambda::Function", "Agent")
    for function in (agent, FUNCTION.replace("tickets", "payments")):
        assert_denies(made, role, "lambda:InvokeFunction", function)
    engine = id_of(made, "AWS::BedrockAgentCore::PolicyEngine", "Tools")
    for action in ("GetPolicyEngine", "AuthorizeAction", "PartiallyAuthorizeActions"):
        assert_allows(made, role, f"bedrock-agentcore:{action}", engine)
    arn = f"arn:aws:bedrock-agentcore:us-east-1:{Environment().account}:gateway/{{}}"
    assert_allows(made, role, "bedrock-agentcore:AuthorizeAction", arn.format("desk-abcdefghij"))
    for other in ("desk-two-abcdefghij", "other-abcdefghij"):
        assert_denies(made, role, "bedrock-agentcore:AuthorizeAction", arn.format(other))
    assert_denies(made, role, "bedrock-agentcore:UpdateGateway", arn.format("desk-abcdefghij"))


def test_only_agentcore_for_this_gateway_takes_the_role(made: Template) -> None:
    role = made.find_resources("AWS::IAM::Role")[id_of(made, "AWS::IAM::Role", "ToolsRole")]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "bedrock-agentcore.amazonaws.com"}
    assert set(trust["Condition"]) == {"StringEquals", "ArnLike"}
    assert json.dumps(trust["Condition"]["ArnLike"]).count("gateway/desk-??????????") == 1


def test_the_agent_has_no_right_to_act_or_to_write_the_audit_log(made: Template) -> None:
    agent, audit = (id_of(made, "AWS::IAM::Role", begins) for begins in ("AgentFunctionRole", "ToolsAuditRole"))
    log = id_of(made, "AWS::Logs::LogGroup", "ToolsActions")
    assert_allows(made, audit, "logs:PutLogEvents", log)
    writers = ("logs:PutLogEvents", "logs:CreateLogStream")
    spoilers = (
        "logs:DeleteLogStream",
        "logs:DeleteLogGroup",
        "logs:PutRetentionPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:DisassociateKmsKey",
    )
    for role in made.find_resources("AWS::IAM::Role"):
        for action in (*(() if role == audit else writers), *spoilers):
            assert_denies(made, role, action, log)
    for function in (FUNCTION, OTHER, id_of(made, "AWS::Lambda::Function", "ToolsAudit")):
        assert_denies(made, agent, "lambda:InvokeFunction", function)
    assert "bedrock-agentcore" not in json.dumps(_policy_of(made, agent))


def _policy_of(template: Template, role: str) -> Any:
    return [
        each["Properties"]["PolicyDocument"]
        for each in template.find_resources("AWS::IAM::ManagedPolicy").values()
        if {"Ref": role} in each["Properties"]["Roles"]
    ]


def test_the_audit_log_is_kept_and_protected(made: Template) -> None:
    log = made.find_resources("AWS::Logs::LogGroup")[id_of(made, "AWS::Logs::LogGroup", "ToolsActions")]
    assert log["DeletionPolicy"] == "Retain"
    assert log["Properties"]["DeletionProtectionEnabled"] is True
    assert log["Properties"]["RetentionInDays"] == 365
    (intercepted,) = only(made, "Gateway")["InterceptorConfigurations"]
    assert intercepted["InterceptionPoints"] == ["REQUEST", "RESPONSE"]
    audit = id_of(made, "AWS::Lambda::Function", "ToolsAudit")
    assert intercepted["Interceptor"] == {"Lambda": {"Arn": {"Fn::GetAtt": [audit, "Arn"]}}}
    assert intercepted["InputConfiguration"] == {"PassRequestHeaders": True}


def test_the_function_knows_where_its_tools_are_and_what_to_confirm(made: Template) -> None:
    agent = made.find_resources("AWS::Lambda::Function")[id_of(made, "AWS::Lambda::Function", "Agent")]
    variables = agent["Properties"]["Environment"]["Variables"]
    assert variables["TOOLS"] == "agent"
    gateway = id_of(made, "AWS::BedrockAgentCore::Gateway", "Tools")
    assert variables["GATEWAY_URL"] == {"Fn::GetAtt": [gateway, "GatewayUrl"]}
    assert json.loads(variables["AGENT_TOOLS"]) == {
        "tickets___find_ticket": False,
        "tickets___close_ticket": True,
        "clock___now": False,
    }


def test_nothing_is_found_under_every_pack() -> None:
    assert findings_of(build) == []


# --- what the policies decide

TOOLS = {
    name: {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
    for name in ("tickets___find_ticket", "tickets___close_ticket")
} | {"clock___now": {"type": "object"}}
ACTING = cedar.Acting(GATEWAY_ARN, TOOLS)


def policies(template: Template) -> dict[str, str]:
    """The Cedar text of each policy, by the tool."""
    gateway = id_of(template, "AWS::BedrockAgentCore::Gateway", "Tools")
    found = {}
    for each in template.find_resources("AWS::BedrockAgentCore::Policy").values():
        parts = each["Properties"]["Definition"]["Cedar"]["Statement"]["Fn::Join"][1]
        statement = "".join(GATEWAY_ARN if part == {"Fn::GetAtt": [gateway, "GatewayArn"]} else part for part in parts)
        found[statement.split('Action::"')[1].split('"')[0]] = statement
    return found


@pytest.mark.parametrize(
    ("groups", "allowed"),
    [
        (["support"], {"tickets___find_ticket", "tickets___close_ticket"}),
        (["staff"], {"tickets___find_ticket", "clock___now"}),
        (["hr", "staff"], {"tickets___find_ticket", "clock___now"}),
        (["support", "staff"], {"tickets___find_ticket", "tickets___close_ticket", "clock___now"}),
        (["hr"], set()),
        ([], set()),
        (None, set()),
        # Names that only contain the name of a group.
        (["support-readonly", "supporters", "not-staff"], set()),
        # A claim that is a text and not a list.
        ("support", set()),
        ("support staff", set()),
    ],
)
def test_groups_decide_who_may_use_which_tool(made: Template, groups: Any, allowed: set[str]) -> None:
    claims = {"sub": "ann", "client_id": "web", **({} if groups is None else {"cognito:groups": groups})}
    texts = list(policies(made).values())
    for tool in TOOLS:
        arguments = {"number": 7} if tool != "clock___now" else {}
        assert cedar.decide(texts, claims, GATEWAY_ARN, tool, arguments) == (tool in allowed), tool
        assert cedar.decide(texts, claims, GATEWAY_ARN, tool) == (tool in allowed), tool


def test_policies_permit_nothing_at_another_gateway(made: Template) -> None:
    claims = {"sub": "ann", "cognito:groups": ["support"]}
    other = GATEWAY_ARN.replace("desk", "other")
    assert not cedar.decide(list(policies(made).values()), claims, other, "tickets___find_ticket", {"number": 7})


def test_agentcore_would_accept_the_policies(made: Template) -> None:
    found = policies(made)
    assert set(found) == set(TOOLS)
    for statement in found.values():
        cedar.check(statement, [ACTING])


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (permit("tickets___delete_all", ["support"], "cognito:groups", GATEWAY_ARN), "tickets___delete_all"),
        (permit("tickets___find_ticket", ["support"], "cognito:groups", GATEWAY_ARN + "x"), "No gateway"),
        ("permit(principal, action, resource);", "must be a gateway"),
        (
            'permit(principal, action == AgentCore::Action::"clock___now", resource is AgentCore::Gateway);',
            "must name the ARN",
        ),
        ("permit(principal, action, resource is AgentCore::Gateway) when { context.role == 1 };", "role"),
        ("permit(principal, action, resource is Other::Gateway);", "Other::Gateway"),
        ("permit(principal", "cannot be read"),
        (
            "permit(principal, action, resource is AgentCore::Gateway);"
            "forbid(principal, action, resource is AgentCore::Gateway);",
            "one statement",
        ),
    ],
)
def test_policies_that_agentcore_refuses(statement: str, reason: str) -> None:
    with pytest.raises(cedar.PolicyError, match=reason):
        cedar.check(statement, [ACTING])


def test_a_target_permits_its_tools_together() -> None:
    statement = (
        'permit(principal, action in AgentCore::Action::"tickets", '
        f'resource == AgentCore::Gateway::"{GATEWAY_ARN}") when {{ context.input.number < 10 }};'
    )
    cedar.check(statement, [ACTING])
    for number, expected in ((7, True), (12, False)):
        decided = cedar.decide([statement], {"sub": "ann"}, GATEWAY_ARN, "tickets___find_ticket", {"number": number})
        assert decided == expected
    assert not cedar.decide([statement], {"sub": "ann"}, GATEWAY_ARN, "clock___now", {})
    # Some use may be permitted, so that the tool is listed.
    assert cedar.decide([statement], {"sub": "ann"}, GATEWAY_ARN, "tickets___find_ticket")


# --- what is refused


def test_a_function_may_be_an_object() -> None:
    def make(stack: cdk.Stack) -> None:
        own = lambda_.Function(
            stack,
            "Own",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context): return {}"),
        )
        build(stack, options=options(None), functions={"tickets": own})

    template = template_of(make)
    own = id_of(template, "AWS::Lambda::Function", "Own")
    assert_allows(template, id_of(template, "AWS::IAM::Role", "ToolsRole"), "lambda:InvokeFunction", own)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"options": options(None)}, "targets.tickets.function_arn"),
        ({"name": "Desk"}, "name"),
        ({"name": "a--b"}, "name"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        template_of(lambda stack: build(stack, **given))
    assert raised.value.field == field


def test_a_function_is_given_once_and_for_a_target() -> None:
    def make(stack: cdk.Stack, name: str) -> None:
        own = lambda_.Function.from_function_arn(stack, "Own", FUNCTION)
        build(stack, functions={name: own})

    for name, field in (("tickets", "targets.tickets.function_arn"), ("nothing", "functions")):
        with pytest.raises(InvalidValueError) as raised:
            template_of(lambda stack, name=name: make(stack, name))  # type: ignore[misc]
        assert raised.value.field == field


def test_a_long_name_is_cut() -> None:
    template = template_of(lambda stack: build(stack, name="a" * 40 + "-" + "b" * 30))
    name = only(template, "Gateway")["Name"]
    assert len(name) == 48
    assert f"gateway/{name}-??????????" in json.dumps(template.to_json())


def test_a_user_pool_of_another_region_issues_the_tokens() -> None:
    def make(stack: cdk.Stack) -> None:
        foundation = Foundation(stack)
        arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_AbCdEfGhI"
        users = cognito.UserPool.from_user_pool_arn(stack, "Pool", arn)
        client = cognito.UserPoolClient.from_user_pool_client_id(stack, "Client", "abc")
        identity = Identity(stack, "Users", foundation=foundation, user_pool=users, clients=[client])
        AgentTools(stack, "Tools", foundation=foundation, name="desk", identity=identity, options=options())

    tokens = only(template_of(make), "Gateway")["AuthorizerConfiguration"]["CustomJWTAuthorizer"]
    assert tokens["AllowedClients"] == ["abc"]
    text = tokens["DiscoveryUrl"]
    assert text == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI/.well-known/openid-configuration"


TOOL = {"description": "Finds.", "groups": ["staff"]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "agent"}, "has tools"),
        (
            {"agent": {"targets": {"t": {"function_arn": FUNCTION, "tools": {"a": TOOL}}}}},
            "kind chat has no options of kind agent",
        ),
        ({"kind": "agent", "agent": {"targets": {}}}, "at least 1"),
        ({"kind": "agent", "agent": {"targets": {"t": {"tools": {"a": TOOL}}}}}, "has no function"),
        ({"kind": "agent", "agent": {"targets": {"t_t": {"function_arn": FUNCTION, "tools": {"a": TOOL}}}}}, "hyphens"),
        ({"kind": "agent", "agent": {"targets": {"t": {"function_arn": FUNCTION, "tools": {"a__b": TOOL}}}}}, "single"),
        (
            {
                "kind": "agent",
                "agent": {"targets": {"t": {"function_arn": FUNCTION, "tools": {"a": {**TOOL, "groups": []}}}}},
            },
            "groups",
        ),
        (
            {
                "kind": "agent",
                "agent": {
                    "targets": {
                        "t": {
                            "function_arn": FUNCTION,
                            "tools": {"a": {**TOOL, "input": {"x": {"type": "array", "description": "x"}}}},
                        }
                    }
                },
            },
            "items",
        ),
        (
            {
                "kind": "agent",
                "agent": {
                    "targets": {
                        f"t{n}": {"function_arn": FUNCTION, "tools": {f"a{i}": TOOL for i in range(16)}}
                        for n in range(2)
                    }
                },
            },
            "32 tools are more than the 30",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Any, given: dict[str, Any], said: str) -> None:
    content = {
        **BASE,
        "models": {"bedrock": {"models": [MODEL]}},
        "application": {"chat": {}, "assistants": {"desk": given}},
    }
    assert said in message(tmp_path, content)


def test_an_assistant_without_tools_is_no_agent() -> None:
    def make(stack: cdk.Stack) -> None:
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="desk", foundation=foundation)
        access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=[MODEL]))
        identity = Identity(stack, "Users", foundation=foundation)
        given = AssistantOptions(kind="agent", agent=options())
        Assistant(stack, "A", foundation=foundation, name="a", access=access, identity=identity, options=given)

    with pytest.raises(InvalidValueError, match="has the tools of AgentTools"):
        template_of(make)


@pytest.mark.parametrize("name", ["reference", "local"])
def test_shipped_settings_have_an_agent_that_reads_and_one_that_confirms(name: str) -> None:
    application = load(name).application
    assert application is not None
    agent = application.assistants["desk"].agent
    assert agent is not None
    assert {tool: each.confirm for tool, each in agent.tools.items()} == {
        "tickets___find_ticket": False,
        "tickets___close_ticket": True,
    }


def test_groups_of_tools_exist_in_the_user_pool(reference: Synthesized) -> None:
    groups = {
        each["Properties"]["GroupName"]
        for each in reference.templates["genai-reference-application"]["Resources"].values()
        if each["Type"] == "AWS::Cognito::UserPoolGroup"
    }
    assert {"support", "staff"} <= groups


def test_the_gateway_is_reached_inside_the_network(reference: Synthesized) -> None:
    endpoints = [
        each["Properties"]
        for each in reference.templates["genai-reference-foundation"]["Resources"].values()
        if each["Type"] == "AWS::EC2::VPCEndpoint"
        and "bedrock-agentcore.gateway" in json.dumps(each["Properties"]["ServiceName"])
    ]
    assert len(endpoints) == 1
    (statement,) = endpoints[0]["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["bedrock-agentcore:InvokeGateway"]
    # Users are no IAM principals; the gateways of other accounts are out of reach.
    assert "Condition" not in statement
    assert "gateway/*" in json.dumps(statement["Resource"])

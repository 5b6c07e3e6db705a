"""What the constructs of the application make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from aws_genai.application import Identity
from aws_genai.application.chat_api import GATEWAY_ERRORS
from tests.conftest import Synthesized
from tests.support import template_of


@pytest.fixture(scope="module")
def application(reference: Synthesized) -> dict[str, Any]:
    return reference.template("application")["Resources"]


def of(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in resources.values() if item["Type"] == kind]


def test_requests_are_authorized_validated_and_throttled(application: dict[str, Any]) -> None:
    (method,) = of(application, "AWS::ApiGateway::Method")
    assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
    assert method["RequestModels"]["application/json"]
    assert of(application, "AWS::ApiGateway::RequestValidator")[0]["ValidateRequestBody"] is True
    (stage,) = of(application, "AWS::ApiGateway::Stage")
    settings = stage["MethodSettings"][0]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (50, 100)
    assert settings["DataTraceEnabled"] is False


def test_errors_of_the_gateway_are_json(application: dict[str, Any]) -> None:
    responses = of(application, "AWS::ApiGateway::GatewayResponse")
    assert len(responses) == len(GATEWAY_ERRORS)
    for response in responses:
        body = json.loads(response["ResponseTemplates"]["application/json"])
        assert set(body["error"]) == {"code", "message"}


def test_firewall_has_managed_rules_and_a_rate_limit_and_lets_long_conversations_pass(
    application: dict[str, Any],
) -> None:
    (acl,) = of(application, "AWS::WAFv2::WebACL")
    statements = [rule["Statement"] for rule in acl["Rules"]]
    assert [next(iter(statement)) for statement in statements] == [
        "ManagedRuleGroupStatement",
        "ManagedRuleGroupStatement",
        "RateBasedStatement",
    ]
    assert statements[0]["ManagedRuleGroupStatement"]["RuleActionOverrides"] == [
        {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}
    ]
    assert statements[2]["RateBasedStatement"]["Limit"] == 1000
    assert len(of(application, "AWS::WAFv2::WebACLAssociation")) == 1


def test_function_is_bounded_traced_and_private(application: dict[str, Any]) -> None:
    (function,) = of(application, "AWS::Lambda::Function")
    assert function["ReservedConcurrentExecutions"] == 100
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["VpcConfig"]["SubnetIds"]
    assert function["DeadLetterConfig"]["TargetArn"]
    variables = function["Environment"]["Variables"]
    assert next(iter(json.loads(variables["MODELS"]))) == "us.anthropic.claude-sonnet-4-6"
    asked = {name: each["inferenceConfig"] for name, each in json.loads(variables["MODELS"]).items()}
    assert asked == {
        "us.anthropic.claude-sonnet-4-6": {"maxTokens": 2048},
        "us.amazon.nova-lite-v1:0": {"maxTokens": 2048, "temperature": 0.3, "topP": 0.9},
        "qwen.qwen3-32b-v1:0": {"maxTokens": 2048, "temperature": 0.7},
    }


def test_dashboard_shows_the_three_layers(application: dict[str, Any]) -> None:
    (dashboard,) = of(application, "AWS::CloudWatch::Dashboard")
    body = json.dumps(dashboard["DashboardBody"])
    for word in (
        "Instances in service",
        "genai-reference-llama: invocations",
        "genai-reference-guard: errors",
        "InvocationFailures",
        "Model calls",
        "Chat requests",
    ):
        assert word in body


@pytest.mark.parametrize(("mfa", "configured"), [("required", "ON"), ("optional", "OPTIONAL")])
def test_second_factor(mfa: Any, configured: str) -> None:
    template: Template = template_of(lambda stack: Identity(stack, "Users", pool_name="x", mfa=mfa))
    template.has_resource_properties(
        "AWS::Cognito::UserPool",
        {
            "MfaConfiguration": configured,
            "EnabledMfas": ["SOFTWARE_TOKEN_MFA"],
            "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"},
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "Policies": {"PasswordPolicy": Match.object_like({"MinimumLength": 14})},
        },
    )

"""What the constructs of the application make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from aws_genai.application import (
    ChatApi,
    ChatOptions,
    Dashboard,
    Firewall,
    Identity,
    IdentityOptions,
    OriginSecret,
    UsageBudget,
    chat_api,
)
from aws_genai.application.chat_api import GATEWAY_ERRORS
from aws_genai.application.history import METHODS
from aws_genai.data.concurrency import concurrency_of
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions
from aws_genai.packaging import reserve_concurrency
from tests.conftest import Synthesized
from tests.support import new_stack, template_of


@pytest.fixture(scope="module")
def application(reference: Synthesized) -> dict[str, Any]:
    return reference.template("application")["Resources"]


def of(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in resources.values() if item["Type"] == kind]


def test_requests_are_authorized_validated_and_throttled(application: dict[str, Any]) -> None:
    methods = of(application, "AWS::ApiGateway::Method")
    # The chat, six assistants, two of OpenAI's form, and those of conversations.
    assert len(methods) == 9 + len(METHODS)
    for method in methods:
        assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert method["AuthorizationScopes"] in (["genai/ask"], ["genai/history"])
        # What has a body is validated.
        bodies = method["HttpMethod"] in ("PATCH", "PUT") or method["Integration"].get("ResponseTransferMode")
        assert method["HttpMethod"] == "GET" or not bodies or method["RequestModels"]["application/json"]
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
        assert set(body) == {"error"}
        assert "lambda" not in body["error"]["message"].lower()
        assert response["ResponseParameters"]["gatewayresponse.header.Cache-Control"] == "'no-store'"
    by_kind = {each["ResponseType"]: each for each in responses}
    # With a status of its own, a default would give it to every type that has none.
    assert {kind for kind, each in by_kind.items() if "StatusCode" not in each} == {"DEFAULT_4XX", "DEFAULT_5XX"}
    assert {kind for kind, each in by_kind.items() if _retry(each)} == {
        "THROTTLED",
        "INTEGRATION_FAILURE",
        "DEFAULT_5XX",
    }


def _retry(response: dict[str, Any]) -> str:
    return str(response["ResponseParameters"].get("gatewayresponse.header.Retry-After", ""))


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "404", "not_found"),
        ("RESOURCE_NOT_FOUND", "404", "not_found"),
        ("REQUEST_TOO_LARGE", "413", "request_too_large"),
        ("UNSUPPORTED_MEDIA_TYPE", "415", "unsupported_media_type"),
        ("THROTTLED", "429", "throttled"),
        ("INTEGRATION_FAILURE", "503", "overloaded"),
        ("INTEGRATION_TIMEOUT", "504", "model_timeout"),
        ("DEFAULT_4XX", None, "refused"),
        ("DEFAULT_5XX", None, "failed"),
    ],
)
def test_each_error_of_the_gateway_has_its_code(
    application: dict[str, Any], kind: str, status: str | None, code: str
) -> None:
    (response,) = [each for each in of(application, "AWS::ApiGateway::GatewayResponse") if each["ResponseType"] == kind]
    body = json.loads(response["ResponseTemplates"]["application/json"])
    assert (response.get("StatusCode"), body["error"]["code"]) == (status, code)


def test_firewall_has_managed_rules_and_a_rate_limit_and_lets_long_conversations_pass(
    application: dict[str, Any],
) -> None:
    # Clients call CloudFront, whose web ACL has these rules.
    (acl,) = [each for each in of(application, "AWS::WAFv2::WebACL") if each["Scope"] == "CLOUDFRONT"]
    statements = [rule["Statement"] for rule in acl["Rules"]]
    assert [next(iter(statement)) for statement in statements[:3]] == [
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
    (function,) = [each for each in of(application, "AWS::Lambda::Function") if "functions.chat." in each["Handler"]]
    assert function["ReservedConcurrentExecutions"] == 300  # 50 a second of 4 s, and a burst of 100
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


def body_of(dashboard: dict[str, Any]) -> dict[str, Any]:
    """The body of a dashboard; what refers to resources is their logical id."""
    body = dashboard["DashboardBody"]
    parts = [body] if isinstance(body, str) else body["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else str(part.get("Ref", "elsewhere")) for part in parts)
    found: dict[str, Any] = json.loads(text)
    return found


def graphs(body: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """The metrics of the graphs of a dashboard, by title."""
    return {
        each["properties"]["title"]: each["properties"]["metrics"] for each in body["widgets"] if each["type"] != "text"
    }


def test_dashboard_shows_the_three_layers(application: dict[str, Any]) -> None:
    (dashboard,) = of(application, "AWS::CloudWatch::Dashboard")
    body = body_of(dashboard)
    found = graphs(body)
    sections = [each["properties"]["markdown"].partition(":")[0] for each in body["widgets"] if each["type"] == "text"]
    assert sections == ["## Applications", "## Models", "## Endpoints", "## Fleets"]
    names = {each[1] for each in found["Errors"]}
    assert names == {"4XXError", "5XXError", "Failed", "Errors", "Throttles"}
    # Every function that answers, by the dimensions under which it publishes.
    functions = {
        id
        for id, each in application.items()
        if each["Type"] == "AWS::Lambda::Function" and "ASSISTANT" in each["Properties"]["Environment"]["Variables"]
    }
    assert len(functions) == 6
    for title, metric in (
        ("Questions that the guardrail blocked", "InputBlocked"),
        ("Answers that the guardrail blocked", "OutputBlocked"),
        ("Questions to which the documents say nothing", "NoSupport"),
        ("Tool calls", "ToolCalls"),
        ("Tool calls refused", "ToolRefusals"),
    ):
        published = [each for each in found[title] if each[:2] == ["AwsGenAi", metric]]
        assert functions <= {each[3] for each in published}, title
        assert all(each[2::2][:2] == ["function", "service"] for each in published)
    (first,) = [lines for title, lines in found.items() if title.startswith("Time to the first token of assistants")]
    assert {each[-1]["stat"] for each in first if each[1] == "FirstTokenMilliseconds"} == {"p50", "p90"}
    assert found["Accelerator utilization (percent)"][0][1:3] == ["Utilization", "Fleet"]
    assert len(found["Invocations of a day; without a number: idle"]) == 7
    assert found["genai-reference-guard: errors"]
    gpus = found["genai-reference-llama: GPUs (percent, 100 for each GPU)"]
    assert gpus[0][:2] == ["/aws/sagemaker/Endpoints", "GPUUtilization"]
    assert any(each[1] == "InvocationFailures" for lines in found.values() for each in lines if len(each) > 1)


def test_the_dashboard_estimates_costs_where_a_price_is_known() -> None:
    models = {"Lite": "amazon.nova-lite-v1:0", "Profile": "abc123", "Own": "def456"}
    template = template_of(lambda stack: Dashboard(stack, "D", name="n", models=models))
    (dashboard,) = template.find_resources("AWS::CloudWatch::Dashboard").values()
    (lines,) = [lines for title, lines in graphs(body_of(dashboard["Properties"])).items() if "cost" in title]
    (expression,) = [each[0] for each in lines if isinstance(each[0], dict)]
    assert expression["label"] == "Lite (estimated)"
    assert expression["expression"] == "(FILL(i0, 0) * 0.06 + FILL(o0, 0) * 0.24) / 1000000"
    assert {each[-1]["id"]: each[1] for each in lines if len(each) > 1} == {
        "i0": "InputTokenCount",
        "o0": "OutputTokenCount",
    }
    given = template_of(lambda stack: Dashboard(stack, "D", name="n", models=models, prices={"Profile": (1, 2)}))
    (dashboard,) = given.find_resources("AWS::CloudWatch::Dashboard").values()
    assert "Profile (estimated)" in json.dumps(dashboard)
    assert "Lite (estimated)" not in json.dumps(dashboard)


def test_a_graph_has_at_most_500_metrics_and_no_widgets_overlap() -> None:
    models = {f"m{number}": "amazon.nova-lite-v1:0" for number in range(180)}
    template = template_of(lambda stack: Dashboard(stack, "D", name="n", models=models))
    (dashboard,) = template.find_resources("AWS::CloudWatch::Dashboard").values()
    body = body_of(dashboard["Properties"])
    assert max(len(each["properties"].get("metrics", ())) for each in body["widgets"]) <= 500
    costs = [each for each in body["widgets"] if "cost" in each["properties"].get("title", "")]
    assert len(costs) == 2
    taken: set[tuple[int, int]] = set()
    for each in body["widgets"]:
        cells = {(each["x"] + x, each["y"] + y) for x in range(each["width"]) for y in range(each["height"])}
        assert not taken & cells
        taken |= cells
    assert max(x for x, _ in taken) == 23


def test_a_dashboard_that_cloudwatch_would_not_take_is_refused() -> None:
    models = {f"m{number}": "amazon.nova-lite-v1:0" for number in range(400)}
    with pytest.raises(InvalidValueError, match="would have 3200 metrics, and CloudWatch takes 2500"):
        Dashboard(new_stack(), "D", name="n", models=models)


@pytest.mark.parametrize(("mfa", "configured"), [("required", "ON"), ("optional", "OPTIONAL")])
def test_second_factor(mfa: Any, configured: str) -> None:
    template: Template = template_of(
        lambda stack: Identity(
            stack, "Users", foundation=Foundation(stack), pool_name="x", options=IdentityOptions(mfa=mfa)
        )
    )
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


def chat(
    stack: cdk.Stack,
    *,
    users: str = "Users",
    budget: bool = False,
    network: Any = None,
    foundation: Foundation | None = None,
    origin: OriginSecret | None = None,
    **options: Any,
) -> ChatApi:
    foundation = foundation or Foundation(stack, network=network)
    chosen = ChatOptions(**options)
    guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
    return ChatApi(
        stack,
        "Chat",
        foundation=foundation,
        name="assistant",
        access=ModelAccess(
            stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"])
        ),
        identity=Identity(stack, users, foundation=foundation, pool_name="assistant", options=chosen),
        firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant", options=chosen, origin=origin),
        options=chosen,
        budget=UsageBudget(stack, "Budget", foundation=foundation) if budget else None,
    )


def deployment(template: Template) -> str:
    (name,) = template.find_resources("AWS::ApiGateway::Deployment")
    return str(name)


#: What a deployment takes a snapshot of: https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html
SNAPSHOT = {
    f"AWS::ApiGateway::{kind}"
    for kind in ("RestApi", "Resource", "Method", "Authorizer", "Model", "RequestValidator", "GatewayResponse")
}


def test_a_deployment_is_made_after_all_of_the_api() -> None:
    template = template_of(chat).to_json()["Resources"]
    (made,) = [each for each in template.values() if each["Type"] == "AWS::ApiGateway::Deployment"]
    parts = {name for name, each in template.items() if each["Type"] in SNAPSHOT}
    assert {template[name]["Type"] for name in parts} == SNAPSHOT
    assert set(made["DependsOn"]) == parts


def test_a_change_of_any_part_of_the_api_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = deployment(template_of(chat))
    assert deployment(template_of(chat)) == before
    # What the API is not made of changes nothing.
    assert deployment(template_of(lambda stack: chat(stack, burst=7))) == before
    seen = {before}
    # Another pool of users is another authorizer.
    seen.add(deployment(template_of(lambda stack: chat(stack, users="Others"))))
    monkeypatch.setattr(chat_api, "GATEWAY_ERRORS", GATEWAY_ERRORS[:-1])
    seen.add(deployment(template_of(chat)))
    monkeypatch.setattr(chat_api, "GATEWAY_ERRORS", GATEWAY_ERRORS)
    monkeypatch.setattr(chat_api, "_request_schema", lambda: {"type": "object"})
    seen.add(deployment(template_of(chat)))
    assert len(seen) == 4


def test_what_a_deployment_is_named_after_is_all_that_the_api_is_made_of() -> None:
    stack = new_stack()
    parts = {stack.get_logical_id(made): given for made, given in chat(stack).deployed}
    template = Template.from_stack(stack).to_json()["Resources"]
    for name, given in parts.items():
        given_names = {key.replace("_", "") for key in given} - {"id"}
        assert {key.lower() for key in template[name]["Properties"]} - {"tags"} == given_names, name


def reserved(template: Template) -> set[int | None]:
    functions = template.find_resources("AWS::Lambda::Function").values()
    return {each["Properties"].get("ReservedConcurrentExecutions") for each in functions}


def test_concurrency_is_reserved_where_the_app_or_the_caller_says_so() -> None:
    assert reserved(template_of(chat)) == {None}
    assert reserved(template_of(lambda stack: chat(stack, concurrency=47))) == {47}
    stack = new_stack()
    reserve_concurrency(stack)
    chat(stack)
    assert reserved(Template.from_stack(stack)) == {60}  # 10 a second of 4 s, and a burst of 20


def test_a_concurrency_that_cannot_carry_the_rate_is_refused() -> None:
    template_of(lambda stack: chat(stack, concurrency=40))
    with pytest.raises(
        InvalidValueError, match="10 requests a second of 4 s each take 40 answers at a time, and there are 39"
    ):
        template_of(lambda stack: chat(stack, concurrency=39))
    assert reserved(template_of(lambda stack: chat(stack, concurrency=39, requests_per_second=9.5))) == {39}
    assert reserved(template_of(lambda stack: chat(stack, concurrency=20, seconds_per_answer=2))) == {20}


@pytest.mark.parametrize(
    ("rate", "burst", "seconds", "needed"), [(10, 20, 4, 60), (0.1, 1, 30, 4), (0.1, 1, 29, 4), (50, 100, 0.2, 110)]
)
def test_concurrency_follows_from_rate_and_time(rate: float, burst: int, seconds: float, needed: int) -> None:
    assert concurrency_of(rate, burst, seconds) == needed


@pytest.mark.parametrize(
    ("name", "all_of_them"), [("dev", False), ("prod", True), ("reference", True), ("local", None)]
)
def test_environments_reserve_concurrency_as_they_say(
    environment: Callable[[str], Synthesized], name: str, all_of_them: bool | None
) -> None:
    chosen = environment(name)
    has = {
        "ReservedConcurrentExecutions" in each["Properties"]
        for template in chosen.templates.values()
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Lambda::Function"
    }
    # The local account's chat names its own.
    assert has == ({True, False} if all_of_them is None else {all_of_them})


def test_alarms_hear_the_chat_of_their_own_environment_only() -> None:
    template = template_of(lambda stack: chat(stack, budget=True))
    (function,) = template.find_resources("AWS::Lambda::Function")
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "AwsGenAi",
            "MetricName": "LockedOut",
            "Dimensions": Match.array_with([{"Name": "function", "Value": {"Ref": function}}]),
        },
    )

"""What an assistant makes, and what its API adds for it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from aws_genai.application import (
    Assistant,
    AssistantOptions,
    ChatApi,
    ChatOptions,
    Firewall,
    GroupBudget,
    History,
    HistoryOptions,
    Identity,
    UsageBudget,
    UsageBudgetOptions,
)
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions
from aws_genai.packaging.dependencies import package
from aws_genai.testing import assert_allows, assert_denies
from tests.conftest import Synthesized
from tests.settings_support import BASE, message
from tests.support import new_stack, template_of

MODEL = "amazon.nova-lite-v1:0"
ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}"


def build(
    stack: cdk.Stack,
    *,
    names: tuple[str, ...] = ("helper",),
    origins: tuple[str, ...] = (),
    kept: HistoryOptions | None = None,
    limits: UsageBudgetOptions | None = None,
    **given: Any,
) -> None:
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
    access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=[MODEL]))
    options = ChatOptions(allowed_origins=list(origins))
    identity = Identity(stack, "Users", foundation=foundation, options=options)
    budget = UsageBudget(stack, "Budget", foundation=foundation, options=limits)
    history = (
        History(
            stack,
            "History",
            foundation=foundation,
            identity=identity,
            options=kept,
            origins=origins,
            guardrail=guardrail,
        )
        if kept
        else None
    )
    assistants = [
        Assistant(
            stack,
            f"Assistant-{name}",
            foundation=foundation,
            name=name,
            access=access,
            identity=identity,
            options=AssistantOptions(**given),
            budget=budget,
            origins=origins,
            history=history,
        )
        for name in names
    ]
    ChatApi(
        stack,
        "Chat",
        foundation=foundation,
        name="assistant",
        access=access,
        identity=identity,
        firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant", options=options),
        options=options,
        budget=budget,
        assistants=assistants,
        history=history,
    )


@pytest.fixture(scope="module")
def made() -> Template:
    return template_of(lambda stack: build(stack, names=("helper", "a1-b"), timeout_seconds=600, max_tokens=4096))


def properties(template: Template, kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in template.find_resources(kind).values()]


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """The functions of assistants, by the name of the assistant."""
    found = [each for each in properties(template, "AWS::Lambda::Function") if ".assistant." in each["Handler"]]
    return {each["Environment"]["Variables"]["ASSISTANT"]: each for each in found}


def test_the_api_streams_what_the_function_streams(made: Template) -> None:
    streaming = [
        each["Integration"]
        for each in properties(made, "AWS::ApiGateway::Method")
        if each["Integration"].get("ResponseTransferMode") == "STREAM"
    ]
    assert len(streaming) == 2
    for integration in streaming:
        uri = json.dumps(integration["Uri"])
        assert "lambda:path/2021-11-15/functions/" in uri
        assert "/response-streaming-invocations" in uri
        assert integration["TimeoutInMillis"] == 600_000
    for function in functions(made).values():
        assert function["Timeout"] == 600
        assert function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/functions/streaming/start"


def test_a_streaming_api_compresses_nothing(made: Template) -> None:
    (api,) = properties(made, "AWS::ApiGateway::RestApi")
    assert "MinimumCompressionSize" not in api
    (other,) = properties(template_of(lambda stack: build(stack, names=())), "AWS::ApiGateway::RestApi")
    assert other["MinimumCompressionSize"] == 1024


def test_each_assistant_has_a_path_of_its_own(made: Template) -> None:
    parts = {each["PathPart"] for each in properties(made, "AWS::ApiGateway::Resource")}
    assert parts == {"chat", "assistants", "helper", "a1-b", "answers"}
    sources = [json.dumps(each["SourceArn"]) for each in properties(made, "AWS::Lambda::Permission")]
    for name in ("helper", "a1-b"):
        assert sum(f"/v1/POST/assistants/{name}/answers" in each for each in sources) == 1
    assert set(functions(made)) == {"helper", "a1-b"}


def test_an_assistant_streams_its_models_through_the_guardrail_only(made: Template) -> None:
    (role,) = [each for each in made.find_resources("AWS::IAM::Role") if each.startswith("AssistanthelperFunctionRole")]
    (guardrail,) = made.find_resources("AWS::Bedrock::GuardrailVersion")
    through = {"bedrock:GuardrailIdentifier": {"Fn::GetAtt": [guardrail, "GuardrailArn"]}}
    assert_denies(made, role, "bedrock:InvokeModelWithResponseStream", ARN)
    statement = json.dumps(made.find_resources("AWS::IAM::ManagedPolicy"))
    assert "bedrock:InvokeModelWithResponseStream" in statement
    assert_denies(made, role, "bedrock:InvokeModelWithResponseStream", ARN.replace("lite", "pro"), through)
    assert_allows(made, role, "dynamodb:UpdateItem", made_table(made))


def made_table(template: Template) -> str:
    (table,) = template.find_resources("AWS::DynamoDB::Table")
    return table


def test_openais_form_is_off_unless_it_is_asked_for(made: Template) -> None:
    assert not {"openai", "completions", "models"} & {
        each["PathPart"] for each in properties(made, "AWS::ApiGateway::Resource")
    }
    template = template_of(
        lambda stack: build(stack, names=("helper", "other"), openai=True, origins=("https://mine.example.com",))
    )
    methods = properties(template, "AWS::ApiGateway::Method")
    assert sorted(each["HttpMethod"] for each in methods) == ["GET"] * 2 + ["OPTIONS"] * 7 + ["POST"] * 5
    for method in methods:
        if method["HttpMethod"] == "OPTIONS":
            assert "AuthorizationScopes" not in method
        else:
            assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
            assert method["AuthorizationScopes"] == ["genai/ask"]
    allowed = [
        response["ResponseParameters"]["method.response.header.Access-Control-Allow-Methods"]
        for method in methods
        if method["HttpMethod"] == "OPTIONS"
        for response in method["Integration"]["IntegrationResponses"]
    ]
    assert sorted(allowed) == ["'GET'"] * 2 + ["'POST'"] * 5
    sources = json.dumps([each["SourceArn"] for each in properties(template, "AWS::Lambda::Permission")])
    for name in ("helper", "other"):
        assert f"/v1/POST/assistants/{name}/openai/chat/completions" in sources
        assert f"/v1/GET/assistants/{name}/openai/models" in sources
    names = {each["Name"] for each in properties(template, "AWS::ApiGateway::Model")}
    assert names == {"ChatRequest", "AnswerRequest", "CompletionRequest"}


def test_names_that_are_made_of_others_do_not_meet() -> None:
    names = ("helper", "helper-completions", "helper-models", "chat-helper", "chat", "s", "models", "a1-b", "a1b")
    template = template_of(lambda stack: build(stack, names=names, openai=True, origins=("https://mine.example.com",)))
    assert set(functions(template)) == set(names)
    assert len(properties(template, "AWS::ApiGateway::Method")) == 2 * (1 + 3 * len(names))


def test_a_change_of_the_way_of_the_response_is_deployed() -> None:
    def deployment(**given: Any) -> str:
        (name,) = template_of(lambda stack: build(stack, **given)).find_resources("AWS::ApiGateway::Deployment")
        return str(name)

    assert len({deployment(), deployment(names=()), deployment(timeout_seconds=60)}) == 3


def test_pages_may_ask_each_assistant(made: Template) -> None:
    template = template_of(lambda stack: build(stack, origins=("https://mine.example.com",)))
    options = [each for each in properties(template, "AWS::ApiGateway::Method") if each["HttpMethod"] == "OPTIONS"]
    assert len(options) == 2
    (function,) = functions(template).values()
    assert json.loads(function["Environment"]["Variables"]["ORIGINS"]) == ["https://mine.example.com"]
    assert not [each for each in properties(made, "AWS::ApiGateway::Method") if each["HttpMethod"] == "OPTIONS"]


def test_the_script_that_starts_the_loop_can_be_run() -> None:
    path, _ = package(("assistant", "contract", "streaming"))
    with zipfile.ZipFile(path) as packed:
        modes = {each.filename: each.external_attr >> 16 for each in packed.infolist()}
    assert modes.pop("functions/streaming/start") == 0o755
    assert set(modes.values()) == {0o644}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kind": "retrieval"}, "answers from a knowledge base"),
        ({"models": ["amazon.titan-embed-text-v2:0"]}, "not for chat"),
        ({"models": [MODEL], "max_tokens": 100_000}, "gives at most"),
        ({"timeout_seconds": 901}, "timeout_seconds"),
    ],
)
def test_what_cannot_answer_is_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidValueError, match=expected):
        build(new_stack(), **options)


@pytest.mark.parametrize("name", ["", "Helper", "a b", "a/b", "a--b", "a-", "1a", "a" * 33, "a\n"])
def test_a_name_that_is_no_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="is no name of an assistant"):
        build(new_stack(), names=(name,))


def test_two_assistants_of_one_name_are_refused() -> None:
    def twice(stack: cdk.Stack) -> None:
        original = Assistant.__init__

        def renamed(self: Assistant, *arguments: Any, **given: Any) -> None:
            original(self, *arguments, **{**given, "name": "helper"})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Assistant, "__init__", renamed)
            build(stack, names=("one", "two"))

    with pytest.raises(InvalidValueError, match="Two assistants are called helper"):
        twice(new_stack())


def test_reference_has_assistants_of_each_kind(reference: Synthesized) -> None:
    found = functions(Template.from_json(reference.template("application")))
    tools = {name: each["Environment"]["Variables"].get("TOOLS") for name, each in found.items()}
    assert tools == {
        "helper": None,
        "handbook": None,
        "desk": "agent",
        "figures": "insight",
        "developer": "code",
        "author": "content",
    }
    assert "KNOWLEDGE_BASE" in found["handbook"]["Environment"]["Variables"]
    assert "KNOWLEDGE_BASE" not in found["helper"]["Environment"]["Variables"]


@pytest.mark.parametrize(
    ("application", "parts"),
    [
        ({"assistants": {"helper": {}}}, ["application.assistants", "the API of chat", "Add chat"]),
        ({"chat": {}, "assistants": {"Helper": {}}}, ["application.assistants.Helper", "lower-case"]),
        ({"chat": {}, "assistants": {"a--b": {}}}, ["application.assistants.a--b", "single hyphens"]),
        (
            {"chat": {}, "assistants": {"helper": {"models": ["amazon.nova-pro-v1:0"]}}},
            ["application.assistants.helper.models", "not among models.bedrock.models", MODEL],
        ),
        (
            {"chat": {}, "assistants": {"helper": {"kind": "retrieval"}}},
            ["application.assistants.helper.knowledge", "answers from a knowledge base"],
        ),
        (
            {"chat": {}, "assistants": {"helper": {"kind": "retrieval", "knowledge": "absent"}}},
            ["application.assistants.helper.knowledge", "absent is not among models.knowledge"],
        ),
        (
            {"chat": {}, "assistants": {"helper": {"knowledge": "absent"}}},
            ["application.assistants.helper.knowledge", "kind chat does not use"],
        ),
        (
            {"chat": {}, "assistants": {"helper": {"max_tokens": 100000}}},
            ["application.assistants.helper.max_tokens", "gives at most"],
        ),
        (
            {"chat": {}, "assistants": {"helper": {"parameters": {"amazon.nova-pro-v1:0": {"top_p": 0.5}}}}},
            ["application.assistants.helper.parameters", "not offered"],
        ),
        (
            {"chat": {}, "assistants": {"helper": {"kind": "chatt"}}},
            ["application.assistants.helper.kind", "Did you mean chat"],
        ),
    ],
)
def test_settings_that_cannot_be_are_told(tmp_path: Path, application: dict[str, Any], parts: list[str]) -> None:
    told = message(tmp_path, {**BASE, "models": {"bedrock": {"models": [MODEL]}}, "application": application})
    assert all(part in told for part in parts), told


@pytest.fixture(scope="module")
def storing() -> Template:
    return template_of(
        lambda stack: build(stack, kept=HistoryOptions(days=7, turns=3), origins=("https://mine.example.com",))
    )


def role_of(template: Template, start: str) -> str:
    (found,) = [each for each in template.find_resources("AWS::IAM::Role") if each.startswith(start)]
    return found


def test_conversations_are_encrypted_and_expire(storing: Template) -> None:
    table = next(
        each
        for each in properties(storing, "AWS::DynamoDB::Table")
        if {"AttributeName": "pk", "KeyType": "HASH"} in each["KeySchema"]
    )
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    for function in functions(storing).values():
        variables = function["Environment"]["Variables"]
        assert (variables["HISTORY_DAYS"], variables["HISTORY_TURNS"]) == ("7", "3")


def test_assistants_write_conversations_and_delete_nothing(storing: Template) -> None:
    (table,) = [each for each in storing.find_resources("AWS::DynamoDB::Table") if each.startswith("History")]
    assistant, shown = role_of(storing, "AssistanthelperFunctionRole"), role_of(storing, "HistoryFunctionRole")
    for action in ("GetItem", "PutItem", "Query", "UpdateItem"):
        assert_allows(storing, assistant, f"dynamodb:{action}", table)
    for action in ("DeleteItem", "BatchWriteItem", "Scan"):
        assert_denies(storing, assistant, f"dynamodb:{action}", table)
    assert_allows(storing, shown, "dynamodb:BatchWriteItem", table)
    assert_denies(storing, shown, "dynamodb:Scan", table)
    (budget,) = [each for each in storing.find_resources("AWS::DynamoDB::Table") if each.startswith("Budget")]
    assert_denies(storing, shown, "dynamodb:UpdateItem", budget)
    assert_denies(storing, shown, "bedrock:InvokeModel", ARN)


def test_every_method_of_conversations_asks_who_it_is(storing: Template) -> None:
    paths = {each["PathPart"] for each in properties(storing, "AWS::ApiGateway::Resource")}
    assert {
        "conversations",
        "{conversation}",
        "link",
        "shared",
        "{link}",
        "export",
        "{answer}",
        "stop",
        "feedback",
    } <= paths
    methods = properties(storing, "AWS::ApiGateway::Method")
    for method in methods:
        assert method["HttpMethod"] == "OPTIONS" or method["AuthorizationType"] == "COGNITO_USER_POOLS"
    allowed = {
        response["ResponseParameters"]["method.response.header.Access-Control-Allow-Methods"]
        for method in methods
        if method["HttpMethod"] == "OPTIONS"
        for response in method["Integration"]["IntegrationResponses"]
    }
    assert {"'GET,PATCH,DELETE'", "'GET,DELETE'", "'POST,DELETE'", "'PUT'"} <= allowed
    sources = json.dumps([each["SourceArn"] for each in properties(storing, "AWS::Lambda::Permission")])
    for path in (
        "/v1/PATCH/conversations/*",
        "/v1/POST/answers/*/stop",
        "/v1/GET/shared/*",
        "/v1/DELETE/conversations",
    ):
        assert path in sources


def test_budgets_of_groups_and_money_reach_the_function() -> None:
    limits = UsageBudgetOptions(
        usd_per_month=20, groups={"interns": GroupBudget(usd_per_day=5, tokens_per_month=10_000)}
    )
    variables = functions(template_of(lambda stack: build(stack, limits=limits)))["helper"]["Environment"]["Variables"]
    assert json.loads(variables["BUDGET_MONTH"]) == {"micros": 20_000_000}
    assert json.loads(variables["BUDGET_GROUPS"]) == {
        "interns": {"day": {"micros": 5_000_000}, "month": {"tokens": 10_000}}
    }
    assert json.loads(variables["PRICES"]) == {MODEL: [0.06, 0.24]}


def test_money_is_not_counted_where_it_is_not_limited(made: Template) -> None:
    assert "PRICES" not in functions(made)["helper"]["Environment"]["Variables"]


def test_settings_refuse_a_history_without_assistants(tmp_path: Path) -> None:
    found = message(
        tmp_path, {**BASE, "models": {"bedrock": {"models": [MODEL]}}, "application": {"chat": {}, "history": {}}}
    )
    assert "application.history" in found


@pytest.mark.parametrize(
    ("budget", "where"),
    [
        ({"groups": {"interns": {}}}, "groups.interns.tokens_per_day"),
        ({"groups": {"Interns": {"usd_per_day": 1}}}, "groups.Interns"),
        ({"usd_per_day": 0}, "usd_per_day"),
    ],
)
def test_settings_refuse_budgets_that_limit_nothing(tmp_path: Path, budget: dict[str, Any], where: str) -> None:
    found = message(
        tmp_path, {**BASE, "models": {"bedrock": {"models": [MODEL]}}, "application": {"chat": {"budget": budget}}}
    )
    assert f"application.chat.budget.{where}" in found


def alarms(template: Template) -> dict[str, list[dict[str, Any]]]:
    """Alarms by their metric."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in properties(template, "AWS::CloudWatch::Alarm"):
        found.setdefault(each["MetricName"], []).append(each)
    return found


def test_lock_outs_failures_and_slow_answers_of_each_assistant_raise_alarms(made: Template) -> None:
    found = alarms(made)
    names = {id for id in made.find_resources("AWS::Lambda::Function") if id.startswith("Assistant")}
    for metric, runbook in (
        ("LockedOut", "guardrail-lockout"),
        ("Failed", "failed-answers"),
        ("FirstTokenMilliseconds", "slow-first-token"),
    ):
        own = [each for each in found[metric] if {"Name": "service", "Value": "assistant"} in each["Dimensions"]]
        watched = {each["Value"]["Ref"] for alarm in own for each in alarm["Dimensions"] if each["Name"] == "function"}
        assert watched == names, metric
        assert all(each["AlarmDescription"].endswith(f"docs/runbooks/{runbook}.md") for each in own)
        assert all(each["AlarmActions"] for each in own)
    assert len(found["LockedOut"]) == 3  # the chat's too


def test_the_threshold_of_the_first_token_is_a_setting() -> None:
    template = template_of(lambda stack: build(stack, first_token_seconds=2.5))
    (slow,) = alarms(template)["FirstTokenMilliseconds"]
    assert (slow["Threshold"], slow["ExtendedStatistic"], slow["EvaluationPeriods"]) == (2500, "p90", 3)
    assert slow["ComparisonOperator"] == "GreaterThanThreshold"


def test_content_is_logged_where_the_settings_say_so(made: Template) -> None:
    assert all("LOG_CONTENT" not in each["Environment"]["Variables"] for each in functions(made).values())
    logged = functions(template_of(lambda stack: build(stack, log_content=True)))
    assert logged["helper"]["Environment"]["Variables"]["LOG_CONTENT"] == "true"

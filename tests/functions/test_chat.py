"""The chat function answers, and turns everything that can go wrong into a clear HTTP error."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from hypothesis import given, settings, strategies as st

from aws_genai.data.bedrock_parameters import ModelParameters
from aws_genai.functions.chat.environment import Environment
from aws_genai.functions.usage_budget.budget import Amount, Reservation
from aws_genai.models.access.inference import Inference, requests_of
from aws_genai.packaging.dependencies import bundle
from tests.conftest import Synthesized

MODEL = "amazon.nova-lite-v1:0"
NO_TEMPERATURE = "anthropic.claude-opus-5"
CONTEXT = SimpleNamespace(
    function_name="chat",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:x",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 29_000,
)


@pytest.fixture(scope="module", autouse=True)
def variables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "POWERTOOLS_TRACE_DISABLED": "true",
            "POWERTOOLS_SERVICE_NAME": "chat",
            "MODELS": json.dumps(requests_of([MODEL, NO_TEMPERATURE], Inference(max_tokens=500), {})),
            "SYSTEM_PROMPT": "Be brief.",
            "GUARDRAIL_ID": "guard",
            "GUARDRAIL_VERSION": "3",
            "CLIENT_IDS": '["own"]',
        }.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    from aws_genai.functions.chat import handler

    client = boto3.client("bedrock-runtime")
    monkeypatch.setattr(handler, "client", lambda _service, _seconds: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


CLAIMS = {"sub": "u", "cognito:groups": "staff", "client_id": "own", "token_use": "access"}
CLAIMED = {"authorizer": {"claims": CLAIMS}}


def call(body: Any) -> tuple[int, dict[str, Any]]:
    from aws_genai.functions.chat.handler import handler

    event = {"body": body if isinstance(body, str) or body is None else json.dumps(body), "requestContext": CLAIMED}
    response = handler(event, CONTEXT)
    assert response["headers"]["Cache-Control"] == "no-store"
    return response["statusCode"], json.loads(response["body"])


@pytest.mark.parametrize(("asleep", "status"), [(1, 200), (2, 503)], ids=["wakes up", "sleeps on"])
def test_documents_that_sleep_are_tried_again_once(monkeypatch: pytest.MonkeyPatch, asleep: int, status: int) -> None:
    from aws_genai.functions.chat import deadline, handler
    from aws_genai.functions.waking import database

    now, made = [0.0], list[tuple[str, int]]()
    left = [asleep]

    def retrieve(**_: Any) -> dict[str, Any]:
        if left[0]:
            left[0] -= 1
            message = "The Aurora DB instance db-X is resuming after being auto-paused."
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Retrieve")
        return {"retrievalResults": []}

    def client(service: str, seconds: int) -> Any:
        made.append((service, seconds))
        return SimpleNamespace(retrieve=retrieve, converse=lambda **_: answer())

    def pause(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setenv("KNOWLEDGE_BASE", "KB1")
    monkeypatch.setattr(handler, "client", client)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(database, "time", SimpleNamespace(sleep=pause))
    response = handler.handler({"body": json.dumps(question()), "requestContext": CLAIMED}, CONTEXT)
    assert response["statusCode"] == status
    assert now[0] == 10
    if status == 503:
        assert json.loads(response["body"])["error"]["code"] == "knowledge_waking"
        assert response["headers"]["Retry-After"] == "20"
        # A model that nobody waits for would be paid all the same.
        assert "bedrock-runtime" not in dict(made)
    else:
        # What the wait took is taken from the model, so that API Gateway is still there for the answer.
        assert dict(made)["bedrock-runtime"] == 16
        assert "Retry-After" not in response["headers"]


class Slow:
    """An account whose every call takes as long as its client waits, on a clock of our own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, retrieval: float = 0, asleep: int = 0) -> None:
        from aws_genai.functions.chat import deadline, handler
        from aws_genai.functions.waking import database

        self.now, self.retrieval, self.asleep = 0.0, retrieval, asleep
        self.asked = list[tuple[str, float]]()
        monkeypatch.setenv("KNOWLEDGE_BASE", "KB1")
        monkeypatch.setattr(handler, "client", self.client)
        monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: self.now, time=lambda: 1e9 + self.now))
        monkeypatch.setattr(database, "time", SimpleNamespace(sleep=self.pass_by))

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def client(self, service: str, seconds: int) -> Any:
        self.asked.append((service, seconds))

        def retrieve(**_: Any) -> dict[str, Any]:
            self.pass_by(self.retrieval)
            if self.asleep:
                self.asleep -= 1
                message = "The Aurora DB instance db-X is resuming after being auto-paused."
                raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Retrieve")
            return {"retrievalResults": []}

        def converse(**_: Any) -> dict[str, Any]:
            self.pass_by(2 + seconds)
            raise ReadTimeoutError(endpoint_url="https://bedrock")

        return SimpleNamespace(retrieve=retrieve, converse=converse)


@pytest.mark.parametrize("cold", [0, 3, 9, 15, 21, 27])
@pytest.mark.parametrize("retrieval", [0.2, 4, 6])
@pytest.mark.parametrize("asleep", [0, 1, 2])
def test_whatever_takes_long_the_answer_leaves_in_time(
    monkeypatch: pytest.MonkeyPatch, cold: float, retrieval: float, asleep: int
) -> None:
    """Connections take 2 s and responses as long as their clients wait; API Gateway ends a request after 29 s."""
    from aws_genai.functions.chat.handler import handler

    account = Slow(monkeypatch, retrieval=retrieval, asleep=asleep)
    requested = {**CLAIMED, "requestTimeEpoch": (1e9 - cold) * 1000}
    response = handler({"body": json.dumps(question()), "requestContext": requested}, CONTEXT)
    code = json.loads(response["body"])["error"]["code"]
    assert code in ("model_timeout", "knowledge_waking", "out_of_time")
    assert account.now + cold < 29
    assert all(seconds >= 4 for service, seconds in account.asked if service == "bedrock-runtime")


ASKED = '{"messages": [{"role": "user", "text": "x"}]'


@pytest.mark.parametrize(
    "body",
    [
        '{"messages": [{"role": "user", "text": "\\ud800"}]}',
        '{"messages": [{"role": "user", "text": "x\\udfff y"}]}',
        ASKED + ', "temperature": NaN}',
        ASKED + ', "temperature": -Infinity}',
        ASKED + ', "temperature": 1e999}',
        ASKED + f', "max_tokens": {"9" * 5000}}}',
        ASKED + ', "model": "a", "model": "b"}',
        '{"messages": [{"role": "user", "text": "x", "text": "y"}]}',
        "[" * 100_000,
        "\ud800",
    ],
    ids=[
        "half a pair",
        "the other half",
        "NaN",
        "infinity",
        "huge",
        "digits",
        "twice",
        "text twice",
        "deep",
        "raw half",
    ],
)
def test_a_body_that_readers_understand_differently_is_refused_before_anything_is_paid(
    stub: Stubber, body: str
) -> None:
    status, told = call(body)
    assert (status, told["error"]["code"]) == (400, "malformed_request")


def test_a_whole_pair_is_a_character(stub: Stubber) -> None:
    stub.add_response("converse", answer())
    assert call('{"messages": [{"role": "user", "text": "\\ud83d\\ude00"}]}')[0] == 200


def test_a_function_with_less_time_gives_the_model_less(monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.chat.handler import handler

    account = Slow(monkeypatch)
    context = SimpleNamespace(**{**vars(CONTEXT), "get_remaining_time_in_millis": lambda: 16_000})
    event = {"body": json.dumps(question()), "requestContext": CLAIMED}
    assert handler(event, context)["statusCode"] == 504
    assert dict(account.asked)["bedrock-runtime"] == 12
    assert account.now < 16


@pytest.mark.parametrize("epoch", [1428582896000, 4e12, "soon", None])
def test_a_request_time_that_cannot_be_true_is_not_believed(epoch: Any) -> None:
    from aws_genai.functions.chat.deadline import deadline

    assert deadline({"requestContext": {"requestTimeEpoch": epoch}}, CONTEXT).left() == pytest.approx(28, abs=1)
    assert deadline({"requestContext": None}, CONTEXT).left() == pytest.approx(28, abs=1)


def question(**extra: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "text": "Hello"}], **extra}


def answer(text: str = "Hi", stop: str = "end_turn", **extra: Any) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop,
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
        "metrics": {"latencyMs": 10},
        **extra,
    }


def expected(**extra: Any) -> dict[str, Any]:
    return {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 500, "temperature": 0.5},
        "guardrailConfig": {"guardrailIdentifier": "guard", "guardrailVersion": "3", "trace": "enabled"},
        **extra,
    }


def test_question_is_answered_through_the_guardrail(stub: Stubber) -> None:
    stub.add_response("converse", answer(), expected())
    assert call(question()) == (
        200,
        {"text": "Hi", "model": MODEL, "stop_reason": "end_turn", "input_tokens": 3, "output_tokens": 2},
    )


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"max_tokens": 100, "temperature": 0.1}, {"maxTokens": 100, "temperature": 0.1}),
        ({"max_tokens": 9999, "temperature": 1}, {"maxTokens": 500, "temperature": 0.5}),
    ],
)
def test_parameters_stay_within_the_settings(stub: Stubber, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    stub.add_response("converse", answer(), expected(inferenceConfig=sent))
    assert call(question(**asked))[0] == 200


def test_a_model_that_takes_no_temperature_gets_none(stub: Stubber) -> None:
    stub.add_response("converse", answer(), expected(modelId=NO_TEMPERATURE, inferenceConfig={"maxTokens": 500}))
    assert call(question(model=NO_TEMPERATURE, temperature=0.2))[0] == 200


def test_a_model_is_called_under_the_application_s_name(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.chat import handler

    named = replace(handler.limits(), profiles={MODEL: "arn:aws:bedrock:us-east-1:1:application-inference-profile/a"})
    monkeypatch.setattr(handler, "limits", lambda: named)
    stub.add_response("converse", answer(), expected(modelId=named.profiles[MODEL]))
    assert call(question())[1]["model"] == MODEL


def test_a_model_that_reasons_is_told_how_long(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.chat import handler

    own = ModelParameters(reasoning_effort="medium", max_tokens=900)
    limits = replace(handler.limits(), models=requests_of([NO_TEMPERATURE], Inference(), {NO_TEMPERATURE: own}))
    monkeypatch.setattr(handler, "limits", lambda: limits)
    fields = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}
    told = {"inferenceConfig": {"maxTokens": 900}, "additionalModelRequestFields": fields}
    stub.add_response("converse", answer(), expected(modelId=NO_TEMPERATURE, **told))
    assert call(question(temperature=0.1))[0] == 200


@pytest.mark.parametrize(
    ("claimed", "code"),
    [
        (CLAIMS, None),
        ({**CLAIMS, "client_id": "other"}, "wrong_client"),
        # The program of another application names its client as its subject.
        ({**CLAIMS, "client_id": "other", "sub": "other"}, "wrong_client"),
        ({**CLAIMS, "sub": "own"}, "wrong_client"),
        ({name: CLAIMS[name] for name in ("client_id", "token_use")}, "wrong_client"),
        ({**CLAIMS, "token_use": "id"}, "unauthorized"),
        ({"sub": "u", "aud": "own", "token_use": "id"}, "unauthorized"),
        ({"sub": "u", "client_id": "own"}, "unauthorized"),
        ({"sub": "u", "token_use": "access"}, "unauthorized"),
        (None, "unauthorized"),
    ],
)
def test_only_access_tokens_of_own_app_clients_are_taken(stub: Stubber, claimed: Any, code: str | None) -> None:
    from aws_genai.functions.chat.handler import handler

    if code is None:
        stub.add_response("converse", answer())
    event = {"body": json.dumps(question()), "requestContext": {"authorizer": {"claims": claimed}}}
    response = handler(event, CONTEXT)
    assert response["statusCode"] == {None: 200, "wrong_client": 403, "unauthorized": 401}[code]
    assert json.loads(response["body"]).get("error", {}).get("code") == code


@pytest.mark.parametrize("sub", [{}, {"sub": "robot"}], ids=["without a subject", "with its client as subject"])
def test_a_program_is_counted_by_its_client_and_its_own_limits(
    stub: Stubber, monkeypatch: pytest.MonkeyPatch, sub: dict[str, str]
) -> None:
    from aws_genai.functions.chat import handler

    reserved: list[tuple[str, Any]] = []

    class Counters:
        """Counters that note whose limits they keep."""

        tokens_per_day = 100_000

        def __init__(self, limits: Any = None) -> None:
            self.limits = limits

        def limited(self, **limits: Any) -> Counters:
            return Counters(limits)

        def reserve(self, who: str, amount: Amount, _groups: Any = ()) -> Any:
            reserved.append((who, self.limits))
            return Reservation((), amount)

        def settle(self, *_: Any, **__: Any) -> None:
            pass

    limits = {"day": {"requests": 3, "tokens": 900_000, "blocks": 2}, "month": {"micros": 5}}
    monkeypatch.setenv("MACHINES", json.dumps({"robot": {"budget": limits}, "other": {}}))
    monkeypatch.setattr(handler, "counting", Counters)
    for client in ("robot", "other"):
        stub.add_response("converse", answer())
        token = {**dict.fromkeys(sub, client), "client_id": client, "token_use": "access", "scope": "genai/ask"}
        event = {"body": json.dumps(question()), "requestContext": {"authorizer": {"claims": token}}}
        assert handler.handler(event, CONTEXT)["statusCode"] == 200
    assert reserved == [("robot", limits), ("other", None)]


def test_a_program_reads_documents_of_its_own_groups_alone() -> None:
    from aws_genai.functions.chat.request import caller

    own = Environment.read({**os.environ, "MACHINES": '{"robot": {"groups": ["hr"]}, "other": {}}'})
    for client, groups in (("robot", ["hr"]), ("other", [])):
        token = {"client_id": client, "token_use": "access", "cognito:groups": "staff"}
        who = caller(own, {"requestContext": {"authorizer": {"claims": token}}})
        assert (who.id, who.groups) == (client, groups)


@pytest.mark.parametrize(
    ("sent", "allowed"),
    [
        ({"origin": "https://a.example.com"}, "https://a.example.com"),
        ({"Origin": "https://b.example.com"}, "https://b.example.com"),
        ({"Origin": "https://a.example.com.evil.org"}, None),
        ({"Origin": "null"}, None),
        ({}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("body", [question(), "{"], ids=["answered", "refused"])
def test_pages_of_listed_origins_may_read_responses(
    stub: Stubber, monkeypatch: pytest.MonkeyPatch, sent: Any, allowed: str | None, body: Any
) -> None:
    from aws_genai.functions.chat.handler import handler

    monkeypatch.setenv("ORIGINS", '["https://a.example.com", "https://b.example.com"]')
    if body != "{":
        stub.add_response("converse", answer())
    event = {"body": body if body == "{" else json.dumps(body), "headers": sent, "requestContext": CLAIMED}
    headers = handler(event, CONTEXT)["headers"]
    assert headers.get("Access-Control-Allow-Origin") == allowed
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("ThrottlingException", 429, "throttled"),
        ("ServiceQuotaExceededException", 429, "quota_exceeded"),
        ("ModelNotReadyException", 503, "model_not_ready"),
        ("ServiceUnavailableException", 503, "model_unavailable"),
        ("ModelTimeoutException", 504, "model_timeout"),
        ("ModelErrorException", 502, "model_failed"),
        ("InternalServerException", 502, "model_failed"),
        ("ResourceNotFoundException", 404, "unknown_model"),
        ("ValidationException", 400, "malformed_request"),
        ("AccessDeniedException", 502, "model_denied"),
        ("SomethingNewException", 502, "model_failed"),
    ],
)
def test_errors_of_the_service(stub: Stubber, code: str, status: int, name: str) -> None:
    stub.add_client_error("converse", code, "secret detail", 400)
    got, body = call(question())
    assert (got, body["error"]["code"]) == (status, name)
    assert "secret detail" not in body["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (ReadTimeoutError(endpoint_url="https://bedrock"), 504, "model_timeout"),
        (EndpointConnectionError(endpoint_url="https://bedrock"), 503, "model_unavailable"),
        (RuntimeError("unforeseen"), 500, "internal_error"),
    ],
)
def test_errors_on_the_way(monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, name: str) -> None:
    from aws_genai.functions.chat import handler

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(handler, "client", lambda _service, _seconds: SimpleNamespace(converse=fail))
    got, body = call(question())
    assert (got, body["error"]["code"]) == (status, name)
    assert "unforeseen" not in body["error"]["message"]


def test_blocked_question(stub: Stubber) -> None:
    trace = {"guardrail": {"inputAssessment": {"guard": {}}}}
    stub.add_response("converse", answer("Not that.", "guardrail_intervened", trace=trace))
    assert call(question()) == (403, {"error": {"code": "input_blocked", "message": "Not that."}})


def test_blocked_answer(stub: Stubber) -> None:
    trace = {"guardrail": {"outputAssessments": {"guard": [{}]}}}
    stub.add_response("converse", answer("Not this.", "guardrail_intervened", trace=trace))
    assert call(question()) == (403, {"error": {"code": "output_blocked", "message": "Not this."}})


def test_answer_withheld_by_the_provider(stub: Stubber) -> None:
    stub.add_response("converse", answer("", "content_filtered"))
    assert call(question())[1]["error"]["code"] == "output_blocked"


@pytest.mark.parametrize(
    "response", [{}, {"output": {"message": {"content": []}}}, answer(""), answer() | {"usage": {}}]
)
def test_garbled_answer(monkeypatch: pytest.MonkeyPatch, response: dict[str, Any]) -> None:
    from aws_genai.functions.chat import handler

    monkeypatch.setattr(handler, "client", lambda _service, _seconds: SimpleNamespace(converse=lambda **_: response))
    status, body = call(question())
    assert (status, body["error"]["code"]) == (502, "model_failed")


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "not json",
        "[]",
        "null",
        {},
        {"messages": []},
        {"messages": "Hello"},
        {"messages": [{"role": "system", "text": "Obey"}]},
        {"messages": [{"role": "user", "text": ""}]},
        {"messages": [{"role": "user", "text": "x" * 20_001}]},
        {"messages": [{"role": "user", "text": "a", "tag": "x"}]},
        question(max_tokens=0),
        question(temperature=2),
        question(max_tokens="many"),
        question(guardrail="off"),
        {"messages": [{"role": "assistant", "text": "I answer first"}]},
        {"messages": [{"role": "user", "text": "a"}, {"role": "user", "text": "b"}]},
        {"messages": [{"role": "user", "text": "a"}, {"role": "assistant", "text": "b"}]},
        "[" * 100_000,
    ],
)
def test_malformed_requests(stub: Stubber, body: Any) -> None:
    status, content = call(body)
    assert (status, content["error"]["code"]) == (400, "malformed_request")


def test_unknown_model(stub: Stubber) -> None:
    status, content = call(question(model="anthropic.claude-nothing"))
    assert (status, content["error"]["code"]) == (404, "unknown_model")
    assert MODEL in content["error"]["message"]


def test_an_error_that_is_raised_again_and_again_does_not_grow(stub: Stubber) -> None:
    """One instance that is raised twice keeps the frames of both, and of every request after them."""
    from aws_genai.functions.chat import service
    from aws_genai.functions.chat.errors import ChatError

    def raised() -> ChatError:
        stub.add_client_error("converse", "ThrottlingException", "slow", 400)
        with pytest.raises(ChatError) as failed:
            service.ask(stub.client, expected(), MODEL)
        return failed.value

    def depth(error: BaseException) -> int:
        trace, count = error.__traceback__, 0
        while trace:
            trace, count = trace.tb_next, count + 1
        return count

    first, second = raised(), raised()
    assert first is not second
    assert depth(first) == depth(second)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_body_escapes_as_an_exception(body: Any) -> None:
    assert call(json.dumps(body))[0] == 400


def test_package_runs_as_lambda_would_run_it(reference: Synthesized, tmp_path: Path) -> None:
    """The zip and the layer alone, on any machine: nothing in them is compiled for one platform only."""
    function = next(
        item["Properties"]
        for item in reference.template("application")["Resources"].values()
        if item["Type"] == "AWS::Lambda::Function" and "functions.chat." in item["Properties"]["Handler"]
    )
    code, layer = tmp_path / "code", tmp_path / "layer"
    for archive, folder in ((reference.folder / f"asset.{function['Code']['S3Key']}", code), (bundle(), layer)):
        zipfile.ZipFile(archive).extractall(folder)
    environment = {
        **Environment(
            MODELS={}, SYSTEM_PROMPT="p", GUARDRAIL_ID="g", GUARDRAIL_VERSION="1", CLIENT_IDS=["own"]
        ).variables(),
        "PYTHONPATH": f"{code}:{layer / 'python'}",
        "PATH": os.environ["PATH"],
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    module, name = function["Handler"].rsplit(".", 1)
    program = (
        "from types import SimpleNamespace\n"
        f"from {module} import {name}\n"
        "context = SimpleNamespace(function_name='f', memory_limit_in_mb=1, invoked_function_arn='a', aws_request_id='r',"
        " get_remaining_time_in_millis=lambda: 29000)\n"
        f"print({name}({{'body': '{{}}', 'requestContext': {CLAIMED}}}, context)['statusCode'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "POWERTOOLS_TRACE_DISABLED": "1", "POWERTOOLS_METRICS_DISABLED": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "400"
    assert {path.relative_to(code).parts[-2] for path in code.rglob("handler.py")} == {"chat"}
    assert {path.parent.name for path in code.rglob("*.py")} == {
        "chat",
        "contract",
        "groups",
        "untrusted",
        "usage_budget",
        "waking",
    }


@pytest.mark.parametrize("folder", ["chat", "idle_endpoints", "knowledge_ingestion"])
def test_metrics_are_kept_by_function(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    """An account has several environments, and the alarms of each hear its own."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", f"prod-{folder}")
    handler: Any = importlib.reload(importlib.import_module(f"aws_genai.functions.{folder}.handler"))
    handler.metrics.add_metric(name="Told", unit="Count", value=1)
    handler.metrics.flush_metrics()
    written = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert written["function"] == f"prod-{folder}"
    (kept,) = written["_aws"]["CloudWatchMetrics"]
    assert sorted(kept["Dimensions"][0]) == ["function", "service"]

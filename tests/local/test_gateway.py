"""What API Gateway answers itself: what is not there, too large, too much, too slow, or no response at all."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import urllib3

from local import chat
from tests import load
from tests.conftest import ROOT

from .conftest import Local

STREAMING = ROOT / "constructs" / "aws_genai" / "functions" / "streaming"
Ask = Callable[..., chat.Reply]
JSON = {"Content-Type": "application/json"}
#: What no error may tell: how the service is made.
INSIDE = ("lambda", "function", "genai-local", "ReservedConcurrent", "Traceback", "arn:")


def call(
    local: Local, method: str = "POST", path: str = "/chat", body: bytes = b"{}", **headers: str
) -> urllib3.BaseHTTPResponse:
    url = f"{local.chat.url.removesuffix('/chat')}{path}"
    return urllib3.request(method, url, body=body, headers={**JSON, **headers}, timeout=60, retries=False)


def check(response: urllib3.BaseHTTPResponse, status: int, code: str) -> None:
    """The API's contract: a status, a JSON body with a code and a sentence, and nothing of the inside."""
    assert response.status == status, response.data
    assert response.headers["Content-Type"].startswith("application/json")
    body = json.loads(response.data)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == code
    assert not [word for word in INSIDE if word.lower() in response.data.decode().lower()]


def question(text: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "text": text}]}).encode()


@pytest.fixture
def function(local: Local) -> str:
    return local.resource("application", "AWS::Lambda::Function", "ChatFunction")


@contextmanager
def configured(local: Local, function: str, **changes: Any) -> Iterator[None]:
    """The function with another configuration, and its own again after."""
    functions = local.client("lambda")
    before = functions.get_function_configuration(FunctionName=function)
    functions.update_function_configuration(FunctionName=function, **changes)
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=function, **{name: before[name] for name in changes})
        functions.get_waiter("function_updated_v2").wait(FunctionName=function)


@contextmanager
def code(local: Local, function: str, handler: str, folder: str = "chat") -> Iterator[None]:
    """The function with other code in place of its handler, and its own again after."""
    functions = local.client("lambda")
    template = local.client("cloudformation").get_template(StackName="genai-local-application")["TemplateBody"]
    beginning = {"chat": "ChatFunction", "assistant": "AssistanthelperFunction"}[folder]
    (before,) = [
        each["Properties"]["Code"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Lambda::Function" and name.startswith(beginning)
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("runtime.py", "start"):
            entry = zipfile.ZipInfo(f"functions/streaming/{name}")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, (STREAMING / name).read_bytes())
        archive.writestr(f"functions/{folder}/handler.py", handler)
    functions.update_function_code(FunctionName=function, ZipFile=packed.getvalue())
    try:
        yield
    finally:
        bucket = before["S3Bucket"]
        name = (
            bucket if isinstance(bucket, str) else bucket["Fn::Sub"].replace("${AWS::AccountId}", local.account.account)
        )
        functions.update_function_code(
            FunctionName=function, S3Bucket=name.replace("${AWS::Region}", local.account.region), S3Key=before["S3Key"]
        )


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/nothing"), ("POST", "/chat/more"), ("GET", "/chat"), ("DELETE", "/chat"), ("GET", "/")],
)
def test_what_is_not_there(local: Local, method: str, path: str) -> None:
    check(call(local, method, path), 404, "not_found")


def test_a_token_on_a_path_that_is_not_there_is_no_signature(local: Local) -> None:
    """API Gateway reads Authorization as a signature where no method says otherwise."""
    check(call(local, path="/nothing", Authorization=local.token()), 403, "refused")


def test_a_stage_that_is_not_there_has_no_responses(local: Local) -> None:
    # CloudFront has no behavior for it, so the API is asked itself.
    api = local.resource("application", "AWS::ApiGateway::RestApi")
    url = f"{local.account.url}/_aws/execute-api/{api}/v9/chat"
    response = urllib3.request("POST", url, body=b"{}", headers=JSON, timeout=10, retries=False)
    assert (response.status, json.loads(response.data)) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize("mebibytes", [7, 11])
def test_what_is_too_large(local: Local, mebibytes: int) -> None:
    body = question("x" * (mebibytes * 1024 * 1024))
    check(call(local, body=body, Authorization=local.token()), 413, "request_too_large")


def test_a_full_function_is_told_as_too_much_at_a_time(local: Local, function: str) -> None:
    functions = local.client("lambda")
    before = functions.get_function_concurrency(FunctionName=function)["ReservedConcurrentExecutions"]
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        response = call(local, body=question("Hello"), Authorization=local.token())
    finally:
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=before)
    check(response, 503, "overloaded")
    assert response.headers["Retry-After"] == "1"


def test_throttled_callers_hear_when_to_come_back(local: Local) -> None:
    stage = {"restApiId": local.resource("application", "AWS::ApiGateway::RestApi"), "stageName": "v1"}
    gateway = local.client("apigateway")

    def allow(rate: int, burst: int) -> None:
        values = (("rateLimit", rate), ("burstLimit", burst))
        patches = [{"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(each)} for name, each in values]
        gateway.update_stage(**stage, patchOperations=patches)

    allow(1, 1)
    try:
        responses = [call(local, body=question("Hello"), Authorization=local.token()) for _ in range(3)]
    finally:
        allow(200, 400)
    refused = [each for each in responses if each.status != 200]
    assert refused
    for each in refused:
        check(each, 429, "throttled")
        assert each.headers["Retry-After"] == "1"


def test_a_function_that_does_not_start_is_a_bad_gateway(local: Local, function: str) -> None:
    with configured(local, function, Handler="functions.chat.absent.handler"):
        check(call(local, body=question("Hello"), Authorization=local.token()), 502, "failed")


def test_a_function_that_runs_out_of_time_is_a_bad_gateway(local: Local, ask: Ask, function: str) -> None:
    sleeps = "import time\n\n\ndef handler(event, context):\n    time.sleep(30)\n"
    with code(local, function, sleeps), configured(local, function, Timeout=2):
        check(call(local, body=question("Hello"), Authorization=local.token()), 502, "failed")
    assert ask("Hello").status == 200


def test_a_slow_model_leaves_the_function_time_to_say_so(local: Local, ask: Ask, function: str) -> None:
    assert ask("Hello").status == 200
    local.home.write(local.home.model, {"url": local.model_url, "model": "", "timeout_seconds": 20})
    with configured(local, function, Timeout=2):
        check(call(local, body=question("slow"), Authorization=local.token()), 504, "out_of_time")


def test_a_function_that_answers_after_the_integration_has_ended(local: Local, ask: Ask) -> None:
    api = local.resource("application", "AWS::ApiGateway::RestApi")
    gateway = local.client("apigateway")
    (resource,) = [each["id"] for each in gateway.get_resources(restApiId=api)["items"] if each["path"] == "/chat"]
    where = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}

    def wait_for(milliseconds: int) -> None:
        patch = {"op": "replace", "path": "/timeoutInMillis", "value": str(milliseconds)}
        gateway.update_integration(**where, patchOperations=[patch])

    assert ask("Hello").status == 200
    local.home.write(local.home.model, {"url": local.model_url, "model": "", "timeout_seconds": 20})
    wait_for(1000)
    try:
        check(call(local, body=question("slow"), Authorization=local.token()), 504, "model_timeout")
    finally:
        wait_for(29_000)


def test_many_callers_get_their_own_answers(local: Local) -> None:
    """A short run of ``make local-load``: no answer is another's, and what is refused is refused in the contract."""
    with load.model() as url:
        local.home.write(local.home.model, {"url": url, "model": "", "timeout_seconds": 10})
        # Two cores may not start 20 environments of the function within the time that API Gateway waits.
        load.load(local.chat, local.token(), load.Run("cold", callers=20, seconds=1, model_seconds=0.2))
        run = load.load(local.chat, local.token(), load.Run("warm", callers=20, seconds=5, model_seconds=0.2))
    local.answers_by(local.model_url)
    assert run.crossed == 0
    assert len(run.answered) >= 20
    assert set(run.refused) <= {"429 throttled"}


# A response is what AWS says it is.


def test_answers_that_are_no_responses() -> None:
    """In the account's own environment, where the emulator is."""
    import subprocess

    from local import emulator
    from local.home import ROOT

    program = """
import json
from local.account.gateway import _is_response as ok
fine = {"statusCode": 200, "headers": {"a": "b"}, "body": "x"}
for good in (fine, json.dumps(fine), {"statusCode": "201"}, {"statusCode": 204, "body": None}):
    assert ok(good), good
bad = [None, "", "text", [], {}, {"statusCode": "many"}, {"statusCode": True}, {"statusCode": 99},
       {"statusCode": 200, "body": {"a": 1}}, {"statusCode": 200, "headers": []},
       {"statusCode": 200, "body": "x" * 7 * 1024 * 1024}]
for each in bad:
    assert not ok(each), str(each)[:80]
"""
    done = subprocess.run(
        [str(emulator.PYTHON), "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr

"""CloudFront in the local account: answers stream through it, nothing goes around it, and its secret is rotated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from local.chat import Reply
from operations.answers import Event, ask as stream

from .conftest import Local
from .streams import PACE, WORDS, Server, streaming

HEADER = "x-origin-verify"
#: Longer than a rotation takes on a machine that is busy; it has no waits here.
ROTATION_SECONDS = 90


@pytest.fixture
def streams(local: Local) -> Iterator[Server]:
    with streaming() as server:
        local.answers_by(server.url)
        yield server
    local.answers_by(local.model_url)


@pytest.fixture(scope="module")
def api_id(local: Local) -> str:
    return local.resource("application", "AWS::ApiGateway::RestApi")


@pytest.fixture(scope="module")
def distribution(local: Local) -> str:
    return local.resource("application", "AWS::CloudFront::Distribution")


@pytest.fixture(scope="module")
def secret(local: Local) -> str:
    return local.resource("application", "AWS::SecretsManager::Secret", "OriginSecret")


@pytest.fixture(scope="module")
def label(local: Local, distribution: str) -> str:
    found = local.client("cloudfront").get_distribution(Id=distribution)["Distribution"]["DomainName"]
    return str(found).partition(".")[0]


def request(local: Local, method: str, path: str, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
    return urllib3.request(method, f"{local.account.url}{path}", headers=headers, timeout=10, retries=False)


def sent(local: Local, distribution: str) -> str:
    config = local.client("cloudfront").get_distribution_config(Id=distribution)["DistributionConfig"]
    (value,) = (
        header["HeaderValue"]
        for origin in config["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
    )
    return str(value)


def accepted(local: Local) -> list[str]:
    name, id, scope = local.resource("application", "AWS::WAFv2::RegexPatternSet").split("|")
    found = local.client("wafv2").get_regex_pattern_set(Name=name, Id=id, Scope=scope)["RegexPatternSet"]
    return [each["RegexString"] for each in found["RegularExpressionList"]]


def test_an_answer_streams_through_cloudfront(local: Local, streams: Server) -> None:
    base = local.chat.url.removesuffix("/chat")
    assert "/_aws/cloudfront/" in base

    def answer() -> Iterator[tuple[float, Event]]:
        for each in stream(base, "helper", local.token(), "count"):
            yield time.monotonic(), each

    list(answer())  # starts the function
    seen = list(answer())
    deltas = [(when, each.data["text"]) for when, each in seen if each.name == "delta"]
    assert "".join(text for _, text in deltas) == "".join(WORDS)
    assert [each.name for _, each in seen][-2:] == ["usage", "done"]
    # The first part is there before the model has written the last: it writes one at a time.
    assert seen[-1][0] - seen[0][0] > PACE * (len(WORDS) - 2)


def test_the_name_of_the_distribution_is_its_address_too(local: Local, label: str) -> None:
    host = {"Host": f"{label}.cloudfront.localhost"}
    answer = request(local, "POST", "/v1/chat", host)
    # The API answers, and asks who it is.
    assert answer.status == 401
    assert json.loads(answer.data)["error"]["code"] == "unauthorized"


def test_every_response_has_security_headers(local: Local, label: str) -> None:
    for path in ("/v1/chat", "/index.html"):
        headers = request(local, "GET", f"/_aws/cloudfront/{label}{path}").headers
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "require-trusted-types-for 'script'" in headers["Content-Security-Policy"]


def test_without_a_page_everything_else_is_forbidden(local: Local, label: str) -> None:
    for path in ("/", "/index.html", "/?list-type=2"):
        assert request(local, "GET", f"/_aws/cloudfront/{label}{path}").status == 403
    assert request(local, "POST", f"/_aws/cloudfront/{label}/").status == 403


def test_a_page_in_the_bucket_is_served(local: Local, label: str) -> None:
    bucket = local.resource("application", "AWS::S3::Bucket", "EdgePage")
    s3 = local.client("s3")
    s3.put_object(Bucket=bucket, Key="hello.html", Body=b"<p>Hello</p>", ContentType="text/html")
    try:
        found = request(local, "GET", f"/_aws/cloudfront/{label}/hello.html")
        assert (found.status, found.data) == (200, b"<p>Hello</p>")
    finally:
        s3.delete_object(Bucket=bucket, Key="hello.html")


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/assistants/helper/answers", "/v1/nothing"])
@pytest.mark.parametrize("value", [None, "", "guessed", "^.*$"])
def test_nothing_goes_around_cloudfront(local: Local, api_id: str, path: str, value: str | None) -> None:
    headers = {"Authorization": local.token(), **({} if value is None else {HEADER: value})}
    answer = request(local, "POST", f"/_aws/execute-api/{api_id}{path}", headers)
    assert answer.status == 403
    assert json.loads(answer.data)["error"]["code"] == "filtered"


def test_a_client_cannot_choose_what_cloudfront_sends(local: Local, label: str) -> None:
    answer = request(local, "POST", f"/_aws/cloudfront/{label}/v1/chat", {HEADER: "guessed"})
    assert answer.status == 401


def test_a_rotation_never_refuses_a_request(
    local: Local, ask: Callable[..., Reply], distribution: str, secret: str, api_id: str
) -> None:
    before = sent(local, distribution)
    manager = local.client("secretsmanager")
    assert accepted(local) == [f"^{before}$"]
    token = manager.rotate_secret(SecretId=secret)["VersionId"]
    statuses: set[int] = set()
    deadline = time.monotonic() + ROTATION_SECONDS
    while not (
        accepted(local) == [f"^{sent(local, distribution)}$"]
        and sent(local, distribution) != before
        # The last step of a rotation.
        and manager.get_secret_value(SecretId=secret)["VersionId"] == token
    ):
        assert time.monotonic() < deadline, manager.describe_secret(SecretId=secret)
        statuses.add(ask("Are you there?").status)
    assert statuses <= {200}
    after = sent(local, distribution)
    current: dict[str, Any] = manager.get_secret_value(SecretId=secret)
    assert (current["VersionId"], current["SecretString"]) == (token, after)
    assert ask("Are you still there?").status == 200
    # What was sent before is refused now.
    old = request(local, "POST", f"/_aws/execute-api/{api_id}/v1/chat", {HEADER: before})
    new = request(local, "POST", f"/_aws/execute-api/{api_id}/v1/chat", {HEADER: after})
    assert (old.status, new.status) == (403, 401)

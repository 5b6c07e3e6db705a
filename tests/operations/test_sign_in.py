"""A sign-in on a user's own machine: what belongs to it is taken, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError

from operations import answers, sign_in
from operations.sign_in import Attempt, Login, SignInError, Tokens

LOGIN = Login("https://issuer.example.com/pool", "https://login.example.com/authorize", "https://x/token", "client")


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


def free() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://localhost:{found.getsockname()[1]}"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The token endpoint: what it was sent, and what it answers."""
    made = SimpleNamespace(sent=[], answer={})

    def request(method: str, url: str, **options: Any) -> Any:
        made.sent.append((method, url, dict(parse_qs(options.get("body") or ""))))
        if isinstance(made.answer, Exception):
            raise made.answer
        data = made.answer if isinstance(made.answer, bytes) else json.dumps(made.answer).encode()
        return SimpleNamespace(data=data)

    monkeypatch.setattr(urllib3, "request", request)
    return made


def good(attempt: Attempt, **changed: Any) -> dict[str, Any]:
    claims = {"iss": LOGIN.issuer, "aud": "client", "nonce": attempt.nonce, "token_use": "id", "exp": time.time() + 60}
    return {"access_token": "the-access-token", "id_token": token(**{**claims, **changed}), "refresh_token": "r"}


def test_a_request_carries_the_digest_of_the_secret_and_never_the_secret() -> None:
    attempt = Attempt(LOGIN)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(attempt.url).query).items()}
    digest = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).decode().rstrip("=")
    assert asked == {
        "response_type": "code",
        "client_id": "client",
        "redirect_uri": "http://localhost:8765",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": digest,
        "code_challenge_method": "S256",
    }
    assert 43 <= len(attempt.verifier) <= 128
    assert attempt.verifier not in f"{attempt.url}{attempt!r}"
    other = Attempt(LOGIN)
    assert not {attempt.verifier, attempt.state, attempt.nonce} & {other.verifier, other.state, other.nonce}


def test_a_code_is_exchanged_with_the_secret(endpoint: Any) -> None:
    attempt = Attempt(LOGIN)
    endpoint.answer = good(attempt)
    tokens = attempt.complete(f"/?{urlencode({'code': 'c', 'state': attempt.state})}")
    assert tokens.access == "the-access-token"
    assert "the-access-token" not in repr(tokens)
    ((method, url, form),) = endpoint.sent
    assert (method, url) == ("POST", LOGIN.token)
    assert form == {
        "grant_type": ["authorization_code"],
        "client_id": ["client"],
        "code": ["c"],
        "redirect_uri": ["http://localhost:8765"],
        "code_verifier": [attempt.verifier],
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"code": "c", "state": "other"}, "its state differs"),
        ({"code": "c"}, "its state differs"),
        ({"state": ""}, "it gave no code"),
        ({"state": "", "error": "access_denied", "error_description": "no"}, "access_denied: no"),
    ],
)
def test_an_answer_to_something_else_is_never_exchanged(endpoint: Any, answer: dict[str, str], said: str) -> None:
    attempt = Attempt(LOGIN)
    mine = {**answer, **({"state": attempt.state} if answer.get("state") == "" else {})}
    with pytest.raises(SignInError, match=said):
        attempt.complete(f"/?{urlencode(mine)}")
    assert endpoint.sent == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nonce": "other"}, "its nonce differs"),
        ({"aud": "other"}, "its aud differs"),
        ({"iss": "https://other"}, "its iss differs"),
        ({"token_use": "access"}, "its token_use differs"),
        ({"exp": 1}, "has expired"),
    ],
)
def test_an_id_token_of_another_sign_in_is_refused(endpoint: Any, changed: dict[str, Any], said: str) -> None:
    attempt = Attempt(LOGIN)
    endpoint.answer = good(attempt, **changed)
    with pytest.raises(SignInError, match=said):
        attempt.complete(f"/?{urlencode({'code': 'c', 'state': attempt.state})}")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "invalid_grant"}, "The code was refused: invalid_grant"),
        ({}, "no token came back"),
        (b"<html>", "no answer that can be read"),
        ([], "something else than JSON"),
        (urllib3.exceptions.HTTPError("down"), "no answer that can be read"),
        ({"access_token": "a", "id_token": "nonsense"}, "is no token"),
    ],
)
def test_a_token_endpoint_that_refuses_is_told(endpoint: Any, answer: Any, said: str) -> None:
    attempt = Attempt(LOGIN)
    endpoint.answer = answer
    with pytest.raises(SignInError, match=said):
        attempt.complete(f"/?{urlencode({'code': 'c', 'state': attempt.state})}")


def test_pages_that_send_a_browser_here_are_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the answer with the state of this sign-in is there, the program goes on waiting."""
    redirect, seen = f"{free()}/signed-in", list[int]()
    real = urllib3.request

    def browse(url: str) -> bool:
        state = parse_qs(urlsplit(url).query)["state"][0]

        def follow() -> None:
            base = redirect.removesuffix("/signed-in").replace("localhost", "127.0.0.1")
            for path in ("/signed-in", "/signed-in?code=x&state=y", f"/other?code=x&state={state}", "/favicon.ico"):
                seen.append(real("GET", f"{base}{path}", timeout=10, retries=False).status)
            seen.append(real("GET", f"{base}/signed-in?code=mine&state={state}", timeout=10, retries=False).status)

        thread.append(threading.Thread(target=follow))
        thread[0].start()
        return True

    thread: list[threading.Thread] = []
    exchanged: list[str] = []
    monkeypatch.setattr(Attempt, "complete", lambda _, answer: exchanged.append(answer) or Tokens("a"))
    assert sign_in.sign_in(LOGIN, redirect, browse, seconds=20).access == "a"
    thread[0].join(10)
    assert seen == [404, 404, 404, 404, 200]
    assert len(exchanged) == 1
    assert "code=mine" in exchanged[0]


def test_nobody_is_waited_for_forever(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SignInError, match="Nobody signed in within 0 seconds"):
        sign_in.sign_in(LOGIN, free(), lambda _: False, seconds=0.2)
    assert LOGIN.authorize in capsys.readouterr().err


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        redirect = f"http://localhost:{taken.getsockname()[1]}"
        with pytest.raises(SignInError, match="Close what uses this port"):
            sign_in.sign_in(LOGIN, redirect, lambda _: pytest.fail("a browser was opened"))


def test_managed_login_is_found_by_the_user_pool(endpoint: Any) -> None:
    endpoint.answer = {"authorization_endpoint": "https://a/authorize", "token_endpoint": "https://a/token"}
    found = Login.discover("eu-west-1", "eu-west-1_x", "client")
    assert (
        endpoint.sent[0][1]
        == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x/.well-known/openid-configuration"
    )
    assert (found.authorize, found.token) == ("https://a/authorize", "https://a/token")
    endpoint.answer = {"issuer": "x"}
    with pytest.raises(SignInError, match="give the user pool a domain"):
        Login.discover("eu-west-1", "eu-west-1_x", "client")


OUTPUTS = {"UsersPoolId1": "us-east-1_x", "UsersClientId2": "client", "ChatUrl3": "https://api.example.com/v1/chat"}


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The stack of an environment: its outputs, or the error of reading them."""
    told: dict[str, Any] = {"outputs": OUTPUTS}

    def describe(StackName: str) -> Any:
        told["stack"] = StackName
        if "error" in told:
            raise told["error"]
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in told["outputs"].items()]}]}

    session = SimpleNamespace(client=lambda _: SimpleNamespace(describe_stacks=describe))
    monkeypatch.setattr(sign_in.boto3, "Session", lambda region_name: session)
    monkeypatch.setattr(Login, "discover", lambda region, pool, client: Login(region, pool, "", client))
    return told


def test_a_deployed_environment_is_found_by_its_settings(cloudformation: dict[str, Any]) -> None:
    found = sign_in.deployed("reference")
    assert cloudformation["stack"] == "genai-reference-application"
    assert (found.api, found.redirect) == ("https://api.example.com/v1", "http://localhost:8765")
    assert (found.login.issuer, found.login.authorize, found.login.client_id) == ("us-east-1", "us-east-1_x", "client")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"outputs": {}}, "has no chat yet: deploy it first"),
        (
            {"error": ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks")},
            "did not answer",
        ),
    ],
)
@pytest.mark.parametrize("command", ["token", "ask"])
def test_what_is_not_deployed_is_one_line(
    cloudformation: dict[str, Any], told: dict[str, Any], said: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation |= told
    called = sign_in.main if command == "token" else answers.main
    assert called([*(["helper", "Hello"] if command == "ask" else []), "--environment", "prod"]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert said in shown.err


def test_settings_without_a_way_back_to_this_machine_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = SimpleNamespace(callback_urls=["https://chat.example.com/"])
    settings = SimpleNamespace(application=SimpleNamespace(chat=chat), prefix="p", region="us-east-1")
    monkeypatch.setattr(sign_in, "load", lambda _: settings)
    with pytest.raises(SignInError, match=r"Add http://localhost:8765 to application\.chat\.callback_urls"):
        sign_in.deployed("prod")
    settings.application = None
    with pytest.raises(SignInError, match=r"no application\.chat to sign in to"):
        sign_in.deployed("prod")


@pytest.mark.parametrize(
    ("events", "code", "out", "err"),
    [
        ([("source", {"document": "a.md"}), ("delta", {"text": "Hi"}), ("done", {})], 0, "[a.md]\nHi\n", ""),
        ([("error", {"status": 429, "code": "throttled", "message": "Later."})], 1, "", "\nLater. (throttled)\n"),
        ([("guardrail", {"code": "input_blocked", "message": "No."})], 1, "", "\nNo. (input_blocked)\n"),
    ],
)
def test_an_answer_is_printed_as_it_arrives(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    events: list[tuple[str, dict[str, Any]]],
    code: int,
    out: str,
    err: str,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(answers, "deployed", lambda _: sign_in.Deployed(LOGIN, "https://api/v1", "http://localhost:1"))
    monkeypatch.setattr(answers, "sign_in", lambda *_: Tokens("the-token"))
    monkeypatch.setattr(
        answers, "ask", lambda *given: asked.append(given) or iter([answers.Event(*each) for each in events])
    )
    assert answers.main(["helper", "Hello"]) == code
    assert asked == [("https://api/v1", "helper", "the-token", "Hello")]
    assert capsys.readouterr() == (out, err)

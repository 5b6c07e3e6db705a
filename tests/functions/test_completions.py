"""The same answers in the form of OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .test_assistant import (
    CLAIMS,
    MODEL,
    PASSAGE,
    Account,
    Stream,
    account,
    aws,
    call,
    counters,
    delta,
    metadata,
    stop,
    streamed,
    variables,
)

__all__ = ["account", "counters", "variables"]

PATH = "/assistants/helper/openai"


def complete(content: Any = "Hello", claims: Any = CLAIMS, **more: Any) -> Stream:
    body = {"messages": [{"role": "user", "content": content}], "model": "helper", **more}
    return call(body, claims, resource=f"{PATH}/chat/completions")


def told(stream: Stream, status: int = 200) -> dict[str, Any]:
    assert stream.status == status
    assert stream.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(stream.body)
    return found


def chunks(stream: Stream) -> list[Any]:
    assert (stream.status, stream.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    *lines, last = stream.body.decode().split("\n\n")
    assert last == ""
    assert all(line.startswith("data: ") for line in lines)
    return [line[6:] if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


def test_a_completion_is_the_whole_answer(account: Account) -> None:
    found = told(complete())
    assert (found["object"], found["model"], found["id"]) == ("chat.completion", MODEL, "chatcmpl-r1")
    (choice,) = found["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Good day", "refusal": None}
    assert choice["finish_reason"] == "stop"
    assert found["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert account.requests[0]["guardrailConfig"]["guardrailIdentifier"] == "guard"


def test_a_stream_is_its_chunks(account: Account) -> None:
    *found, last = chunks(complete(stream=True, stream_options={"include_usage": True}))
    assert last == "[DONE]"
    assert {each["object"] for each in found} == {"chat.completion.chunk"}
    assert len({(each["id"], each["created"], each["model"]) for each in found}) == 1
    assert [each["choices"][0]["delta"] for each in found[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "Good "},
        {"content": "day"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in found[:-1]] == [None, None, None, "stop"]
    assert (found[-1]["choices"], found[-1]["usage"]["total_tokens"]) == ([], 10)
    assert all("usage" not in each for each in chunks(complete(stream=True))[:-1])


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length")],
)
def test_why_an_answer_ended(account: Account, reason: str, finish: str) -> None:
    account.parts = [delta("x"), stop(reason), metadata()]
    assert told(complete())["choices"][0]["finish_reason"] == finish
    assert chunks(complete(stream=True))[-2]["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("streaming", [True, False])
def test_what_the_guardrail_blocks_is_filtered(account: Account, streaming: bool) -> None:
    account.parts = [delta("Blocked."), stop("guardrail_intervened"), metadata()]
    stream = complete(stream=streaming)
    last = chunks(stream)[-2] if streaming else told(stream, 403)
    if streaming:
        assert last["choices"][0]["finish_reason"] == "content_filter"
    else:
        assert (last["error"]["code"], last["error"]["type"]) == ("input_blocked", "permission_error")


def test_messages_of_an_application_are_turns_of_the_user(account: Account) -> None:
    body = {
        "messages": [
            {"role": "system", "content": "Speak French."},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}]},
            {"role": "assistant", "content": "Bonjour"},
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": "How are you?"},
        ]
    }
    told(call(body, resource=f"{PATH}/chat/completions"))
    (request,) = account.requests
    assert [(each["role"], each["content"][0]["text"]) for each in request["messages"]] == [
        ("user", "Speak French.\n\nHello\nthere"),
        ("assistant", "Bonjour"),
        ("user", "Be short.\n\nHow are you?"),
    ]
    # The instructions are those of the settings, whatever a client says.
    assert request["system"] == [{"text": "Be brief."}]


@pytest.mark.parametrize(
    ("more", "config"),
    [
        ({"max_tokens": 9}, {"maxTokens": 9, "temperature": 0.5}),
        ({"max_completion_tokens": 8, "max_tokens": 9}, {"maxTokens": 8, "temperature": 0.5}),
        ({"max_tokens": 9999, "temperature": 1.7}, {"maxTokens": 500, "temperature": 0.5}),
        ({"temperature": 0, "seed": 7, "user": "me", "top_p": None}, {"maxTokens": 500, "temperature": 0}),
    ],
)
def test_parameters_are_bounded_by_the_settings(account: Account, more: dict[str, Any], config: dict[str, Any]) -> None:
    told(complete(**more))
    assert account.requests[0]["inferenceConfig"] == config


@pytest.mark.parametrize(
    ("more", "code", "kind", "status"),
    [
        ({"tools": [{"type": "function"}]}, "malformed_request", "invalid_request_error", 400),
        ({"response_format": {"type": "json_object"}}, "malformed_request", "invalid_request_error", 400),
        ({"n": 2}, "malformed_request", "invalid_request_error", 400),
        ({"messages": []}, "malformed_request", "invalid_request_error", 400),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "malformed_request", "invalid_request_error", 400),
        ({"messages": [{"role": "tool", "content": "x"}]}, "malformed_request", "invalid_request_error", 400),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "malformed_request",
            "invalid_request_error",
            400,
        ),
        (
            {"messages": [{"role": "user", "content": "x" * 15_000}] * 2},
            "malformed_request",
            "invalid_request_error",
            400,
        ),
        ({"model": "gpt-4o"}, "unknown_model", "not_found_error", 404),
        ({"claims": None}, "unauthorized", "authentication_error", 401),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
def test_what_is_refused(
    account: Account, more: dict[str, Any], code: str, kind: str, status: int, streaming: bool
) -> None:
    error = told(complete(stream=streaming, **more), status)["error"]
    assert (error["code"], error["type"], error["param"]) == (code, kind, None)
    assert not account.requests


def test_a_failure_in_the_middle(account: Account) -> None:
    account.parts = [delta("Good "), streamed("serviceUnavailableException")]
    assert chunks(complete(stream=True))[-1]["error"]["code"] == "model_unavailable"
    assert told(complete(), 503)["error"]["type"] == "server_error"
    account.error = aws("ThrottlingException")
    assert told(complete(), 429)["error"]["type"] == "rate_limit_error"


def test_a_spent_budget(account: Account, counters: Any) -> None:
    counters.full = True
    assert told(complete(stream=True), 429)["error"]["type"] == "insufficient_quota"
    assert not account.requests


def test_an_answer_from_documents(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWLEDGE_BASE", "KB1")
    account.found = [PASSAGE]
    assert told(complete())["choices"][0]["message"]["content"] == "Good day"
    account.found = []
    assert told(complete())["choices"][0]["message"]["content"].startswith("I found nothing")


def test_models_are_the_assistant_and_what_it_offers() -> None:
    found = told(call(None, resource=f"{PATH}/models"))
    assert [each["id"] for each in found["data"]] == ["helper", MODEL]
    assert told(call(None, None, resource=f"{PATH}/models"), 401)["error"]["code"] == "unauthorized"

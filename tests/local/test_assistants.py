"""Assistants in the local account: answers arrive as they are written, and end in the right error if they cannot."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from operations.answers import AnswerError, Event, ask, request, stop
from tests import load

from .conftest import Local, verb
from .streams import WORDS, Server, streaming
from .test_clients import PYTHON
from .test_gateway import code, configured

#: Longer than a cold start of a function on a machine that is busy.
START_SECONDS = 60


@pytest.fixture
def streams(local: Local) -> Iterator[Server]:
    with streaming() as server:
        local.answers_by(server.url)
        yield server
    local.answers_by(local.model_url)


@pytest.fixture(scope="module")
def function(local: Local) -> str:
    return local.resource("application", "AWS::Lambda::Function", "AssistanthelperFunction")


def api(local: Local) -> str:
    return local.chat.url.removesuffix("/chat")


def answer(local: Local, question: str | dict[str, Any], assistant: str = "helper") -> list[Event]:
    return list(ask(api(local), assistant, local.token(), question))


def names(found: list[Event]) -> list[str]:
    return [each.name for each in found]


def text(found: list[Event]) -> str:
    return "".join(each.data["text"] for each in found if each.name == "delta")


def test_an_answer_arrives_while_it_is_written(local: Local, streams: Server) -> None:
    answer(local, "count")  # starts the function
    seen = [(time.monotonic(), each) for each in ask(api(local), "helper", local.token(), "count")]
    events = [each for _, each in seen]
    assert names(events)[0] == "meta"
    assert names(events)[-2:] == ["usage", "done"]
    assert text(events) == "".join(WORDS)
    # The request is accepted long before the model has said everything.
    assert seen[-1][0] - seen[0][0] > 0.3
    assert events[-2].data["output_tokens"] > 0


LONG = " ".join(["It goes on and on, as a river does on its way to the sea."] * 6)
SCRIPT = f"""
pace: {{tokens_per_second: 60}}
rules:
  - when: {{contains: secret}}
    answer: "{LONG} And what is called Project Nightingale is known to nobody. {LONG}"
  - when: {{contains: endless}}
    answer: "{" ".join([LONG] * 12)}"
otherwise: {{answer: "{LONG}"}}
"""


@pytest.fixture
def scripted(local: Local, tmp_path: Path) -> Iterator[None]:
    file = tmp_path / "script.yaml"
    file.write_text(SCRIPT)
    local.home.write(local.home.model, {"script": str(file), "timeout_seconds": 30})
    yield
    local.answers_by(local.model_url)


def test_parts_that_the_guardrail_has_assessed_do_not_wait_for_the_others(local: Local, scripted: None) -> None:
    answer(local, "Hello")
    seen = [(time.monotonic(), each) for each in ask(api(local), "helper", local.token(), "Hello")]
    deltas = [at for at, each in seen if each.name == "delta"]
    assert text([each for _, each in seen]) == LONG
    assert len(deltas) > 2
    assert deltas[-1] - deltas[0] > 0.3


def test_an_answer_that_the_guardrail_blocks_in_the_middle_is_told(local: Local, scripted: None) -> None:
    found = answer(local, "Tell me the secret")
    assert names(found)[-2:] == ["guardrail", "done"]
    assert found[-2].data["code"] == "output_blocked"
    assert "Nightingale" not in text(found)


def test_a_model_is_chosen_and_bounded(local: Local, streams: Server) -> None:
    answer(local, {"messages": [{"role": "user", "text": "count"}], "max_tokens": 7, "temperature": 0.1})
    asked = streams.requests[-1]
    assert (asked["max_tokens"], asked["temperature"], asked["stream"]) == (7, 0.1, True)


def test_an_answer_from_documents_names_them(local: Local) -> None:
    local.answers_by(local.model_url)
    files, bucket = local.client("s3"), local.resource("models", "AWS::S3::Bucket", "handbookknowledgeBucket")
    question = "Which colour do visitors' badges have?"

    def ask_until(last: str) -> list[Event]:
        deadline = time.monotonic() + START_SECONDS
        while (found := answer(local, question, "handbook"))[-1].data.get("stop_reason") != last:
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        return found

    # Documents of other tests may still be on their way out.
    found = ask_until("no_support")
    assert names(found) == ["meta", "delta", "usage", "done"]
    assert found[-2].data == {"input_tokens": 0, "output_tokens": 0}
    body = b"Badges policy: badges of visitors are green."
    files.put_object(Bucket=bucket, Key="incoming/policies/badges.md", Body=body)
    try:
        found = ask_until("end_turn")
        assert names(found)[:2] == ["meta", "source"]
        assert found[1].data["document"] == "policies/badges.md"
        assert "badges of visitors are green" in text(found)
    finally:
        files.delete_object(Bucket=bucket, Key="incoming/policies/badges.md")
    ask_until("no_support")


@pytest.mark.parametrize(
    ("question", "status", "expected"),
    [
        ("break off", 502, "model_failed"),
        ("far too long", 400, "malformed_request"),
    ],
)
def test_a_stream_that_breaks_is_told(local: Local, streams: Server, question: str, status: int, expected: str) -> None:
    last = answer(local, question)[-1]
    assert (last.name, last.data["status"], last.data["code"]) == ("error", status, expected)


def test_a_model_that_is_gone_is_told(local: Local) -> None:
    local.answers_by("http://127.0.0.1:9/v1")
    try:
        last = answer(local, "Hello")[-1]
        assert (last.name, last.data["code"]) == ("error", "model_unavailable")
    finally:
        local.answers_by(local.model_url)


def asked(local: Local, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return request(api(local), local.token(), method, path, body)


def test_a_conversation_is_continued_shared_and_erased(local: Local) -> None:
    local.answers_by(local.model_url)
    meta = answer(local, "What is our first topic?")[0].data
    answer(local, {"question": "And the second?", "conversation": meta["conversation"]})
    shown = asked(local, "GET", f"conversations/{meta['conversation']}")
    assert [each["question"] for each in shown["items"]] == ["What is our first topic?", "And the second?"]
    assert {each["state"] for each in shown["items"]} == {"done"}
    assert asked(local, "PATCH", f"conversations/{meta['conversation']}", {"title": "Topics"})["title"] == "Topics"
    assert "Topics" in [each["title"] for each in asked(local, "GET", "conversations")["conversations"]]
    link = asked(local, "POST", f"conversations/{meta['conversation']}/link")["link"]
    assert asked(local, "GET", f"shared/{link}")["title"] == "Topics"
    rating = {"rating": "up", "words": "Right."}
    assert asked(local, "PUT", f"answers/{meta['id']}/feedback", rating)["feedback"] == rating
    assert len(asked(local, "GET", "export")["turns"]) >= 2
    while asked(local, "DELETE", "conversations")["left"]:
        pass
    assert asked(local, "GET", "conversations")["conversations"] == []
    for path in (f"conversations/{meta['conversation']}", f"answers/{meta['id']}", f"shared/{link}"):
        with pytest.raises(AnswerError) as caught:
            asked(local, "GET", path)
        assert caught.value.status == 404


def test_a_retry_is_answered_once(local: Local, streams: Server) -> None:
    body = {"question": "count", "id": f"retry-{time.time_ns()}"}
    first, second = answer(local, body), answer(local, body)
    assert text(first) == text(second) == "".join(WORDS)
    assert second[0].data["conversation"] == first[0].data["conversation"]
    assert len(streams.requests) == 1


def test_an_answer_is_stopped(local: Local, scripted: None) -> None:
    answer(local, "Hello")
    id, seen = f"stopped-{time.time_ns()}", list[Event]()
    for each in ask(api(local), "helper", local.token(), {"question": "Tell me an endless story", "id": id}):
        if each.name == "meta":
            stop(api(local), local.token(), id)
        seen.append(each)
    assert seen[-1].data == {"stop_reason": "stopped"}
    assert len(text(seen)) < 12 * len(LONG)
    assert asked(local, "GET", f"answers/{id}")["state"] == "stopped"


def test_what_the_guardrail_blocks_is_told(local: Local) -> None:
    local.answers_by(local.model_url)
    found = answer(local, "What is project nightingale?")
    assert names(found)[-2:] == ["guardrail", "done"]
    assert found[-2].data["code"] == "input_blocked"


@pytest.mark.parametrize(
    ("assistant", "token", "body", "status", "expected"),
    [
        ("absent", True, {}, 403, "refused"),
        ("helper", False, {"messages": [{"role": "user", "text": "x"}]}, 401, "unauthorized"),
        ("helper", True, {"messages": []}, 400, "malformed_request"),
        ("helper", True, {"question": "x", "conversation": "0" * 26}, 404, "unknown_conversation"),
        ("helper", True, {"messages": [{"role": "user", "text": "x"}], "model": "other"}, 404, "unknown_model"),
    ],
)
def test_what_is_refused_has_a_status_and_a_code(
    local: Local, assistant: str, token: bool, body: dict[str, Any], status: int, expected: str
) -> None:
    with pytest.raises(AnswerError) as caught:
        list(ask(api(local), assistant, local.token() if token else "", body))
    assert (caught.value.status, caught.value.code) == (status, expected)


def test_a_function_that_does_not_start_is_a_bad_gateway(local: Local, function: str) -> None:
    with (
        configured(local, function, Handler="functions.assistant.absent.handler"),
        pytest.raises(AnswerError) as caught,
    ):
        answer(local, "Hello")
    assert (caught.value.status, caught.value.code) == (502, "failed")


def test_a_function_that_fails_in_the_middle_cuts_its_answer_off(local: Local, function: str) -> None:
    fails = (
        "def handler(event, context):\n"
        "    context.stream.begin(200, {'Content-Type': 'text/event-stream'})\n"
        '    context.stream.write(b\'event: delta\\ndata: {"text": "some"}\\n\\n\')\n'
        "    raise RuntimeError('gone')\n"
    )
    seen: list[Event] = []
    with code(local, function, fails, "assistant"), pytest.raises(AnswerError) as caught:
        seen.extend(ask(api(local), "helper", local.token(), "Hello"))
    assert caught.value.code == "cut_off"
    assert answer(local, "Hello")[-1].name == "done"


def test_a_function_that_runs_out_of_time_cuts_its_answer_off(local: Local, function: str) -> None:
    sleeps = (
        "import time\n\n\ndef handler(event, context):\n"
        "    context.stream.begin(200, {'Content-Type': 'text/event-stream'})\n"
        "    context.stream.write(b': here\\n\\n')\n"
        "    time.sleep(30)\n"
    )
    began = time.monotonic()
    with (
        code(local, function, sleeps, "assistant"),
        configured(local, function, Timeout=2),
        pytest.raises(AnswerError) as caught,
    ):
        answer(local, "Hello")
    assert caught.value.code == "cut_off"
    assert time.monotonic() - began < START_SECONDS


def test_whoever_leaves_does_not_disturb_the_next(local: Local, streams: Server) -> None:
    answer(local, "count")
    for _ in range(3):
        leaving = ask(api(local), "helper", local.token(), "count")
        next(leaving)
        leaving.close()  # type: ignore[attr-defined] # a generator
    assert text(answer(local, "count")) == "".join(WORDS)


def test_many_readers_get_their_own_answers(local: Local) -> None:
    """A short run of ``make local-load ASSISTANT=helper``: every answer is whole, and nobody's is another's."""
    with load.model() as url:
        local.home.write(local.home.model, {"url": url, "model": "", "timeout_seconds": 10})
        # The first run starts the functions, which may take long.
        for seconds in (1, 5):
            run = load.load(local.chat, local.token(), load.Run("", 20, seconds, model_seconds=0.2), "helper")
            assert (run.crossed, run.refused) == (0, {})
    local.answers_by(local.model_url)
    assert len(run.answered) >= 20


def test_what_a_function_logs_is_in_its_log_group(local: Local, function: str) -> None:
    group = local.client("lambda").get_function_configuration(FunctionName=function)["LoggingConfig"]["LogGroup"]
    with pytest.raises(AnswerError):
        answer(local, {"messages": [{"role": "user", "text": "x"}], "model": "other"})

    def logged() -> bool:
        found = local.client("logs").filter_log_events(logGroupName=group)["events"]
        return any('"unknown_model"' in each["message"] for each in found)

    deadline = time.monotonic() + 10
    while not logged():
        assert time.monotonic() < deadline, "nothing was logged"
        time.sleep(0.2)


def test_answers_of_a_streaming_api_are_not_compressed(local: Local) -> None:
    response = urllib3.request(
        "POST",
        f"{api(local)}/assistants/helper/answers",
        body=json.dumps({"messages": [{"role": "user", "text": "Hello"}]}).encode(),
        headers={"Content-Type": "application/json", "Authorization": local.token(), "Accept-Encoding": "gzip"},
        timeout=START_SECONDS,
        retries=False,
        decode_content=False,
    )
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert "Content-Encoding" not in response.headers
    assert response.data.startswith(b"event: meta\n")


def test_ask_prints_an_answer_as_it_arrives(local: Local) -> None:
    local.answers_by(local.model_url)
    told = verb(local.home, "ask", "--assistant", "helper", "--question", "Hello")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("tiny heard: Hello\n")
    assert "us.amazon.nova-lite-v1:0, 7 + 5 tokens, asked local as" in told.stdout
    absent = verb(local.home, "ask", "--assistant", "helpr", "--question", "Hello")
    assert (absent.returncode, absent.stdout) == (2, "")
    assert (
        absent.stderr == "There is no assistant helpr. Assistants: author, desk, developer, figures, handbook, helper\n"
    )
    blocked = verb(local.home, "ask", "--assistant", "helper", "--question", "What is project nightingale?")
    assert blocked.returncode == 2
    assert "input_blocked" in blocked.stderr


def test_the_openai_package_works_with_an_assistant(local: Local, streams: Server) -> None:
    """Its authorization header begins with Bearer, as that of every such client."""
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).parent / "openai_client.py")],
        env={"BASE": f"{api(local)}/assistants/helper/openai", "TOKEN": local.token(), "ASKED": "count"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["models"][0] == "helper"
    # The system message is a part of the question.
    assert streams.requests[0]["messages"][-1]["content"] == "Be kind.\n\ncount"
    assert told["whole"] == "".join(told["parts"])
    assert told["finish"] == "stop"
    assert told["tokens"] == told["streamed"] > 0
    assert told["errors"] == {
        "model": ["NotFoundError", "unknown_model"],
        "tools": ["BadRequestError", "malformed_request"],
        "nobody": ["AuthenticationError", 401],
    }


def test_langchain_works_with_an_assistant(local: Local, streams: Server) -> None:
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).parent / "langchain_client.py")],
        env={"BASE": f"{api(local)}/assistants/helper/openai", "TOKEN": local.token(), "ASKED": "count"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["whole"] == "".join(told["parts"]) == "".join(WORDS)
    assert (told["finish"], told["tokens"] > 0) == ("stop", True)


def test_open_webui_asks_in_the_form_that_is_offered(local: Local, streams: Server) -> None:
    """It lists the models, and streams an answer with fields that others do not have.

    https://docs.openwebui.com/
    """
    base, headers = f"{api(local)}/assistants/helper/openai", {"Authorization": f"Bearer {local.token()}"}
    listed = urllib3.request("GET", f"{base}/models", headers=headers, timeout=START_SECONDS, retries=False).json()
    assert (listed["object"], listed["data"][0]["id"]) == ("list", "helper")
    asked = {
        "model": "helper",
        "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "count"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "somebody",
        "metadata": {"chat_id": "1"},
    }
    response = urllib3.request(
        "POST", f"{base}/chat/completions", json=asked, headers=headers, timeout=START_SECONDS, retries=False
    )
    lines = [line.removeprefix("data: ") for line in response.data.decode().split("\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert {each["object"] for each in chunks} == {"chat.completion.chunk"}
    said = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks if each["choices"])
    assert said == "".join(WORDS)
    assert chunks[-1]["usage"]["total_tokens"] > 0


def test_openais_form_is_closed_where_it_is_not_asked_for(local: Local) -> None:
    url = f"{api(local)}/assistants/handbook/openai/models"
    answer = urllib3.request(
        "GET", url, headers={"Authorization": f"Bearer {local.token()}"}, timeout=30, retries=False
    )
    assert answer.status in (403, 404)

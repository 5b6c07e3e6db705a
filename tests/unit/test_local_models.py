"""What answers for a model in the local account: a script, a server's stream, and when its caller leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local import models
from local.account.models import child, chosen, configured, script, server
from local.account.models.asked import (
    Call,
    Caller,
    CallerGoneError,
    CallInput,
    End,
    ModelServerError,
    Piece,
    Question,
    Text,
    said,
)
from local.home import Home, LocalError
from tests.conftest import ROOT
from tests.local.streams import WORDS, Server, streaming

TOOL = {"toolSpec": {"name": "get_weather", "description": "Weather", "inputSchema": {"json": {"type": "object"}}}}


def asked(text: str, **more: Any) -> Question:
    return Question("amazon.nova-lite-v1:0", [{"role": "user", "content": [{"text": text}]}], **more)


def text_of(pieces: list[Piece]) -> str:
    return "".join(each.text for each in pieces if isinstance(each, Text))


# Scripts.


@pytest.fixture
def play(tmp_path: Path) -> Any:
    """Writes a script, and plays it."""
    file = tmp_path / "script.yaml"

    def write(content: str) -> Any:
        file.write_text(content)
        return lambda question, caller=None: list(script.read(file).pieces(question, 5, caller or Caller()))

    return write


def test_the_first_rule_that_fits_answers(play: Any) -> None:
    run = play("""
rules:
  - when: {contains: [Paris, Rome], system_contains: short}
    answer: A city.
  - when: {matches: "order (\\\\d+) of (?P<who>\\\\w+)"}
    answer: 'Order {1} is for {who}, not {unknown}: "{question}" {"json": 1}'
  - when: {conversation_contains: earlier}
    answer: We spoke of it.
  - when: {model: "*claude*"}
    answer: I am another.
otherwise: {answer: Nothing fits.}
""")
    assert text_of(run(asked("in PARIS", system=[{"text": "Be short"}]))) == "A city."
    assert text_of(run(asked("in Paris"))) == "Nothing fits."
    told = text_of(run(asked("where is order 42 of Ada")))
    assert told == 'Order 42 is for Ada, not {unknown}: "where is order 42 of Ada" {"json": 1}'
    before = [{"role": "user", "content": [{"text": "earlier"}]}, {"role": "assistant", "content": [{"text": "yes"}]}]
    now = {"role": "user", "content": [{"guardContent": {"text": {"text": "hi"}}}]}
    assert text_of(run(Question("m", [*before, now]))) == "We spoke of it."
    assert text_of(run(Question("anthropic.claude-v2", [now]))) == "I am another."


def test_a_tool_is_called_and_its_result_answered(play: Any) -> None:
    run = play("""
rules:
  - when: {tool_result: get_weather}
    answer: "It is {tool_result}."
  - when: {contains: weather, offers: get_weather, tool_result: false}
    answer: Let me look.
    call: {tool: get_weather, input: {city: "{question}", days: 2}}
  - when: {contains: both}
    calls: [{tool: get_weather}, {tool: get_weather, input: {n: 2}}]
""")
    tools = {"tools": [TOOL]}
    pieces = run(asked("weather", tools=tools))
    (call,) = [each for each in pieces if isinstance(each, Call)]
    assert call.name == "get_weather"
    given = "".join(each.json for each in pieces if isinstance(each, CallInput))
    assert json.loads(given) == {"city": "weather", "days": 2}
    assert pieces[-1] == End("tool_use", (1, 3 + len([each for each in pieces if isinstance(each, CallInput)])))
    use = {"toolUse": {"toolUseId": call.id, "name": "get_weather", "input": {}}}
    result = {"toolResult": {"toolUseId": call.id, "content": [{"json": {"degrees": 21}}]}}
    history = [
        *asked("weather").messages,
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    assert text_of(run(Question("m", history, tools=tools))) == 'It is {"degrees": 21}.'
    assert len([each for each in run(asked("both", tools=tools)) if isinstance(each, Call)]) == 2
    with pytest.raises(ModelServerError, match="calls the tool get_weather, and the request offers none"):
        run(asked("both"))


def test_turns_come_in_order(play: Any) -> None:
    run = play("""
rules:
  - when: {contains: next}
    turns: [{answer: first}, {answer: second}, {fail: unavailable}]
  - when: {conversation_contains: tale}
    count: conversation
    turns: [{answer: once}, {answer: then}]
""")
    assert [text_of(run(asked("next"))) for _ in range(2)] == ["first", "second"]
    with pytest.raises(ModelServerError) as failed:
        run(asked("next"))
    assert (failed.value.code, failed.value.status) == ("ServiceUnavailableException", 503)
    assert text_of(run(asked("next"))) == "first"
    longer = [
        *asked("a tale").messages,
        {"role": "assistant", "content": [{"text": "once"}]},
        *asked("go on").messages,
    ]
    for _ in range(2):
        assert text_of(run(asked("a tale"))) == "once"
        assert text_of(run(Question("m", longer))) == "then"


@pytest.mark.parametrize("name", sorted(script.FAILURES))
def test_every_failure_is_one_of_bedrocks(play: Any, name: str) -> None:
    after = "after_chunks: 2, " if name == "stream_error" else ""
    run = play(f'rules: [{{answer: one two three, fail: {{as: {name}, {after}message: "because"}}}}]')
    seen: list[Piece] = []
    with pytest.raises(ModelServerError) as failed:
        for each in script.read(run.__closure__[0].cell_contents).pieces(asked("hi"), 0.1, Caller()):
            seen.append(each)
    assert (failed.value.code, failed.value.status) == script.FAILURES[name][:2]
    assert str(failed.value) == "because"
    assert text_of(seen) == ("one two" if after else "")


def test_it_fails_some_times_and_then_answers(play: Any) -> None:
    run = play("rules: [{answer: fine, fail: {as: throttling, times: 2}}]")
    for _ in range(2):
        with pytest.raises(ModelServerError, match="Too many requests"):
            run(asked("hi"))
    assert text_of(run(asked("hi"))) == "fine"


def test_pace(play: Any) -> None:
    run = play("""
pace: {first_token_seconds: 0.2, tokens_per_second: 20}
rules:
  - when: {contains: slow}
    answer: one two three four five
  - answer: ab cd ef
    pace: {characters_per_second: 20}
""")
    began = time.monotonic()
    run(asked("slow"))
    assert time.monotonic() - began >= 0.4
    began = time.monotonic()
    run(asked("other"))
    assert 0.3 <= time.monotonic() - began < 20


def test_a_caller_who_leaves_ends_it(play: Any) -> None:
    run = play("rules: [{answer: a b c, pace: {tokens_per_second: 0.01}}]")
    caller = Caller()
    threading.Timer(0.2, caller.leave).start()
    began = time.monotonic()
    with pytest.raises(CallerGoneError):
        run(asked("hi"), caller)
    assert time.monotonic() - began < 30


def test_limits_of_the_request_hold(play: Any) -> None:
    run = play("rules: [{answer: one two three STOP four}]")
    pieces = run(asked("hi", inference={"maxTokens": 2}))
    assert (text_of(pieces), pieces[-1]) == ("one two", End("max_tokens", (1, 2)))
    pieces = run(asked("hi", inference={"stopSequences": [" STOP"]}))
    assert (text_of(pieces), pieces[-1]) == ("one two three", End("stop_sequence", (1, 3)))


def test_json_follows_the_schema_that_was_asked_for(play: Any) -> None:
    run = play("rules: [{json: {name: Ada, age: 36}, when: {json_asked: true}}]")
    schema = {"name": "person", "schema": {"type": "object", "required": ["name"]}}
    assert json.loads(text_of(run(asked("who", schema=schema)))) == {"name": "Ada", "age": 36}
    assert text_of(run(asked("who"))).startswith("No rule of script.yaml fits")
    schema["schema"]["required"] = ["birthday"]  # type: ignore[index]
    with pytest.raises(ModelServerError, match=r"rules\[0\].json does not follow the schema"):
        run(asked("who", schema=schema))


def test_a_script_that_changes_is_read_again(play: Any) -> None:
    assert text_of(play("rules: [{answer: old}]")(asked("hi"))) == "old"
    run = play("rules: [{answer: newer}]")
    assert text_of(run(asked("hi"))) == "newer"
    with pytest.raises(script.ScriptError):
        play("rules: []")(asked("hi"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rules: [{answr: hi}]", "rules[0]: answr is not known here. Did you mean answer?"),
        ("rule: []", "the file: rule is not known here. Did you mean rules?"),
        ("{}", "the file: rules is missing"),
        ("", "the file: null is no object"),
        ("rules: []", "rules: is empty"),
        ("rules: [{}]", "rules[0]: says nothing. Give one of answer, json, call, calls or fail"),
        (
            "rules: [{when: {contain: x}, answer: a}]",
            "rules[0].when: contain is not known here. Did you mean contains?",
        ),
        ("rules: [{answer: a, fail: throttle}]", "rules[0].fail: 'throttle' is not known. Did you mean throttling?"),
        ("rules: [{answer: a, fail: {as: throtling}}]", "rules[0].fail.as: 'throtling' is not known. Did you mean"),
        (
            "rules: [{answer: a, fail: {as: timeout, after: 1}}]",
            "rules[0].fail: after is not known here. Did you mean after",
        ),
        ("rules: [{answer: a b, fail: {as: timeout, after_chunks: 3}}]", "the answer has 2 pieces only"),
        ("rules: [{answer: a, fail: stream_error}]", "stream_error comes in the middle"),
        ("rules: [{answer: 7}]", "rules[0].answer: 7 is no string"),
        ("rules: [{when: {contains: 7}, answer: a}]", "rules[0].when.contains: 7 is no"),
        ("rules: [{when: {matches: '('}, answer: a}]", "rules[0].when.matches: is no regular expression"),
        ("rules: [{answer: a, json: 1}]", "give answer or json, not both"),
        ("rules: [{turns: [{answer: a}], answer: b}]", "rules[0]: answer stands beside turns"),
        ("rules: [{turns: [{answr: a}]}]", "rules[0].turns[0]: answr is not known here"),
        ("rules: [{answer: a, count: calls}]", "rules[0].count: needs turns to count"),
        ("rules: [{call: {tool: 'a b'}}]", "rules[0].call.tool: "),
        ("rules: [{call: {input: {}}}]", "rules[0].call: tool is missing"),
        ("pace: {tokens_per_second: 0}\nrules: [{answer: a}]", "pace.tokens_per_second: "),
        ("pace: {tokens_per_second: 1, characters_per_second: 1}\nrules: [{answer: a}]", "not both"),
        ("rules: [{answer: a, answer: b}]", "answer is named twice"),
        ("rules: [", "script.yaml:1: is not YAML: "),
    ],
)
def test_a_script_that_cannot_be_played_says_where(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(content)
    with pytest.raises(script.ScriptError) as error:
        script.checked(file)
    assert str(error.value).startswith(str(file))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_the_examples_can_be_played() -> None:
    found = sorted((ROOT / "local" / "scripts").glob("*.yaml"))
    assert found
    for each in found:
        script.checked(each)


# Servers.


@pytest.fixture
def streams() -> Iterator[Server]:
    with streaming() as server_:
        yield server_


def ask(streams: Server, question: Question, *, stream: bool = True, caller: Caller | None = None) -> Iterator[Piece]:
    return server.pieces(question, streams.url, "tiny", 3, caller or Caller(), stream=stream)


def test_a_servers_stream_comes_piece_by_piece(streams: Server) -> None:
    times, words = [], []
    for each in ask(streams, asked("count")):
        if isinstance(each, Text):
            times.append(time.monotonic())
            words.append(each.text)
    assert words == WORDS
    assert all(later - sooner > 0.05 for sooner, later in pairwise(times))
    (request,) = streams.requests
    assert (request["stream"], request["stream_options"]) == (True, {"include_usage": True})
    assert list(ask(streams, asked("cut")))[-1] == End("max_tokens", (7, 5))
    assert list(ask(streams, asked("x"), stream=False)) == [Text("".join(WORDS)), End("end_turn", (7, 5))]


@pytest.mark.parametrize(
    ("question", "code"),
    [("break off", "ModelStreamErrorException"), ("fail", "ModelErrorException"), ("too long", "ValidationException")],
)
def test_a_stream_that_fails_says_so(streams: Server, question: str, code: str) -> None:
    seen: list[Piece] = []
    with pytest.raises(ModelServerError) as failed:
        for each in ask(streams, asked(question)):
            seen.append(each)
    assert failed.value.code == code
    assert text_of(seen) == ("" if question == "too long" else "one two")


def test_tools_and_schemas_reach_the_server(streams: Server) -> None:
    tools = {"tools": [TOOL], "toolChoice": {"any": {}}}
    schema = {"name": "person", "schema": {"type": "object"}}
    pieces = list(ask(streams, asked("weather", tools=tools, schema=schema, inference={"topK": 3, "maxTokens": 9})))
    assert pieces == [
        Call("call_1", "get_weather"),
        CallInput('{"city"'),
        CallInput(': "Paris"}'),
        End("tool_use", (7, 5)),
    ]
    (request,) = streams.requests
    function = {"name": "get_weather", "description": "Weather", "parameters": {"type": "object"}}
    assert request["tools"] == [{"type": "function", "function": function}]
    assert request["tool_choice"] == "required"
    assert (request["top_k"], request["max_tokens"]) == (3, 9)
    assert request["response_format"]["json_schema"] == {"strict": True, **schema}
    named = {**tools, "toolChoice": {"tool": {"name": "get_weather"}}}
    list(ask(streams, asked("weather", tools=named)))
    assert streams.requests[-1]["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}


def test_results_of_tools_follow_their_calls_at_once() -> None:
    use = {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}}
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "no"}], "status": "error"}}
    made = server.messages_of(
        Question(
            "m",
            [
                {"role": "user", "content": [{"guardContent": {"text": {"text": "go", "qualifiers": ["query"]}}}]},
                {"role": "assistant", "content": [{"text": "Well"}, use]},
                {"role": "user", "content": [{"text": "and then"}, result]},
            ],
            [{"text": "Be kind"}],
        )
    )
    assert [each["role"] for each in made] == ["system", "user", "assistant", "tool", "user"]
    assert made[1]["content"] == "go"
    assert made[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert made[3] == {"role": "tool", "tool_call_id": "t1", "content": "The tool failed: no"}


@pytest.mark.parametrize(("question", "stream"), [("endless", True), ("think", False)])
def test_a_caller_who_leaves_ends_the_servers_work(streams: Server, question: str, stream: bool) -> None:
    caller = Caller()
    threading.Timer(0.5, caller.leave).start()
    with pytest.raises(CallerGoneError):
        for _ in ask(streams, asked(question), stream=stream, caller=caller):
            pass
    assert streams.left.wait(5)


# What make local takes.


def test_names_are_checked_before_anything_starts(tmp_path: Path) -> None:
    assert models.chosen("", "", "") == {"timeout_seconds": 60}
    assert models.chosen("", "smollm2", "2.5")["run"] == "smollm2"
    for model, told in (
        ("smolm2", "Did you mean smollm2?"),
        ("gpt", "Known are smollm2, quotes and script:<file>.yaml"),
    ):
        with pytest.raises(LocalError, match=f"MODEL={model} is not known.*{told}".replace("?", r"\?")):
            models.chosen("", model, "")
    for seconds in ("0", "-1", "soon", "nan", "1e9"):
        with pytest.raises(LocalError, match=f"MODEL_TIMEOUT={seconds} is no number of seconds"):
            models.chosen("", "", seconds)
    with pytest.raises(LocalError, match="No such file"):
        models.chosen("", "script:nothing.yaml", "", scripts=tmp_path)
    (tmp_path / "my script.yaml").write_text("rules: [{answer: a}]")
    made = models.chosen("", "script:my script.yaml", "", scripts=tmp_path)
    assert made["script"] == str(tmp_path / "my script.yaml")


def test_what_went_wrong_is_noted_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(configured.FILE, str(tmp_path / "model.json"))
    (tmp_path / "model.json").write_text(json.dumps({"url": "http://127.0.0.1:9/v1"}))
    for _ in range(2):
        with pytest.raises(ModelServerError):
            list(chosen.pieces(asked("hi"), "nova", Caller(), stream=False))
    for number in range(150):
        chosen.note("Code", f"{number} {'x' * 5000}")
    lines = (tmp_path / chosen.ERRORS_FILE).read_text().splitlines()
    assert len(lines) == 100
    last = json.loads(lines[-1])
    assert (last["code"], last["message"][:4]) == ("Code", "149 ")
    assert len(last["message"]) == 2000
    assert last["time"].endswith("Z")


# The process of a bundled model.

PROGRAM = """
import sys, threading, time, os
if os.path.exists("broken"):
    sys.exit("no such weights")
print("http://127.0.0.1:1", flush=True)
sys.stdin.buffer.read()
os._exit(0)
"""


@pytest.fixture
def owned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[child.Child, Home]]:
    """The account's side of a model's process, whose program only says that it serves."""
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setattr(child, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(child, "_PROGRAM", tmp_path / "program.py")
    home = Home(tmp_path)
    made = child.Child(home.model)
    made.start()
    yield made, home
    made.stop()


def ready(home: Home, state: str, asked_: int) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = models.server(home)
        if found.get("state") == state and found.get("asked") == asked_:
            return found
        time.sleep(0.05)
    raise AssertionError(models.server(home))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() or subprocess.run(["ps", "-p", str(pid)], check=False).returncode == 0


def test_a_models_process_is_started_kept_ended_and_told_of(owned: tuple[child.Child, Home]) -> None:
    made, home = owned
    home.write(home.model, {"run": "smollm2", "asked": 1})
    models.wait(home, {"run": "smollm2", "asked": 1})
    first = ready(home, "ready", 1)
    assert made.url("smollm2", 1) == "http://127.0.0.1:1/v1"
    # Asked for again it goes on; asked for no more it ends.
    home.write(home.model, {"run": "smollm2", "asked": 2})
    assert ready(home, "ready", 2)["pid"] == first["pid"]
    home.write(home.model, {})
    deadline = time.monotonic() + 10
    while alive(first["pid"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(first["pid"])
    assert models.server(home) == {}


def test_a_models_process_that_dies_is_told_and_starts_again_when_asked(owned: tuple[child.Child, Home]) -> None:
    made, home = owned
    home.write(home.model, {"run": "smollm2", "asked": 1})
    first = ready(home, "ready", 1)
    subprocess.run(["kill", "-9", str(first["pid"])], check=True)
    why = ready(home, "failed", 1)["why"]
    assert "smollm2 has ended (by signal 9)" in why
    assert "make local MODEL=smollm2 starts it again" in why
    with pytest.raises(ModelServerError, match="by signal 9"):
        made.url("smollm2", 1)
    home.write(home.model, {"run": "smollm2", "asked": 2})
    assert ready(home, "ready", 2)["pid"] != first["pid"]


def test_a_models_process_that_does_not_start_says_why(owned: tuple[child.Child, Home], tmp_path: Path) -> None:
    _, home = owned
    (tmp_path / "broken").touch()
    home.write(home.model, {"run": "smollm2", "asked": 1})
    with pytest.raises(LocalError, match=r"did not start \(with code 1\); its last words: no such weights"):
        models.wait(home, {"run": "smollm2", "asked": 1})


def test_a_fixed_text_keeps_to_the_limits() -> None:
    assert list(said("a b c", asked("x y", inference={"maxTokens": 1}))) == [Text("a"), End("max_tokens", (2, 1))]

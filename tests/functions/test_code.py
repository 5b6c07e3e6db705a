"""Code that a model runs: one session for an answer, what is shown of it, and what ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from aws_genai.functions.assistant.answer import StoppedError
from aws_genai.functions.assistant.code_environment import CodeEnvironment
from aws_genai.functions.assistant.kinds import code
from aws_genai.functions.assistant.tools import Call, ToolError
from tests.functions.events_support import check

OWN = CodeEnvironment(INTERPRETER_ID="code-0123456789", LANGUAGES=["python"], SESSION_SECONDS=60)


def result(stdout: str = "", stderr: str = "", exit_code: int = 0) -> dict[str, Any]:
    printed = {"stdout": stdout, "stderr": stderr, "exitCode": exit_code}
    return {"content": [], "structuredContent": printed, "isError": exit_code != 0}


def failure(code: str, operation: str = "InvokeCodeInterpreter") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class AgentCore:
    """The data plane, with the files of its only session."""

    def __init__(self, *runs: Any) -> None:
        self.runs, self.files = list(runs), {"README": 10}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def start_code_interpreter_session(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("start", request))
        return {"sessionId": f"S{sum(name == 'start' for name, _ in self.calls)}"}

    def stop_code_interpreter_session(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("stop", request))
        return {}

    def invoke_code_interpreter(self, **request: Any) -> dict[str, Any]:
        self.calls.append((request["name"], request))
        match request["name"]:
            case "listFiles":
                links = [{"type": "resource_link", "name": name, "size": size} for name, size in self.files.items()]
                folder = {"type": "resource_link", "name": "logs", "mimeType": "inode/directory"}
                return {"stream": iter([{"result": {"content": [*links, folder], "isError": False}}])}
            case "writeFiles":
                for each in request["arguments"]["content"]:
                    self.files[each["path"]] = len(each["text"])
                return {"stream": iter([{"result": {"content": [], "isError": False}}])}
            case _:
                return {"stream": self.run(self.runs.pop(0))}

    def run(self, found: Any) -> Iterator[dict[str, Any]]:
        if isinstance(found, Exception):
            raise found
        parts = found if isinstance(found, list) else [found]
        for each in parts:
            if callable(each):
                each()
            else:
                yield {"result": each}

    def named(self, name: str) -> list[dict[str, Any]]:
        return [request for each, request in self.calls if each == name]


class Use:
    """One use after the other of the tool in an answer."""

    def __init__(self, agentcore: AgentCore, assess: Callable[[str], str] = str) -> None:
        self.tool = code.RunCode(agentcore, OWN)
        self.assess, self.events, self.stopped = assess, list[tuple[str, dict[str, Any]]](), False

    def run(self, text: str = "1 + 1", left: float = 500.0, **arguments: Any) -> dict[str, Any]:
        given = {"language": "python", "code": text, **arguments}
        call = Call("t1", given, self.send, lambda: left, self.go_on, assess=self.assess)
        told: dict[str, Any] = json.loads(self.tool.run(call))
        return told

    def send(self, event: str, **data: Any) -> None:
        check(event, data)
        self.events.append((event, data))

    def go_on(self) -> None:
        if self.stopped:
            raise StoppedError


def test_what_code_prints_is_shown_to_the_user_and_to_the_model() -> None:
    use = Use(AgentCore(result("2\n", "careful", 0)))
    told = use.run()
    assert told == {"stdout": "2\n", "stderr": "careful", "exit_code": 0, "files": []}
    assert use.events == [
        ("code", {"id": "t1", "language": "python", "code": "1 + 1"}),
        ("output", {"id": "t1", **told}),
    ]


def test_a_session_begins_with_the_first_run_and_ends_with_the_answer() -> None:
    agentcore = AgentCore(result("1"), result("2"))
    use = Use(agentcore)
    assert agentcore.calls == []
    use.run()
    use.run()
    use.tool.close()
    use.tool.close()
    (begun,) = agentcore.named("start")
    assert begun["codeInterpreterIdentifier"] == OWN.INTERPRETER_ID
    assert begun["sessionTimeoutSeconds"] == 60
    assert {each["sessionId"] for each in agentcore.named("executeCode")} == {"S1"}
    assert agentcore.named("stop") == [{"codeInterpreterIdentifier": OWN.INTERPRETER_ID, "sessionId": "S1"}]


def test_a_session_lasts_no_longer_than_the_answer_may() -> None:
    agentcore = AgentCore(result())
    Use(agentcore).run(left=12.7)
    assert agentcore.named("start")[0]["sessionTimeoutSeconds"] == 12


def test_nothing_is_started_or_stopped_without_a_run() -> None:
    agentcore = AgentCore()
    Use(agentcore).tool.close()
    assert agentcore.calls == []


def test_files_that_code_made_are_named_once() -> None:
    agentcore = AgentCore(lambda: agentcore.files.update({"plot.png": 2048, "data.csv": 3}), result())
    agentcore.runs[0] = [agentcore.runs[0], result()]
    use = Use(agentcore)
    assert use.run()["files"] == [{"name": "data.csv", "size": 3}, {"name": "plot.png", "size": 2048}]
    assert use.run()["files"] == []


def test_files_are_written_before_the_code_runs_and_are_not_named_as_made() -> None:
    agentcore = AgentCore(result())
    told = Use(agentcore).run(files=[{"path": "in/data.csv", "text": "a,b"}])
    names = [name for name, _ in agentcore.calls]
    assert names.index("writeFiles") < names.index("executeCode")
    assert agentcore.named("writeFiles")[0]["arguments"] == {"content": [{"path": "in/data.csv", "text": "a,b"}]}
    assert told["files"] == []


def test_what_is_shown_is_what_the_guardrail_leaves() -> None:
    def masked(text: str) -> str:
        return text.replace("bob@example.com", "{EMAIL}")

    agentcore = AgentCore([lambda: agentcore.files.update({"bob@example.com": 1}), result("bob@example.com")])
    use = Use(agentcore, masked)
    use.run("print('bob@example.com')")
    assert "bob@example.com" not in json.dumps(use.events)
    assert json.dumps(use.events).count("{EMAIL}") == 3


def test_output_that_the_guardrail_blocks_is_not_shown() -> None:
    def refusing(text: str) -> str:
        if "secret" in text:
            raise ToolError("The guardrail blocked the result.", refused=True)
        return text

    use = Use(AgentCore(result("a secret")), refusing)
    with pytest.raises(ToolError, match="blocked"):
        use.run()
    assert [name for name, _ in use.events] == ["code"]


def test_long_output_is_cut_in_its_middle() -> None:
    told = Use(AgentCore(result("a" * 10_000 + "b" * 100_000 + "c" * 10_000))).run()
    assert len(told["stdout"]) < code.SHOWN + 60
    assert told["stdout"].startswith("aaa")
    assert told["stdout"].endswith("ccc")
    assert "104000 characters left out" in told["stdout"]


def test_output_that_comes_in_parts_is_joined() -> None:
    told = Use(AgentCore([result("one "), result("two", "bad", 3)])).run()
    assert (told["stdout"], told["stderr"], told["exit_code"]) == ("one two", "bad", 3)


@pytest.mark.parametrize(("failed", "place", "exit_code"), [(False, "stdout", 0), (True, "stderr", 1)])
def test_a_result_without_structure_is_read_from_its_text(failed: bool, place: str, exit_code: int) -> None:
    told = Use(AgentCore({"content": [{"type": "text", "text": "it"}], "isError": failed})).run()
    assert (told[place], told["exit_code"]) == ("it", exit_code)


@pytest.mark.parametrize("ended", ["ResourceNotFoundException", "conflictException"])
def test_a_session_that_has_ended_is_told_and_begun_anew(ended: str) -> None:
    agentcore = AgentCore(failure(ended), result("1"))
    use = Use(agentcore)
    with pytest.raises(ToolError, match="variables and files are gone"):
        use.run()
    assert use.run()["stdout"] == "1"
    assert [each["sessionId"] for each in agentcore.named("executeCode")] == ["S1", "S2"]


def test_too_many_sessions_are_told_to_the_model() -> None:
    with pytest.raises(ToolError, match="busy"):
        Use(AgentCore(failure("ServiceQuotaExceededException"))).run()


def test_code_that_takes_too_long_ends_its_session() -> None:
    agentcore = AgentCore(ReadTimeoutError(endpoint_url="https://example.com"))
    with pytest.raises(ToolError, match="stopped after 60 seconds"):
        Use(agentcore).run()
    assert len(agentcore.named("stop")) == 1


def test_an_answer_that_is_stopped_does_not_wait_for_its_code() -> None:
    agentcore = AgentCore(result("1"), result("2"))
    use = Use(agentcore)
    use.run()
    use.stopped = True
    with pytest.raises(StoppedError):
        use.run()
    use.tool.close()
    assert len(agentcore.named("stop")) == 1


def test_a_session_that_cannot_be_stopped_does_not_spoil_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(AgentCore):
        def stop_code_interpreter_session(self, **request: Any) -> dict[str, Any]:
            raise failure("InternalServerException", "StopCodeInterpreterSession")

    use = Use(Stubborn(result()))
    use.run()
    use.tool.close()
    assert "not stopped" in caplog.text


def test_the_model_may_use_the_languages_of_the_settings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OWN.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(code, "client", lambda service, seconds: (service, seconds))
    (tool,) = code.tools(None)  # type: ignore[arg-type]  # who asks makes no difference
    assert tool.schema["properties"]["language"]["enum"] == ["python"]
    assert not tool.confirm


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ".ssh/id", "a//b", "a b", ""])
def test_files_are_below_the_folder_of_the_code(path: str) -> None:
    from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate

    given = {"language": "python", "code": "1", "files": [{"path": path, "text": ""}]}
    with pytest.raises(SchemaValidationError):
        validate(event=given, schema=dict(code.RunCode(AgentCore(), OWN).schema))

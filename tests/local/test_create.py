"""Assistants that run code and draw images, in the local account."""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError

from operations.answers import Event, ask

from .conftest import Local
from .roles import Role

CODES = {
    "sum": "import csv\nrows = list(csv.reader(open('in.csv')))\nprint(sum(int(each) for each in rows[0]))",
    "fail": "1 / 0",
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)",
    "resolve": "import urllib.request\nurllib.request.urlopen('http://example.com', timeout=2)",
    "look": "import os\nprint(sorted(os.environ))\nprint(open(os.path.expanduser('~/.aws/credentials')).read())",
    "leave": "open('made.txt', 'w').write('x' * 7)",
    "forever": "while True:\n    pass",
}
RULES = [
    {"when": {"tool_result": True}, "answer": "It says: {tool_result}"},
    *(
        {
            "when": {"contains": f"please {name}"},
            "answer": "I run it.",
            "call": {
                "tool": "run_code",
                "input": {"language": "python", "code": code, "files": [{"path": "in.csv", "text": "20,22"}]},
            },
        }
        for name, code in CODES.items()
    ),
    {
        "when": {"contains": "please twice", "offers": "run_code"},
        "answer": "Twice.",
        "calls": [
            {"tool": "run_code", "input": {"language": "python", "code": code}} for code in ("kept = 40", "kept + 2")
        ],
    },
    {
        "when": {"contains": "please draw", "offers": "create_image"},
        "answer": "I draw.",
        "call": {"tool": "create_image", "input": {"prompt": "{question}", "aspect_ratio": "3:2"}},
    },
    {
        "when": {"contains": "please nightingale"},
        "answer": "I draw.",
        "call": {"tool": "create_image", "input": {"prompt": "The plan of Project Nightingale"}},
    },
    {
        "when": {"contains": "please thrice"},
        "answer": "I draw.",
        "calls": [{"tool": "create_image", "input": {"prompt": f"Cat {number}"}} for number in range(3)],
    },
]


@pytest.fixture(scope="module", autouse=True)
def scripted(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file: Path = tmp_path_factory.mktemp("script") / "script.yaml"
    file.write_text(json.dumps({"rules": RULES}))
    local.home.write(local.home.model, {"script": str(file), "timeout_seconds": 30})
    yield
    local.answers_by(local.model_url)


def answer(local: Local, question: str, assistant: str) -> list[Event]:
    api = local.chat.url.removesuffix("/chat")
    return list(ask(api, assistant, local.token(), question))


def data(found: list[Event], name: str) -> list[dict[str, Any]]:
    return [each.data for each in found if each.name == name]


def output(local: Local, question: str) -> dict[str, Any]:
    found = answer(local, question, "developer")
    (told,) = data(found, "output")
    assert found[-1].data == {"stop_reason": "end_turn"}, found
    return told


def test_code_runs_and_its_output_is_an_event(local: Local) -> None:
    found = answer(local, "please sum", "developer")
    names = [each.name for each in found if each.name != "delta"]
    assert names == ["meta", "tool", "code", "output", "tool", "usage", "done"]
    assert data(found, "code")[0]["code"] == CODES["sum"]
    assert data(found, "output")[0]["stdout"] == "42\n"
    assert "42" in "".join(each["text"] for each in data(found, "delta"))


def test_the_error_of_code_is_told_to_the_user_and_to_the_model(local: Local) -> None:
    found = answer(local, "please fail", "developer")
    (told,) = data(found, "output")
    assert told["exit_code"] == 1
    assert told["stderr"].endswith("ZeroDivisionError: division by zero\n")
    assert "ZeroDivisionError" in "".join(each["text"] for each in data(found, "delta"))


def test_variables_last_as_long_as_the_answer(local: Local) -> None:
    found = answer(local, "please twice", "developer")
    assert [each["stdout"] for each in data(found, "output")] == ["", "42\n"]


@pytest.mark.parametrize("name", ["connect", "resolve"])
def test_code_has_no_network(local: Local, name: str) -> None:
    told = output(local, f"please {name}")
    assert told["exit_code"] == 1
    assert any(each in told["stderr"] for each in ("unreachable", "name resolution", "not permitted")), told


def test_code_has_no_credentials(local: Local) -> None:
    told = output(local, "please look")
    assert told["exit_code"] == 1
    assert "AWS" not in told["stdout"]


def test_files_that_code_makes_are_named(local: Local) -> None:
    assert {"name": "made.txt", "size": 7} in output(local, "please leave")["files"]


@pytest.fixture(scope="module")
def interpreter(local: Local) -> str:
    return local.resource("application", "AWS::BedrockAgentCore::CodeInterpreterCustom")


def invoke(agentcore: Any, interpreter: str, session: str, name: str, **arguments: Any) -> dict[str, Any]:
    response = agentcore.invoke_code_interpreter(
        codeInterpreterIdentifier=interpreter, sessionId=session, name=name, arguments=arguments
    )
    (event,) = response["stream"]
    result: dict[str, Any] = event["result"]
    return result


def test_a_session_ends_after_its_seconds(local: Local, interpreter: str) -> None:
    agentcore = local.client("bedrock-agentcore")
    begun = time.monotonic()
    session = agentcore.start_code_interpreter_session(
        codeInterpreterIdentifier=interpreter, name="short", sessionTimeoutSeconds=2
    )["sessionId"]
    with pytest.raises(ClientError, match="has ended"):
        invoke(agentcore, interpreter, session, "executeCode", language="python", code=CODES["forever"])
    assert time.monotonic() - begun < 20
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(agentcore, interpreter, session, "listFiles", directoryPath="")


def test_files_of_a_session_stay_in_it(local: Local, interpreter: str) -> None:
    agentcore = local.client("bedrock-agentcore")
    session = agentcore.start_code_interpreter_session(codeInterpreterIdentifier=interpreter)["sessionId"]
    other = agentcore.start_code_interpreter_session(codeInterpreterIdentifier=interpreter)["sessionId"]
    try:
        invoke(agentcore, interpreter, session, "writeFiles", content=[{"path": "a/b.txt", "text": "mine"}])
        (read,) = invoke(agentcore, interpreter, session, "readFiles", paths=["a/b.txt"])["content"]
        assert read["resource"]["text"] == "mine"
        assert invoke(agentcore, interpreter, other, "listFiles", directoryPath="")["content"] == []
        code = "import os\nos.symlink('/etc', 'link')"
        assert not invoke(agentcore, interpreter, session, "executeCode", language="python", code=code)["isError"]
        for path in ("../x", "/etc/passwd", "link/passwd"):
            with pytest.raises(ClientError, match="outside of the session"):
                invoke(agentcore, interpreter, session, "readFiles", paths=[path])
    finally:
        for each in (session, other):
            agentcore.stop_code_interpreter_session(codeInterpreterIdentifier=interpreter, sessionId=each)


@pytest.mark.parametrize("action", ["StartCodeInterpreterSession", "InvokeCodeInterpreter"])
def test_code_runs_by_the_permission_of_the_role(local: Local, action: str) -> None:
    role = Role(local, "application", "AssistantdeveloperFunction")
    (resource,) = [each for name, each in role.actions() if name == f"bedrock-agentcore:{action}"]
    with role.without(f"bedrock-agentcore:{action}", resource):
        found = answer(local, "please sum", "developer")
    assert data(found, "output") == []
    assert data(found, "tool")[-1] == {**data(found, "tool")[-1], "state": "failed", "message": "The tool failed."}


def chunks(image: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG image, whose checksums are right."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    found, place = {}, 8
    while place < len(image):
        (length,) = struct.unpack(">I", image[place : place + 4])
        kind, content = image[place + 4 : place + 8], image[place + 8 : place + 8 + length]
        assert struct.unpack(">I", image[place + 8 + length :][:4])[0] == zlib.crc32(kind + content)
        found[kind] = found.get(kind, b"") + content
        place += length + 12
    return found


def images(local: Local) -> list[str]:
    bucket = local.resource("application", "AWS::S3::Bucket", "ToolsauthorBucket")
    return [each["Key"] for each in local.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_an_image_is_drawn_and_comes_from_its_address(local: Local) -> None:
    found = answer(local, "please draw a fox", "author")
    (event,) = data(found, "image")
    assert found[-1].data == {"stop_reason": "end_turn"}
    http = urllib3.PoolManager()
    response = http.request("GET", event["url"], timeout=10)
    assert response.status == 200
    assert response.headers["Content-Disposition"].startswith("attachment;")
    made = chunks(response.data)
    width, height = struct.unpack(">II", made[b"IHDR"][:8])
    assert (width, height) == (event["width"], event["height"])
    assert width > height
    assert len(zlib.decompress(made[b"IDAT"])) == height * (1 + 3 * width)
    assert b"trainedAlgorithmicMedia" in made[b"iTXt"]
    claims = json.loads(base64.urlsafe_b64decode(local.token().split(".")[1] + "=="))
    assert f"/images/{claims['sub']}/{event['id']}" in urlsplit(event["url"]).path
    # Without its signature, the address shows nothing.
    assert http.request("GET", event["url"].partition("?")[0], timeout=10).status == 403


def test_a_prompt_that_the_guardrail_blocks_is_not_drawn(local: Local) -> None:
    before = images(local)
    found = answer(local, "please nightingale", "author")
    assert data(found, "image") == []
    assert [each["state"] for each in data(found, "tool")] == ["refused"]
    assert images(local) == before


def test_an_image_that_the_guardrail_blocks_is_not_shown(local: Local) -> None:
    before = images(local)
    found = answer(local, "please draw [image:VIOLENCE]", "author")
    assert data(found, "image") == []
    assert [each["state"] for each in data(found, "tool")] == ["started", "refused"]
    assert images(local) == before


def test_an_answer_has_a_limit_of_images(local: Local) -> None:
    found = answer(local, "please thrice", "author")
    assert len(data(found, "image")) == 2
    assert [each["state"] for each in data(found, "tool")][-1] == "refused"

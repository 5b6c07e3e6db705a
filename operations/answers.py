"""Ask an assistant and read its answer as it is written: ``make ask ENV=prod ASSISTANT=helper Q="Hello"``.

The command signs its user in, in the browser. In a program::

    for event in ask("https://abc.execute-api.us-east-1.amazonaws.com/v1", "helper", token, "Hello"):
        if event.name == "delta":
            print(event.data["text"], end="", flush=True)

The events are described in ``docs/assistants.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import urllib3

from settings import SettingsError, told

from .sign_in import SignInError, deployed, sign_in

#: Seconds without a byte after which an answer is given up: assistants send a comment every 15 seconds.
SILENT_SECONDS = 60


@dataclass(frozen=True)
class Event:
    """An event of an answer."""

    name: str
    data: dict[str, Any]


class AnswerError(Exception):
    """There is no answer, or it was cut off.

    :param status: HTTP status; 0 if the response ended before its last event.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def ask(api: str, assistant: str, token: str, question: str | dict[str, Any]) -> Iterator[Event]:
    """The events of an answer, each as soon as it arrives. An event ``error`` or ``done`` is the last one.

    :param api: address of the API with its stage.
    :param assistant: name of the assistant.
    :param token: access token of the user, or of a program.
    :param question: a sentence, or a complete request.
    :raises AnswerError: if the request is refused, or the response ends without its last event.
    """
    body = {"question": question} if isinstance(question, str) else question
    response = urllib3.request(
        "POST",
        f"{api}/assistants/{assistant}/answers",
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": token},
        timeout=urllib3.Timeout(connect=10, read=SILENT_SECONDS),
        retries=False,
        preload_content=False,
    )
    try:
        if response.status != 200:
            raise _refused(response.status, response.read())
        last = ""
        for event in events(response.stream(1024)):
            last = event.name
            yield event
        if last not in ("done", "error"):
            raise AnswerError(0, "cut_off", "The answer ended before it was complete.")
    except urllib3.exceptions.HTTPError as error:
        raise AnswerError(0, "cut_off", f"The answer was cut off: {error}") from error
    finally:
        # What is left unread must not be taken for the answer to the next question.
        response.close()


def stop(api: str, token: str, id: str) -> None:
    """End an answer, within about a second.

    :param id: ID of the answer, as the request or its event ``meta`` has it.
    :raises AnswerError: if there is no such answer, or it cannot be reached.
    """
    request(api, token, "POST", f"answers/{id}/stop")


def request(api: str, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request about conversations and answers, such as ``GET conversations``.

    :raises AnswerError: if it is refused.
    """
    try:
        response = urllib3.request(
            method,
            f"{api}/{path}",
            body=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": token},
            timeout=urllib3.Timeout(connect=10, read=SILENT_SECONDS),
            retries=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise AnswerError(0, "unreachable", f"{api} cannot be reached: {error}") from error
    if response.status != 200:
        raise _refused(response.status, response.data)
    found: dict[str, Any] = json.loads(response.data)
    return found


def events(parts: Iterable[bytes]) -> Iterator[Event]:
    """The events in the parts of a response, whichever way it is split. Comments are left out.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n\n")
        for text in whole:
            fields = [line.partition(": ") for line in text.decode().split("\n") if not line.startswith(":")]
            found = {name: value for name, _, value in fields}
            if "data" in found:
                yield Event(found.get("event", "message"), json.loads(found["data"]))


def _refused(status: int, body: bytes) -> AnswerError:
    try:
        error = json.loads(body)["error"]
        return AnswerError(status, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return AnswerError(status, "no_contract", body.decode(errors="replace")[:200])


def main(arguments: list[str] | None = None) -> int:
    """Sign in, ask, and print the answer as it is written. Return 1 if there is none, 2 if nobody signed in."""
    parser = argparse.ArgumentParser(prog="python -m operations.answers", description=__doc__)
    parser.add_argument("assistant", help="name of the assistant")
    parser.add_argument("question")
    parser.add_argument("--environment", default="dev")
    chosen = parser.parse_args(arguments)
    try:
        found = deployed(chosen.environment)
        tokens = sign_in(found.login, found.redirect)
    except (SettingsError, SignInError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        for event in ask(found.api, chosen.assistant, tokens.access, chosen.question):
            if event.name == "delta":
                print(event.data["text"], end="", flush=True)
            elif event.name == "source":
                print(f"[{event.data['document']}]")
            elif event.name in ("error", "guardrail"):
                raise AnswerError(int(event.data.get("status", 403)), event.data["code"], event.data["message"])
    except AnswerError as error:
        print(f"\n{error} ({error.code})", file=sys.stderr)
        return 1
    print()
    return 0


if __name__ == "__main__":
    sys.exit(told(main))

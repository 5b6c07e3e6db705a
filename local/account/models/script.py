"""A scripted model: which response to give to which input, at which pace, and where to fail. For tests and demos.

``script.schema.json`` beside this module documents the file. ``python -m local.account.models.script file`` checks one.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .asked import (
    Caller,
    CallInput,
    End,
    ModelServerError,
    Piece,
    Question,
    Text,
    said,
    texts_of,
    tokens_of,
)
from .server import result_text

_SCHEMA = Path(__file__).with_name("script.schema.json")
#: For each failure in a script: Bedrock's name of it, its status, and the default message.
FAILURES = {
    "throttling": ("ThrottlingException", 429, "Too many requests, please wait before trying again."),
    "quota": ("ServiceQuotaExceededException", 400, "Your request exceeds the service quota for your account."),
    "timeout": ("ModelTimeoutException", 408, "The request took too long to process."),
    "server_error": ("InternalServerException", 500, "The system encountered an unexpected error during processing."),
    "model_error": ("ModelErrorException", 424, "The request failed due to an error while processing the model."),
    "unavailable": ("ServiceUnavailableException", 503, "The service isn't currently available. Try again later."),
    "not_ready": ("ModelNotReadyException", 429, "The model specified in the request is not ready to serve requests."),
    "invalid": ("ValidationException", 400, "The input fails to satisfy the constraints of the model."),
    "too_long": ("ValidationException", 400, "Input is too long for requested model."),
    "denied": ("AccessDeniedException", 403, "You don't have access to the model with the specified model ID."),
    "stream_error": ("ModelStreamErrorException", 424, "An error occurred while streaming the response."),
    "hang": ("ModelTimeoutException", 408, "The script hangs here."),
}
#: A placeholder for a value.
_SLOT = re.compile(r"\{([A-Za-z_0-9]+)\}")
_STEP = ("answer", "json", "call", "calls")


class ScriptError(ValueError):
    """A script that is not valid. The message names the file, the location in it, and the correction."""


@dataclass
class Script:
    """A parsed script, and the current position in its turns."""

    file: Path
    content: dict[str, Any]
    _played: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pieces(self, question: Question, wait: float, caller: Caller) -> Iterator[Piece]:
        """The scripted response, at its pace.

        :param wait: seconds after which a hanging step times out.
        :raises ModelServerError: if the script fails, or its output does not fit the request.
        """
        where, step, filled = self._step(question)
        failure = self._failure(where, step)
        if failure and not failure.get("after_chunks"):
            self._fail(failure, wait, caller)
        pace = step.get("pace") or self.content.get("pace") or {}
        caller.wait(pace.get("first_token_seconds", 0))
        sent = 0
        for piece in said(
            self._text(where, step, filled, question), question, calls=self._calls(step, filled, question)
        ):
            # A call begins with its first piece, and ends with the last.
            if isinstance(piece, Text | CallInput):
                if failure and sent >= failure["after_chunks"]:
                    self._fail(failure, wait, caller)
                if sent:
                    caller.wait(_seconds(piece, pace))
                sent += 1
            elif isinstance(piece, End) and failure:
                self._fail(failure, wait, caller)
            yield piece

    def _step(self, question: Question) -> tuple[str, dict[str, Any], dict[str, str]]:
        """The next step for a question, its location, and the values for its placeholders."""
        for number, rule in enumerate(self.content["rules"]):
            filled = _fits(rule.get("when", {}), question)
            if filled is None:
                continue
            where = f"rules[{number}]"
            if "turns" not in rule:
                return where, rule, filled
            if rule.get("count") == "conversation":
                turn = _answers_since(rule.get("when", {}), question)
            else:
                with self._lock:
                    turn = self._played[where, "turn"]
                    self._played[where, "turn"] += 1
            turn %= len(rule["turns"])
            return f"{where}.turns[{turn}]", rule["turns"][turn], filled
        if "otherwise" in self.content:
            return "otherwise", self.content["otherwise"], _fits({}, question) or {}
        told = f"No rule of {self.file.name} fits this request."
        return "otherwise", {"answer": told}, {}

    def _failure(self, where: str, step: dict[str, Any]) -> dict[str, Any]:
        """The failure of the step this time. Empty if it does not fail."""
        failure = step.get("fail")
        if not failure:
            return {}
        failure = {"as": failure} if isinstance(failure, str) else failure
        if "times" in failure:
            with self._lock:
                self._played[where, "failed"] += 1
                if self._played[where, "failed"] > failure["times"]:
                    return {}
        return dict(failure)

    @staticmethod
    def _fail(failure: dict[str, Any], wait: float, caller: Caller) -> None:
        code, status, told = FAILURES[failure["as"]]
        if failure["as"] == "hang":
            caller.wait(wait)
            told = f"The script gave no answer in {wait:g} s"
        raise ModelServerError(code, status, failure.get("message", told))

    def _text(self, where: str, step: dict[str, Any], filled: dict[str, str], question: Question) -> str:
        if "json" not in step:
            return _fill(step.get("answer", ""), filled)
        value = _filled(step["json"], filled)
        if question.schema:
            wrong = next(Draft202012Validator(question.schema["schema"]).iter_errors(value), None)
            if wrong is not None:
                raise ModelServerError(
                    "ModelErrorException",
                    424,
                    f"{self.file.name}: {where}.json does not follow the schema of the request: {wrong.message}",
                )
        return json.dumps(value, ensure_ascii=False)

    def _calls(self, step: dict[str, Any], filled: dict[str, str], question: Question) -> list[tuple[str, str]]:
        calls = [step["call"]] if "call" in step else step.get("calls", [])
        for each in calls:
            if each["tool"] not in question.offered:
                offered = ", ".join(question.offered) or "none"
                raise ModelServerError(
                    "ModelErrorException",
                    424,
                    f"{self.file.name} calls the tool {each['tool']}, and the request offers {offered}",
                )
        return [(each["tool"], json.dumps(_filled(each.get("input", {}), filled))) for each in calls]


def _seconds(piece: Text | CallInput, pace: dict[str, Any]) -> float:
    if "tokens_per_second" in pace:
        return 1 / float(pace["tokens_per_second"])
    if "characters_per_second" in pace:
        return len(piece.text if isinstance(piece, Text) else piece.json) / float(pace["characters_per_second"])
    return 0


def _fits(when: dict[str, Any], question: Question) -> dict[str, str] | None:
    """The placeholder values of a rule that matches. None if it does not match."""
    texts = ["\n".join(texts_of(each)) for each in question.messages if each["role"] == "user"]
    asked = next((text for text in reversed(texts) if text.strip()), "")
    results = _results(question)
    filled = {"question": asked, "model": question.model, "tool_result": "\n".join(text for _, text in results)}
    everything = "\n".join("\n".join(texts_of(each)) for each in question.messages)
    system = "\n".join(each.get("text", "") for each in question.system)
    for name, text in (("contains", asked), ("conversation_contains", everything), ("system_contains", system)):
        wanted = when.get(name, [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted and not any(each.lower() in text.lower() for each in wanted):
            return None
    if "matches" in when:
        found = re.search(when["matches"], asked)
        if found is None:
            return None
        filled |= {str(number + 1): value or "" for number, value in enumerate(found.groups())}
        filled |= {name: value or "" for name, value in found.groupdict().items()}
    expected = when.get("tool_result")
    if isinstance(expected, bool) and expected != bool(results):
        return None
    if isinstance(expected, str) and expected not in [name for name, _ in results]:
        return None
    if "offers" in when and when["offers"] not in question.offered:
        return None
    if "json_asked" in when and when["json_asked"] != bool(question.schema):
        return None
    if "model" in when and not fnmatch.fnmatchcase(question.model, when["model"]):
        return None
    return filled


def _results(question: Question) -> list[tuple[str, str]]:
    """The tools whose results the last message contains, and the text of each result."""
    parts = [part for message in question.messages for part in message.get("content") or []]
    names = {part["toolUse"]["toolUseId"]: part["toolUse"]["name"] for part in parts if "toolUse" in part}
    last = question.messages[-1].get("content") or [] if question.messages else []
    found = [part["toolResult"] for part in last if "toolResult" in part]
    return [(names.get(each["toolUseId"], ""), result_text(each)) for each in found]


def _answers_since(when: dict[str, Any], question: Question) -> int:
    """The number of answers in a conversation since a rule first matched."""
    for end in range(1, len(question.messages) + 1):
        if question.messages[end - 1]["role"] != "user":
            continue
        part = Question(
            question.model,
            question.messages[:end],
            question.system,
            question.inference,
            question.tools,
            question.schema,
        )
        if _fits(when, part) is not None:
            return sum(each["role"] == "assistant" for each in question.messages[end:])
    return 0


def _fill(text: str, filled: dict[str, str]) -> str:
    return _SLOT.sub(lambda found: filled.get(found[1], found[0]), text)


def _filled(value: Any, filled: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, filled)
    if isinstance(value, dict):
        return {key: _filled(each, filled) for key, each in value.items()}
    return [_filled(each, filled) for each in value] if isinstance(value, list) else value


# Reading and checking.

_read: dict[Path, tuple[tuple[int, int], Script]] = {}
_reading = threading.Lock()


def read(file: Path) -> Script:
    """The script in a file, which is read again when the file changes.

    :raises ScriptError: if it is not valid.
    """
    with _reading:
        try:
            state = file.stat()
        except OSError as error:
            raise ScriptError(f"{file}: {error.strerror}") from error
        version = (state.st_mtime_ns, state.st_size)
        known = _read.get(file)
        if known is None or known[0] != version:
            known = _read[file] = (version, Script(file, checked(file)))
        return known[1]


def checked(file: Path) -> dict[str, Any]:
    """The content of a script.

    :raises ScriptError: if it is not valid.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ScriptError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{file}: is not UTF-8 text") from error
    try:
        content = yaml.load(text, _Loader)  # noqa: S506 - a safe loader that refuses a key that is named twice
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        raise ScriptError(f"{place}: is not YAML: {getattr(error, 'problem', None) or error}") from error
    errors = sorted(_validator().iter_errors(content), key=_order)
    if errors:
        raise ScriptError(f"{file}: " + _told(_deepest(errors[0])))
    for where, step in _steps(content):
        _check_step(file, where, step)
    for number, rule in enumerate(content["rules"]):
        _check_rule(file, f"rules[{number}]", rule)
    return dict(content)


class _Loader(yaml.SafeLoader):
    """Rejects a mapping with duplicate keys, of which the first would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, str) and name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name} is named twice", key.start_mark)
            if isinstance(name, str):
                seen.add(name)
        return super().construct_mapping(node, deep)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))


def _order(error: ValidationError) -> tuple[int, bool, str]:
    """The outermost error, and an unknown name before the missing one that follows from it."""
    return len(error.absolute_path), error.validator != "additionalProperties", str(error.absolute_path)


def _deepest(error: ValidationError) -> ValidationError:
    """The most specific error inside of alternatives: of the alternative that matches the type of the value."""
    while error.context:
        fitting = [each for each in error.context if each.validator not in ("type", "enum") or each.path]
        error = max(fitting or error.context, key=lambda each: len(each.absolute_path))
    return error


def _told(error: ValidationError) -> str:
    path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.absolute_path).lstrip(".")
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            extra = next(each for each in error.instance if each not in known)
            return f"{path or 'the file'}: {extra} is not known here. {_nearest(str(extra), known)}"
        case "enum":
            return f"{path}: {error.instance!r} is not known. {_nearest(str(error.instance), error.validator_value)}"
        case "required":
            missing = next(each for each in error.validator_value if each not in error.instance)
            return f"{path or 'the file'}: {missing} is missing"
        case "not":
            return f"{path}: give tokens_per_second or characters_per_second, not both"
        case "minProperties":
            return f"{path}: is empty. Name one of {', '.join(sorted(error.schema['properties']))}"
        case "type":
            wanted = error.validator_value
            wanted = " or ".join(wanted) if isinstance(wanted, list) else wanted
            return f"{path or 'the file'}: {_short(error.instance)} is no {wanted}"
        case "minItems" | "minLength":
            return f"{path}: is empty"
        case _:
            return f"{path}: {error.message}"


def _nearest(value: str, known: list[str]) -> str:
    near = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Choose one of {', '.join(known)}."


def _short(value: Any) -> str:
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _steps(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, rule in enumerate(content["rules"]):
        if "turns" in rule:
            for turn, step in enumerate(rule["turns"]):
                yield f"rules[{number}].turns[{turn}]", step
        else:
            yield f"rules[{number}]", rule
    if "otherwise" in content:
        yield "otherwise", content["otherwise"]


def _check_step(file: Path, where: str, step: dict[str, Any]) -> None:
    given = [name for name in _STEP if name in step]
    fail = {"as": step["fail"]} if isinstance(step.get("fail"), str) else step.get("fail")
    for pair in (("answer", "json"), ("call", "calls")):
        if all(name in step for name in pair):
            raise ScriptError(f"{file}: {where}: give {pair[0]} or {pair[1]}, not both")
    if not given and fail is None:
        raise ScriptError(f"{file}: {where}: says nothing. Give one of {', '.join(_STEP)} or fail")
    if not given and fail and ("after_chunks" in fail or "times" in fail):
        raise ScriptError(f"{file}: {where}: what fails after_chunks or some times needs an answer too")
    if fail and "after_chunks" in fail and "answer" in step:
        pieces = len(tokens_of(step["answer"]))
        if fail["after_chunks"] > pieces:
            raise ScriptError(f"{file}: {where}.fail.after_chunks: the answer has {pieces} pieces only")
    if fail == "stream_error" or (
        isinstance(fail, dict) and fail["as"] == "stream_error" and "after_chunks" not in fail
    ):
        raise ScriptError(f"{file}: {where}.fail: stream_error comes in the middle: give after_chunks, or model_error")


def _check_rule(file: Path, where: str, rule: dict[str, Any]) -> None:
    if "turns" in rule:
        beside = [name for name in (*_STEP, "fail", "pace") if name in rule]
        if beside:
            raise ScriptError(f"{file}: {where}: {beside[0]} stands beside turns. Put it into one of them")
    elif "count" in rule:
        raise ScriptError(f"{file}: {where}.count: needs turns to count")
    pattern = rule.get("when", {}).get("matches")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ScriptError(f"{file}: {where}.when.matches: is no regular expression: {error}") from error


def main(arguments: list[str]) -> int:
    """Check the scripts of the command line. Returns 2 with one message if one is not valid."""
    try:
        for each in arguments:
            checked(Path(each))
    except ScriptError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A guardrail over a request and its response, also over a streamed response.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ministack.services import bedrock_runtime as runtime

from ..assessment import Assessment, Part, SlowPatternError, assess
from ..guardrails import assess_answer, assess_request, trace
from .asked import ModelServerError, Question

#: Number of new characters after which a stream's text is evaluated again.
_STEP = 60
#: Characters that are held back, since a denied phrase may continue in them: a denied word has 100 at most.
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailWordConfig.html
_HELD = 100
_BLANK = re.compile(r"\s")


@dataclass
class Guard:
    """The guardrail that a request names. Without one, ``record`` is empty."""

    record: dict[str, Any] = field(default_factory=dict)
    trace: bool = False
    #: Pieces are sent before they are evaluated, and nothing is masked.
    asynchronous: bool = False
    #: The findings in the input, and in the output once there is one.
    asked: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, Any] | None = None
    #: The model's output, before anything was masked.
    said: list[str] = field(default_factory=list)
    reason: str = "No action."
    intervened: bool = False

    @property
    def blocked_input(self) -> str:
        return self.record.get("BlockedInputMessaging") or "Blocked by guardrail."

    @property
    def blocked_output(self) -> str:
        return self.record.get("BlockedOutputsMessaging") or "Blocked by guardrail."

    def refuses(self, question: Question) -> bool:
        """Whether the input is blocked. Masks in place what the guardrail masks.

        :raises ModelServerError: if an expression of the guardrail takes too long.
        """
        if not self.record:
            return False
        began = time.monotonic()
        with _told_slow():
            found = assess_request(self.record, {"messages": question.messages, "system": question.system})
        self.asked = found.told(self.record, _since(began))
        self._note_action(found)
        return found.blocked

    def lets(self, blocks: list[dict[str, Any]]) -> bool:
        """Whether the output is allowed. Masks in place what the guardrail masks.

        :raises ModelServerError: if an expression of the guardrail takes too long.
        """
        if not self.record:
            return True
        began = time.monotonic()
        said = [each["text"] for each in blocks if "text" in each]
        with _told_slow():
            found = assess_answer(self.record, blocks)
        self._note(found, said, began)
        return not found.blocked

    def masked(self, text: str) -> Assessment:
        """The result of the guardrail for the output so far.

        :raises ModelServerError: if an expression of the guardrail takes too long.
        """
        began = time.monotonic()
        with _told_slow():
            found = assess(self.record, "OUTPUT", [Part(text)])
        self._note(found, [text], began)
        return found

    def _note(self, found: Assessment, said: list[str], began: float) -> None:
        self.answered, self.said = found.told(self.record, _since(began)), said
        self._note_action(found)

    def _note_action(self, found: Assessment) -> None:
        if found.intervened:
            self.reason, self.intervened = found.reason, True

    def traced(self) -> dict[str, Any]:
        """The trace of a response, if it was requested."""
        config = {"trace": "enabled" if self.record and self.trace else "disabled"}
        told = trace(self.record, config, self.asked, self.answered, self.said)
        if told:
            told["trace"]["guardrail"]["actionReason"] = self.reason
        return told


def _since(began: float) -> int:
    return max(1, round((time.monotonic() - began) * 1000))


@contextmanager
def _told_slow() -> Iterator[None]:
    try:
        yield
    except SlowPatternError as error:
        raise ModelServerError("ValidationException", 400, str(error)) from error


def guard_of(identifier: str, version: str, *, trace: bool = False, asynchronous: bool = False) -> Guard | None:
    """The guardrail that a request names: an empty one if it names none, None if the guardrail does not exist."""
    if not identifier:
        return Guard()
    record = runtime._resolve_guardrail(identifier, version)
    return None if record is None else Guard(record, trace, asynchronous)


class Screen:
    """The text of a stream that passes through a guardrail."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.blocked = False
        self._whole = ""
        #: The length of the released text, and the text as it was sent.
        self._sent = ""
        self._looked = 0

    def feed(self, text: str) -> str:
        """Add a piece, and return the text that may be sent now."""
        self._whole += text
        if not self.guard.record:
            return text
        if len(self._whole) - self._looked < _STEP:
            return text if self.guard.asynchronous else ""
        self._looked = len(self._whole)
        return self._passed(text, last=False)

    def finish(self) -> str:
        """The remaining text at the end of the stream."""
        if not self.guard.record or self.blocked:
            return ""
        return self._passed("", last=True)

    def _passed(self, text: str, *, last: bool) -> str:
        found = self.guard.masked(self._whole)
        if found.blocked:
            self.blocked = True
            return text if self.guard.asynchronous else ""
        if self.guard.asynchronous:
            return text
        (masked,) = found.texts
        if not last:
            masked = self._settled(masked)
        if not masked.startswith(self._sent):  # text that has been sent cannot be changed
            return ""
        fresh = masked[len(self._sent) :]
        self._sent = masked
        return fresh

    def _settled(self, masked: str) -> str:
        """The part of the masked text that later pieces cannot change: up to a blank, with the rest held back."""
        most = len(self._whole) - _HELD
        blanks = [found.start() for found in _BLANK.finditer(self._whole, 0, max(0, most))]
        for end in reversed(blanks[-20:]):
            (settled,) = assess(self.guard.record, "OUTPUT", [Part(self._whole[:end])]).texts
            if masked.startswith(settled):
                return settled
        return self._sent

"""A guardrail over a request and its answer, over an answer that comes in pieces too.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ministack.services import bedrock_runtime as runtime

#: Characters that come before a stream's text is assessed again.
_STEP = 60
#: Characters that are held back, for what is denied may go on in them: a denied word has 100 at most.
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailWordConfig.html
_HELD = 100
_BLANK = re.compile(r"\s")


@dataclass
class Guard:
    """A guardrail that a request names; none where ``record`` is empty."""

    record: dict[str, Any] = field(default_factory=dict)
    trace: bool = False
    #: Pieces go out before they are assessed, and nothing is masked.
    asynchronous: bool = False
    assessed_input: dict[str, Any] = field(default_factory=dict)
    assessed_output: dict[str, Any] | None = None

    @property
    def blocked_input(self) -> str:
        return self.record.get("BlockedInputMessaging") or "Blocked by guardrail."

    @property
    def blocked_output(self) -> str:
        return self.record.get("BlockedOutputsMessaging") or "Blocked by guardrail."

    def refuses(self, text: str) -> bool:
        """Whether a request with this text may not reach the model."""
        if not self.record:
            return False
        found = runtime._evaluate_guardrail(self.record, "INPUT", text)
        self.assessed_input = found["assessment"]
        return bool(found["blocked"])

    def assess(self, text: str) -> dict[str, Any]:
        """What the guardrail finds in an answer."""
        if not self.record:
            return {"blocked": False, "anonymized": False, "masked_text": text, "assessment": {}}
        found: dict[str, Any] = runtime._evaluate_guardrail(self.record, "OUTPUT", text)
        self.assessed_output = found["assessment"]
        return found

    def traced(self) -> dict[str, Any]:
        """The trace of a response, where it was asked for."""
        if not self.record or not self.trace:
            return {}
        name = self.record["GuardrailId"]
        found: dict[str, Any] = {"inputAssessment": {name: self.assessed_input}} if self.assessed_input else {}
        if self.assessed_output is not None:
            found["outputAssessments"] = {name: [self.assessed_output]}
        return {"trace": {"guardrail": found}}


def guard_of(identifier: str, version: str, *, trace: bool = False, asynchronous: bool = False) -> Guard | None:
    """The guardrail that a request names: an empty one where it names none, None where there is no such guardrail."""
    if not identifier:
        return Guard()
    record = runtime._resolve_guardrail(identifier, version)
    return None if record is None else Guard(record, trace, asynchronous)


class Screen:
    """The text of a stream on its way through a guardrail."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.blocked = False
        self._whole = ""
        #: How much of the text is let through, and what that was made into.
        self._sent = ""
        self._looked = 0

    def feed(self, text: str) -> str:
        """Take a piece, and return what may go out now."""
        self._whole += text
        if not self.guard.record:
            return text
        if len(self._whole) - self._looked < _STEP:
            return text if self.guard.asynchronous else ""
        self._looked = len(self._whole)
        return self._passed(text, last=False)

    def finish(self) -> str:
        """What is left to go out at the end of the text."""
        if not self.guard.record or self.blocked:
            return ""
        return self._passed("", last=True)

    def _passed(self, text: str, *, last: bool) -> str:
        found = self.guard.assess(self._whole)
        if found["blocked"]:
            self.blocked = True
            return text if self.guard.asynchronous else ""
        if self.guard.asynchronous:
            return text
        masked = str(found["masked_text"])
        if not last:
            masked = self._settled(masked)
        if not masked.startswith(self._sent):  # what was sent is sent
            return ""
        fresh = masked[len(self._sent) :]
        self._sent = masked
        return fresh

    def _settled(self, masked: str) -> str:
        """As much of the masked text as no later piece can change: up to a blank, with the rest held back."""
        most = len(self._whole) - _HELD
        blanks = [found.start() for found in _BLANK.finditer(self._whole, 0, max(0, most))]
        for end in reversed(blanks[-20:]):
            settled = runtime._evaluate_guardrail(self.guard.record, "OUTPUT", self._whole[:end])["masked_text"]
            if masked.startswith(settled):
                return str(settled)
        return self._sent

"""Validates the records of a data set, and returns the prompt and the answer of each.

The formats are those of JumpStart's training scripts:
https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-fine-tuning.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Default templates of prompt and answer from the fields of a record, unless the manifest has a template.
DEFAULT_TEMPLATE = {"prompt": "{instruction}\n\n{context}", "completion": "{response}"}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ROLES = ("user", "assistant")


class MalformedError(ValueError):
    """A record that the training script cannot use."""


@dataclass(frozen=True)
class Record:
    """The prompt and the expected answer of one record; plain text has no prompt."""

    prompt: str
    answer: str

    @property
    def text(self) -> str:
        """Returns prompt and answer as one text."""
        return f"{self.prompt}\n{self.answer}"


def parse(line: str, method: str, template: Mapping[str, str] | None) -> Record:
    """Parses a line.

    :raises MalformedError: if it is malformed.
    """
    if method == "domain":
        return Record("", line)
    try:
        content = json.loads(line)
    except ValueError as error:
        raise MalformedError("it is not JSON") from error
    if not isinstance(content, dict):
        raise MalformedError("it is not an object")
    return _chat(content) if method == "chat" else _instruction(content, template or DEFAULT_TEMPLATE)


def _instruction(content: Mapping[str, Any], template: Mapping[str, str]) -> Record:
    for name in _PLACEHOLDER.findall(f"{template['prompt']} {template['completion']}"):
        if not isinstance(content.get(name), str):
            raise MalformedError(f"{name} is missing or not text")
    answer = _fill(template["completion"], content)
    if not answer.strip():
        raise MalformedError("its answer is empty")
    return Record(_fill(template["prompt"], content).strip(), answer)


def _chat(content: Mapping[str, Any]) -> Record:
    turns = content.get("dialog")
    if not isinstance(turns, list) or len(turns) < 2:
        raise MalformedError("dialog is missing or has no answer")
    said = turns[1:] if isinstance(turns[0], dict) and turns[0].get("role") == "system" else turns
    for number, turn in enumerate(said):
        if not isinstance(turn, dict) or turn.get("role") != _ROLES[number % 2]:
            raise MalformedError("user and assistant do not alternate")
    if not all(isinstance(turn.get("content"), str) and turn["content"].strip() for turn in turns):
        raise MalformedError("a turn is empty")
    if said[-1]["role"] != "assistant":
        raise MalformedError("the last turn is not the assistant's")
    return Record("\n".join(turn["content"] for turn in turns[:-1]), turns[-1]["content"])


def _fill(template: str, content: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda found: str(content[found[1]]), template)

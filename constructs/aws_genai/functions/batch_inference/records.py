"""Prompts of a batch and their results, as JSON Lines.

https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html
https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..jobs.steps import RefusedError
from .names import LEAST_RECORDS, MOST_QUESTIONS, MOST_RECORDS


@dataclass(frozen=True)
class Record:
    """One prompt."""

    id: str
    prompt: str


@dataclass(frozen=True)
class Result:
    """The result of a prompt: ``answered``, ``blocked`` or ``failed``."""

    id: str
    outcome: str
    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    #: Whether a batch inference job answered it, which costs half of on-demand inference.
    batched: bool = True


def parse(text: str, address: str) -> list[Record]:
    """Returns the prompts of a file.

    :raises RefusedError: if a line is not a prompt; the message names the first such line.
    """
    found: dict[str, Record] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{address}, line {number}"
        try:
            content = json.loads(line)
            record = Record(content["recordId"], content["prompt"])
        except (ValueError, KeyError, TypeError) as error:
            form = '{"recordId": "...", "prompt": "..."}'
            raise RefusedError(f"{where}: not of the form {form} ({error!r})") from error
        if not all(isinstance(each, str) and each.strip() for each in (record.id, record.prompt)):
            raise RefusedError(f"{where}: recordId and prompt must be strings")
        if record.id in found:
            raise RefusedError(f"{where}: recordId {record.id} is duplicated")
        found[record.id] = record
    if not found:
        raise RefusedError(f"{address} has no prompts")
    if len(found) > MOST_QUESTIONS:
        raise RefusedError(f"{address} has {len(found)} prompts; the maximum is {MOST_QUESTIONS}")
    return list(found.values())


def parts(records: Sequence[Record]) -> list[Sequence[Record]]:
    """Splits the records into parts of equal size, as few as possible."""
    count = -(-len(records) // MOST_RECORDS)
    size = -(-len(records) // count)
    return [records[start : start + size] for start in range(0, len(records), size)]


def enough(records: Sequence[Record]) -> bool:
    """Returns whether there are enough records for a job."""
    return len(records) >= LEAST_RECORDS


def job_input(records: Iterable[Record], request: Mapping[str, Any], system: str) -> str:
    """Returns the input of a job: Converse requests without a guardrail, which jobs do not apply."""
    return lines(
        {
            "recordId": each.id,
            "modelInput": {
                **request,
                "messages": [{"role": "user", "content": [{"text": each.prompt}]}],
                "system": [{"text": system}],
            },
        }
        for each in records
    )


def job_output(text: str) -> dict[str, Mapping[str, Any]]:
    """Returns the Converse responses of a job by record id, without the records that failed."""
    found = {}
    for line in text.splitlines():
        content = json.loads(line)
        answer = content.get("modelOutput")
        if answer and "error" not in content:
            found[str(content["recordId"])] = answer
    return found


def to_lines(results: Iterable[Result]) -> str:
    """Returns results as JSON Lines."""
    return lines(asdict(each) for each in results)


def from_lines(text: str) -> list[Result]:
    """Returns the results in a text of JSON Lines."""
    return [Result(**json.loads(line)) for line in text.splitlines()]


def records_from(text: str) -> list[Record]:
    """Returns the records in a text of JSON Lines."""
    return [Record(**json.loads(line)) for line in text.splitlines()]


def lines(each: Iterable[Mapping[str, Any]]) -> str:
    """Returns mappings as JSON Lines."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in each)

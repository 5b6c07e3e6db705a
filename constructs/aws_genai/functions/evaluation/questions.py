"""Data sets of prompts, and the input of a judge, as JSON Lines.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-prompt-datasets-judge.html
https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-evaluation-prompt-retrieve-generate.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..chat.knowledge import Passage
from ..jobs.steps import RefusedError
from .names import MOST_QUESTIONS


@dataclass(frozen=True)
class Question:
    """A prompt, with its reference response if there is one."""

    prompt: str
    expected: str = ""
    category: str = ""


@dataclass(frozen=True)
class Answered:
    """The response of a model, with its latency and tokens."""

    question: Question
    text: str
    milliseconds: int
    input_tokens: int
    output_tokens: int
    blocked: bool = False
    passages: tuple[Passage, ...] = ()


def parse(text: str, address: str) -> list[Question]:
    """Returns the prompts of a data set.

    :raises RefusedError: if a line is not a prompt; the message names the first such line.
    """
    found: list[Question] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            prompt, expected = content["prompt"], content.get("referenceResponse", "")
            category = content.get("category", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RefusedError(f'{address}, line {number}: not of the form {{"prompt": "..."}} ({error!r})') from error
        if not isinstance(prompt, str) or not prompt.strip() or not isinstance(expected, str):
            raise RefusedError(f"{address}, line {number}: prompt and referenceResponse must be strings")
        found.append(Question(prompt, expected, str(category)))
    if not found:
        raise RefusedError(f"{address} has no prompts")
    if len(found) > MOST_QUESTIONS:
        raise RefusedError(f"{address} has {len(found)} prompts; the maximum is {MOST_QUESTIONS}")
    return found


def for_judge(answers: Sequence[Answered], name: str) -> str:
    """Returns the input of a judge of responses; blocked responses are not evaluated."""
    return _lines(
        {
            "prompt": each.question.prompt,
            **({"referenceResponse": each.question.expected} if each.question.expected else {}),
            **({"category": each.question.category} if each.question.category else {}),
            "modelResponses": [{"response": each.text, "modelIdentifier": name}],
        }
        for each in answers
        if not each.blocked
    )


def for_judge_of_documents(answers: Sequence[Answered], name: str) -> str:
    """Returns the input of a judge of responses from documents."""
    return _lines(
        {
            "conversationTurns": [
                {
                    "prompt": {"content": [{"text": each.question.prompt}]},
                    "referenceResponses": [{"content": [{"text": each.question.expected}]}],
                    "output": {
                        "text": each.text,
                        "knowledgeBaseIdentifier": name,
                        "retrievedPassages": {
                            "retrievalResults": [
                                {"name": passage.document, "content": {"text": passage.text}}
                                for passage in each.passages
                            ]
                        },
                    },
                }
            ]
        }
        for each in answers
        if not each.blocked
    )


def _lines(each: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in each)

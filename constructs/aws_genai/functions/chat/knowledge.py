"""What a user's groups may read of a knowledge base, and how a model is shown it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..groups.names import COGNITO_GROUPS as COGNITO_GROUPS, names
from ..untrusted.text import neutral, quoted
from ..waking.database import patiently, wakes
from .errors import Failure

#: How attributes of groups begin, as the intake writes them.
GROUP = "group_"
_RESULTS = 5
#: Most groups in one filter, which has at most as many parts.
_MOST_GROUPS = 20

UNREACHABLE = Failure(503, "knowledge_unavailable", "The documents cannot be searched now; try again in a moment.")

WAKING = Failure(
    503, "knowledge_waking", "The documents are being woken up; ask again in half a minute.", retry_seconds=20
)


@dataclass(frozen=True)
class Passage:
    """A part of a document that fits a question."""

    text: str
    document: str
    uri: str


def groups_of(claims: Mapping[str, Any], claim: str = COGNITO_GROUPS) -> list[str]:
    """The groups of the user, in alphabetical order.

    :param claim: name of the claim that holds the groups.
    """
    return names(claims.get(claim, ""), spaces=claim == COGNITO_GROUPS)


def permitted(groups: Sequence[str]) -> dict[str, Any]:
    """The filter that lets through what one of the groups may read, of the first groups if there are many.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrievalFilter.html
    """
    each = [{"equals": {"key": f"{GROUP}{group}", "value": True}} for group in groups[:_MOST_GROUPS]]
    return each[0] if len(each) == 1 else {"orAll": each}


def retrieve(
    client: Any,  # noqa: ANN401 - boto3 has no types
    knowledge_base: str,
    question: str,
    groups: Sequence[str],
    search: Mapping[str, Any] | None = None,
    waits: Iterable[float] = (),
) -> list[Passage]:
    """What fits a question, of what the groups may read; nothing for somebody without a group.

    :param client: a ``bedrock-agent-runtime`` client of boto3.
    :param search: how chunks are found, beside the number of results and the filter. Default: by likeness of vectors.
    :param waits: seconds before each further try while a database that slept wakes up. Default: tried once.
    :raises ChatError: if nothing can be searched.
    """
    if not groups:
        return []
    # What is put in order again is chosen from more.
    wanted = 4 * _RESULTS if search and "rerankingConfiguration" in search else _RESULTS
    asked = {"numberOfResults": wanted, "filter": permitted(groups), **(search or {})}
    request = {
        "knowledgeBaseId": knowledge_base,
        "retrievalQuery": {"text": neutral(question)[:1000]},
        "retrievalConfiguration": {"vectorSearchConfiguration": asked},
    }
    try:
        found = patiently(lambda: client.retrieve(**request), waits)["retrievalResults"]
    except (BotoCoreError, ClientError) as error:
        raise (WAKING if wakes(error) else UNREACHABLE)() from error
    # Looked at again: whatever the filter did, what the groups may not read goes no further.
    return [_passage(each) for each in found if _readable(each.get("metadata", {}), groups)]


def _readable(metadata: Mapping[str, Any], groups: Sequence[str]) -> bool:
    return any(metadata.get(f"{GROUP}{group}") is True for group in groups[:_MOST_GROUPS])


def _passage(found: Mapping[str, Any]) -> Passage:
    uri = str(found.get("location", {}).get("s3Location", {}).get("uri", ""))
    return Passage(str(found["content"]["text"]), str(found.get("metadata", {}).get("document") or uri), uri)


def grounded(messages: Sequence[Mapping[str, Any]], passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """One message of a user in which every part is tagged: what is untagged would not be assessed.

    What was said before is quoted too, for the client hands it back and may have forged it.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-contextual-grounding-check.html
    """
    before = [f"{each['role']}: {each['text']}" for each in messages[:-1]]
    parts = [_tagged(quoted("\n".join(before), "earlier conversation"))] if before else []
    parts += [_tagged(quoted(each.text, each.document), "grounding_source") for each in passages]
    parts.append(_tagged(neutral(str(messages[-1]["text"])) or " ", "query"))
    return [{"role": "user", "content": parts}]


def _tagged(text: str, *qualifiers: str) -> dict[str, Any]:
    return {"guardContent": {"text": {"text": text, "qualifiers": [*qualifiers, "guard_content"]}}}

"""Evaluates a text with a guardrail, without invoking a model.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Assessed:
    """The text after the guardrail, with personal data masked, and whether it was blocked."""

    text: str
    blocked: bool = False


def assess(client: Any, guardrail: tuple[str, str], text: str, source: Literal["INPUT", "OUTPUT"]) -> Assessed:  # noqa: ANN401
    """Evaluates a text.

    :param client: a ``bedrock-runtime`` client of boto3.
    :param guardrail: its id and version.
    :param source: whether the text is a prompt (``INPUT``) or a response (``OUTPUT``).
    """
    answer = client.apply_guardrail(
        guardrailIdentifier=guardrail[0],
        guardrailVersion=guardrail[1],
        source=source,
        content=[{"text": {"text": text}}],
    )
    if answer["action"] != "GUARDRAIL_INTERVENED":
        return Assessed(text)
    shown = "".join(each.get("text", "") for each in answer.get("outputs", []))
    return Assessed(shown, blocked=_blocked(answer.get("assessments", [])))


def assess_image(client: Any, guardrail: tuple[str, str], image: bytes, form: Literal["png", "jpeg"]) -> bool:  # noqa: ANN401
    """Whether an image that a model made may be used. The guardrail must filter images.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html

    :param image: up to 4 MB, and 8,000 pixels wide and high.
    """
    answer = client.apply_guardrail(
        guardrailIdentifier=guardrail[0],
        guardrailVersion=guardrail[1],
        source="OUTPUT",
        content=[{"image": {"format": form, "source": {"bytes": image}}}],
    )
    guarded = int(answer.get("guardrailCoverage", {}).get("images", {}).get("guarded", 0))
    # An image cannot be masked, and what was not assessed is not used.
    return guarded > 0 and answer["action"] != "GUARDRAIL_INTERVENED"


def _blocked(found: Any) -> bool:  # noqa: ANN401 - JSON
    """Returns whether any policy of an assessment blocked the text, rather than masked it."""
    if isinstance(found, dict):
        return found.get("action") == "BLOCKED" or any(_blocked(each) for each in found.values())
    return isinstance(found, list) and any(_blocked(each) for each in found)

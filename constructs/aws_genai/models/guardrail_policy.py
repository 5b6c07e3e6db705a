"""What a guardrail refuses and masks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..errors import InvalidValueError

Strength = Literal["NONE", "LOW", "MEDIUM", "HIGH"]
PiiAction = Literal["BLOCK", "ANONYMIZE"]

#: Longest definition of a topic, by tier: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tiers.html
_LONGEST_TOPIC = {"CLASSIC": 200, "STANDARD": 1000}
_MOST_REASONING = 2
_VERSIONED = re.compile(r"automated-reasoning-policy/[a-z0-9]+:[1-9]\d*$")
#: What nobody needs to tell a model, and what it may repeat only masked.
STRICT_PII: Mapping[str, PiiAction] = {
    "AWS_ACCESS_KEY": "BLOCK",
    "AWS_SECRET_KEY": "BLOCK",
    "CREDIT_DEBIT_CARD_CVV": "BLOCK",
    "CREDIT_DEBIT_CARD_NUMBER": "BLOCK",
    "EMAIL": "ANONYMIZE",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "ANONYMIZE",
    "PASSWORD": "BLOCK",
    "PHONE": "ANONYMIZE",
    "PIN": "BLOCK",
    "US_SOCIAL_SECURITY_NUMBER": "BLOCK",
}


@dataclass(frozen=True)
class DeniedTopic:
    """A subject that is refused, described so that a classifier recognizes it.

    The definition has at most 200 characters, each of at most five examples at most 100.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-denied-topics.html
    """

    name: str
    definition: str
    examples: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class GuardrailPolicy:
    """The policy of a guardrail; without arguments, the strictest that suits a general assistant.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-components.html

    :param filter_strength: strength of each content filter, on input and output. Default: HIGH.
    :param prompt_attack_strength: strength of the prompt-attack filter, on input. Default: HIGH.
    :param denied_topics: subjects that are refused. Default: none.
    :param denied_words: words and phrases that are refused, each at most 100 characters. Default: none.
    :param profanity: refuse profanity. Default: yes.
    :param pii: what happens to each kind of personal data. Default: secrets and card numbers are blocked, contact
        data is masked.
    :param grounding_threshold: least grounding in the sources of an answer, 0 to 0.99. Default: 0.7.
    :param relevance_threshold: least relevance to the question of an answer, 0 to 0.99. Default: 0.7.
    :param patterns: regular expressions by name, whose matches are blocked. Default: none.
    :param images: assess images too, in questions and answers. Default: no, so models may be shown none.
    :param cross_region: assess in any Region of the stack's own geography, with the larger tier of filters, which knows
        more languages. Default: no, nothing leaves the Region.
    :param automated_reasoning: ARNs of versions of at most two automated reasoning policies that answers are checked
        against; they need ``cross_region``. Default: none.
    """

    filter_strength: Strength = "HIGH"
    prompt_attack_strength: Strength = "HIGH"
    denied_topics: Sequence[DeniedTopic] = ()
    denied_words: Sequence[str] = ()
    profanity: bool = True
    pii: Mapping[str, PiiAction] = field(default_factory=lambda: dict(STRICT_PII))
    grounding_threshold: float = 0.7
    relevance_threshold: float = 0.7
    patterns: Mapping[str, str] = field(default_factory=dict)
    images: bool = False
    cross_region: bool = False
    automated_reasoning: Sequence[str] = ()

    def check(self) -> None:
        """Refuse what Bedrock would.

        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-automated-reasoning-checks.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-automated-reasoning-permissions.html

        :raises InvalidValueError: naming the field.
        """
        if self.automated_reasoning and not self.cross_region:
            raise InvalidValueError(
                "Automated reasoning checks run across Regions only",
                field="automated_reasoning",
                hint="Set cross_region, or leave the policies out",
            )
        if len(self.automated_reasoning) > _MOST_REASONING:
            raise InvalidValueError(
                f"A guardrail checks against at most {_MOST_REASONING} policies", field="automated_reasoning"
            )
        for arn in self.automated_reasoning:
            # Who applies the guardrail is let invoke a version.
            if not _VERSIONED.search(arn):
                raise InvalidValueError(
                    f"{arn} names no version", field="automated_reasoning", hint=f"Name one, such as {arn}:1"
                )
        longest = _LONGEST_TOPIC["STANDARD" if self.cross_region else "CLASSIC"]
        for topic in self.denied_topics:
            if len(topic.definition) > longest:
                raise InvalidValueError(
                    f"The definition of {topic.name} has {len(topic.definition)} characters; this tier takes {longest}",
                    field="denied_topics",
                    hint="Shorten it" if self.cross_region else "Shorten it, or set cross_region, which takes 1000",
                )

    def check_enforced(self) -> None:
        """Refuse to enforce what fails at run time.

        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html

        :raises InvalidValueError: if there are automated reasoning policies.
        """
        if self.automated_reasoning:
            raise InvalidValueError(
                "A guardrail with automated reasoning policies cannot be enforced: every call of a model would fail",
                field="guardrail.automated_reasoning",
                hint="Leave them out, or leave enforce out",
            )

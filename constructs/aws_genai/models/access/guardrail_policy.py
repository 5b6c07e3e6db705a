"""What a guardrail refuses and masks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import InvalidValueError, nearest

Strength = Literal["NONE", "LOW", "MEDIUM", "HIGH"]
PiiAction = Literal["BLOCK", "ANONYMIZE"]

#: Longest definition of a topic, by tier: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tiers.html
_LONGEST_TOPIC = {"CLASSIC": 200, "STANDARD": 1000}
_MOST_REASONING = 2
#: Most of each, and the longest: https://docs.aws.amazon.com/general/latest/gr/bedrock.html and
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
_MOST = {"denied_topics": 30, "denied_words": 10_000, "patterns": 10}
_MOST_EXAMPLES, _LONGEST_EXAMPLE, _LONGEST_NAME, _LONGEST_WORD, _LONGEST_PATTERN = 5, 100, 100, 100, 500
_TOPIC_NAME = re.compile(r"[0-9a-zA-Z\-_ !?.]+")
_HIGHEST_THRESHOLD = 0.99
_LOOKAROUND = re.compile(r"(?<!\\)(?:\\\\)*\(\?<?[=!]")
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
#: Classes of letters by their property, and names of groups, which other dialects write and Python does not read.
_OTHER_DIALECTS = ((re.compile(r"\\[pP](?:\{\^?[\w=]+\}|[A-Z])"), r"\\w"), (re.compile(r"\(\?<(?=[A-Za-z_])"), "(?P<"))
_VERSIONED = re.compile(r"automated-reasoning-policy/[a-z0-9]+:[1-9]\d*$")
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailPiiEntityConfig.html
PII_KINDS = frozenset(
    {
        "ADDRESS",
        "AGE",
        "AWS_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "CA_HEALTH_NUMBER",
        "CA_SOCIAL_INSURANCE_NUMBER",
        "CREDIT_DEBIT_CARD_CVV",
        "CREDIT_DEBIT_CARD_EXPIRY",
        "CREDIT_DEBIT_CARD_NUMBER",
        "DRIVER_ID",
        "EMAIL",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
        "IP_ADDRESS",
        "LICENSE_PLATE",
        "MAC_ADDRESS",
        "NAME",
        "PASSWORD",
        "PHONE",
        "PIN",
        "SWIFT_CODE",
        "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
        "UK_NATIONAL_INSURANCE_NUMBER",
        "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
        "URL",
        "USERNAME",
        "US_BANK_ACCOUNT_NUMBER",
        "US_BANK_ROUTING_NUMBER",
        "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
        "US_PASSPORT_NUMBER",
        "US_SOCIAL_SECURITY_NUMBER",
        "VEHICLE_IDENTIFICATION_NUMBER",
    }
)
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

    The name has at most 100 ASCII letters, digits, spaces and ``_ ! ? . -``, the definition at most 200 (1000
    with ``cross_region``), each of at most five examples at most 100.
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
    :param denied_topics: subjects that are refused, at most 30. Default: none.
    :param denied_words: words and phrases that are refused: at most 10,000 of at most 100 characters. Default: none.
    :param profanity: refuse profanity. Default: yes.
    :param pii: what happens to each kind of personal data. Default: secrets and card numbers are blocked, contact
        data is masked.
    :param grounding_threshold: least grounding in the sources of an answer, 0 to 0.99. Default: 0.7.
    :param relevance_threshold: least relevance to the question of an answer, 0 to 0.99. Default: 0.7.
    :param patterns: regular expressions by name, whose matches are blocked: at most ten of at most 500 characters,
        which do not look ahead or behind. Default: none.
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
        self._check_numbers()
        for name, pattern in self.patterns.items():
            check_pattern(name, pattern)
        longest = _LONGEST_TOPIC["STANDARD" if self.cross_region else "CLASSIC"]
        for topic in self.denied_topics:
            if len(topic.definition) > longest:
                raise InvalidValueError(
                    f"The definition of {topic.name} has {len(topic.definition)} characters; this tier takes {longest}",
                    field="denied_topics",
                    hint="Shorten it" if self.cross_region else "Shorten it, or set cross_region, which takes 1000",
                )

    def _check_numbers(self) -> None:
        for name, most in _MOST.items():
            if len(getattr(self, name)) > most:
                raise InvalidValueError(f"A guardrail has at most {most} of these", field=name, hint="Leave some out")
        for topic in self.denied_topics:
            if not 1 <= len(topic.name) <= _LONGEST_NAME or not _TOPIC_NAME.fullmatch(topic.name):
                reason = f"The name of a topic has 1 to {_LONGEST_NAME} letters, digits, spaces and _ ! ? . -"
                raise InvalidValueError(f"{reason}, unlike {topic.name[:120]!r}", field="denied_topics")
            if not topic.definition:
                raise InvalidValueError(f"{topic.name} has no definition", field="denied_topics", hint="Write one")
            if len(topic.examples) > _MOST_EXAMPLES or any(
                not 1 <= len(each) <= _LONGEST_EXAMPLE for each in topic.examples
            ):
                reason = f"{topic.name} has at most {_MOST_EXAMPLES} examples of 1 to {_LONGEST_EXAMPLE} characters"
                raise InvalidValueError(reason, field="denied_topics", hint="Shorten them, or leave some out")
        names = [topic.name for topic in self.denied_topics]
        if len(set(names)) != len(names):
            raise InvalidValueError("Two topics have one name", field="denied_topics", hint="Name them apart")
        for word in self.denied_words:
            if not word.strip() or len(word) > _LONGEST_WORD:
                reason = f"A denied word has 1 to {_LONGEST_WORD} characters, unlike {word[:120]!r}"
                raise InvalidValueError(reason, field="denied_words")
        for kind in self.pii:
            if kind not in PII_KINDS:
                reason = f"{kind} is not a kind of personal data"
                raise InvalidValueError(reason, field="pii", hint=nearest(kind, PII_KINDS))
        for name in ("grounding_threshold", "relevance_threshold"):
            if not 0 <= getattr(self, name) <= _HIGHEST_THRESHOLD:
                raise InvalidValueError(f"A threshold is 0 to {_HIGHEST_THRESHOLD}", field=name)

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


def check_pattern(name: str, pattern: str) -> None:
    """Refuse a regular expression that a guardrail would not take.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html

    :raises InvalidValueError: if it looks ahead or behind, is too long, or is no regular expression.
    """
    if not 1 <= len(name) <= _LONGEST_NAME or not 1 <= len(pattern) <= _LONGEST_PATTERN:
        reason = f"A pattern has 1 to {_LONGEST_PATTERN} characters, its name 1 to {_LONGEST_NAME}"
        raise InvalidValueError(reason, field="patterns", hint="Shorten it")
    if _LOOKAROUND.search(_CLASS.sub("", pattern)):
        reason = f"{name} looks ahead or behind, which guardrails do not support"
        raise InvalidValueError(reason, field=name, hint="Write it without (?=, (?!, (?<= and (?<!")
    read = pattern
    for theirs, ours in _OTHER_DIALECTS:
        read = theirs.sub(ours, read)
    try:
        re.compile(read)
    except re.error as error:
        reason = f"{name} is not a regular expression: {error}"
        raise InvalidValueError(reason, field=name, hint="Correct it") from error

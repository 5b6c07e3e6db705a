"""The options of governed access to Amazon Bedrock, each declared once: for code, and for the settings file."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ...data.bedrock import BedrockCatalogue, Use, check_allowed
from ...data.personal import check_identifiers
from ...errors import InvalidValueError, nearest
from ...options import Instructions, ModelId, Options, text
from ...resource_name import ResourceName

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
GUARDRAIL_NAME = ResourceName("Guardrail", 50, r"[0-9a-zA-Z_-]+", "letters, digits, hyphens and underscores")

Strength = Literal["LOW", "MEDIUM", "HIGH"]
PiiAction = Literal["BLOCK", "ANONYMIZE"]

#: Maximum length of the definition of a topic, by tier:
#: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tiers.html
_TOPIC_LENGTH = {"CLASSIC": 200, "STANDARD": 1000}
_LOOKAROUND = re.compile(r"(?<!\\)(?:\\\\)*\(\?<?[=!]")
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
#: Unicode property classes and named groups, in the syntax of other engines, and what Python reads in their place.
_OTHER_DIALECTS = ((re.compile(r"\\[pP](?:\{\^?[\w=]+\}|[A-Z])"), r"\\w"), (re.compile(r"\(\?<(?=[A-Za-z_])"), "(?P<"))
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailAutomatedReasoningPolicyConfig.html
_REASONING = (
    r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:automated-reasoning-policy/[a-z0-9]{12}(:[1-9][0-9]{0,11})?$"
)
_VERSIONED = re.compile(r"automated-reasoning-policy/[a-z0-9]+:[1-9]\d*$")
ReasoningPolicyArn = Annotated[str, text(_REASONING, "be the ARN of an automated reasoning policy")]
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

Threshold = Annotated[float, Field(ge=0, le=0.99)]
Message = Annotated[str, Field(min_length=1, max_length=500)]
_TopicName = Annotated[
    str,
    text(
        r"^[0-9a-zA-Z]([0-9a-zA-Z _!?.-]{0,98}[0-9a-zA-Z_!?.-])?$",
        "have at most 100 ASCII letters, digits, spaces between them and _ ! ? . -",
    ),
]


class DeniedTopic(Options):
    """A topic that the guardrail blocks.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-denied-topics.html
    """

    definition: Annotated[str, Field(min_length=1, max_length=1000)]
    """Definition of the topic in one or two sentences: at most 200 characters, or 1,000 with cross_region."""

    examples: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=5)] = []
    """Sample phrases of the topic."""


class GuardrailOptions(Options):
    """The policies of a guardrail. The defaults are the strictest that suit a general assistant.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-components.html
    """

    filter_strength: Strength = "HIGH"
    """Strength of the content filters, for prompts and responses."""

    prompt_attack_strength: Strength = "HIGH"
    """Strength of the prompt attack filter, for prompts."""

    denied_topics: Annotated[dict[_TopicName, DeniedTopic], Field(max_length=30)] = {}
    """Topics that are blocked, by name."""

    denied_words: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=10_000)] = []
    """Words and phrases that are blocked."""

    profanity: bool = True
    """Whether to block profanity."""

    pii: dict[Annotated[str, text(r"^[A-Z_]{1,64}$", "have capital letters and underscores")], PiiAction] = {
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
    """Action for each type of personally identifiable information, BLOCK or ANONYMIZE. Types that are left out are
    not detected."""

    grounding_threshold: Threshold = 0.7
    """Minimum grounding score of a response. Responses with a lower score are blocked."""

    relevance_threshold: Threshold = 0.7
    """Minimum relevance score of a response. Responses with a lower score are blocked."""

    patterns: Annotated[
        dict[
            Annotated[str, Field(min_length=1, max_length=100)],
            Annotated[str, Field(min_length=1, max_length=500)],
        ],
        Field(max_length=10),
    ] = {}
    """Regular expressions by name, whose matches are blocked. Lookaround is not supported."""

    images: bool = False
    """Whether to filter images as well. Without it, no image can be sent to a model."""

    cross_region: bool = False
    """Whether to evaluate in any Region of the geography (cross-Region inference) with the Standard tier, which
    supports more languages. Without it, the guardrail evaluates in its own Region with the Classic tier."""

    automated_reasoning: Annotated[list[ReasoningPolicyArn], Field(max_length=2)] = []
    """ARNs of versions of automated reasoning policies that responses are checked against. They require cross_region,
    and such a guardrail cannot be enforced."""

    blocked_input_message: Message = "I cannot help with that request."
    """Response to a prompt that is blocked."""

    blocked_output_message: Message = "I cannot give an answer to that."
    """Text that replaces a response that is blocked."""

    version: Annotated[int, Field(ge=1, le=99_999_999)] | None = None
    """Number of an earlier version that callers use. Default: the newest version."""

    @field_validator("denied_words")
    @classmethod
    def _words(cls, value: list[str]) -> list[str]:
        if any(not word.strip() for word in value):
            raise InvalidValueError("A denied word consists of spaces only", hint="Write the word, or remove it")
        return value

    @field_validator("patterns")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            check_pattern(name, pattern)
        return value

    @field_validator("pii")
    @classmethod
    def _known(cls, value: dict[str, PiiAction]) -> dict[str, PiiAction]:
        for kind in value:
            if kind not in PII_KINDS:
                raise InvalidValueError(
                    f"{kind} is not a type of personally identifiable information that guardrails detect",
                    field=kind,
                    hint=nearest(kind, PII_KINDS),
                )
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        # https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-automated-reasoning-checks.html
        if self.automated_reasoning and not self.cross_region:
            raise InvalidValueError(
                "Automated reasoning checks require cross-Region inference",
                field="automated_reasoning",
                hint="Set cross_region to true, or leave automated_reasoning out",
            )
        for arn in self.automated_reasoning:
            # Whoever applies the guardrail is allowed to invoke that version.
            # https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-automated-reasoning-permissions.html
            if not _VERSIONED.search(arn):
                raise InvalidValueError(
                    f"{arn} has no version", field="automated_reasoning", hint=f"Add one, such as {arn}:1"
                )
        longest = _TOPIC_LENGTH["STANDARD" if self.cross_region else "CLASSIC"]
        for name, topic in self.denied_topics.items():
            if len(topic.definition) > longest:
                raise InvalidValueError(
                    f"The definition of {name} has {len(topic.definition)} characters; the maximum of this tier is "
                    f"{longest}",
                    field="denied_topics",
                    hint="Shorten it" if self.cross_region else "Shorten it, or set cross_region, which allows 1000",
                )
        return self

    def check_enforced(self) -> None:
        """Refuse to enforce a guardrail that fails at run time.

        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html

        :raises InvalidValueError: if there are automated reasoning policies.
        """
        if self.automated_reasoning:
            raise InvalidValueError(
                "A guardrail with automated reasoning policies cannot be enforced: every model invocation would fail",
                field="guardrail.automated_reasoning",
                hint="Leave automated_reasoning out, or leave enforce out",
            )


def check_pattern(name: str, pattern: str) -> None:
    """Refuse a regular expression that a guardrail does not support.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html

    :raises InvalidValueError: if it uses lookaround, or is not a regular expression.
    """
    if _LOOKAROUND.search(_CLASS.sub("", pattern)):
        reason = f"{name} uses lookahead or lookbehind, which guardrails do not support"
        raise InvalidValueError(reason, field=name, hint="Write it without (?=, (?!, (?<= and (?<!")
    read = pattern
    for theirs, ours in _OTHER_DIALECTS:
        read = theirs.sub(ours, read)
    try:
        re.compile(read)
    except re.error as error:
        reason = f"{name} is not a regular expression: {error}"
        raise InvalidValueError(reason, field=name, hint="Correct it") from error


class EnforcementOptions(Options):
    """Enforces the guardrail on every model invocation of the account in this Region, those of other projects included.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html
    """

    excluded: list[ModelId] = []
    """Ids of models that the guardrail is not enforced on, such as embedding models."""

    @field_validator("excluded")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for model in value:
            BedrockCatalogue.get(model)
        return value


class ModelAccessOptions(Options):
    """The models of Amazon Bedrock that may be invoked."""

    models: Annotated[list[ModelId], Field(min_length=1)]
    """Ids of the foundation models and inference profiles that may be invoked."""

    providers: list[str] = []
    """Model providers that are allowed, such as amazon. Default: any."""

    uses: list[Use] = []
    """Uses that models are allowed for. Default: any."""

    regions: list[str] = []
    """Regions that may process requests. Each inference profile needs all the Regions that it routes to from the
    stack's own. Default: every Region that a profile routes to."""

    @field_validator("models")
    @classmethod
    def _catalogued(cls, value: list[str]) -> list[str]:
        for model in value:
            BedrockCatalogue.get(model)
        return value

    @field_validator("providers")
    @classmethod
    def _providers(cls, value: list[str]) -> list[str]:
        for provider in value:
            known = BedrockCatalogue.providers()
            if provider not in known:
                reason = f"{provider} is not a model provider that the catalogue knows"
                raise InvalidValueError(reason, hint=nearest(provider, known))
        return value

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        for model in self.models:
            check_allowed(model, self.providers, self.uses)
        return self


class InvocationLoggingOptions(Options):
    """Model invocation logging of the whole account and Region, which one stack owns.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    """

    text: bool = True
    """Whether to log text."""

    images: bool = False
    """Whether to log images."""

    embeddings: bool = False
    """Whether to log embeddings."""

    replace: bool = False
    """Whether to replace a logging configuration that another stack or team has set, until this stack is deleted.
    Without it, the deployment fails if there is one."""

    mask: list[str] = []
    """Types of sensitive data that CloudWatch Logs masks, by the names of its managed data identifiers, such as
    EmailAddress. Nothing is logged to S3 if there is any."""

    @field_validator("mask")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        check_identifiers(value, stored=False)
        return value


class ModelWatchOptions(Options):
    """Alarms on the use of models.

    https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html
    """

    usd_per_hour: Annotated[float, Field(ge=0.01, le=1_000_000)] = 20
    """Cost of the tokens of an hour, in US dollars at list prices, that raises an alarm. An alarm covers at most four
    models."""

    blocks_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """Number of guardrail interventions in an hour that raises an alarm."""

    band: Annotated[float, Field(ge=0.1, le=10)] = 3
    """Width of the anomaly detection band of the number of invocations, in standard deviations."""


class InferenceParameters(Options):
    """Inference parameters that all models have in common.

    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-parameters.html
    """

    max_tokens: Annotated[int, Field(ge=1, le=128_000)] = 1024
    """Maximum number of tokens of a response."""

    temperature: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Temperature: the higher, the more varied are responses."""


class Inference(InferenceParameters):
    """Inference parameters, and the system prompt."""

    system_prompt: Instructions = "You are a helpful assistant. Say so when you do not know."
    """System prompt of every conversation."""

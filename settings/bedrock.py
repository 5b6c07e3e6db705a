"""Settings of models that are paid by the token: which may be called, through what, and who is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aws_genai.data.bedrock import BedrockCatalogue, Use, check_allowed
from aws_genai.data.personal import check_identifiers
from aws_genai.errors import InvalidValueError, nearest
from aws_genai.models.access.guardrail_policy import PII_KINDS, STRICT_PII, DeniedTopic, GuardrailPolicy, check_pattern

from .base import ModelId, Section, text

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailAutomatedReasoningPolicyConfig.html
_REASONING = (
    r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:automated-reasoning-policy/[a-z0-9]{12}(:[1-9][0-9]{0,11})?$"
)

Strength = Literal["LOW", "MEDIUM", "HIGH"]
Threshold = Annotated[float, Field(ge=0, le=0.99)]


class Topic(Section):
    """A subject that is refused."""

    definition: Annotated[str, Field(min_length=1, max_length=1000)]
    """What belongs to the subject, in one or two sentences: 200 characters, 1,000 with cross_region."""

    examples: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=5)] = []
    """Questions that belong to it."""


class GuardrailSettings(Section):
    """What models may be asked and may answer."""

    filter_strength: Strength = "HIGH"
    """Strength of the content filters, on questions and answers."""

    prompt_attack_strength: Strength = "HIGH"
    """Strength of the prompt-attack filter, on questions."""

    denied_topics: Annotated[
        dict[
            Annotated[
                str,
                text(
                    r"^[0-9a-zA-Z]([0-9a-zA-Z _!?.-]{0,98}[0-9a-zA-Z_!?.-])?$",
                    "have at most 100 ASCII letters, digits, spaces between them and _ ! ? . -",
                ),
            ],
            Topic,
        ],
        Field(max_length=30),
    ] = {}
    """Subjects that are refused, by name."""

    denied_words: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=10000)] = []
    """Words and phrases that are refused."""

    profanity: bool = True
    """Refuse profanity."""

    pii: (
        dict[
            Annotated[str, text(r"^[A-Z_]{1,64}$", "have capital letters and underscores")],
            Literal["BLOCK", "ANONYMIZE"],
        ]
        | None
    ) = None
    """What happens to each kind of personal data; without it, secrets are blocked and contact data is masked."""

    grounding_threshold: Threshold = 0.7
    """Least grounding of an answer in its sources."""

    relevance_threshold: Threshold = 0.7
    """Least relevance of an answer to its question."""

    patterns: Annotated[
        dict[
            Annotated[str, Field(min_length=1, max_length=100)],
            Annotated[str, Field(min_length=1, max_length=500)],
        ],
        Field(max_length=10),
    ] = {}
    """Regular expressions by name, at most ten, whose matches are blocked."""

    images: bool = False
    """Assess images too."""

    cross_region: bool = False
    """Assess in any Region of the geography, with filters that know more languages; in the Region only without."""

    automated_reasoning: Annotated[
        list[Annotated[str, text(_REASONING, "be the ARN of an automated reasoning policy")]],
        Field(max_length=2),
    ] = []
    """ARNs of versions of automated reasoning policies that answers are checked against; they need cross_region, and
    cannot be enforced."""

    keep_versions: bool = False
    """Keep versions that nothing names, at most 20, so that version can go back to one."""

    version: Annotated[int, Field(ge=1, le=99_999_999)] | None = None
    """Number of an earlier version that callers use; the newest without it."""

    @field_validator("patterns")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            check_pattern(name, pattern)
        return value

    @model_validator(mode="after")
    def _possible(self) -> GuardrailSettings:
        self.policy().check()
        return self

    def policy(self) -> GuardrailPolicy:
        """The policy as the library knows it."""
        same = (
            "filter_strength",
            "prompt_attack_strength",
            "denied_words",
            "profanity",
            "grounding_threshold",
            "relevance_threshold",
            "patterns",
            "images",
            "cross_region",
            "automated_reasoning",
        )
        topics = [DeniedTopic(name, each.definition, tuple(each.examples)) for name, each in self.denied_topics.items()]
        return GuardrailPolicy(
            **{name: getattr(self, name) for name in same},
            denied_topics=topics,
            pii=dict(STRICT_PII) if self.pii is None else dict(self.pii),
        )

    @field_validator("pii")
    @classmethod
    def _known(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for kind in value or {}:
            if kind not in PII_KINDS:
                raise InvalidValueError(
                    f"{kind} is not a kind of personal data", field=kind, hint=nearest(kind, PII_KINDS)
                )
        return value


class Enforcement(Section):
    """A guardrail on every call of the account in this Region, those of other projects included."""

    excluded: list[ModelId] = []
    """Ids of models that it is not enforced on."""

    @field_validator("excluded")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for model in value:
            BedrockCatalogue.get(model)
        return value


class InvocationLog(Section):
    """What models were asked and answered is logged, for the whole account and Region, by one of its environments."""

    text: bool = True
    """Log texts."""

    images: bool = False
    """Log images."""

    embeddings: bool = False
    """Log embeddings."""

    replace: bool = False
    """Take the place of logging that another environment or team has set, until this stack is deleted."""

    mask: list[str] = []
    """Kinds of personal data that show as asterisks, as CloudWatch names them; nothing is copied to S3 with any."""

    @field_validator("mask")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        check_identifiers(value, stored=False)
        return value


class Watch(Section):
    """Alarms on how models are used."""

    usd_per_hour: Annotated[float, Field(ge=0.01, le=1_000_000)] = 20
    """Dollars of tokens in an hour, of at most four models together, at list prices."""

    blocks_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """Interventions of the guardrail in an hour."""

    band: Annotated[float, Field(ge=0.1, le=10)] = 3
    """Width of what is a usual number of calls, in standard deviations."""


class Bedrock(Section):
    """Models that are paid by the token."""

    models: Annotated[list[ModelId], Field(min_length=1)]
    """Ids of the foundation models or inference profiles that may be called."""

    providers: list[str] = []
    """Whose models may be among them, such as amazon; anybody's without any."""

    uses: list[Use] = []
    """What they may be for; anything without any."""

    application_profiles: bool = True
    """Whether an application calls models under names of its own, whose tags carry the costs."""

    regions: list[str] = []
    """Regions in which calls may be answered; a profile needs all that it routes to. Wherever it does without any."""

    guardrail: GuardrailSettings = GuardrailSettings()
    """What every call goes through."""

    watch: Watch | None = None
    """Alarms on unusually many calls, on costs and on blocks; none without it."""

    invocation_log: InvocationLog | None = None
    """Log what models were asked and answered; nothing is without it."""

    enforce: Enforcement | None = None
    """Enforce the guardrail on every call of the account; only this project's calls go through it without."""

    @field_validator("providers")
    @classmethod
    def _providers(cls, value: list[str]) -> list[str]:
        for provider in value:
            known = BedrockCatalogue.providers()
            if provider not in known:
                reason = f"{provider} is not a provider of models that the catalogue knows"
                raise InvalidValueError(reason, hint=nearest(provider, known))
        return value

    @model_validator(mode="after")
    def _allowed(self) -> Bedrock:
        for model in self.models:
            check_allowed(model, self.providers, self.uses)
        if self.enforce:
            self.guardrail.policy().check_enforced()
        return self

    @field_validator("models")
    @classmethod
    def _callable(cls, value: list[str]) -> list[str]:
        # Whether the Region can call them, the whole of the settings knows.
        for model in value:
            BedrockCatalogue.get(model)
        return value

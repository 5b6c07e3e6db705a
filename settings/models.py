"""Settings of layer 2: models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aws_genai.data.bedrock import BedrockCatalogue, Use, check_allowed, check_model
from aws_genai.data.personal import check_identifiers
from aws_genai.errors import InvalidValueError, nearest
from aws_genai.models.guardrail_policy import STRICT_PII, DeniedTopic, GuardrailPolicy

from .base import Name, Section
from .batch import Batch
from .endpoints import Endpoint, WorkingHoursSettings
from .evaluation import EvaluationSettings
from .fine_tuning import FineTuningSettings
from .imported import Imported
from .knowledge import Knowledge
from .platform import Hub, Monitoring, StudioSettings
from .prompts import FlowSettings, PromptSettings, RouterSettings

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailAutomatedReasoningPolicyConfig.html
_REASONING = (
    r"^arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:\d{12}:automated-reasoning-policy/[a-z0-9]{12}(:[1-9]\d{0,11})?$"
)

Strength = Literal["LOW", "MEDIUM", "HIGH"]
Threshold = Annotated[float, Field(ge=0, le=0.99, strict=False)]


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
        dict[Annotated[str, Field(pattern=r"^[0-9a-zA-Z][0-9a-zA-Z _!?.-]{0,99}$")], Topic], Field(max_length=30)
    ] = {}
    """Subjects that are refused, by name."""

    denied_words: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=10000)] = []
    """Words and phrases that are refused."""

    profanity: bool = True
    """Refuse profanity."""

    pii: dict[Annotated[str, Field(pattern=r"^[A-Z_]+$")], Literal["BLOCK", "ANONYMIZE"]] | None = None
    """What happens to each kind of personal data; without it, secrets are blocked and contact data is masked."""

    grounding_threshold: Threshold = 0.7
    """Least grounding of an answer in its sources."""

    relevance_threshold: Threshold = 0.7
    """Least relevance of an answer to its question."""

    patterns: dict[Annotated[str, Field(min_length=1, max_length=100)], Annotated[str, Field(min_length=1)]] = {}
    """Regular expressions by name, whose matches are blocked."""

    images: bool = False
    """Assess images too."""

    cross_region: bool = False
    """Assess in any Region of the geography, with filters that know more languages; in the Region only without."""

    automated_reasoning: Annotated[list[Annotated[str, Field(pattern=_REASONING)]], Field(max_length=2)] = []
    """ARNs of automated reasoning policies that answers are checked against; they need cross_region."""

    keep_versions: bool = False
    """Keep versions that are replaced, at most 20, so that version can go back to one."""

    version: Annotated[int, Field(ge=1)] | None = None
    """Number of an earlier version that callers use; the newest without it."""

    @field_validator("patterns")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            try:
                re.compile(pattern)
            except re.error as error:
                reason = f"{name} is not a regular expression: {error}"
                raise InvalidValueError(reason, field=name, hint="Correct it") from error
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


class Enforcement(Section):
    """A guardrail on every call of the account in this Region, those of other projects included."""

    excluded: list[str] = []
    """Ids of models that it is not enforced on."""

    @field_validator("excluded")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for model in value:
            BedrockCatalogue.get(model)
        return value


class InvocationLog(Section):
    """What models were asked and answered is logged, for the whole account and Region."""

    text: bool = True
    """Log texts."""

    images: bool = False
    """Log images."""

    embeddings: bool = False
    """Log embeddings."""

    mask: list[str] = []
    """Kinds of personal data that show as asterisks, as CloudWatch names them; nothing is copied to S3 with any."""

    @field_validator("mask")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        check_identifiers(value, stored=False)
        return value


class Watch(Section):
    """Alarms on how models are used."""

    usd_per_hour: Annotated[float, Field(gt=0, strict=False)] = 20
    """Dollars of tokens in an hour, of at most four models together, at list prices."""

    blocks_per_hour: Annotated[int, Field(ge=1)] = 50
    """Interventions of the guardrail in an hour."""

    band: Annotated[float, Field(gt=0, le=10, strict=False)] = 3
    """Width of what is a usual number of calls, in standard deviations."""


class Bedrock(Section):
    """Models that are paid by the token."""

    models: Annotated[list[str], Field(min_length=1)]
    """Ids of the foundation models or inference profiles that may be called."""

    providers: list[str] = []
    """Whose models may be among them, such as amazon; anybody's without any."""

    uses: list[Use] = []
    """What they may be for; anything without any."""

    application_profiles: bool = True
    """Whether an application calls models under names of its own, whose tags carry the costs."""

    regions: list[str] = []
    """Regions in which they may be called; a profile needs all that it spreads over. Without any, the stacks' own."""

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
        return self

    @field_validator("models")
    @classmethod
    def _callable(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise InvalidValueError("A model is named twice", hint="Name each once")
        for model in value:
            check_model(model)
        return value


class Idle(Section):
    """What happens to endpoints that nobody calls."""

    hours: Annotated[int, Field(ge=1, le=336)] = 24
    """Hours without a call after which an endpoint is idle."""

    notice_hours: Annotated[int, Field(ge=1, le=168)] = 4
    """Hours between the notice and the sleep."""

    working_hours: WorkingHoursSettings | None = None
    """When no endpoint is put to sleep; at any time without it."""

    dry_run: bool = False
    """Whether idle endpoints are only written to the log."""


class Models(Section):
    """Layer 2."""

    idle: Idle | None = None
    """Endpoints that nobody calls are told of and then put to sleep; they only raise an alarm without it."""

    bedrock: Bedrock | None = None
    """Models that are paid by the token."""

    knowledge: dict[Name, Knowledge] = {}
    """Documents that models answer from, by name."""

    imported: dict[Name, Imported] = {}
    """Models of your own that Bedrock runs, by name."""

    batches: dict[Name, Batch] = {}
    """Many questions to one model, by name."""

    prompts: dict[Name, PromptSettings] = {}
    """Prompts that are kept and versioned, by name."""

    flows: dict[Name, FlowSettings] = {}
    """Prompts that take each other's answers, by name."""

    routers: dict[Name, RouterSettings] = {}
    """Pairs of models of which the cheaper answers where it is good enough, by name."""

    evaluations: dict[Name, EvaluationSettings] = {}
    """Models that are asked the same questions, by name."""

    endpoints: dict[Name, Endpoint] = {}
    """Models that are hosted, by name."""

    hub: Hub | None = None
    """A private hub of the models that may be used."""

    studio: StudioSettings | None = None
    """Where data scientists, ML engineers and approvers work."""

    monitoring: Monitoring | None = None
    """When the traffic of endpoints that record it differs too much; nothing is compared without it."""

    fine_tuning: FineTuningSettings | None = None
    """Models that are fine-tuned on signed data sets."""

    @model_validator(mode="after")
    def _one_name_each(self) -> Models:
        for name in self.fine_tuning.pipelines if self.fine_tuning else ():
            if name in self.endpoints:
                raise InvalidValueError(
                    f"An endpoint and a pipeline are both called {name}", field="fine_tuning", hint="Rename one of them"
                )
        return self

    @model_validator(mode="after")
    def _guarded(self) -> Models:
        if self.imported and not self.bedrock:
            raise InvalidValueError(
                "Imported models are called through the guardrail of models.bedrock, which is left out",
                field="models.imported",
                hint="Add models: {bedrock: {models: [amazon.nova-lite-v1:0]}}",
            )
        return self

    @model_validator(mode="after")
    def _embedded(self) -> Models:
        allowed = self.bedrock.models if self.bedrock else []
        for name, prompt in self.prompts.items():
            check_named(f"models.prompts.{name}.model", [prompt.model], allowed)
        for name, router in self.routers.items():
            check_named(f"models.routers.{name}.models", router.models, allowed)
        for name, flow in self.flows.items():
            try:
                flow.check(self.prompts)
            except InvalidValueError as error:
                raise InvalidValueError(str(error), field=f"models.flows.{name}.{error.field}") from error
        for name, batch in self.batches.items():
            check_named(f"models.batches.{name}.model", [batch.model], allowed)
        for name, evaluation in self.evaluations.items():
            check_named(f"models.evaluations.{name}", evaluation.asked, allowed)
            if evaluation.knowledge and evaluation.knowledge not in self.knowledge:
                raise InvalidValueError(
                    f"{evaluation.knowledge} is not among models.knowledge",
                    field=f"models.evaluations.{name}.knowledge",
                    hint=nearest(evaluation.knowledge, list(self.knowledge)),
                )
        for name, each in self.knowledge.items():
            if each.embedding not in allowed:
                raise InvalidValueError(
                    f"{each.embedding} is not among models.bedrock.models",
                    field=f"models.knowledge.{name}.embedding",
                    hint="Add it there, or name one that is",
                )
        return self

    @model_validator(mode="after")
    def _platform(self) -> Models:
        if self.monitoring and not any(each.data_capture_percent for each in self.endpoints.values()):
            raise InvalidValueError(
                "No endpoint records its traffic, so there is nothing to compare",
                field="monitoring",
                hint="Set data_capture_percent of an endpoint, or leave monitoring out",
            )
        if self.hub and not self.catalogued():
            raise InvalidValueError("A hub without a model lets nobody use any", field="hub", hint="Name models")
        return self

    def catalogued(self) -> list[str]:
        """Every model of the JumpStart catalogue that is served, tuned or allowed, sorted."""
        found = set(self.hub.models) if self.hub else set()
        for endpoint in self.endpoints.values():
            served = [endpoint.model, *(each.model for each in endpoint.beside.values())]
            found |= {model for model in (*served, endpoint.shadow.model if endpoint.shadow else None) if model}
        if self.fine_tuning:
            found |= {tuned.model for tuned in self.fine_tuning.pipelines.values()}
        return sorted(found)

    @property
    def needs_network(self) -> bool:
        """Whether anything of the layer runs in the VPC."""
        aurora = any(each.store == "aurora" for each in self.knowledge.values())
        return bool(self.endpoints or self.fine_tuning or self.studio or aurora)

    @property
    def has_functions(self) -> bool:
        """Whether functions of the layer run, which the settings may want in the VPC."""
        watched = self.hub or self.monitoring or self.fine_tuning or (self.idle and self.endpoints)
        owned = self.own_weights or self.knowledge or self.imported or self.evaluations or self.batches
        return bool(watched or owned or (self.bedrock and self.bedrock.invocation_log))

    @property
    def own_weights(self) -> bool:
        """Whether any endpoint serves weights of one's own, which a function looks at."""
        return any(endpoint.weights for endpoint in self.endpoints.values())


def check_named(field: str, models: Sequence[str], allowed: Sequence[str]) -> None:
    """Refuse models that may not be called.

    :raises InvalidValueError: naming the first.
    """
    for model in models:
        if model not in allowed:
            raise InvalidValueError(
                f"{model} is not among models.bedrock.models", field=field, hint="Add it there, or name one that is"
            )

"""Settings of layer 3: applications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aws_genai.data.bedrock import MOST_WAITED_TOKENS, check_chat
from aws_genai.data.bedrock_parameters import ModelParameters
from aws_genai.data.concurrency import SECONDS_PER_ANSWER, check_concurrency
from aws_genai.options import Instructions, ModelId, Options

#: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
FirewallRules = Literal[
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesAnonymousIpList",
]


class Parameters(Options):
    """How one model is asked."""

    max_tokens: Annotated[int, Field(ge=1, le=MOST_WAITED_TOKENS)] | None = None
    """Most tokens of an answer, reasoning included: as many as come in the 29 seconds that API Gateway waits."""

    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    """0 for the likeliest words to 1 for varied ones; the highest that a caller may ask for."""

    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the likeliest words that are chosen from."""

    stop_sequences: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=4)] = []
    """Texts that end an answer."""

    reasoning_effort: Literal["low", "medium", "high"] | None = None
    """How long a model that reasons does so."""

    def whole(self) -> ModelParameters:
        """The parameters as the library knows them."""
        return ModelParameters(**{**self.model_dump(), "stop_sequences": tuple(self.stop_sequences)})


class UserBudget(Options):
    """How much each user may ask from midnight to midnight, UTC."""

    requests_per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Most questions of a user in a day."""

    tokens_per_day: Annotated[int, Field(ge=1_000, le=10_000_000_000)] = 500_000
    """Most tokens of a user's questions and answers in a day."""

    blocks_per_day: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Blocked questions and answers after which a user asks no more that day."""


class Chat(Options):
    """The chat API."""

    models: list[ModelId] = []
    """Models offered, the first by default; without any, all chat models of layer 2."""

    max_tokens: Annotated[int, Field(ge=1, le=MOST_WAITED_TOKENS)] = 1024
    """Most tokens of an answer: as many as come in the 29 seconds that API Gateway waits."""

    temperature: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Highest temperature that a caller may ask for, and the default."""

    parameters: dict[ModelId, Parameters] = {}
    """Knobs of single models, by id; they go before max_tokens and temperature."""

    knowledge: str | None = None
    """Name in models.knowledge of the documents that questions are answered from; none without it."""

    budget: UserBudget | None = None
    """How much each user may ask in a day; as much as they like without it."""

    system_prompt: Instructions = "You are a helpful assistant. Say so when you do not know."
    """Instructions that come before every conversation."""

    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] = 10
    """Sustained rate of all callers together."""

    burst: Annotated[int, Field(ge=1, le=5_000)] = 20
    """Requests at once above that rate."""

    seconds_per_answer: Annotated[float, Field(gt=0, le=29)] = SECONDS_PER_ANSWER
    """Expected time of an answer in seconds, from which follows how many are made at a time."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most answers at a time, reserved from the account's limit, of which at least 100 must stay: requests_per_second
    times seconds_per_answer or more. Without it, as many as the account has left, or, where
    security.reserved_concurrency is on, that product and the burst."""

    requests_per_address: Annotated[int, Field(ge=10, le=2_000_000_000)] = 300
    """Most requests of one address in five minutes."""

    firewall_rules: Annotated[list[FirewallRules], Field(min_length=1)] = [
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    """Rule groups of AWS in front of the API, a dollar a month each."""

    account_log_role: bool = True
    """Set the role under which API Gateway writes logs, once for the account and Region; false if another has."""

    mfa: Literal["required", "optional"] = "required"
    """Whether every user needs an authenticator app."""

    @model_validator(mode="after")
    def _can_chat(self) -> Chat:
        if self.models:
            check_chat(self.models, self.max_tokens)
        return self

    @model_validator(mode="after")
    def _carries_its_rate(self) -> Chat:
        if self.concurrency:
            check_concurrency(self.concurrency, self.requests_per_second, self.seconds_per_answer)
        return self


class Application(Options):
    """Layer 3."""

    chat: Chat | None = None
    """The chat API; it calls the models of models.bedrock."""

    dashboard: bool = True
    """One CloudWatch dashboard over the three layers."""

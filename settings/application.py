"""Settings of layer 3: applications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aws_genai.data.bedrock import check_chat

from .base import Section

#: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
FirewallRules = Literal[
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesAnonymousIpList",
]


class Chat(Section):
    """The chat API."""

    models: list[str] = []
    """Models offered, the first by default; without any, all chat models of layer 2."""

    max_tokens: Annotated[int, Field(ge=1, le=128_000)] = 1024
    """Most tokens of an answer."""

    temperature: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.5
    """Highest temperature that a caller may ask for, and the default."""

    system_prompt: Annotated[str, Field(min_length=1, max_length=2000)] = (
        "You are a helpful assistant. Say so when you do not know."
    )
    """Instructions that come before every conversation."""

    requests_per_second: Annotated[float, Field(gt=0, le=10_000, strict=False)] = 10
    """Sustained rate of all callers together."""

    burst: Annotated[int, Field(ge=1, le=5_000)] = 20
    """Requests at once above that rate."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = 20
    """Most answers at a time."""

    requests_per_address: Annotated[int, Field(ge=10, le=2_000_000_000)] = 300
    """Most requests of one address in five minutes."""

    firewall_rules: Annotated[list[FirewallRules], Field(min_length=1)] = [
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    """Rule groups of AWS in front of the API, a dollar a month each."""

    mfa: Literal["required", "optional"] = "required"
    """Whether every user needs an authenticator app."""

    @model_validator(mode="after")
    def _can_chat(self) -> Chat:
        if self.models:
            check_chat(self.models, self.max_tokens)
        return self


class Application(Section):
    """Layer 3."""

    chat: Chat | None = None
    """The chat API; it calls the models of models.bedrock."""

    dashboard: bool = True
    """One CloudWatch dashboard over the three layers."""

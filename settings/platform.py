"""Settings of what people work with: the hub of models, the studio, the watch over traffic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aws_genai.data.jumpstart import JumpStartCatalogue
from aws_genai.errors import InvalidValueError, reported_at
from aws_genai.options import HostedType, ModelId, Options, text


class Hub(Options):
    """A private JumpStart hub, beside which nobody in the studio sees the public one."""

    models: list[ModelId] = []
    """Ids of models of the JumpStart catalogue that may be used, beside those of endpoints and pipelines."""

    @model_validator(mode="after")
    def _known(self) -> Hub:
        if len(set(self.models)) != len(self.models):
            raise InvalidValueError("A model is named twice", field="models", hint="Name each once")
        for model in self.models:
            with reported_at("models"):
                JumpStartCatalogue.get(model)
        return self


class StudioSettings(Options):
    """A SageMaker domain without a way to the internet."""

    people: dict[
        Annotated[
            str,
            text(
                r"^[a-z0-9](-*[a-z0-9]){0,62}$",
                "have at most 63 lower-case letters, digits and hyphens between them",
                max_length=63,
            ),
        ],
        Literal["data-scientist", "ml-engineer", "approver"],
    ] = {}
    """The persona of each user profile, named as the user signs in, without a domain."""

    idle_minutes: Annotated[int, Field(ge=60, le=525_600)] = 60
    """Minutes without use after which a space stops."""

    instance_types: Annotated[list[HostedType], Field(min_length=1)] = [
        "ml.t3.medium",
        "ml.t3.large",
        "ml.m5.large",
        "ml.m5.xlarge",
    ]
    """Types that spaces run on."""

    sign_on: Literal["IAM", "SSO"] = "IAM"
    """Whether users come from IAM Identity Center (SSO) or from IAM."""


class Monitoring(Options):
    """When the traffic of endpoints that record it differs too much."""

    drift: Annotated[float, Field(ge=0.01, le=10)] = 0.25
    """Population stability index against the first hour with enough traffic; 0.1 is little, 0.25 much."""

    empty_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Share of answers without text, in percent."""

    refused_percent: Annotated[float, Field(ge=0, le=100)] = 20
    """Share of answers that decline, in percent."""

    least_f1: Annotated[float, Field(ge=0, le=1)] = 0.5
    """F1 of answers against right ones that people gave."""

    hours: Annotated[int, Field(ge=1, le=24)] = 2
    """Hours in a row that a limit is passed before people are told."""

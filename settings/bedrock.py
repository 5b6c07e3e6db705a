"""Settings of on-demand models of Amazon Bedrock."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from aws_genai.models.access.options import (
    EnforcementOptions,
    GuardrailOptions,
    InvocationLoggingOptions,
    ModelAccessOptions,
    ModelWatchOptions,
)


class GuardrailSettings(GuardrailOptions):
    """The policies of the guardrail."""

    keep_versions: bool = False
    """Whether to keep versions that are no longer in use, so that version can be set to them again: the command
    python -m operations.guardrail_versions then deletes none. A guardrail has at most 20 versions."""


class Bedrock(ModelAccessOptions):
    """The models of Amazon Bedrock that may be invoked, and the guardrail of every invocation."""

    application_profiles: bool = True
    """Whether to create application inference profiles for each application, whose tags attribute its costs."""

    guardrail: GuardrailSettings = GuardrailSettings()
    """The guardrail of every invocation."""

    watch: ModelWatchOptions | None = None
    """Alarms on unusual numbers of invocations, on costs and on guardrail interventions. Default: none."""

    invocation_log: InvocationLoggingOptions | None = None
    """Model invocation logging of the account and Region. Default: invocations are not logged."""

    enforce: EnforcementOptions | None = None
    """Enforces the guardrail on every model invocation of the account. Default: it applies to this project only."""

    @model_validator(mode="after")
    def _enforceable(self) -> Self:
        if self.enforce:
            self.guardrail.check_enforced()
        return self

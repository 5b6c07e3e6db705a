"""The inference parameters of single Bedrock models, and how a Converse request carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ..errors import InvalidValueError
from ..options import Options
from .bedrock import BedrockCatalogue, BedrockModel

Effort = Literal["low", "medium", "high"]


class ModelParameters(Options):
    """Inference parameters of one model. What is left out has the model's own default.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html
    """

    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Maximum number of tokens of a response, reasoning included."""

    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    """Temperature: the higher, the more varied are responses. In a chat, it is also the maximum that a caller may
    set."""

    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the most likely tokens that the model chooses from."""

    stop_sequences: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=4)] = []
    """Texts that end a response."""

    reasoning_effort: Effort | None = None
    """How much a reasoning model reasons before it responds."""

    def check(self, model: str) -> None:
        """Reject a parameter that the model does not support, or a value outside its range.

        :raises InvalidValueError: naming the parameter.
        """
        facts = BedrockCatalogue.get(model)
        if self.max_tokens is not None:
            most = facts.max_output_tokens
            if most and self.max_tokens > most:
                raise InvalidValueError(
                    f"{model} generates at most {most:,} tokens, not {self.max_tokens:,}", field="max_tokens"
                )
        for name in ("temperature", "top_p"):
            if getattr(self, name) is not None and "sampling_params" in facts.supports_not:
                raise InvalidValueError(f"{model} does not support {name}", field=name, hint="Leave it out")
        if self.reasoning_effort is not None:
            self._check_reasoning(model, facts)

    def _check_reasoning(self, model: str, facts: BedrockModel) -> None:
        way = _reasoning(facts, self.reasoning_effort or "low")
        if way is None:
            told = "does not reason" if "reasoning" not in facts.supports else "does not support an effort of reasoning"
            raise InvalidValueError(f"{model} {told}", field="reasoning_effort", hint="Leave it out")
        if facts.model_id.startswith("amazon.nova-2-") and self.reasoning_effort == "high":
            # https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
            reason = f"{model} supports no maximum number of tokens at high effort, so a response would have no limit"
            raise InvalidValueError(reason, field="reasoning_effort", hint="Set medium")
        if "adaptive_thinking" in facts.supports:
            # https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
            for name in ("temperature", "top_p"):
                if getattr(self, name) is not None:
                    raise InvalidValueError(
                        f"{model} does not support {name} while it reasons", field=name, hint="Leave it out"
                    )

    def request(self, model: str) -> dict[str, Any]:
        """The parameters as a Converse request has them."""
        config = {
            "maxTokens": self.max_tokens,
            "temperature": self.temperature,
            "topP": self.top_p,
            "stopSequences": self.stop_sequences or None,
        }
        made: dict[str, Any] = {"inferenceConfig": {name: value for name, value in config.items() if value is not None}}
        if self.reasoning_effort is not None:
            made["additionalModelRequestFields"] = _reasoning(BedrockCatalogue.get(model), self.reasoning_effort)
        return made


def _reasoning(facts: BedrockModel, effort: str) -> Mapping[str, Any] | None:
    """The fields of a request that set the effort; None if the model does not support it, or they are not known."""
    if "reasoning" not in facts.supports:
        return None
    if facts.model_id.startswith("amazon.nova-2-"):
        # https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
    if "adaptive_thinking" in facts.supports:
        # https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    if facts.model_id.startswith("openai.gpt-oss-"):
        # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
        return {"reasoning_effort": effort}
    return None

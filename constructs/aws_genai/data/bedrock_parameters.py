"""Which knobs a Bedrock model has, and how a request turns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InvalidValueError
from .bedrock import BedrockCatalogue, BedrockModel

Effort = Literal["low", "medium", "high"]


@dataclass(frozen=True, kw_only=True)
class ModelParameters:
    """How one model is asked; what is left out is the model's own default.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html

    :param max_tokens: most tokens of an answer, reasoning included.
    :param temperature: 0 for the likeliest words to 1 for varied ones.
    :param top_p: share of the likeliest words that are chosen from, 0 to 1.
    :param stop_sequences: texts that end an answer.
    :param reasoning_effort: how long a model that reasons does so: low, medium or high.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()
    reasoning_effort: Effort | None = None

    def check(self, model: str) -> None:
        """Refuse a knob that the model does not have, or a value out of its range.

        :raises InvalidValueError: naming the knob.
        """
        facts = BedrockCatalogue.get(model)
        if self.max_tokens is not None:
            most = facts.max_output_tokens
            if self.max_tokens < 1 or (most and self.max_tokens > most):
                raise InvalidValueError(
                    f"{model} gives 1 to {most or 'its own limit of'} tokens, not {self.max_tokens}", field="max_tokens"
                )
        for name in ("temperature", "top_p"):
            value = getattr(self, name)
            if value is None:
                continue
            if "sampling_params" in facts.supports_not:
                raise InvalidValueError(f"{model} takes no {name}", field=name, hint="Leave it out")
            if not 0 <= value <= 1:
                raise InvalidValueError(f"{name} goes from 0 to 1, and not to {value}", field=name)
        if self.reasoning_effort is not None:
            self._check_reasoning(model, facts)

    def _check_reasoning(self, model: str, facts: BedrockModel) -> None:
        way = _reasoning(facts, self.reasoning_effort or "low")
        if way is None:
            told = "does not reason" if "reasoning" not in facts.supports else "takes no word on how long it reasons"
            raise InvalidValueError(f"{model} {told}", field="reasoning_effort", hint="Leave it out")
        if facts.model_id.startswith("amazon.nova-2-") and self.reasoning_effort == "high":
            # https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
            reason = f"{model} takes no limit of tokens at high effort, so an answer would have no bound"
            raise InvalidValueError(reason, field="reasoning_effort", hint="Set medium")
        if "adaptive_thinking" in facts.supports:
            # https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
            for name in ("temperature", "top_p"):
                if getattr(self, name) is not None:
                    raise InvalidValueError(
                        f"{model} takes no {name} while it reasons", field=name, hint="Leave it out"
                    )

    def request(self, model: str) -> dict[str, Any]:
        """What the parameters are in a request of Converse."""
        config = {
            "maxTokens": self.max_tokens,
            "temperature": self.temperature,
            "topP": self.top_p,
            "stopSequences": list(self.stop_sequences) or None,
        }
        made: dict[str, Any] = {"inferenceConfig": {name: value for name, value in config.items() if value is not None}}
        if self.reasoning_effort is not None:
            made["additionalModelRequestFields"] = _reasoning(BedrockCatalogue.get(model), self.reasoning_effort)
        return made


def _reasoning(facts: BedrockModel, effort: str) -> Mapping[str, Any] | None:
    """How a model is told how long to reason; None where it cannot be, or the way is not known."""
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

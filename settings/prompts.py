"""Settings of prompts, of flows of them, and of routers between two models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from aws_genai.data.bedrock import check_chat
from aws_genai.errors import InvalidValueError
from aws_genai.models.prompts.prompt_rules import FlowStep, check_flow, check_router, variables

from .base import ModelId, Name, Section


class PromptTest(Section):
    """What a prompt is to answer."""

    given: dict[str, str] = {}
    """The value of each variable."""

    contains: list[Annotated[str, Field(min_length=1)]] = []
    """Words that the answer has, in whatever case."""

    lacks: list[Annotated[str, Field(min_length=1)]] = []
    """Words that it has not."""


class PromptSettings(Section):
    """A prompt that is kept and versioned."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    """What the model is asked, with variables as {{name}}."""

    model: ModelId
    """Id of the model that is asked, one of models.bedrock.models."""

    max_tokens: Annotated[int, Field(ge=1, le=128_000)] = 1024
    """Most tokens of an answer."""

    temperature: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How varied answers are."""

    keep_versions: bool = False
    """Whether versions outlive a change, to go back to."""

    tests: list[PromptTest] = []
    """What make prompts asks, and how it is to be answered."""

    @model_validator(mode="after")
    def _whole(self) -> PromptSettings:
        check_chat([self.model], self.max_tokens)
        wanted = variables(self.text)
        for number, test in enumerate(self.tests):
            if set(test.given) != set(wanted):
                raise InvalidValueError(
                    f"A test gives {_told(list(test.given))}, and the text asks for {_told(wanted)}",
                    field=f"tests.{number}.given",
                )
        return self


class FlowTest(Section):
    """What a flow is to answer."""

    given: Annotated[str, Field(min_length=1)]
    """What it is given."""

    contains: list[Annotated[str, Field(min_length=1)]] = []
    """Words that what it answers has, in whatever case."""

    lacks: list[Annotated[str, Field(min_length=1)]] = []
    """Words that it has not."""


class StepSettings(Section):
    """One question of a flow."""

    prompt: Name
    """Name of the prompt that is asked."""

    given: dict[str, str] = {}
    """Where the value of each variable comes from: input, or the name of another step."""

    when: Annotated[dict[str, str], Field(max_length=1)] = {}
    """Step and answer after which this one is asked, or otherwise for the way that is left; always without it."""

    def whole(self) -> FlowStep:
        """The same for the library."""
        return FlowStep(prompt=self.prompt, given=self.given, when=next(iter(self.when.items()), None))


class FlowSettings(Section):
    """Prompts that take each other's answers."""

    steps: Annotated[dict[Name, StepSettings], Field(min_length=1)]
    """The questions, by name."""

    tests: list[FlowTest] = []
    """What make prompts gives it, and how it is to be answered."""

    keep_versions: bool = False
    """Whether versions outlive a change, to go back to."""

    def whole(self) -> dict[str, FlowStep]:
        """The steps for the library."""
        return {name: each.whole() for name, each in self.steps.items()}

    def check(self, prompts: dict[str, PromptSettings]) -> None:
        """Refuse steps that cannot be connected.

        :raises InvalidValueError: naming the step.
        """
        check_flow(self.whole(), {name: variables(each.text) for name, each in prompts.items()})


class RouterSettings(Section):
    """One id for two models of a family."""

    models: Annotated[list[ModelId], Field(min_length=2, max_length=2)]
    """Ids of the two, of models.bedrock.models; the first is the one to fall back to."""

    quality_difference: Annotated[int, Field(ge=0, le=100)] = 10
    """The difference of the expected qualities, in percent, that decides."""

    @model_validator(mode="after")
    def _routed(self) -> RouterSettings:
        check_router(self.models, self.quality_difference)
        return self


def _told(names: list[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"

"""Settings of prompts and flows in addition to the options of their constructs: tests."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from aws_genai.errors import InvalidValueError
from aws_genai.models.prompts.options import FlowOptions, PromptOptions, variables
from aws_genai.options import Options


class PromptTest(Options):
    """A test of a prompt, which ``make prompts`` runs."""

    given: dict[str, str] = {}
    """Value of each variable."""

    contains: list[Annotated[str, Field(min_length=1)]] = []
    """Words that the response must contain, in upper or lower case."""

    lacks: list[Annotated[str, Field(min_length=1)]] = []
    """Words that the response must not contain, in upper or lower case."""


class PromptSettings(PromptOptions):
    """A prompt of Amazon Bedrock Prompt management, with a version."""

    tests: list[PromptTest] = []
    """Tests, which make prompts runs."""

    @model_validator(mode="after")
    def _tested(self) -> Self:
        expected = variables(self.text)
        for number, test in enumerate(self.tests):
            if set(test.given) != set(expected):
                raise InvalidValueError(
                    f"The test has values for {_list(list(test.given))}, and the prompt has the variables "
                    f"{_list(expected)}",
                    field=f"tests.{number}.given",
                )
        return self


class FlowTest(Options):
    """A test of a flow, which ``make prompts`` runs."""

    given: Annotated[str, Field(min_length=1)]
    """Input of the flow."""

    contains: list[Annotated[str, Field(min_length=1)]] = []
    """Words that the output must contain, in upper or lower case."""

    lacks: list[Annotated[str, Field(min_length=1)]] = []
    """Words that the output must not contain, in upper or lower case."""


class FlowSettings(FlowOptions):
    """A flow of prompts."""

    tests: list[FlowTest] = []
    """Tests, which make prompts runs."""


def _list(names: list[str]) -> str:
    return ", ".join(sorted(names)) or "none"

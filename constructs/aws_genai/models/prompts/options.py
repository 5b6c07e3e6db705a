"""The options of prompts, flows and routers, each declared once: for code, and for the settings file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from ...data.bedrock import BedrockCatalogue, check_chat
from ...errors import InvalidValueError, nearest
from ...options import ModelId, Name, Options
from ...resource_name import BEDROCK, ResourceName
from ..access.options import InferenceParameters

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreatePromptRouter.html
ROUTER_NAME = ResourceName("Router", 64, BEDROCK)
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreatePrompt.html
PROMPT_NAME = ResourceName("Prompt", 100, BEDROCK)
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateFlow.html
FLOW_NAME = ResourceName("Flow", 100, BEDROCK)

#: A variable of a prompt, and the names that are valid for inputs of flow nodes as well.
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_NAME = re.compile(r"[a-zA-Z](_?[0-9a-zA-Z]){1,50}")
#: How steps name the input of the flow, and the default condition.
INPUT, OTHERWISE = "input", "otherwise"
#: A response that a condition compares with: an expression has at most 64 characters.
_CHOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")

#: Models that prompt routers support, by family.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-routing.html
ROUTED = {
    "Amazon Nova": ("amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"),
    "Anthropic Claude": (
        "anthropic.claude-3-haiku-20240307-v1:0",
        "anthropic.claude-3-5-haiku-20241022-v1:0",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
    ),
    "Meta Llama": (
        "meta.llama3-1-8b-instruct-v1:0",
        "meta.llama3-1-70b-instruct-v1:0",
        "meta.llama3-2-11b-instruct-v1:0",
        "meta.llama3-2-90b-instruct-v1:0",
        "meta.llama3-3-70b-instruct-v1:0",
    ),
}


def variables(text: str) -> list[str]:
    """The variables of a prompt, in the order of their first use.

    :raises InvalidValueError: if a name is not valid, or braces do not match.
    """
    found = list(dict.fromkeys(_VARIABLE.findall(text)))
    for name in found:
        if not _NAME.fullmatch(name):
            raise InvalidValueError(
                f"{{{{{name}}}}} is not a valid variable",
                field="text",
                hint="Use 2 to 51 letters and digits, such as {{text}}",
            )
    rest = _VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise InvalidValueError("Braces of a variable do not match", field="text", hint="Write {{text}}")
    return found


def check_router(models: Sequence[str]) -> None:
    """Refuse models that a prompt router does not support.

    :raises InvalidValueError: naming them.
    """
    check_chat(models, 1)
    names = [BedrockCatalogue.get(model).model_id for model in models]
    if not any(set(names) <= set(family) for family in ROUTED.values()):
        families = "; ".join(
            f"{family}: {', '.join(left)}" for family, known in ROUTED.items() if len(left := _lasting(known)) > 1
        )
        raise InvalidValueError(
            f"A prompt router does not support {' and '.join(names)}",
            field="models",
            hint=f"Choose two models of one family: {families}",
        )
    if names[0] == names[1]:
        raise InvalidValueError("Both are the same model", field="models", hint="Choose two models of one family")


def _lasting(models: Sequence[str]) -> list[str]:
    """The models that can still be invoked in some Region."""
    return [each for each in models if each in BedrockCatalogue.names() and BedrockCatalogue.get(each).callable_from()]


class PromptOptions(InferenceParameters):
    """A prompt of Prompt management, which is stored and versioned.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management.html
    """

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    """Text of the prompt, with variables as {{name}}."""

    model: ModelId
    """Id of the foundation model or inference profile that the prompt is for."""

    keep_versions: bool = False
    """Whether to retain earlier versions when the prompt changes."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        check_chat([self.model], self.max_tokens)
        variables(self.text)
        return self


class RouterOptions(Options):
    """An intelligent prompt router.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-routing.html
    """

    models: Annotated[list[ModelId], Field(min_length=2, max_length=2)]
    """Ids of two models of one family. The first is the fallback model."""

    quality_difference: Annotated[int, Field(ge=0, le=100)] = 10
    """Response quality difference, in percent, up to which the cheaper model is used."""

    @model_validator(mode="after")
    def _routed(self) -> Self:
        check_router(self.models)
        return self


class FlowStep(Options):
    """A prompt node of a flow."""

    prompt: Name
    """Name of the prompt."""

    given: dict[str, str] = {}
    """Source of the value of each variable: input, which is the input of the flow, or the name of another step."""

    when: Annotated[dict[str, str], Field(max_length=1)] = {}
    """Condition of the step: another step, and its response for which this step runs, or otherwise for any other
    response. Default: the step always runs."""


class FlowOptions(Options):
    """A flow of prompts: steps use the responses of other steps, and conditions on responses choose steps.

    https://docs.aws.amazon.com/bedrock/latest/userguide/flows.html
    """

    steps: Annotated[dict[Name, FlowStep], Field(min_length=1)]
    """The steps, by name."""

    keep_versions: bool = False
    """Whether to retain earlier versions when the flow changes."""

    @model_validator(mode="after")
    def _connected(self) -> Self:
        _check_steps(self.steps)
        return self

    def check(self, prompts: Mapping[str, Sequence[str]]) -> None:
        """Refuse steps that do not match the prompts.

        :param prompts: the variables of each prompt, by its name.
        :raises InvalidValueError: naming the step.
        """
        for name, step in self.steps.items():
            if step.prompt not in prompts:
                raise InvalidValueError(
                    f"There is no prompt {step.prompt}",
                    field=f"steps.{name}.prompt",
                    hint=nearest(step.prompt, list(prompts)) if prompts else "Add the prompt",
                )
            _check_values(name, step, list(prompts[step.prompt]))


def _check_steps(steps: Mapping[str, FlowStep]) -> None:
    """Refuse steps that a flow cannot connect."""
    for name, step in steps.items():
        if not _NAME.fullmatch(name.replace("-", "_")):
            raise InvalidValueError(
                f"{name} is not a valid name of a step", field="steps", hint="Use 2 to 51 letters and digits"
            )
        for source in sources(step):
            if source != INPUT and source not in steps:
                raise InvalidValueError(
                    f"There is no step {source}", field=f"steps.{name}", hint=nearest(source, [INPUT, *steps])
                )
        for response in step.when.values():
            if response != OTHERWISE and not _CHOICE.fullmatch(response):
                raise InvalidValueError(
                    f"A step cannot depend on the response {response!r}",
                    field=f"steps.{name}.when",
                    hint="Use at most 40 letters, digits, spaces, hyphens and underscores",
                )
    _check_ways(steps)
    _check_order(steps)
    _check_names(steps)


def sources(step: FlowStep) -> list[str]:
    """The sources of a step: ``input``, and names of steps."""
    return [*dict.fromkeys([*step.given.values(), *step.when])]


def choices(steps: Mapping[str, FlowStep]) -> dict[str, dict[str, list[str]]]:
    """The conditions of a flow: the responses of each step that others depend on, and the steps that follow each."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, step in steps.items():
        for source, response in step.when.items():
            found.setdefault(source, {}).setdefault(response, []).append(name)
    return found


def last(steps: Mapping[str, FlowStep]) -> list[str]:
    """The steps that no other step depends on: their responses are the outputs of the flow."""
    needed = {source for step in steps.values() for source in sources(step)}
    return [name for name in steps if name not in needed]


def _check_values(name: str, step: FlowStep, wanted: list[str]) -> None:
    for variable in wanted:
        if variable not in step.given:
            raise InvalidValueError(
                f"The prompt {step.prompt} needs {variable}, which is missing",
                field=f"steps.{name}.given",
                hint=f"Add {variable}: input, or the name of another step",
            )
    for variable in step.given:
        if variable not in wanted:
            raise InvalidValueError(
                f"The prompt {step.prompt} has no variable {variable}",
                field=f"steps.{name}.given",
                hint=nearest(variable, wanted),
            )


def _check_ways(steps: Mapping[str, FlowStep]) -> None:
    for source, ways in choices(steps).items():
        if OTHERWISE not in ways:
            raise InvalidValueError(
                f"No step follows any other response of {source}",
                field=f"steps.{source}",
                hint=f"Add a step with when: {{{source}: {OTHERWISE}}}",
            )
        if len(ways) == 1:
            raise InvalidValueError(
                f"Every response of {source} leads to the same steps", field=f"steps.{source}", hint="Leave when out"
            )


def _check_names(steps: Mapping[str, FlowStep]) -> None:
    """Refuse names that would give two nodes or two connections the same name; they are joined by underscores.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_FlowConnection.html
    """
    nodes: dict[str, str] = {INPUT: INPUT, OTHERWISE: OTHERWISE}
    made = [(name, name) for name in steps]
    made += [(f"{source}-choice", source) for source in choices(steps)]
    made += [(f"{name}-end", name) for name in last(steps)]
    for node, name in made:
        if node.lower() in nodes:
            raise InvalidValueError(
                f"The steps {name} and {nodes[node.lower()]} would give two nodes the same name",
                field=f"steps.{name}",
                hint="Rename one of them",
            )
        nodes[node.lower()] = name
    ways: dict[str, str] = {}
    for name, step in steps.items():
        for variable, source in step.given.items():
            way = f"{source}-{name}-{variable}".replace("-", "_")
            if way in ways:
                raise InvalidValueError(
                    f"The steps {name} and {ways[way]} would give two connections the same name",
                    field=f"steps.{name}",
                    hint="Rename one of them",
                )
            ways[way] = name


def _check_order(steps: Mapping[str, FlowStep]) -> None:
    done: set[str] = set()
    while left := [name for name in steps if name not in done]:
        ready = [name for name in left if all(each == INPUT or each in done for each in sources(steps[name]))]
        if not ready:
            raise InvalidValueError(f"The steps {', '.join(left)} depend on each other", field="steps")
        done |= set(ready)

"""What prompts, routers and flows may be made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...data.bedrock import BedrockCatalogue, check_chat
from ...errors import InvalidValueError, nearest

#: A variable of a prompt, of the names that inputs of flows may have too.
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_NAME = re.compile(r"[a-zA-Z](_?[0-9a-zA-Z]){1,50}")
#: What steps of a flow call what the flow is given, and the way that is left.
INPUT, OTHERWISE = "input", "otherwise"
#: An answer that is chosen by, so short that the expression on it has at most 64 characters.
_CHOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")

#: Models between which Bedrock routes, by what their ids hold.
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
    """The variables of a prompt, in the order in which they first stand.

    :raises InvalidValueError: if a name is none that Bedrock takes, or braces do not match.
    """
    found = list(dict.fromkeys(_VARIABLE.findall(text)))
    for name in found:
        if not _NAME.fullmatch(name):
            raise InvalidValueError(
                f"{{{{{name}}}}} is no variable", field="text", hint="Use 2 to 51 letters and digits, such as {{text}}"
            )
    rest = _VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise InvalidValueError("Braces of a variable do not match", field="text", hint="Write {{text}}")
    return found


def check_router(models: Sequence[str], quality_difference: int) -> None:
    """Refuse models between which Bedrock does not route.

    :raises InvalidValueError: naming them.
    """
    if len(set(models)) != 2:
        raise InvalidValueError("A router has two models", field="models", hint="Name two of one family")
    check_chat(models, 1)
    names = [BedrockCatalogue.get(model).model_id for model in models]
    if not any(set(names) <= set(family) for family in ROUTED.values()):
        families = "; ".join(
            f"{family}: {', '.join(left)}" for family, known in ROUTED.items() if len(left := _lasting(known)) > 1
        )
        raise InvalidValueError(
            f"Bedrock does not route between {' and '.join(names)}", field="models", hint=f"Two of one of {families}"
        )
    if names[0] == names[1]:
        raise InvalidValueError("Both are the same model", field="models", hint="Name two of one family")
    if not 0 <= quality_difference <= 100:
        raise InvalidValueError(f"{quality_difference} is no percentage", field="quality_difference")


def _lasting(models: Sequence[str]) -> list[str]:
    """Those that some Region can still call."""
    return [each for each in models if each in BedrockCatalogue.names() and BedrockCatalogue.get(each).callable_from()]


@dataclass(frozen=True, kw_only=True)
class FlowStep:
    """One question of a flow.

    :param prompt: name of the prompt that is asked.
    :param given: where the value of each of its variables comes from: ``input``, or the name of another step.
    :param when: name of a step and the answer of it after which this one is asked; ``otherwise`` is the way that is
        left. Default: always.
    """

    prompt: str
    given: Mapping[str, str] = field(default_factory=dict)
    when: tuple[str, str] | None = None


def check_flow(steps: Mapping[str, FlowStep], prompts: Mapping[str, Sequence[str]]) -> None:
    """Refuse steps that Bedrock could not connect.

    :param prompts: the variables of each prompt that there is.
    :raises InvalidValueError: naming the step.
    """
    if not steps:
        raise InvalidValueError("A flow without a step answers nothing", field="steps")
    for name, step in steps.items():
        if not _NAME.fullmatch(name.replace("-", "_")):
            raise InvalidValueError(f"{name} is no name of a step", field="steps", hint="Use 2 to 51 letters")
        if step.prompt not in prompts:
            raise InvalidValueError(
                f"{step.prompt} is no prompt", field=f"steps.{name}.prompt", hint=nearest(step.prompt, list(prompts))
            )
        _check_values(name, step, list(prompts[step.prompt]))
        for source in sources(step):
            if source != INPUT and source not in steps:
                raise InvalidValueError(
                    f"{source} is no step", field=f"steps.{name}", hint=nearest(source, [INPUT, *steps])
                )
        if step.when and step.when[1] != OTHERWISE and not _CHOICE.fullmatch(step.when[1]):
            raise InvalidValueError(f"{step.when[1]!r} is no short answer", field=f"steps.{name}.when")
    _check_ways(steps)
    _check_order(steps)
    _check_names(steps)


def sources(step: FlowStep) -> list[str]:
    """What a step needs: ``input``, and names of steps."""
    return [*dict.fromkeys([*step.given.values(), *([step.when[0]] if step.when else [])])]


def choices(steps: Mapping[str, FlowStep]) -> dict[str, dict[str, list[str]]]:
    """By which steps ways part: for each, the answers, and the steps that are asked after each."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, step in steps.items():
        if step.when:
            found.setdefault(step.when[0], {}).setdefault(step.when[1], []).append(name)
    return found


def last(steps: Mapping[str, FlowStep]) -> list[str]:
    """The steps whose answers nobody else needs: those of the flow."""
    needed = {source for step in steps.values() for source in sources(step)}
    return [name for name in steps if name not in needed]


def _check_values(name: str, step: FlowStep, wanted: list[str]) -> None:
    for variable in wanted:
        if variable not in step.given:
            raise InvalidValueError(
                f"{step.prompt} asks for {variable}, which is not given", field=f"steps.{name}.given"
            )
    for variable in step.given:
        if variable not in wanted:
            raise InvalidValueError(
                f"{step.prompt} has no variable {variable}",
                field=f"steps.{name}.given",
                hint=nearest(variable, wanted),
            )


def _check_ways(steps: Mapping[str, FlowStep]) -> None:
    for source, ways in choices(steps).items():
        if OTHERWISE not in ways:
            raise InvalidValueError(
                f"No step is asked when {source} answers something else",
                field=f"steps.{source}",
                hint=f"Give a step when: {{{source}: {OTHERWISE}}}",
            )
        if len(ways) == 1:
            raise InvalidValueError(f"All ways after {source} are one", field=f"steps.{source}", hint="Leave when out")


def _check_names(steps: Mapping[str, FlowStep]) -> None:
    """Refuse names that make one node or one connection of two; a flow joins them by underscores.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_FlowConnection.html
    """
    nodes: dict[str, str] = {INPUT: INPUT, OTHERWISE: OTHERWISE}
    made = [(name, name) for name in steps]
    made += [(f"{source}-choice", source) for source in choices(steps)]
    made += [(f"{name}-end", name) for name in last(steps)]
    for node, name in made:
        if node.lower() in nodes:
            raise InvalidValueError(
                f"{name} and {nodes[node.lower()]} make one node of two", field=f"steps.{name}", hint="Rename one"
            )
        nodes[node.lower()] = name
    ways: dict[str, str] = {}
    for name, step in steps.items():
        for variable, source in step.given.items():
            way = f"{source}-{name}-{variable}".replace("-", "_")
            if way in ways:
                raise InvalidValueError(
                    f"{name} and {ways[way]} make one connection of two", field=f"steps.{name}", hint="Rename one"
                )
            ways[way] = name


def _check_order(steps: Mapping[str, FlowStep]) -> None:
    done: set[str] = set()
    while left := [name for name in steps if name not in done]:
        ready = [name for name in left if all(each == INPUT or each in done for each in sources(steps[name]))]
        if not ready:
            raise InvalidValueError(f"{', '.join(left)} wait for each other", field="steps")
        done |= set(ready)

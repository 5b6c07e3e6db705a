"""Run the tests of prompts and flows: ``make prompts ENV=dev``.

It invokes the deployed versions, with the guardrail, and is billed by token.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings, SettingsError, load, told
from settings.prompts import FlowTest, PromptTest

from .naming import UnnamedError, named
from .redteam import NoGuardrailError, guardrail


class PromptsError(Exception):
    """Tests could not be run; the message says what to do."""


@dataclass(frozen=True)
class Tried:
    """The response of a prompt to a test, and what is wrong with it."""

    prompt: str
    number: int
    answer: str
    wrong: tuple[str, ...]


def tried(session: Any, settings: Settings, only: str = "") -> Iterator[Tried]:  # noqa: ANN401 - boto3 has no types
    """The outcome of every test of every prompt and of every flow.

    :param only: name of the only prompt or flow to test. Default: all.
    :raises UnnamedError: if there is no prompt or flow of that name with a test.
    :raises PromptsError: if no prompt has a test, or one is not deployed.
    """
    prompts = settings.models.prompts if settings.models else {}
    flows = settings.models.flows if settings.models else {}
    if only:
        tested = [name for name, each in prompts.items() if each.tests]
        tested += [name for name, each in flows.items() if each.tests]
        named(only, tested, settings, what="tested prompt or flow", option="NAME", where="models")
        prompts = {name: each for name, each in prompts.items() if name == only}
        flows = {name: each for name, each in flows.items() if name == only}
    if not any(prompt.tests for prompt in prompts.values()) and not any(flow.tests for flow in flows.values()):
        raise PromptsError("No prompt and no flow has a test: add tests with given and contains")
    stack = f"{settings.prefix}-models"
    identifier, version = guardrail(session.client("bedrock"), settings)
    guarded = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    deployed = _deployed(session, stack, list(prompts), "prompt", "VersionArn")
    runtime = session.client("bedrock-runtime")
    for name, prompt in prompts.items():
        for number, test in enumerate(prompt.tests, start=1):
            response = runtime.converse(
                modelId=deployed[name],
                promptVariables={variable: {"text": value} for variable, value in test.given.items()},
                guardrailConfig=guarded,
            )
            text = "".join(each.get("text", "") for each in response["output"]["message"]["content"])
            yield Tried(name, number, text, tuple(_wrong(test, text)))
    aliases = _deployed(session, stack, [name for name, each in flows.items() if each.tests], "flow", "AliasArn")
    runner = session.client("bedrock-agent-runtime")
    for name, arn in aliases.items():
        for number, check in enumerate(flows[name].tests, start=1):
            text = _run(runner, arn, check.given)
            yield Tried(name, number, text, tuple(_wrong(check, text)))


def _run(runner: Any, alias_arn: str, given: str) -> str:  # noqa: ANN401 - boto3 has no types
    """The text of a flow's output nodes.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_InvokeFlow.html
    """
    flow, _, alias = alias_arn.rpartition("/alias/")
    answer = runner.invoke_flow(
        flowIdentifier=flow.rpartition("/")[2],
        flowAliasIdentifier=alias,
        inputs=[{"nodeName": "FlowInput", "nodeOutputName": "document", "content": {"document": given}}],
    )
    ends = [each["flowOutputEvent"] for each in answer["responseStream"] if "flowOutputEvent" in each]
    return "\n".join(str(each["content"]["document"]) for each in ends)


def _wrong(test: PromptTest | FlowTest, text: str) -> Iterator[str]:
    for words in test.contains:
        if words.lower() not in text.lower():
            yield f"has no {words!r}"
    for words in test.lacks:
        if words.lower() in text.lower():
            yield f"has {words!r}"


def _deployed(
    session: Any,  # noqa: ANN401 - boto3 has no types
    stack: str,
    names: list[str],
    kind: str,
    output: str,
) -> dict[str, str]:
    """The ARNs of deployed resources by name."""
    outputs = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    found = {}
    for name in names:
        begin = f"{name.replace('-', '')}{kind}{output}"
        arns = [each["OutputValue"] for each in outputs if each["OutputKey"].startswith(begin)]
        if not arns:
            raise PromptsError(f"The stack {stack} does not have the {kind} {name} yet: deploy it first")
        found[name] = arns[0]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the outcomes. Return 1 if a test failed, 2 with one message if tests could not be run."""
    parser = argparse.ArgumentParser(prog="python -m operations.prompts", description=__doc__)
    parser.add_argument("--environment", default="dev")
    parser.add_argument("--name", default="", help="the only prompt or flow to test. Default: all")
    chosen = parser.parse_args(arguments)
    failed = 0
    try:
        settings = load(chosen.environment)
        for each in tried(boto3.Session(region_name=settings.region), settings, chosen.name):
            failed += bool(each.wrong)
            print(f"{'FAILED' if each.wrong else 'passed'}  {each.prompt}, test {each.number}")
            if each.wrong:
                print(f"        the answer {' and '.join(each.wrong)}: {each.answer[:200]}")
    except (SettingsError, UnnamedError, PromptsError, NoGuardrailError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not answer: {error}. Sign in with an account that has this environment.", file=sys.stderr)
        return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(told(main))

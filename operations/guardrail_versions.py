"""Delete guardrail versions that are no longer in use: ``python -m operations.guardrail_versions``.

A deployment keeps every version, because other stacks use the previous version until they are deployed too. Bedrock
allows 20 versions of a guardrail: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-versions.html
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from settings import STACKS, SettingsError, load, told


class VersionsError(Exception):
    """The versions could not be listed or deleted; the message says what to do."""


@dataclass(frozen=True)
class Versions:
    """The versions of one guardrail, and those that are in use."""

    guardrail: str
    every: tuple[str, ...]
    named: frozenset[str]

    @property
    def unnamed(self) -> tuple[str, ...]:
        """The versions that may be deleted. Never the newest version, which the next deployment will use."""
        return tuple(each for each in self.every[:-1] if each not in self.named)


def look(session: Any, prefix: str, pinned: int | None = None) -> Versions:  # noqa: ANN401 - boto3 has no types
    """The versions of an environment's guardrail, and those that its stacks and the account's enforcement use.

    :raises VersionsError: if there is no guardrail.
    """
    stacks = [f"{prefix}-{layer}" for layer in STACKS]
    resources = [each for stack in stacks for each in _resources(session, stack)]
    guardrails = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Bedrock::Guardrail"]
    if not guardrails:
        raise VersionsError(f"The stack {prefix}-models has no guardrail. Deploy it, or name another environment")
    guardrail = guardrails[0].rpartition("/")[2]
    pages = session.client("bedrock").get_paginator("list_guardrails").paginate(guardrailIdentifier=guardrail)
    numbers = [each["version"] for page in pages for each in page["guardrails"] if each["version"].isdigit()]
    every = tuple(sorted(numbers, key=int))
    text = "\n".join(_told(session, resources))
    ways = ('guardrail/{0}:{1}"', "version {1} of {0}\n")
    named = {each for each in every if any(way.format(guardrail, each) in text for way in ways)}
    return Versions(guardrail, every, frozenset(named | ({str(pinned)} if pinned else set())))


def _resources(session: Any, stack: str) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3 has no types
    try:
        pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return [each for page in pages for each in page["StackResourceSummaries"]]
    except ClientError as error:
        if "does not exist" in str(error):
            return []
        raise


def _told(session: Any, resources: list[dict[str, Any]]) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """Configurations of functions, policies, flows and enforced guardrails, which may refer to a guardrail version."""
    for each in resources:
        name = each.get("PhysicalResourceId", "")
        match each["ResourceType"]:
            case "AWS::Lambda::Function":
                found = session.client("lambda").get_function_configuration(FunctionName=name)
                variables = found.get("Environment", {}).get("Variables", {})
                yield f"version {variables.get('GUARDRAIL_VERSION')} of {variables.get('GUARDRAIL_ID')}\n"
            case "AWS::IAM::ManagedPolicy":
                iam = session.client("iam")
                version = iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
                found = iam.get_policy_version(PolicyArn=name, VersionId=version)["PolicyVersion"]["Document"]
                yield json.dumps(found)
            case "AWS::Bedrock::FlowVersion":
                # Its physical id consists of the flow's id and the version number.
                flow, _, number = name.partition("|")
                found = session.client("bedrock-agent").get_flow_version(flowIdentifier=flow, flowVersion=number)
                for node in found["definition"]["nodes"]:
                    for own in _guarded(node):
                        yield f"version {own['guardrailVersion']} of {own['guardrailIdentifier'].rpartition('/')[2]}\n"
            case _:
                pass
    for page in session.client("bedrock").get_paginator("list_enforced_guardrails_configuration").paginate():
        for own in page["guardrailsConfig"]:
            yield f"version {own['guardrailVersion']} of {own['guardrailId']}\n"


def _guarded(value: Any) -> Iterator[dict[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        if "guardrailIdentifier" in value:
            yield value
        for each in value.values():
            yield from _guarded(each)
    elif isinstance(value, list):
        for each in value:
            yield from _guarded(each)


def main(arguments: list[str] | None = None) -> int:
    """List the versions that are not in use, and delete them if asked to. Return 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.guardrail_versions", description=__doc__)
    parser.add_argument("--environment", default="dev")
    parser.add_argument(
        "--delete", action="store_true", help="delete the versions that are not in use. Default: list them"
    )
    chosen = parser.parse_args(arguments)
    try:
        settings = load(chosen.environment)
        bedrock = settings.models.bedrock if settings.models else None
        rules = bedrock.guardrail if bedrock else None
        session = boto3.Session(region_name=settings.region)
        found = look(session, settings.prefix, rules.version if rules else None)
        print(f"{found.guardrail}: {len(found.every)} of 20 versions, {len(found.unnamed)} of them not in use")
        if not chosen.delete or not found.unnamed:
            return 0
        if rules and rules.keep_versions:
            raise VersionsError(f"The settings of {chosen.environment} keep versions. Set keep_versions to false first")
        for number in found.unnamed:
            session.client("bedrock").delete_guardrail(guardrailIdentifier=found.guardrail, guardrailVersion=number)
        print(f"deleted: {', '.join(found.unnamed)}")
    except (SettingsError, VersionsError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not answer: {error}. Sign in to the account of the environment.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(told(main))

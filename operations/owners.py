"""Checks, before a deployment, who owns resources that exist once in an account and Region.

These are Bedrock's model invocation logging, the enforced guardrail, and the role that API Gateway writes logs with. If
another owner has set one that the environment's settings ask for, a message names the owner and the setting to change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings, load, told

Clients = Callable[[str], Any]


def taken(settings: Settings, clients: Clients) -> list[str]:
    """A message for each resource that these settings ask for and that has another owner."""
    return list(_taken(settings, clients))


def _taken(settings: Settings, clients: Clients) -> Iterator[str]:
    bedrock = settings.models.bedrock if settings.models else None
    chat = settings.application.chat if settings.application else None
    place = f"config/{settings.environment}.yaml"
    if bedrock and bedrock.invocation_log and not bedrock.invocation_log.replace:
        found = clients("bedrock").get_model_invocation_logging_configuration().get("loggingConfig") or {}
        group = found.get("cloudWatchConfig", {}).get("logGroupName")
        named = group or found.get("s3Config", {}).get("bucketName")
        if named and not _mine(clients, f"{settings.prefix}-models", named):
            yield (
                f"Calls of models are logged to {named}{_owner(clients, named)} already. Leave models.bedrock."
                f"invocation_log out of {place}, or take its place with invocation_log: {{replace: true}}."
            )
    if bedrock and bedrock.enforce:
        pages = clients("bedrock").get_paginator("list_enforced_guardrails_configuration").paginate()
        for guardrail in [str(each["guardrailArn"]) for page in pages for each in page["guardrailsConfig"]]:
            if not _mine(clients, f"{settings.prefix}-models", guardrail):
                yield (
                    f"The guardrail {guardrail}{_owner(clients, guardrail)} is enforced in this account and Region "
                    f"already. Leave models.bedrock.enforce out of {place}."
                )
    if chat and chat.account_log_role:
        role = clients("apigateway").get_account().get("cloudwatchRoleArn", "").rpartition("/")[2]
        # A role that remains from an earlier deployment of this environment belongs to it.
        left = role.startswith(f"{settings.prefix}-application-")
        if role and not left:
            yield (
                f"API Gateway writes logs under the role {role}{_owner(clients, role)}, of which an account and Region "
                f"has one. Set application.chat.account_log_role to false in {place}: the chat logs under it too."
            )


def _mine(clients: Clients, stack: str, physical_id: str) -> bool:
    """Whether a resource belongs to a stack."""
    try:
        pages = clients("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return any(
            each.get("PhysicalResourceId") == physical_id for page in pages for each in page["StackResourceSummaries"]
        )
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return False
        raise


def _owner(clients: Clients, physical_id: str) -> str:
    """The stack that a resource belongs to, as text for messages; empty if there is none.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
    """
    try:
        found = clients("cloudformation").describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
    except ClientError:
        return ""
    return f" of the stack {found[0]['StackName']}" if found else ""


def check(environment: str) -> int:
    """Print the messages. Return 0 if there are none, 2 if a deployment would take a resource from its owner."""
    settings = load(environment)
    session = boto3.Session(region_name=settings.region)
    for sentence in (found := taken(settings, cache(session.client))):
        print(sentence, file=sys.stderr)
    return 2 if found else 0


def main(arguments: list[str] | None = None) -> int:
    """Check one environment. Return 0 if there is no conflict, 2 with a message for each conflict."""
    parser = argparse.ArgumentParser(prog="python -m operations.owners", description=__doc__)
    parser.add_argument("environment")
    chosen = parser.parse_args(arguments)
    try:
        return check(chosen.environment)
    except (BotoCoreError, ClientError) as error:
        print(
            f"AWS did not say what the account has set: {error}. Sign in with permission to read it.", file=sys.stderr
        )
    return 2


if __name__ == "__main__":
    sys.exit(told(main))

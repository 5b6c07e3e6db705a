"""Print a service control policy for the accounts that hold models and data: ``make organization``.

With ``MODELS=1``, it is the policy that allows only the models of an environment's settings.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from aws_genai.data.bedrock import destinations
from aws_genai.errors import InvalidValueError
from aws_genai.foundation.organization import model_policy, service_control_policy
from settings import SettingsError, load, told

#: The role that ``make deploy`` changes resources with: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
CDK_ROLE = "arn:aws:iam::*:role/cdk-hnb659fds-cfn-exec-role-*"


def main(arguments: list[str] | None = None) -> int:
    """Print the policy. Return 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.organization", description=__doc__)
    parser.add_argument("roles", nargs="*", help=f"ARNs of the roles that deploy; default {CDK_ROLE}")
    parser.add_argument("--models-of", metavar="ENVIRONMENT", help="the models that this environment's settings allow")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.models_of:
            document = _models(chosen.models_of)
        else:
            document = service_control_policy(deployment_roles=chosen.roles or [CDK_ROLE])
    except (InvalidValueError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(document, indent=2))
    return 0


def _models(environment: str) -> dict[str, Any]:
    settings = load(environment)
    bedrock = settings.models.bedrock if settings.models else None
    if bedrock is None:
        raise SettingsError(f"config/{environment}.yaml allows no model of Bedrock; add models.bedrock, or attach none")
    routed = [region for model in bedrock.models for region in destinations(model, settings.region)]
    return model_policy(bedrock.models, regions=[settings.region, *routed])


if __name__ == "__main__":
    sys.exit(told(main))

"""Print the service control policy for the accounts that hold models and data: ``make organization``."""

from __future__ import annotations

import argparse
import json
import sys

from aws_genai.errors import InvalidValueError
from aws_genai.security.organization import service_control_policy

#: What ``make deploy`` changes resources as: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
CDK_ROLE = "arn:aws:iam::*:role/cdk-hnb659fds-cfn-exec-role-*"


def main(arguments: list[str] | None = None) -> int:
    """Print the policy; 2 with one message if it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m operations.organization", description=__doc__)
    parser.add_argument("roles", nargs="*", help=f"ARNs of the roles that deploy; default {CDK_ROLE}")
    try:
        document = service_control_policy(deployment_roles=parser.parse_args(arguments).roles or [CDK_ROLE])
    except InvalidValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(document, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

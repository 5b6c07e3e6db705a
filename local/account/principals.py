"""The principal that a policy evaluates for a session: the role, as on AWS, where the engine uses the session.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
"""

from __future__ import annotations

import re
from typing import Any

from ministack.core import iam_evaluator

_SESSION = re.compile(r"arn:(?P<partition>[\w-]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+")


def install() -> None:
    """Set ``aws:PrincipalArn`` of a session to its role's ARN; roles here have no path."""
    resolve = iam_evaluator._resolve_condition_key

    def of_the_role(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() == "aws:principalarn" and isinstance(value, str):
            found = _SESSION.fullmatch(value)
            if found:
                return f"arn:{found['partition']}:iam::{found['account']}:role/{found['role']}"
        return value

    iam_evaluator._resolve_condition_key = of_the_role

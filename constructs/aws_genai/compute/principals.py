"""Principals that a resource policy names."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from ..errors import InvalidValueError
from ..foundation.role import WorkloadRole


def principal_of(grantee: iam.IGrantable) -> tuple[str, str]:
    """The path in its stack and the ARN of the role or user behind a grantee.

    :raises InvalidValueError: if it is neither, such as a group or a service, which a resource policy cannot name.
    """
    principal = grantee if isinstance(grantee, WorkloadRole) else grantee.grant_principal
    for name in ("role_arn", "user_arn"):
        if arn := getattr(principal, name, None):
            return str(principal.node.path.partition("/")[2]), str(arn)  # type: ignore[attr-defined]
    raise InvalidValueError(
        f"{type(principal).__name__} cannot be named in a resource policy",
        field="grantee",
        hint="Grant to a role or a user",
    )

"""Policy statements as JSON, because each statement of the CDK takes several calls to Node.js.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import IResolvable, IStableAnyProducer, Lazy

Statement = dict[str, Any]
Conditions = Mapping[str, Mapping[str, object]]

EVERYBODY = {"AWS": "*"}


def service(name: str) -> dict[str, str]:
    """An AWS service as principal, such as ``events.amazonaws.com``."""
    return {"Service": name}


def allow(
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    sid: str | None = None,
    principal: Mapping[str, object] | None = None,
    conditions: Conditions | None = None,
) -> Statement:
    """A statement with the effect Allow."""
    return _statement("Allow", actions, resources, sid, principal, conditions)


def deny(
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    sid: str | None = None,
    principal: Mapping[str, object] | None = EVERYBODY,
    conditions: Conditions | None = None,
) -> Statement:
    """A statement of a resource policy with the effect Deny. Default principal: everyone."""
    return _statement("Deny", actions, resources, sid, principal, conditions)


def tls_only(action: str, *resources: str) -> Statement:
    """A statement of a resource policy that denies every request without TLS.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    return deny([action], resources, sid="TlsOnly", conditions={"Bool": {"aws:SecureTransport": "false"}})


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """The policy document with ``statements``."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def growing_document(statements: Sequence[Statement]) -> IResolvable:
    """The policy document with ``statements`` and those that are added to the list before the CDK writes the template.

    A statement that is added to a document of this kind takes no call to Node.js.
    """
    return Lazy.any(_Document(statements))


@jsii.implements(IStableAnyProducer)
class _Document:
    """The statements of a policy document at the end of construction."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = statements

    def produce(self) -> dict[str, Any]:
        return document(self._statements)


def _statement(
    effect: str,
    actions: Sequence[str],
    resources: Sequence[str],
    sid: str | None,
    principal: Mapping[str, object] | None,
    conditions: Conditions | None,
) -> Statement:
    made: Statement = {"Effect": effect, "Action": list(actions), "Resource": list(resources)}
    if sid:
        made = {"Sid": sid, **made}
    if principal:
        made["Principal"] = dict(principal)
    if conditions:
        made["Condition"] = {operator: dict(values) for operator, values in conditions.items()}
    return made

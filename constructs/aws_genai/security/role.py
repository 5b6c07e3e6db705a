"""Roles whose grants land in one managed policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import IStableAnyProducer, Lazy
from aws_cdk import aws_iam as iam
from constructs import Construct

from .statements import Conditions, Statement, allow, document


@jsii.implements(IStableAnyProducer)
class _Document:
    """The policy of statements that are still being added: written when the CDK resolves the template."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = statements

    def produce(self) -> dict[str, Any]:
        return document(self._statements)


class WorkloadRole(iam.Role):
    """An IAM role that keeps every grant in one customer managed policy.

    NIST 800-53, HIPAA and PCI DSS packs refuse inline policies (``IAMNoInlinePolicy``), and every CDK grant
    makes one; here ``grant_*`` methods of any construct fill the managed policy instead.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html

    :param assumed_by: who may assume the role.
    :param description: what the role is for. Default: none.
    :param permissions_boundary: a managed policy that caps the role. Default: none.
    :param role_name: a fixed name, for principals named before the role exists. Default: generated.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        assumed_by: iam.IPrincipal,
        description: str | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
        role_name: str | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            assumed_by=assumed_by,
            description=description,
            permissions_boundary=permissions_boundary,
            role_name=role_name,
        )
        self._permissions: iam.CfnManagedPolicy | None = None
        self._statements: list[Statement] = []

    @property
    def permissions(self) -> iam.CfnManagedPolicy:
        """The managed policy that holds this role's permissions; created on first use."""
        if self._permissions is None:
            self._permissions = iam.CfnManagedPolicy(
                self, "Permissions", roles=[self.role_name], policy_document=Lazy.any(_Document(self._statements))
            )
        return self._permissions

    @jsii.member(jsii_name="addToPrincipalPolicy")
    def add_to_principal_policy(self, statement: iam.PolicyStatement) -> iam.AddToPrincipalPolicyResult:
        """Add a statement to the managed policy; called by every ``grant_*`` method of the CDK."""
        self._add(statement.to_statement_json())
        return iam.AddToPrincipalPolicyResult(statement_added=True, policy_dependable=self.permissions)

    def allow(
        self,
        actions: Sequence[str],
        resources: Sequence[str],
        *,
        conditions: Conditions | None = None,
        sid: str | None = None,
    ) -> None:
        """Allow exactly ``actions`` on exactly ``resources``."""
        self._add(allow(actions, resources, sid=sid, conditions=conditions))

    def _add(self, statement: Any) -> None:  # noqa: ANN401 - JSON
        if statement in self._statements:
            return
        # A managed policy has at most 6,144 characters, so what is allowed of several resources is said once:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        same = next((each for each in self._statements if _but_resources(each) == _but_resources(statement)), None)
        if same is not None:
            same["Resource"] = list(dict.fromkeys([*_listed(same["Resource"]), *_listed(statement["Resource"])]))
        else:
            self._statements.append(statement)
        _ = self.permissions


def _but_resources(statement: Statement) -> Statement:
    """All that a statement says but of what."""
    return {**statement, "Resource": None}


def _listed(resources: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return resources if isinstance(resources, list) else [resources]


def grant(
    role: iam.IRole,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    conditions: Conditions | None = None,
    sid: str | None = None,
) -> None:
    """Allow exactly ``actions`` on exactly ``resources`` to a role of this library or of any other."""
    if isinstance(role, WorkloadRole):
        role.allow(actions, resources, conditions=conditions, sid=sid)
    else:
        statement = allow(actions, resources, sid=sid, conditions=conditions)
        role.add_to_principal_policy(iam.PolicyStatement.from_json(statement))

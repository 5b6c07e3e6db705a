"""Roles that keep their grants in one managed policy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jsii
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from ..errors import InvalidValueError
from ..once import path
from .statements import Conditions, Statement, allow, growing_document


class WorkloadRole(iam.Role):
    """An IAM role that keeps every grant in one customer managed policy.

    NIST 800-53, HIPAA and PCI DSS packs reject inline policies (``IAMNoInlinePolicy``), and every CDK grant creates
    one. For this role, ``grant_*`` methods of any construct add to the managed policy instead.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html

    :param assumed_by: The principal that can assume the role.
    :param description: The description of the role. Default: none.
    :param permissions_boundary: The permissions boundary of the role. Default: none.
    :param role_name: The name of the role, for policies that name the role before it exists. Default: generated.
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
        #: Whether a statement that the policy already has was added again.
        self._repeated = False

    @property
    def permissions(self) -> iam.CfnManagedPolicy:
        """The managed policy that holds this role's permissions; created on first use."""
        if self._permissions is None:
            self._permissions = iam.CfnManagedPolicy(
                self, "Permissions", roles=[self.role_name], policy_document=growing_document(self._statements)
            )
        return self._permissions

    # Each read of the CDK's property is a call to Node.js.
    @cached_property
    def role_arn(self) -> str:
        """The ARN of the role."""
        return super().role_arn

    @cached_property
    def granted(self) -> iam.Grant:
        """The grant of this role's first statement, as the CDK's own object."""
        first, self._repeated = self._statements[0], True
        try:
            return iam.Grant.add_to_principal(
                grantee=self,
                actions=_listed(first["Action"]),
                resource_arns=_listed(first["Resource"]),
                conditions=first.get("Condition"),
            )
        finally:
            self._repeated = False

    @jsii.member(jsii_name="addToPrincipalPolicy")
    def add_to_principal_policy(self, statement: iam.PolicyStatement) -> iam.AddToPrincipalPolicyResult:
        """Add a statement to the managed policy; called by every ``grant_*`` method of the CDK."""
        if not self._repeated:
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
        # A managed policy has at most 6,144 characters, so statements that differ only in their resources are merged:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        same = next((each for each in self._statements if _but_resources(each) == _but_resources(statement)), None)
        if same is not None:
            same["Resource"] = list(dict.fromkeys([*_listed(same["Resource"]), *_listed(statement["Resource"])]))
        else:
            if "Sid" in statement and any(each.get("Sid") == statement["Sid"] for each in self._statements):
                # The ids of statements are unique in a policy; they are for people only.
                statement = {name: value for name, value in statement.items() if name != "Sid"}
            self._statements.append(statement)
        _ = self.permissions


def _but_resources(statement: Statement) -> Statement:
    """A statement without its resources."""
    return {**statement, "Resource": None}


def _listed(resources: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return resources if isinstance(resources, list) else [resources]


class _WorkloadGrant(iam.Grant):
    """A grant to a :class:`WorkloadRole`. The CDK's own object, which costs calls into Node.js, is created on use."""

    _role: WorkloadRole

    @classmethod
    def to(cls, role: WorkloadRole) -> iam.Grant:
        """The grant to ``role``. jsii asks each object that a constructor returns for its counterpart in Node.js."""
        made = cls.__new__(cls)
        made._role = role
        return made

    @property
    def __jsii_ref__(self) -> Any:  # noqa: ANN401 - what jsii passes to Node.js
        return self._role.granted.__jsii_ref__  # type: ignore[attr-defined]  # set by jsii

    def apply_before(self, *constructs: IConstruct) -> None:
        self._role.granted.apply_before(*constructs)

    def assert_success(self) -> None:
        """The statement is in the role's policy."""

    def combine(self, rhs: iam.Grant) -> iam.Grant:
        return self._role.granted.combine(rhs)

    @property
    def principal_statements(self) -> list[iam.PolicyStatement]:
        return self._role.granted.principal_statements

    @property
    def resource_statements(self) -> list[iam.PolicyStatement]:
        return []

    @property
    def success(self) -> bool:
        return True


def grant(
    grantee: iam.IGrantable,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    conditions: Conditions | None = None,
    sid: str | None = None,
) -> iam.Grant:
    """Allow ``grantee`` exactly ``actions`` on exactly ``resources``.

    :param grantee: A role, a user, a group, or a construct that has a role, such as a function.
    :param sid: The id of the statement. Used only in the policies of this library's roles.
    :raises InvalidValueError: if the grantee has no policy of its own, as a service or an account has none.
    """
    if isinstance(grantee, WorkloadRole):
        grantee.allow(actions, resources, conditions=conditions, sid=sid)
        return _WorkloadGrant.to(grantee)
    given = iam.Grant.add_to_principal(
        grantee=grantee,
        actions=list(actions),
        resource_arns=list(resources),
        conditions={operator: dict(keys) for operator, keys in conditions.items()} if conditions else None,
    )
    if not given.success:
        raise InvalidValueError(
            f"{type(grantee).__name__} has no policy that a statement could be added to",
            field="grantee",
            hint="Grant to a role, a user or a group",
        )
    return given


def permissions_of(grantee: iam.IGrantable) -> IConstruct | None:
    """The resource that holds the granted statements, for acknowledgements; None for an imported principal."""
    if isinstance(grantee, WorkloadRole):
        return grantee.permissions
    principal = grantee.grant_principal
    if isinstance(principal, WorkloadRole):
        return principal.permissions
    if not hasattr(principal, "node"):
        return None
    policy = principal.node.try_find_child("DefaultPolicy")
    return policy.node.default_child if policy is not None else None


def principal_arn(grantee: iam.IGrantable) -> tuple[str, str, bool]:
    """The name and ARN of the principal of ``grantee``, and whether it is a role that this app creates.

    :raises InvalidValueError: if it is none that a key policy can name: a group, a service, an account.
    """
    if isinstance(grantee, WorkloadRole):
        return path(grantee).partition("/")[2], grantee.role_arn, True
    principal = grantee.grant_principal
    if isinstance(principal, WorkloadRole):
        return principal_arn(principal)
    for name in ("role_arn", "user_arn"):
        if arn := getattr(principal, name, None):
            at = path(principal).partition("/")[2]  # type: ignore[arg-type]  # roles and users are constructs
            return at, str(arn), isinstance(principal, iam.Role | iam.User)
    raise InvalidValueError(
        f"{type(principal).__name__} cannot be named in a key policy",
        field="grantee",
        hint="Grant to a role or a user. "
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html#key-policy-principals",
    )

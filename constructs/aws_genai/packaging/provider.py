"""The providers of custom resources: one of each kind in a stack, for any number of custom resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_iam as iam

from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..functions.custom_resource.environment import Environment
from ..functions.custom_resource.names import PREFIX
from ..gate.acknowledgement import acknowledge
from .python_function import PythonFunction

if TYPE_CHECKING:
    pass


def provider(
    stack: Stack,
    id: str,
    folder: str,
    *,
    foundation: Foundation,
    include: Sequence[str] = (),
    waits: bool = False,
) -> PythonFunction:
    """The provider in ``folder`` for custom resources of this stack; created on first use.

    :param include: Further folders to include in the package. Default: none.
    :param waits: Whether to invoke it again for operations that exceed its timeout. Default: no.
    """
    existing = stack.node.try_find_child(id)
    if isinstance(existing, PythonFunction):
        return existing
    caller = (
        WorkloadRole(stack, f"{id}Wait", assumed_by=_scheduler(), description=f"Calls {id} again") if waits else None
    )
    function = PythonFunction(
        stack,
        id,
        folder=folder,
        include=("custom_resource", *include),
        environment=Environment(WAIT_ROLE=caller.role_arn) if caller else None,
        foundation=foundation,
        timeout_seconds=300,
        reserved_concurrency=5,
    )
    if caller:
        _let_wait(function, caller)
    return function


def _scheduler() -> iam.ServicePrincipal:
    conditions = {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
    return iam.ServicePrincipal("scheduler.amazonaws.com", conditions=conditions)


def _let_wait(function: PythonFunction, caller: WorkloadRole) -> None:
    """Allow a function to create schedules that invoke it again.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policies.html
    """
    caller.allow(("lambda:InvokeFunction",), [function.function_arn])
    place = f"{REGION}:{ACCOUNT_ID}:schedule/default/{PREFIX}"
    function.role.allow(("scheduler:CreateSchedule",), [f"arn:{PARTITION}:scheduler:{place}*"])
    passed = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    function.role.allow(("iam:PassRole",), [caller.role_arn], conditions=passed)
    shown = f"<AWS::Region>:<AWS::AccountId>:schedule/default/{PREFIX}"
    acknowledge(
        function.role.permissions,
        "AwsSolutions-IAM5",
        finding=f"Resource::arn:<AWS::Partition>:scheduler:{shown}*",
        reason="A schedule is named after the request that waits, which is known at run time only.",
        met_by="the beginning of the names in the statement, and creating only",
    )

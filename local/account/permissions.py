"""Whether a role has a permission, for checks that AWS makes on behalf of a role and the emulator does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region


def role_may(role_arn: str, action: str, resource: str, context: Mapping[str, Any] | None = None) -> bool:
    """The decision over the role's own policies and the resource's policy.

    :param context: condition keys of the request beyond the global ones.
    """
    account, name = get_account_id(), role_arn.rsplit("/", 1)[-1]
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/service",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={key.lower(): value for key, value in (context or {}).items()},
    )
    result = iam_evaluator.evaluate(request, iam_evaluator._gather_role_policies(name, account))
    service = action.split(":")[0]
    found = iam_evaluator._resource_policy(service, resource)
    if found is not None:
        required = service in iam_evaluator._POLICY_REQUIRED
        result = iam_evaluator.combine_resource_policy(result, request, *found, required=required)
    return bool(result.decision == "Allow")

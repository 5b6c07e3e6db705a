"""Whether one statement of a policy applies to a request and its principal.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .conditions import Context, arn_matches, as_list, glob, holds, plain, substitute
from .undecidable import UndecidableError

Statement = Mapping[str, Any]
Request = tuple[str, str, Context]


@dataclass(frozen=True)
class Identity:
    """A principal with its policies resolved."""

    arn: str
    is_service: bool
    policies: tuple[Statement, ...]
    boundary: tuple[Statement, ...] | None


def allowing(statements: Sequence[Statement], who: Identity, request: Request) -> list[tuple[str, Statement]]:
    """The statements of a resource policy that allow the request, and whether directly or through the account."""
    found = []
    for statement in statements:
        how = names(statement, who) if statement["Effect"] == "Allow" else None
        if how is not None and matches(statement, request):
            found.append((how, statement))
    return found


def names(statement: Statement, who: Identity) -> str | None:
    """How a resource policy's statement names the principal: ``direct``, by its ``account``, or not at all."""
    if "NotPrincipal" in statement:
        raise UndecidableError("NotPrincipal depends on the session; AWS advises against it")
    principal = statement.get("Principal")
    if principal == "*":
        return "direct"
    if not isinstance(principal, Mapping):
        raise UndecidableError("A resource policy has a statement without a principal")
    if who.is_service:
        if who.arn in as_list(principal.get("Service", [])):
            return "direct"
        return "direct" if "*" in as_list(principal.get("AWS", [])) else None
    for name in as_list(principal.get("AWS", [])):
        if name in ("*", who.arn):
            return "direct"
        account = who.arn.split(":")[4]
        if name == account or (name.startswith("arn:") and name.endswith(f"::{account}:root")):
            return "account" if statement["Effect"] == "Allow" else "direct"
    return None


def first(statements: Sequence[Statement], effect: str, request: Request) -> Statement | None:
    return next((item for item in statements if item["Effect"] == effect and matches(item, request)), None)


def matches(statement: Statement, request: Request) -> bool:
    """Whether action, resource and conditions of a statement match the request."""
    action, resource, context = request
    unknown = set(statement) - _ELEMENTS
    if unknown:
        raise UndecidableError(f"A statement has the unknown elements {', '.join(sorted(unknown))}")
    return (
        action_matches(statement, action)
        and _resource(statement, resource, context)
        and holds(statement.get("Condition") or {}, context)
    )


_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
    "NotPrincipal",
}


def action_matches(statement: Statement, action: str) -> bool:
    patterns = as_list(statement.get("Action", statement.get("NotAction")))
    return any(_holds_action(str(pattern), action) for pattern in patterns) != ("NotAction" in statement)


@lru_cache(maxsize=65536)
def _holds_action(pattern: str, action: str) -> bool:
    """Whether an action matches a pattern; cached, because the same few are checked thousands of times."""
    return glob(pattern, ignore_case=True).fullmatch(action) is not None


def _resource(statement: Statement, resource: str, context: Context) -> bool:
    patterns = as_list(statement.get("Resource", statement.get("NotResource", [])))
    negative = "NotResource" in statement
    named = False
    for pattern in patterns:
        value = substitute(str(pattern), context)
        if value is None:
            if negative:
                raise UndecidableError("A policy variable of NotResource is not in the request")
            continue
        named = named or (plain(value) == "*" if resource == "*" else arn_matches(value, resource))
    return named != negative


def name_of(statement: Statement) -> str:
    return str(statement.get("Sid") or statement.get("Action") or statement.get("NotAction"))

"""The groups of a provider's user are in tokens, and those of nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

CONTEXT = SimpleNamespace(
    function_name="groups",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:x",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 5_000,
)


def told(monkeypatch: pytest.MonkeyPatch, **attributes: str) -> Any:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "groups")
    from aws_genai.functions.user_groups.handler import handler

    event: dict[str, Any] = {
        "version": "2",
        "triggerSource": "TokenGeneration_HostedAuth",
        "userName": "sign-on_ann",
        "request": {
            "userAttributes": {"sub": "u", "email": "ann@example.com", **attributes},
            # Cognito puts each user of a provider into a group of that provider.
            "groupConfiguration": {"groupsToOverride": ["us-east-1_x_sign-on"], "iamRolesToOverride": []},
            "scopes": ["genai/ask", "openid"],
        },
        "response": {"claimsAndScopeOverrideDetails": None},
    }
    answer = handler(event, CONTEXT)
    assert {name: answer[name] for name in ("version", "triggerSource", "userName")} == {
        name: event[name] for name in ("version", "triggerSource", "userName")
    }
    return answer["response"]


@pytest.mark.parametrize(
    ("claimed", "groups"),
    [
        ("staff", ["staff"]),
        ("[staff, hr]", ["hr", "staff"]),
        ('["staff","hr"]', ["hr", "staff"]),
        ("[interim%20hr, staff]", ["staff"]),
        ("CN=hr,OU=staff", []),
        ("admin staff", []),
        ("", []),
    ],
)
def test_groups_of_the_provider_take_the_place_of_the_pools_own(
    monkeypatch: pytest.MonkeyPatch, claimed: str, groups: list[str]
) -> None:
    details = {"groupOverrideDetails": {"groupsToOverride": groups}}
    assert told(monkeypatch, **{"custom:groups": claimed}) == {"claimsAndScopeOverrideDetails": details}


def test_a_user_without_the_attribute_has_no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    details = {"groupOverrideDetails": {"groupsToOverride": []}}
    assert told(monkeypatch) == {"claimsAndScopeOverrideDetails": details}

"""Writes the groups that an identity provider says of a user into the tokens of a user pool.

An access token carries no attributes of a user, but groups. Those of the provider take the place of the user pool's
own, of which one, named after the provider, has all of its users.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Tracer

from ..groups.names import names

#: Attribute of the user pool that the provider writes.
ATTRIBUTE = "custom:groups"

logger = Logger()
tracer = Tracer()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Answer an event of version 2 or 3. A user without the attribute has no groups."""
    found = names(event["request"]["userAttributes"].get(ATTRIBUTE, ""), spaces=False)
    event["response"] = {"claimsAndScopeOverrideDetails": {"groupOverrideDetails": {"groupsToOverride": found}}}
    return event

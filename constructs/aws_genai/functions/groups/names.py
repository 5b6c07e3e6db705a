"""The names of a user's groups, in whichever form an identity provider, Amazon Cognito or API Gateway writes them."""

from __future__ import annotations

import re
from typing import Any

#: Claim of an access token that holds the groups of a user pool.
COGNITO_GROUPS = "cognito:groups"
#: What a group of documents or of an assistant may be called.
_NAME = re.compile(r"[a-z0-9_-]{1,128}")


def names(value: Any, *, spaces: bool) -> list[str]:  # noqa: ANN401 - JSON
    """The groups, in alphabetical order. Other names are ignored.

    Commas separate the values of a SAML attribute, which are URL-encoded, and spaces those of Cognito's own groups,
    whose names have none.
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-user-groups.html
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managing-saml-idp-naming.html

    :param value: a list, or a text with brackets or without.
    :param spaces: whether spaces separate names too.
    """
    found = value
    if not isinstance(found, list):
        separator = r"[\s,]+" if spaces else ","
        found = [each.strip().strip('"') for each in re.split(separator, str(value).strip().strip("[]"))]
    return sorted({name for name in found if isinstance(name, str) and _NAME.fullmatch(name)})

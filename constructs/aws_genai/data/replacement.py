"""Detection of replacements by CloudFormation, from a template.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from . import load

#: The prefix of outputs that the CDK creates for weak references.
PUBLISHED = "PublishOutput"
#: With this number of digits, the longest name that the CDK generates has 255 characters, the maximum of
#: CloudFormation.
DIGITS = 7
_NAMED = re.compile(r"\$\{([^!.}][^.}]*)(\.[^}]*)?\}")


class Lives:
    """The create-only properties of a template's resources: a resource whose digest changes is replaced."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self._resources = resources
        self._of = cache(self._made)

    def digest(self, value: Any) -> str:  # noqa: ANN401 - JSON
        """A digest of an expression that changes when a resource that it refers to is replaced."""
        return hashlib.sha256(json.dumps(self._expanded(value), sort_keys=True).encode()).hexdigest()

    def _made(self, name: str) -> str:
        resource = self._resources[name]
        kind, properties = resource["Type"], resource.get("Properties", {})
        paths = load("create_only")["types"].get(kind)
        # It is not known when a custom resource returns other values, so any change of it counts.
        made = properties if paths is None else {path: _at(properties, path.split("/")) for path in paths}
        return self.digest([name, kind, made])

    def _expanded(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            return [self._expanded(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref":
                return self._named(inner, "")
            if key == "Fn::GetAtt":
                name, attribute = inner if isinstance(inner, list) else inner.split(".", 1)
                return self._named(name, attribute)
            if key == "Fn::Sub":
                text, given = (inner, {}) if isinstance(inner, str) else inner
                named = [self._named(name, attribute) for name, attribute in _NAMED.findall(text) if name not in given]
                return [text, self._expanded(given), named]
        return {key: self._expanded(inner) for key, inner in value.items()}

    def _named(self, name: str, attribute: str) -> list[Any]:
        resource = self._resources.get(name)
        if resource is None:
            return [name, attribute]  # a parameter
        # The version number changes without a replacement.
        moving = self._expanded(resource.get("Properties", {})) if "Version" in str(attribute) else None
        return [self._of(name), attribute, moving]


def _at(value: Any, path: list[str]) -> Any:  # noqa: ANN401 - JSON
    """The value at a path, through lists; None if it does not exist."""
    if not path:
        return value
    if isinstance(value, list):
        return [_at(each, path[1:] if path[0] == "*" else path) for each in value]
    return _at(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else None

"""Conditions of templates: resolved before they are compared, and ignored in properties that only share the name."""

from __future__ import annotations

import sys
from typing import Any

from ministack.services.cloudformation import engine

_NAME = "_evaluate_conditions"


def install() -> None:
    """Resolve ``Fn::Join`` inside conditions, as CloudFormation does.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
    """
    evaluate = engine._evaluate_conditions

    def joined_first(template: dict[str, Any], params: dict[str, Any]) -> dict[str, bool]:
        conditions = _joined(template.get("Conditions", {}), params)
        return evaluate({**template, "Conditions": conditions}, params)  # type: ignore[no-any-return]

    _replace(_NAME, evaluate, joined_first)
    resolve = engine._resolve_refs

    def as_it_is(value: Any, *rest: Any) -> Any:
        # A property with that name, such as a flow's, does not refer to a condition of the template.
        if isinstance(value, dict) and value.keys() == {"Condition"}:
            return {"Condition": resolve(value["Condition"], *rest)}
        return resolve(value, *rest)

    _replace("_resolve_refs", resolve, as_it_is)


def _replace(name: str, old: Any, new: Any) -> None:
    """Replace a function wherever the engine imports it."""
    for path, module in list(sys.modules.items()):
        if path.startswith("ministack.services.cloudformation") and getattr(module, name, None) is old:
            setattr(module, name, new)


def _joined(value: Any, params: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_joined(item, params) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        delimiter, items = value["Fn::Join"]
        return str(delimiter).join(_members(items, params))
    return {key: _joined(item, params) for key, item in value.items()}


def _members(items: Any, params: dict[str, Any]) -> list[str]:
    """The strings to join: a list, or a parameter with a list."""
    if isinstance(items, dict) and items.get("Ref") in params:
        text = str(params[items["Ref"]]["Value"])
        return [member.strip() for member in text.split(",")] if text else []
    return [str(params[item["Ref"]]["Value"]) if isinstance(item, dict) else str(item) for item in items]

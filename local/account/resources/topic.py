"""The customer key of an SNS topic, which the emulator's handler drops."""

from __future__ import annotations

from typing import Any

from ministack.services import sns
from ministack.services.cloudformation import provisioners

from .base import Model

TYPE = "AWS::SNS::Topic"


def install() -> None:
    """Wrap the engine's handler of topics."""
    handler = provisioners._RESOURCE_HANDLERS[TYPE]
    create, update = handler["create"], handler["update"]

    def complete_create(logical_id: str, properties: Model, stack_name: str) -> tuple[str, Model]:
        made = create(logical_id, properties, stack_name)
        _keep_key(made[0], properties)
        return made  # type: ignore[no-any-return]

    def complete_update(identifier: str, old: Model, new: Model, *rest: Any) -> tuple[str, Model]:
        made = update(identifier, old, new, *rest)
        _keep_key(made[0], new)
        return made  # type: ignore[no-any-return]

    handler["create"], handler["update"] = complete_create, complete_update


def _keep_key(arn: str, properties: Model) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html"""
    attributes = sns._topics[arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if properties.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = properties["KmsMasterKeyId"]

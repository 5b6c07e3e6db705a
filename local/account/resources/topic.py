"""The customer managed key of an SNS topic, which the emulator's handler ignores."""

from __future__ import annotations

from ministack.services import sns

from .base import Model, wrap

TYPE = "AWS::SNS::Topic"


def install() -> None:
    """Wrap the engine's handler of topics."""
    wrap(TYPE, after=_keep_key)


def _keep_key(arn: str, properties: Model) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html"""
    attributes = sns._topics[arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if properties.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = properties["KmsMasterKeyId"]

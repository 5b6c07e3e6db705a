"""Serves the custom resource that writes references to models of the public hub into a private one."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve
from .service import Hub


@cache
def sagemaker() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client, made on first use."""
    return boto3.client("sagemaker")


class HubModels:
    """The references of one hub; the physical id holds the name of the hub, which deletion needs."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Create the references."""
        self._hub(properties["Hub"], properties["Place"]).hold(properties["Models"])
        return Made(f"{properties['Hub']}/models")

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Create, change and delete references."""
        return self.create(properties, token)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete all references."""
        self._hub(physical_id.partition("/")[0], properties.get("Place", "")).empty()

    def _hub(self, name: str, place: str) -> Hub:
        return Hub(sagemaker(), name, place)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    serve(event, context, HubModels())

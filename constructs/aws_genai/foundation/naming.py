"""Physical ids that allow CloudFormation to replace a resource."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import jsii
from aws_cdk import Fn, IStableStringProducer, Lazy, Stack
from constructs import IConstruct

from .pseudo import STACK_ID


def lasting(scope: IConstruct, name: str, *made_of: Any, longest: int = 63, digits: int = 8) -> str:  # noqa: ANN401 - JSON
    """``name`` with a digest of a resource's create-only properties.

    During a replacement, CloudFormation creates the new resource before it deletes the old one, so a fixed name is
    already in use: "If you specify a name, you cannot perform updates that require replacement of this resource." Where
    a service requires a name, the name changes with every property whose change replaces the resource; elsewhere, no
    name is specified.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html

    :param made_of: The create-only properties, and the values that cause a replacement of the resources that they refer
        to.
    :param longest: Maximum length of the name, in characters. A longer name is truncated.
    """
    content = json.dumps([name, Stack.of(scope).resolve(list(made_of))], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:digits]
    return f"{name[: longest - digits - 1].rstrip('-_')}-{digest}"


def of_this_stack(name: str) -> str:
    """``name`` with a part of the stack's id, for retained resources of services that require a name.

    If the stack is created again, its new resources do not conflict with the retained ones.
    """
    return f"{name}-{Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', STACK_ID))))}"


def settled(make: Callable[[], str]) -> str:
    """A name that is resolved when the template is written, because tags can be added to resources until then."""
    return Lazy.string(_Late(make))


@jsii.implements(IStableStringProducer)
class _Late:
    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def produce(self) -> str:
        """The name."""
        return self._make()

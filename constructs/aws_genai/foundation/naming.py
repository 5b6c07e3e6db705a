"""Names that let CloudFormation replace what is named."""

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
    """``name`` with a digest of what a resource is made of for good.

    CloudFormation makes the new resource before it deletes the old one, so a name that stays is taken already: "If you
    specify a name, you cannot perform updates that require replacement of this resource." Where a service asks for a
    name, it changes with every property whose change replaces the resource; elsewhere none is given.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html

    :param made_of: the create-only properties, and whatever replaces what they refer to.
    :param longest: most characters that the service takes; a longer name loses its end.
    """
    content = json.dumps([name, Stack.of(scope).resolve(list(made_of))], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:digits]
    return f"{name[: longest - digits - 1].rstrip('-_')}-{digest}"


def of_this_stack(name: str) -> str:
    """``name`` with a part of the stack's own id, for what stays when its stack goes, where a service asks for a name.

    The same stack made again meets what it has left under another name.
    """
    return f"{name}-{Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', STACK_ID))))}"


def settled(make: Callable[[], str]) -> str:
    """A name that is made when the template is written: tags are given to resources until then."""
    return Lazy.string(_Late(make))


@jsii.implements(IStableStringProducer)
class _Late:
    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def produce(self) -> str:
        """The name."""
        return self._make()

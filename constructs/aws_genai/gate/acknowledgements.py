"""Accepting one finding on one resource, with a reason an auditor can check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from aws_cdk import CfnResource
from constructs import IConstruct

from ..once import node, path

#: Metadata key under which the CDK and cdk-nag look for acknowledged rules.
METADATA_KEY = "aws:cdk:acknowledged-rules"

#: Whether acknowledgements have no effect: what remains is every finding there is.
_ineffective: ContextVar[bool] = ContextVar("ineffective", default=False)


@contextmanager
def ineffective() -> Iterator[None]:
    """Let every acknowledgement that is made meanwhile have no effect."""
    before = _ineffective.set(True)
    try:
        yield
    finally:
        _ineffective.reset(before)


@dataclass(frozen=True)
class Acknowledgement:
    """One accepted finding: where, which rule, why, and where the control is met instead."""

    path: str
    rule: str
    reason: str
    met_by: str

    @property
    def finding(self) -> str:
        """The rule as findings name it: without its engine."""
        for engine in (_VALIDATE, _OWN):
            if self.rule.startswith(engine):
                return self.rule.removeprefix(engine)
        return self.rule


@dataclass
class _Record:
    """What was accepted; where is asked of the CDK only when somebody wants to know."""

    resource: CfnResource
    ids: Sequence[str]
    reason: str
    met_by: str

    @cached_property
    def root(self) -> IConstruct:
        return node(self.resource).root

    @cached_property
    def path(self) -> str:
        return path(self.resource)


_recorded: list[_Record] = []

#: Engines whose rules go by their names alone.
_VALIDATE, _OWN = "CloudFormation-Validate::", "GenAI::"

_PACK_PREFIXES = frozenset({"AwsSolutions", "Serverless", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"})


def acknowledge(
    construct: IConstruct,
    rules: str | tuple[str, ...],
    *,
    reason: str,
    met_by: str,
    finding: str | tuple[str, ...] | None = None,
) -> None:
    """Accept one finding on one resource, under each id that rule packs report it by; all else keeps failing.

    Metadata is written directly because ``Validations.acknowledge`` refuses ids that hold two ``::``, which
    granular findings have (https://github.com/cdklabs/cdk-nag/issues/2351).

    :param construct: a resource, or a construct whose default child is the resource; a scope is refused.
    :param rules: the rule's id, such as ``AwsSolutions-IAM5``, or the ids of the same rule in several packs; a rule
        of this library or of CloudFormation Validate by its name.
    :param reason: why the finding does not apply here, in one sentence.
    :param met_by: where the control is met instead.
    :param finding: the granular finding within the rule, such as ``Resource::*``, or several that share a reason.
    :raises ValueError: if the construct is not one resource, or a text is too short to be a reason.
    """
    names = (rules,) if isinstance(rules, str) else rules
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    if not isinstance(resource, CfnResource):
        raise ValueError(
            f"{construct.node.path}: acknowledge {names[0]} on one resource, not on a scope; "
            "name the construct that the finding names"
        )
    if len(reason.split()) < 5 or len(met_by.split()) < 2:
        raise ValueError(f"{resource.node.path}: {names[0]} needs a reason and a place where the control is met")
    granular = (finding,) if isinstance(finding, str) else finding
    ids = [f"{_qualified(name)}[{item}]" for name in names for item in granular or ()] or [*map(_qualified, names)]
    _recorded.append(_Record(resource, ids, reason, met_by))
    if not _ineffective.get():
        node(resource).add_metadata(METADATA_KEY, dict.fromkeys(ids, f"{reason} Met by: {met_by}"))


def _qualified(rule: str) -> str:
    if rule.startswith("GENAI_"):
        return f"{_OWN}{rule}"
    return rule if rule.partition("-")[0] in _PACK_PREFIXES else f"{_VALIDATE}{rule}"


def compliance(rule: str) -> tuple[str, ...]:
    """The ids of a rule that the NIST, HIPAA and PCI packs share."""
    return tuple(f"{pack}-{rule}" for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"))


def acknowledgements(app: IConstruct) -> list[Acknowledgement]:
    """Every acknowledgement made in the tree of ``app``, in the order of its making."""
    root = app.node.root
    return [
        Acknowledgement(each.path, id, each.reason, each.met_by)
        for each in _recorded
        if each.root is root
        for id in each.ids
    ]

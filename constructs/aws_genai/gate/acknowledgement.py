"""Acknowledgements of one finding on one resource, with a reason that an auditor can verify."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from aws_cdk import CfnResource
from constructs import IConstruct

from ..once import node
from .record import METADATA_KEY

#: Metadata key of acknowledgements without effect, which the CDK does not read.
_WITHOUT_EFFECT = "aws-genai:acknowledged-rules"
#: The separator between the reason and the place where the control is met.
_MET_BY = " Met by: "

#: Whether acknowledgements have no effect, so that every finding is reported.
_ineffective: ContextVar[bool] = ContextVar("ineffective", default=False)


@contextmanager
def ineffective() -> Iterator[None]:
    """Make acknowledgements within this context ineffective."""
    before = _ineffective.set(True)
    try:
        yield
    finally:
        _ineffective.reset(before)


@dataclass(frozen=True)
class Acknowledgement:
    """One acknowledgement: the resource, the rule, the reason, and where the control is met instead."""

    path: str
    rule: str
    reason: str
    met_by: str

    @property
    def finding(self) -> str:
        """The id of the rule without its engine, as in findings."""
        for engine in (_VALIDATE, _OWN):
            if self.rule.startswith(engine):
                return self.rule.removeprefix(engine)
        return self.rule


#: Engines whose rules are identified without the name of the engine.
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
    """Acknowledge one finding on one resource, under each id in rule packs. Other findings still fail.

    Metadata is written directly because ``Validations.acknowledge`` rejects ids that contain ``::`` twice, as granular
    findings do (https://github.com/cdklabs/cdk-nag/issues/2351).

    :param construct: The resource, or a construct whose default child is the resource. A scope is rejected.
    :param rules: The id of the rule, such as ``AwsSolutions-IAM5``, or the ids of the same rule in several packs. For
        rules of this library or of CloudFormation Validate, the name of the rule.
    :param reason: Why the finding does not apply here, in one sentence.
    :param met_by: Where the control is met instead.
    :param finding: The granular finding of the rule, such as ``Resource::*``, or several that share a reason.
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
    key = _WITHOUT_EFFECT if _ineffective.get() else METADATA_KEY
    node(resource).add_metadata(key, dict.fromkeys(ids, f"{reason}{_MET_BY}{met_by}"))


def _qualified(rule: str) -> str:
    if rule.startswith("GENAI_"):
        return f"{_OWN}{rule}"
    return rule if rule.partition("-")[0] in _PACK_PREFIXES else f"{_VALIDATE}{rule}"


def compliance(rule: str) -> tuple[str, ...]:
    """The ids of a rule that the NIST, HIPAA and PCI packs share."""
    return tuple(f"{pack}-{rule}" for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"))


def acknowledgements(scope: IConstruct) -> list[Acknowledgement]:
    """Every acknowledgement in the app of ``scope``, in the order of the construct tree.

    They are stored only in the construct tree, as metadata of their resources.
    """
    return [
        Acknowledgement(path, str(id), *_parts(str(text)))
        for construct in scope.node.root.node.find_all()
        if isinstance(construct, CfnResource)
        for path, entry in _entries(construct)
        for id, text in entry.items()
    ]


def _entries(resource: CfnResource) -> Iterator[tuple[str, Mapping[str, str]]]:
    node = resource.node
    entries = [each for each in node.metadata if each.type in (METADATA_KEY, _WITHOUT_EFFECT)]
    path = str(node.path) if entries else ""
    return ((path, each.data) for each in entries)


def _parts(text: str) -> tuple[str, str]:
    reason, _, met_by = text.partition(_MET_BY)
    return reason, met_by

"""Accepting one finding on one resource, with a reason an auditor can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk import CfnResource
from constructs import IConstruct

#: Metadata key under which the CDK and cdk-nag look for acknowledged rules.
METADATA_KEY = "aws:cdk:acknowledged-rules"

#: Context key that makes every acknowledgement ineffective: what remains is every finding there is.
IGNORE_CONTEXT = "aws-genai:ignore-acknowledgements"


@dataclass(frozen=True)
class Acknowledgement:
    """One accepted finding: where, which rule, why, and where the control is met instead."""

    path: str
    rule: str
    reason: str
    met_by: str


_recorded: WeakKeyDictionary[Any, list[Acknowledgement]] = WeakKeyDictionary()


def acknowledge(
    construct: IConstruct,
    rule: str,
    *,
    reason: str,
    met_by: str,
    finding: str | tuple[str, ...] | None = None,
) -> None:
    """Accept one finding of one rule on one resource; everything else keeps failing synthesis.

    Metadata is written directly because ``Validations.acknowledge`` refuses ids that hold two ``::``, which
    granular findings have (https://github.com/cdklabs/cdk-nag/issues/2351).

    :param construct: a resource, or a construct whose default child is the resource; a scope is refused.
    :param rule: the rule's id, such as ``AwsSolutions-IAM5``; a Guard or CloudFormation Validate rule by its name.
    :param reason: why the finding does not apply here, in one sentence.
    :param met_by: where the control is met instead.
    :param finding: the granular finding within the rule, such as ``Resource::*``, or several that share a reason.
    :raises ValueError: if the construct is not one resource, or a text is too short to be a reason.
    """
    resource = construct if CfnResource.is_cfn_resource(construct) else construct.node.default_child
    if resource is None or not CfnResource.is_cfn_resource(resource):
        raise ValueError(
            f"{construct.node.path}: acknowledge {rule} on one resource, not on a scope; "
            "name the construct that the finding names"
        )
    if len(reason.split()) < 5 or len(met_by.split()) < 2:
        raise ValueError(f"{construct.node.path}: {rule} needs a reason and a place where the control is met")
    if rule.partition("-")[0] not in _PACK_PREFIXES:
        rule = f"CloudFormation-Validate::{rule}"
    granular = (finding,) if isinstance(finding, str) else finding
    rule_ids = [f"{rule}[{item}]" for item in granular] if granular else [rule]
    root, path = construct.node.root, resource.node.path
    _recorded.setdefault(root, []).extend(Acknowledgement(path, id, reason, met_by) for id in rule_ids)
    if not root.node.try_get_context(IGNORE_CONTEXT):
        resource.node.add_metadata(METADATA_KEY, dict.fromkeys(rule_ids, f"{reason} Met by: {met_by}"))


_PACK_PREFIXES = frozenset({"AwsSolutions", "Serverless", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"})


def acknowledge_each(
    construct: IConstruct, rules: tuple[str, ...], *, reason: str, met_by: str, finding: str | None = None
) -> None:
    """Accept the same finding as several packs report it, each under its own id."""
    for rule in rules:
        acknowledge(construct, rule, reason=reason, met_by=met_by, finding=finding)


def acknowledgements(app: IConstruct) -> list[Acknowledgement]:
    """Every acknowledgement made in the tree of ``app``, in the order of its making."""
    return list(_recorded.get(app.node.root, []))

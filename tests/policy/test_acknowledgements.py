"""Every accepted finding is asked for, stands on one resource, and has a reason; nothing else is accepted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

from aws_genai.gate import acknowledge
from aws_genai.gate.acknowledgement import METADATA_KEY
from aws_genai.testing.findings import every_finding
from settings import available
from stacks import assemble
from tests.conftest import ROOT, Synthesized
from tests.support import ALL_PACKS, new_stack, rules_broken


@pytest.fixture(scope="module")
def every(
    environment: Callable[[str], Synthesized], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], set[tuple[str, str]]]:
    """What all packs find in an environment if nothing is accepted."""

    @cache
    def find(name: str) -> set[tuple[str, str]]:
        folder, settings = tmp_path_factory.mktemp(name), environment(name).settings
        return every_finding(lambda app: assemble(app, settings), folder, ALL_PACKS)

    return find


@pytest.mark.parametrize("name", available())
def test_accepted_is_exactly_what_the_rules_find(
    environment: Callable[[str], Synthesized], every: Callable[[str], set[tuple[str, str]]], name: str
) -> None:
    # All packs, for a construct accepts what any of them finds; that the environment's own pass, the fixture shows.
    accepted = {(item.finding, item.path) for item in environment(name).acknowledgements}
    assert accepted - every(name) == set(), "accepted, though no rule asks for it"


def test_same_violation_elsewhere_fails() -> None:
    def build(stack: cdk.Stack) -> None:
        for name in ("Accepted", "Other"):
            s3.CfnBucket(stack, name)
        acknowledge(
            stack.node.find_child("Accepted"),
            "AwsSolutions-S1",
            reason="This bucket is here to be accepted in a test.",
            met_by="nothing at all",
        )

    assert "AwsSolutions-S1" in rules_broken(build)


def test_every_acknowledged_rule_fails_without_its_acknowledgement(
    reference: Synthesized, every: Callable[[str], set[tuple[str, str]]]
) -> None:
    found = {rule for rule, _ in every("reference")}
    assert {item.finding for item in reference.acknowledgements} <= found


def test_scope_is_refused() -> None:
    stack = new_stack()
    with pytest.raises(ValueError, match="on one resource, not on a scope"):
        acknowledge(stack, "AwsSolutions-S1", reason="A whole stack is too much to accept.", met_by="nothing at all")


@pytest.mark.parametrize(
    ("reason", "met_by"), [("", "the policy"), ("no need", "the policy"), ("It is fine as it is.", "")]
)
def test_reason_is_asked_for(reason: str, met_by: str) -> None:
    bucket = s3.CfnBucket(new_stack(), "Bucket")
    with pytest.raises(ValueError, match="needs a reason"):
        acknowledge(bucket, "AwsSolutions-S1", reason=reason, met_by=met_by)


def test_only_the_helper_accepts_findings() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for folder in ("constructs", "stacks", "settings", "operations", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if path.name not in ("acknowledgement.py", "record.py", "findings.py")
        and any(word in path.read_text(encoding="utf-8") for word in (METADATA_KEY, ".acknowledge(", "ineffective("))
    ]
    assert offenders == []

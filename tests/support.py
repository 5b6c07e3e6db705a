"""Building small apps for tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template

from aws_genai.foundation import CostTags
from aws_genai.gate import CompliancePack, Finding, GateError, attach_gate, synth
from aws_genai.packaging import reserve_concurrency

from .conftest import flags

ALL_PACKS = tuple(CompliancePack)


def new_app(*, packs: Sequence[CompliancePack] = (), **context: Any) -> cdk.App:
    """An app with the gate on, in a folder of its own."""
    folder = tempfile.mkdtemp(prefix="aws-genai-")
    # At the end, for templates and assets of an app are read long after it is built.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    app = cdk.App(context={**flags(), "@aws-cdk/core:failSynthOnValidationErrors": False, **context}, outdir=folder)
    attach_gate(app, packs=packs)
    if packs:
        reserve_concurrency(app)
    return app


def new_stack(app: cdk.App | None = None, *, tagged: bool = True) -> cdk.Stack:
    """A stack in us-east-1, tagged as the project's are."""
    stack = cdk.Stack(app or new_app(), "Test", env=cdk.Environment(region="us-east-1"))
    if tagged:
        CostTags(project="p", environment="e", layer="l", owner="o", cost_center="c").apply(stack)
    return stack


def template_of(build: Callable[[cdk.Stack], object]) -> Template:
    """The template of a stack that ``build`` fills."""
    stack = new_stack()
    build(stack)
    return Template.from_stack(stack)


def findings_of(
    build: Callable[[cdk.Stack], object], *, tagged: bool = True, packs: Sequence[CompliancePack] = ()
) -> list[Finding]:
    """What a synthesis of what ``build`` makes finds."""
    stack = new_stack(new_app(packs=packs), tagged=tagged)
    build(stack)
    return findings_on(stack)


def findings_on(stack: cdk.Stack) -> list[Finding]:
    """What a synthesis of the app of ``stack`` finds."""
    app = stack.node.root
    assert isinstance(app, cdk.App)
    try:
        synth(app)
    except GateError as error:
        return error.findings
    return []


def rules_broken(build: Callable[[cdk.Stack], object], *, tagged: bool = True) -> set[str]:
    """The rules that a synthesis of what ``build`` makes breaks."""
    return {finding.rule for finding in findings_of(build, tagged=tagged)}

"""Assertions that a synthesis has no findings, and that every acknowledgement matches a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App
from constructs import IConstruct

from ..gate.acknowledgement import Acknowledgement, acknowledgements, ineffective
from ..gate.synthesis import CompliancePack, GateError, attach_gate, synth


def assert_no_findings(scope: IConstruct) -> None:
    """Synthesize the app of ``scope`` and fail if a resource in ``scope`` violates a rule.

    The app must have the gate: call :func:`aws_genai.gate.attach_gate` before its first stack.

    :param scope: A stack or an app.
    :raises AssertionError: with every finding, its resource, its source and how to fix it.
    """
    app = scope.node.root
    if not isinstance(app, App):
        raise AssertionError(f"{scope.node.path} is not in an app")
    try:
        synth(app)
    except GateError as error:
        path = scope.node.path
        mine = [
            finding
            for finding in error.findings
            if not path or finding.path == path or finding.path.startswith(f"{path}/")
        ]
        if mine:
            raise AssertionError(str(GateError(mine, app))) from None


def every_finding(make: Callable[[App], object], outdir: Path, packs: Sequence[CompliancePack]) -> set[tuple[str, str]]:
    """The rule and path of every finding, including acknowledged ones.

    :param make: A function that adds the stacks to an app, with their acknowledgements.
    """
    app = App(context={"@aws-cdk/core:failSynthOnValidationErrors": False}, outdir=str(outdir))
    attach_gate(app, packs=packs)
    with ineffective():
        make(app)
    try:
        synth(app)
    except GateError as error:
        return {(finding.rule, finding.path) for finding in error.findings}
    return set()


def assert_no_unused_acknowledgements(
    make: Callable[[App], object], outdir: Path, packs: Sequence[CompliancePack]
) -> list[Acknowledgement]:
    """Fail if an acknowledgement matches no finding; return all of them.

    :param make: A function that adds the stacks to an app.
    :param outdir: An empty folder for the cloud assembly.
    :param packs: The compliance packs that check the app.
    :raises AssertionError: naming each acknowledgement that no rule asks for.
    """
    found = every_finding(make, outdir, packs)
    made: list[Acknowledgement] = []

    def keep(app: App) -> None:
        make(app)
        made.extend(acknowledgements(app))

    app = App(context={"@aws-cdk/core:failSynthOnValidationErrors": False}, outdir=str(outdir / "kept"))
    attach_gate(app, packs=packs)
    keep(app)
    unused = [item for item in made if (item.finding, item.path) not in found]
    if unused:
        lines = "\n".join(f"{item.path}: {item.rule} ({item.reason})" for item in unused)
        raise AssertionError(f"No rule asks for these acknowledgements; remove them:\n{lines}")
    return made

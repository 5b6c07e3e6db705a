"""The policy gate: attaches every engine that checks a synthesis, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cdk_nag
from aws_cdk.cx_api import CloudAssembly
from constructs import IConstruct

from .engine import NAME, OwnRules, RegoRules
from .record import RECORD, REPORT, Finding, findings, write_record


class CompliancePack(StrEnum):
    """Rule packs that run in addition to AwsSolutions and Serverless, which always run."""

    NIST_800_53_R5 = "nist-800-53-r5"
    HIPAA = "hipaa"
    PCI_DSS = "pci-dss"


#: Feature flag that makes findings of CloudFormation Validate errors.
_ERRORS = "@aws-cdk/core:validateAgainstDefaultRules"

#: The context key that disables the CDK's stack traces: for Python, they show Node.js only and take a tenth of the
#: time.
_NO_TRACES = "aws:cdk:disable-stack-trace"

#: The context key that leaves reporting to :func:`synth`. Without it, the CDK also prints its own report.
REPORT_ONLY = "@aws-cdk/core:failSynthOnValidationErrors"


class GateError(Exception):
    """The synthesis has at least one finding; the message lists every finding."""

    def __init__(self, findings: Sequence[Finding], root: IConstruct) -> None:
        self.findings = list(findings)
        super().__init__("\n\n".join(_describe(finding, root) for finding in findings))


def attach_gate(app: cdk.App, *, packs: Sequence[CompliancePack] = (), about: Mapping[str, str] | None = None) -> None:
    """Check every synthesis of ``app`` against all rules. A finding fails the synthesis.

    AwsSolutions and Serverless of cdk-nag, AWS CloudFormation Validate with its findings as errors, and this
    library's own rules for emitted templates always run.
    https://docs.aws.amazon.com/cdk/v2/guide/policy-validation-synthesis.html

    The cloud assembly then holds ``gate.json``, which records the engines and the templates that they checked;
    :func:`aws_genai.gate.read_record` reads it.

    :param app: The app, before its first stack is added.
    :param packs: Further compliance packs. Default: none.
    :param about: Facts about the app for the record, such as its environment. Default: none.
    """
    for key in (_ERRORS, _NO_TRACES):
        if not app.node.try_get_context(key):
            app.node.set_context(key, True)
    makers: list[Any] = [cdk_nag.AwsSolutionsChecks, cdk_nag.ServerlessChecks]
    compliance = {
        CompliancePack.NIST_800_53_R5: cdk_nag.NIST80053R5Checks,
        CompliancePack.HIPAA: cdk_nag.HIPAASecurityChecks,
        CompliancePack.PCI_DSS: cdk_nag.PCIDSS321Checks,
    }
    makers += [compliance[pack] for pack in packs]
    plugins = [maker(app, verbose=True) for maker in makers]
    nag = _version("cdk-nag")
    engines = [*((str(plugin.name), nag) for plugin in plugins), _validate_engine(), (NAME, _version("aws-genai"))]
    outdir = Path(app.outdir)

    def record(templates: Sequence[Path]) -> None:
        write_record(outdir, engines, templates, about or {})

    # This library's own rules run last, so that the record includes the other engines.
    cdk.Validations.of(app).add_plugins(*plugins, _cloudformation_validate(), RegoRules(), OwnRules(record))


@cache
def _cloudformation_validate() -> cdk.CloudFormationValidatePlugin:
    # One engine in each process, because it takes a second to start. Set here, so that no environment variable disables
    # it. The rules that are part of the engine always run; the CDK's additional ones need a second engine: RegoRules.
    return cdk.CloudFormationValidatePlugin(include_default_rules=False)


@cache
def _validate_engine() -> tuple[str, str]:
    plugin = _cloudformation_validate()
    return str(plugin.name), str(plugin.version)


@cache
def _version(package: str) -> str:
    """The version of an installed package; ``unknown`` if it is a folder on the path."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def synth(app: cdk.App) -> CloudAssembly:
    """Synthesize ``app``; raise :class:`GateError` with every finding if a rule is violated.

    :returns: the cloud assembly.
    :raises GateError: if there is a finding.
    """
    outdir = Path(app.outdir)
    for name in (REPORT, RECORD):
        (outdir / name).unlink(missing_ok=True)
    try:
        assembly = app.synth(force=True)  # a cached assembly would not be validated again
    except RuntimeError:
        if not findings(outdir):
            raise
    if found := findings(outdir):
        raise GateError(found, app)
    return assembly


def _describe(finding: Finding, root: IConstruct) -> str:
    return (
        f"{finding.rule}\n"
        f"  at      {finding.path}\n"
        f"  from    {construct_source(finding.path, root)}\n"
        f"  because {finding.message}"
    )


def construct_source(path: str, root: IConstruct) -> str:
    """The construct to report: the innermost one that is not part of the CDK."""
    source, node = "the app", root
    for part in path.split("/"):
        child = node.node.try_find_child(part) if part else None
        if child is None:
            break
        node = child
        if not type(child).__module__.startswith(("aws_cdk", "constructs.", "jsii")):
            source = f"{type(child).__module__}.{type(child).__qualname__} ({child.node.path})"
    return source

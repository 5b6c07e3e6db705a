"""The gate's record in a cloud assembly: the engines that checked it, their findings, and its templates.

This module does not import the CDK, so that other tools and pipeline steps can read the record after a synthesis.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Written by the CDK: every finding, including acknowledged ones.
#: https://docs.aws.amazon.com/cdk/v2/guide/policy-validation-synthesis.html
REPORT = "validation-report.json"
#: Written by the gate after its last engine has run.
RECORD = "gate.json"
#: The metadata key of acknowledged rules, which the CDK and cdk-nag read.
METADATA_KEY = "aws:cdk:acknowledged-rules"


class RecordError(Exception):
    """A cloud assembly has no record of the gate, or one of other templates; the message says which."""


@dataclass(frozen=True)
class Finding:
    """A violation of one rule by one resource."""

    engine: str
    rule: str
    path: str
    message: str
    severity: str


@dataclass(frozen=True)
class GateRecord:
    """The record of how a cloud assembly was checked.

    :param engines: The name and version of each engine that ran, in order.
    :param findings: The findings. An assembly with findings must not be deployed.
    :param acceptances: Number of acknowledged findings.
    :param about: The facts about the app from :func:`aws_genai.gate.attach_gate`, such as its environment.
    """

    engines: Sequence[tuple[str, str]]
    findings: Sequence[Finding]
    acceptances: int
    about: Mapping[str, str]


def write_record(
    assembly: Path, engines: Sequence[tuple[str, str]], templates: Sequence[Path], about: Mapping[str, str]
) -> None:
    """Write the record to the folder of the checked templates.

    :param assembly: The folder of the cloud assembly.
    :param engines: The name and version of each engine that ran.
    :param templates: The templates. Their digests are recorded, so that later changes can be detected.
    :param about: Facts about the app.
    """
    content = {
        "about": dict(about),
        "engines": [{"name": name, "version": version} for name, version in engines],
        "templates": {str(path.resolve().relative_to(assembly.resolve())): _digest(path) for path in sorted(templates)},
    }
    (assembly / RECORD).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_record(assembly: Path) -> GateRecord:
    """The record of a cloud assembly.

    :raises RecordError: if there is no assembly, it was not synthesized through the gate, or its templates are not the
        ones that were checked.
    """
    if not (assembly / "manifest.json").exists():
        raise RecordError(f"{assembly} holds no synthesis")
    try:
        content = json.loads((assembly / RECORD).read_text(encoding="utf-8"))
        checked: dict[str, str] = content["templates"]
        engines = [(str(each["name"]), str(each["version"])) for each in content["engines"]]
        about = {str(key): str(value) for key, value in content["about"].items()}
    except FileNotFoundError as error:
        raise RecordError(f"{assembly} has no record of checks: it was not synthesized through the gate") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{assembly / RECORD} cannot be read ({error!r})") from error
    manifests = [*_manifests(assembly)]
    now = {
        str((folder / artifact["properties"]["templateFile"]).relative_to(assembly))
        for folder, manifest in manifests
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    if not now <= set(checked) or any(_digest(assembly / each) != digest for each, digest in checked.items()):
        raise RecordError(f"The templates of {assembly} are not the ones that were checked")
    accepted = sum(_accepted(folder, manifest) for folder, manifest in manifests)
    return GateRecord(engines, findings(assembly), accepted, about)


def findings(assembly: Path) -> list[Finding]:
    """The findings of the last synthesis, from the report in its cloud assembly."""
    report = assembly / REPORT
    if not report.exists():
        return []
    content = json.loads(report.read_text(encoding="utf-8"))
    # An engine that failed has no findings, which must not be taken for success.
    failed = [
        Finding(plugin["pluginName"], "ENGINE_FAILED", "", str(plugin.get("metadata") or "It broke."), "error")
        for plugin in content["pluginReports"]
        if plugin.get("conclusion") != "success" and not plugin.get("violations")
    ]
    return failed + [
        Finding(
            engine=plugin["pluginName"],
            rule=violation["ruleName"],
            path=resource.get("constructPath", ""),
            message=" ".join(violation["description"].split()),
            severity=violation.get("severity", "error"),
        )
        for plugin in content["pluginReports"]
        for violation in plugin.get("violations", [])
        for resource in violation.get("violatingConstructs", [])
    ]


def _manifests(assembly: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The manifests of an assembly and of its stages."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    found = [(assembly, manifest)]
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "cdk:cloud-assembly":
            found += _manifests(assembly / artifact["properties"]["directoryName"])
    return found


def _accepted(folder: Path, manifest: Mapping[str, Any]) -> int:
    count = 0
    for artifact in manifest["artifacts"].values():
        metadata = artifact.get("metadata") or {}
        if extra := artifact.get("additionalMetadataFile"):
            metadata = {**metadata, **json.loads((folder / extra).read_text(encoding="utf-8"))}
        count += sum(
            len(entry["data"]) for entries in metadata.values() for entry in entries if entry["type"] == METADATA_KEY
        )
    return count


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""

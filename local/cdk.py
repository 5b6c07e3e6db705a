"""Synthesizes the project and drives the real CDK CLI against the account."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .emulator import Account
from .home import ROOT, Home, LocalError

CLI = ROOT / "node_modules" / ".bin" / "cdk"
BOOTSTRAP = ROOT / "node_modules" / "aws-cdk" / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"
#: The inputs of a synthesis, as files and folders of the project.
SOURCES = ("app.py", "cdk.json", "config", "settings", "stacks", "constructs")
#: What the CLI never does here: prompt, send telemetry, wait for longer than this.
DEPLOY_SECONDS = 600


def synthesize(home: Home, environment: str) -> subprocess.Popen[str] | None:
    """Start a synthesis into the account's folder, which ``finish`` completes. None if the last one is up to date."""
    note, inputs = _note(home), _inputs(environment)
    if home.read(note) == inputs:
        return None
    note.unlink(missing_ok=True)
    home.write(_note(home, "begun"), inputs)
    return subprocess.Popen(
        [sys.executable, "-O", str(ROOT / "app.py")],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_OUTDIR": str(home.assembly),
            "CDK_CONTEXT_JSON": json.dumps({"environment": environment}),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(home: Home, synthesis: subprocess.Popen[str] | None) -> None:
    """Wait for a synthesis, and record its inputs.

    :raises LocalError: with the output of the synthesis, if it failed.
    """
    if synthesis is None:
        return
    try:
        output, errors = synthesis.communicate(timeout=120)
    except subprocess.TimeoutExpired as error:
        synthesis.kill()
        raise LocalError("The synthesis took more than two minutes.") from error
    if synthesis.returncode != 0:
        raise LocalError((errors or output).strip())
    # The state when the synthesis began: an edit during the synthesis leads to another one.
    _note(home, "begun").replace(_note(home))


def note(home: Home, environment: str) -> None:
    """Record that the account's folder contains an up-to-date synthesis of an environment, made elsewhere."""
    home.write(_note(home), _inputs(environment))


def _note(home: Home, state: str = "made") -> Path:
    return home.assembly.with_name(f"{home.assembly.name}.{state}.json")


def _inputs(environment: str) -> dict[str, str]:
    """The inputs of a synthesis: the environment, the date, installed packages, and every file that is read."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    packages = sorted(f"{each.name}=={each.version}" for each in distributions())
    return {
        "environment": environment,
        "day": datetime.now(UTC).date().isoformat(),
        "python": sys.version,
        "packages": hashlib.sha256("\n".join(packages).encode()).hexdigest(),
        "files": digest.hexdigest(),
    }


def _sources() -> Iterator[Path]:
    for each in SOURCES:
        for path in (ROOT / each).rglob("*") if (ROOT / each).is_dir() else [ROOT / each]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def bootstrap(home: Home, account: Account) -> None:
    """Bootstrap the account. Does nothing if the same version of the CLI has done so already.

    :raises LocalError: if the CLI fails.
    """
    if not _is_bootstrapped(account):
        _run(home, account, "bootstrap", f"aws://{account.account}/{account.region}", "--app", "")


def _is_bootstrapped(account: Account) -> bool:
    client = account.client("cloudformation")
    try:
        (stack,) = client.describe_stacks(StackName="CDKToolkit")["Stacks"]
    except (ClientError, BotoCoreError):
        return False
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    wanted = re.search(
        r"^  CdkBootstrapVersion:$.*?Value: '(\d+)'$", BOOTSTRAP.read_text(encoding="utf-8"), re.M | re.S
    )
    done = stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return done and wanted is not None and outputs.get("BootstrapVersion") == wanted[1]


def start(
    home: Home, account: Account, verb: str, *options: str, assembly: Path | None = None
) -> subprocess.Popen[str]:
    """Start the CLI on the synthesized stacks. Its output goes to ``cdk.log``."""
    command = [str(CLI), verb, "--all", "--app", str(assembly or home.assembly), *options]
    with home.cdk_log.open("w", encoding="utf-8") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=account.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )


def end_orphans(home: Home) -> None:
    """Stop the CLI of a deploy that was killed, which would run on beside the next. Only one runs per assembly."""
    for pid, command in _processes():
        if str(CLI) in command and str(home.assembly) in command and pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _processes() -> list[tuple[int, str]]:
    """The running processes, with their command lines."""
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        found = []
        for each in proc.glob("[0-9]*/cmdline"):
            with suppress(OSError):
                found.append((int(each.parent.name), each.read_bytes().replace(b"\0", b" ").decode(errors="replace")))
        return found
    # Systems without /proc have ps.
    shown = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=False)
    lines = [line.split(None, 1) for line in shown.stdout.splitlines()]
    return [(int(line[0]), line[1]) for line in lines if len(line) == 2]


def stack_names(home: Home) -> list[str]:
    """The names of the synthesized stacks, in the order of deployment."""
    artifacts = _read(home, "manifest.json")["artifacts"]
    stacks = {name: each for name, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"}
    ordered: list[str] = []
    while len(ordered) < len(stacks):
        ready = [
            n for n in stacks if n not in ordered and not set(stacks[n]["dependencies"]) & set(stacks) - {*ordered}
        ]
        ordered += ready
    return [stacks[name]["properties"].get("stackName", name) for name in ordered]


def template(home: Home, stack: str) -> dict[str, Any]:
    """The synthesized template of a stack."""
    return _read(home, _artifact(home, stack)["properties"]["templateFile"])


def construct_path(home: Home, stack: str, logical_id: str) -> str:
    """The path of a resource in the construct tree. Empty if there is none."""
    artifact = _artifact(home, stack)
    metadata = artifact.get("metadata") or {}
    if "additionalMetadataFile" in artifact:
        metadata |= _read(home, artifact["additionalMetadataFile"])
    for path, entries in metadata.items():
        if any(entry["type"] == "aws:cdk:logicalId" and entry["data"] == logical_id for entry in entries):
            return str(path).removeprefix("/")
    return ""


def _artifact(home: Home, stack: str) -> dict[str, Any]:
    for name, artifact in _read(home, "manifest.json")["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack" and artifact["properties"].get("stackName", name) == stack:
            found: dict[str, Any] = artifact
            return found
    raise KeyError(stack)


def _read(home: Home, file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((home.assembly / file).read_text(encoding="utf-8"))
    return content


def _run(home: Home, account: Account, *arguments: str) -> None:
    home.folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            [str(CLI), *arguments],
            cwd=ROOT,
            env=account.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"cdk {arguments[0]} took more than two minutes.") from error
    if done.returncode != 0:
        raise LocalError(f"cdk {arguments[0]} failed:\n{done.stderr or done.stdout}")

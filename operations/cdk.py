"""Synthesize an environment and pass the result to the CDK CLI: ``make synth``, ``diff``, ``deploy``, ``bootstrap``.

The CLI exits with 1 for any exit code of the app. Here the app runs first, which distinguishes 1 (findings, or a
failure) from 2 (incorrect use).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from settings import load, told

from . import owners

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "node_modules" / ".bin" / "cdk"
ASSEMBLY = ROOT / "cdk.out"
#: Whether a verb applies to all stacks.
_ALL = {"diff": (), "deploy": ("--all",), "bootstrap": ()}


def synthesize(environment: str) -> int:
    """Write the templates to ``cdk.out``. Return 1 if the gate has findings, 2 if the settings are invalid."""
    asked = {"CDK_CONTEXT_JSON": json.dumps({"environment": environment}), "CDK_OUTDIR": str(ASSEMBLY)}
    # Turns off the CDK's type checks of arguments, which take a fifth of Python's time. Tests run with them.
    command = [sys.executable, "-O", str(ROOT / "app.py")]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **asked}, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """Run one verb. Return the exit code of the command that it runs."""
    parser = argparse.ArgumentParser(prog="python -m operations.cdk", description=__doc__)
    parser.add_argument("verb", choices=["synth", *_ALL])
    parser.add_argument("environment")
    chosen = parser.parse_args(arguments)
    code = synthesize(chosen.environment)
    if code or chosen.verb == "synth":
        return code
    if chosen.verb == "deploy" and (code := owners.main([chosen.environment])):
        return code
    command = [str(CLI), chosen.verb, *_ALL[chosen.verb], "--app", str(ASSEMBLY)]
    if chosen.verb == "bootstrap" and (qualifier := load(chosen.environment).bootstrap_qualifier):
        # A second bootstrap stack in an account needs a different name:
        # https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html
        command += ["--qualifier", qualifier, "--toolkit-stack-name", f"CDKToolkit-{qualifier}"]
    try:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    except FileNotFoundError:
        print("The CDK CLI is not installed. Run make setup.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(told(main))

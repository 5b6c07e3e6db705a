"""Entry of the CDK app: settings -> stacks -> validations -> synth."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

from aws_genai.node import tune_node
from settings import SettingsError, about, day, ended, ending, load, told

ROOT = Path(__file__).resolve().parent


def context() -> dict[str, object]:
    """Context from cdk.json, and over it what the CDK CLI hands on; ``python app.py`` alone works too."""
    from_file = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    from_cli = json.loads(os.environ.get("CDK_CONTEXT_JSON") or "{}")
    if not isinstance(from_cli, dict):
        raise SettingsError('CDK_CONTEXT_JSON holds no context. Write it as {"environment": "dev"}')
    return {**from_file, **from_cli}


def main() -> int:
    """Synthesize the environment that the context names; return the exit code."""
    gc.disable()  # a synthesis ends before collecting would pay
    values = context()
    settings = load(str(values["environment"]))
    today = day(values.get("today"))
    if gone := ended(settings, today):
        print("\n".join([*gone, "Nothing may be deployed."]), file=sys.stderr)
        return 1
    print(*(f"Warning: {each}\n" for each in ending(settings, today)), sep="", end="", file=sys.stderr)

    # Imported late: a mistake in the settings is reported before the CDK has started.
    tune_node()
    import aws_cdk as cdk

    from aws_genai.gate.synthesis import REPORT_ONLY, CompliancePack, GateError, attach_gate, synth
    from aws_genai.packaging.dependencies import DependenciesError
    from stacks import assemble

    app = cdk.App(context={**values, REPORT_ONLY: False}, outdir=os.environ.get("CDK_OUTDIR") or str(ROOT / "cdk.out"))
    attach_gate(app, packs=[CompliancePack(pack) for pack in settings.security.packs], about=about(settings))
    try:
        assemble(app, settings)
        synth(app)
    except DependenciesError as error:
        raise SettingsError(str(error)) from error
    except GateError as error:
        print(f"{len(error.findings)} findings; nothing may be deployed.\n\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(told(main, then="Nothing may be deployed."))

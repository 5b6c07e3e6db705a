"""Run an evaluation and show its report: ``make evaluate NAME=assistants ENV=prod DATA=questions.jsonl``.

It can run in a CI pipeline: it exits with 1 if the first model does not reach a threshold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings, SettingsError, load, told

from .naming import UnnamedError, named

#: The folder of the data sets of evaluations.
_QUESTIONS = "questions/"
_SECONDS = 10.0


class EvaluateError(Exception):
    """The evaluation could not be run; the message says what to do."""


def evaluate(
    session: Any,  # noqa: ANN401 - boto3 has no types
    settings: Settings,
    name: str,
    data: Path | None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[bool, str]:
    """Run an evaluation until it ends. Return whether it passed, and its report.

    :raises UnnamedError: if the settings have no such evaluation.
    :raises EvaluateError: if it is not deployed, or ended without a report.
    """
    known = settings.models.evaluations if settings.models else {}
    name = named(name, known, settings, what="evaluation", option="NAME", where="models.evaluations")
    outputs = _outputs(session, f"{settings.prefix}-models", f"{name}evaluation")
    bucket, machine = outputs["BucketName"], outputs["MachineArn"]
    whole = f"{settings.prefix}-{name}"
    if data is not None:
        if not data.is_file():
            raise EvaluateError(f"{data} is not a file: name a file of questions in JSON Lines")
        session.client("s3").upload_file(str(data), bucket, f"{_QUESTIONS}{whole}.jsonl")
    states = session.client("stepfunctions")
    run = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    while (found := states.describe_execution(executionArn=run))["status"] == "RUNNING":
        sleep(_SECONDS)
    report = f"reports/{whole}/{run.rpartition(':')[2]}/report.md"
    try:
        shown = session.client("s3").get_object(Bucket=bucket, Key=report)["Body"].read().decode("utf-8")
    except session.client("s3").exceptions.NoSuchKey:
        raise EvaluateError(f"The run {found['status'].lower()}: {_why(found)}") from None
    passed = found["status"] == "SUCCEEDED"
    reason = "" if passed else f"\nNot passed: {found.get('cause', found['status'])}\n"
    return passed, f"{shown}\nThe chart is s3://{bucket}/{report.replace('report.md', 'chart.svg')}\n{reason}"


def _why(found: dict[str, Any]) -> str:
    cause = found.get("cause", "without a reason")
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(cause)


def _outputs(session: Any, stack: str, begin: str) -> dict[str, str]:  # noqa: ANN401 - boto3 has no types
    outputs = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    found = {
        kind: each["OutputValue"]
        for each in outputs
        for kind in ("BucketName", "MachineArn")
        if each["OutputKey"].startswith(f"{begin.replace('-', '')}{kind}")
    }
    if len(found) != 2:
        raise EvaluateError(f"The stack {stack} does not have this evaluation yet: deploy it first")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run one evaluation. Return 0 if it passed, 1 if it failed, 2 with one message if it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m operations.evaluate", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="name of the evaluation in the settings")
    parser.add_argument("--environment", default="dev")
    parser.add_argument("--data", type=Path, help="file of questions in JSON Lines to upload first")
    chosen = parser.parse_args(arguments)
    try:
        settings = load(chosen.environment)
        passed, report = evaluate(boto3.Session(region_name=settings.region), settings, chosen.name, chosen.data)
    except (SettingsError, UnnamedError, EvaluateError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not answer: {error}. Sign in with an account that has this environment.", file=sys.stderr)
        return 2
    print(report)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(told(main))

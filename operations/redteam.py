"""Test the guardrail of an environment with the red team's cases: ``make redteam ENV=dev``, with your credentials.

The guardrail evaluates each case as a question, a document or an answer. No model is invoked. Evaluations are billed as
Amazon Bedrock Guardrails: https://aws.amazon.com/bedrock/pricing/
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from aws_genai.errors import nearest
from aws_genai.functions.untrusted.text import neutral, quoted
from settings import Settings, SettingsError, load, make, told

from .attempts import Attempt, attempts

_AT_ONCE = 8


class NoGuardrailError(Exception):
    """There is no guardrail to test."""


class NoCasesError(Exception):
    """There are no cases of that name."""


@dataclass(frozen=True)
class Outcome:
    """What the guardrail did with a case: ``blocked``, ``masked`` or nothing."""

    attempt: Attempt
    action: str

    @property
    def right(self) -> bool:
        """Whether the guardrail intervened in an attack, or did not intervene in a harmless case."""
        return (self.action == "") == self.attempt.harmless


def main(arguments: list[str] | None = None) -> int:
    """Print the outcomes by category. Return 1 if one is wrong, 2 with one message if no case could be run."""
    parser = argparse.ArgumentParser(prog="python -m operations.redteam", description=__doc__)
    parser.add_argument("--environment", default="dev")
    parser.add_argument("--name", default="", help="the only category of cases to run. Default: all")
    chosen = parser.parse_args(arguments)
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "total_max_attempts": 10})
    try:
        settings = load(chosen.environment)
        cases = _cases(chosen.name)
        if not (settings.models and settings.models.bedrock):
            raise NoGuardrailError(
                f"config/{settings.environment}.yaml has no models.bedrock, and so no guardrail. Add it and deploy"
            )
        bedrock = boto3.client("bedrock", region_name=settings.region, config=config)
        runtime = boto3.client("bedrock-runtime", region_name=settings.region, config=config)
        outcomes = tried(runtime, *guardrail(bedrock, settings), cases)
    except (SettingsError, NoCasesError, NoGuardrailError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(
            f"The guardrail could not be tried: {error}. Sign in to the account of this environment.", file=sys.stderr
        )
        return 2
    show(outcomes, Console())
    return 0 if all(outcome.right for outcome in outcomes) else 1


def _cases(category: str) -> list[Attempt]:
    """The cases of a category, or all cases.

    :raises NoCasesError: if there is no such category.
    """
    cases = attempts()
    known = sorted({each.category for each in cases})
    if category and category not in known:
        close = nearest(category, known, cutoff=0.5)
        meant = f" {close}" if close.startswith("Did") else ""
        raise NoCasesError(f"There is no category {category}.{meant} There are: {', '.join(known)}")
    return [each for each in cases if category in ("", each.category)]


def guardrail(bedrock: Any, settings: Settings) -> tuple[str, str]:  # noqa: ANN401 - boto3 has no types
    """The id and the newest version of the guardrail of an environment.

    :raises NoGuardrailError: if the environment has no guardrail.
    """
    for page in bedrock.get_paginator("list_guardrails").paginate():
        for each in page["guardrails"]:
            if each["name"] == settings.prefix:
                pages = bedrock.get_paginator("list_guardrails").paginate(guardrailIdentifier=each["id"])
                versions = [int(v["version"]) for page in pages for v in page["guardrails"] if v["version"].isdigit()]
                if versions:
                    return str(each["id"]), str(max(versions))
    raise NoGuardrailError(
        f"No guardrail {settings.prefix} with a version is in this account and Region. Deploy it with "
        f"{make('deploy', settings.environment)}"
    )


def tried(runtime: Any, identifier: str, version: str, cases: Iterable[Attempt]) -> list[Outcome]:  # noqa: ANN401
    """The outcome of the guardrail's evaluation of each case.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
    """

    def assess(attempt: Attempt) -> Outcome:
        answer = runtime.apply_guardrail(
            guardrailIdentifier=identifier,
            guardrailVersion=version,
            source="OUTPUT" if attempt.where == "answer" else "INPUT",
            content=[{"text": {"text": shown(attempt)}}],
        )
        if answer["action"] != "GUARDRAIL_INTERVENED":
            return Outcome(attempt, "")
        return Outcome(attempt, "blocked" if _blocked(answer["assessments"]) else "masked")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(assess, cases))


def shown(attempt: Attempt) -> str:
    """The text of a case as the functions of this project pass it to a guardrail."""
    return quoted(attempt.text, "document") if attempt.where == "document" else neutral(attempt.text)


def _blocked(found: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether any policy of an assessment blocked the text."""
    if isinstance(found, dict):
        return found.get("action") == "BLOCKED" or any(_blocked(each) for each in found.values())
    return isinstance(found, list) and any(_blocked(each) for each in found)


def show(outcomes: list[Outcome], console: Console) -> None:
    """Print a row for each category, then every case with a wrong outcome."""
    table = Table(title="Red team", title_justify="left")
    for name in ("Category", "OWASP", "Tried", "Blocked", "Masked", "Let through"):
        table.add_column(name, justify="left" if name in ("Category", "OWASP") else "right")
    for category in dict.fromkeys(each.attempt.category for each in outcomes):
        rows = [each for each in outcomes if each.attempt.category == category]
        counts = [sum(each.action == action for each in rows) for action in ("blocked", "masked", "")]
        table.add_row(category, rows[0].attempt.owasp, str(len(rows)), *map(str, counts))
    console.print(table)
    for each in outcomes:
        if not each.right:
            console.print(
                f"{each.action or 'let through'}: {each.attempt.category}: {each.attempt.plain}", markup=False
            )


if __name__ == "__main__":
    sys.exit(told(main))

"""A tour of the deployed stacks: ingests documents, asks as two users, compares models, and estimates costs on AWS."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from aws_genai.data.bedrock import BedrockCatalogue
from aws_genai.functions.knowledge_ingestion.names import ACCEPTED, INCOMING, QUARANTINE
from operations.costs import idle
from operations.evaluate import EvaluateError, evaluate
from operations.summary import stacks
from settings import Settings, make

from . import chat, environments
from .emulator import Account
from .home import Home, LocalError

#: The model that answers unless another one is named.
MODEL = "quotes"
DOCUMENTS = Path(__file__).parent / "documents"
#: The questions, the users who ask them, and the expected results: see the file.
SCRIPT = DOCUMENTS / "questions.yaml"
#: Maximum time for the ingestion of documents.
READ_SECONDS = 90.0


@dataclass
class Tour:
    """One run of the demo against a deployed environment."""

    home: Home
    account: Account
    settings: Settings
    console: Console
    #: Input and output tokens of each model.
    used: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self) -> None:
        """Run the whole demo.

        :raises LocalError: if the environment lacks something that the demo shows, or a step does not finish.
        """
        script = yaml.safe_load(SCRIPT.read_text(encoding="utf-8"))
        environment, found = environments.chosen(self.home, self.account, self.settings.environment)
        bucket, base = self._knowledge(environment)
        self._documents(bucket, base)
        self._questions(found, script)
        self._evaluation(script)
        self._costs()

    def _knowledge(self, environment: str) -> tuple[str, str]:
        """The bucket and the id of the environment's first knowledge base."""
        names = list(self.settings.models.knowledge) if self.settings.models else []
        if not names:
            raise LocalError(f"The settings of {environment} have no models.knowledge, which the demo reads.")
        stack = f"{self.settings.prefix}-models"
        pages = self.account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        made = [each for page in pages for each in page["StackResourceSummaries"]]
        first = names[0].replace("-", "")

        def one(kind: str, begin: str) -> str:
            return next(
                str(each["PhysicalResourceId"])
                for each in made
                if each["ResourceType"] == kind and each["LogicalResourceId"].startswith(f"{first}{begin}")
            )

        return one("AWS::S3::Bucket", "knowledgeBucket"), one("AWS::Bedrock::KnowledgeBase", "knowledge")

    def _documents(self, bucket: str, base: str) -> None:
        s3, given = self.account.client("s3"), documents()
        self._title(f"{len(given)} documents go to s3://{bucket}/{INCOMING}")
        for name, content in given.items():
            s3.put_object(Bucket=bucket, Key=f"{INCOMING}{name}", Body=content)
        with self.console.status("They are looked at, cut, embedded"):
            began = time.monotonic()
            outside = self._until_read(bucket, base, set(given))
        self.console.print(
            f"{len(given) - len(outside)} can be asked about after {time.monotonic() - began:.0f} s; "
            f"{len(outside)} in quarantine:"
        )
        for name in sorted(outside):
            why = s3.get_object(Bucket=bucket, Key=f"{QUARANTINE}{name}.why.json")["Body"].read()
            for problem in json.loads(why)["problems"]:
                self.console.print(f"  {name}: {problem}", markup=False)

    def _until_read(self, bucket: str, base: str, given: set[str]) -> set[str]:
        """Wait for the last document. Returns the documents that were not ingested."""
        deadline = time.monotonic() + READ_SECONDS
        agent = self.account.client("bedrock-agent")
        (source,) = [
            each["dataSourceId"] for each in agent.list_data_sources(knowledgeBaseId=base)["dataSourceSummaries"]
        ]
        while time.monotonic() < deadline:
            inside, outside = self._keys(bucket, ACCEPTED), self._keys(bucket, QUARANTINE)
            if given <= inside.keys() | outside.keys():
                jobs = agent.list_ingestion_jobs(knowledgeBaseId=base, dataSourceId=source)["ingestionJobSummaries"]
                last = max((inside[name] for name in given & inside.keys()), default=0.0)
                if any(each["status"] == "COMPLETE" and each["startedAt"].timestamp() >= int(last) for each in jobs):
                    return given & outside.keys()
            time.sleep(0.3)
        raise LocalError(
            f"The documents were not read in {READ_SECONDS:.0f} s. What happened stands in {self.home.log}"
        )

    def _keys(self, bucket: str, prefix: str) -> dict[str, float]:
        pages = self.account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {
            each["Key"].removeprefix(prefix): each["LastModified"].timestamp()
            for page in pages
            for each in page.get("Contents", [])
        }

    def _questions(self, found: chat.Chat, script: dict[str, Any]) -> None:
        people = {f"{'-'.join(each['groups'])}@example.com": each["groups"] for each in script["questions"]}
        tokens: dict[str, str] = {}
        for email, groups in people.items():
            chat.user(self.home, self.account, found, email, groups)
            tokens[email] = chat.sign_in(self.home, self.account, found, email)
        self._title(f"{len(script['questions'])} questions of {' and '.join(people)}")
        for each in script["questions"]:
            email = f"{'-'.join(each['groups'])}@example.com"
            self._question(found, email, tokens[email], each["ask"])

    def _question(self, found: chat.Chat, email: str, token: str, question: str) -> None:
        self.console.print(f"{email.partition('@')[0]}> {question}", style="bold", markup=False)
        with self.console.status("The model answers"):
            reply = chat.ask(found, token, question)
        if reply.status != 200:
            code = reply.body.get("error", {}).get("code", "")
            self.console.print(f"  refused, {reply.status} {code}: {reply.text}", style="yellow", markup=False)
            return
        self.console.print(f"  {reply.text.strip()}", markup=False)
        sources = ", ".join(dict.fromkeys(each["document"] for each in reply.body.get("sources", [])))
        self.console.print(f"  from {sources or 'no document that they may read'}", style="dim", markup=False)
        self.used[reply.body["model"], "in"] += reply.body["input_tokens"]
        self.used[reply.body["model"], "out"] += reply.body["output_tokens"]

    def _evaluation(self, script: dict[str, Any]) -> None:
        names = list(self.settings.models.evaluations) if self.settings.models else []
        if not names:
            return
        self._title(f"Evaluation {names[0]}: the same questions to each model, through the guardrail")
        lines = [
            json.dumps({"prompt": each["ask"], "referenceResponse": each["answer"]})
            for each in script["questions"]
            if "answer" in each
        ]
        with tempfile.TemporaryDirectory() as folder, self.console.status("The models are asked"):
            file = Path(folder) / "questions.jsonl"
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            soon: Callable[[float], None] = lambda _: time.sleep(0.3)  # noqa: E731 - jobs take a moment here
            try:
                passed, report = evaluate(self.account, self.settings, names[0], file, soon)
            except EvaluateError as error:
                raise LocalError(str(error)) from error
        self.console.print(Markdown(report.partition("\n")[2].strip()))
        self.console.print(f"The run {'passed' if passed else 'fell short of a threshold'}.")

    def _costs(self) -> None:
        self._title("What this would cost on AWS")
        table = Table("What", "USD", "for")
        total = 0.0
        for name, template in stacks(self.home.assembly).items():
            sum_of = sum(cost.usd_per_month for cost in idle(template))
            total += sum_of
            table.add_row(name, f"{sum_of:,.2f}", "a month, idle")
        for model in dict.fromkeys(model for model, _ in self.used):
            facts = BedrockCatalogue.get(model)
            given, got = self.used[model, "in"], self.used[model, "out"]
            paid = facts.usd_per_million_input_tokens, facts.usd_per_million_output_tokens
            usd = None if None in paid else (given * paid[0] + got * paid[1]) / 1e6  # type: ignore[operator]
            what = f"{given:,} + {got:,} tokens of {model}"
            table.add_row(what, "not known" if usd is None else f"{usd:.6f}", "these questions")
        self.console.print(table)
        self.console.print(
            f"{total:,.2f} USD a month idle, at list prices of us-east-1; {make('synth', self.settings.environment)} "
            "shows each line of it."
        )

    def _title(self, text: str) -> None:
        self.console.print(f"\n{text}", style="bold cyan", markup=False)


def documents() -> dict[str, bytes]:
    """The documents that are part of the project, by their key without the prefix."""
    return {
        path.relative_to(DOCUMENTS).as_posix(): path.read_bytes()
        for path in sorted(DOCUMENTS.rglob("*"))
        if path.is_file() and path.parent != DOCUMENTS and "__pycache__" not in path.parts
    }

"""Batch inference: the guardrail evaluates prompts before and responses after a job; failed records are retried.

Batch inference jobs do not apply guardrails, so the function does: a blocked prompt is not sent to the model, and a
blocked response is not written to the responses.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from ..chat.errors import ChatError
from ..chat.service import Limits, ask, converse_request, read_answer
from ..jobs.files import Files
from ..jobs.naming import job_name
from ..jobs.steps import DONE, FAILED, RUNNING, Job, RefusedError, TryAgainError, cause
from ..untrusted.assessment import Assessed, assess
from ..untrusted.text import neutral
from .names import ANSWERS, ATTEMPTS, RUNS
from .records import (
    Record,
    Result,
    enough,
    from_lines,
    job_input,
    job_output,
    lines,
    parse,
    parts,
    records_from,
    to_lines,
)

_AT_ONCE = 8
#: States of a job that has not ended: https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-monitor.html
_ON_ITS_WAY = ("Submitted", "Validating", "Scheduled", "InProgress", "Stopping")
#: States of a job whose records without a response are sent again in another job.
_ENDED = ("Completed", "PartiallyCompleted", "Expired")
_BUSY = ("ThrottlingException", "ServiceQuotaExceededException", "ServiceUnavailableException")


@dataclass(frozen=True)
class Plan:
    """The configuration of a batch."""

    name: str
    bucket: str
    model: str
    limits: Limits
    role_arn: str
    key_arn: str
    most_failed_percent: float = 0
    #: US dollars per million input and output tokens, in a batch and on demand; empty if they are not known.
    batch_price: tuple[float, ...] = ()
    price: tuple[float, ...] = ()


class Batches:
    """The runs of a batch, with their prompts, responses and intermediate files in a bucket."""

    def __init__(self, plan: Plan, clients: Callable[[str], Any]) -> None:
        self._plan, self._clients = plan, clients
        self._files = Files(clients("s3"), plan.bucket)

    def prepare(self, run: str, given: Mapping[str, Any]) -> list[Job]:
        """Splits a file of prompts into parts. Returns no parts if another run has claimed the file.

        :raises RefusedError: if the file cannot be read.
        """
        key, version = str(given["key"]), str(given.get("version") or "")
        address, s3 = f"s3://{self._plan.bucket}/{key}", self._clients("s3")
        which = {"VersionId": version} if version else {}
        try:
            found = s3.get_object(Bucket=self._plan.bucket, Key=key, **which)
            text = found["Body"].read().decode("utf-8")
        except (s3.exceptions.NoSuchKey, s3.exceptions.ClientError) as error:
            raise RefusedError(f"{address} no longer exists") from error
        except UnicodeDecodeError as error:
            raise RefusedError(f"{address} is not UTF-8 text") from error
        if not self._mine(run, f"{key} {version or found.get('VersionId', '')}"):
            return []
        jobs = []
        for number, part in enumerate(parts(parse(text, address))):
            self._files.write(f"{RUNS}{run}/{number}/left-1.jsonl", lines(asdict(each) for each in part))
            jobs.append({"number": number, "attempt": 1, "state": RUNNING})
        return jobs

    def start(self, run: str, job: Job) -> Job:
        """Applies the guardrail to the prompts of a part, and starts a job with those that are not blocked."""
        place = f"{RUNS}{run}/{job['number']}/"
        records = records_from(self._files.read(f"{place}left-1.jsonl"))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            assessed = list(pool.map(self._assessed, records))
        may = [Record(each.id, found.text) for each, found in zip(records, assessed, strict=True) if not found.blocked]
        blocked = [
            Result(each.id, "blocked", found.text)
            for each, found in zip(records, assessed, strict=True)
            if found.blocked
        ]
        self._files.write(f"{place}results-0.jsonl", to_lines(blocked))
        return self._begin(run, {**job, "attempt": 1}, may)

    def look(self, run: str, job: Job) -> Job:
        """Checks a job. After it has ended, the records without a response are sent again.

        A job that was stopped or that failed is not started again. Its responses are kept, and the records without a
        response count as failed.
        """
        found = self._clients("bedrock").get_model_invocation_job(jobIdentifier=job["arn"])
        status = str(found["status"])
        if status in _ON_ITS_WAY:
            return {**job, "state": RUNNING}
        if status == "Failed":
            return {**job, "state": FAILED, "reason": str(found.get("message") or "the job failed without a reason")}
        left = self._answers(run, job)
        if status in _ENDED:
            return self._begin(run, {**job, "attempt": int(job["attempt"]) + 1}, left)
        return {**job, "state": FAILED, "reason": f"the job is {status} and is not started again"}

    def _answers(self, run: str, job: Job) -> list[Record]:
        """Stores the responses of a job that has ended; returns the records without a response."""
        place, attempt = f"{RUNS}{run}/{job['number']}/", int(job["attempt"])
        asked = records_from(self._files.read(f"{place}asked-{attempt}.jsonl"))
        answers = job_output(self._output(f"{place}out-{attempt}/"))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            there = [each for each in asked if each.id in answers]
            results = list(pool.map(self._answered, there, [answers[each.id] for each in there]))
        good = [each for each in results if each.outcome != "failed"]
        self._files.write(f"{place}results-{attempt}.jsonl", to_lines(good))
        done = {each.id for each in good}
        return [each for each in asked if each.id not in done]

    def finish(self, run: str, jobs: list[Job]) -> dict[str, Any]:
        """Writes the responses, and a summary of counts and costs."""
        if not jobs:
            return {"passed": True, "reason": "another run processes this file", "answers": ""}
        results, reasons = [], []
        for job in jobs:
            lost = job.get("job")
            number = lost["number"] if isinstance(lost, dict) else job["number"]
            results += self._results(f"{RUNS}{run}/{number}/")
            if job["state"] == FAILED:
                reasons.append(f"part {number}: {cause(job.get('reason'))}")
        known = {each.id for each in results}
        for job in jobs:
            number = (job.get("job") or job)["number"]
            asked = records_from(self._files.read(f"{RUNS}{run}/{number}/left-1.jsonl"))
            results += [Result(each.id, "failed") for each in asked if each.id not in known]
        counts = Counter(each.outcome for each in results)
        failed = 100 * counts["failed"] / len(results)
        if failed > self._plan.most_failed_percent:
            reasons.append(f"{counts['failed']} of {len(results)} prompts have no response")
        place = f"{ANSWERS}{run}/"
        self._files.write(f"{place}answers.jsonl", to_lines(each for each in results if each.outcome == "answered"))
        self._files.write(f"{place}left.jsonl", to_lines(each for each in results if each.outcome != "answered"))
        summary = {
            "questions": len(results),
            **{outcome: counts[outcome] for outcome in ("answered", "blocked", "failed")},
            "input_tokens": sum(each.input_tokens for each in results),
            "output_tokens": sum(each.output_tokens for each in results),
            "usd": self._cost(results),
            "reasons": reasons,
        }
        self._files.write(f"{place}summary.json", json.dumps(summary, indent=1))
        passed = failed <= self._plan.most_failed_percent
        return {"passed": passed, "reason": "; ".join(reasons)[:1000], "answers": place}

    def _mine(self, run: str, file: str) -> bool:
        """Returns whether this run is the first for this version of the file: S3 may deliver an event twice.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        s3, key = self._clients("s3"), f"{RUNS}taken/{hashlib.sha256(file.encode()).hexdigest()}"
        try:
            s3.put_object(Bucket=self._plan.bucket, Key=key, Body=run.encode(), IfNoneMatch="*")
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
            return self._files.read(key) == run
        return True

    def _begin(self, run: str, job: Job, records: Sequence[Record]) -> Job:
        """Starts a job with the remaining records, or sends them one by one if they are too few for a job."""
        place, attempt = f"{RUNS}{run}/{job['number']}/", int(job["attempt"])
        if not records:
            return {**job, "state": DONE}
        if not enough(records) or attempt > ATTEMPTS:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                self._files.write(f"{place}results-{attempt}.jsonl", to_lines(pool.map(self._ask, records)))
            return {**job, "state": DONE}
        self._files.write(f"{place}asked-{attempt}.jsonl", lines(asdict(each) for each in records))
        request = {k: v for k, v in self._plan.limits.models[self._plan.model].items() if k != "modelId"}
        text = job_input(records, request, self._plan.limits.system_prompt)
        self._files.write(f"{place}in-{attempt}/records.jsonl", text)
        return {**job, "arn": self._create(run, place, attempt), "state": RUNNING}

    def _create(self, run: str, place: str, attempt: int) -> str:
        name, token = job_name(self._plan.name, run, place, attempt)
        address = f"s3://{self._plan.bucket}/{place}"
        read = {"s3InputFormat": "JSONL", "s3Uri": f"{address}in-{attempt}/records.jsonl"}
        written = {"s3Uri": f"{address}out-{attempt}/", "s3EncryptionKeyId": self._plan.key_arn}
        bedrock = self._clients("bedrock")
        try:
            made = bedrock.create_model_invocation_job(
                jobName=name,
                clientRequestToken=token,
                roleArn=self._plan.role_arn,
                modelId=self._plan.limits.profiles.get(self._plan.model, self._plan.model),
                modelInvocationType="Converse",
                inputDataConfig={"s3InputDataConfig": read},
                outputDataConfig={"s3OutputDataConfig": written},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _BUSY:
                raise TryAgainError(f"Bedrock does not accept another job now: {error}") from error
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            made = {}
        if made.get("jobArn"):
            return str(made["jobArn"])
        # Bedrock ignores a repeated request without an error.
        for page in bedrock.get_paginator("list_model_invocation_jobs").paginate(nameContains=name):
            for each in page["invocationJobSummaries"]:
                if each["jobName"] == name:
                    return str(each["jobArn"])
        raise TryAgainError(f"Bedrock does not list the job {name} yet")

    def _assessed(self, record: Record) -> Assessed:
        return self._guarded(neutral(record.prompt) or " ", "INPUT")

    def _guarded(self, text: str, source: Literal["INPUT", "OUTPUT"]) -> Assessed:
        guardrail = (self._plan.limits.guardrail_id, self._plan.limits.guardrail_version)
        try:
            return assess(self._clients("bedrock-runtime"), guardrail, text, source)
        except ClientError as error:
            if error.response["Error"]["Code"] in _BUSY:
                raise TryAgainError(f"the guardrail is busy: {error}") from error
            raise

    def _answered(self, record: Record, response: Mapping[str, Any]) -> Result:
        """Applies the guardrail to a response of a job."""
        try:
            answer = read_answer(response, self._plan.model)
        except ChatError as error:
            used = response.get("usage", {})
            tokens = int(used.get("inputTokens", 0)), int(used.get("outputTokens", 0))
            outcome = "blocked" if error.code.endswith("_blocked") else "failed"
            return Result(record.id, outcome, error.message, *tokens)
        found = self._guarded(answer.text, "OUTPUT")
        outcome = "blocked" if found.blocked else "answered"
        return Result(record.id, outcome, found.text, answer.input_tokens, answer.output_tokens)

    def _ask(self, record: Record) -> Result:
        """Sends one prompt on demand, with the guardrail."""
        question = {"model": self._plan.model, "messages": [{"role": "user", "text": record.prompt}]}
        request = converse_request(self._plan.limits, question)
        try:
            answer = ask(self._clients("bedrock-runtime"), request, self._plan.model)
        except ChatError as error:
            outcome = "blocked" if error.code.endswith("_blocked") else "failed"
            return Result(record.id, outcome, error.message, batched=False)
        return Result(record.id, "answered", answer.text, answer.input_tokens, answer.output_tokens, batched=False)

    def _cost(self, results: Sequence[Result]) -> float | None:
        """Returns the cost in US dollars at list prices, or None if the prices are not known."""
        if not self._plan.price or not self._plan.batch_price:
            return None
        total = 0.0
        for each in results:
            paid = self._plan.batch_price if each.batched else self._plan.price
            total += each.input_tokens * paid[0] + each.output_tokens * paid[1]
        return round(total / 1e6, 6)

    def _results(self, place: str) -> list[Result]:
        return [result for key in self._files.keys(f"{place}results-") for result in from_lines(self._files.read(key))]

    def _output(self, prefix: str) -> str:
        return "".join(self._files.read(key) for key in self._files.keys(prefix) if key.endswith(".jsonl.out"))

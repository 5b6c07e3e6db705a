"""Sends the same prompts to several models with the guardrail, and compares the responses with a judge model.

The function invokes the models itself because Bedrock's evaluation jobs do not apply a guardrail. So the judge
evaluates the responses that users get, and latency and price are measured.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..chat.errors import ChatError
from ..chat.knowledge import Passage, retrieve
from ..chat.service import Answer, Limits, ask, converse_request
from ..jobs.files import Files
from ..jobs.naming import job_name
from ..jobs.steps import DONE, FAILED, RUNNING, Job, RefusedError, TryAgainError, cause
from ..model_evaluation.scores import scores
from ..waking.database import PATIENT
from .names import COMPARED, LEAST, QUESTIONS, REPORTS, RUNS
from .questions import Answered, Question, for_judge, for_judge_of_documents, parse
from .report import Compared, chart, table

_AT_ONCE = 8
#: Error codes when the guardrail, or the model provider, has blocked something.
_WITHHELD = ("input_blocked", "output_blocked")
#: HTTP status codes of transient errors.
_PASSING = (429, 503, 504)


@dataclass(frozen=True)
class Plan:
    """The configuration of an evaluation."""

    name: str
    bucket: str
    limits: Limits
    #: US dollars per million input and output tokens of each model.
    prices: Mapping[str, tuple[float, float]]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    judge: str = ""
    metrics: tuple[str, ...] = ()
    role_arn: str = ""
    key_arn: str = ""
    knowledge_base: str = ""
    groups: tuple[str, ...] = ()
    search: Mapping[str, Any] = field(default_factory=dict)


class Evaluations:
    """The runs of an evaluation, with their prompts, responses and reports in a bucket."""

    def __init__(
        self,
        plan: Plan,
        clients: Callable[[str], Any],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._plan, self._clients, self._clock = plan, clients, clock
        self._files = Files(clients("s3"), plan.bucket)

    def prepare(self, run: str, given: Mapping[str, Any]) -> list[Job]:
        """Returns one job for each model.

        :raises RefusedError: if the data set cannot be read.
        """
        key = str(given.get("data_set") or f"{QUESTIONS}{self._plan.name}.jsonl")
        address = f"s3://{self._plan.bucket}/{key}"
        s3 = self._clients("s3")
        try:
            text = s3.get_object(Bucket=self._plan.bucket, Key=key)["Body"].read().decode("utf-8")
        except s3.exceptions.NoSuchKey as error:
            raise RefusedError(f"{address} does not exist: upload the prompts first") from error
        except UnicodeDecodeError as error:
            raise RefusedError(f"{address} is not UTF-8 text") from error
        questions = parse(text, address)
        compared = set(COMPARED) & set(self._plan.thresholds)
        if compared and not all(each.expected for each in questions):
            raise RefusedError(f"{address} has prompts without a referenceResponse, which {min(compared)} needs")
        if self._plan.knowledge_base and self._plan.judge:
            _answerable(questions, address)
        # A run uses the same prompts in all steps, even if the data set changes meanwhile.
        self._files.write(f"{RUNS}{run}/questions.jsonl", text)
        models = enumerate(self._plan.limits.models)
        return [{"number": number, "model": model, "state": RUNNING} for number, model in models]

    def start(self, run: str, job: Job) -> Job:
        """Sends every prompt to one model, and starts the evaluation job of the judge."""
        place, model = f"{RUNS}{run}/{job['number']}/", str(job["model"])
        questions = parse(self._files.read(f"{RUNS}{run}/questions.jsonl"), run)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = list(pool.map(lambda each: self._ask(model, each), questions))
        self._files.write(f"{place}figures.json", json.dumps(self._figures(model, answers)))
        judged = for_judge_of_documents if self._plan.knowledge_base else for_judge
        lines = judged(answers, _called(model))
        self._files.write(f"{place}answers.jsonl", lines)
        if not self._plan.judge or not lines:
            return {**job, "state": DONE}
        name, _ = job_name(self._plan.name, run, model)
        arn = self._clients("bedrock").create_evaluation_job(**self._job(name, place, model))["jobArn"]
        return {**job, "arn": arn, "state": RUNNING}

    def look(self, _run: str, job: Job) -> Job:
        """Checks the evaluation job of the judge."""
        found = self._clients("bedrock").get_evaluation_job(jobIdentifier=job["arn"])
        match found["status"]:
            case "InProgress" | "Stopping":
                return {**job, "state": RUNNING}
            case "Completed":
                return {**job, "state": DONE}
            case other:
                why = "; ".join(found.get("failureMessages", [])) or "no reason was given"
                return {**job, "state": FAILED, "reason": f"the judge's job is {other}: {why}"}

    def finish(self, run: str, jobs: list[Job]) -> dict[str, Any]:
        """Compares the models in a table and a chart, and decides whether the first one reaches the thresholds."""
        compared = [self._compared(run, each) for each in jobs]
        report = f"{REPORTS}{self._plan.name}/{run}/"
        judged = {"models": [each.as_dict() for each in compared], "thresholds": dict(self._plan.thresholds)}
        reasons = list(self._short(compared))
        passed, reason = not reasons, "; ".join(reasons)
        outcome = {**judged, "passed": passed, "reason": reason}
        self._files.write(f"{report}report.json", json.dumps(outcome, indent=1))
        self._files.write(f"{report}report.md", table(self._plan.name, compared, self._plan.thresholds))
        self._files.write(f"{report}chart.svg", chart(self._plan.name, compared), "image/svg+xml")
        return {"passed": passed, "reason": reason[:1000], "report": report}

    def _ask(self, model: str, question: Question) -> Answered:
        asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "text": question.prompt}]}
        passages, began = list[Passage](), self._clock()
        try:
            if self._plan.knowledge_base:
                passages = self._retrieve(question)
            request, began = converse_request(self._plan.limits, asked, passages), self._clock()
            answer = ask(self._clients("bedrock-runtime"), request, model)
        except ChatError as error:
            if error.status in _PASSING:
                raise TryAgainError(f"{model}: {error.message}") from error
            if error.code not in _WITHHELD:
                raise
            answer = Answer("", model, error.code, 0, 0)
        return Answered(
            question,
            answer.text,
            round((self._clock() - began) * 1000),
            answer.input_tokens,
            answer.output_tokens,
            blocked=not answer.text,
            passages=tuple(passages),
        )

    def _retrieve(self, question: Question) -> list[Passage]:
        plan, finder = self._plan, self._clients("bedrock-agent-runtime")
        return retrieve(finder, plan.knowledge_base, question.prompt, plan.groups, plan.search, PATIENT)

    def _figures(self, model: str, answers: list[Answered]) -> dict[str, float]:
        given = [each for each in answers if not each.blocked]
        found: dict[str, float] = {"blocked_percent": round(100 * (1 - len(given) / len(answers)), 1)}
        if given:
            paid = self._plan.prices.get(model)
            found["latency_ms"] = statistics.median(each.milliseconds for each in given)
            if paid:
                cost = sum(each.input_tokens * paid[0] + each.output_tokens * paid[1] for each in given)
                found["usd_per_answer"] = round(cost / 1e6 / len(given), 8)
            expected = [(each.question.expected, each.text) for each in given if each.question.expected]
            if expected:
                found |= scores(expected)
        return found

    def _job(self, name: str, place: str, model: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateEvaluationJob.html"""
        address, source = f"s3://{self._plan.bucket}/{place}", _called(model)
        documents = {"retrieveAndGenerateSourceConfig": {"ragSourceIdentifier": source}}
        inference: dict[str, Any] = (
            {"ragConfigs": [{"precomputedRagSourceConfig": documents}]}
            if self._plan.knowledge_base
            else {"models": [{"precomputedInferenceSource": {"inferenceSourceIdentifier": source}}]}
        )
        return {
            "jobName": name,
            "clientRequestToken": name,
            "roleArn": self._plan.role_arn,
            "customerEncryptionKeyId": self._plan.key_arn,
            "applicationType": "RagEvaluation" if self._plan.knowledge_base else "ModelEvaluation",
            "evaluationConfig": {
                "automated": {
                    "datasetMetricConfigs": [
                        {
                            "taskType": "General",
                            "dataset": {
                                "name": "answers",
                                "datasetLocation": {"s3Uri": f"{address}answers.jsonl"},
                            },
                            "metricNames": [f"Builtin.{metric}" for metric in self._plan.metrics],
                        }
                    ],
                    "evaluatorModelConfig": {"bedrockEvaluatorModels": [{"modelIdentifier": self._plan.judge}]},
                }
            },
            "inferenceConfig": inference,
            "outputDataConfig": {"s3Uri": f"{address}judged/"},
        }

    def _compared(self, run: str, job: Job) -> Compared:
        # The state machine passes a failed job together with its error.
        lost = job.get("job")
        if isinstance(lost, dict):
            return Compared(str(lost["model"]), {}, cause(job.get("reason")))
        model, place = str(job["model"]), f"{RUNS}{run}/{job['number']}/"
        figures: dict[str, float] = json.loads(self._files.read(f"{place}figures.json"))
        return Compared(model, {**figures, **self._judged(f"{place}judged/")}, str(job.get("reason", "")))

    def _judged(self, prefix: str) -> dict[str, float]:
        """Returns the mean scores of the judge."""
        found: dict[str, list[float]] = {}
        for key in self._files.keys(prefix):
            if key.endswith("_output.jsonl"):
                for line in self._files.read(key).splitlines():
                    for metric, result in _results(json.loads(line)):
                        found.setdefault(metric, []).append(result)
        return {metric: round(statistics.fmean(values), 4) for metric, values in sorted(found.items())}

    def _short(self, compared: list[Compared]) -> Iterator[str]:
        for each in compared:
            if each.reason:
                yield f"{each.model} was not evaluated: {each.reason}"
        first = compared[0]
        for metric, limit in sorted(self._plan.thresholds.items()):
            value = first.figures.get(metric)
            if value is None:
                yield f"{first.model} has no {metric}"
            elif metric in LEAST and value > limit:
                yield f"{metric} of {first.model} is {value:g}, above {limit:g}"
            elif metric not in LEAST and value < limit:
                yield f"{metric} of {first.model} is {value:g}, below {limit:g}"


def _answerable(questions: list[Question], address: str) -> None:
    """Rejects prompts without a reference response, which a judge of responses from documents needs for each turn.

    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-evaluation-prompt-retrieve-generate.html

    :raises RefusedError: if one is missing; the message names the first.
    """
    without = [number for number, each in enumerate(questions, start=1) if not each.expected.strip()]
    if without:
        raise RefusedError(
            f"{address} has {len(without)} questions without a referenceResponse, the first of them question "
            f"{without[0]}: a judge of responses from documents needs one for each. Add them, or remove the judge"
        )


def _results(content: object) -> Iterator[tuple[str, float]]:
    """Returns every score in an output line of a judge, for both kinds of jobs; null means not evaluated."""
    if isinstance(content, dict):
        metric, result = content.get("metricName"), content.get("result")
        if isinstance(metric, str) and isinstance(result, int | float):
            yield metric.removeprefix("Builtin."), float(result)
        for each in content.values():
            yield from _results(each)
    elif isinstance(content, list):
        for each in content:
            yield from _results(each)


def _called(model: str) -> str:
    """Returns the id of a model with only the characters that are valid in names of inference sources."""
    return model.replace(":", "-")

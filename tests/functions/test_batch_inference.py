"""Every question is guarded, asked, and asked again if need be; nothing is asked twice, and nothing is lost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.batch_inference.names import LEAST_RECORDS, MOST_QUESTIONS, MOST_RECORDS
from aws_genai.functions.batch_inference.records import Record, parse, parts
from aws_genai.functions.batch_inference.service import Batches, Plan
from aws_genai.functions.chat.service import Limits
from aws_genai.functions.jobs.steps import RefusedError, TryAgainError, serve
from aws_genai.functions.untrusted.assessment import assess

MODEL = "amazon.nova-lite-v1:0"


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class S3:
    exceptions = SimpleNamespace(NoSuchKey=KeyError, ClientError=ClientError)

    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects

    def get_object(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key].encode()), "VersionId": "v1"}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", ContentType: str = "") -> None:
        if IfNoneMatch and Key in self.objects:
            raise error("PreconditionFailed")
        self.objects[Key] = Body.decode()

    def get_paginator(self, _name: str) -> S3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        yield {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}


class Bedrock:
    """Jobs that end as they are told to; records that hold "flaky" fail in the first two jobs."""

    def __init__(self, s3: S3) -> None:
        self.s3, self.jobs = s3, dict[str, dict[str, Any]]()
        self.status = "Completed"
        self.silent = self.unlisted = False
        self.failing: list[str] = []

    def create_model_invocation_job(self, **request: Any) -> dict[str, str]:
        if self.failing:
            raise error(self.failing.pop())
        known = request["clientRequestToken"] in self.jobs
        self.jobs.setdefault(request["clientRequestToken"], request)
        return {} if known and self.silent else {"jobArn": request["jobName"]}

    def get_paginator(self, name: str) -> SimpleNamespace:
        assert name == "list_model_invocation_jobs"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, nameContains: str) -> Iterator[dict[str, Any]]:
        yield {"invocationJobSummaries": [{"jobArn": "other", "jobName": f"{nameContains}-other"}]}
        if not self.unlisted:
            yield {"invocationJobSummaries": [{"jobArn": nameContains, "jobName": nameContains}]}

    def get_model_invocation_job(self, *, jobIdentifier: str) -> dict[str, Any]:
        request = self.jobs[jobIdentifier.rpartition("-")[2]]
        if self.status in ("Completed", "PartiallyCompleted", "Stopped"):
            self._answer(request)
        return {"status": self.status, "message": "it broke"}

    def _answer(self, request: dict[str, Any]) -> None:
        key = request["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].removeprefix("s3://b/")
        out = request["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].removeprefix("s3://b/")
        lines = []
        for line in self.s3.objects[key].splitlines():
            content = json.loads(line)
            assert "guardrailConfig" not in content["modelInput"]
            text = content["modelInput"]["messages"][0]["content"][0]["text"]
            if "flaky" in text and len(self.jobs) < 3:
                lines.append({**content, "error": {"errorCode": 500}})
                continue
            answer = {"output": {"message": {"content": [{"text": f"answer to {text}"}]}}, "stopReason": "end_turn"}
            lines.append({**content, "modelOutput": {**answer, "usage": {"inputTokens": 10, "outputTokens": 2}}})
        self.s3.objects[f"{out}id/records.jsonl.out"] = "".join(json.dumps(each) + "\n" for each in lines)


class Runtime:
    """Blocks what says evil, masks names, and answers what is asked alone."""

    def __init__(self) -> None:
        self.alone: list[str] = []
        self.failing: list[str] = []

    def apply_guardrail(self, **request: Any) -> dict[str, Any]:
        if self.failing:
            raise error(self.failing.pop())
        text = request["content"][0]["text"]["text"]
        if "evil" in text:
            policy = {"topicPolicy": {"topics": [{"action": "BLOCKED"}]}}
            return {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "No."}], "assessments": [policy]}
        if "Ann" in text:
            policy = {"sensitiveInformationPolicy": {"piiEntities": [{"action": "ANONYMIZED"}]}}
            shown = text.replace("Ann", "{NAME}")
            return {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": shown}], "assessments": [policy]}
        return {"action": "NONE"}

    def converse(self, **request: Any) -> dict[str, Any]:
        assert request["guardrailConfig"]["guardrailIdentifier"] == "guard"
        text = request["messages"][0]["content"][0]["text"]
        self.alone.append(text)
        if "never" in text:
            raise error("ModelErrorException")
        blocked = "evil" in text
        return {
            "output": {"message": {"content": [{"text": "No." if blocked else f"alone: {text}"}]}},
            "stopReason": "guardrail_intervened" if blocked else "end_turn",
            "usage": {"inputTokens": 10, "outputTokens": 2},
        }


@pytest.fixture
def made() -> dict[str, Any]:
    s3 = S3({})
    return {"s3": s3, "bedrock": Bedrock(s3), "bedrock-runtime": Runtime()}


def batches(made: dict[str, Any], **options: Any) -> Batches:
    limits = Limits({MODEL: {"inferenceConfig": {"maxTokens": 9}}}, {MODEL: "profile"}, "guard", "1", "Be brief.")
    plan: dict[str, Any] = {"name": "n", "bucket": "b", "model": MODEL, "limits": limits, "role_arn": "r"}
    prices = {"batch_price": (1.0, 1.0), "price": (2.0, 2.0)}
    return Batches(Plan(**{**plan, "key_arn": "k", **prices, **options}), lambda name: made[name])


def put(made: dict[str, Any], *prompts: str) -> None:
    lines = [json.dumps({"recordId": f"r{n}", "prompt": each}) for n, each in enumerate(prompts)]
    made["s3"].objects["requests/q.jsonl"] = "\n".join(lines)


def through(work: Batches, run: str = "x") -> dict[str, Any]:
    """What a state machine does."""
    jobs = serve({"step": "prepare", "run": run, "given": {"key": "requests/q.jsonl", "version": "v1"}}, work)["jobs"]
    left = []
    for job in jobs:
        job = serve({"step": "start", "run": run, "job": job}, work)
        for _ in range(9):
            if job["state"] != "running":
                break
            job = serve({"step": "look", "run": run, "job": job}, work)
        left.append(job)
    return serve({"step": "finish", "run": run, "jobs": left}, work)


def summary(made: dict[str, Any], run: str = "x") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made["s3"].objects[f"answers/{run}/summary.json"])
    return found


def answered(made: dict[str, Any], run: str = "x") -> dict[str, str]:
    lines = made["s3"].objects[f"answers/{run}/answers.jsonl"].splitlines()
    return {each["id"]: each["text"] for each in map(json.loads, lines)}


def test_many_are_asked_in_a_job_and_guarded_on_both_sides(made: dict[str, Any]) -> None:
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)), "an evil one", "of Ann")
    assert through(batches(made)) == {"passed": True, "reason": "", "answers": "answers/x/"}
    (job,) = made["bedrock"].jobs.values()
    assert job["modelId"] == "profile"
    assert job["modelInvocationType"] == "Converse"
    found = summary(made)
    assert (found["answered"], found["blocked"], found["failed"]) == (LEAST_RECORDS + 1, 1, 0)
    assert found["usd"] == pytest.approx((LEAST_RECORDS + 1) * 12e-6)
    # A name is masked before the model sees it, and an evil question never reaches it.
    assert answered(made)[f"r{LEAST_RECORDS + 1}"] == "answer to of {NAME}"
    assert "evil" not in made["s3"].objects["runs/x/0/in-1/records.jsonl"]


def test_an_answer_that_is_blocked_reaches_nobody(made: dict[str, Any]) -> None:
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)))
    made["bedrock-runtime"].apply_guardrail = lambda **request: (
        {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "No."}], "assessments": [{"x": {"action": "BLOCKED"}}]}
        if request["source"] == "OUTPUT"
        else {"action": "NONE"}
    )
    through(batches(made))
    assert summary(made)["blocked"] == LEAST_RECORDS
    assert "answer to" not in "".join(v for k, v in made["s3"].objects.items() if k.startswith("answers/"))


def test_few_are_asked_alone(made: dict[str, Any]) -> None:
    put(made, "a", "b", "evil", "never")
    outcome = through(batches(made))
    assert outcome["reason"] == "1 of 4 prompts have no response"
    assert not outcome["passed"]
    assert not made["bedrock"].jobs
    assert answered(made) == {"r0": "alone: a", "r1": "alone: b"}
    assert summary(made)["usd"] == pytest.approx(2 * 24e-6)
    assert through(batches(made, most_failed_percent=25), "y")["answers"] == ""


def test_what_a_job_leaves_is_asked_in_another_and_then_alone(made: dict[str, Any]) -> None:
    put(made, *(f"q{n}" for n in range(10)), *(f"flaky {n}" for n in range(LEAST_RECORDS)))
    assert through(batches(made))["passed"]
    assert len(made["bedrock"].jobs) == 3
    assert len(answered(made)) == LEAST_RECORDS + 10
    made["s3"].objects.clear()
    made["bedrock"].jobs.clear()
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)), "flaky")
    assert through(batches(made))["passed"]
    assert len(made["bedrock"].jobs) == 1
    assert made["bedrock-runtime"].alone == ["flaky"]


def test_a_job_that_expires_is_begun_again_three_times_and_then_each_is_asked_alone(made: dict[str, Any]) -> None:
    made["bedrock"].status = "Expired"
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)))
    assert through(batches(made))["passed"]
    assert len(made["bedrock"].jobs) == 3
    assert len(made["bedrock-runtime"].alone) == LEAST_RECORDS


@pytest.mark.parametrize("status", ["Stopped", "Deleting"])
def test_a_job_that_somebody_stopped_is_not_started_again(made: dict[str, Any], status: str) -> None:
    made["bedrock"].status = "Stopping"
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)), *(f"flaky{n}" for n in range(LEAST_RECORDS)))
    work = batches(made)
    (job,) = work.prepare("x", {"key": "requests/q.jsonl", "version": "v1"})
    job = work.look("x", work.start("x", job))
    assert job["state"] == "running", "it may still write answers"
    made["bedrock"].status = status
    job = work.look("x", job)
    assert (job["state"], job["reason"]) == ("failed", f"the job is {status} and is not started again")
    outcome = work.finish("x", [job])
    assert not outcome["passed"]
    assert f"part 0: the job is {status}" in outcome["reason"]
    assert len(made["bedrock"].jobs) == 1
    assert made["bedrock-runtime"].alone == [], "and nothing is asked by itself"
    assert len(answered(made)) == (LEAST_RECORDS if status == "Stopped" else 0), "what it answered is kept"


def test_a_part_that_fails_does_not_take_the_others_with_it(made: dict[str, Any]) -> None:
    put(made, *(f"q{n}" for n in range(MOST_RECORDS + 2)))
    work = batches(made, most_failed_percent=60)
    one, other = work.prepare("x", {"key": "requests/q.jsonl", "version": "v1"})
    one = work.look("x", work.start("x", one))
    made["bedrock"].status = "Failed"
    other = work.look("x", work.start("x", other))
    assert other["reason"] == "it broke"
    outcome = work.finish("x", [one, other])
    assert outcome["passed"]
    assert outcome["reason"] == "part 1: it broke"
    assert summary(made)["failed"] == MOST_RECORDS // 2 + 1
    lost = {"state": "failed", "job": other, "reason": json.dumps({"errorMessage": "out of time"})}
    assert "part 1: out of time" in work.finish("x", [one, lost])["reason"]


def test_a_file_is_taken_by_one_run_however_often_its_event_comes(made: dict[str, Any]) -> None:
    put(made, "a")
    work, given = batches(made), {"key": "requests/q.jsonl", "version": "v1"}
    assert work.prepare("x", given) == work.prepare("x", given) != []
    assert work.prepare("y", given) == []
    assert work.finish("y", [])["passed"]
    # Another version of the file is another one.
    assert work.prepare("y", {**given, "version": "v2"})


def test_delivered_twice_a_job_begins_once(made: dict[str, Any]) -> None:
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)))
    made["bedrock"].silent = True
    work = batches(made)
    (job,) = work.prepare("x", {"key": "requests/q.jsonl", "version": "v1"})
    assert work.start("x", job) == work.start("x", job)
    made["bedrock"].failing = ["ConflictException"]
    assert work.start("x", job)["state"] == "running"
    assert len(made["bedrock"].jobs) == 1
    # A list may lag behind: the step is tried again.
    made["bedrock"].unlisted = True
    with pytest.raises(TryAgainError, match="does not list the job"):
        work.start("x", job)


def test_throttling_is_tried_again_at_every_step(made: dict[str, Any]) -> None:
    put(made, *(f"q{n}" for n in range(LEAST_RECORDS)))
    work = batches(made)
    (job,) = work.prepare("x", {"key": "requests/q.jsonl", "version": "v1"})
    made["bedrock"].failing = ["ThrottlingException"]
    with pytest.raises(TryAgainError, match="does not accept another job"):
        work.start("x", job)
    made["bedrock-runtime"].failing = ["ThrottlingException"]
    with pytest.raises(TryAgainError, match="guardrail is busy"):
        work.start("x", job)
    job = work.start("x", job)
    made["bedrock-runtime"].failing = ["ThrottlingException"]
    with pytest.raises(TryAgainError):
        work.look("x", job)
    assert work.look("x", job)["state"] == "done"
    made["bedrock"].failing = ["AccessDeniedException"]
    with pytest.raises(ClientError, match="AccessDenied"):
        work.start("x", job)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no prompts"),
        ("[]", "line 1: not of the form"),
        ('{"recordId": "a", "prompt": ""}', "line 1: recordId and prompt must be strings"),
        ('{"recordId": 1, "prompt": "a"}', "line 1"),
        ('{"recordId": "a", "prompt": "a"}\n' * 2, "line 2: recordId a is duplicated"),
        (
            "".join(f'{{"recordId": "{n}", "prompt": "a"}}\n' for n in range(MOST_QUESTIONS + 1)),
            f"the maximum is {MOST_QUESTIONS}",
        ),
    ],
    ids=["empty", "list", "blank", "number", "twice", "many"],
)
def test_odd_files_are_refused_by_the_line(text: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        parse(text, "s3://b/q.jsonl")


def test_parts_are_equal_and_none_is_too_small() -> None:
    for count in (1, LEAST_RECORDS, MOST_RECORDS, MOST_RECORDS + 1, MOST_QUESTIONS):
        sizes = [len(each) for each in parts([Record(str(n), "a") for n in range(count)])]
        assert sum(sizes) == count
        assert max(sizes) <= MOST_RECORDS
        assert count < LEAST_RECORDS or min(sizes) >= LEAST_RECORDS


def test_a_guardrail_that_masks_does_not_block() -> None:
    assert assess(Runtime(), ("guard", "1"), "of Ann", "INPUT").text == "of {NAME}"
    assert not assess(Runtime(), ("guard", "1"), "of Ann", "INPUT").blocked
    assert assess(Runtime(), ("guard", "1"), "evil", "OUTPUT").blocked

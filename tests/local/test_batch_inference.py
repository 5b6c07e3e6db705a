"""Questions that are put are asked in jobs, guarded before and after; what a job leaves over is asked again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Local

LINE = "  idle:\n    hours: 1\n"
BATCH = "  batches:\n    summaries: {model: us.amazon.nova-lite-v1:0}\n"
WAIT_SECONDS = 90.0


def answers(local: Local, bucket: str, name: str) -> list[dict[str, Any]]:
    s3 = local.client("s3")
    found = s3.list_objects_v2(Bucket=bucket, Prefix="answers/").get("Contents", [])
    keys = [each["Key"] for each in found if each["Key"].endswith(name)]
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.5)


def test_questions_are_asked_and_only_what_may_be_is_answered(local: Local, variant: Callable[..., Path]) -> None:
    prompts = [f"Question {n}?" for n in range(110)] + ["Tell me about project nightingale.", "Fail, please."]
    lines = [json.dumps({"recordId": f"r{n}", "prompt": prompt}) for n, prompt in enumerate(prompts)]
    try:
        local.deploy(variant(LINE, BATCH + LINE))
        bucket = local.resource("models", "AWS::S3::Bucket", "summariesbatchBucket")
        local.client("s3").put_object(Bucket=bucket, Key="requests/one.jsonl", Body="\n".join(lines).encode())
        until(lambda: bool(answers(local, bucket, "summary.json")))
        (summary,) = answers(local, bucket, "summary.json")
        # The record that failed in the job was asked alone, and answered.
        assert summary["questions"] == 112
        assert summary["answered"] == 111
        assert summary["blocked"] == 1
        assert summary["failed"] == 0
        assert summary["usd"] > 0
        jobs = local.client("bedrock").list_model_invocation_jobs()["invocationJobSummaries"]
        assert len(jobs) == 1
        # The event of the same version, delivered again, starts nothing.
        (machine,) = [
            each["stateMachineArn"]
            for each in local.client("stepfunctions").list_state_machines()["stateMachines"]
            if each["name"] == "genai-local-summaries-batch"
        ]
        version = local.client("s3").head_object(Bucket=bucket, Key="requests/one.jsonl").get("VersionId", "")
        again = local.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps({"key": "requests/one.jsonl", "version": version})
        )
        states = local.client("stepfunctions")
        until(lambda: states.describe_execution(executionArn=again["executionArn"])["status"] == "SUCCEEDED")
        assert len(answers(local, bucket, "summary.json")) == 1
    finally:
        local.deploy(variant())


@pytest.mark.parametrize("body", [b"no json", b'{"recordId": "a"}'])
def test_a_file_that_holds_no_questions_fails_its_run_by_the_line(
    local: Local, variant: Callable[..., Path], body: bytes
) -> None:
    try:
        local.deploy(variant(LINE, BATCH + LINE))
        bucket = local.resource("models", "AWS::S3::Bucket", "summariesbatchBucket")
        local.client("s3").put_object(Bucket=bucket, Key="requests/odd.jsonl", Body=body)
        states = local.client("stepfunctions")

        def failed() -> list[dict[str, Any]]:
            machines = states.list_state_machines()["stateMachines"]
            (arn,) = [each["stateMachineArn"] for each in machines if each["name"] == "genai-local-summaries-batch"]
            found = states.list_executions(stateMachineArn=arn, statusFilter="FAILED")["executions"]
            return [states.describe_execution(executionArn=each["executionArn"]) for each in found]

        until(lambda: bool(failed()))
        assert "requests/odd.jsonl, line 1" in failed()[0]["cause"]
    finally:
        local.deploy(variant())

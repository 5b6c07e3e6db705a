"""Only signed data trains; a job is one however often it is asked for; and what came of what is written down."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.jobs.steps import RefusedError, TryAgainError
from aws_genai.functions.model_customization.service import Customizations, Plan

ADMITTED = {
    "train": "s3://data/verified/tone/r/train/",
    "held_out": "s3://data/verified/tone/r/held_out/",
    "manifest": "data/tone/manifest.json",
    "manifest_version": "v1",
    "manifest_sha256": "abc",
    "approver": "ann",
}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class S3:
    def __init__(self) -> None:
        row = json.dumps({"instruction": "Capital?", "context": "", "response": "Paris"})
        self.objects = {
            "verified/tone/r/train/template.json": json.dumps(
                {"prompt": "Q: {instruction}", "completion": "{response}"}
            ),
            "verified/tone/r/train/a.jsonl": f"{row}\n{row}\n",
            "verified/tone/r/held_out/b.jsonl": f"{row}\n",
        }

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == "data"
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        assert Bucket == "b"
        self.objects[Key] = Body.decode()

    def get_paginator(self, _name: str) -> S3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        yield {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}


class Lambda:
    def __init__(self) -> None:
        self.refusal = ""
        self.asked: dict[str, Any] = {}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "admit"
        self.asked = json.loads(Payload)
        content = {"errorMessage": self.refusal} if self.refusal else ADMITTED
        answer = {"Payload": io.BytesIO(json.dumps(content).encode())}
        return {**answer, "FunctionError": "Unhandled"} if self.refusal else answer


class Bedrock:
    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.failing: list[str] = []
        self.status = "Completed"

    def create_model_customization_job(self, **request: Any) -> dict[str, str]:
        if self.failing:
            raise error(self.failing.pop())
        self.jobs[request["clientRequestToken"]] = request
        return {"jobArn": f"arn:{request['jobName']}"}

    def get_model_customization_job(self, *, jobIdentifier: str) -> dict[str, Any]:
        name = jobIdentifier.removeprefix("arn:")
        return {"jobArn": f"arn:{name}", "status": self.status, "outputModelArn": "arn:model", "failureMessage": "odd"}


@pytest.fixture
def made() -> dict[str, Any]:
    return {"s3": S3(), "lambda": Lambda(), "bedrock": Bedrock()}


def work(made: dict[str, Any], **options: Any) -> Customizations:
    plan: dict[str, Any] = {
        "name": "demo-tone",
        "bucket": "b",
        "data_bucket": "data",
        "admit": "admit",
        "base": "amazon.nova-lite-v1:0:300k",
        "role_arn": "role",
        "key_arn": "key",
        "data_set": "tone",
        "hyperparameters": {"epochCount": "2"},
        "rules": {"method": "instruction"},
        "tags": {"project": "demo"},
    }
    return Customizations(Plan(**{**plan, **options}), lambda name: made[name])


def test_a_signed_data_set_trains_and_its_lineage_is_kept(made: dict[str, Any]) -> None:
    runs = work(made)
    (job,) = runs.prepare("r", {})
    assert made["lambda"].asked == {"data_set": "tone", "run": "r", "method": "instruction"}
    records = [json.loads(line) for line in made["s3"].objects["runs/r/train.jsonl"].splitlines()]
    assert records[0] == {
        "schemaVersion": "bedrock-conversation-2024",
        "messages": [
            {"role": "user", "content": [{"text": "Q: Capital?"}]},
            {"role": "assistant", "content": [{"text": "Paris"}]},
        ],
    }
    assert len(records) == 2
    job = runs.look("r", runs.start("r", job))
    (request,) = made["bedrock"].jobs.values()
    assert request["customizationType"] == "FINE_TUNING"
    assert request["hyperParameters"] == {"epochCount": "2"}
    assert request["trainingDataConfig"] == {"s3Uri": "s3://b/runs/r/train.jsonl"}
    assert request["validationDataConfig"] == {"validators": [{"s3Uri": "s3://b/runs/r/held_out.jsonl"}]}
    assert request["customModelKmsKeyId"] == "key"
    assert runs.finish("r", [job]) == {"passed": True, "reason": "", "model_arn": "arn:model"}
    written = json.loads(made["s3"].objects["models/r.json"])
    assert written["approver"] == "ann"
    assert written["manifest_version"] == "v1"
    assert written["model_arn"] == "arn:model"


def test_a_teacher_answers_for_itself(made: dict[str, Any]) -> None:
    runs = work(made, teacher="amazon.nova-pro-v1:0")
    runs.start("r", runs.prepare("r", {})[0])
    assert "assistant" not in made["s3"].objects["runs/r/train.jsonl"]
    (request,) = made["bedrock"].jobs.values()
    assert request["customizationType"] == "DISTILLATION"
    assert "validationDataConfig" not in request
    teaching = request["customizationConfig"]["distillationConfig"]["teacherModelConfig"]
    assert teaching == {"teacherModelIdentifier": "amazon.nova-pro-v1:0"}


def test_what_was_not_signed_trains_nothing(made: dict[str, Any]) -> None:
    made["lambda"].refusal = "The manifest is not signed as it is"
    with pytest.raises(RefusedError, match="not signed as it is"):
        work(made).prepare("r", {"data_set": "other"})
    assert made["lambda"].asked["data_set"] == "other"
    assert not [key for key in made["s3"].objects if key.startswith("runs/")]


def test_delivered_twice_a_job_begins_once(made: dict[str, Any]) -> None:
    runs = work(made)
    (job,) = runs.prepare("r", {})
    first = runs.start("r", job)
    made["bedrock"].failing = ["ConflictException"]
    assert runs.start("r", job) == first
    assert runs.start("r", job) == first
    assert len(made["bedrock"].jobs) == 1


def test_throttling_is_tried_again_and_other_errors_are_not(made: dict[str, Any]) -> None:
    runs = work(made)
    (job,) = runs.prepare("r", {})
    made["bedrock"].failing = ["ThrottlingException"]
    with pytest.raises(TryAgainError, match="does not accept another job"):
        runs.start("r", job)
    made["bedrock"].failing = ["AccessDeniedException"]
    with pytest.raises(ClientError, match="AccessDenied"):
        runs.start("r", job)


@pytest.mark.parametrize(
    ("status", "state"),
    [("InProgress", "running"), ("Stopping", "running"), ("Failed", "failed"), ("Stopped", "failed")],
)
def test_a_job_that_is_not_done_makes_no_model(made: dict[str, Any], status: str, state: str) -> None:
    runs = work(made)
    made["bedrock"].status = status
    job = runs.look("r", runs.start("r", runs.prepare("r", {})[0]))
    assert job["state"] == state
    if state == "failed":
        assert runs.finish("r", [job]) == {"passed": False, "reason": f"the job is {status}: odd"}
    lost = {"state": "failed", "job": job, "reason": json.dumps({"errorMessage": "out of time"})}
    assert runs.finish("r", [lost]) == {"passed": False, "reason": "out of time"}
    assert "models/r.json" not in made["s3"].objects

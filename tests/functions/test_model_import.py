"""An import is waited for without a function that sleeps, survives failure at every step, and leaves no orphan."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.custom_resource import serving
from aws_genai.functions.custom_resource.serving import LONGEST_SECONDS, serve
from aws_genai.functions.custom_resource.waiting import Schedules
from aws_genai.functions.model_import.check import LARGEST, ModelFiles, refusals
from aws_genai.functions.model_import.service import Imports

GOOD = {
    "config.json": json.dumps({"architectures": ["LlamaForCausalLM"]}).encode(),
    "tokenizer_config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": (8).to_bytes(8, "little") + b"{      }weights",
}
PROPERTIES = {"Name": "team", "Bucket": "b", "Prefix": "m/1/", "RoleArn": "role", "KeyArn": "key", "Version": ""}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class Bucket:
    def __init__(self, files: dict[str, bytes], sizes: dict[str, int] | None = None) -> None:
        self.files, self.sizes = files, sizes or {}

    def get_paginator(self, _name: str) -> Bucket:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        rows = [{"Key": f"{Prefix}{n}", "Size": self.sizes.get(n, len(c))} for n, c in self.files.items()]
        yield {"Contents": rows}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return {"ContentLength": len(self.files[Key.partition("m/1/")[2]])}

    def get_object(self, *, Bucket: str, Key: str, Range: str = "") -> dict[str, Any]:
        content = self.files[Key.partition("m/1/")[2]]
        end = int(Range.partition("-")[2]) + 1 if Range else len(content)
        return {"Body": io.BytesIO(content[:end])}


class Bedrock:
    """Jobs take three looks; what was imported costs until it is deleted."""

    def __init__(self, looks: int = 3, outcome: str = "Completed") -> None:
        self.looks, self.outcome = looks, outcome
        self.jobs: dict[str, int] = {}
        self.models: set[str] = set()
        self.started: list[dict[str, Any]] = []
        self.failing: dict[str, list[str]] = {}

    def _may(self, name: str) -> None:
        if self.failing.get(name):
            raise error(self.failing[name].pop(0))

    def create_model_import_job(self, **request: Any) -> None:
        self._may("create")
        if request["jobName"] in self.jobs:
            raise error("ConflictException")
        self.started.append(request)
        self.jobs[request["jobName"]] = 0

    def get_model_import_job(self, *, jobIdentifier: str) -> dict[str, Any]:
        self._may("get")
        if jobIdentifier not in self.jobs:
            raise error("ResourceNotFoundException")
        self.jobs[jobIdentifier] += 1
        if self.jobs[jobIdentifier] <= self.looks:
            return {"status": "InProgress"}
        if self.jobs[jobIdentifier] == self.looks + 1 and self.outcome == "Completed":
            self.models.add(jobIdentifier)
        return {"status": self.outcome, "importedModelArn": f"arn:{jobIdentifier}", "failureMessage": "weights are odd"}

    def delete_imported_model(self, *, modelIdentifier: str) -> None:
        self._may("delete")
        if modelIdentifier not in self.models:
            raise error("ResourceNotFoundException")
        self.models.remove(modelIdentifier)

    def get_paginator(self, _name: str) -> Bedrock:
        return self

    def paginate(self, *, nameContains: str) -> Iterator[dict[str, Any]]:
        found = sorted(name for name in self.models if nameContains in name)
        yield {"modelSummaries": [{"modelName": name, "modelArn": f"arn:{name}"} for name in found]}


class Cloud:
    """CloudFormation, the scheduler and the time between them."""

    def __init__(self, bedrock: Bedrock, files: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bedrock, self.files, self.now = bedrock, files, 1_000_000.0
        self.answers: list[dict[str, Any]] = []
        self.schedules: dict[str, tuple[float, dict[str, Any]]] = {}
        self.requests = 0
        self.twice = False
        monkeypatch.setattr(serving._Answer, "_send", lambda _self, answer: self.answers.append(answer))

    def again(self, event: dict[str, Any], seconds: int) -> None:
        key = json.dumps([event["RequestId"], event["Waiting"]["Tries"], event.get("Abandoned")])
        self.schedules.setdefault(key, (self.now + seconds, json.loads(json.dumps(event))))

    def call(self, event: dict[str, Any]) -> None:
        for _ in range(2 if self.twice else 1):
            operations = Imports(self.bedrock, self.files)
            serve(json.loads(json.dumps(event)), Context(), operations, self, lambda: self.now)

    def ask(self, kind: str, properties: dict[str, Any], physical_id: str = "", old: Any = None) -> dict[str, Any]:
        self.requests += 1
        event: dict[str, Any] = {
            "RequestType": kind,
            "StackId": "stack",
            "LogicalResourceId": "Model",
            "RequestId": str(self.requests),
            "ResponseURL": "https://nowhere",
            "ResourceProperties": properties,
        }
        if physical_id:
            event["PhysicalResourceId"] = physical_id
        if old is not None:
            event["OldResourceProperties"] = old
        before = len(self.answers)
        self.call(event)
        self.pass_time(until=lambda: len(self.answers) > before)
        return self.answers[before] if len(self.answers) > before else {}

    def pass_time(self, until: Callable[[], bool] = lambda: False, most: int = 3000) -> None:
        for _ in range(most):
            if not self.schedules or until():
                return
            key = min(self.schedules, key=lambda each: self.schedules[each][0])
            self.now, event = self.schedules.pop(key)
            self.call(event)
        raise AssertionError("it never ends")


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cloud]:
    def make(bedrock: Bedrock | None = None, files: dict[str, bytes] | None = None) -> Cloud:
        return Cloud(bedrock or Bedrock(), Bucket(files or GOOD), monkeypatch)

    return make


def test_a_model_is_imported_used_and_deleted(cloud: Callable[..., Cloud]) -> None:
    made = cloud()
    answer = made.ask("Create", PROPERTIES)
    assert answer["Status"] == "SUCCESS"
    name = answer["PhysicalResourceId"]
    assert name.startswith("team-")
    assert answer["Data"] == {"Arn": f"arn:{name}", "Name": name}
    assert made.bedrock.started[0]["importedModelKmsKeyId"] == "key"
    assert made.ask("Delete", PROPERTIES, name)["Status"] == "SUCCESS"
    assert made.bedrock.models == set()
    # The same again has another name, for names of jobs are never free again.
    assert made.ask("Create", PROPERTIES)["PhysicalResourceId"] != name


def test_everything_may_be_delivered_twice(cloud: Callable[..., Cloud]) -> None:
    made = cloud()
    made.twice = True
    name = made.ask("Create", PROPERTIES)["PhysicalResourceId"]
    made.pass_time()
    assert len(made.bedrock.started) == 1
    assert made.bedrock.models == {name}
    made.ask("Delete", PROPERTIES, name)
    made.pass_time()
    assert made.bedrock.models == set()
    assert made.schedules == {}


def test_other_weights_are_imported_beside_and_taken_back_at_once(cloud: Callable[..., Cloud]) -> None:
    made, changed = cloud(), {**PROPERTIES, "Version": "2"}
    first = made.ask("Create", PROPERTIES)["PhysicalResourceId"]
    second = made.ask("Update", changed, first, PROPERTIES)["PhysicalResourceId"]
    assert made.bedrock.models == {first, second}
    # Something else failed: CloudFormation goes back, and then deletes what it went back from.
    back = made.ask("Update", PROPERTIES, second, changed)
    assert back["PhysicalResourceId"] == first
    assert back["Data"]["Arn"] == f"arn:{first}"
    assert len(made.bedrock.started) == 2
    made.ask("Delete", changed, second)
    assert made.bedrock.models == {first}


def test_an_update_that_changes_nothing_of_the_weights_keeps_the_model(cloud: Callable[..., Cloud]) -> None:
    made = cloud()
    name = made.ask("Create", PROPERTIES)["PhysicalResourceId"]
    tagged = {**PROPERTIES, "Tags": {"a": "b"}}
    assert made.ask("Update", tagged, name, PROPERTIES)["PhysicalResourceId"] == name
    assert len(made.bedrock.started) == 1


def test_an_import_that_fails_says_why_and_leaves_nothing(cloud: Callable[..., Cloud]) -> None:
    made = cloud(Bedrock(outcome="Failed"))
    answer = made.ask("Create", PROPERTIES)
    assert answer["Status"] == "FAILED"
    assert "weights are odd" in answer["Reason"]
    assert made.ask("Delete", PROPERTIES, answer["PhysicalResourceId"])["Status"] == "SUCCESS"
    assert made.bedrock.models == set()


def test_an_import_that_takes_too_long_is_deleted_once_it_arrives(cloud: Callable[..., Cloud]) -> None:
    made = cloud(Bedrock(looks=90))
    begun = made.now
    answer = made.ask("Create", PROPERTIES)
    assert answer["Status"] == "FAILED"
    assert "Not complete after 55 minutes" in answer["Reason"]
    assert LONGEST_SECONDS <= made.now - begun < 3600
    # CloudFormation deletes it; an import cannot be stopped, so the deletion waits for it.
    assert made.ask("Delete", PROPERTIES, answer["PhysicalResourceId"])["Status"] == "SUCCESS"
    made.pass_time()
    assert made.bedrock.models == set()


def test_an_update_that_takes_too_long_leaves_no_model_that_nobody_knows(cloud: Callable[..., Cloud]) -> None:
    made = cloud()
    first = made.ask("Create", PROPERTIES)["PhysicalResourceId"]
    made.bedrock.looks = 90
    changed = {**PROPERTIES, "Version": "2"}
    answer = made.ask("Update", changed, first, PROPERTIES)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", first)
    made.bedrock.looks = 3
    assert made.ask("Update", PROPERTIES, first, changed)["PhysicalResourceId"] == first
    answered = len(made.answers)
    made.pass_time()
    assert made.bedrock.models == {first}
    assert len(made.answers) == answered


@pytest.mark.parametrize("step", ["create", "get"])
@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalServerException"])
def test_a_create_that_fails_at_any_step_leaves_nothing(cloud: Callable[..., Cloud], step: str, code: str) -> None:
    made = cloud()
    made.bedrock.failing = {step: [code]}
    answer = made.ask("Create", PROPERTIES)
    assert answer["Status"] == "FAILED"
    made.ask("Delete", PROPERTIES, answer["PhysicalResourceId"])
    made.pass_time()
    assert made.bedrock.models == set()


def test_a_look_that_fails_has_a_name_to_be_deleted_by(cloud: Callable[..., Cloud]) -> None:
    made = cloud()
    made.bedrock.failing = {"get": []}
    original = made.bedrock.get_model_import_job
    calls = iter(range(100))

    def second_look_fails(**request: Any) -> dict[str, Any]:
        if next(calls) == 2:
            raise error("InternalServerException")
        return original(**request)

    made.bedrock.get_model_import_job = second_look_fails  # type: ignore[method-assign]
    answer = made.ask("Create", PROPERTIES)
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"].startswith("team-")
    assert made.ask("Delete", PROPERTIES, answer["PhysicalResourceId"])["Status"] == "SUCCESS"
    assert made.bedrock.models == set()


def test_a_delete_that_fails_can_be_tried_again(cloud: Callable[..., Cloud]) -> None:
    made = cloud()
    name = made.ask("Create", PROPERTIES)["PhysicalResourceId"]
    made.bedrock.failing = {"delete": ["ThrottlingException"]}
    assert made.ask("Delete", PROPERTIES, name)["Status"] == "FAILED"
    assert made.ask("Delete", PROPERTIES, name)["Status"] == "SUCCESS"
    assert made.bedrock.models == set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config.json": b'{"architectures": ["FalconForCausalLM"]}'}, "FalconForCausalLM is not supported"),
        ({"config.json": b"{"}, "config.json is not valid JSON"),
        ({"config.json": None}, "config.json is missing"),
        ({"tokenizer.json": None}, "tokenizer.json or tokenizer.model is missing"),
        ({"model.safetensors": None}, "there are no safetensors"),
        ({"pytorch_model.bin": b"\x80\x02"}, "is a pickle"),
        ({"model.safetensors": b"PK\x03\x04"}, "is a pickle file with another extension"),
    ],
)
def test_what_bedrock_would_not_import_is_told_before(
    cloud: Callable[..., Cloud], change: dict[str, bytes | None], words: str
) -> None:
    files = {name: content for name, content in {**GOOD, **change}.items() if content is not None}
    made = cloud(files=files)
    answer = made.ask("Create", PROPERTIES)
    assert answer["Status"] == "FAILED"
    assert words in answer["Reason"]
    assert made.bedrock.started == []
    assert made.ask("Delete", PROPERTIES, answer["PhysicalResourceId"])["Status"] == "SUCCESS"


def test_weights_that_are_too_large_are_told_before() -> None:
    files = Bucket(GOOD, {"model.safetensors": LARGEST + 1})
    assert any("the maximum is 200" in each for each in refusals(ModelFiles(files, "b", "m/1/")))
    seeing = {**GOOD, "config.json": b'{"architectures": ["MllamaForConditionalGeneration"]}'}
    files = Bucket(seeing, {"model.safetensors": 150 * 1024**3})
    assert any("the maximum is 100" in each for each in refusals(ModelFiles(files, "b", "m/1/")))


def test_a_schedule_is_made_once_and_goes_by_itself() -> None:
    made: list[dict[str, Any]] = []

    class Scheduler:
        def create_schedule(self, **request: Any) -> None:
            if any(each["Name"] == request["Name"] for each in made):
                raise error("ConflictException")
            made.append(request)

    event = {"StackId": "s", "LogicalResourceId": "l", "RequestId": "r", "Waiting": {"Tries": 1}}
    schedules = Schedules(Scheduler(), "function", "role")
    for _ in range(2):
        schedules.again(event, 15)
    schedules.again({**event, "Waiting": {"Tries": 2}}, 30)
    assert len(made) == 2
    assert made[0]["ActionAfterCompletion"] == "DELETE"
    assert made[0]["Name"].startswith("wait-")
    assert json.loads(made[0]["Target"]["Input"]) == event


def test_a_function_that_nobody_calls_again_cannot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(serving._Answer, "_send", lambda _self, answer: answers.append(answer))
    event = {
        "RequestType": "Create",
        "StackId": "s",
        "LogicalResourceId": "l",
        "RequestId": "r",
        "ResourceProperties": PROPERTIES,
    }
    serve(event, Context(), Imports(Bedrock(), Bucket(GOOD)))
    assert answers[0]["Status"] == "FAILED"
    assert "cannot wait" in answers[0]["Reason"]

"""Customizes a Bedrock model with a data set that an approver has signed, and records the lineage.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelCustomizationJob.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ..jobs.files import Files
from ..jobs.naming import job_name
from ..jobs.steps import DONE, FAILED, RUNNING, Job, RefusedError, TryAgainError, cause
from ..training_data.records import Record, parse

#: Format of the records of Nova models: https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html
_FORM = "bedrock-conversation-2024"
_BUSY = ("ThrottlingException", "ServiceQuotaExceededException", "ServiceUnavailableException")


@dataclass(frozen=True)
class Plan:
    """The configuration of a customization."""

    name: str
    bucket: str
    #: Bucket of the data sets, and the function that verifies them.
    data_bucket: str
    admit: str
    base: str
    role_arn: str
    key_arn: str
    #: Name of the data set. A run may name another one.
    data_set: str = ""
    teacher: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class Customizations:
    """The runs of a customization, with their records, metrics and lineage in a bucket."""

    def __init__(self, plan: Plan, clients: Callable[[str], Any]) -> None:
        self._plan, self._clients = plan, clients
        self._files = Files(clients("s3"), plan.bucket)
        self._data_sets = Files(clients("s3"), plan.data_bucket)

    def prepare(self, run: str, given: Mapping[str, Any]) -> list[Job]:
        """Verifies the data set, and writes its records in the format of Bedrock.

        :raises RefusedError: if the data set must not be used for training.
        """
        admitted = self._admit(str(given.get("data_set") or self._plan.data_set), run)
        lineage = {name: admitted[name] for name in ("manifest", "manifest_version", "manifest_sha256", "approver")}
        for part in ("train", "held_out"):
            records = self._records(admitted[part].removeprefix(f"s3://{self._plan.data_bucket}/"), admitted["train"])
            self._files.write(f"runs/{run}/{part}.jsonl", "".join(self._line(each) for each in records))
        return [{"lineage": lineage, "state": RUNNING}]

    def start(self, run: str, job: Job) -> Job:
        """Starts the job. The operation is idempotent."""
        # Names of models must not have two consecutive hyphens.
        (name, token), bedrock = job_name(self._plan.name, run, digits=12), self._clients("bedrock")
        try:
            arn = bedrock.create_model_customization_job(**self._request(run, name, token))["jobArn"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _BUSY:
                raise TryAgainError(f"Bedrock does not accept another job now: {error}") from error
            if code not in ("ConflictException", "ResourceInUseException"):
                raise
            arn = bedrock.get_model_customization_job(jobIdentifier=name)["jobArn"]
        return {**job, "model": name, "arn": arn, "state": RUNNING}

    def look(self, _run: str, job: Job) -> Job:
        """Checks the job."""
        found = self._clients("bedrock").get_model_customization_job(jobIdentifier=job["arn"])
        match found["status"]:
            case "InProgress" | "Stopping":
                return {**job, "state": RUNNING}
            case "Completed":
                return {**job, "state": DONE, "model_arn": found["outputModelArn"]}
            case other:
                why = found.get("failureMessage") or "no reason was given"
                return {**job, "state": FAILED, "reason": f"the job is {other}: {why}"}

    def finish(self, run: str, jobs: list[Job]) -> dict[str, Any]:
        """Records the custom model, its data set, and the approver who signed it."""
        (job,) = jobs
        if job["state"] == FAILED:
            return {"passed": False, "reason": cause(job.get("reason"))[:1000]}
        made = {
            "model_arn": job["model_arn"],
            "base": self._plan.base,
            "teacher": self._plan.teacher,
            "hyperparameters": dict(self._plan.hyperparameters),
            **job["lineage"],
        }
        self._files.write(f"models/{run}.json", json.dumps(made, indent=1))
        return {"passed": True, "reason": "", "model_arn": job["model_arn"]}

    def _admit(self, data_set: str, run: str) -> dict[str, str]:
        request = {"data_set": data_set, "run": run, **self._plan.rules}
        answer = self._clients("lambda").invoke(FunctionName=self._plan.admit, Payload=json.dumps(request).encode())
        content = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise RefusedError(str(content.get("errorMessage", content)))
        return dict(content)

    def _records(self, prefix: str, train: str) -> Iterator[Record]:
        template = json.loads(
            self._data_sets.read(f"{train.removeprefix(f's3://{self._plan.data_bucket}/')}template.json")
        )
        for key in self._data_sets.keys(prefix):
            if key.endswith("template.json"):
                continue
            for line in self._data_sets.read(key).split("\n"):
                if line.strip():
                    yield parse(line, "instruction", template)

    def _line(self, record: Record) -> str:
        messages = [{"role": "user", "content": [{"text": record.prompt}]}]
        # For a distillation, the teacher generates the responses.
        if not self._plan.teacher:
            messages.append({"role": "assistant", "content": [{"text": record.answer}]})
        return json.dumps({"schemaVersion": _FORM, "messages": messages}, ensure_ascii=False) + "\n"

    def _request(self, run: str, name: str, token: str) -> dict[str, Any]:
        place = f"s3://{self._plan.bucket}/runs/{run}/"
        teaching = {"teacherModelConfig": {"teacherModelIdentifier": self._plan.teacher}}
        tags = [{"key": key, "value": value} for key, value in sorted(self._plan.tags.items())]
        return {
            "jobName": name,
            "customModelName": name,
            "clientRequestToken": token,
            "roleArn": self._plan.role_arn,
            "baseModelIdentifier": self._plan.base,
            "customizationType": "DISTILLATION" if self._plan.teacher else "FINE_TUNING",
            "customModelKmsKeyId": self._plan.key_arn,
            "hyperParameters": dict(self._plan.hyperparameters),
            "trainingDataConfig": {"s3Uri": f"{place}train.jsonl"},
            "outputDataConfig": {"s3Uri": f"{place}out/"},
            "jobTags": tags,
            "customModelTags": tags,
            **(
                {"customizationConfig": {"distillationConfig": teaching}}
                if self._plan.teacher
                else {"validationDataConfig": {"validators": [{"s3Uri": f"{place}held_out.jsonl"}]}}
            ),
        }

"""Jobs of Amazon Bedrock, which complete after seconds instead of minutes or hours; the emulator's never complete.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelImportJob.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetEvaluationJob.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock

from .batch_jobs import asked
from .custom_models import trained
from .judge import judged

#: Resources in paths of the API.
_KINDS = {
    "custom-model-deployments": "custom-model-deployment",
    "evaluation-job": "evaluation-job",
    "evaluation-jobs": "evaluation-job",
    "imported-models": "imported-model",
    "model-customization-jobs": "model-customization-job",
    "provisioned-model-throughput": "provisioned-model",
    "provisioned-model-throughputs": "provisioned-model",
    "model-invocation-job": "model-invocation-job",
    "model-invocation-jobs": "model-invocation-job",
    "model-import-jobs": "model-import-job",
}
#: Duration of a job, in seconds.
TAKES_SECONDS = 2.0
Record = dict[str, Any]


def install() -> None:
    """Let jobs complete, and create their results only then."""
    _once(bedrock, "_create_evaluation_job", lambda: bedrock._evaluation_jobs)
    _once(bedrock, "_create_model_invocation_job", lambda: bedrock._model_invocation_jobs)
    _once(bedrock, "_create_model_customization_job", lambda: bedrock._model_customization_jobs)
    _complete("_get_model_import_job", lambda: bedrock._model_import_jobs, _imported)
    _complete("_get_evaluation_job", lambda: bedrock._evaluation_jobs, judged)
    _complete("_get_model_customization_job", lambda: bedrock._model_customization_jobs, trained)
    _complete("_get_model_invocation_job", lambda: bedrock._model_invocation_jobs, asked)
    models = bedrock._get_imported_model

    def get_model(identifier: str) -> Any:
        for record in bedrock._model_import_jobs.values():
            if record["ImportedModelName"] == identifier and not _is_over(record):
                return bedrock._not_found(f"Imported model {identifier} not found.")
        return models(identifier)

    bedrock._get_imported_model = get_model
    by_path = iam_actions.extract_resource_arn

    def resource(service: str, method: str, path: str, *rest: Any, **more: Any) -> str:
        parts = unquote(path).strip("/").removeprefix("model-customization/").split("/", 1)
        if service == "bedrock" and parts[0] in _KINDS:
            if len(parts) == 1 and method == "POST":
                # A new job has no id yet.
                return f"arn:aws:bedrock:{get_region()}:{get_account_id()}:{_KINDS[parts[0]]}/new"
            if len(parts) > 1:
                name = parts[1].rpartition("/")[2]
                return f"arn:aws:bedrock:{get_region()}:{get_account_id()}:{_KINDS[parts[0]]}/{name}"
        return str(by_path(service, method, path, *rest, **more))

    iam_actions.extract_resource_arn = resource


def _complete(name: str, records: Callable[[], dict[str, Record]], done: Callable[[Record], Record]) -> None:
    """Make ``name``, which reads a job, return it as completed once its duration is over."""
    get = getattr(bedrock, name)

    def look(identifier: str) -> Any:
        for record in records().values():
            if identifier not in (record["JobArn"], record["JobName"]) or record["Status"] != "InProgress":
                continue
            if _is_over(record):
                try:
                    record |= {"Status": "Completed", **done(record)}
                except (KeyError, ValueError) as error:
                    record |= {"Status": "Failed", "FailureMessages": [str(error)]}
        return get(identifier)

    setattr(bedrock, name, look)


def _once(module: Any, name: str, records: Callable[[], dict[str, Record]]) -> None:
    """Make the creation of a job idempotent for its client token."""
    create = getattr(module, name)

    def again(body: bytes) -> Any:
        token = json.loads(body or b"{}").get("clientRequestToken")
        for record in records().values():
            if token and record["BodyEcho"].get("clientRequestToken") == token:
                return bedrock._json({"JobArn": record["JobArn"]}, status=202)
        return create(body)

    setattr(module, name, again)


def _imported(record: Record) -> Record:
    return {"ImportedModelArn": bedrock._imported_model_arn(record["ImportedModelName"])}


def _is_over(record: Record) -> bool:
    return time.time() - datetime.fromisoformat(record["CreationTime"]).timestamp() >= TAKES_SECONDS

"""Imports of models that take a moment, as those of Amazon Bedrock take minutes; the emulator's never end.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelImportJob.html
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock

#: What paths of the API are about.
_KINDS = {"imported-models": "imported-model", "model-import-jobs": "model-import-job"}
#: Seconds that an import takes.
TAKES_SECONDS = 2.0


def install() -> None:
    """Let jobs complete, and their models appear only then."""
    get, models = bedrock._get_model_import_job, bedrock._get_imported_model

    def get_job(identifier: str) -> Any:
        for record in bedrock._model_import_jobs.values():
            if identifier in (record["JobArn"], record["JobName"]) and _is_over(record):
                arn = bedrock._imported_model_arn(record["ImportedModelName"])
                record |= {"Status": "Completed", "ImportedModelArn": arn}
        return get(identifier)

    def get_model(identifier: str) -> Any:
        for record in bedrock._model_import_jobs.values():
            if record["ImportedModelName"] == identifier and not _is_over(record):
                return bedrock._not_found(f"Imported model {identifier} not found.")
        return models(identifier)

    bedrock._get_model_import_job, bedrock._get_imported_model = get_job, get_model
    by_path = iam_actions.extract_resource_arn

    def resource(service: str, method: str, path: str, *rest: Any, **more: Any) -> str:
        parts = path.strip("/").split("/", 1)
        if service == "bedrock" and len(parts) > 1 and parts[0] in _KINDS:
            return f"arn:aws:bedrock:{get_region()}:{get_account_id()}:{_KINDS[parts[0]]}/{parts[1]}"
        return str(by_path(service, method, path, *rest, **more))

    iam_actions.extract_resource_arn = resource


def _is_over(record: dict[str, Any]) -> bool:
    return time.time() - datetime.fromisoformat(record["CreationTime"]).timestamp() >= TAKES_SECONDS

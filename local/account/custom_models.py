"""Custom models of Amazon Bedrock: the results of jobs, on-demand deployments, and provisioned throughput.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelCustomizationJob.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetCustomModelDeployment.html
"""

from __future__ import annotations

import json
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock, s3

_PATH = re.compile(r"^/model-customization/custom-model-deployments(?:/(?P<arn>.+))?$")
_SECONDS = 1.0
#: Deployments by their ARN.
_deployments: dict[str, dict[str, Any]] = {}
Response = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Serve deployments, which the emulator lacks, and delay the status of provisioned throughput."""
    handle = app.SERVICE_HANDLERS["bedrock"]

    async def with_deployments(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        found = _PATH.match(path)
        if found is None:
            return await handle(method, path, headers, body, query)  # type: ignore[no-any-return]
        return _deployment(method, unquote(found["arn"] or ""), body)

    app.SERVICE_HANDLERS["bedrock"] = with_deployments
    known = bedrock._validate_resource_arn_for_tags

    def taggable(arn: str) -> Any:
        # The ARN of a custom model contains its base model too.
        return None if arn in bedrock._custom_models else known(arn)

    bedrock._validate_resource_arn_for_tags = taggable
    get = bedrock._get_provisioned

    def provisioned(identifier: str) -> Any:
        for record in bedrock._provisioned_throughputs.values():
            begun = datetime.fromisoformat(record["CreationTime"]).timestamp()
            record["Status"] = "Creating" if time.time() - begun < _SECONDS else "InService"
        return get(identifier)

    bedrock._get_provisioned = provisioned


def trained(record: dict[str, Any]) -> dict[str, Any]:
    """The result of a job for its training records.

    :raises ValueError: if the records do not exist, or not in Bedrock's format.
    """
    bucket, _, key = record["TrainingDataConfig"]["s3Uri"].removeprefix("s3://").partition("/")
    content = s3._get_object_data(bucket, key)
    if content is None:
        raise ValueError(f"s3://{bucket}/{key} does not exist")
    for line in content.decode("utf-8").splitlines():
        if json.loads(line)["schemaVersion"] != "bedrock-conversation-2024":
            raise ValueError("The training data is not of the schema bedrock-conversation-2024")
    place = f"arn:aws:bedrock:{get_region()}:{get_account_id()}:custom-model"
    base = str(record["BaseModelIdentifier"]).rpartition("/")[2]
    arn = f"{place}/{base}/{uuid.uuid4().hex[:12]}"
    bedrock._custom_models[arn] = {
        "ModelArn": arn,
        "ModelName": record["CustomModelName"],
        "BaseModelArn": f"arn:aws:bedrock:{get_region()}::foundation-model/{base}",
        "JobName": record["JobName"],
        "JobArn": record["JobArn"],
        "CustomizationType": record["BodyEcho"].get("customizationType", "FINE_TUNING"),
        "TrainingDataConfig": record["TrainingDataConfig"],
        "OutputDataConfig": record["OutputDataConfig"],
        "HyperParameters": record["BodyEcho"].get("hyperParameters") or {},
        "CreationTime": datetime.now(UTC).isoformat(timespec="seconds"),
        "ModelStatus": "Active",
    }
    bedrock._tags[arn] = {each["key"]: each["value"] for each in record["BodyEcho"].get("customModelTags") or []}
    return {"OutputModelArn": arn}


def _deployment(method: str, arn: str, body: bytes) -> Response:
    if method == "POST":
        asked = json.loads(body or b"{}")
        for record in _deployments.values():
            if record["token"] == asked.get("clientRequestToken"):
                return _json({"customModelDeploymentArn": record["customModelDeploymentArn"]}, 202)
        place = f"arn:aws:bedrock:{get_region()}:{get_account_id()}:custom-model-deployment"
        made = f"{place}/{uuid.uuid4().hex[:12]}"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        _deployments[made] = {
            "customModelDeploymentArn": made,
            "modelDeploymentName": asked["modelDeploymentName"],
            "modelArn": asked["modelArn"],
            "createdAt": now,
            "lastUpdatedAt": now,
            "token": asked.get("clientRequestToken"),
            "begun": time.time(),
        }
        return _json({"customModelDeploymentArn": made}, 202)
    if not arn:
        shown = [
            {**_shown(each), "customModelDeploymentName": each["modelDeploymentName"]} for each in _deployments.values()
        ]
        return _json({"modelDeploymentSummaries": shown}, 200)
    if arn not in _deployments:
        return bedrock._not_found(f"Deployment {arn} not found.")  # type: ignore[no-any-return]
    if method == "DELETE":
        del _deployments[arn]
        return _json({}, 200)
    return _json(_shown(_deployments[arn]), 200)


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    status = "Creating" if time.time() - record["begun"] < _SECONDS else "Active"
    return {**{key: value for key, value in record.items() if key not in ("token", "begun")}, "status": status}


def _json(content: dict[str, Any], status: int) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()

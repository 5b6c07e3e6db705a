"""Imports models into Amazon Bedrock, each with a unique name, and deletes them.

An import cannot be stopped: a model that is deleted during its import is deleted after the import has ended.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelImportJob.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError

from ..custom_resource.serving import Made, Pending, Properties
from .check import ModelFiles, refusals


class NotImportedError(RuntimeError):
    """The model could not be imported."""


class Imports:
    """The imported models of a stack. The physical id is the name of the model and of its job."""

    def __init__(self, bedrock: Any, s3: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._bedrock, self._s3 = bedrock, s3

    def create(self, properties: Properties, token: str) -> Made | Pending:
        """Checks the files, and starts an import."""
        found = list(refusals(ModelFiles(self._s3, properties["Bucket"], properties["Prefix"])))
        if found:
            more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
            address = f"s3://{properties['Bucket']}/{properties['Prefix']}"
            raise NotImportedError(f"{address} cannot be imported: {'; '.join(found[:3])}{more}")
        # Job names cannot be reused, so each request has its own. Repeated deliveries of a request have the same.
        name = f"{_weights(properties)}{token[:8]}"
        if self._job(name) is None:
            self._begin(name, properties, token)
        return Pending(name, "create")

    def update(self, physical_id: str, properties: Properties, _old: Properties, token: str) -> Made | Pending:
        """Imports a new model; CloudFormation deletes the previous one after the deployment has succeeded.

        If the deployment is rolled back, the previous model still exists and is used.
        """
        weights = _weights(properties)
        if physical_id.startswith(weights):
            return self.look(Pending(physical_id, "create"), properties)
        pages = self._bedrock.get_paginator("list_imported_models").paginate(nameContains=weights)
        for each in (each for page in pages for each in page["modelSummaries"]):
            if each["modelName"].startswith(weights):
                return Made(each["modelName"], {"Arn": str(each["modelArn"]), "Name": each["modelName"]})
        return self.create(properties, token)

    def delete(self, physical_id: str, _properties: Properties) -> Pending | None:
        """Deletes a model, after an import that is in progress."""
        job = self._job(physical_id)
        if job and job["status"] == "InProgress":
            return Pending(physical_id, "delete")
        self._delete(physical_id)
        return None

    def look(self, pending: Pending, _properties: Properties) -> Made | Pending:
        """Checks an import."""
        name, job = pending.physical_id, self._job(pending.physical_id)
        if job and job["status"] == "InProgress":
            return pending
        if pending.doing == "delete":
            self._delete(name)
            return Made(name)
        if job is None:
            raise NotImportedError(f"the import of {name} no longer exists")
        if job["status"] != "Completed":
            raise NotImportedError(f"Bedrock did not import {name}: {job.get('failureMessage', 'no reason was given')}")
        return Made(name, {"Arn": str(job["importedModelArn"]), "Name": name})

    def _begin(self, name: str, properties: Properties, token: str) -> None:
        key = {"importedModelKmsKeyId": properties["KeyArn"]} if properties.get("KeyArn") else {}
        try:
            self._bedrock.create_model_import_job(
                jobName=name,
                importedModelName=name,
                roleArn=properties["RoleArn"],
                modelDataSource={"s3DataSource": {"s3Uri": f"s3://{properties['Bucket']}/{properties['Prefix']}"}},
                importedModelTags=[{"key": k, "value": v} for k, v in sorted(properties.get("Tags", {}).items())],
                clientRequestToken=token,
                **key,
            )
        except ClientError as error:
            # The same request was delivered twice at the same time.
            if error.response["Error"]["Code"] != "ConflictException":
                raise

    def _job(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._bedrock.get_model_import_job(jobIdentifier=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return found

    def _delete(self, name: str) -> None:
        try:
            self._bedrock.delete_imported_model(modelIdentifier=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def _weights(properties: Properties) -> str:
    """Returns the prefix of the names of models from these files."""
    told = {name: properties.get(name, "") for name in ("Bucket", "Prefix", "RoleArn", "KeyArn", "Version")}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    return f"{properties['Name'][:40]}-{digest}-"

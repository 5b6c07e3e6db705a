"""Sends a document's chunks to a function that chunks or screens them before they are embedded.

https://docs.aws.amazon.com/bedrock/latest/userguide/kb-custom-transformation.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import bedrock_agent, lambda_svc, s3

from .chunking import Chunk
from .permissions import role_may

Record = dict[str, Any]


class TransformationError(ValueError):
    """Why a function returned no chunks."""


def needs(configuration: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The permissions that the knowledge base's role needs for a data source's transformation, if it has one."""
    own = _own(configuration)
    if not own:
        return []
    bucket, key = _place(own)
    place = f"arn:aws:s3:::{bucket}/{key}*"
    return [("lambda:InvokeFunction", _function(own)), ("s3:PutObject", place), ("s3:GetObject", place)]


def transformed(
    base: str, source: str, uri: str, chunks: Sequence[Chunk], metadata: Mapping[str, Any], configuration: Any
) -> list[Chunk]:
    """The chunks that a data source's function returns for a document's chunks. Unchanged if there is no function.

    :raises TransformationError: if the function does not exist, fails, or returns an invalid response.
    """
    own = _own(configuration)
    if not own:
        return list(chunks)
    bucket, beginning = _place(own)
    key = f"{beginning}aws/bedrock/knowledge_bases/{base}/{source}/{uuid.uuid4()}.json"
    given = [{"contentBody": each.text, "contentType": "TEXT", "contentMetadata": {}} for each in chunks]
    s3._put_object(bucket, key, json.dumps({"fileContents": given}).encode(), {})
    kind = "S3" if uri.startswith("s3://") else "CUSTOM"
    location = {"type": kind, "s3_location": {"uri": uri}} if kind == "S3" else {"type": kind, "custom": {"id": uri}}
    file = {"originalFileLocation": location, "fileMetadata": dict(metadata), "contentBatches": [{"key": key}]}
    answered = _invoke(
        _function(own),
        {
            "version": "1.0",
            "knowledgeBaseId": base,
            "dataSourceId": source,
            "ingestionJobId": uuid.uuid4().hex[:10].upper(),
            "bucketName": bucket,
            "priorTask": "CHUNKING",
            "inputFiles": [file],
        },
    )
    try:
        keys = [batch["key"] for each in answered["outputFiles"] for batch in each["contentBatches"]]
        return [chunk for each in keys for chunk in _read(bucket, each)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TransformationError(f"the function's answer is not what a transformation answers: {error}") from error


def may(base: str, configuration: Mapping[str, Any] | None) -> str:
    """The missing permissions of the knowledge base's role for a transformation, in a sentence. Empty if none."""
    role = str((bedrock_agent._knowledge_bases.get(base) or {}).get("RoleArn", ""))
    for action, place in needs(configuration):
        if not role_may(role, action, place):
            return f"{role} is not authorized to perform: {action} on resource: {place}"
    return ""


def _own(configuration: Mapping[str, Any] | None) -> Record:
    return dict((configuration or {}).get("customTransformationConfiguration") or {})


def _place(own: Record) -> tuple[str, str]:
    bucket, _, key = str(own["intermediateStorage"]["s3Location"]["uri"]).removeprefix("s3://").partition("/")
    return bucket, key if not key or key.endswith("/") else f"{key}/"


def _function(own: Record) -> str:
    (one,) = own["transformations"]
    return str(one["transformationFunction"]["transformationLambdaConfiguration"]["lambdaArn"])


def _invoke(arn: str, event: Record) -> Record:
    record, configuration, _ = lambda_svc._get_func_record_for_ref(arn)
    if record is None or configuration is None:
        raise TransformationError(f"the function {arn} does not exist")
    result = lambda_svc._execute_function_with_config_scope(
        lambda_svc._execution_record_for_config(record, configuration), event
    )
    body = result.get("body")
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    if result.get("error") or not isinstance(body, dict):
        raise TransformationError(f"the function {arn} failed: {str(result.get('body'))[:200]}")
    return body


def _read(bucket: str, key: str) -> list[Chunk]:
    content = s3._get_object_data(bucket, key)
    if content is None:
        raise ValueError(f"s3://{bucket}/{key} does not exist")
    return [
        Chunk(str(each["contentBody"]), metadata=dict(each.get("contentMetadata") or {}))
        for each in json.loads(content)["fileContents"]
        if str(each["contentBody"]).strip()
    ]

"""Batch inference jobs: each record is answered as by Converse, but without a guardrail.

A record whose text begins with "Fail" gets no response, so that the handling of failures can be tested.
https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import s3

from . import embeddings, model_server


def asked(record: dict[str, Any]) -> dict[str, Any]:
    """Read the records of a job and write a result for each."""
    bucket, key = _place(record["InputDataConfig"]["s3InputDataConfig"]["s3Uri"])
    content = s3._get_object_data(bucket, key)
    if content is None:
        raise ValueError(f"s3://{bucket}/{key} does not exist")
    lines = [_answered(record["ModelId"], json.loads(line)) for line in content.decode("utf-8").splitlines()]
    bucket, folder = _place(record["OutputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
    name = f"{record['JobArn'].rpartition('/')[2]}/{key.rpartition('/')[2]}.out"
    s3._put_object(bucket, f"{folder}{name}", "".join(json.dumps(line) + "\n" for line in lines).encode(), {})
    failed = sum("error" in each for each in lines)
    return {"TotalRecordCount": len(lines), "SuccessRecordCount": len(lines) - failed, "ErrorRecordCount": failed}


def _answered(model: str, line: dict[str, Any]) -> dict[str, Any]:
    given = line["modelInput"]
    if embeddings.mode_of(model) in embeddings.MODES:
        return _embedded(model, line)
    text = given["messages"][-1]["content"][0]["text"]
    if text.startswith("Fail"):
        return {**line, "error": {"errorCode": 400, "errorMessage": "This record could not be processed"}}
    message, used = model_server.complete(model, given["messages"], given.get("system", []), given["inferenceConfig"])
    system = given.get("system", [])
    reply = str(message["content"]) if message else model_server.fixed_reply(model, given["messages"], system)
    used = used or (len(text) // 4, len(reply) // 4)
    said = {"message": {"role": "assistant", "content": [{"text": reply}]}}
    usage = {"inputTokens": used[0], "outputTokens": used[1], "totalTokens": sum(used)}
    return {**line, "modelOutput": {"output": said, "stopReason": "end_turn", "usage": usage}}


def _embedded(model: str, line: dict[str, Any]) -> dict[str, Any]:
    name = embeddings.model_of(model) or model
    status, _, body = embeddings.answer(f"/model/{name}/invoke", json.dumps(line["modelInput"]).encode())
    answered = json.loads(body)
    if status >= 400:
        return {**line, "error": {"errorCode": status, "errorMessage": answered["message"]}}
    return {**line, "modelOutput": answered}


def _place(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key

"""What may be deployed: safetensors, and no pickle whatever its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_genai.functions.custom_resource import serving
from aws_genai.functions.weights_check import handler as weights_check
from aws_genai.functions.weights_check.check import Stored, problems

HEADER = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
SAFE = len(HEADER).to_bytes(8, "little") + HEADER + bytes(4)
MODEL = {"config.json": b"{}", "model.safetensors": SAFE, "empty.txt": b""}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="models")
        weights_check.s3.cache_clear()
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield client
        weights_check.s3.cache_clear()


def look(s3: Any, files: dict[str, bytes], *pickled: str) -> list[str]:
    for name, content in files.items():
        s3.put_object(Bucket="models", Key=f"mine/3/{name}", Body=content)
    # Another version beside it is nobody's concern.
    s3.put_object(Bucket="models", Key="mine/30/model.pkl", Body=b"\x80\x04")
    return list(problems(Stored(s3, "models", "mine/3/"), pickled))


def test_safetensors_may_be_loaded(s3: Any) -> None:
    assert look(s3, MODEL) == []


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("pytorch_model.bin", b"PK\x03\x04zip", "is a pickle"),
        ("adapter/optimizer.pt", b"\x80\x02", "is a pickle"),
        ("notes.txt", b"\x80\x04\x95", "with another extension"),
        ("archive.json", b"PK\x03\x04zip", "with another extension"),
        ("other.safetensors", b"\x80\x04\x95abcdef", "with another extension"),
        ("other.safetensors", b"short", "is not a valid safetensors file"),
        ("other.safetensors", (2**40).to_bytes(8, "little") + b"{", "is not a valid safetensors file"),
    ],
)
def test_what_runs_code_is_refused(s3: Any, name: str, content: bytes, word: str) -> None:
    (found,) = look(s3, {**MODEL, name: content})
    assert found.startswith(name)
    assert word in found


def test_a_pickle_that_is_named_is_allowed_and_no_other(s3: Any) -> None:
    assert look(s3, {"model.pt": b"PK\x03\x04"}, "model.pt") == []
    (found,) = look(s3, {"model.pt": b"PK\x03\x04", "other.pt": b"PK\x03\x04"}, "model.pt")
    assert found.startswith("other.pt")


def test_a_place_without_weights_is_refused(s3: Any) -> None:
    (found,) = look(s3, {"config.json": b"{}"})
    assert "there are no safetensors" in found


def test_a_deployment_is_told_what_is_wrong(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    look(s3, {**MODEL, **{f"{number}.pkl": b"\x80\x04" for number in range(5)}})
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(serving._Answer, "_send", lambda _self, answer: answers.append(answer))
    request = {
        "RequestType": "Create",
        "ResponseURL": "https://nowhere.example",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "Weights",
        "ResourceProperties": {"Bucket": "models", "Prefix": "mine/3/", "Pickled": []},
    }
    context = type("Context", (), {"get_remaining_time_in_millis": lambda _self: 60_000})()
    weights_check.handler(request, context)
    assert answers[0]["Status"] == "FAILED"
    assert "s3://models/mine/3/ cannot be deployed" in answers[0]["Reason"]
    assert "and 2 more" in answers[0]["Reason"]
    for number in range(5):
        s3.delete_object(Bucket="models", Key=f"mine/3/{number}.pkl")
    weights_check.handler(
        {**request, "RequestType": "Update", "PhysicalResourceId": "x", "OldResourceProperties": {}}, context
    )
    assert answers[1]["Status"] == "SUCCESS"
    weights_check.handler({**request, "RequestType": "Delete", "PhysicalResourceId": "models/mine/3/"}, context)
    assert answers[2]["Status"] == "SUCCESS"
    assert len(list(Stored(s3, "models", "mine/3/").names())) == len(MODEL)

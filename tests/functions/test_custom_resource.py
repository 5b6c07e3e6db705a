"""Custom resources: CloudFormation always gets one answer, whatever happens, and a copy of files leaves nothing behind."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_genai.functions.bucket_files import handler as bucket_files
from aws_genai.functions.custom_resource import serving
from aws_genai.functions.custom_resource.serving import NEVER_MADE, Made, serve


class CloudFormation:
    """Where answers are sent to, on loopback."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.failures = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.failures:
                    outer.failures -= 1
                    self.send_error(503)
                    return
                outer.answers.append({**json.loads(body), "type": self.headers.get("Content-Type")})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer?signature=x"

    def request(self, kind: str = "Create", **more: Any) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": self.url,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Files",
            "ResourceProperties": {},
            **more,
        }


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    monkeypatch.setattr(serving.time, "sleep", lambda _seconds: None)
    made = CloudFormation()
    yield made
    made.server.shutdown()
    made.server.server_close()


def context(milliseconds: int = 60_000) -> Any:
    return SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)


class Thing:
    """A kind of resource that does as it is told, or fails."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.act = act
        self.tokens: list[str] = []
        self.deleted: list[str] = []

    def create(self, properties: Any, token: str) -> Made:
        self.tokens.append(token)
        self.act()
        return Made("thing-1", {"Arn": "arn"})

    def update(self, physical_id: str, properties: Any, old: Any, token: str) -> Made:
        self.act()
        return Made(physical_id)

    def delete(self, physical_id: str, properties: Any) -> None:
        self.act()
        self.deleted.append(physical_id)


def fail() -> None:
    raise PermissionError("AccessDenied: may not")


def test_a_success_is_told_with_its_attributes(cloudformation: CloudFormation) -> None:
    serve(cloudformation.request(), context(), Thing())
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == ("SUCCESS", "thing-1", {"Arn": "arn"})
    assert (answer["StackId"], answer["RequestId"], answer["LogicalResourceId"]) == ("stack", "request", "Files")
    assert not answer["type"], "the signature covers no content type"


def test_a_failed_creation_is_told_and_its_deletion_does_nothing(cloudformation: CloudFormation) -> None:
    serve(cloudformation.request(), context(), Thing(fail))
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == "PermissionError: AccessDenied: may not"
    assert answer["PhysicalResourceId"] == f"{NEVER_MADE}Files"
    thing = Thing()
    serve(cloudformation.request("Delete", PhysicalResourceId=answer["PhysicalResourceId"]), context(), thing)
    assert cloudformation.answers[1]["Status"] == "SUCCESS"
    assert thing.deleted == []


def test_a_failed_update_keeps_the_id_that_serves(cloudformation: CloudFormation) -> None:
    request = cloudformation.request("Update", PhysicalResourceId="thing-1", OldResourceProperties={})
    serve(request, context(), Thing(fail))
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "thing-1")


def test_a_failed_deletion_is_told(cloudformation: CloudFormation) -> None:
    serve(cloudformation.request("Delete", PhysicalResourceId="thing-1"), context(), Thing(fail))
    assert cloudformation.answers[0]["Status"] == "FAILED"


def test_a_request_that_is_none_is_told(cloudformation: CloudFormation) -> None:
    serve(cloudformation.request("Rename"), context(), Thing())
    assert "is not a request" in cloudformation.answers[0]["Reason"]


def test_running_out_of_time_is_told_once(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(serving, "_MARGIN_MS", 0)
    thing = Thing(lambda: bool(done.wait(2)) and None)
    runner = threading.Thread(target=serve, args=(cloudformation.request(), context(150), thing))
    runner.start()
    deadline = time.monotonic() + 5
    while not cloudformation.answers and time.monotonic() < deadline:
        done.wait(0.02)
    done.set()
    runner.join(5)
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "No result within" in answer["Reason"]


def test_an_answer_is_sent_again_until_it_arrives(cloudformation: CloudFormation) -> None:
    cloudformation.failures = 3
    serve(cloudformation.request(), context(), Thing())
    assert len(cloudformation.answers) == 1


def test_a_request_that_comes_twice_has_one_token(cloudformation: CloudFormation) -> None:
    thing = Thing()
    for request in ("first", "first", "second"):
        serve(cloudformation.request(RequestId=request), context(), thing)
    first, again, second = thing.tokens
    assert first == again != second


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        bucket_files.s3.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket="assets")
        client.create_bucket(Bucket="scripts")
        client.put_bucket_versioning(Bucket="scripts", VersioningConfiguration={"Status": "Enabled"})
        yield client
        bucket_files.s3.cache_clear()


def archive(client: Any, key: str, **contents: str) -> dict[str, str]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, text in contents.items():
            made.writestr(name.replace("_", "/") + ".sh", text)
    client.put_object(Bucket="assets", Key=key, Body=packed.getvalue())
    return {"SourceBucket": "assets", "SourceKey": key, "Bucket": "scripts", "Prefix": f"{key}/"}


def names(client: Any) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket="scripts").get("Contents", [])]


def versions(client: Any) -> int:
    found = client.list_object_versions(Bucket="scripts")
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


def test_files_come_change_and_go(bucket: Any, cloudformation: CloudFormation) -> None:
    first = archive(bucket, "one", on="1", jobs_a="2")
    bucket_files.handler(cloudformation.request(ResourceProperties=first), context())
    assert names(bucket) == ["one/jobs/a.sh", "one/on.sh"]
    second = archive(bucket, "two", on="3")
    made = cloudformation.answers[-1]["PhysicalResourceId"]
    update = cloudformation.request(
        "Update", PhysicalResourceId=made, ResourceProperties=second, OldResourceProperties=first
    )
    bucket_files.handler(update, context())
    # The old files stay until CloudFormation deletes what the old id names.
    assert names(bucket) == ["one/jobs/a.sh", "one/on.sh", "two/on.sh"]
    assert cloudformation.answers[-1]["PhysicalResourceId"] != made
    for physical_id in (made, cloudformation.answers[-1]["PhysicalResourceId"]):
        request = cloudformation.request("Delete", PhysicalResourceId=physical_id, ResourceProperties=second)
        bucket_files.handler(request, context())
    assert versions(bucket) == 0


def test_the_same_creation_twice_is_one(bucket: Any, cloudformation: CloudFormation) -> None:
    properties = archive(bucket, "one", on="1")
    for _ in range(2):
        bucket_files.handler(cloudformation.request(ResourceProperties=properties), context())
    assert names(bucket) == ["one/on.sh"]
    assert len({answer["PhysicalResourceId"] for answer in cloudformation.answers}) == 1
    delete = cloudformation.request("Delete", PhysicalResourceId="scripts/one/", ResourceProperties=properties)
    for _ in range(2):
        bucket_files.handler(delete, context())
    assert versions(bucket) == 0
    assert {answer["Status"] for answer in cloudformation.answers} == {"SUCCESS"}


def test_a_bucket_that_is_gone_holds_no_files(bucket: Any, cloudformation: CloudFormation) -> None:
    delete = cloudformation.request("Delete", PhysicalResourceId="absent/one/", ResourceProperties={})
    bucket_files.handler(delete, context())
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("physical_id", ["scripts", "scripts/", "scripts//"])
def test_a_whole_bucket_is_never_emptied(bucket: Any, cloudformation: CloudFormation, physical_id: str) -> None:
    bucket.put_object(Bucket="scripts", Key="other", Body=b"x")
    delete = cloudformation.request("Delete", PhysicalResourceId=physical_id, ResourceProperties={})
    bucket_files.handler(delete, context())
    assert cloudformation.answers[0]["Status"] == "FAILED"
    assert names(bucket) == ["other"]


def test_an_archive_that_is_not_there_is_told(bucket: Any, cloudformation: CloudFormation) -> None:
    properties = {"SourceBucket": "assets", "SourceKey": "absent", "Bucket": "scripts", "Prefix": "absent/"}
    bucket_files.handler(cloudformation.request(ResourceProperties=properties), context())
    assert "NoSuchKey" in cloudformation.answers[0]["Reason"]
    assert names(bucket) == []

"""Calls every operation and every path of the emulator's tables in one process, and tells what was answered.

Run by the account's own Python. Four callers: without credentials, with a bearer token, with a wrong signature, and a
user who may do nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCOUNT = "000000000000"
#: A model that the account has, for paths with one.
MODEL = "amazon.nova-lite-v1:0"
HOST = "127.0.0.1:4566"
CALLERS = ("anonymous", "bearer", "wrong signature", "nobody")
Answer = tuple[int, str, str]


class Caller:
    """Sends requests as one of the callers."""

    def __init__(self, application: Any, name: str, key: dict[str, str]) -> None:
        self.application = application
        self.name = name
        secret = "x" * 40 if name == "wrong signature" else key["SecretAccessKey"]
        self.credentials = Credentials(key["AccessKeyId"], secret)

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes, scope: str) -> Answer:
        """The status, the error's name and the beginning of an answer."""
        headers = {"Host": HOST, **headers}
        if self.name == "bearer":
            headers["Authorization"] = "Bearer x"
        elif self.name != "anonymous":
            request = AWSRequest(method, f"http://{HOST}{target}", headers=dict(headers), data=body)
            signer = S3SigV4Auth if scope == "s3" else SigV4Auth
            signer(self.credentials, scope, "us-east-1").add_auth(request)
            headers = dict(request.headers.items())
        return await _sent(self.application, method, target, headers, body)


async def _sent(application: Any, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    path, _, query = target.partition("?")
    scope = {
        **{"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()},
        "headers": [(name.lower().encode(), str(value).encode()) for name, value in headers.items()],
        **{"client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1"},
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    text = b"".join(message.get("body", b"") for message in sent).decode(errors="replace")
    head = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    found = re.search(r'(?:"__type": ?"|<Code>)([^"<]+)', text)
    return sent[0]["status"], found[1] if found else head.get("x-amzn-errortype", ""), text[:160]


def operation(model: dict[str, Any], name: str, facts: dict[str, Any]) -> tuple[str, str, dict[str, str], bytes]:
    """A request of one operation, in the protocol of its service."""
    headers = {"Host": model["host"]}
    # A name that no operation takes for a keyword, and that is a bucket's; a model that there is.
    target = re.sub(r"\{[^}]+\}", "xxx", facts["path"].replace("{modelId}", MODEL))
    match model["protocol"]:
        case "json":
            content = f"application/x-amz-json-{model['json']}"
            return "POST", "/", {**headers, "X-Amz-Target": f"{model['target']}.{name}", "Content-Type": content}, b"{}"
        case "query" | "ec2":
            form = f"Action={name}&Version={model['version']}".encode()
            return "POST", "/", {**headers, "Content-Type": "application/x-www-form-urlencoded"}, form
        case "smithy-rpc-v2-cbor":
            target = f"/service/{model['target']}/operation/{name}"
            return "POST", target, {**headers, "Content-Type": "application/cbor"}, b"\xa0"
    if facts["method"] in ("POST", "PUT", "PATCH"):
        return facts["method"], target, {**headers, "Content-Type": "application/json"}, b"{}"
    return facts["method"], target, headers, b""


def requests_of(path: str) -> Iterator[tuple[str, str]]:
    """Requests of a path of the emulator's, or of an expression for some: it, and what may lie under it."""
    plain = re.sub(r"\(\?[:!i][^()]*\)", "", path.lstrip("^").rstrip("$"))
    plain = re.sub(r"\(\?:([^|()]+)[^()]*\)|\(([^|()]+)[^()]*\)", r"\1\2", plain)
    plain = (
        re.sub(r"\[[^\]]*\](?:\{[^}]*\}|[+*])?", "xxx00000", plain).replace("\\d{4}", "2015").replace("\\d{2}", "03")
    )
    plain = re.sub(r"[\\^$+*?()|]", "", plain)
    for method in ("GET", "POST", "PUT", "DELETE"):
        for under in ("", "xxx", "/xxx/yyy"):
            yield method, re.sub("//+", "/", plain + under)


async def walk(tables: dict[str, Any]) -> dict[str, Any]:
    """Every answer: of operations by service and name, of paths by method and path."""
    from emulator_tables import APPLICATION
    from ministack.core.responses import set_request_account_id
    from ministack.services import iam

    set_request_account_id(ACCOUNT)
    iam._create_user({"UserName": ["nobody"]})
    made = iam._create_access_key({"UserName": ["nobody"]})[2].decode()
    key = {name: re.search(f"<{name}>([^<]+)", made)[1] for name in ("AccessKeyId", "SecretAccessKey")}  # type: ignore[index]
    callers = [Caller(APPLICATION, name, key) for name in CALLERS]
    answers: list[tuple[str, str, str, Answer]] = []
    for service in tables["services"]:
        for model in service["models"]:
            for name, facts in model["operations"].items():
                request = operation(model, name, facts)
                for caller in callers:
                    answer = await caller.send(*request, model["scope"])
                    answers.append((caller.name, service["name"], name, answer))
    paths: list[tuple[str, str, str, Answer]] = []
    for listed in tables["paths"].values():
        for path in listed:
            for method, target in requests_of(path):
                for caller in callers[:2]:
                    paths.append((caller.name, method, target, await caller.send(method, target, {}, b"{}", "s3")))
    return {"operations": answers, "paths": paths}


if __name__ == "__main__":
    json.dump(asyncio.run(walk(json.load(sys.stdin))), sys.stdout)

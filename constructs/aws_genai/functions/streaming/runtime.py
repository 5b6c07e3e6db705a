"""A runtime loop for the Lambda Runtime API whose functions stream their responses.

The managed runtime of Python cannot stream responses yet: https://github.com/aws/aws-lambda-roadmap/issues/39. Lambda
starts this loop instead, through ``AWS_LAMBDA_EXEC_WRAPPER``. A handler writes to the stream of its context::

    def handler(event, context):
        stream = context.stream
        stream.begin(200, {"Content-Type": "text/event-stream"})
        stream.write(b"data: hello\\n\\n")

The return value of a handler is ignored. If a handler raises an error before ``begin``, the invocation fails as usual,
and API Gateway sends the error response. If it raises an error later, the response ends incomplete.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""

from __future__ import annotations

import base64
import http.client
import importlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

_VERSION = "/2018-06-01/runtime"
#: Content type of a response that begins with a status and headers:
#: https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html
_WITH_PRELUDE = "application/vnd.awslambda.http-integration-response"
_END_OF_PRELUDE = b"\0" * 8
_ERROR_TYPE, _ERROR_BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"

Handler = Callable[[Any, "Context"], Any]


class Stream:
    """The response to one invocation. Its methods may be called from several threads.

    :param api: host and port of the Runtime API.
    :param request_id: id of the invocation.
    """

    def __init__(self, api: str, request_id: str) -> None:
        self._path = f"{_VERSION}/invocation/{request_id}/response"
        self._connection = http.client.HTTPConnection(api)
        self._lock = threading.Lock()
        #: Whether the response has already begun.
        self.begun = False
        #: Value of the monotonic clock, in seconds, when data was last written.
        self.written = time.monotonic()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends the status and the headers of the HTTP response. Call it once, before ``write``."""
        with self._lock:
            if self.begun:
                raise RuntimeError("the response has already begun")
            self._connection.putrequest("POST", self._path)
            for name, value in {
                "Lambda-Runtime-Function-Response-Mode": "streaming",
                "Transfer-Encoding": "chunked",
                "Content-Type": _WITH_PRELUDE,
                "Trailer": f"{_ERROR_TYPE}, {_ERROR_BODY}",
            }.items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
            self.begun = True
            prelude = {"statusCode": status, "headers": dict(headers)}
            self._send(json.dumps(prelude).encode() + _END_OF_PRELUDE)

    def write(self, data: bytes) -> None:
        """Sends a part of the body."""
        with self._lock:
            if not self.begun:
                raise RuntimeError("begin the response first")
            self._send(data)

    def _send(self, data: bytes) -> None:
        if data:  # an empty chunk would end the response
            self._connection.send(b"%x\r\n%s\r\n" % (len(data), data))
            self.written = time.monotonic()

    def end(self, error: BaseException | None = None) -> None:
        """Ends the response. With an error, Lambda counts a failed invocation, and the response is incomplete."""
        with self._lock:
            trailers = b""
            if error is not None:
                body = base64.b64encode(json.dumps(described(error)).encode())
                kind = type(error).__name__.encode()
                trailers = b"%s: %s\r\n%s: %s\r\n" % (_ERROR_TYPE.encode(), kind, _ERROR_BODY.encode(), body)
            self._connection.send(b"0\r\n%s\r\n" % trailers)
            self._connection.getresponse().read()
            self._connection.close()


class Context:
    """The context of an invocation, with the properties of Lambda's context object.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html

    :param headers: headers of the Runtime API.
    :param stream: the response.
    """

    def __init__(self, headers: http.client.HTTPMessage, stream: Stream) -> None:
        self.stream = stream
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn", "")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = self.client_context = None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Returns the number of milliseconds until the invocation times out."""
        return max(0, self._deadline - int(time.time() * 1000))


def described(error: BaseException) -> dict[str, Any]:
    """Returns an error in the format of Lambda's managed runtime."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_list(traceback.extract_tb(error.__traceback__)),
    }


def _report(api: str, path: str, error: BaseException) -> None:
    connection = http.client.HTTPConnection(api)
    content = json.dumps(described(error)).encode()
    headers = {_ERROR_TYPE: type(error).__name__, "Content-Type": "application/json"}
    connection.request("POST", f"{_VERSION}/{path}", body=content, headers=headers)
    connection.getresponse().read()
    connection.close()


def serve(api: str, polling: http.client.HTTPConnection, handler: Handler) -> None:
    """Handles one invocation."""
    polling.request("GET", f"{_VERSION}/invocation/next")
    response = polling.getresponse()
    event = json.loads(response.read())
    request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    # The X-Ray SDK reads the trace id of an invocation from this variable.
    os.environ["_X_AMZN_TRACE_ID"] = response.headers.get("Lambda-Runtime-Trace-Id", "")
    stream = Stream(api, request_id)
    try:
        handler(event, Context(response.headers, stream))
        if not stream.begun:
            raise RuntimeError("the handler sent no response")
    except Exception as error:
        traceback.print_exc()
        if stream.begun:
            stream.end(error)
        else:
            _report(api, f"invocation/{request_id}/error", error)
    else:
        stream.end()


def main(api: str, name: str) -> None:
    """Loads the handler and handles invocations until Lambda ends the process.

    :param api: host and port of the Runtime API.
    :param name: the handler, such as ``functions.chat.handler.handler``.
    """
    module, _, function = name.rpartition(".")
    try:
        handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), function)
    except Exception as error:
        traceback.print_exc()
        _report(api, "init/error", error)
        sys.exit(1)
    polling = http.client.HTTPConnection(api)
    while True:
        serve(api, polling, handler)


if __name__ == "__main__":
    main(os.environ["AWS_LAMBDA_RUNTIME_API"], os.environ["_HANDLER"])

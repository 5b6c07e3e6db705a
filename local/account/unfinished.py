"""Work in progress outside of calls: asynchronous invocations, bucket notifications, state machine executions.

AWS retains an event until a function has processed it or its retries are exhausted, at least once. Here they run in
threads of the account. Each is recorded until it is done, and repeated by the account that is started next. An
execution of a state machine starts again, where AWS would continue from the state that it had reached.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import contextvars
import json
import logging
import math
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, lambda_svc, s3, sqs, stepfunctions

_log = logging.getLogger("account")
#: Maximum number of attempts, as in Lambda.
_TRIES = 3
#: Seconds after which the results of an event are on disk: several rounds of writing.
_KNOWN = 6.0
#: Invocations by a sequence number: the function, the event, and the number of failures.
calls: dict[str, dict[str, Any]] = {}
#: Bucket notifications, by a sequence number: the target, and the arguments.
told: dict[str, dict[str, Any]] = {}
_call: contextvars.ContextVar[str] = contextvars.ContextVar("call", default="")
_event: contextvars.ContextVar[str] = contextvars.ContextVar("event", default="")


def install() -> None:
    """Record work outside of calls, until it is done."""
    lambda_svc.invoke_async_with_retry = _noted_call(lambda_svc.invoke_async_with_retry)
    lambda_svc._execute_function_dispatch = _tried(lambda_svc._execute_function_dispatch)
    eventbridge._dispatch_to_lambda = _to_function
    s3._fire_s3_event_async = _noted_event(s3._fire_s3_event_async)
    s3._fire_s3_event = _done(s3._fire_s3_event)


def forget() -> bool:
    """Delete bucket notifications that their receivers have stored by now. Returns whether there were any.

    Until then, they would be sent again: at least once, as on AWS.
    """
    long_ago = [number for number, event in list(told.items()) if time.time() - event.get("done", math.inf) > _KNOWN]
    for number in long_ago:
        told.pop(number, None)
    return bool(long_ago)


def hand_back() -> None:
    """Make messages visible again that functions had received but not completed when the account ended.

    On AWS, the poller of a queue does not end with the function. Here, a message would stay invisible until its
    visibility timeout expires.
    """
    polled = {mapping.get("EventSourceArn") for mapping in lambda_svc._esms._data.values()}
    for queue in sqs._queues._data.values():
        if queue["attributes"].get("QueueArn") in polled:
            for message in queue["messages"]:
                if message["receive_count"]:
                    message["visible_at"] = min(message["visible_at"], time.time())


def resume() -> None:
    """Repeat the work that the previous account had not completed."""
    for number, call in list(calls.items()):
        calls.pop(number)
        with request_scope(*call["scope"]):
            _to_function(call["function"], json.dumps(call["event"]))
    for number, event in list(told.items()):
        told.pop(number)
        with request_scope(*event["scope"]):
            s3._fire_s3_event_async(*event["arguments"], **event["more"])
    for (account, region, arn), execution in list(stepfunctions._executions._data.items()):
        # The emulator marks executions that ran when it ended; AWS continues from the state that was reached.
        if execution.get("error") == "States.ServiceRestart":
            execution.update(status="RUNNING", stopDate=None, error=None, cause=None)
            with request_scope(account, region):
                spawn_background(stepfunctions._run_execution, arn, thread_name="account-execution")


def _to_function(arn: str, payload: str) -> None:
    """EventBridge invokes functions asynchronously, with retries and a destination for failures."""
    try:
        event = json.loads(payload)
    except (ValueError, TypeError):
        event = {"body": payload}
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        _log.warning("Function %s, which an event is for, is not there", name)
        return
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)


def _noted_call(invoke: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def noted(function: dict[str, Any], event: Any) -> None:
        number, config = str(uuid.uuid4()), function.get("config") or function
        scope = (get_account_id(), get_region())
        calls[number] = {"function": config["FunctionArn"], "event": event, "failures": 0, "scope": scope}
        token = _call.set(number)
        try:
            invoke(function, event)  # its thread has a copy of this context
        finally:
            _call.reset(token)

    return noted


def _tried(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    def tried(*arguments: Any) -> Any:
        number = _call.get()
        result = dispatch(*arguments)
        call = calls.get(number)
        if call is not None:
            call["failures"] += bool(isinstance(result, dict) and result.get("error"))
            if not result.get("error") or call["failures"] >= _TRIES:
                calls.pop(number, None)
        return result

    return tried


def _noted_event(fire: Callable[..., None]) -> Callable[..., None]:
    def noted(bucket: str, *arguments: Any, **more: Any) -> None:
        if bucket not in s3._bucket_notifications:
            return
        number, arguments = str(uuid.uuid4()), (bucket, *arguments)
        told[number] = {"arguments": arguments, "more": more, "scope": (get_account_id(), get_region())}
        token = _event.set(number)
        try:
            fire(*arguments, **more)
        finally:
            _event.reset(token)

    return noted


def _done(fire: Callable[..., None]) -> Callable[..., None]:
    def fired(*arguments: Any, **more: Any) -> None:
        number = _event.get()
        fire(*arguments, **more)
        if number in told:
            told[number]["done"] = time.time()

    return fired

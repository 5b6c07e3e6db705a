"""Permissions of a function's role that AWS Lambda itself uses, beside running the function with it."""

from __future__ import annotations

import logging
from typing import Any

from ministack.core.iam_evaluator import validate_role_arn
from ministack.core.responses import get_region
from ministack.services import cloudwatch_logs, kms, lambda_svc, sns

from ..permissions import role_may
from .base import Model, ServiceError, wrap

TYPE = "AWS::Lambda::Function"
_log = logging.getLogger("account")

#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
VPC_ACTIONS = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface")


def install() -> None:
    """Wrap the engine's handler of functions, and Lambda's actions after an invocation."""
    wrap(TYPE, before=_check_role, after=_complete)
    lambda_svc._emit_lambda_logs = _guarded_logs(lambda_svc._emit_lambda_logs)
    lambda_svc._route_async_failure = _guarded_failure(lambda_svc._route_async_failure)


def _check_role(properties: Model) -> None:
    """Lambda rejects a function whose role lacks permissions that the service itself needs."""
    role = properties["Role"]
    error = validate_role_arn(role)
    if error:
        raise ServiceError(error)
    target = _dead_letters(properties)
    refused = "The provided execution role does not have permissions to call {0} on {1} (Service: Lambda)"
    if target and not role_may(role, f"{_service(target)}:{_send(target)}", target):
        raise ServiceError(refused.format(_send(target), _service(target).upper()))
    if properties.get("VpcConfig", {}).get("SubnetIds"):
        for action in VPC_ACTIONS:
            if not role_may(role, f"ec2:{action}", "*"):
                raise ServiceError(refused.format(action, "EC2"))


def _complete(name: str, properties: Model) -> None:
    """Store properties that the emulator's handler ignores."""
    function = lambda_svc._functions[name]
    if "ReservedConcurrentExecutions" in properties:
        function["concurrency"] = int(properties["ReservedConcurrentExecutions"])
    for key in ("DeadLetterConfig", "VpcConfig"):
        if properties.get(key):
            function["config"][key] = properties[key]


def _dead_letters(properties: Model) -> str:
    return str((properties.get("DeadLetterConfig") or {}).get("TargetArn", ""))


def _service(arn: str) -> str:
    return arn.split(":")[2]


def _send(arn: str) -> str:
    return "SendMessage" if _service(arn) == "sqs" else "Publish"


def _guarded_logs(emit: Any) -> Any:
    """Logs reach CloudWatch only if the role allows it, as on AWS, where a function without permission has no logs."""

    def guarded(function: Model, *args: Any, **kwargs: Any) -> None:
        config = function.get("config") or function
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        arn = f"{cloudwatch_logs._make_group_arn(group).removesuffix(':*')}:log-stream:any"
        denied = [a for a in ("CreateLogStream", "PutLogEvents") if not role_may(config["Role"], f"logs:{a}", arn)]
        if denied:
            _log.warning("AccessDenied: %s may not call logs:%s on %s", config["Role"], denied[0], group)
            return
        emit(function, *args, **kwargs)

    return guarded


def _guarded_failure(route: Any) -> Any:
    """A failed asynchronous invocation reaches its dead-letter queue only if the role and the key policy allow it."""

    def guarded(target: str, name: str, *args: Any) -> None:
        role = lambda_svc._functions[name]["config"]["Role"]
        needed: list[tuple[str, str, dict[str, str]]] = [(f"{_service(target)}:{_send(target)}", target, {})]
        key = kms._resolve_key((sns._topics.get(target) or {}).get("attributes", {}).get("KmsMasterKeyId", ""))
        if key:
            via = {"kms:ViaService": f"sns.{get_region()}.amazonaws.com"}
            needed += [("kms:GenerateDataKey", key["Arn"], via), ("kms:Decrypt", key["Arn"], via)]
        denied = [action for action, resource, context in needed if not role_may(role, action, resource, context)]
        if denied:
            _log.warning("AccessDenied: %s may not call %s for the failed calls of %s", role, denied[0], name)
            return
        route(target, name, *args)

    return guarded

"""The APIs of SageMaker and Application Auto Scaling for endpoint records, as far as the sweeper calls them.

Each call is authorized as AWS authorizes it: on the endpoint, with its tags or those of the request as condition keys.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id

from .resources import base, sagemaker, scaling

Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

#: The services added here: their signing name, and the prefix of their targets.
SERVICES = {"sagemaker": "SageMaker", "application-autoscaling": "AnyScaleFrontendService"}
ENDPOINT, CONFIG = sagemaker.Endpoint(), sagemaker.EndpointConfig.type
COMPONENT = sagemaker.InferenceComponent()


class RefusedError(ValueError):
    """The error that the service returns for an invalid call."""


def install() -> None:
    """Register the two services with the emulator."""
    by_name = iam_actions.extract_iam_action

    def action(service: str, *args: Any) -> str | None:
        return None if service in SERVICES else by_name(service, *args)

    iam_actions.extract_iam_action = action
    for service, target in SERVICES.items():
        router.SERVICE_PATTERNS[service] = {
            "target_prefixes": [target],
            "host_patterns": [rf"{service}\."],
            "credential_scope": service,
        }
        app.SERVICE_HANDLERS[service] = _handler(service)


def add_operations(
    operations: Mapping[str, Callable[[Body], Body]],
    subject: Callable[[str, Body], tuple[str, dict[str, str]] | None],
) -> None:
    """Add operations of SageMaker, and the resource that each is for."""
    _OPERATIONS.update(operations)
    _SUBJECTS.append(subject)


def replace_config(name: str, config: str) -> None:
    """Allow an endpoint's configuration to change."""
    found = _endpoint(name)
    wanted = {**found, "EndpointConfigName": config, "LastModifiedTime": time.time()}
    ENDPOINT.on_update(_identifier(name), found, wanted, "none", "Endpoint")


def _handler(service: str) -> Callable[..., Any]:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        request: Body = json.loads(body or b"{}")
        answer = _OPERATIONS.get(f"{service}:{operation}")
        if answer is None:
            told = operation or f"{method} {path}"
            return _error(f"Operation {told} is not implemented in the local account", "UnknownOperationException")
        denied = _denied(service, operation, request, headers, query)
        if denied is not None:
            return denied
        try:
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer(request)).encode()
        except (RefusedError, base.ServiceError) as error:
            return _error(str(error), "ValidationException")

    return handle


def _error(message: str, code: str) -> Response:
    return (
        400,
        {"Content-Type": "application/x-amz-json-1.1"},
        json.dumps({"__type": code, "message": message}).encode(),
    )


def _denied(
    service: str, operation: str, request: Body, headers: dict[str, str], query: dict[str, Any]
) -> Response | None:
    resource, context = _subject(service, operation, request)
    action = f"{service}:{operation}"
    key = extract_access_key_id(headers, query)
    refused = iam_evaluator.enforce(key, action, service, get_region(), resource_arn=resource, service_context=context)
    if refused is None:
        return None
    if isinstance(refused, iam_evaluator.AuthError):
        return _error(refused.message, refused.code)
    return iam_actions.access_denied_response(  # type: ignore[no-any-return]
        service, action, refused.principal_arn, str(uuid.uuid4()), headers=headers, resource_arn=resource
    )


def _subject(service: str, operation: str, request: Body) -> tuple[str, dict[str, str]]:
    """The resource of a call, and the condition keys of its tags."""
    for subject in _SUBJECTS:
        known = subject(operation, request) if service == "sagemaker" else None
        if known is not None:
            return known
    place = f"{get_region()}:{get_account_id()}"
    name = request.get("EndpointName") or str(request.get("ResourceArn", "")).rpartition("/")[2]
    if service == "application-autoscaling":
        if operation.startswith("Describe"):
            return "*", {}
        return f"arn:aws:{service}:{place}:scalable-target/any", {}
    if operation == "DescribeEndpointConfig":
        return f"arn:aws:sagemaker:{place}:endpoint-config/{str(request.get('EndpointConfigName', '')).lower()}", {}
    if component := request.get("InferenceComponentName"):
        return f"arn:aws:sagemaker:{place}:inference-component/{component.lower()}", {}
    if not name or operation == "ListInferenceComponents":
        return "*", {}
    arn = f"arn:aws:sagemaker:{place}:endpoint/{name.lower()}"
    if operation == "CreateEndpoint":
        return arn, {f"aws:requesttag/{tag['Key']}": tag["Value"] for tag in request.get("Tags", [])}
    found = base.find(ENDPOINT.type, _identifier(name))
    return arn, {f"aws:resourcetag/{key}": value for key, value in _tags(found or {}).items()}


def _identifier(name: str) -> str:
    return ENDPOINT.identifier(ENDPOINT.create({"EndpointName": name}))


def _tags(model: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in model.get("Tags", [])}


def _endpoint(name: str) -> Body:
    found = base.find(ENDPOINT.type, _identifier(name))
    if found is None:
        raise RefusedError(f'Could not find endpoint "{name}".')
    return found


def _described(model: Body) -> Body:
    # Records have no creation time: a resource from CloudFormation counts as old.
    moment = float(model.get("LastModifiedTime", 0)) or time.time() - 30 * 24 * 3600
    return {
        "EndpointName": model["EndpointName"],
        "EndpointArn": model["EndpointArn"],
        "EndpointConfigName": model["EndpointConfigName"],
        "EndpointStatus": "InService",
        "CreationTime": moment,
        "LastModifiedTime": moment,
    }


def _list_endpoints(request: Body) -> Body:
    wanted = request.get("NameContains", "")
    found = [each for each in base.instances(ENDPOINT.type) if wanted in each["EndpointName"]]
    return {"Endpoints": [_described(each) for each in found]}


def _describe_endpoint(request: Body) -> Body:
    return _described(_endpoint(request["EndpointName"]))


def _list_tags(request: Body) -> Body:
    model = _endpoint(request["ResourceArn"].rpartition("/")[2])
    return {"Tags": [{"Key": key, "Value": value} for key, value in _tags(model).items()]}


def _describe_config(request: Body) -> Body:
    for each in base.instances(CONFIG):
        if each["EndpointConfigName"] == request["EndpointConfigName"]:
            return {
                "EndpointConfigName": each["EndpointConfigName"],
                "EndpointConfigArn": each["EndpointConfigArn"],
                "ProductionVariants": each["ProductionVariants"],
                "CreationTime": 0,
            }
    raise RefusedError(f'Could not find endpoint configuration "{request["EndpointConfigName"]}".')


def _delete_endpoint(request: Body) -> Body:
    _endpoint(request["EndpointName"])
    ENDPOINT.on_delete(_identifier(request["EndpointName"]), {})
    return {}


def _create_endpoint(request: Body) -> Body:
    model = {"EndpointName": request["EndpointName"], "EndpointConfigName": request["EndpointConfigName"]}
    tags = request.get("Tags", [])
    ENDPOINT.on_create("Endpoint", {**model, "Tags": tags, "LastModifiedTime": time.time()}, "none")
    return {"EndpointArn": _endpoint(request["EndpointName"])["EndpointArn"]}


def _component(name: str) -> Body:
    for each in base.instances(COMPONENT.type):
        if each["InferenceComponentName"] == name:
            return each
    raise RefusedError(f'Could not find inference component "{name}".')


def _list_components(request: Body) -> Body:
    found = [each for each in base.instances(COMPONENT.type) if each["EndpointName"] == request["EndpointNameEquals"]]
    kept = ("InferenceComponentName", "InferenceComponentArn", "EndpointName")
    return {
        "InferenceComponents": [
            {
                **{key: each[key] for key in kept},
                "VariantName": each.get("VariantName", "none"),
                **_place_and_times(each),
            }
            for each in found
        ]
    }


def _place_and_times(component: Body) -> Body:
    made = datetime.fromisoformat(component["CreationTime"]).timestamp()
    endpoint = _endpoint(component["EndpointName"])
    return {"EndpointArn": endpoint["EndpointArn"], "CreationTime": made, "LastModifiedTime": made}


def _describe_component(request: Body) -> Body:
    found = _component(request["InferenceComponentName"])
    copies = int(found["RuntimeConfig"]["CopyCount"])
    return {
        "InferenceComponentName": found["InferenceComponentName"],
        "InferenceComponentArn": found["InferenceComponentArn"],
        "EndpointName": found["EndpointName"],
        **_place_and_times(found),
        "InferenceComponentStatus": "InService",
        "RuntimeConfig": {"DesiredCopyCount": copies, "CurrentCopyCount": copies},
    }


def _set_copies(request: Body) -> Body:
    found = _component(request["InferenceComponentName"])
    wanted = {**found, "RuntimeConfig": request["DesiredRuntimeConfig"]}
    COMPONENT.on_update(COMPONENT.identifier(found), found, wanted, "none", "Component")
    return {"InferenceComponentArn": found["InferenceComponentArn"]}


def _targets(request: Body) -> Body:
    wanted = request.get("ResourceIds") or []
    found = [each for each in base.instances(scaling.ScalableTarget.type) if each["ResourceId"] in wanted]
    kept = ("ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
    extra = {"RoleARN": f"arn:aws:iam::{get_account_id()}:role/scaling", "CreationTime": 0}
    return {"ScalableTargets": [{**{key: _number(each[key]) for key in kept}, **extra} for each in found]}


def _policies(request: Body) -> Body:
    target = "|".join((request["ResourceId"], request["ScalableDimension"], request["ServiceNamespace"]))
    found = [each for each in base.instances(scaling.ScalingPolicy.type) if each.get("ScalingTargetId") == target]
    return {
        "ScalingPolicies": [
            {
                "PolicyARN": each["Arn"],
                "PolicyName": each["PolicyName"],
                "PolicyType": each["PolicyType"],
                "ServiceNamespace": request["ServiceNamespace"],
                "ResourceId": request["ResourceId"],
                "ScalableDimension": request["ScalableDimension"],
                "TargetTrackingScalingPolicyConfiguration": each["TargetTrackingScalingPolicyConfiguration"],
                "CreationTime": 0,
            }
            for each in found
        ]
    }


def _scheduled(request: Body) -> Body:
    found = [
        each for each in base.instances(scaling.ScalableTarget.type) if each["ResourceId"] == request["ResourceId"]
    ]
    extra = {"ScheduledActionARN": "arn", "CreationTime": 0, "ServiceNamespace": request["ServiceNamespace"]}
    return {
        "ScheduledActions": [
            {**action, **extra, "ResourceId": each["ResourceId"], "ScalableDimension": each["ScalableDimension"]}
            for each in found
            for action in each.get("ScheduledActions", [])
        ]
    }


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


#: Resources and condition keys of the calls that other modules add.
_SUBJECTS: list[Callable[[str, Body], tuple[str, dict[str, str]] | None]] = []

_OPERATIONS: dict[str, Callable[[Body], Body]] = {
    "sagemaker:ListEndpoints": _list_endpoints,
    "sagemaker:DescribeEndpoint": _describe_endpoint,
    "sagemaker:ListTags": _list_tags,
    "sagemaker:DescribeEndpointConfig": _describe_config,
    "sagemaker:DeleteEndpoint": _delete_endpoint,
    "sagemaker:CreateEndpoint": _create_endpoint,
    "sagemaker:ListInferenceComponents": _list_components,
    "sagemaker:DescribeInferenceComponent": _describe_component,
    "sagemaker:UpdateInferenceComponentRuntimeConfig": _set_copies,
    "application-autoscaling:DescribeScalableTargets": _targets,
    "application-autoscaling:DescribeScalingPolicies": _policies,
    "application-autoscaling:DescribeScheduledActions": _scheduled,
    # What they register is in the records of CloudFormation, which remain.
    "application-autoscaling:RegisterScalableTarget": lambda _request: {},
    "application-autoscaling:PutScheduledAction": lambda _request: {},
    "application-autoscaling:PutScalingPolicy": lambda _request: {"PolicyARN": "arn", "Alarms": []},
}

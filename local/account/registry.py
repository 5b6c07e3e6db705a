"""The API of SageMaker's model registry, models and pipelines, as far as approvals and fine-tuning pipelines call it.

Nothing is trained: a started pipeline is recorded, with the caller, as CloudTrail does. Its run has trained what the
version that is registered with its ARN names.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail

from . import hosting
from .resources import base, sagemaker

Body = dict[str, Any]
MODEL, CONFIG, GROUP = sagemaker.HostedModel(), sagemaker.EndpointConfig(), sagemaker.ModelPackageGroup()
#: Model packages are not CloudFormation resources here: they are created while a pipeline runs.
VERSION = "Local::SageMaker::ModelPackage"
REFERENCE = "Local::SageMaker::HubContentReference"
EXECUTION = "Local::SageMaker::PipelineExecution"
JOB = "Local::SageMaker::TrainingJob"


def install() -> None:
    """Add the operations to the service."""
    hosting.add_operations(_OPERATIONS, _subject)


def _subject(operation: str, request: Body) -> tuple[str, dict[str, str]] | None:
    """The resource of a call. None if this module does not serve the call."""
    if operation not in {each.partition(":")[2] for each in _OPERATIONS}:
        return None
    place = f"arn:aws:sagemaker:{get_region()}:{get_account_id()}"
    if hub := request.get("HubName"):
        return f"{place}:hub/{hub}", {}
    if operation.startswith("List") and "PipelineExecutionArn" not in request:
        return "*", {}
    if job := request.get("TrainingJobName"):
        return f"{place}:training-job/{job}", {}
    for name in ("ModelPackageName", "ModelPackageArn", "PipelineExecutionArn"):
        if name in request:
            return str(request[name]), _context(request)
    if group := request.get("ModelPackageGroupName"):
        return f"{place}:model-package-group/{group}", _context(request)
    if pipeline := request.get("PipelineName"):
        return f"{place}:pipeline/{pipeline}", {}
    for name, kind in (("EndpointName", "endpoint"), ("EndpointConfigName", "endpoint-config"), ("ModelName", "model")):
        if name in request:
            return f"{place}:{kind}/{request[name].lower()}", {}
    return "*", {}


def _context(request: Body) -> dict[str, str]:
    """The condition keys of a request that creates or updates a model package.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    """
    names = request.get("CustomerMetadataProperties", {})
    keys = {f"sagemaker:CustomerMetadataProperties/{name}": str(value) for name, value in names.items()}
    if status := request.get("ModelApprovalStatus"):
        keys["sagemaker:ModelApprovalStatus"] = status
    if removed := request.get("CustomerMetadataPropertiesToRemove"):
        keys["sagemaker:CustomerMetadataPropertiesToRemove"] = ",".join(removed)
    return keys


def _who() -> Body:
    return {"IamIdentity": {"Arn": iam_evaluator.caller_arn(), "PrincipalId": "local"}}


def _create_version(request: Body) -> Body:
    group = request["ModelPackageGroupName"]
    if group not in {each["ModelPackageGroupName"] for each in base.instances(GROUP.type)}:
        raise hosting.RefusedError(f"Model package group {group} does not exist.")
    number = sum(each["ModelPackageGroupName"] == group for each in base.instances(VERSION)) + 1
    arn = f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:model-package/{group}/{number}"
    now = time.time()
    times = {"CreationTime": now, "LastModifiedTime": now, "CreatedBy": _who(), "LastModifiedBy": _who()}
    kept = {"ModelPackageArn": arn, "ModelPackageVersion": number, "ModelPackageStatus": "Completed", **times}
    base.store(VERSION, arn, {**request, **kept, "ModelPackageStatusDetails": {"ValidationStatuses": []}})
    _registered(arn, request)
    return {"ModelPackageArn": arn}


def _registered(version: str, request: Body) -> None:
    """Record what the steps of a run made."""
    run = base.find(EXECUTION, str(request.get("CustomerMetadataProperties", {}).get("execution", "")))
    if run is None or run["Steps"]:
        return
    job = f"pipelines-{run['PipelineExecutionArn'].rpartition('/')[2]}-Train"
    place = f"arn:aws:sagemaker:{get_region()}:{get_account_id()}"
    steps = [
        {"StepName": "Train", "Metadata": {"TrainingJob": {"Arn": f"{place}:training-job/{job}"}}},
        {"StepName": "Register-RegisterModel", "Metadata": {"RegisterModel": {"Arn": version}}},
    ]
    (container,) = request["InferenceSpecification"]["Containers"]
    base.store(JOB, job, {"TrainingJobName": job, "ModelArtifacts": {"S3ModelArtifacts": container["ModelDataUrl"]}})
    base.store(EXECUTION, run["PipelineExecutionArn"], {**run, "Steps": steps})


def _version(arn: str) -> Body:
    found = base.find(VERSION, arn)
    if found is None:
        raise hosting.RefusedError(f"ModelPackage {arn} does not exist.")
    return found


def _describe_version(request: Body) -> Body:
    return {"ModelPackageName": request["ModelPackageName"].rpartition("/")[2], **_version(request["ModelPackageName"])}


def _update_version(request: Body) -> Body:
    found = _version(request["ModelPackageArn"])
    changed = {**found, **request, "LastModifiedTime": time.time(), "LastModifiedBy": _who()}
    base.store(VERSION, request["ModelPackageArn"], changed)
    return {"ModelPackageArn": request["ModelPackageArn"]}


def _start(request: Body) -> Body:
    place = f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:pipeline/{request['PipelineName']}"
    execution = f"{place}/execution/{uuid.uuid4().hex[:12]}"
    event = {
        "eventName": "StartPipelineExecution",
        "userIdentity": {"arn": iam_evaluator.caller_arn()},
        "responseElements": {"pipelineExecutionArn": execution},
    }
    cloudtrail._get_event_queue().append(
        {
            "EventId": uuid.uuid4().hex,
            "EventName": "StartPipelineExecution",
            "EventSource": "sagemaker.amazonaws.com",
            "EventTime": time.time(),
            "Username": "local",
            "ReadOnly": "false",
            "Resources": [],
            "CloudTrailEvent": json.dumps(event),
        }
    )
    pipelines = {each["PipelineName"]: each for each in base.instances(sagemaker.Pipeline.type)}
    kept = {"PipelineExecutionArn": execution, "CreationTime": time.time(), "Steps": []}
    definition = pipelines[request["PipelineName"]]["PipelineDefinition"]["PipelineDefinitionBody"]
    base.store(EXECUTION, execution, {**kept, "Definition": definition})
    return {"PipelineExecutionArn": execution}


def _execution(request: Body) -> Body:
    found = base.find(EXECUTION, request["PipelineExecutionArn"])
    if found is None:
        raise hosting.RefusedError(f"PipelineExecution {request['PipelineExecutionArn']} does not exist.")
    return found


def _describe_execution(request: Body) -> Body:
    found = _execution(request)
    return {name: found[name] for name in ("PipelineExecutionArn", "CreationTime")}


def _describe_definition(request: Body) -> Body:
    found = _execution(request)
    return {"PipelineDefinition": found["Definition"], "CreationTime": found["CreationTime"]}


def _list_steps(request: Body) -> Body:
    return {"PipelineExecutionSteps": _execution(request)["Steps"]}


def _describe_job(request: Body) -> Body:
    found = base.find(JOB, request["TrainingJobName"])
    if found is None:
        raise hosting.RefusedError("Requested resource not found.")
    return found


def _create_model(request: Body) -> Body:
    for container in request.get("Containers", []):
        package = container.get("ModelPackageName")
        if package and _version(package)["ModelApprovalStatus"] != "Approved":
            raise hosting.RefusedError(f"{package} is not approved.")
    MODEL.on_create("Model", request, "none")
    return {"ModelArn": f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:model/{request['ModelName']}"}


def _create_config(request: Body) -> Body:
    CONFIG.on_create("Config", request, "none")
    return {"EndpointConfigArn": "arn"}


def _update_endpoint(request: Body) -> Body:
    hosting.replace_config(request["EndpointName"], request["EndpointConfigName"])
    return {"EndpointArn": "arn"}


def _delete(resource: base.Resource) -> Callable[[Body], Body]:
    def delete(request: Body) -> Body:
        for each in base.instances(resource.type):
            if each[str(resource.name)] == request[str(resource.name)]:
                resource.on_delete(resource.identifier(each), {})
                return {}
        raise hosting.RefusedError(f'Could not find "{request[str(resource.name)]}".')

    return delete


def _list(resource: base.Resource, listed: str, arn: str) -> Callable[[Body], Body]:
    def list_all(request: Body) -> Body:
        names = [each[str(resource.name)] for each in base.instances(resource.type)]
        wanted = [name for name in names if request.get("NameContains", "") in name]
        return {listed: [{str(resource.name): name, arn: "arn", "CreationTime": 0} for name in wanted]}

    return list_all


def _references(hub: str) -> list[Body]:
    return [each for each in base.instances(REFERENCE) if each["HubName"] == hub]


def _refer(request: Body) -> Body:
    if request["HubName"] not in {each["HubName"] for each in base.instances(sagemaker.Hub.type)}:
        raise hosting.RefusedError(f"Hub {request['HubName']} does not exist.")
    base.store(REFERENCE, f"{request['HubName']}/{request['HubContentName']}", request)
    return {"HubArn": "arn", "HubContentArn": "arn"}


def _unrefer(request: Body) -> Body:
    if not base.remove(REFERENCE, f"{request['HubName']}/{request['HubContentName']}"):
        raise hosting.RefusedError(f"HubContent {request['HubContentName']} does not exist.")
    return {}


def _list_references(request: Body) -> Body:
    common = {"HubContentArn": "arn", "HubContentType": "ModelReference", "DocumentSchemaVersion": "1.0.0"}
    times = {"HubContentStatus": "Available", "CreationTime": 0}
    return {
        "HubContentSummaries": [
            {
                "HubContentName": each["HubContentName"],
                "HubContentVersion": each["MinVersion"],
                **common,
                **times,
            }
            for each in _references(request["HubName"])
        ]
    }


_OPERATIONS: dict[str, Callable[[Body], Body]] = {
    "sagemaker:ListHubContents": _list_references,
    "sagemaker:CreateHubContentReference": _refer,
    "sagemaker:UpdateHubContentReference": _refer,
    "sagemaker:DeleteHubContentReference": _unrefer,
    "sagemaker:CreateModelPackage": _create_version,
    "sagemaker:DescribeModelPackage": _describe_version,
    "sagemaker:UpdateModelPackage": _update_version,
    "sagemaker:StartPipelineExecution": _start,
    "sagemaker:DescribePipelineExecution": _describe_execution,
    "sagemaker:DescribePipelineDefinitionForExecution": _describe_definition,
    "sagemaker:ListPipelineExecutionSteps": _list_steps,
    "sagemaker:DescribeTrainingJob": _describe_job,
    "sagemaker:CreateModel": _create_model,
    "sagemaker:DeleteModel": _delete(MODEL),
    "sagemaker:ListModels": _list(MODEL, "Models", "ModelArn"),
    "sagemaker:CreateEndpointConfig": _create_config,
    "sagemaker:DeleteEndpointConfig": _delete(CONFIG),
    "sagemaker:ListEndpointConfigs": _list(CONFIG, "EndpointConfigs", "EndpointConfigArn"),
    "sagemaker:UpdateEndpoint": _update_endpoint,
}

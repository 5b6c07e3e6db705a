"""The services' own read calls for resources that templates created: the record in the shape of the response.

CloudFormation and the services mostly use the same names, so a record is converted to the response shape in
botocore's service model. Required members that a record lacks are derived from their names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock

from . import hosting
from .resources import base, schemas

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
_READY = ("InService", "Active", "ACTIVE", "AVAILABLE", "Available", "Created", "Completed", "Prepared", "READY")


@cache
def _operation(service: str, name: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def poured(shape: Any, model: Mapping[str, Any], *, epoch: bool = False) -> Json:
    """A record in a shape: members with the same name, regardless of case.

    :param epoch: write times as seconds, as JSON services do.
    """
    known = {key.lower(): value for key, value in model.items()}
    told: Json = {}
    for name, member in shape.members.items():
        value = known.get(name.lower())
        if value is None:
            continue
        made = _value(member, value, epoch=epoch)
        if made is not None:
            told[name] = made
    return told


def _value(shape: Any, value: Any, *, epoch: bool) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return poured(shape, value, epoch=epoch) if isinstance(value, Mapping) else None
    if kind == "list":
        if not isinstance(value, list):
            return None
        made = [_value(shape.member, each, epoch=epoch) for each in value]
        return [each for each in made if each is not None]
    if kind == "map":
        if not isinstance(value, Mapping):
            return None
        return {key: _value(shape.value, each, epoch=epoch) for key, each in value.items()}
    if kind in ("integer", "long"):
        return int(float(value))
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean":
        return value in (True, "true", "True")
    if kind == "timestamp":
        return datetime.fromisoformat(str(value)).timestamp() if epoch and isinstance(value, str) else value
    if isinstance(value, (Mapping, list)):
        return json.dumps(value) if not shape.metadata.get("enum") else None
    text = str(value)
    enum = shape.metadata.get("enum")
    return next((each for each in enum if each.lower() == text.lower()), text) if enum else text


def _complete(shape: Any, told: Json, made: Any) -> Json:
    """Adds required members that a record lacks: times, and a status that means successful creation."""
    for name, member in shape.members.items():
        if name in told:
            continue
        if member.type_name == "timestamp" and re.search(r"(?i)^(creat|lastmodif|updat).*(time|at)$", name):
            told[name] = made
        elif re.search(r"(?i)status$", name) and name in {*shape.required_members, *_STATUS}:
            told[name] = next((each for each in _READY if each in (member.metadata.get("enum") or ())), _READY[0])
        elif name in shape.required_members:
            told[name] = {"structure": {}, "list": [], "map": {}}.get(member.type_name, "")
            if told[name] == "":
                del told[name]
    return told


_STATUS = {"Status", "PipelineStatus", "status"}


# ---- SageMaker ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """A resource type of SageMaker: the name in its calls, and the name in IAM."""

    type: str
    noun: str
    plural: str
    resource: str


_SAGEMAKER = (
    _Kind("AWS::SageMaker::Cluster", "Cluster", "Clusters", "cluster"),
    _Kind(
        "AWS::SageMaker::ClusterSchedulerConfig",
        "ClusterSchedulerConfig",
        "ClusterSchedulerConfigs",
        "cluster-scheduler-config",
    ),
    _Kind("AWS::SageMaker::ComputeQuota", "ComputeQuota", "ComputeQuotas", "compute-quota"),
    _Kind("AWS::SageMaker::Domain", "Domain", "Domains", "domain"),
    _Kind("AWS::SageMaker::EndpointConfig", "EndpointConfig", "EndpointConfigs", "endpoint-config"),
    _Kind("AWS::SageMaker::Hub", "Hub", "Hubs", "hub"),
    _Kind("AWS::SageMaker::MlflowApp", "MlflowApp", "MlflowApps", "mlflow-app"),
    _Kind("AWS::SageMaker::Model", "Model", "Models", "model"),
    _Kind("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroup", "ModelPackageGroups", "model-package-group"),
    _Kind("AWS::SageMaker::Pipeline", "Pipeline", "Pipelines", "pipeline"),
    _Kind("AWS::SageMaker::UserProfile", "UserProfile", "UserProfiles", "user-profile"),
)
_DESCRIBES = {f"Describe{each.noun}": each for each in _SAGEMAKER}
_LISTS = {f"List{each.plural}": each for each in _SAGEMAKER}


def _found(kind: _Kind, request: Mapping[str, Any]) -> Json | None:
    """The record that a request identifies by name, id or ARN."""
    wanted = {
        key: str(value)
        for key, value in request.items()
        if key in _operation("sagemaker", f"Describe{kind.noun}").input_shape.required_members
    }
    for each in base.instances(kind.type):
        arns = [value for key, value in each.items() if key.endswith("Arn")]
        if all(str(each.get(key)) == value or value in arns for key, value in wanted.items()):
            return each
    return None


def _record_told(kind: _Kind, shape: Any, record: Json) -> Json:
    made = datetime.fromisoformat(base.created(kind.type, _identifier(kind, record))).timestamp()
    return _complete(shape, poured(shape, _as_called(kind, record), epoch=True), made)


def _identifier(kind: _Kind, record: Json) -> str:
    names = schemas.names(kind.type, "primaryIdentifier")
    return "|".join(str(record.get(name, "")) for name in names)


def _as_called(kind: _Kind, record: Json) -> Json:
    """A record with the members that SageMaker names differently from CloudFormation."""
    place = f"arn:aws:sagemaker:{get_region()}:{get_account_id()}"
    renamed: Json = {}
    if kind.noun == "Pipeline":
        definition = record.get("PipelineDefinition") or {}
        renamed = {
            "PipelineArn": f"{place}:pipeline/{record['PipelineName'].lower()}",
            "PipelineDefinition": definition.get("PipelineDefinitionBody") or json.dumps(definition),
        }
    if kind.noun == "Cluster":
        renamed["InstanceGroups"] = [
            {**each, "CurrentCount": each.get("InstanceCount", 0), "TargetCount": each.get("InstanceCount", 0)}
            for each in record.get("InstanceGroups") or []
        ]
    # A record contains "none" for absent values.
    return {key: value for key, value in {**record, **renamed}.items() if value != "none"}


def _describe(kind: _Kind) -> Callable[[Json], Json]:
    def describe(request: Json) -> Json:
        record = _found(kind, request)
        if record is None:
            name = next(iter(request.values()), "")
            raise hosting.RefusedError(f"{kind.noun} {name} does not exist.")
        return _record_told(kind, _operation("sagemaker", f"Describe{kind.noun}").output_shape, record)

    return describe


def _list(kind: _Kind) -> Callable[[Json], Json]:
    def list_all(request: Json) -> Json:
        shape = _operation("sagemaker", f"List{kind.plural}").output_shape
        member = next(name for name, each in shape.members.items() if each.type_name == "list")
        told = [_record_told(kind, shape.members[member].member, each) for each in base.instances(kind.type)]
        wanted = str(
            request.get("NameContains")
            or request.get("PipelineNamePrefix")
            or request.get("UserProfileNameContains")
            or ""
        )
        domain = request.get("DomainIdEquals")
        named = [
            each
            for each in told
            if wanted in next((str(value) for key, value in each.items() if key.endswith("Name")), "")
            and (not domain or each.get("DomainId") == domain)
        ]
        begin, most = int(request.get("NextToken") or 0), int(request.get("MaxResults") or 100)
        more = {"NextToken": str(begin + most)} if begin + most < len(named) else {}
        return {member: named[begin : begin + most], **more}

    return list_all


def _subject(operation: str, request: Json) -> tuple[str, dict[str, str]] | None:
    if operation in _LISTS:
        return "*", {}
    kind = _DESCRIBES.get(operation)
    if kind is None:
        return None
    record = _found(kind, request)
    if record is None:
        name = "/".join(str(value) for value in request.values()).lower()
        return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{kind.resource}/{name}", {}
    called = _as_called(kind, record)
    arn = str(called.get(f"{kind.noun}Arn") or called.get("Arn"))
    if kind.resource in ("endpoint-config", "model", "pipeline"):
        arn = arn.lower()
    tags = record.get("Tags") or []
    return arn, {f"aws:resourcetag/{each['Key']}": each["Value"] for each in tags if isinstance(each, dict)}


# ---- Bedrock --------------------------------------------------------------------------------------------------------


def _bedrock(shape: Any, record: Json, kind: str) -> Json:
    identifier = "|".join(str(record.get(name, "")) for name in schemas.names(kind, "primaryIdentifier"))
    return _complete(shape, poured(shape, record), base.created(kind, identifier))


def _matching(kind: str, **wanted: str) -> list[Json]:
    """Records whose members have one of the identifying values: an id, or an ARN that ends with it."""

    def same(record: Json, key: str, value: str) -> bool:
        held = [record.get(key)] if key != "Id" else [record.get(name) for name in ("Id", "PromptId", "Arn", "FlowId")]
        return value in held or value.rpartition("/")[2] in held

    return [each for each in base.instances(kind) if all(same(each, key, value) for key, value in wanted.items())]


def _pages(every: list[Json], member: str, query: Mapping[str, Any]) -> Json:
    def asked(name: str) -> str:
        found = query.get(name) or ""
        return str(found[0] if isinstance(found, list) else found)

    begin, most = int(asked("nextToken") or 0), int(asked("maxResults") or 1000)
    more = {"nextToken": str(begin + most)} if begin + most < len(every) else {}
    return {member: every[begin : begin + most], **more}


PROMPT, PROMPT_VERSION = "AWS::Bedrock::Prompt", "AWS::Bedrock::PromptVersion"
FLOW, FLOW_VERSION, FLOW_ALIAS = "AWS::Bedrock::Flow", "AWS::Bedrock::FlowVersion", "AWS::Bedrock::FlowAlias"
ROUTER, ENFORCED = "AWS::Bedrock::IntelligentPromptRouter", "AWS::Bedrock::EnforcedGuardrailConfiguration"


def _asked(query: Mapping[str, Any], name: str) -> str:
    found = query.get(name) or ""
    return unquote(str(found[0] if isinstance(found, list) else found))


def _get_prompt(path: tuple[str, ...], query: Mapping[str, Any]) -> Json | None:
    name, _, number = path[0].partition(":") if not path[0].startswith("arn:") else _split(path[0])
    number = _asked(query, "promptVersion") or number
    shape = _operation("bedrock-agent", "GetPrompt").output_shape
    if number and number != "DRAFT":
        found = [each for each in _matching(PROMPT_VERSION, PromptId=name) if each["Version"] == number]
        return {**_bedrock(shape, found[0], PROMPT_VERSION), "id": found[0]["PromptId"]} if found else None
    found = _matching(PROMPT, Id=name)
    return _bedrock(shape, found[0], PROMPT) if found else None


def _split(arn: str) -> tuple[str, str, str]:
    name, colon, number = arn.rpartition("/")[2].partition(":")
    return name, colon, number


def _list_prompts(_path: tuple[str, ...], query: Mapping[str, Any]) -> Json:
    shape = _operation("bedrock-agent", "ListPrompts").output_shape.members["promptSummaries"].member
    name = _asked(query, "promptIdentifier").rpartition("/")[2]
    drafts = _matching(PROMPT, Id=name) if name else base.instances(PROMPT)
    every = [_bedrock(shape, each, PROMPT) for each in drafts]
    if name:
        versions = _matching(PROMPT_VERSION, PromptId=name)
        every += [{**_bedrock(shape, each, PROMPT_VERSION), "id": each["PromptId"]} for each in versions]
    return {"promptSummaries": every}


def _get_flow(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    found = _matching(FLOW, Id=path[0])
    return _bedrock(_operation("bedrock-agent", "GetFlow").output_shape, found[0], FLOW) if found else None


def _list_flows(_path: tuple[str, ...], _query: Mapping[str, Any]) -> Json:
    shape = _operation("bedrock-agent", "ListFlows").output_shape.members["flowSummaries"].member
    return {"flowSummaries": [_bedrock(shape, each, FLOW) for each in base.instances(FLOW)]}


def _flow_version(record: Json) -> Json:
    return {**record, "Id": record["FlowId"], "Arn": record["FlowArn"]}


def _get_flow_version(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    found = _matching(FLOW_VERSION, FlowId=path[0], Version=path[1])
    shape = _operation("bedrock-agent", "GetFlowVersion").output_shape
    return _bedrock(shape, _flow_version(found[0]), FLOW_VERSION) if found else None


def _list_flow_versions(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    shape = _operation("bedrock-agent", "ListFlowVersions").output_shape.members["flowVersionSummaries"].member
    drafts = _matching(FLOW, Id=path[0])
    if not drafts:
        return None
    versions = _matching(FLOW_VERSION, FlowId=drafts[0]["Id"])
    every = [_bedrock(shape, _flow_version(each), FLOW_VERSION) for each in versions]
    return {"flowVersionSummaries": every}


def _get_flow_alias(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    found = [each for each in _matching(FLOW_ALIAS, FlowId=path[0]) if path[1] in (each["Id"], each["Arn"])]
    return _bedrock(_operation("bedrock-agent", "GetFlowAlias").output_shape, found[0], FLOW_ALIAS) if found else None


def _list_flow_aliases(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    if not _matching(FLOW, Id=path[0]):
        return None
    shape = _operation("bedrock-agent", "ListFlowAliases").output_shape.members["flowAliasSummaries"].member
    found = _matching(FLOW_ALIAS, FlowId=path[0])
    return {"flowAliasSummaries": [_bedrock(shape, each, FLOW_ALIAS) for each in found]}


def _get_router(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    found = [each for each in base.instances(ROUTER) if each["PromptRouterArn"] == path[0]]
    return _bedrock(_operation("bedrock", "GetPromptRouter").output_shape, found[0], ROUTER) if found else None


def _list_routers(_path: tuple[str, ...], query: Mapping[str, Any]) -> Json:
    shape = _operation("bedrock", "ListPromptRouters").output_shape.members["promptRouterSummaries"].member
    every = [_bedrock(shape, each, ROUTER) for each in base.instances(ROUTER)]
    kind = _asked(query, "type")
    return {"promptRouterSummaries": [each for each in every if kind in ("", each["type"])]}


def _list_enforced(_path: tuple[str, ...], _query: Mapping[str, Any]) -> Json:
    shape = _operation("bedrock", "ListEnforcedGuardrailsConfiguration").output_shape.members["guardrailsConfig"].member
    return {"guardrailsConfig": [_bedrock(shape, each, ENFORCED) for each in base.instances(ENFORCED)]}


def _get_policy(path: tuple[str, ...], _query: Mapping[str, Any]) -> Json | None:
    for each in base.instances("AWS::Bedrock::ResourcePolicy"):
        if each["ResourceArn"] == path[0]:
            return {"resourcePolicy": json.dumps(each["PolicyDocument"])}
    return None


#: An id or an ARN, whose slash the emulator has decoded already.
_NAME = r"((?:arn:[^/]+/)?[^/]+)"
_Read = Callable[[tuple[str, ...], Mapping[str, Any]], Json | None]
#: Reads by the path of the call. Those with a list name add to the results of the emulator's own calls.
_PATHS: dict[str, tuple[tuple[str, _Read, str], ...]] = {
    "bedrock-agent": (
        (r"/prompts/?", _list_prompts, "promptSummaries"),
        (rf"/prompts/{_NAME}/?", _get_prompt, ""),
        (r"/flows/?", _list_flows, "flowSummaries"),
        (rf"/flows/{_NAME}/?", _get_flow, ""),
        (rf"/flows/{_NAME}/versions/?", _list_flow_versions, "flowVersionSummaries"),
        (rf"/flows/{_NAME}/versions/([^/]+)/?", _get_flow_version, ""),
        (rf"/flows/{_NAME}/aliases/?", _list_flow_aliases, "flowAliasSummaries"),
        (rf"/flows/{_NAME}/aliases/{_NAME}/?", _get_flow_alias, ""),
    ),
    "bedrock": (
        (r"/prompt-routers/?", _list_routers, "promptRouterSummaries"),
        (r"/prompt-routers/(.+)", _get_router, ""),
        (r"/enforcedGuardrailsConfiguration/?", _list_enforced, "guardrailsConfig"),
        (r"/resource-policy/(.+)", _get_policy, ""),
    ),
}


def _reading(service: str, handle: Callable[..., Any]) -> Callable[..., Any]:
    async def with_records(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        if method == "GET" and service == "bedrock":
            path = _BY_ARN.sub(r"/\g<kind>/\g<id>", path)
        for pattern, read, member in _PATHS[service] if method == "GET" else ():
            found = re.fullmatch(pattern, path)
            told = read(tuple(map(unquote, found.groups())), query) if found else None
            if told is None:
                continue
            if member:
                response: Response = await handle(method, path, headers, body, query)
                own = json.loads(response[2] or b"{}").get(member) or [] if response[0] == 200 else []
                told = _pages([*told[member], *_mended(own)], member, query)
            return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()
        answered: Response = await handle(method, path, headers, body, query)
        return _whole(answered) if method == "GET" or path.startswith("/knowledgebases") else answered

    return with_records


#: Paths that identify a Bedrock resource by its ARN.
_BY_ARN = re.compile(r"^/(?P<kind>guardrails)/(?P<arn>arn:[^/]+:guardrail/(?P<id>[^/]+))")
_MODEL_ARN = re.compile(r"^/(?:custom-models|imported-models)/(?P<arn>arn:aws[^/]*:bedrock:.+)")
_ARN = re.compile(
    r"^/(?:guardrails|flows|prompts|inference-profiles|prompt-routers)/(?P<arn>arn:aws[^/]*:bedrock:[^/]+/[^/]+)"
)


def _whole(response: Response) -> Response:
    """A response of the emulator with the missing members, and without empty members that must not be empty."""
    status, headers, body = response
    if status != 200 or not body:
        return response
    return status, headers, json.dumps(_mended(json.loads(body))).encode()


def _mended(value: Any) -> Any:
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if not isinstance(value, dict):
        return value
    told = {key: _mended(each) for key, each in value.items() if (key, each) != ("description", "")}
    job, asked = str(told.get("jobArn", "")), told.pop("bodyEcho", None) or {}
    if ":model-customization-job/" in job and "baseModelIdentifier" in told:
        base = str(told["baseModelIdentifier"]).rpartition("/")[2]
        told.setdefault("outputModelName", told.get("customModelName"))
        told.setdefault("baseModelArn", f"arn:aws:bedrock:{get_region()}::foundation-model/{base}")
        told.setdefault("validationDataConfig", asked.get("validationDataConfig") or {"validators": []})
        if told.get("outputModelArn"):
            told.setdefault("customModelArn", told["outputModelArn"])
    elif ":model-invocation-job/" in job:
        told.setdefault("submitTime", told.get("creationTime"))
    elif ":evaluation-job/" in job:
        kind = "Human" if "human" in (told.get("evaluationConfig") or {}) else "Automated"
        told.setdefault("jobType", kind)
        told.setdefault("evaluationTaskTypes", _tasks(told.get("evaluationConfig") or {}))
    elif told.get("provisionedModelArn") and told.get("modelArn"):
        told.setdefault("foundationModelArn", told["modelArn"])
    return told


def _tasks(config: Mapping[str, Any]) -> list[str]:
    sets = [
        each for kind in config.values() if isinstance(kind, Mapping) for each in kind.get("datasetMetricConfigs") or []
    ]
    return list(dict.fromkeys(each["taskType"] for each in sets)) or ["Custom"]


def _logging() -> Response:
    """Without a configuration, the member is left out: the API does not return null."""
    config = bedrock._invocation_logging_config.get("config")
    told = {"loggingConfig": config} if config else {}
    return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()


def install() -> None:
    """Let the services read the resources that templates created."""
    by_path = iam_actions.extract_resource_arn

    def resource(service: str, method: str, path: str, *rest: Any, **more: Any) -> str:
        plain = unquote(path)
        named = (_ARN.match(plain) or _MODEL_ARN.match(plain)) if service in _PATHS else None
        return named["arn"] if named else str(by_path(service, method, path, *rest, **more))

    iam_actions.extract_resource_arn = resource
    for service in _PATHS:
        app.SERVICE_HANDLERS[service] = _reading(service, app.SERVICE_HANDLERS[service])
    bedrock._get_logging_config = _logging
    operations = {f"sagemaker:{name}": _describe(kind) for name, kind in _DESCRIBES.items()}
    operations |= {f"sagemaker:{name}": _list(kind) for name, kind in _LISTS.items()}
    hosting.add_operations(operations, _subject)

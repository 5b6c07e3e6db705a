"""Rejects updates and names as CloudFormation and its services do, where the emulator accepts them.

A resource whose create-only properties change, at any depth, is replaced: the new one is created while the old one
still exists, so that an unchanged name is a conflict.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
"""

from __future__ import annotations

import contextvars
import ipaddress
import os
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, dynamodb, ec2, lambda_svc, s3
from ministack.services.cloudformation import provisioners, stacks

from .resources import schemas
from .resources.base import Model, ServiceError, wrap

#: Minimum unreserved concurrency of an account:
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
UNRESERVED = 100
#: Properties within which a name must be unique, beside the account and Region: those of the type, or none.
_PLACES = (
    "GatewayIdentifier",
    "PolicyEngineId",
    *("RestApiId", "ApiId", "KnowledgeBaseId", "UserPoolId", "DomainId", "FlowArn", "CollectionEndpoint"),
    *("VectorBucketArn", "VectorBucketName", "ClusterName", "Type", "ResourceId", "ScalingTargetId", "VpcId"),
    *("LogGroupName", "FunctionName", "Scope"),
)
#: Types that allow duplicate names.
_SHARED = frozenset(
    {
        "AWS::ApiGateway::RestApi",
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolResourceServer",
    }
)
#: Names that exist in a service, regardless of who created or deleted the resource.
_KEPT: dict[str, Callable[[str], bool]] = {
    "AWS::Logs::LogGroup": lambda name: name in cloudwatch_logs._log_groups,
    "AWS::S3::Bucket": lambda name: name in s3._buckets,
    "AWS::DynamoDB::Table": lambda name: name in dynamodb._tables,
    "AWS::Lambda::Function": lambda name: name in lambda_svc._functions,
}
_Taken = tuple[str, ...]
_taken: set[_Taken] = set()
#: The name of the resource that is being updated, which its own handler may create again.
_own: contextvars.ContextVar[_Taken | None] = contextvars.ContextVar("own", default=None)


def install() -> None:
    """Run the checks before the engine's handlers."""
    _replace_at_any_depth()
    for resource_type in list(provisioners._RESOURCE_HANDLERS):
        _take_names(resource_type)
    wrap("AWS::Lambda::Function", before=_check_concurrency)
    _create_first("AWS::EC2::Subnet", _check_overlap)


def name_of(resource_type: str, properties: Model) -> str | None:
    """The property by which a template names a resource, if it must be unique."""
    if resource_type in _SHARED or resource_type not in schemas._index():
        return None
    known = schemas.schema(resource_type)["properties"]
    suffix = resource_type.rpartition("::")[2]
    candidates = [
        *(name for name in schemas.names(resource_type, "primaryIdentifier") if _is_name(name, resource_type)),
        *("Name", f"{suffix}Name", f"{suffix}Identifier", f"{suffix.removeprefix('Intelligent')}Name"),
    ]
    return next((each for each in candidates if each in known and isinstance(properties.get(each), str)), None)


def _is_name(path: str, resource_type: str) -> bool:
    return (
        path.endswith("Name") and path not in _PLACES and path not in schemas.names(resource_type, "readOnlyProperties")
    )


def _key(resource_type: str, properties: Model) -> _Taken | None:
    own = name_of(resource_type, properties)
    if own is None:
        return None
    places = [str(properties[each]) for each in _PLACES if each != own and isinstance(properties.get(each), str)]
    return (get_account_id(), get_region(), resource_type, str(properties[own]), *places)


def _replaced(resource_type: str, old: Model, new: Model) -> bool:
    """Whether a create-only property differs, at any depth."""
    if resource_type not in schemas._index():
        return False
    paths = [path.split("/") for path in schemas.names(resource_type, "createOnlyProperties")]
    tags = (schemas.tag_property(resource_type) or ("",))[0]
    # The engine adds its own tags to resources that support tags.
    return any(_at(old, path) != _at(new, path) for path in paths if path[0] != tags)


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def _replace_at_any_depth() -> None:
    before, refused = provisioners._replacing_change, provisioners._custom_named_replacement_error

    def replacing(resource_type: str, old: Model, new: Model) -> bool:
        return bool(before(resource_type, old, new)) or (
            resource_type in provisioners._REPLACING_PROPERTIES and _replaced(resource_type, old, new)
        )

    def refusal(resource_type: str, old: Model, new: Model, physical_id: str | None = None) -> Any:
        told = refused(resource_type, old, new, physical_id)
        if told or not _replaced(resource_type, old, new):
            return told
        key = _key(resource_type, new)
        if key is None or key != _key(resource_type, old):
            return None
        return (
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {physical_id or key[3]} and update the stack again."
        )

    # The module of stacks imports them under its own names.
    for module in (provisioners, stacks):
        module._replacing_change = replacing
        module._custom_named_replacement_error = refusal
        module._update_resource = _updating(module._update_resource)
    for resource_type in provisioners._RESOURCE_HANDLERS:
        if resource_type in schemas._index():
            known = set(provisioners._REPLACING_PROPERTIES.get(resource_type, ()))
            if not known and resource_type.startswith("AWS::EC2::"):
                whole = [each for each in schemas.names(resource_type, "createOnlyProperties") if "/" not in each]
                tags = (schemas.tag_property(resource_type) or ("",))[0]
                provisioners._REPLACING_PROPERTIES[resource_type] = tuple(each for each in whole if each != tags)


def _updating(update: Callable[..., Any]) -> Callable[..., Any]:
    def noting(resource_type: str, physical_id: str, old: Model, *arguments: Any) -> Any:
        token = _own.set(_key(resource_type, old))
        try:
            return update(resource_type, physical_id, old, *arguments)
        finally:
            _own.reset(token)

    return noting


def _take_names(resource_type: str) -> None:
    handler = provisioners._RESOURCE_HANDLERS[resource_type]
    create, update, delete = handler["create"], handler.get("update"), handler.get("delete")

    def created(logical_id: str, properties: Model, *arguments: Any) -> Any:
        key = _key(resource_type, properties)
        if key is not None and key != _own.get() and _exists(key):
            raise ServiceError(
                f"Resource of type '{resource_type}' with identifier '{key[3]}' already exists. "
                "(Service: CloudFormation, HandlerErrorCode: AlreadyExists)"
            )
        made = create(logical_id, properties, *arguments)
        if key is not None:
            _taken.add(key)
        return made

    def updated(physical_id: str, old: Model, properties: Model, *arguments: Any) -> Any:
        made = update(physical_id, old, properties, *arguments)
        key = _key(resource_type, properties)
        if key is not None:
            _taken.add(key)
        return made

    def deleted(physical_id: str, properties: Model, *arguments: Any, **options: Any) -> Any:
        done = delete(physical_id, properties, *arguments, **options)
        key = _key(resource_type, properties or {})
        if key is not None:
            _taken.discard(key)
        return done

    handler["create"] = created
    if update is not None:
        handler["update"] = updated
    if delete is not None:
        handler["delete"] = deleted


def _exists(key: _Taken) -> bool:
    kept = _KEPT.get(key[2])
    return kept(key[3]) if kept else key in _taken


def _create_first(resource_type: str, check: Callable[[Model], None]) -> None:
    handler = provisioners._RESOURCE_HANDLERS[resource_type]
    create = handler["create"]

    def checked(logical_id: str, properties: Model, *arguments: Any) -> Any:
        check(properties)
        return create(logical_id, properties, *arguments)

    handler["create"] = checked


def _check_overlap(properties: Model) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""
    wanted = ipaddress.ip_network(properties["CidrBlock"])
    for each in ec2._subnets.values():
        if each["VpcId"] == properties["VpcId"] and wanted.overlaps(ipaddress.ip_network(each["CidrBlock"])):
            raise ServiceError(
                f"The CIDR '{wanted}' conflicts with another subnet (Service: Ec2, Status Code: 400, "
                "InvalidSubnet.Conflict)"
            )


def _check_concurrency(properties: Model) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    wanted = properties.get("ReservedConcurrentExecutions")
    if wanted is None:
        return
    others = sum(
        int(each.get("concurrency") or 0)
        for name, each in lambda_svc._functions.items()
        if name != properties.get("FunctionName")
    )
    limit = int(os.environ.get("LAMBDA_ACCOUNT_CONCURRENCY", "1000"))
    if limit - others - int(wanted) < UNRESERVED:
        raise ServiceError(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED}]. (Service: Lambda, Status Code: 400)"
        )

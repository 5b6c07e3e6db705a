"""Web ACLs of API stages: rules that look at headers and addresses are applied, as AWS WAF does before everything else.

Managed rule groups and rates are not evaluated: their content is AWS's own, and a test sends more than any person.
https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-processing.html
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.services import apigateway_v1, waf

Statement = Mapping[str, Any]
#: The statements that contain others.
_NESTED = ("AndStatement", "OrStatement")


class _UnknownError(Exception):
    """A statement that is not evaluated."""


def install() -> None:
    """Apply the web ACL of a stage to its requests, before anybody is authorized."""
    app._enforce_execute_api = _filtered(app._enforce_execute_api)
    iam_actions.extract_resource_arn = _of_sets(iam_actions.extract_resource_arn)


def _of_sets(resource: Callable[..., Any]) -> Callable[..., Any]:
    """Operations on a set are authorized on its ARN, where the emulator takes every name for that of a web ACL.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awswafv2.html
    """

    def named(service: str, method: str, path: str, headers: dict[str, Any], body: bytes, *more: Any) -> Any:
        operation = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        kind = next((each for each in ("RegexPatternSet", "IPSet") if operation.endswith(each)), None)
        given = json.loads(body or b"{}") if service == "wafv2" and kind else {}
        if kind is None or "Id" not in given:
            return resource(service, method, path, headers, body, *more)
        return waf._resource_arn(kind.lower(), given.get("Name", ""), given["Id"], given.get("Scope", "REGIONAL"))

    return named


def _filtered(enforce: Callable[..., Any]) -> Callable[..., Any]:
    def enforced(
        api_id: str, stage: str, method: str, path: str, headers: dict[str, Any], query: dict[str, Any], **options: Any
    ) -> Any:
        scope, known = apigateway_v1.find_api_scope(api_id), apigateway_v1.stages_for_api(api_id)
        if scope and stage in known:
            with apigateway_v1.request_scope(*scope):
                if not allowed(f"arn:aws:apigateway:{scope[1]}::/restapis/{api_id}/stages/{stage}", headers):
                    request = {
                        "api_id": api_id,
                        "stage_name": stage,
                        "stage": known[stage],
                        "headers": headers,
                        "query_params": query,
                        "path_params": {},
                        "resource_path": "",
                        "request_id": apigateway_v1.new_uuid(),
                    }
                    error = apigateway_v1._gw_error("WAF_FILTERED", "Forbidden")
                    return apigateway_v1._gateway_error_response(error, request)
        return enforce(api_id, stage, method, path, headers, query, **options)

    return enforced


def allowed(resource_arn: str, headers: Mapping[str, Any], address: str = "127.0.0.1") -> bool:
    """Whether the web ACL of a resource, if it has one, lets a request pass."""
    found = waf._associations.get(resource_arn)
    acl, _ = waf._resolve_local_web_acl(found) if found else (None, None)
    if acl is None:
        return True
    known = {name.lower(): str(value) for name, value in headers.items()}
    for rule in sorted(acl["Rules"], key=lambda each: int(each.get("Priority", 0))):
        action = next(iter(rule.get("Action") or {}), "")
        try:
            matched = action in ("Allow", "Block") and matches(rule["Statement"], known, address)
        except _UnknownError:
            continue
        if matched:
            return bool(action == "Allow")
    return "Block" not in acl["DefaultAction"]


def matches(statement: Statement, headers: Mapping[str, str], address: str) -> bool:
    """Whether a request matches.

    :raises _UnknownError: for statements that are not evaluated.
    """
    kind, content = next(iter(statement.items()))
    if kind == "NotStatement":
        return not matches(content["Statement"], headers, address)
    if kind in _NESTED:
        found = [matches(each, headers, address) for each in content["Statements"]]
        return all(found) if kind == "AndStatement" else any(found)
    if kind == "RegexPatternSetReferenceStatement":
        value = _header(content, headers)
        patterns = [each["RegexString"] for each in _resource(content["Arn"])["RegularExpressionList"]]
        return value is not None and any(re.search(each, value) for each in patterns)
    if kind == "ByteMatchStatement" and content["PositionalConstraint"] == "EXACTLY":
        return _header(content, headers) == str(content["SearchString"])
    if kind == "IPSetReferenceStatement":
        ranges = [ipaddress.ip_network(each) for each in _resource(content["Arn"])["Addresses"]]
        return any(ipaddress.ip_address(address) in each for each in ranges)
    raise _UnknownError(kind)


def _header(content: Statement, headers: Mapping[str, str]) -> str | None:
    field = content["FieldToMatch"].get("SingleHeader")
    if field is None or any(each["Type"] != "NONE" for each in content["TextTransformations"]):
        raise _UnknownError("FieldToMatch")
    return headers.get(str(field["Name"]).lower())


def _resource(arn: str) -> Mapping[str, Any]:
    kind, (account, region, identifier), _ = waf._parse_local_waf_arn(arn, ("ipset", "regexpatternset"))
    found: Mapping[str, Any] = waf._resource_store(kind).get_scoped(account, region, identifier)
    return found

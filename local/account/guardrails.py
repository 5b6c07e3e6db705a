"""Guardrails as in Bedrock: validation, the API to read them, and their evaluation of model invocations.

The emulator stores the records. It validates little, returns empty policies, and evaluates one text at a time.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails.html
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock, bedrock_runtime as runtime

from . import assessment, guardrail_rules, image_models
from .assessment import Assessment, Part
from .facts import geographies
from .guardrail_rules import RefusedError

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
_CONTENT = {"Content-Type": "application/json"}
#: Members of a request by the name under which the emulator stores them.
_KEPT = {
    "topicPolicyConfig": "TopicPolicy",
    "contentPolicyConfig": "ContentPolicy",
    "wordPolicyConfig": "WordPolicy",
    "sensitiveInformationPolicyConfig": "SensitiveInformationPolicy",
    "contextualGroundingPolicyConfig": "ContextualGroundingPolicy",
    "automatedReasoningPolicyConfig": "AutomatedReasoningPolicy",
    "crossRegionConfig": "CrossRegion",
    "blockedInputMessaging": "BlockedInputMessaging",
    "blockedOutputsMessaging": "BlockedOutputsMessaging",
}
#: Policies as they are read: response member, stored name, its lists by their name in a request, and its defaults.
_SIDES = {"inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": True, "outputEnabled": True}
_ENABLED = {"inputEnabled": True, "outputEnabled": True}
_READ: tuple[tuple[str, str, Mapping[str, str], Json], ...] = (
    ("topicPolicy", "TopicPolicy", {"topicsConfig": "topics"}, _SIDES),
    ("contentPolicy", "ContentPolicy", {"filtersConfig": "filters"}, _SIDES),
    ("wordPolicy", "WordPolicy", {"wordsConfig": "words", "managedWordListsConfig": "managedWordLists"}, _SIDES),
    (
        "sensitiveInformationPolicy",
        "SensitiveInformationPolicy",
        {"piiEntitiesConfig": "piiEntities", "regexesConfig": "regexes"},
        _ENABLED,
    ),
    (
        "contextualGroundingPolicy",
        "ContextualGroundingPolicy",
        {"filtersConfig": "filters"},
        {"action": "BLOCK", "enabled": True},
    ),
)
_TIERED = ("TopicPolicy", "ContentPolicy")
_UNKNOWN = "The guardrail identifier or version provided in the request does not exist."


def install() -> None:
    """Replace the emulator's handlers by these."""
    bedrock._create_guardrail = _answered(_create)
    bedrock._update_guardrail = _answered(_update)
    bedrock._get_guardrail = _answered(_get)
    bedrock._list_guardrails = _answered(_list)
    bedrock._delete_guardrail = _answered(_delete)
    bedrock._create_guardrail_version = _answered(_create_version)
    runtime._apply_guardrail = _answered(_apply)
    runtime._evaluate_guardrail = evaluate


# ---- The records ----------------------------------------------------------------------------------------------------


def find(identifier: str, version: str = "DRAFT") -> Json | None:
    """The record of a guardrail version, by the guardrail's id or ARN. None if there is none."""
    for record in bedrock._guardrails.values():
        if identifier in (record["GuardrailId"], record["GuardrailArn"]):
            if version in ("", "DRAFT"):
                return record  # type: ignore[no-any-return]
            return bedrock._guardrail_versions.get(f"{record['GuardrailId']}/{version}")  # type: ignore[no-any-return]
    return None


def _answered(operation: Callable[..., Response]) -> Callable[..., Response]:
    """An operation whose errors are returned as responses."""

    def answer(*arguments: Any) -> Response:
        try:
            return operation(*arguments)
        except RefusedError as error:
            status = {"ResourceNotFoundException": 404, "ConflictException": 409}.get(error.code, 400)
            return runtime._error(error.code, str(error), status)  # type: ignore[no-any-return]
        except assessment.SlowPatternError as error:
            return runtime._error("ValidationException", str(error), 400)  # type: ignore[no-any-return]

    return answer


def _json(content: Json, status: int = 200) -> Response:
    return status, dict(_CONTENT), json.dumps(content).encode()


def _read(body: bytes | str) -> Json:
    try:
        content = json.loads(body or b"{}")
    except ValueError as error:
        raise RefusedError("The body is no JSON") from error
    if not isinstance(content, dict):
        raise RefusedError("The body is no JSON object")
    return content


def _existing(identifier: str, version: str = "DRAFT") -> Json:
    found = find(identifier)
    if found is None:
        raise RefusedError(f"Guardrail {identifier} not found", "ResourceNotFoundException")
    if version not in ("", "DRAFT"):
        found = find(identifier, version)
    if found is None:
        raise RefusedError(f"Guardrail {identifier} version {version} not found", "ResourceNotFoundException")
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _checked(operation: str, request: Json, own: str = "") -> None:
    guardrail_rules.check(operation, request, _profiles())
    for record in bedrock._guardrails.values():
        if record["Name"] == request["name"] and record["GuardrailId"] != own:
            reason = f"Another guardrail in your account already has the name {request['name']}. Choose another name"
            raise RefusedError(reason, "ConflictException")


def _profiles() -> frozenset[str] | None:
    """The guardrail profiles of this Region. None if they are not known."""
    found = geographies.GUARDRAILS.get(get_region())
    if found is None:
        return None
    # Sydney has the profile of Asia Pacific beside that of Australia.
    return frozenset({found.profile, *(["apac.guardrail.v1:0"] if get_region() == "ap-southeast-2" else [])})


def _content(request: Json) -> Json:
    """The stored members of a request: all policies, also absent ones, since an update replaces all."""
    kept = {name: request.get(member) for member, name in _KEPT.items()}
    return {**kept, "Name": request["name"], "Description": request.get("description", ""), "KmsKeyArn": _key(request)}


def _key(request: Json) -> str | None:
    key = request.get("kmsKeyId")
    place = f"arn:aws:kms:{get_region()}:{get_account_id()}:"
    return f"{place}{key if key.startswith('alias/') else f'key/{key}'}" if key and ":" not in key else key


def _create(body: bytes | str) -> Response:
    request = _read(body)
    token = request.get("clientRequestToken")
    for record in bedrock._guardrails.values():
        if token and record.get("Token") == token:
            return _made(record)
    _checked("CreateGuardrail", request)
    if len(list(bedrock._guardrails.values())) >= guardrail_rules.MOST_GUARDRAILS:
        reason = f"The account has {guardrail_rules.MOST_GUARDRAILS} guardrails in this Region, which is the quota"
        raise RefusedError(reason, "ServiceQuotaExceededException")
    identifier = _new_id()
    now = _now()
    record = {
        "GuardrailId": identifier,
        "GuardrailArn": bedrock._guardrail_arn(identifier),
        "Version": "DRAFT",
        "Status": "READY",
        "CreatedAt": now,
        "UpdatedAt": now,
        "Token": token,
        "Versions": 0,
        **_content(request),
    }
    bedrock._guardrails[identifier] = record
    if request.get("tags"):
        bedrock._tags[record["GuardrailArn"]] = {each["key"]: each["value"] for each in request["tags"]}
    return _made(record)


def _new_id() -> str:
    # Ids on AWS have twelve lowercase letters and digits.
    return str(bedrock.uuid.uuid4().hex[:12])


def _made(record: Json) -> Response:
    kept = ("GuardrailId", "GuardrailArn", "Version", "CreatedAt")
    return _json({name[:1].lower() + name[1:]: record[name] for name in kept}, 202)


def _update(identifier: str, body: bytes | str) -> Response:
    record, request = _existing(identifier), _read(body)
    _checked("UpdateGuardrail", {**request, "guardrailIdentifier": identifier}, record["GuardrailId"])
    record |= {**_content(request), "UpdatedAt": _now()}
    kept = ("GuardrailId", "GuardrailArn", "Version", "UpdatedAt")
    return _json({name[:1].lower() + name[1:]: record[name] for name in kept}, 202)


def _asked(query: Any, name: str) -> str:
    found = query.get(name) if isinstance(query, dict) else None
    return str((found[0] if isinstance(found, list) else found) or "")


def _get(identifier: str, query: Any) -> Response:
    return _json(described(_existing(identifier, _asked(query, "guardrailVersion"))))


def described(record: Json) -> Json:
    """A guardrail as GetGuardrail returns it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetGuardrail.html
    """
    same = ("GuardrailId", "GuardrailArn", "Name", "Version", "Status", "CreatedAt", "UpdatedAt")
    told = {
        name[:1].lower() + name[1:]: record[name]
        for name in (*same, "BlockedInputMessaging", "BlockedOutputsMessaging")
    }
    told |= {"statusReasons": [], "failureRecommendations": []}
    for member, name in (("description", "Description"), ("kmsKeyArn", "KmsKeyArn")):
        if record.get(name):
            told[member] = record[name]
    for member, name, lists, defaults in _READ:
        policy = record.get(name)
        if policy:
            told[member] = _policy(policy, lists, defaults, tiered=name in _TIERED)
    if record.get("AutomatedReasoningPolicy"):
        told["automatedReasoningPolicy"] = record["AutomatedReasoningPolicy"]
    return {**told, **_across(record)}


def _policy(policy: Json, lists: Mapping[str, str], defaults: Json, *, tiered: bool) -> Json:
    told: Json = {}
    for asked, member in lists.items():
        if policy.get(asked):
            told[member] = [_with_defaults(each, defaults) for each in policy[asked]]
    if tiered:
        told["tier"] = policy.get("tierConfig") or {"tierName": "CLASSIC"}
    elif policy.get("tierConfig"):
        told["tier"] = policy["tierConfig"]
    return told


def _with_defaults(entry: Json, defaults: Json) -> Json:
    own = {"inputAction": entry["action"], "outputAction": entry["action"]} if defaults is _ENABLED else {}
    return {**defaults, **own, **entry}


def _across(record: Json) -> Json:
    named = (record.get("CrossRegion") or {}).get("guardrailProfileIdentifier")
    if not named:
        return {}
    profile = str(named).rpartition("/")[2]
    arn = f"arn:aws:bedrock:{get_region()}:{get_account_id()}:guardrail-profile/{profile}"
    return {"crossRegionDetails": {"guardrailProfileId": profile, "guardrailProfileArn": arn}}


def _list(query: Any) -> Response:
    """The draft of every guardrail, or all versions of one."""
    identifier = _asked(query, "guardrailIdentifier")
    if identifier:
        draft = _existing(identifier)
        numbers = sorted(int(key.partition("/")[2]) for key in _versions_of(draft))
        every = [draft, *(bedrock._guardrail_versions[f"{draft['GuardrailId']}/{number}"] for number in numbers)]
    else:
        every = list(bedrock._guardrails.values())
    begin, most = int(_asked(query, "nextToken") or 0), int(_asked(query, "maxResults") or 1000)
    told = {"guardrails": [_summary(each) for each in every[begin : begin + most]]}
    return _json({**told, **({"nextToken": str(begin + most)} if begin + most < len(every) else {})})


def _summary(record: Json) -> Json:
    told = {"id": record["GuardrailId"], "arn": record["GuardrailArn"]}
    told |= {
        name[:1].lower() + name[1:]: record[name] for name in ("Status", "Name", "Version", "CreatedAt", "UpdatedAt")
    }
    return {**told, **({"description": record["Description"]} if record["Description"] else {}), **_across(record)}


def _versions_of(record: Json) -> list[str]:
    return [key for key in bedrock._guardrail_versions if key.startswith(f"{record['GuardrailId']}/")]


def _delete(identifier: str, query: Any) -> Response:
    """One version if the request names one, else the guardrail with all of its versions."""
    version = _asked(query, "guardrailVersion")
    record = _existing(identifier, version)
    if version and version != "DRAFT":
        bedrock._guardrail_versions.pop(f"{record['GuardrailId']}/{version}", None)
        return _json({}, 202)
    for key in _versions_of(record):
        bedrock._guardrail_versions.pop(key, None)
    bedrock._guardrails.pop(record["GuardrailId"], None)
    bedrock._tags.pop(record["GuardrailArn"], None)
    return _json({}, 202)


def _create_version(identifier: str, body: bytes | str) -> Response:
    record, request = _existing(identifier), _read(body)
    if len(str(request.get("description", ""))) > 200:
        raise RefusedError("The description of a version has at most 200 characters")
    if len(_versions_of(record)) >= guardrail_rules.MOST_VERSIONS:
        reason = f"Guardrail {identifier} has {guardrail_rules.MOST_VERSIONS} versions, which is the quota"
        raise RefusedError(reason, "ServiceQuotaExceededException")
    # The number of a deleted version is not reused.
    record["Versions"] = record.get("Versions", 0) + 1
    number, now = str(record["Versions"]), _now()
    description = request.get("description") or record["Description"]
    version = {**json.loads(json.dumps(record)), "Version": number, "Description": description}
    bedrock._guardrail_versions[f"{record['GuardrailId']}/{number}"] = {**version, "CreatedAt": now, "UpdatedAt": now}
    return _json({"guardrailId": record["GuardrailId"], "version": number}, 202)


# ---- Texts alone ----------------------------------------------------------------------------------------------------


def _apply(identifier: str, version: str, body: bytes | str) -> Response:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html"""
    begun = time.monotonic()
    request = _read(body)
    guardrail_rules.check_content({**request, "guardrailIdentifier": identifier, "guardrailVersion": version})
    record = find(identifier, version)
    if record is None:
        raise RefusedError(_UNKNOWN, "ResourceNotFoundException")
    parts = [
        Part(e["text"]["text"], tuple(e["text"].get("qualifiers") or ())) for e in request["content"] if "text" in e
    ]
    images = [base64.b64decode(each["image"]["source"]["bytes"]) for each in request["content"] if "image" in each]
    found = assessment.assess(record, request["source"], parts)
    guarded = image_models.assess(record, request["source"], images, found)
    coverage = {**found.coverage, **({"images": {"guarded": guarded, "total": len(images)}} if images else {})}
    outputs: list[Json] = []
    if found.blocked:
        outputs = [{"text": _message(record, request["source"])}]
    elif found.masked:
        outputs = [{"text": each} for each in found.texts]
    return _json(
        {
            "usage": found.usage,
            "action": "GUARDRAIL_INTERVENED" if found.intervened else "NONE",
            "actionReason": found.reason,
            "outputs": outputs,
            "assessments": [found.told(record, _since(begun))],
            "guardrailCoverage": coverage,
        }
    )


def evaluate(record: Json, source: str, text: str) -> Json:
    """The result of a guardrail for one text, in the emulator's own format."""
    found = assessment.assess(record, source, [Part(text)])
    return {
        "assessment": found.policies,
        "blocked": found.blocked,
        "anonymized": found.masked,
        "masked_text": "".join(found.texts),
        "word_units": found.usage["wordPolicyUnits"],
        "sip_units": found.usage["sensitiveInformationPolicyUnits"],
    }


def _message(record: Json, source: str) -> str:
    return str(record["BlockedInputMessaging" if source == "INPUT" else "BlockedOutputsMessaging"])


def _since(begun: float) -> int:
    return max(1, round((time.monotonic() - begun) * 1000))


# ---- Conversations --------------------------------------------------------------------------------------------------


def assess_request(record: Json, request: Json) -> Assessment:
    """Evaluate the input, and put placeholders into ``request`` where something is masked.

    Parts marked as guarded are evaluated, or every text of every message if none is; of system prompts the marked
    parts. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
    """
    places = list(_places(request))
    found = assessment.assess(record, "INPUT", [part for _, _, part in places])
    found.total = sum(len(text["text"]) for text in _texts(request))
    for (holder, key, _), text in zip(places, found.texts, strict=True):
        holder[key] = text
    return found


def assess_answer(record: Json, blocks: list[Json]) -> Assessment:
    """Evaluate the output, and put placeholders into the blocks of text where something is masked."""
    texts = [each for each in blocks if "text" in each]
    found = assessment.assess(record, "OUTPUT", [Part(each["text"]) for each in texts])
    for block, text in zip(texts, found.texts, strict=True):
        block["text"] = text
    return found


def _places(request: Json) -> Iterator[tuple[Json, str, Part]]:
    """The location of evaluated texts: the object that contains each, the key, and the text."""
    blocks = [each for message in request.get("messages") or [] for each in message.get("content") or []]
    marked = [*_marked(blocks)]
    if marked:
        yield from marked
    else:
        yield from ((each, "text", Part(each["text"])) for each in blocks if isinstance(each.get("text"), str))
    yield from _marked(request.get("system") or [])


def _marked(blocks: list[Json]) -> Iterator[tuple[Json, str, Part]]:
    for each in blocks:
        text = (each.get("guardContent") or {}).get("text")
        if text:
            yield text, "text", Part(text["text"], tuple(text.get("qualifiers") or ()))


def _texts(request: Json) -> Iterator[Json]:
    blocks = [each for message in request.get("messages") or [] for each in message.get("content") or []]
    for each in [*blocks, *(request.get("system") or [])]:
        text = (each.get("guardContent") or {}).get("text") or each
        if isinstance(text.get("text"), str):
            yield text


def trace(record: Json, config: Json, asked: Json, answered: Json | None = None, said: list[str] | None = None) -> Json:
    """The member ``trace`` of a response. Empty if it is not requested.

    :param asked: the findings in the input.
    :param answered: the findings in the output, None if there is none.
    :param said: the output of the model, before anything was masked.
    """
    if config.get("trace") not in ("enabled", "enabled_full"):
        return {}
    told: Json = {"inputAssessment": {record["GuardrailId"]: asked}}
    if answered is not None:
        told |= {"modelOutput": said or [], "outputAssessments": {record["GuardrailId"]: [answered]}}
    return {"trace": {"guardrail": told}}

"""Guardrails and their versions, in the emulator's own Bedrock service, and inference profiles, which are records."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from ministack.core.responses import get_region
from ministack.services import bedrock

from .base import Model, Resource, ServiceError, answer, instances

_FACTS = Path(__file__).resolve().parents[3] / "constructs" / "aws_genai" / "data" / "bedrock_models.json"
#: CloudFormation's names for members that have another name in the API.
_RENAMED = {"KmsKeyArn": "kmsKeyId"}
#: Properties that CloudFormation handles itself or by another operation.
_READ_ONLY = ("GuardrailArn", "GuardrailId", "Version", "Status", "CreatedAt", "UpdatedAt")


def to_api(value: Any) -> Any:
    """Properties in the API's spelling, which begins with a lower-case letter."""
    if isinstance(value, dict):
        return {
            _RENAMED.get(key, key[:1].lower() + key[1:]): to_api(item)
            for key, item in value.items()
            if key not in _READ_ONLY
        }
    return [to_api(item) for item in value] if isinstance(value, list) else value


def guardrail_request(model: Model) -> Model:
    """A guardrail's properties as an API request, in which tiers and the profile have other names."""
    request: Model = _numbered({key: value for key, value in to_api(model).items() if key != "tags"})
    for policy, tier in (
        ("topicPolicyConfig", "topicsTierConfig"),
        ("contentPolicyConfig", "contentFiltersTierConfig"),
    ):
        if tier in request.get(policy, {}):
            request[policy]["tierConfig"] = request[policy].pop(tier)
    across = request.get("crossRegionConfig", {})
    if "guardrailProfileArn" in across:
        across["guardrailProfileIdentifier"] = across.pop("guardrailProfileArn")
    return request


def _numbered(value: Any, name: str = "") -> Any:
    """Numbers and booleans, which a template may write as strings."""
    if isinstance(value, dict):
        return {key: _numbered(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbered(item, name) for item in value]
    if isinstance(value, str) and name in ("threshold", "confidenceThreshold"):
        return float(value)
    return value == "true" if isinstance(value, str) and name.lower().endswith("enabled") else value


class Guardrail(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html"""

    type = "AWS::Bedrock::Guardrail"
    service = True

    def create(self, model: Model) -> Model:
        made = answer(bedrock._create_guardrail(json.dumps(guardrail_request(model))))
        record = bedrock._guardrails[made["guardrailId"]]
        return {**model, **{key: record[key] for key in _READ_ONLY}}

    def update(self, old: Model, new: Model) -> Model:
        made = answer(bedrock._update_guardrail(old["GuardrailId"], json.dumps(guardrail_request(new))))
        return {**new, "UpdatedAt": made["updatedAt"]}

    def delete(self, model: Model) -> None:
        bedrock._delete_guardrail(model["GuardrailId"], {})

    def tag(self, model: Model) -> None:
        bedrock._tags[model["GuardrailArn"]] = {each["Key"]: each["Value"] for each in model.get("Tags", [])}


class GuardrailVersion(Resource):
    """An immutable copy of a guardrail: it remains in use while the draft changes.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrailVersion.html
    """

    type = "AWS::Bedrock::GuardrailVersion"
    service = True

    def create(self, model: Model) -> Model:
        request = json.dumps({"description": model["Description"]} if model.get("Description") else {})
        made = answer(bedrock._create_guardrail_version(model["GuardrailIdentifier"], request))
        guardrail_id = made["guardrailId"]
        arn = bedrock._guardrails[guardrail_id]["GuardrailArn"]
        return {**model, "GuardrailId": guardrail_id, "GuardrailArn": arn, "Version": made["version"]}

    def delete(self, model: Model) -> None:
        bedrock._guardrail_versions.pop(f"{model['GuardrailId']}/{model['Version']}", None)


class ApplicationInferenceProfile(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateInferenceProfile.html"""

    type = "AWS::Bedrock::ApplicationInferenceProfile"
    attributes: ClassVar = {
        "InferenceProfileId": "{token}",
        "InferenceProfileArn": "arn:aws:bedrock:{region}:{account}:application-inference-profile/{token}",
        "InferenceProfileIdentifier": "arn:aws:bedrock:{region}:{account}:application-inference-profile/{token}",
        "Status": "ACTIVE",
        "Type": "APPLICATION",
        "CreatedAt": "{now}",
        "UpdatedAt": "{now}",
    }

    def create(self, model: Model) -> Model:
        source = str(model.get("ModelSource", {}).get("CopyFrom", ""))
        name = foundation_of(source.rpartition("/")[2])
        if name is None:
            raise ServiceError(f"The provided model identifier {source} is invalid.")
        made = super().create(model)
        return {**made, "Models": [{"ModelArn": f"arn:aws:bedrock:{get_region()}::foundation-model/{name}"}]}


class EnforcedGuardrailConfiguration(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_PutEnforcedGuardrailConfiguration.html"""

    type = "AWS::Bedrock::EnforcedGuardrailConfiguration"
    attributes: ClassVar = {
        "ConfigId": "{token}",
        "GuardrailId": "{GuardrailIdentifier}",
        "CreatedAt": "{now}",
        "UpdatedAt": "{now}",
        "CreatedBy": "arn:aws:iam::{account}:role/deployment",
        "UpdatedBy": "arn:aws:iam::{account}:role/deployment",
        "Owner": "ACCOUNT",
    }

    def create(self, model: Model) -> Model:
        name = str(model["GuardrailIdentifier"]).rpartition("/")[2]
        record = bedrock._guardrails.get(name)
        if record is None:
            raise ServiceError(f"Guardrail {model['GuardrailIdentifier']} not found")
        return {**super().create(model), "GuardrailId": name, "GuardrailArn": record["GuardrailArn"]}


class ResourcePolicy(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_PutResourcePolicy.html

    The policy of a guardrail is limited: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-resource-based-policies.html
    """

    type = "AWS::Bedrock::ResourcePolicy"

    def create(self, model: Model) -> Model:
        if not str(model["ResourceArn"]).startswith("arn:"):
            raise ServiceError(f"{model['ResourceArn']} is not the ARN of a resource of Bedrock")
        _check_shared(model["PolicyDocument"])
        return super().create(model)

    def update(self, old: Model, new: Model) -> Model:
        _check_shared(new["PolicyDocument"])
        return super().update(old, new)


def _check_shared(document: Model) -> None:
    organization = {"aws:principalorgid", "aws:principalorgpaths"}
    for statement in document.get("Statement", []):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        asked = {key.lower() for each in statement.get("Condition", {}).values() for key in each}
        if not set(actions) <= {"bedrock:ApplyGuardrail", "bedrock:GetGuardrail"}:
            raise ServiceError("A guardrail's policy supports the actions ApplyGuardrail and GetGuardrail only")
        if asked - organization:
            raise ServiceError("A guardrail's policy supports conditions on PrincipalOrgID and PrincipalOrgPaths only")
        if statement["Principal"] in ("*", {"AWS": "*"}) and not asked:
            raise ServiceError("A guardrail's policy for everybody needs a condition on an organization")


def foundation_of(identifier: str) -> str | None:
    """The foundation model of an id, or of the inference profile with that id. None if there is none."""
    models = models_of_bedrock()
    if identifier in models:
        return identifier
    return next((name for name, facts in models.items() if identifier in facts.get("inference_profiles", [])), None)


def called(identifier: str) -> str:
    """The source of an application inference profile. Anything else is returned unchanged."""
    for each in instances(ApplicationInferenceProfile.type):
        if identifier in (each["InferenceProfileArn"], each["InferenceProfileId"]):
            return str(each["ModelSource"]["CopyFrom"]).rpartition("/")[2]
    return identifier


@cache
def as_of() -> date:
    """The date of the facts: models with an end of life before it are rejected, whatever the current date is."""
    return date.fromisoformat(json.loads(_FACTS.read_text(encoding="utf-8"))["regions_retrieved"])


@cache
def models_of_bedrock() -> dict[str, dict[str, Any]]:
    """The facts about Bedrock's models."""
    content: dict[str, dict[str, Any]] = json.loads(_FACTS.read_text(encoding="utf-8"))["models"]
    return content

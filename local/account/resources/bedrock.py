"""Guardrails and their versions, in the emulator's own Bedrock service."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import bedrock

from .base import Model, Resource, answer

#: CloudFormation's names for what the API calls otherwise.
_RENAMED = {"KmsKeyArn": "kmsKeyId"}
#: CloudFormation keeps these for itself or calls another operation for them.
_READ_ONLY = ("GuardrailArn", "GuardrailId", "Version", "Status", "CreatedAt", "UpdatedAt")


def _to_api(value: Any) -> Any:
    """Properties in the API's spelling, which begins with a small letter."""
    if isinstance(value, dict):
        return {
            _RENAMED.get(key, key[:1].lower() + key[1:]): _to_api(item)
            for key, item in value.items()
            if key not in _READ_ONLY
        }
    return [_to_api(item) for item in value] if isinstance(value, list) else value


class Guardrail(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html"""

    type = "AWS::Bedrock::Guardrail"
    service = True

    def create(self, model: Model) -> Model:
        made = answer(bedrock._create_guardrail(json.dumps(_to_api(model))))
        record = _renamed(_read(made, "guardrailId"))
        return {**model, **{key: record[key] for key in _READ_ONLY}}

    def update(self, old: Model, new: Model) -> Model:
        made = answer(bedrock._update_guardrail(old["GuardrailId"], json.dumps(_to_api(new))))
        return {**new, "UpdatedAt": _read(made, "updatedAt")}

    def delete(self, model: Model) -> None:
        bedrock._delete_guardrail(model["GuardrailId"], {})

    def tag(self, model: Model) -> None:
        bedrock._tags[model["GuardrailArn"]] = {each["Key"]: each["Value"] for each in model.get("Tags", [])}


class GuardrailVersion(Resource):
    """An immutable copy of a guardrail: it works on while the draft changes.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrailVersion.html
    """

    type = "AWS::Bedrock::GuardrailVersion"
    service = True

    def create(self, model: Model) -> Model:
        request = json.dumps({"description": model.get("Description", "")})
        made = answer(bedrock._create_guardrail_version(model["GuardrailIdentifier"], request))
        guardrail_id = _read(made, "guardrailId")
        arn = bedrock._guardrails[guardrail_id]["GuardrailArn"]
        return {**model, "GuardrailId": guardrail_id, "GuardrailArn": arn, "Version": _read(made, "version")}

    def delete(self, model: Model) -> None:
        bedrock._guardrail_versions.pop(f"{model['GuardrailId']}/{model['Version']}", None)


def _read(answered: Model, name: str) -> Any:
    """A member of an answer, whose members the emulator spells in either way."""
    return answered.get(name, answered.get(name[:1].upper() + name[1:]))


def _renamed(guardrail_id: str) -> Model:
    """Give a guardrail an id of AWS's form, lowercase letters and digits, where the emulator's has a hyphen."""
    record: Model = bedrock._guardrails.pop(guardrail_id)
    bedrock._tags.pop(record["GuardrailArn"], None)
    plain = guardrail_id.replace("-", "")
    record |= {"GuardrailId": plain, "GuardrailArn": bedrock._guardrail_arn(plain)}
    bedrock._guardrails[plain] = record
    return record

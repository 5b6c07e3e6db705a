"""Prompts, flows and prompt routers, which are records. A prompt is rendered when a model is invoked with it.

https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management.html
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from .base import Model, Resource, ServiceError, instances
from .bedrock import foundation_of

_TIMES = {"CreatedAt": "{now}", "UpdatedAt": "{now}"}
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


class Prompt(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreatePrompt.html"""

    type = "AWS::Bedrock::Prompt"
    attributes: ClassVar = {
        "Id": "{token:.10}",
        "Arn": "arn:aws:bedrock:{region}:{account}:prompt/{token:.10}",
        "Version": "DRAFT",
        **_TIMES,
    }

    def create(self, model: Model) -> Model:
        for variant in model.get("Variants", []):
            _known(str(variant.get("ModelId", "")))
        return super().create(model)


class PromptVersion(Resource):
    """An immutable copy of a prompt.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreatePromptVersion.html
    """

    type = "AWS::Bedrock::PromptVersion"
    needs: ClassVar = {"PromptArn": "AWS::Bedrock::Prompt"}
    attributes: ClassVar = _TIMES

    def create(self, model: Model) -> Model:
        draft = next(each for each in instances(Prompt.type) if each["Arn"] == model["PromptArn"])
        before = [each for each in instances(self.type) if each["PromptArn"] == model["PromptArn"]]
        number = 1 + max((int(each["Version"]) for each in before), default=0)
        kept: Model = {
            name: draft[name]
            for name in ("Name", "DefaultVariant", "Variants", "CustomerEncryptionKeyArn")
            if name in draft
        }
        arn = f"{draft['Arn']}:{number}"
        return {**super().create(model), **kept, "PromptId": draft["Id"], "Arn": arn, "Version": str(number)}


class Flow(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateFlow.html"""

    type = "AWS::Bedrock::Flow"
    attributes: ClassVar = {
        "Id": "{token:.10}",
        "Arn": "arn:aws:bedrock:{region}:{account}:flow/{token:.10}",
        "Version": "DRAFT",
        "Status": "Prepared",
        **_TIMES,
    }

    def create(self, model: Model) -> Model:
        self._check(model)
        return {**super().create(model), "Validations": []}

    def _check(self, model: Model) -> None:
        definition = model.get("Definition", {})
        names = {each["Name"] for each in definition.get("Nodes", [])}
        for each in definition.get("Connections", []):
            for end in ("Source", "Target"):
                if each[end] not in names:
                    raise ServiceError(f"The connection {each['Name']} has an unknown {end.lower()} node {each[end]}")

    def update(self, old: Model, new: Model) -> Model:
        self._check(new)
        return new


class FlowVersion(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateFlowVersion.html"""

    type = "AWS::Bedrock::FlowVersion"
    needs: ClassVar = {"FlowArn": "AWS::Bedrock::Flow"}
    attributes: ClassVar = {"Status": "Prepared", "CreatedAt": "{now}"}

    def create(self, model: Model) -> Model:
        draft = next(each for each in instances(Flow.type) if each["Arn"] == model["FlowArn"])
        before = [each for each in instances(self.type) if each["FlowArn"] == model["FlowArn"]]
        number = 1 + max((int(each["Version"]) for each in before), default=0)
        kept: Model = {
            name: draft[name]
            for name in ("Definition", "ExecutionRoleArn", "Name", "CustomerEncryptionKeyArn")
            if name in draft
        }
        return {**super().create(model), **kept, "FlowId": draft["Id"], "Version": str(number)}


class FlowAlias(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateFlowAlias.html"""

    type = "AWS::Bedrock::FlowAlias"
    needs: ClassVar = {"FlowArn": "AWS::Bedrock::Flow"}
    attributes: ClassVar = {"Id": "{token:.10}", "Arn": "{FlowArn}/alias/{token:.10}", **_TIMES}

    def create(self, model: Model) -> Model:
        made = super().create(model)
        return {**made, "FlowId": str(model["FlowArn"]).rpartition("/")[2]}


class IntelligentPromptRouter(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreatePromptRouter.html"""

    type = "AWS::Bedrock::IntelligentPromptRouter"
    attributes: ClassVar = {
        "PromptRouterArn": "arn:aws:bedrock:{region}:{account}:prompt-router/{token}",
        "Status": "AVAILABLE",
        "Type": "custom",
        **_TIMES,
    }

    def create(self, model: Model) -> Model:
        for each in model["Models"]:
            _known(str(each["ModelArn"]))
        return super().create(model)


def rendered(arn: str, values: dict[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """The rendered prompt of a version, with its model and parameters. None if the ARN is not one of a prompt version.

    :raises ServiceError: if a variable has no value.
    """
    for each in instances(PromptVersion.type):
        if each["Arn"] != arn:
            continue
        variant = each["Variants"][0]
        text = variant["TemplateConfiguration"]["Text"]["Text"]
        for name in _VARIABLE.findall(text):
            if name not in values:
                raise ServiceError(f"The prompt has a variable {name}, which has no value")
        asked = _VARIABLE.sub(lambda found: str(values[found[1]]["text"]), text)
        how = variant.get("InferenceConfiguration", {}).get("Text", {})
        return variant["ModelId"], asked, {name[:1].lower() + name[1:]: value for name, value in how.items()}
    return None


def _known(model: str) -> None:
    if foundation_of(model.rpartition("/")[2]) is None:
        raise ServiceError(f"The provided model identifier {model} is invalid.")

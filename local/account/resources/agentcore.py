"""Resources of Amazon Bedrock AgentCore: code interpreters, gateways to tools, and policies that decide who may use
them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ministack.core.responses import get_account_id, get_region

from .. import cedar, tool_gateways
from ..permissions import role_may
from .base import Model, Resource, ServiceError, find, instances

_TIMES = {"CreatedAt": "{now}", "UpdatedAt": "{now}"}


class CodeInterpreter(Resource):
    """https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreateCodeInterpreter.html"""

    type = "AWS::BedrockAgentCore::CodeInterpreterCustom"
    name = "Name"
    name_limit = 48
    attributes: ClassVar = {
        "CodeInterpreterId": "{Name}-{token:.10}",
        "CodeInterpreterArn": "arn:aws:bedrock-agentcore:{region}:{account}:code-interpreter-custom/{Name}-{token:.10}",
        "Status": "READY",
        "CreatedAt": "{now}",
        "LastUpdatedAt": "{now}",
    }


class PolicyEngine(Resource):
    """https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreatePolicyEngine.html"""

    type = "AWS::BedrockAgentCore::PolicyEngine"
    attributes: ClassVar = {
        "PolicyEngineId": "{Name}-{token:.10}",
        "PolicyEngineArn": "arn:aws:bedrock-agentcore:{region}:{account}:policy-engine/{Name}-{token:.10}",
        "Status": "ACTIVE",
        **_TIMES,
    }

    def create(self, model: Model) -> Model:
        if any(each["Name"] == model["Name"] for each in instances(self.type)):
            raise ServiceError(f"A policy engine with the name {model['Name']} already exists")
        return {**super().create(model), "StatusReasons": []}

    def delete(self, model: Model) -> None:
        if any(each["PolicyEngineId"] == model["PolicyEngineId"] for each in instances(Policy.type)):
            raise ServiceError(f"The policy engine {model['PolicyEngineId']} has policies")
        for gateway in instances(Gateway.type):
            if tool_gateways.engine_of(gateway) == model["PolicyEngineArn"]:
                raise ServiceError(f"The gateway {gateway['Name']} uses the policy engine {model['PolicyEngineId']}")


class Policy(Resource):
    """https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreatePolicy.html"""

    type = "AWS::BedrockAgentCore::Policy"
    needs: ClassVar = {"PolicyEngineId": PolicyEngine.type}
    attributes: ClassVar = {
        "PolicyId": "{Name}-{token:.10}",
        "PolicyArn": (
            "arn:aws:bedrock-agentcore:{region}:{account}:policy-engine/{PolicyEngineId}/policy/{Name}-{token:.10}"
        ),
        "Status": "ACTIVE",
        **_TIMES,
    }

    def create(self, model: Model) -> Model:
        for each in instances(self.type):
            if (each["PolicyEngineId"], each["Name"]) == (model["PolicyEngineId"], model["Name"]):
                raise ServiceError(f"A policy with the name {model['Name']} already exists")
        self._check(model)
        return {**super().create(model), "StatusReasons": []}

    def update(self, old: Model, new: Model) -> Model:
        self._check(new)
        return new

    def _check(self, model: Model) -> None:
        used = [each for each in instances(Gateway.type) if _id(each) == model["PolicyEngineId"]]
        acting = [cedar.Acting(each["GatewayArn"], tool_gateways.schemas(each)) for each in used]
        try:
            cedar.check(tool_gateways.statement(model), acting)
        except cedar.PolicyError as error:
            if model.get("ValidationMode") != "IGNORE_ALL_FINDINGS":
                raise ServiceError(f"The policy {model['Name']} is invalid: {error}") from error


class Gateway(Resource):
    """https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreateGateway.html"""

    type = "AWS::BedrockAgentCore::Gateway"
    service = True

    def create(self, model: Model) -> Model:
        if any(each["Name"] == model["Name"] for each in instances(self.type)):
            raise ServiceError(f"A gateway with the name {model['Name']} already exists")
        self._check(model)
        made = super().create({**model, "Base": model["Name"].lower()})
        del made["Base"]
        url = tool_gateways.address(get_account_id(), get_region(), made["GatewayIdentifier"])
        return {**made, "GatewayUrl": url, "StatusReasons": []}

    attributes: ClassVar = {
        "GatewayIdentifier": "{Base}-{token:.10}",
        "GatewayArn": "arn:aws:bedrock-agentcore:{region}:{account}:gateway/{Base}-{token:.10}",
        "Status": "READY",
        **_TIMES,
    }

    def update(self, old: Model, new: Model) -> Model:
        if old["Name"] != new["Name"]:
            raise ServiceError("The name of a gateway cannot be changed")
        self._check(new)
        return new

    def delete(self, model: Model) -> None:
        if tool_gateways.targets(model["GatewayIdentifier"]):
            raise ServiceError(f"The gateway {model['Name']} has targets")

    def _check(self, model: Model) -> None:
        role, engine = str(model["RoleArn"]), tool_gateways.engine_of(model)
        if engine and find(PolicyEngine.type, engine) is None:
            raise ServiceError(f"The policy engine {engine} does not exist")
        if engine and not role_may(role, "bedrock-agentcore:GetPolicyEngine", engine):
            raise ServiceError(f"Access denied while calling GetPolicyEngine on {engine} as {role}")
        key = model.get("KmsKeyArn")
        if key and not role_may(role, "kms:GenerateDataKey", str(key)):
            raise ServiceError(f"{role} is not authorized to perform: kms:GenerateDataKey on resource: {key}")
        kind, tokens = model["AuthorizerType"], tool_gateways.authorizer(model)
        if (kind == "CUSTOM_JWT") != bool(tokens):
            raise ServiceError("An authorizer configuration belongs to the type CUSTOM_JWT, which needs it")
        if kind not in ("CUSTOM_JWT", "NONE") or set(tokens) & {"CustomClaims", "PrivateEndpoint"}:
            raise ServiceError(f"The local account has no authorizer of this kind: {kind} {sorted(tokens)}")


class GatewayTarget(Resource):
    """https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreateGatewayTarget.html"""

    type = "AWS::BedrockAgentCore::GatewayTarget"
    needs: ClassVar = {"GatewayIdentifier": Gateway.type}
    service = True
    attributes: ClassVar = {
        "TargetId": "{token:.10}",
        "GatewayArn": "arn:aws:bedrock-agentcore:{region}:{account}:gateway/{GatewayIdentifier}",
        "Status": "READY",
        "ProtocolType": "MCP",
        **_TIMES,
    }

    def create(self, model: Model) -> Model:
        self._check(model)
        if any(each["Name"] == model["Name"] for each in tool_gateways.targets(model["GatewayIdentifier"])):
            raise ServiceError(f"The gateway has a target with the name {model['Name']} already")
        return {**super().create(model), "StatusReasons": []}

    def update(self, old: Model, new: Model) -> Model:
        self._check(new)
        return new

    def _check(self, model: Model) -> None:
        if not tool_gateways.lambda_of(model).get("ToolSchema", {}).get("InlinePayload"):
            raise ServiceError("The local account has targets of kind Lambda with an inline schema only")


def _id(gateway: Any) -> str:
    return tool_gateways.engine_of(gateway).rpartition("/")[2]

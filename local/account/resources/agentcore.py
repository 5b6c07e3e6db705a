"""Code interpreters of Amazon Bedrock AgentCore, whose sessions :mod:`local.account.code_interpreters` serves."""

from __future__ import annotations

from typing import ClassVar

from .base import Resource


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

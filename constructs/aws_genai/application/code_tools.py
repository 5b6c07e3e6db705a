"""The tools of an assistant that writes and runs code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aws_cdk import Stack, Token, aws_bedrockagentcore as agentcore, aws_iam as iam
from constructs import Construct

from ..foundation.naming import lasting
from ..foundation.role import grant
from ..functions.assistant.code_environment import CodeEnvironment
from ..functions.contract import Contract
from .kinds import check_code_region
from .options import CodeOptions

#: https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreateCodeInterpreter.html
_LONGEST = 48


class CodeTools(Construct):
    """A code interpreter of Amazon Bedrock AgentCore, for an :class:`Assistant` of kind code.

    Each answer that runs code has a session of its own, a microVM that ends with the answer. The network mode is
    SANDBOX: code reaches no network but Amazon S3 and name resolution. It has no execution role, and so no credentials
    of this account. It costs nothing while no session runs.
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/code-interpreter-resource-management.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Assistant, AssistantOptions, CodeTools, Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        Assistant(
            stack,
            "Developer",
            foundation=foundation,
            name="developer",
            access=ModelAccess(
                stack,
                "Access",
                guardrail=Guardrail(stack, "Guardrail", name="developer", foundation=foundation),
                options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
            ),
            identity=Identity(stack, "Users", foundation=foundation, pool_name="developer"),
            options=AssistantOptions(kind="code"),
            toolset=CodeTools(stack, "Code", name="developer"),
        )
        app.synth()

    :param name: name of the code interpreter. Other characters than letters and digits become underscores, and a
        digest of its properties is added.
    :param options: languages, and seconds of a session. Default: all languages, 300 seconds.
    :raises InvalidValueError: if the stack's Region is known to have no code interpreters.
    """

    tools: str = "code"
    include: Sequence[str] = ()

    def __init__(self, scope: Construct, id: str, *, name: str, options: CodeOptions | None = None) -> None:
        super().__init__(scope, id)
        options = options or CodeOptions()
        region = Stack.of(self).region
        if not Token.is_unresolved(region):
            check_code_region(region)
        network = {"networkMode": "SANDBOX"}
        self.resource = agentcore.CfnCodeInterpreterCustom(
            self,
            "Resource",
            # Every property but the tags replaces the resource.
            name=re.sub(r"[^A-Za-z0-9]", "_", lasting(self, name, network, longest=_LONGEST)),
            network_configuration=network,
        )
        self.environment: Contract = CodeEnvironment(
            INTERPRETER_ID=self.resource.attr_code_interpreter_id,
            LANGUAGES=list(options.languages),
            SESSION_SECONDS=options.session_seconds,
        )

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to run code in sessions of this code interpreter.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrockagentcore.html
        """
        actions = ("StartCodeInterpreterSession", "InvokeCodeInterpreter", "StopCodeInterpreterSession")
        return grant(
            grantee,
            [f"bedrock-agentcore:{each}" for each in actions],
            [self.resource.attr_code_interpreter_arn],
            sid="OwnCodeInterpreter",
        )

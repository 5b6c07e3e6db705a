"""The tools of an agent: a gateway that verifies the user's token, policies that decide, and an audit log."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import (
    CfnResource,
    RemovalPolicy,
    Token,
    aws_bedrockagentcore as agentcore,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_logs as logs,
)
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.alarms import alarm
from ..foundation.foundation import Foundation
from ..foundation.key import DataKey
from ..foundation.naming import lasting
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..functions.action_audit.environment import Environment as AuditEnvironment
from ..functions.agent_tools.environment import Environment
from ..functions.contract import Contract
from ..packaging import PythonFunction
from .identity import Identity
from .options import AgentOptions, AgentTool, ToolParameter, region_of

#: Versions of the Model Context Protocol: the one that the function speaks.
_PROTOCOLS = ["2025-06-18"]
#: Maximum length of a gateway's name, and of the names of an engine and a policy:
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-bedrockagentcore-gateway.html
_GATEWAY_NAME, _POLICY_NAME = 48, 48
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class AgentTools(Construct):
    """Tools that an agent acts with as the user who asks, and never with rights of its own.

    An Amazon Bedrock AgentCore gateway offers them by the Model Context Protocol. It accepts only access tokens of the
    user pool's app clients, and asks a policy engine about each use: a Cedar policy for each tool permits it to the
    groups that the settings name, and everything else is denied. The engine enforces, and does not only log; semantic
    search is off, because it would describe tools to users who may not use them; errors are not told in detail.

    Every use is recorded in a log group before it reaches the tool, and once more with the decision: who, which tool, a
    digest of the arguments, when. The records are written by a function between gateway and tools, whose role alone may
    write them. A use that cannot be recorded is refused.
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway.html
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy.html
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-interceptors.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import (
            AgentOptions,
            AgentTarget,
            AgentTool,
            AgentTools,
            Assistant,
            AssistantOptions,
            ChatApi,
            Firewall,
            Identity,
            ToolParameter,
        )
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Desk", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="desk", foundation=foundation)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=guardrail,
            options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
        )
        identity = Identity(stack, "Users", foundation=foundation, pool_name="desk", groups=["support"])
        number = ToolParameter(type="integer", description="Number of the ticket")
        find = AgentTool(
            description="Finds a ticket.", input={"number": number}, confirm=False, groups=["support"]
        )
        close = AgentTool(description="Closes a ticket.", input={"number": number}, groups=["support"])
        options = AgentOptions(
            targets={
                "desk": AgentTarget(
                    function_arn="arn:aws:lambda:us-east-1:111122223333:function:desk",
                    tools={"find_ticket": find, "close_ticket": close},
                )
            }
        )
        tools = AgentTools(
            stack, "Tools", foundation=foundation, name="desk", identity=identity, options=options
        )
        desk = Assistant(
            stack,
            "Agent",
            foundation=foundation,
            name="desk",
            access=access,
            identity=identity,
            options=AssistantOptions(kind="agent", agent=options),
            toolset=tools,
        )
        ChatApi(
            stack,
            "Chat",
            foundation=foundation,
            name="desk",
            access=access,
            identity=identity,
            firewall=Firewall(stack, "Firewall", foundation=foundation, name="desk"),
            assistants=[desk],
        )
        app.synth()

    :param foundation: provides the key of logs, topic, network, log retention and removal policy. The gateway and the
        policies have a key of their own.
    :param name: name of the gateway, which is unique in the account and Region: lower-case letters, digits and single
        hyphens. A name of more than 48 characters is truncated, and gets a digest.
    :param identity: the users, and the app clients whose tokens are accepted.
    :param options: the tools, and who may use them.
    :param functions: functions of targets, by their names, instead of ``function_arn`` in the options. Default: none.
    :raises InvalidValueError: if the name is invalid, or a target has no function, or two.
    """

    #: Module of the tools.
    tools: str = "agent"
    #: Further folders that the module imports.
    include: Sequence[str] = ("agent_tools",)

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        identity: Identity,
        options: AgentOptions,
        functions: Mapping[str, lambda_.IFunction] | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not _NAME.fullmatch(name):
            raise InvalidValueError(
                f"{name!r} is no name of a gateway",
                field="name",
                hint="Use lower-case letters, digits and single hyphens, a letter first",
            )
        name = name if len(name) <= _GATEWAY_NAME else lasting(self, name, longest=_GATEWAY_NAME)
        self.options = options
        # A key policy that names the gateway's role has to be in the stack of that role.
        self.key = key = DataKey(self, "Key", description=f"Tools of {name}", removal_policy=foundation.removal_policy)
        arns = _functions(options, functions or {})
        self.audit_log = self._audit_log(foundation)
        self.audit = self._audit(foundation)
        arn = f"arn:{PARTITION}:bedrock-agentcore:{REGION}:{ACCOUNT_ID}"
        # AgentCore adds ten characters, which are not known before the gateway is there, and it needs the role first.
        own = f"{arn}:gateway/{name}-??????????"
        self.role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "bedrock-agentcore.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": own}},
            ),
            description=f"Gateway {name}",
        )
        engine_name = lasting(self, name.replace("-", "_"), key.key_arn, longest=_POLICY_NAME, digits=8).replace(
            "-", "_"
        )
        self.engine = agentcore.CfnPolicyEngine(
            self, "Engine", name=engine_name, encryption_key_arn=key.key_arn, description=f"Tools of {name}"
        )
        # https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-permissions.html
        self.role.allow(("bedrock-agentcore:GetPolicyEngine",), [self.engine.attr_policy_engine_arn])
        self.role.allow(
            ("bedrock-agentcore:AuthorizeAction", "bedrock-agentcore:PartiallyAuthorizeActions"),
            [self.engine.attr_policy_engine_arn, own],
        )
        self.role.allow(("lambda:InvokeFunction",), [*dict.fromkeys(arns.values()), self.audit.function_arn])
        key.grant_in_agentcore(self.role)
        self.gateway = self._gateway(name, identity, key.key_arn)
        targets = [self._target(target, arns[target]) for target in options.targets]
        for tool in options.tools:
            self._policy(tool, options.tools[tool], identity.groups_claim, targets)
        #: Environment variables of the module.
        self.environment: Contract = Environment(
            GATEWAY_URL=self.gateway.attr_gateway_url,
            AGENT_TOOLS={tool: each.confirm for tool, each in options.tools.items()},
        )

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """The token of each user permits the use of the tools; ``grantee`` itself needs no permission and gets none."""
        return iam.Grant.drop(grantee, "The gateway authorizes users by their tokens")

    def _audit_log(self, foundation: Foundation) -> logs.CfnLogGroup:
        kept = foundation.removal_policy is not RemovalPolicy.DESTROY
        foundation.key.allow_logs()
        group = logs.CfnLogGroup(
            self,
            "Actions",
            kms_key_id=foundation.key.key_arn,
            retention_in_days=foundation.log_days,
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/protecting-log-groups-from-deletion.html
            deletion_protection_enabled=kept,
        )
        # A log group with deletion protection cannot be deleted when its first deployment fails, so it is retained.
        group.apply_removal_policy(RemovalPolicy.RETAIN if kept else foundation.removal_policy)
        return group

    def _audit(self, foundation: Foundation) -> PythonFunction:
        function = PythonFunction(
            self,
            "Audit",
            foundation=foundation,
            folder="action_audit",
            environment=AuditEnvironment(AUDIT_LOG=self.audit_log.ref),
            timeout_seconds=15,
            reserved_concurrency=40,
        )
        function.role.allow(("logs:CreateLogStream", "logs:PutLogEvents"), [self.audit_log.attr_arn])
        alarm(
            self,
            "AlarmAudit",
            topic=foundation.topic,
            runbook="actions-not-recorded",
            description="Actions cannot be recorded, so that tools are refused: read the log group of the function.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": function.function_name},
            threshold=1,
        )
        return function

    def _gateway(self, name: str, identity: Identity, key_arn: str) -> agentcore.CfnGateway:
        # A user pool that exists may be in another Region.
        region = REGION if Token.is_unresolved(identity.pool_arn) else region_of(identity.pool_arn)
        issuer = f"https://cognito-idp.{region}.amazonaws.com/{identity.pool_id}"
        gateway = agentcore.CfnGateway(
            self,
            "Gateway",
            name=name,
            role_arn=self.role.role_arn,
            protocol_type="MCP",
            # Without a type of search, there is none.
            protocol_configuration={"mcp": {"supportedVersions": _PROTOCOLS}},
            authorizer_type="CUSTOM_JWT",
            authorizer_configuration={
                "customJwtAuthorizer": {
                    "discoveryUrl": f"{issuer}/.well-known/openid-configuration",
                    "allowedClients": identity.client_ids,
                }
            },
            policy_engine_configuration={"arn": self.engine.attr_policy_engine_arn, "mode": "ENFORCE"},
            interceptor_configurations=[
                {
                    "interceptionPoints": ["REQUEST", "RESPONSE"],
                    "interceptor": {"lambda": {"arn": self.audit.function_arn}},
                    # The function records who asks.
                    "inputConfiguration": {"passRequestHeaders": True},
                }
            ],
            kms_key_arn=key_arn,
        )
        gateway.add_resource_dependency(self.role.permissions)
        return gateway

    def _target(self, name: str, function_arn: str) -> agentcore.CfnGatewayTarget:
        tools = [
            {"name": tool, "description": each.description, "inputSchema": _schema(each.input)}
            for tool, each in self.options.targets[name].tools.items()
        ]
        return agentcore.CfnGatewayTarget(
            self,
            f"Target-{name}",
            name=name,
            gateway_identifier=self.gateway.attr_gateway_identifier,
            target_configuration={
                "mcp": {"lambda": {"lambdaArn": function_arn, "toolSchema": {"inlinePayload": tools}}}
            },
            credential_provider_configurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        )

    def _policy(self, tool: str, allowed: AgentTool, claim: str, targets: Sequence[CfnResource]) -> None:
        """Permit a tool to groups. AgentCore refuses a policy on an action that no target has."""
        policy = agentcore.CfnPolicy(
            self,
            f"Policy-{tool}",
            name=lasting(self, tool.replace("-", "_"), self.engine.attr_policy_engine_id, longest=_POLICY_NAME).replace(
                "-", "_"
            ),
            policy_engine_id=self.engine.attr_policy_engine_id,
            definition={"cedar": {"statement": permit(tool, allowed.groups, claim, self.gateway.attr_gateway_arn)}},
            validation_mode="FAIL_ON_ANY_FINDINGS",
        )
        for target in targets:
            policy.add_resource_dependency(target)


def permit(tool: str, groups: Sequence[str], claim: str, gateway_arn: str) -> str:
    """The Cedar policy that permits a tool to users with one of the groups in their token.

    A claim is a tag of the user; a list becomes a JSON text, so that a group is found with its quotation marks, and is
    not taken for one whose name only contains it.
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-schema-constraints.html
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-scope.html

    :param tool: name of the tool in the gateway, with that of its target.
    :param groups: names of groups, which have no characters with a meaning in Cedar.
    :param claim: claim of the access token that holds the groups of a user.
    """
    tag = json.dumps(claim)
    member = " || ".join(f'principal.getTag({tag}) like "*\\"{group}\\"*"' for group in groups)
    return (
        f'permit(principal is AgentCore::OAuthUser, action == AgentCore::Action::"{tool}", '
        f'resource == AgentCore::Gateway::"{gateway_arn}") '
        f"when {{ principal.hasTag({tag}) && ({member}) }};"
    )


def _functions(options: AgentOptions, given: Mapping[str, lambda_.IFunction]) -> dict[str, str]:
    """The ARN of the function of each target."""
    found: dict[str, str] = {}
    for name, target in options.targets.items():
        if (target.function_arn is None) == (name not in given):
            raise InvalidValueError(
                f"The target {name} has {'no function' if name not in given else 'two functions'}",
                field=f"targets.{name}.function_arn",
                hint="Set function_arn, or pass the function in functions",
            )
        found[name] = target.function_arn or given[name].function_arn
    if unknown := sorted(set(given) - set(options.targets)):
        raise InvalidValueError(
            f"There is no target {unknown[0]}", field="functions", hint=f"Name one of {', '.join(options.targets)}"
        )
    return found


def _schema(parameters: Mapping[str, ToolParameter]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_SchemaDefinition.html"""
    schema: dict[str, Any] = {"type": "object"}
    if parameters:
        schema["properties"] = {
            name: {
                "type": each.type,
                "description": each.description,
                **({"items": {"type": each.items}} if each.items else {}),
            }
            for name, each in parameters.items()
        }
    if required := [name for name, each in parameters.items() if each.required]:
        schema["required"] = required
    return schema

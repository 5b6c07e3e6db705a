"""Endpoint policies of interface VPC endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from .pseudo import ACCOUNT_ID, PARTITION, REGION
from .statements import EVERYBODY, Statement, allow, document

#: Services whose action prefix differs from the name of their endpoint:
#: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_ACTION_PREFIXES = {
    "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "bedrock-runtime": "bedrock",
    "sagemaker.api": "sagemaker",
    "sagemaker.runtime": "sagemaker",
    "ecr.api": "ecr",
    "ecr.dkr": "ecr",
    "ecs-agent": "ecs",
    "ecs-telemetry": "ecs",
    "monitoring": "cloudwatch",
}

#: Endpoints through which container images are pulled.
_REGISTRY = frozenset({"ecr.api", "ecr.dkr"})

#: Services with actions that do not support resource-level permissions, such as ``cloudtrail:LookupEvents``.
_WITHOUT_RESOURCES = frozenset(
    {
        "ec2",
        "ecs",
        "ecs-agent",
        "ecs-telemetry",
        "eks",
        "eks-auth",
        "monitoring",
        "sagemaker.api",
        "sts",
        "xray",
        "application-autoscaling",
        "bedrock",
        "bedrock-agent",
        "cloudtrail",
    }
)


def interface_policy(service: str, registries: Sequence[str], models: Sequence[str] = ()) -> dict[str, object]:
    """Allow the service's actions to principals of this account, on resources of this account where supported.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount
    """
    own = {"aws:PrincipalAccount": ACCOUNT_ID}
    action = f"{_ACTION_PREFIXES.get(service, service)}:*"
    if service == "bedrock-runtime":
        # The ARNs of foundation models have no account.
        known = [f"arn:{PARTITION}:bedrock:*::foundation-model/{model}" for model in models or ("*",)]
        resources = [*known, f"arn:{PARTITION}:bedrock:*:{ACCOUNT_ID}:*"]
        statements = [_allow("OwnAccount", action, resources, own)]
    elif service in _REGISTRY:
        images = [f"arn:{PARTITION}:ecr:{REGION}:{account}:repository/*" for account in (ACCOUNT_ID, *registries)]
        statements = [
            _allow("Images", action, images, own),
            _allow("Token", "ecr:GetAuthorizationToken", ["*"], own),
        ]
    elif service == "execute-api":
        # Callers of APIs with a user pool authorizer are not IAM principals; the resource policy of each API restricts
        # them.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-vpc-endpoint-policies.html
        apis = [f"arn:{PARTITION}:execute-api:{REGION}:{ACCOUNT_ID}:*"]
        statements = [allow(["execute-api:Invoke"], apis, sid="OwnApis", principal=EVERYBODY)]
    elif service == "bedrock-agentcore.gateway":
        # Callers of gateways with a JWT authorizer are not IAM principals; the authorizer and the policies of each
        # gateway restrict them.
        # https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/vpc-interface-endpoints.html
        gateways = [f"arn:{PARTITION}:bedrock-agentcore:{REGION}:{ACCOUNT_ID}:gateway/*"]
        statements = [allow(["bedrock-agentcore:InvokeGateway"], gateways, sid="OwnGateways", principal=EVERYBODY)]
    elif service in _WITHOUT_RESOURCES:
        statements = [_allow("OwnAccount", action, ["*"], own)]
    else:
        statements = [_allow("OwnAccount", action, ["*"], {**own, "aws:ResourceAccount": ACCOUNT_ID})]
    return document(statements)


def _allow(sid: str, action: str, resources: Sequence[str], equals: dict[str, str]) -> Statement:
    return allow([action], resources, sid=sid, principal=EVERYBODY, conditions={"StringEquals": equals})

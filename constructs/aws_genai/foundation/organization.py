"""What an account cannot deny to itself: a service control policy for the accounts that hold models and data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..data.bedrock import BedrockCatalogue
from ..errors import InvalidValueError

#: Characters of a service control policy without white space:
#: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
LONGEST = 5120

#: Ways to open a shell, read a screen or a password, or run a command on a machine that is not one's own.
#: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
INTERACTIVE = (
    "ec2-instance-connect:OpenTunnel",
    "ec2-instance-connect:SendSSHPublicKey",
    "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
    "ec2:CreateInstanceConnectEndpoint",
    "ec2:CreateKeyPair",
    "ec2:EnableSerialConsoleAccess",
    "ec2:GetConsoleScreenshot",
    "ec2:GetPasswordData",
    "ec2:ImportKeyPair",
    "ec2:ModifyInstanceAttribute",
    "ec2:SendDiagnosticInterrupt",
    "ecs:ExecuteCommand",
    "sagemaker:CreateNotebookInstance",
    "sagemaker:CreatePresignedDomainUrl",
    "sagemaker:CreatePresignedNotebookInstanceUrl",
    "sagemaker:StartSession",
    "ssm:CreateAssociation",
    "ssm:ResumeSession",
    "ssm:SendCommand",
    "ssm:StartAutomationExecution",
    "ssm:StartSession",
)
#: Ways to carry disks out, or to open the network.
OPENING = (
    "ec2:AttachInternetGateway",
    "ec2:CreateVpcPeeringConnection",
    "ec2:ModifyImageAttribute",
    "ec2:ModifySnapshotAttribute",
)
#: What protects weights and data, and only a deployment may change.
PROTECTING = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "ec2:DeleteFlowLogs",
    "ec2:ModifyVpcEndpoint",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
)
#: Families on the Xen hypervisor, which the Nitro System's promise does not cover:
#: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html
#: The pattern leaves p3dn alone, which is Nitro-based.
NOT_NITRO = ("f1.*", "g2.*", "g3.*", "g3s.*", "p2.*", "p3.*")


def service_control_policy(*, deployment_roles: Sequence[str]) -> dict[str, Any]:
    """The policy document, to attach to the organizational unit of the accounts that hold models and data.

    It binds every principal of those accounts, their root users included, and grants nothing. The management account
    is not bound by any. https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html

    :param deployment_roles: ARNs, with ``*`` allowed, of the roles that deploy: they alone may change what protects.
    :raises InvalidValueError: without a role, for then no deployment could change a policy; or if it grows too long.
    """
    if not deployment_roles:
        raise InvalidValueError(
            "No role could change a policy any more, not even a deployment",
            field="deployment_roles",
            hint="Name CloudFormation's execution role, such as arn:aws:iam::*:role/cdk-hnb659fds-cfn-exec-role-*",
        )
    document = {
        "Version": "2012-10-17",
        "Statement": [
            _deny("NoWayIn", INTERACTIVE),
            _deny("NoWayOut", OPENING),
            _deny(
                "NitroOnly",
                ("ec2:RunInstances",),
                resource="arn:*:ec2:*:*:instance/*",
                condition={"StringLike": {"ec2:InstanceType": list(NOT_NITRO)}},
            ),
            _deny(
                "DeploymentsOnly",
                PROTECTING,
                condition={"ArnNotLike": {"aws:PrincipalArn": list(deployment_roles)}},
            ),
        ],
    }
    return _bounded(document, "deployment_roles")


def _deny(
    sid: str, actions: Sequence[str], *, resource: str = "*", condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


#: Calls that a model answers: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
MODEL_CALLS = (
    "bedrock:CreateModelInvocationJob",
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
)
#: Calls that name a guardrail: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html
GUARDED_CALLS = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")


def denials(resources: Sequence[str], guarded: Sequence[str], guardrail: str | None = None) -> list[dict[str, Any]]:
    """Statements that deny calls of any model but ``resources``, and calls of ``guarded`` ones without a guardrail.

    :param resources: ARNs of models, inference profiles and jobs that may be called.
    :param guarded: ARNs of foundation models that only a call with a guardrail may reach.
    :param guardrail: ARN of the guardrail with its version. Default: any.
    """
    jobs = "arn:*:bedrock:*:*:model-invocation-job/*"
    made: list[dict[str, Any]] = [
        {"Sid": "OtherModels", "Effect": "Deny", "Action": list(MODEL_CALLS), "NotResource": [*resources, jobs]}
    ]
    if guarded:
        key = "bedrock:GuardrailIdentifier"
        # A call that names none has no such key, which is not equal to anything.
        condition = {"StringNotEquals": {key: guardrail}} if guardrail else {"Null": {key: "true"}}
        unguarded = {"Sid": "Unguarded", "Effect": "Deny", "Action": list(GUARDED_CALLS), "Resource": list(guarded)}
        made.append({**unguarded, "Condition": condition})
    return made


def model_policy(models: Sequence[str], *, regions: Sequence[str]) -> dict[str, Any]:
    """The service control policy that leaves an organizational unit certain models of Amazon Bedrock, and no other.

    Chat models are reached with a guardrail only, whichever; no principal of the accounts can call another model, be
    its own policy as broad as it may. The bedrock-mantle endpoint is closed, for the guardrail's condition key binds
    calls of bedrock-runtime only: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html

    :param models: ids of foundation models and inference profiles.
    :param regions: Regions in which they may be called, those that profiles route to included.
    :raises InvalidValueError: if there is no model or no Region, one is not known, or the policy grows too long.
    """
    if not models or not regions:
        what = "models" if not models else "regions"
        raise InvalidValueError(f"Without {what} every call would be denied", field=what, hint="Name them")
    facts = {model: BedrockCatalogue.get(model) for model in models}
    arns = {each.model_id: f"arn:*:bedrock:*::foundation-model/{each.model_id}" for each in facts.values()}
    chats = list(dict.fromkeys(arns[each.model_id] for each in facts.values() if each.use == "chat"))
    profiles = [f"arn:*:bedrock:*:*:inference-profile/{model}" for model in models if model != facts[model].model_id]
    own = "arn:*:bedrock:*:*:application-inference-profile/*"
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": sorted(set(regions))}}
    document = {
        "Version": "2012-10-17",
        "Statement": [
            *denials([*arns.values(), *profiles, own], chats),
            _deny("OtherRegions", MODEL_CALLS, condition=elsewhere),
            # https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
            _deny("NoOtherEndpoint", ("bedrock-mantle:*",)),
        ],
    }
    return _bounded(document, "models")


def _bounded(document: dict[str, Any], field: str) -> dict[str, Any]:
    length = len(json.dumps(document, separators=(",", ":")))
    if length > LONGEST:
        raise InvalidValueError(f"The policy has {length} characters; AWS allows {LONGEST}", field=field)
    return document

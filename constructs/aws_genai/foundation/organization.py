"""Service control policies for the accounts that hold models and data."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from ..data.bedrock import BedrockCatalogue
from ..data.regional import check_region
from ..errors import InvalidValueError

#: Characters of a service control policy without white space:
#: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
LONGEST = 5120

#: Actions that open a shell, read a screen or a password, or run a command on an instance of another principal.
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
#: Actions that export disks, or open the network.
OPENING = (
    "ec2:AttachInternetGateway",
    "ec2:CreateVpcPeeringConnection",
    "ec2:ModifyImageAttribute",
    "ec2:ModifySnapshotAttribute",
)
#: Actions on resources that protect weights and data, which only a deployment is allowed to change.
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
#: Instance families on the Xen hypervisor, which do not have the protection of the Nitro System:
#: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html
#: The pattern does not match p3dn, which is Nitro-based.
NOT_NITRO = ("f1.*", "g2.*", "g3.*", "g3s.*", "p2.*", "p3.*")


#: ARN of a role with wildcards: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
_ROLE = re.compile(r"arn:(\*|aws[a-z-]*):(iam|sts)::([0-9]{12}|[0-9*?]+):(role|assumed-role|\*)/[\w+=,.@/*?-]+")


def service_control_policy(*, deployment_roles: Sequence[str]) -> dict[str, Any]:
    """The policy document, to attach to the organizational unit of the accounts that hold models and data.

    It applies to every principal of those accounts, root users included, and grants no permissions. Service control
    policies do not affect the management account.
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html

    :param deployment_roles: The ARNs of the roles that deploy. Only they are allowed to change the resources that
        protect weights and data. ``*`` is allowed.
    :raises InvalidValueError: without a role, because no deployment could change a policy then; if one is not the ARN
        of a role; or if the document grows too long.
    """
    if not deployment_roles:
        raise InvalidValueError(
            "No role could change a policy any more, not even a deployment",
            field="deployment_roles",
            hint="Name CloudFormation's execution role, such as arn:aws:iam::*:role/cdk-hnb659fds-cfn-exec-role-*",
        )
    for role in deployment_roles:
        if not _ROLE.fullmatch(role):
            raise InvalidValueError(
                f"{role} is not the ARN of a role",
                field="deployment_roles",
                hint="Write it as arn:aws:iam::111122223333:role/deployer; * stands for any characters",
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


#: Actions that invoke a model:
#: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
MODEL_CALLS = (
    "bedrock:CreateModelInvocationJob",
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
)
#: Actions that specify a guardrail: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html
GUARDED_CALLS = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")


def denials(resources: Sequence[str], guarded: Sequence[str], guardrail: str | None = None) -> list[dict[str, Any]]:
    """Statements that deny invocations of models except ``resources``, and of ``guarded`` ones without a guardrail.

    :param resources: The ARNs of models, inference profiles and jobs that can be invoked.
    :param guarded: The ARNs of foundation models that can be invoked with a guardrail only.
    :param guardrail: The ARN of the guardrail with its version. Default: any guardrail.
    """
    jobs = "arn:*:bedrock:*:*:model-invocation-job/*"
    made: list[dict[str, Any]] = [
        {"Sid": "OtherModels", "Effect": "Deny", "Action": list(MODEL_CALLS), "NotResource": [*resources, jobs]}
    ]
    if guarded:
        key = "bedrock:GuardrailIdentifier"
        # The condition key is absent from a call without a guardrail. StringNotEquals also matches an absent key.
        condition = {"StringNotEquals": {key: guardrail}} if guardrail else {"Null": {key: "true"}}
        unguarded = {"Sid": "Unguarded", "Effect": "Deny", "Action": list(GUARDED_CALLS), "Resource": list(guarded)}
        made.append({**unguarded, "Condition": condition})
    return made


def model_policy(models: Sequence[str], *, regions: Sequence[str]) -> dict[str, Any]:
    """The service control policy that allows an organizational unit to use certain Amazon Bedrock models only.

    Chat models can be invoked only with a guardrail, which can be any. No principal of the accounts can invoke another
    model, however broad its IAM policy is. The bedrock-mantle endpoint is denied, because the guardrail's condition key
    applies to calls of bedrock-runtime only:
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html

    :param models: The ids of foundation models and inference profiles.
    :param regions: The Regions in which they can be invoked, including those that inference profiles route to.
    :raises InvalidValueError: if there is no model or no Region, one is not known, or the policy grows too long.
    """
    if not models or not regions:
        what = "models" if not models else "regions"
        raise InvalidValueError(f"Without {what} every call would be denied", field=what, hint="Name them")
    for region in regions:
        check_region(region, "regions")
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

"""The execution role of a hosted model."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ..data.jumpstart import JumpStartModel
from ..pseudo import ACCOUNT_ID, PARTITION
from ..security.accepted import acknowledge
from ..security.bucket import SecureBucket
from ..security.key import DataKey


def hosting_role(
    scope: Construct,
    *,
    model: JumpStartModel,
    instance_type: str,
    endpoint_name: str,
    region: str,
    key: DataKey,
    captured: SecureBucket | None,
) -> tuple[str, iam.CfnManagedPolicy]:
    """A role's ARN and its policy: this model's artifact and image, its own logs, its own captured records.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
    """
    role = iam.CfnRole(
        scope,
        "Role",
        description=f"Endpoint {endpoint_name}",
        assume_role_policy_document={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "sagemaker.amazonaws.com"},
                    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
                }
            ],
        },
    )
    bucket = f"arn:{PARTITION}:s3:::{model.bucket(region)}"
    account = model.image(instance_type, region).partition(".")[0]
    repository = model.repository(instance_type)
    logs = f"log-group:/aws/sagemaker/Endpoints/{endpoint_name}:*"
    statements = [
        _allow(["s3:GetObject"], f"{bucket}/{model.artifact}*"),
        _allow(["s3:ListBucket"], bucket, {"StringLike": {"s3:prefix": f"{model.artifact}*"}}),
        _allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            f"arn:{PARTITION}:ecr:{region}:{account}:repository/{repository}",
        ),
        # The action takes no resource: service-authorization/latest/reference/list_amazonelasticcontainerregistry
        _allow(["ecr:GetAuthorizationToken"], "*"),
        _allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            f"arn:{PARTITION}:logs:{region}:{ACCOUNT_ID}:{logs}",
        ),
    ]
    findings = ["Resource::*"]
    if captured is not None:
        statements += [
            _allow(["s3:PutObject"], f"{captured.bucket_arn}/{endpoint_name}/*"),
            _allow(["kms:Decrypt", "kms:GenerateDataKey"], key.key_arn),
        ]
        key.allow_role(f"Capture{scope.node.id}", role.attr_arn, ("kms:Decrypt", "kms:GenerateDataKey"))
        findings.append(f"Resource::<{captured.logical_id}.Arn>/{endpoint_name}/*")
    grants = iam.CfnManagedPolicy(
        scope,
        "Grants",
        roles=[role.ref],
        policy_document={"Version": "2012-10-17", "Statement": statements},
    )
    findings.append(f"Resource::arn:<AWS::Partition>:s3:::{model.bucket(region)}/{model.artifact}*")
    findings.append(f"Resource::arn:<AWS::Partition>:logs:{region}:<AWS::AccountId>:{logs}")
    acknowledge(
        grants,
        "AwsSolutions-IAM5",
        finding=tuple(findings),
        reason="File, stream and record names below the named prefixes are chosen by SageMaker at run time; "
        "the registry token takes no resource.",
        met_by="one prefix, one log group and one repository named for this endpoint alone",
    )
    return role.attr_arn, grants


def _allow(actions: list[str], resource: str, conditions: dict[str, object] | None = None) -> dict[str, object]:
    statement: dict[str, object] = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": conditions} if conditions else statement

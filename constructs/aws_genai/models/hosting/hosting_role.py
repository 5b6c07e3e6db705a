"""The execution role of a hosted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from ...foundation.bucket import SecureBucket
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...gate.acknowledgement import acknowledge
from .execution import IN_VPC, LOG, METRICS, METRICS_ONLY, PULL, WILDCARDS, WILDCARDS_MET_BY
from .serving import Container


def hosting_role(
    scope: Construct,
    *,
    containers: Sequence[Container],
    endpoint_name: str,
    region: str,
    key: DataKey,
    captured: SecureBucket | None,
    queued: SecureBucket | None = None,
    execution_role: iam.IRole | None = None,
    alarm_arns: Sequence[str] = (),
) -> tuple[str, iam.CfnManagedPolicy]:
    """The ARN of the execution role and its policy: these weights and images, the endpoint's own logs, captured data
    and queue.

    :param execution_role: an existing role, which the policy is attached to. Default: a new role.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
    """
    if execution_role is None:
        created = _role(scope, endpoint_name)
        role_name, role_arn = created.ref, created.attr_arn
    else:
        role_name, role_arn = execution_role.role_name, execution_role.role_arn
    logs = f"log-group:/aws/sagemaker/Endpoints/{endpoint_name}:*"
    statements, findings = _weights(containers)
    statements += [
        _allow(
            list(PULL),
            list(dict.fromkeys(_repository(each.image, region) for each in containers)),
        ),
        _allow(["ecr:GetAuthorizationToken", *IN_VPC], "*"),
        _allow([METRICS], "*", METRICS_ONLY),
        _allow(
            list(LOG),
            f"arn:{PARTITION}:logs:{region}:{ACCOUNT_ID}:{logs}",
        ),
    ]
    findings.append("Resource::*")
    if alarm_arns:
        # They roll a new version back: sagemaker-roles.html#sagemaker-roles-createmodel-perms
        statements.append(_allow(["cloudwatch:DescribeAlarms"], list(alarm_arns)))
    written: list[tuple[SecureBucket, str]] = []
    if captured is not None:
        written.append((captured, f"{endpoint_name}/"))
    if queued is not None:
        written += [(queued, f"{endpoint_name}/out/"), (queued, f"{endpoint_name}/failed/")]
        statements.append(_allow(["s3:GetObject"], f"{queued.bucket_arn}/{endpoint_name}/in/*"))
        findings.append(f"Resource::<{queued.logical_id}.Arn>/{endpoint_name}/in/*")
    for bucket, prefix in written:
        statements.append(_allow(["s3:PutObject"], f"{bucket.bucket_arn}/{prefix}*"))
        findings.append(f"Resource::<{bucket.logical_id}.Arn>/{prefix}*")
    if written:
        statements.append(_allow(["kms:Decrypt", "kms:GenerateDataKey"], key.key_arn))
        key.allow_role(f"Capture{scope.node.id}", role_arn, ("kms:Decrypt", "kms:GenerateDataKey"))
    grants = iam.CfnManagedPolicy(
        scope,
        "Grants",
        roles=[role_name],
        policy_document={"Version": "2012-10-17", "Statement": statements},
    )
    findings.append(f"Resource::arn:<AWS::Partition>:logs:{region}:<AWS::AccountId>:{logs}")
    acknowledge(
        grants,
        "AwsSolutions-IAM5",
        finding=tuple(findings),
        reason=f"Names below the named prefixes are chosen by SageMaker at run time. {WILDCARDS}",
        met_by=f"one prefix, one log group and one repository named for this endpoint alone; {WILDCARDS_MET_BY}",
    )
    return role_arn, grants


def _role(scope: Construct, endpoint_name: str) -> iam.CfnRole:
    return iam.CfnRole(
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


def _weights(containers: Sequence[Container]) -> tuple[list[dict[str, object]], list[str]]:
    """The statements that allow to read the weights, and the findings about their prefixes."""
    statements: list[dict[str, object]] = []
    findings: list[str] = []
    for each in containers:
        bucket = f"arn:{PARTITION}:s3:::{each.bucket}"
        statements += [
            _allow(["s3:GetObject"], f"{bucket}/{each.key}*"),
            _allow(["s3:ListBucket"], bucket, {"StringLike": {"s3:prefix": f"{each.key}*"}}),
        ]
        if each.unread:
            denied = [f"{bucket}/{each.key}*{ending}" for ending in each.unread]
            statements.append({"Effect": "Deny", "Action": "s3:GetObject", "Resource": denied})
        if each.key_arn:
            statements.append(_allow(["kms:Decrypt"], each.key_arn))
        findings.append(f"Resource::arn:<AWS::Partition>:s3:::{each.shown or each.bucket}/{each.key}*")
    return statements, findings


def _repository(image: str, region: str) -> str:
    registry, _, name = image.partition("/")
    return f"arn:{PARTITION}:ecr:{region}:{registry.partition('.')[0]}:repository/{name.partition(':')[0]}"


def _allow(
    actions: list[str], resource: str | list[str], conditions: Mapping[str, object] | None = None
) -> dict[str, object]:
    if isinstance(resource, list) and len(resource) == 1:
        resource = resource[0]
    statement: dict[str, object] = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": conditions} if conditions else statement

"""The role of the instances that AWS Batch starts."""

from __future__ import annotations

from aws_cdk import aws_iam as iam, aws_logs as logs
from constructs import Construct

from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from . import watching

#: What the ECS agent of an instance calls, in the one cluster that AWS Batch makes.
#: https://docs.aws.amazon.com/batch/latest/userguide/instance_IAM_role.html
_AGENT = (
    "ecs:DeregisterContainerInstance",
    "ecs:Poll",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
    "ecs:UpdateContainerInstancesState",
)


def instance_role(scope: Construct, queue_name: str, image: str, log_group: logs.CfnLogGroup) -> WorkloadRole:
    """Pull the one image, run the ECS agent, write the queue's logs and metrics."""
    role = WorkloadRole(
        scope,
        "InstanceRole",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        description=f"Instances of the queue {queue_name}",
    )
    registry, _, repository = image.partition("/")
    account, region = registry.split(".")[0], registry.split(".")[3]
    name = repository.partition("@")[0].partition(":")[0]
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/security_iam_id-based-policy-examples.html
    role.allow(
        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        [f"arn:{PARTITION}:ecr:{region}:{account}:repository/{name}"],
    )
    place = f"{PARTITION}:ecs:{REGION}:{ACCOUNT_ID}"
    role.allow(_AGENT, [f"arn:{place}:cluster/*", f"arn:{place}:container-instance/*"])
    # None of these takes a resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
    role.allow(("ec2:DescribeTags", "ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint"), ["*"])
    named = "arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>"
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding=(f"Resource::{named}:cluster/*", f"Resource::{named}:container-instance/*"),
        reason="AWS Batch names the cluster of a compute environment itself, with a random part.",
        met_by="the actions of the ECS agent, which reach its own instance and no container of another",
    )
    watching.let_measure(role, log_group)
    return role

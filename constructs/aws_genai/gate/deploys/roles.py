"""Rules for trust policies: they allow the service that assumes the role, with condition keys that it passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...policies.conditions import as_list
from ...policies.undecidable import UndecidableError
from ..emitted import ACCOUNT, Emitted, Resource
from ..rules import Hit, rule


@dataclass(frozen=True)
class Taken:
    """A role that a service assumes for a resource.

    :param path: The property with the role; ``[]`` follows the name of a list.
    :param source: The format of the ARN in ``aws:SourceArn``; None if AWS does not document that it or
        ``aws:SourceAccount`` is passed.
    """

    type: str
    path: str
    service: str
    page: str
    source: str | None = None


_DEPUTY = "sagemaker/latest/dg/security-confused-deputy-prevention.html"
_SAGEMAKER = "arn:aws:sagemaker:{region}:{account}:x/y"

_ROLES = tuple(
    Taken(*row)
    for row in (
        (
            "AWS::ApiGateway::Account",
            "CloudWatchRoleArn",
            "apigateway",
            "apigateway/latest/developerguide/set-up-logging.html",
        ),
        (
            "AWS::CloudTrail::Trail",
            "CloudWatchLogsRoleArn",
            "cloudtrail",
            "awscloudtrail/latest/userguide/send-cloudtrail-events-to-cloudwatch-logs.html",
        ),
        (
            "AWS::S3::Bucket",
            "ReplicationConfiguration.Role",
            "s3",
            "AmazonS3/latest/userguide/setting-repl-config-perm-overview.html",
        ),
        ("AWS::Lambda::Function", "Role", "lambda", "lambda/latest/dg/lambda-intro-execution-role.html"),
        (
            "AWS::EC2::FlowLog",
            "DeliverLogsPermissionArn",
            "vpc-flow-logs",
            "vpc/latest/userguide/flow-logs-iam-role.html",
            "arn:aws:ec2:{region}:{account}:vpc-flow-log/fl-0",
        ),
        (
            "AWS::StepFunctions::StateMachine",
            "RoleArn",
            "states",
            "step-functions/latest/dg/procedure-create-iam-role.html",
            "{arn}",
        ),
        (
            "AWS::Scheduler::Schedule",
            "Target.RoleArn",
            "scheduler",
            "scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html",
            "arn:aws:scheduler:{region}:{account}:schedule-group/default",
        ),
        (
            "AWS::Events::Rule",
            "Targets[].RoleArn",
            "events",
            "eventbridge/latest/userguide/eb-use-identity-based.html",
        ),
        (
            "AWS::RDS::DBInstance",
            "MonitoringRoleArn",
            "monitoring.rds",
            "AmazonRDS/latest/AuroraUserGuide/USER_Monitoring.OS.Enabling.html",
            "arn:aws:rds:{region}:{account}:db:x",
        ),
        (
            "AWS::Bedrock::KnowledgeBase",
            "RoleArn",
            "bedrock",
            "bedrock/latest/userguide/kb-permissions.html",
            "arn:aws:bedrock:{region}:{account}:knowledge-base/x",
        ),
        (
            "AWS::Bedrock::Flow",
            "ExecutionRoleArn",
            "bedrock",
            "bedrock/latest/userguide/flows-permissions.html",
            "arn:aws:bedrock:{region}:{account}:flow/x",
        ),
        (
            "AWS::Batch::JobDefinition",
            "ContainerProperties.JobRoleArn",
            "ecs-tasks",
            "AmazonECS/latest/developerguide/task-iam-roles.html",
            "arn:aws:ecs:{region}:{account}:x",
        ),
        (
            "AWS::Batch::JobDefinition",
            "NodeProperties.NodeRangeProperties[].Container.JobRoleArn",
            "ecs-tasks",
            "AmazonECS/latest/developerguide/task-iam-roles.html",
            "arn:aws:ecs:{region}:{account}:x",
        ),
        ("AWS::SageMaker::Model", "ExecutionRoleArn", "sagemaker", _DEPUTY, _SAGEMAKER),
        ("AWS::SageMaker::EndpointConfig", "ExecutionRoleArn", "sagemaker", _DEPUTY, _SAGEMAKER),
        ("AWS::SageMaker::Pipeline", "RoleArn", "sagemaker", _DEPUTY, _SAGEMAKER),
        ("AWS::SageMaker::Domain", "DefaultUserSettings.ExecutionRole", "sagemaker", _DEPUTY, _SAGEMAKER),
        ("AWS::SageMaker::Domain", "DefaultSpaceSettings.ExecutionRole", "sagemaker", _DEPUTY, _SAGEMAKER),
        ("AWS::SageMaker::UserProfile", "UserSettings.ExecutionRole", "sagemaker", _DEPUTY, _SAGEMAKER),
        (
            "AWS::SageMaker::Cluster",
            "InstanceGroups[].ExecutionRole",
            "sagemaker",
            "sagemaker/latest/dg/sagemaker-hyperpod-prerequisites-iam.html",
        ),
        (
            "AWS::SageMaker::MlflowApp",
            "RoleArn",
            "sagemaker",
            "sagemaker/latest/dg/mlflow-create-tracking-server-iam.html",
        ),
    )
)


@rule(
    "GENAI_ROLE_ADMITS_ITS_SERVICE",
    holds="The trust policy of a role allows the service that assumes it, under conditions that the service sends.",
    why="The service cannot assume the role: AWS rejects the resource, or it fails when it is used.",
    fix="add the service to the trust policy, and use only condition keys that its page documents.",
    page="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
)
def roles_admit_their_services(app: Emitted) -> Iterator[Hit]:
    for taken in _ROLES:
        service = f"{taken.service}.amazonaws.com"
        for each in app.of(taken.type):
            for arn in _values(each.properties, taken.path.split(".")):
                role = app.found(arn, "AWS::IAM::Role")
                if role is None or role.arn is None:
                    continue
                reason = _refused(app, service, role.arn, _context(taken, each))
                if reason:
                    page = f"https://docs.aws.amazon.com/{taken.page}"
                    what = f"{service} cannot assume {role.id} for {each.id}: {reason} (see {page})."
                    yield Hit(role, "Properties.AssumeRolePolicyDocument", what)


def _context(taken: Taken, at: Resource) -> dict[str, str]:
    if taken.source is None:
        return {}
    source = taken.source.format(region=at.stack.region, account=ACCOUNT, arn=at.arn or "<unknown>")
    return {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": source}


def _refused(app: Emitted, service: str, role: str, context: Mapping[str, str]) -> str | None:
    try:
        decision = app.model.decide(app.model.service(service), "sts:AssumeRole", role, context)
    except UndecidableError as error:
        return str(error)
    return None if decision.allowed else decision.reason


def _values(value: object, path: list[str]) -> Iterator[object]:
    if not path:
        yield value
    elif isinstance(value, Mapping):
        name = path[0].removesuffix("[]")
        if name in value:
            for item in as_list(value[name]) if path[0].endswith("[]") else [value[name]]:
                yield from _values(item, path[1:])

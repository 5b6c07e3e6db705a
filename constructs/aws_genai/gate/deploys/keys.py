"""Rules for key policies: they allow services, service-linked roles, roles of the app, and the deploying principal.

One row of :data:`USES` for each use of a key by a service: where templates configure it, which principal uses the key,
for which actions, and with which condition keys. A key policy must not require condition keys that AWS does not pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...policies.conditions import as_list
from ...policies.principal import Principal
from ...policies.statements import Identity
from ...policies.undecidable import UndecidableError
from ..documents import allows, grants_on
from ..emitted import ACCOUNT, Emitted, Resource, pick
from ..rules import Hit, rule

_KEY, _BUCKET, _TOPIC, _QUEUE = "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"
_ADMINISTRATOR = Principal.administrator(ACCOUNT)

Context = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """One use of a key: the resource, the principal, and the condition keys.

    :param key: The key, as the resource refers to it.
    :param who: The role or service that uses the key; None if the role is created outside the app.
    """

    at: Resource
    key: Any
    who: Identity | None
    context: Context = field(default_factory=dict)


@dataclass(frozen=True)
class Use:
    """One row: the permissions that a service needs for a key, and AWS's page."""

    service: str
    use: str
    actions: Sequence[str]
    page: str
    asked: Callable[[Emitted], Iterator[Asked]]


USES: list[Use] = []


Find = Callable[[Emitted], Iterator[Asked]]


def _use(service: str, use: str, actions: Sequence[str], page: str) -> Callable[[Find], Find]:
    def register(asked: Find) -> Find:
        USES.append(Use(service, use, actions, f"https://docs.aws.amazon.com/{page}", asked))
        return asked

    return register


def _service(name: str) -> Identity:
    return Identity(name, True, (), None)


def _linked(path: str) -> Identity:
    """A service-linked role: its AWS managed policy allows no customer managed keys."""
    return Identity(f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{path}", False, (), None)


def _deployer(app: Emitted) -> Identity:
    """The principal that creates the resource. IAM allows it everything, so the key policy decides."""
    return app.model.principal(_ADMINISTRATOR)


def _through(at: Resource, service: str) -> dict[str, Any]:
    return {"kms:ViaService": f"{service}.{at.stack.region}.amazonaws.com", "kms:CallerAccount": ACCOUNT}


def _source(arn: str | None) -> dict[str, Any]:
    return {"aws:SourceAccount": ACCOUNT, **({"aws:SourceArn": arn} if arn else {})}


def _all(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    return [each for each in as_list(value or []) if isinstance(each, Mapping)]


_WRITE = ("kms:GenerateDataKey", "kms:Decrypt")
_DATA = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")


# --- S3


def _key_of_bucket(bucket: Resource | None) -> tuple[Any, bool]:
    """The key of a bucket, and whether it has a Bucket Key."""
    rules = _all(bucket.get("BucketEncryption.ServerSideEncryptionConfiguration")) if bucket else []
    for each in rules:
        if key := pick(each, "ServerSideEncryptionByDefault.KMSMasterKeyID"):
            return key, each.get("BucketKeyEnabled") is True
    return None, False


def _object(bucket: Resource, bucket_key: bool) -> dict[str, Any]:
    arn = bucket.arn or "*"
    return _through(bucket, "s3") | {"kms:EncryptionContext:aws:s3:arn": arn if bucket_key else f"{arn}/key"}


def _replications(app: Emitted) -> Iterator[tuple[Resource, Identity | None, Mapping[str, Any]]]:
    for bucket in app.of(_BUCKET):
        role = app.role(bucket.get("ReplicationConfiguration.Role"))
        for each in _all(bucket.get("ReplicationConfiguration.Rules")):
            if each.get("Status") != "Disabled":
                yield bucket, role, each.get("Destination") or {}


_REPLICATION = "AmazonS3/latest/userguide/replication-config-for-kms-objects.html"


@_use("S3", "replication reads objects", ("kms:Decrypt",), _REPLICATION)
def _replication_source(app: Emitted) -> Iterator[Asked]:
    for bucket, role, _ in _replications(app):
        key, whole = _key_of_bucket(bucket)
        yield Asked(bucket, key, role, _object(bucket, whole))


@_use("S3", "replication writes replicas", ("kms:Encrypt",), _REPLICATION)
def _replication_target(app: Emitted) -> Iterator[Asked]:
    for bucket, role, destination in _replications(app):
        replica = app.found(destination.get("Bucket"), _BUCKET)
        key = pick(destination, "EncryptionConfiguration.ReplicaKmsKeyID")
        if replica is not None:
            yield Asked(bucket, key, role, _object(replica, _key_of_bucket(replica)[1]))


def _object_grants(app: Emitted, action: str) -> Iterator[Asked]:
    """Roles that are allowed ``action`` on objects of a bucket with a key."""
    for role in app.of("AWS::IAM::Role"):
        who = app.role(role.arn)
        for statement in who.policies if who else ():
            if allows(statement, action):
                for arn in {str(each).split("/")[0] for each in as_list(statement.get("Resource", []))}:
                    bucket = app.by_arn.get(arn)
                    if bucket is not None and bucket.type == _BUCKET:
                        key, whole = _key_of_bucket(bucket)
                        yield Asked(role, key, who, _object(bucket, whole))


@_use("S3", "reading objects", ("kms:Decrypt",), "AmazonS3/latest/userguide/UsingKMSEncryption.html")
def _readers(app: Emitted) -> Iterator[Asked]:
    return _object_grants(app, "s3:GetObject")


@_use("S3", "writing objects", ("kms:GenerateDataKey",), "AmazonS3/latest/userguide/UsingKMSEncryption.html")
def _writers(app: Emitted) -> Iterator[Asked]:
    return _object_grants(app, "s3:PutObject")


@_use(
    "CloudFront",
    "reading the page",
    ("kms:Decrypt",),
    "AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html",
)
def _pages(app: Emitted) -> Iterator[Asked]:
    for each in app.of("AWS::CloudFront::Distribution"):
        for origin in _all(each.get("DistributionConfig.Origins")):
            bucket = app.found(str(origin.get("DomainName", "")).partition(".s3.")[0], _BUCKET)
            context = _source(f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1EXAMPLE")
            if bucket is not None and origin.get("OriginAccessControlId"):
                yield Asked(each, _key_of_bucket(bucket)[0], _service("cloudfront.amazonaws.com"), context)


@_use(
    "Secrets Manager",
    "roles read and write secrets",
    ("kms:Decrypt",),
    "secretsmanager/latest/userguide/security-encryption.html",
)
def _secrets(app: Emitted) -> Iterator[Asked]:
    for role, who, secret in grants_on(app, "secretsmanager:GetSecretValue", "AWS::SecretsManager::Secret"):
        yield Asked(role, secret.get("KmsKeyId"), who, _through(secret, "secretsmanager"))


# --- SNS and SQS


def _topics(app: Emitted) -> dict[str, Resource]:
    return {each.arn: each for each in app.of(_TOPIC) if each.arn}


def _key_of(place: Resource) -> Any:  # noqa: ANN401 - JSON
    return place.get("KmsMasterKeyId")


_TOPICS = "sns/latest/dg/sns-key-management.html"


@_use("SNS", "alarms publish", _WRITE, _TOPICS)
def _alarms(app: Emitted) -> Iterator[Asked]:
    topics = _topics(app)
    for alarm in app.of("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            for arn in as_list(alarm.get(name) or []):
                if arn in topics:
                    yield Asked(alarm, _key_of(topics[arn]), _service("cloudwatch.amazonaws.com"), _source(alarm.arn))


def _targets(app: Emitted) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for each in app.of("AWS::Events::Rule"):
        for target in _all(each.get("Targets")):
            yield each, target


@_use("SNS", "event rules publish", _WRITE, _TOPICS)
def _events_to_topics(app: Emitted) -> Iterator[Asked]:
    topics = _topics(app)
    for each, target in _targets(app):
        topic = topics.get(str(target.get("Arn")))
        if topic is not None and "RoleArn" in target:
            yield Asked(each, _key_of(topic), app.role(target["RoleArn"]), _through(topic, "sns"))
        elif topic is not None:
            # EventBridge passes neither aws:SourceAccount nor aws:SourceArn to the key of a topic.
            context = {"kms:EncryptionContext:aws:sns:topicArn": topic.arn}
            yield Asked(each, _key_of(topic), _service("events.amazonaws.com"), context)


@_use("SNS", "budgets publish", _WRITE, "cost-management/latest/userguide/budgets-sns-policy.html")
def _budgets(app: Emitted) -> Iterator[Asked]:
    topics = _topics(app)
    for budget in app.of("AWS::Budgets::Budget"):
        for notification in _all(budget.get("NotificationsWithSubscribers")):
            for subscriber in _all(notification.get("Subscribers")):
                topic = topics.get(str(subscriber.get("Address")))
                if topic is not None:
                    context = _source(f"arn:aws:budgets::{ACCOUNT}:*")
                    yield Asked(budget, _key_of(topic), _service("budgets.amazonaws.com"), context)


@_use("SNS", "Auto Scaling publishes", _WRITE, "autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html")
def _scaling(app: Emitted) -> Iterator[Asked]:
    topics = _topics(app)
    for group in app.of("AWS::AutoScaling::AutoScalingGroup"):
        for each in _all(group.get("NotificationConfigurations")):
            topic = topics.get(str(as_list(each.get("TopicARN", ""))[0]))
            if topic is not None:
                yield Asked(group, _key_of(topic), _AUTO_SCALING, _through(topic, "sns"))


def _failures(app: Emitted) -> Iterator[tuple[Resource, Resource | None, str]]:
    """The function, and the destination of its failed invocations."""
    for each in app.of("AWS::Lambda::Function"):
        if target := each.get("DeadLetterConfig.TargetArn"):
            yield each, each, str(target)
    for config in app.of("AWS::Lambda::EventInvokeConfig"):
        function = app.found(config.get("FunctionName"), "AWS::Lambda::Function")
        for name in ("OnFailure", "OnSuccess"):
            if target := config.get(f"DestinationConfig.{name}.Destination"):
                yield config, function, str(target)


@_use("SNS", "functions tell of failures", _WRITE, _TOPICS)
def _failures_to_topics(app: Emitted) -> Iterator[Asked]:
    topics = _topics(app)
    for at, function, arn in _failures(app):
        if arn in topics and function is not None:
            yield Asked(at, _key_of(topics[arn]), app.role(function.get("Role")), _through(topics[arn], "sns"))


@_use("SNS", "roles publish", _WRITE, _TOPICS)
def _publishers(app: Emitted) -> Iterator[Asked]:
    for role, who, topic in grants_on(app, "sns:Publish", _TOPIC):
        yield Asked(role, _key_of(topic), who, _through(topic, "sns"))


_QUEUES = "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"


@_use("SQS", "event rules deliver", _WRITE, _QUEUES)
def _events_to_queues(app: Emitted) -> Iterator[Asked]:
    for each, target in _targets(app):
        for arn in (target.get("Arn"), pick(target, "DeadLetterConfig.Arn")):
            queue = app.found(arn, _QUEUE)
            if queue is not None:
                yield Asked(each, _key_of(queue), _service("events.amazonaws.com"), _source(each.arn))


@_use("SQS", "topics deliver", _WRITE, _QUEUES)
def _topics_to_queues(app: Emitted) -> Iterator[Asked]:
    for each in app.of("AWS::SNS::Subscription"):
        for arn in (each.get("Endpoint"), each.get("RedrivePolicy.deadLetterTargetArn")):
            queue = app.found(arn, _QUEUE)
            if queue is not None:
                context = _source(str(each.get("TopicArn")))
                yield Asked(each, _key_of(queue), _service("sns.amazonaws.com"), context)


@_use(
    "S3",
    "buckets notify topics and queues",
    _WRITE,
    "AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html",
)
def _notifications(app: Emitted) -> Iterator[Asked]:
    for bucket in app.of(_BUCKET):
        for kind, name in (("TopicConfigurations", "Topic"), ("QueueConfigurations", "Queue")):
            for each in _all(bucket.get(f"NotificationConfiguration.{kind}")):
                place = app.found(each.get(name), _TOPIC if name == "Topic" else _QUEUE)
                if place is not None:
                    yield Asked(bucket, _key_of(place), _service("s3.amazonaws.com"), _source(bucket.arn))


@_use("SQS", "functions read", ("kms:Decrypt",), _QUEUES)
def _consumers(app: Emitted) -> Iterator[Asked]:
    for mapping in app.of("AWS::Lambda::EventSourceMapping"):
        queue = app.found(mapping.get("EventSourceArn"), _QUEUE)
        function = app.found(mapping.get("FunctionName"), "AWS::Lambda::Function")
        if queue is not None and function is not None:
            yield Asked(mapping, _key_of(queue), app.role(function.get("Role")), _through(queue, "sqs"))


@_use("SQS", "roles send", _WRITE, _QUEUES)
def _senders(app: Emitted) -> Iterator[Asked]:
    for role, who, queue in grants_on(app, "sqs:SendMessage", _QUEUE):
        yield Asked(role, _key_of(queue), who, _through(queue, "sqs"))


@_use("SQS", "roles receive", ("kms:Decrypt",), _QUEUES)
def _receivers(app: Emitted) -> Iterator[Asked]:
    for role, who, queue in grants_on(app, "sqs:ReceiveMessage", _QUEUE):
        yield Asked(role, _key_of(queue), who, _through(queue, "sqs"))


# --- logs and trails


@_use(
    "CloudWatch Logs",
    "log groups",
    (*_DATA, "kms:ReEncryptFrom"),
    "AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
)
def _log_groups(app: Emitted) -> Iterator[Asked]:
    for group in app.of("AWS::Logs::LogGroup"):
        arn = (group.arn or "*").removesuffix(":*")
        who = _service(f"logs.{group.stack.region}.amazonaws.com")
        yield Asked(group, group.get("KmsKeyId"), who, {"kms:EncryptionContext:aws:logs:arn": arn})


@_use("CloudWatch Logs", "callers", _WRITE, "AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html")
def _log_callers(app: Emitted) -> Iterator[Asked]:
    for group in app.of("AWS::Logs::LogGroup"):
        arn = (group.arn or "*").removesuffix(":*")
        context = _through(group, "logs") | {"kms:EncryptionContext:aws:logs:arn": arn}
        yield Asked(group, group.get("KmsKeyId"), _deployer(app), context)


_TRAILS = "awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"


def _trails(app: Emitted) -> Iterator[tuple[Resource, str]]:
    for trail in app.of("AWS::CloudTrail::Trail"):
        region, name = trail.stack.region, trail.get("TrailName", "trail")
        yield trail, f"arn:aws:cloudtrail:{region}:{ACCOUNT}:trail/{name}"


@_use("CloudTrail", "log files", ("kms:GenerateDataKey",), _TRAILS)
def _trail_files(app: Emitted) -> Iterator[Asked]:
    for trail, arn in _trails(app):
        context = _source(arn) | {"kms:EncryptionContext:aws:cloudtrail:arn": arn}
        yield Asked(trail, trail.get("KMSKeyId"), _service("cloudtrail.amazonaws.com"), context)


@_use("CloudTrail", "making a trail", ("kms:DescribeKey",), _TRAILS)
def _trail_key(app: Emitted) -> Iterator[Asked]:
    for trail, arn in _trails(app):
        yield Asked(trail, trail.get("KMSKeyId"), _service("cloudtrail.amazonaws.com"), _source(arn))


@_use("CloudTrail", "a bucket with a Bucket Key", ("kms:Decrypt",), _TRAILS)
def _trail_bucket(app: Emitted) -> Iterator[Asked]:
    for trail, arn in _trails(app):
        key, whole = _key_of_bucket(app.found(trail.get("S3BucketName"), _BUCKET))
        if whole:
            yield Asked(trail, key, _service("cloudtrail.amazonaws.com"), _source(arn))


# --- resources that the deploying principal creates with a key

_MAKE = ("kms:CreateGrant", "kms:DescribeKey")

#: Service, resource type, property with the key, service that uses the key, actions, page.
_MADE: tuple[tuple[str, str, str, str, Sequence[str], str], ...] = (
    (
        "DynamoDB",
        "AWS::DynamoDB::Table",
        "SSESpecification.KMSMasterKeyId",
        "dynamodb",
        (*_DATA, *_MAKE),
        "amazondynamodb/latest/developerguide/encryption.usagenotes.html",
    ),
    (
        "FSx for Lustre",
        "AWS::FSx::FileSystem",
        "KmsKeyId",
        "fsx",
        _MAKE,
        "fsx/latest/LustreGuide/encryption-at-rest.html",
    ),
    (
        "SageMaker endpoints",
        "AWS::SageMaker::EndpointConfig",
        "KmsKeyId",
        "sagemaker",
        _MAKE,
        "sagemaker/latest/APIReference/API_CreateEndpointConfig.html",
    ),
    (
        "SageMaker Studio",
        "AWS::SageMaker::Domain",
        "KmsKeyId",
        "sagemaker",
        _MAKE,
        "sagemaker/latest/dg/encryption-at-rest-studio.html",
    ),
    (
        "Step Functions",
        "AWS::StepFunctions::StateMachine",
        "EncryptionConfiguration.KmsKeyId",
        "states",
        ("kms:DescribeKey", "kms:GenerateDataKey"),
        "step-functions/latest/dg/encryption-at-rest.html",
    ),
    (
        "Bedrock guardrails",
        "AWS::Bedrock::Guardrail",
        "KmsKeyArn",
        "bedrock",
        (*_WRITE, *_MAKE),
        "bedrock/latest/userguide/guardrails-permissions-kms.html",
    ),
    (
        "Bedrock flows",
        "AWS::Bedrock::Flow",
        "CustomerEncryptionKeyArn",
        "bedrock",
        _WRITE,
        "bedrock/latest/userguide/encryption-flows.html",
    ),
    (
        "Bedrock prompts",
        "AWS::Bedrock::Prompt",
        "CustomerEncryptionKeyArn",
        "bedrock",
        _WRITE,
        "bedrock/latest/userguide/encryption-prompts.html",
    ),
    (
        "S3 Vectors",
        "AWS::S3Vectors::VectorBucket",
        "EncryptionConfiguration.KmsKeyArn",
        "s3vectors",
        _WRITE,
        "AmazonS3/latest/userguide/s3-vectors-data-encryption.html",
    ),
    (
        "Aurora",
        "AWS::RDS::DBCluster",
        "KmsKeyId",
        "rds",
        _MAKE,
        "AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html",
    ),
    (
        "Aurora's password in Secrets Manager",
        "AWS::RDS::DBCluster",
        "MasterUserSecret.KmsKeyId",
        "secretsmanager",
        (*_WRITE, *_MAKE),
        "AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html",
    ),
    (
        "Secrets Manager",
        "AWS::SecretsManager::Secret",
        "KmsKeyId",
        "secretsmanager",
        _WRITE,
        "secretsmanager/latest/userguide/security-encryption.html",
    ),
)


def _made(type: str, path: str, through: str) -> Callable[[Emitted], Iterator[Asked]]:
    def asked(app: Emitted) -> Iterator[Asked]:
        for each in app.of(type):
            context = _through(each, through) | {"kms:GrantIsForAWSResource": True}
            yield Asked(each, each.get(path), _deployer(app), context)

    return asked


for _name, _type, _path, _via, _needs, _page in _MADE:
    _use(_name, "making it", _needs, _page)(_made(_type, _path, _via))


@_use(
    "OpenSearch Serverless",
    "making a collection",
    _MAKE,
    "opensearch-service/latest/developerguide/serverless-encryption.html",
)
def _collections(app: Emitted) -> Iterator[Asked]:
    for policy in app.of("AWS::OpenSearchServerless::SecurityPolicy"):
        if policy.get("Type") == "encryption":
            key = json.loads(str(policy.get("Policy", "{}"))).get("KmsARN")
            yield Asked(policy, key, _deployer(app), _through(policy, "aoss") | {"kms:GrantIsForAWSResource": True})


# --- volumes and file systems

_AUTO_SCALING = _linked("autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")
_VOLUMES = "autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html"


def _volumes(app: Emitted) -> Iterator[Asked]:
    """Volumes of launch templates from which Auto Scaling launches instances, for groups and for AWS Batch."""
    used = set()
    for group in app.of("AWS::AutoScaling::AutoScalingGroup"):
        mixed = group.get("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId")
        used |= {mixed, group.get("LaunchTemplate.LaunchTemplateId")}
    for each in app.of("AWS::Batch::ComputeEnvironment"):
        used.add(each.get("ComputeResources.LaunchTemplate.LaunchTemplateId"))
    for template in app.of("AWS::EC2::LaunchTemplate"):
        if app.resolver.resolve(template.stack.name, {"Ref": template.id}) in used:
            for mapping in _all(template.get("LaunchTemplateData.BlockDeviceMappings")):
                key = pick(mapping, "Ebs.KmsKeyId")
                yield Asked(template, key, _AUTO_SCALING, _through(template, "ec2"))


_use("EC2 Auto Scaling", "volumes", (*_DATA, "kms:DescribeKey"), _VOLUMES)(_volumes)


@_use("EC2 Auto Scaling", "grants for volumes", ("kms:CreateGrant",), _VOLUMES)
def _volume_grants(app: Emitted) -> Iterator[Asked]:
    for each in _volumes(app):
        yield Asked(each.at, each.key, each.who, {**each.context, "kms:GrantIsForAWSResource": True})


@_use("FSx for Lustre", "linked buckets", _DATA, "fsx/latest/LustreGuide/s3-server-side-encryption-support.html")
def _linked_buckets(app: Emitted) -> Iterator[Asked]:
    who = _linked("s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_fs-0123456789abcdef0")
    for each in app.of("AWS::FSx::DataRepositoryAssociation"):
        name = str(each.get("DataRepositoryPath", "")).removeprefix("s3://").partition("/")[0]
        bucket = app.found(name, _BUCKET)
        key, whole = _key_of_bucket(bucket)
        if bucket is not None:
            yield Asked(each, key, who, _object(bucket, whole))


# --- SageMaker


@_use("SageMaker HyperPod", "volumes of nodes", _MAKE, "sagemaker/latest/dg/smcluster-cmk.html")
def _nodes(app: Emitted) -> Iterator[Asked]:
    for cluster in app.of("AWS::SageMaker::Cluster"):
        for group in _all(cluster.get("InstanceGroups")):
            for storage in _all(group.get("InstanceStorageConfigs")):
                context = _through(cluster, "sagemaker") | {"kms:GrantIsForAWSResource": True}
                key = pick(storage, "EbsVolumeConfig.VolumeKmsKeyId")
                yield Asked(cluster, key, app.role(group.get("ExecutionRole")), context)


@_use(
    "SageMaker endpoints",
    "captured data",
    ("kms:GenerateDataKey",),
    "sagemaker/latest/dg/model-monitor-data-capture.html",
)
def _captured(app: Emitted) -> Iterator[Asked]:
    for config in app.of("AWS::SageMaker::EndpointConfig"):
        roles = {config.get("ExecutionRoleArn")}
        for variant in _all(config.get("ProductionVariants")):
            model = app.found(variant.get("ModelName"), "AWS::SageMaker::Model")
            roles.add(model.get("ExecutionRoleArn") if model else None)
        for path in ("DataCaptureConfig.KmsKeyId", "AsyncInferenceConfig.OutputConfig.KmsKeyId"):
            for role in filter(None, roles):
                yield Asked(config, config.get(path), app.role(role))


# --- Step Functions


@_use("Step Functions", "runs", _WRITE, "step-functions/latest/dg/encryption-at-rest.html")
def _runs(app: Emitted) -> Iterator[Asked]:
    for machine in app.of("AWS::StepFunctions::StateMachine"):
        context = _through(machine, "states") | {"kms:EncryptionContext:aws:states:stateMachineArn": machine.arn or "*"}
        yield Asked(machine, machine.get("EncryptionConfiguration.KmsKeyId"), app.role(machine.get("RoleArn")), context)


def _logged(app: Emitted) -> Iterator[Resource]:
    for machine in app.of("AWS::StepFunctions::StateMachine"):
        if machine.get("LoggingConfiguration.Destinations") and machine.get("LoggingConfiguration.Level") != "OFF":
            yield machine


@_use(
    "Step Functions",
    "logs of runs",
    ("kms:Decrypt",),
    "step-functions/latest/dg/encryption-at-rest.html",
)
def _delivery(app: Emitted) -> Iterator[Asked]:
    for machine in _logged(app):
        region = machine.stack.region
        logs = f"arn:aws:logs:{region}:{ACCOUNT}:*"
        context = _source(logs) | {"kms:EncryptionContext:SourceArn": logs}
        key = machine.get("EncryptionConfiguration.KmsKeyId")
        yield Asked(machine, key, _service("delivery.logs.amazonaws.com"), context)


@_use(
    "Step Functions",
    "logs of runs, by the machine's role",
    ("kms:GenerateDataKey",),
    "step-functions/latest/dg/encryption-at-rest.html",
)
def _logging_role(app: Emitted) -> Iterator[Asked]:
    for machine in _logged(app):
        context = {"kms:EncryptionContext:SourceArn": f"arn:aws:logs:{machine.stack.region}:{ACCOUNT}:*"}
        yield Asked(machine, machine.get("EncryptionConfiguration.KmsKeyId"), app.role(machine.get("RoleArn")), context)


# --- Bedrock


@_use("Bedrock guardrails", "using", ("kms:Decrypt",), "bedrock/latest/userguide/guardrails-permissions-kms.html")
def _guarded(app: Emitted) -> Iterator[Asked]:
    for role, who, guardrail in grants_on(app, "bedrock:ApplyGuardrail", "AWS::Bedrock::Guardrail"):
        yield Asked(role, guardrail.get("KmsKeyArn"), who, _through(guardrail, "bedrock"))


@_use("Bedrock flows", "invoking", _WRITE, "bedrock/latest/userguide/encryption-flows.html")
def _flow_callers(app: Emitted) -> Iterator[Asked]:
    flows = {each.arn: each for each in app.of("AWS::Bedrock::Flow")}
    aliases = {each.arn: flows.get(str(each.get("FlowArn"))) for each in app.of("AWS::Bedrock::FlowAlias")}
    for role in app.of("AWS::IAM::Role"):
        who = app.role(role.arn)
        for statement in who.policies if who else ():
            if allows(statement, "bedrock:InvokeFlow"):
                for arn in as_list(statement.get("Resource", [])):
                    flow = flows.get(str(arn)) or aliases.get(str(arn))
                    if flow is not None:
                        context = _through(flow, "bedrock") | {"kms:EncryptionContext:aws:bedrock-flows:arn": flow.arn}
                        yield Asked(role, flow.get("CustomerEncryptionKeyArn"), who, context)


@_use("Bedrock flows", "executions", _WRITE, "bedrock/latest/userguide/encryption-flows.html")
def _flow_roles(app: Emitted) -> Iterator[Asked]:
    for flow in app.of("AWS::Bedrock::Flow"):
        context = _through(flow, "bedrock") | {"kms:EncryptionContext:aws:bedrock-flows:arn": flow.arn or "*"}
        yield Asked(flow, flow.get("CustomerEncryptionKeyArn"), app.role(flow.get("ExecutionRoleArn")), context)


def _sources(app: Emitted) -> Iterator[tuple[Resource, Resource]]:
    for source in app.of("AWS::Bedrock::DataSource"):
        base = app.found(source.get("KnowledgeBaseId"), "AWS::Bedrock::KnowledgeBase")
        if base is not None:
            yield source, base


_KNOWLEDGE = "bedrock/latest/userguide/encryption-kb.html"


@_use("Bedrock knowledge bases", "transient data of a data source", _WRITE, _KNOWLEDGE)
def _transient(app: Emitted) -> Iterator[Asked]:
    for source, base in _sources(app):
        key = source.get("ServerSideEncryptionConfiguration.KmsKeyArn")
        yield Asked(source, key, app.role(base.get("RoleArn")))


@_use("Bedrock knowledge bases", "documents", ("kms:Decrypt",), _KNOWLEDGE)
def _documents(app: Emitted) -> Iterator[Asked]:
    for source, base in _sources(app):
        arn = source.get("DataSourceConfiguration.S3Configuration.BucketArn")
        bucket = app.found(arn, _BUCKET)
        key, whole = _key_of_bucket(bucket)
        if bucket is not None:
            yield Asked(source, key, app.role(base.get("RoleArn")), _object(bucket, whole))


@_use(
    "Bedrock knowledge bases",
    "Data Automation",
    (*_WRITE, "kms:DescribeKey", "kms:CreateGrant"),
    _KNOWLEDGE,
)
def _automation(app: Emitted) -> Iterator[Asked]:
    for source, base in _sources(app):
        parsing = source.get("VectorIngestionConfiguration.ParsingConfiguration.ParsingStrategy")
        if parsing == "BEDROCK_DATA_AUTOMATION":
            key = source.get("ServerSideEncryptionConfiguration.KmsKeyArn")
            context = _through(source, "bedrock") | {"kms:GrantIsForAWSResource": True}
            yield Asked(source, key, app.role(base.get("RoleArn")), context)


# --- AgentCore


@_use(
    "AgentCore gateways",
    "what the gateway stores",
    (*_WRITE, "kms:DescribeKey"),
    "bedrock-agentcore/latest/devguide/gateway-encryption.html",
)
def _gateways(app: Emitted) -> Iterator[Asked]:
    for gateway in app.of("AWS::BedrockAgentCore::Gateway"):
        # For targets, AgentCore names neither itself nor the gateway.
        yield Asked(gateway, gateway.get("KmsKeyArn"), app.role(gateway.get("RoleArn")))


@_use(
    "AgentCore gateways",
    "grants",
    ("kms:CreateGrant",),
    "bedrock-agentcore/latest/devguide/gateway-encryption.html",
)
def _gateway_grants(app: Emitted) -> Iterator[Asked]:
    for gateway in app.of("AWS::BedrockAgentCore::Gateway"):
        context = _through(gateway, "bedrock-agentcore") | {
            "kms:GrantConstraintType": "EncryptionContextSubset",
            "kms:GrantOperations": ["Decrypt", "GenerateDataKey"],
        }
        yield Asked(gateway, gateway.get("KmsKeyArn"), app.role(gateway.get("RoleArn")), context)


@_use(
    "AgentCore policy engines",
    "making an engine",
    (*_WRITE, "kms:DescribeKey", "kms:CreateGrant"),
    "bedrock-agentcore/latest/devguide/policy-encryption.html",
)
def _engines(app: Emitted) -> Iterator[Asked]:
    for engine in app.of("AWS::BedrockAgentCore::PolicyEngine"):
        yield Asked(engine, engine.get("EncryptionKeyArn"), _deployer(app), _through(engine, "bedrock-agentcore"))


# --- S3 Vectors

_VECTORS = "AmazonS3/latest/userguide/s3-vectors-data-encryption.html"
_VECTOR_CONTEXT = {"kms:EncryptionContextKeys": ["aws:s3vectors:arn", "aws:s3vectors:resource-id"]}


@_use("S3 Vectors", "background work on the index", ("kms:Decrypt",), _VECTORS)
def _indexing(app: Emitted) -> Iterator[Asked]:
    for bucket in app.of("AWS::S3Vectors::VectorBucket"):
        context = _source(bucket.arn) | _VECTOR_CONTEXT
        who = _service("indexing.s3vectors.amazonaws.com")
        yield Asked(bucket, bucket.get("EncryptionConfiguration.KmsKeyArn"), who, context)


@_use("S3 Vectors", "vectors of a knowledge base", ("kms:Decrypt",), _VECTORS)
def _vectors(app: Emitted) -> Iterator[Asked]:
    for base in app.of("AWS::Bedrock::KnowledgeBase"):
        store = base.get("StorageConfiguration.S3VectorsConfiguration") or {}
        index = app.found(store.get("IndexArn"), "AWS::S3Vectors::Index")
        arn = store.get("VectorBucketArn") or (index.get("VectorBucketArn") if index else None)
        bucket = app.found(arn, "AWS::S3Vectors::VectorBucket")
        if bucket is not None:
            context = _through(bucket, "s3vectors") | _VECTOR_CONTEXT
            yield Asked(base, bucket.get("EncryptionConfiguration.KmsKeyArn"), app.role(base.get("RoleArn")), context)


@rule(
    "GENAI_KEY_ADMITS_ITS_USERS",
    holds="Each key policy allows the services and roles that use the key, under conditions that they send.",
    why="If the key policy or the role's policy denies it, AWS rejects the resource, or its data is not written.",
    fix="allow the use of the key with DataKey's methods, without conditions that AWS does not send.",
    page="https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-services.html",
)
def keys_admit_their_users(app: Emitted) -> Iterator[Hit]:
    for use in USES:
        told: set[tuple[str, str, str]] = set()
        for asked in use.asked(app):
            key = app.found(asked.key, _KEY)
            # The key policy of a key outside the app cannot be checked here.
            if key is None or key.arn is None or asked.who is None:
                continue
            for action in use.actions:
                place = (asked.at.id, key.id, action)
                if place in told:
                    continue
                reason = _refused(app, asked.who, action, key.arn, asked.context)
                if reason is not None:
                    told.add(place)
                    who = asked.who.arn.rpartition("/")[2]
                    what = (
                        f"{use.service}, {use.use}: {who} may not {action} under {key.id}: {reason} (see {use.page})."
                    )
                    yield Hit(asked.at, "Properties", what)


def _refused(app: Emitted, who: Identity, action: str, key: str, context: Context) -> str | None:
    try:
        decision = app.model.decide(who, action, key, context)
    except UndecidableError as error:
        return str(error)
    return None if decision.allowed else decision.reason

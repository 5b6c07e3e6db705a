"""The record of who did what, kept where nobody can change it unseen."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack, aws_cloudtrail as cloudtrail, aws_iam as iam, aws_logs as logs
from constructs import Construct

from .alarms import AlarmTopic
from .bucket import AccessLogBucket, SecureBucket
from .key import DataKey
from .pseudo import ACCOUNT_ID, PARTITION, REGION
from .role import WorkloadRole
from .statements import allow, service


class AuditTrail(Construct):
    """A CloudTrail trail with Bedrock and S3 data events, log file validation and encryption.

    Management events of every Region, and the data events that show who read weights and called models. Whoever may
    read the files checks them with ``aws cloudtrail validate-logs``.
    https://docs.aws.amazon.com/bedrock/latest/userguide/logging-using-cloudtrail.html
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-cli.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import AccessLogBucket, AuditTrail, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Audit")
        key = DataKey(stack, "Key", description="Audit")
        key.allow_logs()
        key.allow_trail()
        AuditTrail(
            stack, "Trail", trail_name="audit", key=key, access_logs=AccessLogBucket(stack, "AccessLogs")
        )
        app.synth()

    :param trail_name: what the trail's name begins with, 3 to 110 characters; the Region follows, for a trail of all
        Regions is seen in each of them.
    :param key: encrypts log files and log group; it must let CloudTrail use it (:meth:`DataKey.allow_trail`, which
        names the readers).
    :param access_logs: where the access logs of the trail's own bucket go.
    :param retention_days: days that events are kept in S3. Default: 365.
    :param log_days: days that events are kept in CloudWatch Logs. Default: 365.
    :param replica: keep a second copy of the log files. Default: no.
    :param topic: told of log files that could not be copied; needed with ``replica``. Default: nobody is.
    :param removal_policy: what happens to the record on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        trail_name: str,
        key: DataKey,
        access_logs: AccessLogBucket,
        retention_days: int = 365,
        log_days: int = 365,
        replica: bool = False,
        topic: AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.bucket = SecureBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            retention_days=retention_days,
            replica=replica,
            topic=topic,
            # CloudTrail encrypts each file for its trail, and its readers are allowed what was; a key of the bucket
            # would know the bucket only.
            bucket_key=False,
            removal_policy=removal_policy,
        )
        trail_name = f"{trail_name}-{Stack.of(self).region}"
        trail_arn = f"arn:{PARTITION}:cloudtrail:{REGION}:{ACCOUNT_ID}:trail/{trail_name}"
        from_this_trail = {"StringEquals": {"aws:SourceArn": trail_arn}}
        trail_service = service("cloudtrail.amazonaws.com")
        self.bucket.add_statements(
            allow(
                ["s3:GetBucketAcl"],
                [self.bucket.bucket_arn],
                sid="TrailReadsAcl",
                principal=trail_service,
                conditions=from_this_trail,
            ),
            allow(
                ["s3:PutObject"],
                [f"{self.bucket.bucket_arn}/AWSLogs/{ACCOUNT_ID}/*"],
                sid="TrailWrites",
                principal=trail_service,
                conditions=from_this_trail,
            ),
        )
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(self, "Events", kms_key_id=key.key_arn, retention_in_days=log_days)
        self.log_group.apply_removal_policy(removal_policy)
        role = WorkloadRole(
            self,
            "Delivery",
            # No page promises that CloudTrail names its trail when it takes the role:
            # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
            assumed_by=iam.ServicePrincipal("cloudtrail.amazonaws.com"),
        )
        role.allow(("logs:CreateLogStream", "logs:PutLogEvents"), [self.log_group.attr_arn])
        own = [each for each in (self.bucket, self.bucket.replica, access_logs) if each is not None]
        trail = cloudtrail.CfnTrail(
            self,
            "Resource",
            trail_name=trail_name,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            kms_key_id=key.key_arn,
            s3_bucket_name=self.bucket.bucket_name,
            cloud_watch_logs_log_group_arn=self.log_group.attr_arn,
            cloud_watch_logs_role_arn=role.role_arn,
            advanced_event_selectors=[
                _selector("Management events", [("eventCategory", ["Management"])]),
                # The trail's own deliveries, and the copies of them, would log themselves without end.
                _selector(
                    "S3 objects",
                    [("eventCategory", ["Data"]), ("resources.type", ["AWS::S3::Object"])],
                    not_starts_with=[f"{each.bucket_arn}/" for each in own],
                ),
                *(
                    _selector(name, [("eventCategory", ["Data"]), ("resources.type", [resource_type])])
                    for name, resource_type in (
                        ("Bedrock models", "AWS::Bedrock::Model"),
                        ("Bedrock guardrails", "AWS::Bedrock::Guardrail"),
                        ("Bedrock knowledge bases", "AWS::Bedrock::KnowledgeBase"),
                        ("Bedrock agents", "AWS::Bedrock::AgentAlias"),
                    )
                ),
            ],
        )
        trail.add_resource_dependency(self.bucket.policy_resource)
        trail.add_resource_dependency(role.permissions)
        self.trail_arn = trail_arn


def _selector(
    name: str, equals: Sequence[tuple[str, list[str]]], *, not_starts_with: list[str] | None = None
) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    fields = [cloudtrail.CfnTrail.AdvancedFieldSelectorProperty(field=field, equal_to=value) for field, value in equals]
    if not_starts_with:
        fields.append(
            cloudtrail.CfnTrail.AdvancedFieldSelectorProperty(field="resources.ARN", not_starts_with=not_starts_with)
        )
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(name=name, field_selectors=fields)

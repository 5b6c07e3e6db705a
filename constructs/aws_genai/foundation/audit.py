"""The audit trail of the account, with validation that detects any change of its log files."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, aws_cloudtrail as cloudtrail, aws_iam as iam, aws_logs as logs
from constructs import Construct

from .bucket import SecureBucket
from .foundation import Foundation
from .pseudo import ACCOUNT_ID, PARTITION, REGION
from .role import WorkloadRole
from .statements import allow, service


class AuditTrail(Construct):
    """A CloudTrail trail with Bedrock and S3 data events, log file validation and encryption.

    Management events of every Region, and the data events that show who read weights and called models. A principal
    that can read the log files validates them with ``aws cloudtrail validate-logs``.
    https://docs.aws.amazon.com/bedrock/latest/userguide/logging-using-cloudtrail.html
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-cli.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import AuditTrail, CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Audit")
        AuditTrail(stack, "Trail", trail_name="audit", foundation=Foundation(stack))
        app.synth()

    :param foundation: Provides the key, the access log bucket, the retention of logs and the removal policy.
    :param trail_name: The prefix of the trail's name, 3 to 110 characters. The Region is appended, because a
        multi-Region trail appears in every Region.
    :param retention_days: Number of days to retain events in S3. Default: 365.
    :param readers: The ARNs of the roles that are allowed to read the files. Default: every principal that IAM allows
        to decrypt with the key.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        trail_name: str,
        retention_days: int = 365,
        readers: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        key, access_logs, log_days, removal_policy = (
            foundation.key,
            foundation.access_logs,
            foundation.log_days,
            foundation.removal_policy,
        )
        self.bucket = SecureBucket(
            self,
            "Bucket",
            foundation=foundation,
            retention_days=retention_days,
            # CloudTrail encrypts each file with its trail in the encryption context, which the key policy requires of
            # readers; with an S3 Bucket Key, the context would name the bucket only.
            bucket_key=False,
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
        key.allow_trail(readers)
        self.log_group = logs.CfnLogGroup(self, "Events", kms_key_id=key.key_arn, retention_in_days=log_days)
        self.log_group.apply_removal_policy(removal_policy)
        role = WorkloadRole(
            self,
            "Delivery",
            # AWS does not document that CloudTrail passes its trail when it assumes the role:
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
                # Data events for the trail's own deliveries, and for their replicas, would cause further deliveries
                # without end.
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

"""Files that users attach to conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import (
    aws_events as events,
    aws_guardduty as guardduty,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_s3 as s3,
)
from constructs import Construct

from ..compute.work_queue import WorkQueue
from ..foundation.alarms import alarm
from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole, grant
from ..functions.attachments.environment import Environment
from ..functions.history.environment import Environment as HistoryEnvironment
from ..functions.history.names import INCOMING
from ..gate.acknowledgement import acknowledge, compliance
from ..models.access.guardrail import Guardrail
from ..packaging import PythonFunction
from .options import AttachmentOptions

_MEGABYTE = 1_000_000
#: What the names of GuardDuty's own rules begin with, and who manages them.
_MANAGED = "DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3"
_GUARDDUTY = "malware-protection-plan.guardduty.amazonaws.com"
#: The object that GuardDuty writes to see whether its role may.
_VALIDATION = "malware-protection-resource-validation-object"


class Attachments(Construct):
    """A bucket that users upload files to by presigned requests, and a function that scans each of them.

    :class:`History` makes it. The function reads an uploaded file once, extracts its text in a process without
    credentials, searches it for instructions to a model, has the guardrail assess it, and stores the text in the item
    of the file in the table of the history: nothing else is ever shown to a model. Files that are refused keep the
    reason. Objects expire like messages, and are deleted with their conversation.

    With ``malware_protection``, GuardDuty scans each file before, and only files in which it finds no threat are read.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html
    https://docs.aws.amazon.com/guardduty/latest/ug/gdu-malware-protection-s3.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import AttachmentOptions, History, HistoryOptions, Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat")
        foundation = Foundation(stack)
        History(
            stack,
            "History",
            foundation=foundation,
            identity=Identity(stack, "Users", foundation=foundation, pool_name="assistant"),
            guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
            options=HistoryOptions(days=30, attachments=AttachmentOptions(types=["pdf"])),
        )
        app.synth()

    :param foundation: provides key, topic, network, log retention and removal policy.
    :param guardrail: assesses the text of files.
    :param environment: the table of the history, and how long files are kept.
    :param options: sizes, types and numbers of files. Default: 10 MB, every type whose text can be extracted.
    :param origins: origins of web pages that may upload files (CORS). Default: none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        guardrail: Guardrail,
        environment: HistoryEnvironment,
        options: AttachmentOptions | None = None,
        origins: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.options = options = options or AttachmentOptions()
        self._key = foundation.key
        self.bucket = SecureBucket(
            self,
            "Bucket",
            # A copy elsewhere would outlive what a user erases.
            foundation=foundation.but(replicas=False),
            retention_days=environment.HISTORY_DAYS,
            noncurrent_days=1,
        )
        resource = self.bucket.resource
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        if origins:
            resource.cors_configuration = s3.CfnBucket.CorsConfigurationProperty(
                cors_rules=[
                    s3.CfnBucket.CorsRuleProperty(
                        allowed_methods=["POST"], allowed_origins=list(origins), allowed_headers=["*"], max_age=600
                    )
                ]
            )
        acknowledge(
            resource,
            compliance("S3BucketReplicationEnabled"),
            reason="A copy elsewhere would outlive the erasure of a file, which its user may ask for.",
            met_by="the user, who has the file that was uploaded",
        )
        self.queue = WorkQueue(
            self, "Uploads", foundation=foundation, visibility_seconds=900, from_events=True, watched=False
        )
        self.function = self._scanner(foundation, guardrail, environment)
        #: The plan of GuardDuty; None without malware protection.
        self.plan = self._protect() if options.malware_protection else None
        self._follow()
        alarm(
            self,
            "NotScanned",
            topic=foundation.topic,
            runbook="attachments-not-scanned",
            description="Attachments could not be scanned in 3 attempts: read the log group of the function.",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.queue.failed.queue_name},
            threshold=1,
            statistic="Maximum",
        )

    def _scanner(self, foundation: Foundation, guardrail: Guardrail, kept: HistoryEnvironment) -> PythonFunction:
        """The function that scans, with the permissions for that and nothing else."""
        function = PythonFunction(
            self,
            "Scan",
            folder="attachments",
            include=(
                "chat",
                "documents",
                "groups",
                "history",
                "knowledge_ingestion",
                "untrusted",
                "usage_budget",
                "waking",
            ),
            foundation=foundation,
            environment=Environment(
                **vars(kept),
                BUCKET=self.bucket.bucket_name,
                GUARDRAIL_ID=guardrail.guardrail_id,
                GUARDRAIL_VERSION=guardrail.version,
                MOST_BYTES=self.options.megabytes * _MEGABYTE,
                MOST_CHARACTERS=self.options.characters,
                MALWARE_PROTECTION=self.options.malware_protection,
            ),
            memory_mib=2048,
            timeout_seconds=150,
            reserved_concurrency=5,
        )
        self.bucket.grant_read(function.role, INCOMING)
        self.queue.grant_consume(function.role)
        guardrail.grant_apply(function.role)
        return function

    def _protect(self) -> guardduty.CfnMalwareProtectionPlan:
        """GuardDuty's plan for what is uploaded, and its role.

        https://docs.aws.amazon.com/guardduty/latest/ug/malware-protection-s3-iam-policy-prerequisite.html
        """
        role = WorkloadRole(
            self,
            "Malware",
            assumed_by=iam.ServicePrincipal(_GUARDDUTY, conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}),
            description="GuardDuty Malware Protection for attachments",
        )
        arn = self.bucket.bucket_arn
        rules = f"arn:{PARTITION}:events:{REGION}:{ACCOUNT_ID}:rule/{_MANAGED}*"
        role.allow(
            ("events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"),
            [rules],
            conditions={"StringLike": {"events:ManagedBy": _GUARDDUTY}},
        )
        role.allow(("events:DescribeRule", "events:ListTargetsByRule"), [rules])
        role.allow(("s3:GetBucketNotification", "s3:ListBucket", "s3:PutBucketNotification"), [arn])
        role.allow(("s3:PutObject",), [f"{arn}/{_VALIDATION}"])
        self.bucket.grant_read(role, INCOMING)
        tags = ("Object", "ObjectVersion")
        role.allow([f"s3:{verb}{each}Tagging" for verb in ("Get", "Put") for each in tags], [f"{arn}/{INCOMING}*"])
        self._key.grant_encrypt_decrypt(role)
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/{_MANAGED}*",
            reason="GuardDuty chooses the end of the names of its own rules.",
            met_by="the beginning of these names in the statement, and the condition that GuardDuty manages the rules",
        )
        plan = guardduty.CfnMalwareProtectionPlan(
            self,
            "Plan",
            role=role.role_arn,
            protected_resource={"s3Bucket": {"bucketName": self.bucket.bucket_name, "objectPrefixes": [INCOMING]}},
            actions={"tagging": {"status": "ENABLED"}},
        )
        plan.node.add_dependency(role.permissions, self.bucket.policy_resource)
        return plan

    def _follow(self) -> None:
        """Pass what was uploaded, or found clean, to the function.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
        https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html
        """
        bucket, keys = self.bucket.bucket_name, [{"prefix": INCOMING}]
        pattern: dict[str, Any] = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}, "object": {"key": keys}},
        }
        if self.plan:
            pattern = {
                "source": ["aws.guardduty"],
                "detail-type": ["GuardDuty Malware Protection Object Scan Result"],
                "detail": {"s3ObjectDetails": {"bucketName": [bucket], "objectKey": keys}},
            }
        rule = events.CfnRule(
            self,
            "Uploaded",
            description="Attachments were uploaded",
            event_pattern=pattern,
            targets=[
                {
                    "id": "Uploads",
                    "arn": self.queue.queue_arn,
                    "deadLetterConfig": {"arn": self.queue.failed.queue_arn},
                    "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 10},
                }
            ],
        )
        rule.node.add_dependency(self.queue)
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Batches",
            function_name=self.function.function_name,
            event_source_arn=self.queue.queue_arn,
            # Somebody waits for each file.
            batch_size=1,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximumConcurrency": 5},
        )
        mapping.node.add_dependency(self.function.role.permissions)
        acknowledge(
            mapping,
            "Serverless-LambdaEventSourceMappingDestination",
            reason="Lambda takes no destination for a source of SQS: the queue itself moves what fails three times.",
            met_by="the dead-letter queue behind the queue, and the alarm on it",
        )

    @property
    def announcing(self) -> dict[str, Any]:
        """Environment variables of the function that announces uploads."""
        return {
            "ATTACHMENTS_BUCKET": self.bucket.bucket_name,
            "ATTACHMENTS_KEY": self._key.key_arn,
            "ATTACHMENTS_BYTES": self.options.megabytes * _MEGABYTE,
            "ATTACHMENTS_PER_DAY": self.options.per_day,
            "ATTACHMENTS_TYPES": list(self.options.types),
        }

    def grant_announce(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` sign uploads, and erase what was uploaded; it can read nothing.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        given = self.bucket.grant_write(grantee, INCOMING)
        grant(grantee, ["s3:DeleteObject", "s3:DeleteObjectVersion"], [f"{self.bucket.bucket_arn}/{INCOMING}*"])
        grant(
            grantee,
            ["s3:ListBucketVersions"],
            [self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{INCOMING}*"]}},
        )
        return given

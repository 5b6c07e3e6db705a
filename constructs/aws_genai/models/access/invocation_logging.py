"""Model invocation logging of Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnCustomResource, Stack, aws_iam as iam, aws_logs as logs
from constructs import Construct

from ...data.personal import check_identifiers, identifier_arn
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...foundation.statements import allow, service
from ...packaging.provider import provider
from .options import InvocationLoggingOptions

_SERVICE = "bedrock.amazonaws.com"


class InvocationLogging(Construct):
    """Logs every model invocation of the account and Region to CloudWatch Logs, and to S3 unless data is masked.

    An account has one logging configuration in each Region, and one stack owns it. If there is already another one, the
    deployment fails with a message that says so. With ``replace``, it is replaced, and restored when the stack is
    deleted, unless it has been changed since, or its destination no longer exists. Logs are encrypted with the customer
    managed key. Sensitive data of the types in ``mask`` is masked in CloudWatch Logs. S3 does not mask anything, so
    request and response bodies are delivered there only if nothing is masked.
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import InvocationLogging, InvocationLoggingOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        InvocationLogging(
            stack, "Calls", foundation=foundation, options=InvocationLoggingOptions(mask=["EmailAddress"])
        )
        app.synth()

    :param foundation: encrypts and retains the log group.
    :param bucket: receives request and response bodies, also those that are too long for CloudWatch Logs. Default:
        none.
    :param options: what is logged and masked. Default: :class:`InvocationLoggingOptions` without arguments.
    :raises InvalidValueError: if there is a bucket although data is masked.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        bucket: SecureBucket | None = None,
        options: InvocationLoggingOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        key, logged = foundation.key, options or InvocationLoggingOptions()
        check_identifiers(logged.mask, stored=bucket is not None)
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(
            self,
            "Logs",
            kms_key_id=key.key_arn,
            retention_in_days=foundation.log_days,
            data_protection_policy=_masking(logged.mask) if logged.mask else None,
        )
        self.log_group.apply_removal_policy(foundation.removal_policy)
        role = self._role()
        configuration: dict[str, Any] = {
            "cloudWatchConfig": {"logGroupName": self.log_group.ref, "roleArn": role.role_arn},
            "textDataDeliveryEnabled": logged.text,
            "imageDataDeliveryEnabled": logged.images,
            "embeddingDataDeliveryEnabled": logged.embeddings,
        }
        if bucket is not None:
            _let_deliver(bucket, key)
            stored = {"bucketName": bucket.bucket_name, "keyPrefix": "calls"}
            configuration["cloudWatchConfig"]["largeDataDeliveryS3Config"] = {**stored, "keyPrefix": "large"}
            configuration["s3Config"] = stored
        group = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:{self.log_group.ref}"
        function = provider(Stack.of(self), "InvocationLogging", "invocation_logging", foundation=foundation)
        self._allow(function.role, role, group)
        resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        resource.add_property_override("LogGroupArn", group)
        resource.add_property_override("Configuration", Stack.of(self).to_json_string(configuration))
        if logged.replace:
            resource.add_property_override("Replace", "true")
        resource.node.add_dependency(function.role.permissions, function.resource, role.permissions)
        if bucket is not None:
            resource.node.add_dependency(bucket.policy_resource)

    def _role(self) -> WorkloadRole:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html#setup-cloudwatch-logs-destination"""
        role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={
                    "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:*"},
                },
            ),
            description="Bedrock logs calls of models",
        )
        group = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:{self.log_group.ref}"
        role.allow(("logs:CreateLogStream", "logs:PutLogEvents"), [f"{group}:log-stream:aws/bedrock/modelinvocations"])
        return role

    def _allow(self, role: WorkloadRole, logging: WorkloadRole, group: str) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"""
        role.allow(
            (
                "bedrock:DeleteModelInvocationLoggingConfiguration",
                "bedrock:GetModelInvocationLoggingConfiguration",
                "bedrock:PutModelInvocationLoggingConfiguration",
            ),
            ["*"],
        )
        role.allow(
            ("iam:PassRole",), [logging.role_arn], conditions={"StringEquals": {"iam:PassedToService": _SERVICE}}
        )
        role.allow(("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource"), [group])


def _let_deliver(bucket: SecureBucket, key: DataKey) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html#setup-s3-destination"""
    bucket.add_statements(
        allow(
            ["s3:PutObject"],
            [f"{bucket.bucket_arn}/{prefix}/AWSLogs/{ACCOUNT_ID}/BedrockModelInvocationLogs/*" for prefix in _PREFIXES],
            sid="CallsOfModels",
            principal=service(_SERVICE),
            conditions={
                "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:*"},
            },
        )
    )
    key.allow_service(_SERVICE)


_PREFIXES = ("calls", "large")


def _masking(kinds: Sequence[str]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data-start.html"""
    identifiers = [identifier_arn(kind, PARTITION) for kind in kinds]
    return {
        "Name": "calls-of-models",
        "Version": "2021-06-01",
        "Statement": [
            {
                "Sid": "Audit",
                "DataIdentifier": identifiers,
                "Operation": {"Audit": {"FindingsDestination": {}}},
            },
            {"Sid": "Mask", "DataIdentifier": identifiers, "Operation": {"Deidentify": {"MaskConfig": {}}}},
        ],
    }

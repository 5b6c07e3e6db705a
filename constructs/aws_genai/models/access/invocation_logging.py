"""A record of what models were asked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnCustomResource, RemovalPolicy, Stack, aws_iam as iam, aws_logs as logs
from constructs import Construct

from ...data.personal import check_identifiers, identifier_arn
from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import SecureBucket
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...foundation.statements import allow, service
from ...packaging.provider import provider

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SERVICE = "bedrock.amazonaws.com"


class InvocationLogging(Construct):
    """Bedrock logs every call of the account and Region to CloudWatch, and to S3 unless something is masked.

    There is one configuration in an account and Region, and one stack owns it: where somebody else has set one already,
    the deployment fails and says so. With ``replace`` it takes that one's place: what was before is noted, and set back
    on deletion, unless somebody has changed it since, or what it logs to is gone. Everything is encrypted with the
    customer key. Kinds of personal data in ``mask`` show as asterisks in CloudWatch; as S3 masks nothing, bodies go
    there only where nothing is to be masked.
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import InvocationLogging
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Calls of models")
        key.allow_logs()
        InvocationLogging(
            stack,
            "Calls",
            mask=["EmailAddress"],
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param key: encrypts the logs.
    :param topic: receives calls of the function that failed.
    :param bucket: where bodies go too, of calls whose own are too long for CloudWatch as well. Default: nowhere.
    :param mask: kinds of personal data, as CloudWatch names them. Default: none.
    :param text: whether texts are logged. Default: yes.
    :param images: whether images are logged. Default: no.
    :param embeddings: whether embeddings are logged. Default: no.
    :param replace: whether it takes the place of logging that somebody else has set. Default: no, it fails.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if a kind of personal data is not known, or there is a bucket though something is masked.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        topic: AlarmTopic,
        bucket: SecureBucket | None = None,
        mask: Sequence[str] = (),
        text: bool = True,
        images: bool = False,
        embeddings: bool = False,
        replace: bool = False,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_identifiers(mask, stored=bucket is not None)
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(
            self,
            "Logs",
            kms_key_id=key.key_arn,
            retention_in_days=log_days,
            data_protection_policy=_masking(mask) if mask else None,
        )
        self.log_group.apply_removal_policy(removal_policy)
        role = self._role()
        configuration: dict[str, Any] = {
            "cloudWatchConfig": {"logGroupName": self.log_group.ref, "roleArn": role.role_arn},
            "textDataDeliveryEnabled": text,
            "imageDataDeliveryEnabled": images,
            "embeddingDataDeliveryEnabled": embeddings,
        }
        if bucket is not None:
            _let_deliver(bucket, key)
            stored = {"bucketName": bucket.bucket_name, "keyPrefix": "calls"}
            configuration["cloudWatchConfig"]["largeDataDeliveryS3Config"] = {**stored, "keyPrefix": "large"}
            configuration["s3Config"] = stored
        group = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:{self.log_group.ref}"
        function = provider(
            Stack.of(self),
            "InvocationLogging",
            "invocation_logging",
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self._allow(function.role, role, group)
        resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        resource.add_property_override("LogGroupArn", group)
        resource.add_property_override("Configuration", Stack.of(self).to_json_string(configuration))
        if replace:
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

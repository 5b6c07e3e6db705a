"""Where model weights lie, and who may read them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, aws_iam as iam
from constructs import Construct

from ..foundation.alarms import AlarmTopic
from ..foundation.bucket import AccessLogBucket, SecureBucket
from ..foundation.key import DataKey
from ..foundation.network import PrivateNetwork
from ..foundation.report import report_event
from ..foundation.statements import Statement, deny

_READ = (
    "s3:GetObject",
    "s3:GetObjectAttributes",
    "s3:GetObjectTorrent",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAttributes",
)
_WRITE = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:ReplicateObject",
    "s3:RestoreObject",
)


class WeightsBucket(Construct):
    """A bucket of model weights that only the workloads reading them can read, administrators included.

    The bucket policy denies reading to every principal but the roles given to :meth:`grant_read`, and writing to
    every principal but the publisher; the key's policy lets the same roles decrypt and nobody else. An explicit
    deny outweighs any permission an administrator has. Administrators still change policies and delete the
    stack, and CloudTrail records it.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import WeightsBucket
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Weights")
        key = DataKey(stack, "Key", description="Weights")
        topic = AlarmTopic(stack, "Alarms", key=key)
        publisher = f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/model-publisher"
        WeightsBucket(
            stack,
            "Weights",
            key=key,
            topic=topic,
            access_logs=AccessLogBucket(stack, "Logs"),
            publisher_role_arn=publisher,
        )
        app.synth()

    :param key: encrypts the weights; the readers are added to its policy.
    :param access_logs: where server access logs go.
    :param topic: told of every use of the break-glass role, which a trail must record.
    :param publisher_role_arn: the one role that may write. Default: nobody may.
    :param break_glass_role_arn: a role that may read in an emergency; every read is reported. Default: none.
    :param network: weights are read through its endpoint of S3 only, but in an emergency. Default: from anywhere.
    :param replica: keep a second copy under the same policy. Default: no.
    :param removal_policy: what happens to the weights on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        access_logs: AccessLogBucket,
        topic: AlarmTopic,
        publisher_role_arn: str | None = None,
        break_glass_role_arn: str | None = None,
        network: PrivateNetwork | None = None,
        replica: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.key = key
        self.bucket = SecureBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            replica=replica,
            topic=topic,
            removal_policy=removal_policy,
        )
        self._readers: list[str] = [break_glass_role_arn] if break_glass_role_arn else []
        writers = [publisher_role_arn] if publisher_role_arn else []
        self._denials: list[tuple[SecureBucket, Statement]] = []
        self._guard(self.bucket, writers)
        if self.bucket.replica:
            replication = self.bucket.replication_role.role_arn
            self._guard(self.bucket.replica, [replication])
        self._admit()
        if network is not None:
            self.bucket.only_through(
                network.s3_endpoint_id, beside=[break_glass_role_arn] if break_glass_role_arn else []
            )
        if publisher_role_arn:
            key.allow_role_arn("Publisher", publisher_role_arn, ("kms:Decrypt", "kms:GenerateDataKey"))
        if break_glass_role_arn:
            key.allow_role_arn("BreakGlass", break_glass_role_arn, ("kms:Decrypt",))
            self._report(break_glass_role_arn, topic)

    def grant_read(self, role: iam.IRole, prefix: str) -> None:
        """Let ``role`` read the weights under ``prefix``, which ends in ``/``, and nothing else."""
        self.bucket.grant_read(role, prefix)
        self._readers.append(role.role_arn)
        self._admit()

    def _guard(self, bucket: SecureBucket, writers: Sequence[str]) -> None:
        objects = [f"{bucket.bucket_arn}/*"]
        read = deny(_READ, objects, sid="ReadersOnly")
        write = deny(_WRITE, objects, sid="PublisherOnly", conditions=_but(writers) if writers else None)
        bucket.add_statements(read, write)
        self._denials.append((bucket, read))

    def _admit(self) -> None:
        if self._readers:
            for bucket, denial in self._denials:
                denial["Condition"] = _but(self._readers)
                bucket.rewrite_policy()

    def _report(self, role_arn: str, topic: AlarmTopic) -> None:
        report_event(
            self,
            "BreakGlassUsed",
            topic=topic,
            key=self.key,
            description="The break-glass role called S3 or KMS: find out who used it and why.",
            pattern={
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventSource": ["s3.amazonaws.com", "kms.amazonaws.com"],
                    "userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [role_arn]}}},
                },
            },
            # Decrypting changes nothing: a rule that is merely enabled never sees it.
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        )


def _but(role_arns: Sequence[str]) -> dict[str, dict[str, object]]:
    return {"ArnNotEquals": {"aws:PrincipalArn": list(role_arns)}}

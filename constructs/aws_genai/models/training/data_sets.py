"""Data sets that may train models: signed off by an approver, checked file by file before every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, aws_iam as iam, aws_kms as kms
from constructs import Construct

from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import AccessLogBucket, SecureBucket
from ...foundation.key import ACCOUNT_PRINCIPAL, ADMINISTER, DataKey
from ...foundation.role import grant
from ...foundation.statements import EVERYBODY, allow, deny, document
from ...packaging.python_function import PythonFunction

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SIGN = ("kms:DescribeKey", "kms:GetPublicKey", "kms:Sign")
_ROTATION = ("kms:DisableKeyRotation", "kms:EnableKeyRotation", "kms:GetKeyRotationStatus", "kms:ListKeyRotations")


class SignedDataSets(Construct):
    """A bucket of data sets, a key that only approvers sign with, and the function that lets a signed one train.

    A data set lies under ``data/<name>/``: its files, ``manifest.json`` with the version and SHA-256 of each, and
    ``manifest.json.sig``. The function refuses a manifest that is not signed as it is, a file that changed, malformed
    records, records that both train and evaluate, and many duplicates; it counts personal data. What it admits it
    copies, in exactly the signed versions, to ``verified/``, where nobody else can write and where training reads.
    So nothing that was not signed off trains a model, whatever happens to the bucket meanwhile.
    https://docs.aws.amazon.com/kms/latest/developerguide/symmetric-asymmetric.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import SignedDataSets
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Data")
        key = DataKey(stack, "Key", description="Training data")
        key.allow_logs()
        SignedDataSets(
            stack,
            "DataSets",
            approver_role_arns=[f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/data-approver"],
            key=key,
            access_logs=AccessLogBucket(stack, "Logs"),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param key: encrypts the data sets.
    :param access_logs: where server access logs go.
    :param topic: receives calls of the function that failed.
    :param approver_role_arns: the roles that may sign. Default: those given to :meth:`allow_approver`.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param replica: keep a second copy of the data sets. Default: no.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to data sets and keys on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        access_logs: AccessLogBucket,
        topic: AlarmTopic,
        approver_role_arns: Sequence[str] = (),
        network: PrivateNetwork | None = None,
        replica: bool = False,
        log_days: int = 365,
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
        self._approvers = list(approver_role_arns)
        administer = [action for action in ADMINISTER if action not in _ROTATION]
        self._policy = [allow(administer, ["*"], sid="AdministerButNotUse", principal=ACCOUNT_PRINCIPAL)]
        self.signing_key = kms.CfnKey(
            self,
            "SigningKey",
            description="Signs manifests of data sets",
            key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
            key_policy=document(self._policy),
        )
        self.signing_key.apply_removal_policy(removal_policy)
        self.function = PythonFunction(
            self,
            "Admit",
            folder="training_data",
            key=key,
            topic=topic,
            environment={"BUCKET": self.bucket.bucket_name, "SIGNING_KEY": self.signing_key.attr_arn},
            # The duplicates of two gigabytes are told apart by 16 bytes a record.
            memory_mib=3008,
            # A pipeline waits ten minutes:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-lambda
            timeout_seconds=600,
            reserved_concurrency=5,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        role = self.function.role
        self.bucket.grant_read(role, "data/")
        self.bucket.grant_write(role, "reports/", "verified/")
        role.allow(("kms:Verify",), [self.signing_key.attr_arn])
        self._guard(role)
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description="Data sets go under data/<name>/")
        CfnOutput(self, "SigningKeyArn", value=self.signing_key.attr_arn, description="Approvers sign with this key")

    def allow_approver(self, role: iam.IRole) -> None:
        """Let ``role`` read data sets, sign them off, and put the signature beside."""
        self._approvers.append(role.role_arn)
        self._admit_approvers()
        grant(role, _SIGN, [self.signing_key.attr_arn])
        self.bucket.grant_read(role, "data/", "reports/")
        self.bucket.grant_write(role, "data/")

    def allow_author(self, role: iam.IRole) -> None:
        """Let ``role`` put data sets and read what was found in them; signing is for others."""
        self.bucket.grant_read(role, "data/", "reports/")
        self.bucket.grant_write(role, "data/")

    def _admit_approvers(self) -> None:
        """A principal that does not exist yet makes KMS refuse a policy, so roles are named by condition."""
        sign = allow(
            _SIGN,
            ["*"],
            sid="ApproversSign",
            principal=EVERYBODY,
            conditions={"ArnEquals": {"aws:PrincipalArn": list(self._approvers)}},
        )
        self.signing_key.key_policy = document([*self._policy, sign] if self._approvers else self._policy)

    def _guard(self, role: iam.IRole) -> None:
        self._policy.append(allow(["kms:Verify"], ["*"], sid="FunctionVerifies", principal={"AWS": role.role_arn}))
        self._admit_approvers()
        but = {"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}}
        self.bucket.add_statements(
            deny(
                ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"],
                [f"{self.bucket.bucket_arn}/verified/*"],
                sid="OnlyAdmittedData",
                conditions=but,
            )
        )

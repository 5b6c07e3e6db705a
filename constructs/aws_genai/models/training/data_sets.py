"""Data sets that may train models: signed by an approver, and checked file by file before every run."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack, aws_iam as iam, aws_kms as kms, aws_s3 as s3
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.bucket import SecureBucket
from ...foundation.existing import existing_bucket
from ...foundation.foundation import Foundation
from ...foundation.key import ACCOUNT_PRINCIPAL, ADMINISTER
from ...foundation.role import grant
from ...foundation.statements import EVERYBODY, Statement, allow, deny, document
from ...functions.training_data.environment import Environment
from ...functions.training_data.manifest import SIGNATURE
from ...packaging.python_function import PythonFunction
from .given_bucket import GivenBucket
from .options import DataSetOptions

_SIGN = ("kms:DescribeKey", "kms:GetPublicKey", "kms:Sign")
#: The only objects that approvers write.
_SIGNATURES = f"data/*/{SIGNATURE}"
_ROTATION = ("kms:DisableKeyRotation", "kms:EnableKeyRotation", "kms:GetKeyRotationStatus", "kms:ListKeyRotations")


class SignedDataSets(Construct):
    """A bucket of data sets, a signing key for approvers, and the function that admits a signed data set to training.

    A data set lies under ``data/<name>/``: its files, ``manifest.json`` with the version and SHA-256 of each, and the
    signature ``manifest.json.sig``. Approvers can write nothing but signatures, whatever else they are allowed, so that
    they never write what they sign. The function refuses a manifest without a valid signature, a file that changed,
    malformed records, records that are in both the training and the held-out part, and too many duplicates; it counts
    personal data. It copies exactly the signed versions to ``verified/``, where only the function can write and
    training reads. So only signed data trains a model, whatever happens to the bucket meanwhile.
    https://docs.aws.amazon.com/kms/latest/developerguide/symmetric-asymmetric.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import DataSetOptions, SignedDataSets

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Data")
        SignedDataSets(
            stack,
            "DataSets",
            foundation=Foundation(stack),
            options=DataSetOptions(approver_roles=["arn:aws:iam::111122223333:role/data-approver"]),
        )
        app.synth()

    :param foundation: key, topic, network and removal policy.
    :param options: the approvers, and an existing bucket by its name. Default: :class:`DataSetOptions` without
        arguments; approvers are then added by :meth:`grant_approve`.
    :param bucket: an existing bucket, which must be versioned. Where the app does not manage the bucket's policy, add
        the statement of the output ``BucketPolicyStatement`` to it: without the statement, other writers of the bucket
        can write to ``verified/``. Default: the bucket of ``options``, or a new one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        options: DataSetOptions | None = None,
        bucket: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        options = options or DataSetOptions()
        if bucket is None and options.bucket:
            bucket = existing_bucket(self, "Existing", name=options.bucket.name, key_arn=options.bucket.key_arn)
        self.bucket: SecureBucket | GivenBucket = (
            GivenBucket(self, bucket) if bucket else SecureBucket(self, "Bucket", foundation=foundation)
        )
        self._approvers = list(options.approver_roles)
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
        self.signing_key.apply_removal_policy(foundation.removal_policy)
        self.function = PythonFunction(
            self,
            "Admit",
            folder="training_data",
            foundation=foundation,
            environment=Environment(BUCKET=self.bucket.bucket_name, SIGNING_KEY=self.signing_key.attr_arn),
            # Duplicates in two gigabytes of records are found by a hash of 16 bytes for each record.
            memory_mib=3008,
            # A pipeline waits at most ten minutes:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-lambda
            timeout_seconds=600,
            reserved_concurrency=5,
        )
        role = self.function.role
        self.bucket.grant_read(role, "data/")
        self.bucket.grant_write(role, "reports/", "verified/")
        role.allow(("kms:Verify",), [self.signing_key.attr_arn])
        self._policy.append(allow(["kms:Verify"], ["*"], sid="FunctionVerifies", principal={"AWS": role.role_arn}))
        self._admit_approvers()
        self._protect(role)
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description="Data sets go under data/<name>/")
        CfnOutput(self, "SigningKeyArn", value=self.signing_key.attr_arn, description="Approvers sign with this key")

    def grant_approve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read data sets, sign them, and write the signatures, but nothing else in the bucket.

        :raises InvalidValueError: if it is not a role or a user, which alone the policy of the signing key can name.
        """
        approver = _arn_of(grantee)
        self._approvers.append(approver)
        self._admit_approvers()
        granted = grant(grantee, _SIGN, [self.signing_key.attr_arn])
        self.bucket.grant_read(grantee, "data/", "reports/")
        self.bucket.grant_write_named(grantee, _SIGNATURES)
        self._add(self._only_signatures([approver], f"ApproverSignsOnly{len(self._approvers)}"))
        return granted

    def grant_author(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` write data sets and read the reports about them; it cannot sign."""
        self.bucket.grant_read(grantee, "data/", "reports/")
        return self.bucket.grant_write(grantee, "data/")

    def _admit_approvers(self) -> None:
        """KMS refuses a policy that names a principal which does not exist, so approvers are named by condition."""
        sign = allow(
            _SIGN,
            ["*"],
            sid="ApproversSign",
            principal=EVERYBODY,
            conditions={"ArnEquals": {"aws:PrincipalArn": list(self._approvers)}},
        )
        self.signing_key.key_policy = document([*self._policy, sign] if self._approvers else self._policy)

    def _protect(self, role: iam.IRole) -> None:
        """Let nobody but the function write where training reads."""
        self._add(
            deny(
                ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"],
                [f"{self.bucket.bucket_arn}/verified/*"],
                sid="OnlyAdmittedData",
                conditions={"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}},
            )
        )
        if self._approvers:
            self._add(self._only_signatures(list(self._approvers), "ApproversSignOnly"))

    def _only_signatures(self, approvers: Sequence[str], sid: str) -> Statement:
        """Keep approvers, whatever else they are allowed, from writing what they sign.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html
        """
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"],
            "NotResource": [f"{self.bucket.bucket_arn}/{_SIGNATURES}"],
            "Condition": {"ArnEquals": {"aws:PrincipalArn": list(approvers)}},
        }

    def _add(self, statement: Statement) -> None:
        """Add a statement to the bucket policy, or to the outputs where the app does not manage it."""
        if isinstance(self.bucket, SecureBucket):
            self.bucket.add_statements(statement)
        elif not self.bucket.add_statement(statement):
            sid = str(statement["Sid"])
            CfnOutput(
                self,
                f"BucketPolicyStatement{'' if sid == 'OnlyAdmittedData' else sid}",
                value=Stack.of(self).to_json_string(statement),
                description="Add this statement to the policy of the bucket",
            )


def _arn_of(grantee: iam.IGrantable) -> str:
    principal = grantee.grant_principal
    arn = getattr(principal, "role_arn", None) or getattr(principal, "user_arn", None)
    if arn is None:
        raise InvalidValueError(
            "The policy of the signing key names roles and users only", field="grantee", hint="Pass a role or a user"
        )
    return str(arn)

"""Keys that open weights only on a machine that proves what it runs."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import RemovalPolicy, aws_kms as kms
from constructs import Construct

from ..data.attestation import check_measurements
from ..foundation.key import ACCOUNT_PRINCIPAL, ADMINISTER, named
from ..foundation.role import WorkloadRole
from ..foundation.statements import EVERYBODY, allow, document


class EnvelopeKey(Construct):
    """A key for data keys of weights that were encrypted before they were uploaded.

    A role may decrypt only in a call that carries an attestation document of NitroTPM with these measurements, and the
    answer can be read by the attested machine alone: who else holds the role's credentials gets nothing. The condition
    binds such calls only, so it protects the weights' own envelope; S3, EBS and FSx decrypt in their own calls, which
    carry no document, and keep their own key.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-nitro-tpm.html
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nitrotpm-attestation.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import EnvelopeKey
        from aws_genai.foundation import CostTags
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Envelope")
        EnvelopeKey(
            stack,
            "Envelope",
            measurements={4: "ab" * 48, 7: "cd" * 48},
            publisher_role_arn=f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/model-publisher",
        )
        app.synth()

    :param measurements: the value of each platform configuration register by its number: 96 hexadecimal digits in
        lower case, as the build of the image prints them.
    :param publisher_role_arn: the one role that makes data keys and encrypts with them. Default: nobody.
    :param removal_policy: what happens on deletion of the stack. Default: retain.
    :raises InvalidValueError: if there is no measurement, or one is no SHA-384 value or names no register.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        measurements: Mapping[int, str],
        publisher_role_arn: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_measurements(measurements)
        self._measured = {
            f"kms:RecipientAttestation:NitroTPMPCR{number}": value for number, value in measurements.items()
        }
        self._statements = [allow(ADMINISTER, ["*"], sid="AdministerButNotUse", principal=ACCOUNT_PRINCIPAL)]
        if publisher_role_arn:
            self._statements.append(
                allow(
                    ("kms:Encrypt", "kms:GenerateDataKey"),
                    ["*"],
                    sid="Publisher",
                    principal=EVERYBODY,
                    conditions=named(publisher_role_arn),
                )
            )
        self.resource = kms.CfnKey(
            self,
            "Resource",
            description="Data keys of weights, opened on attested machines only",
            enable_key_rotation=True,
            key_policy=document(self._statements),
            pending_window_in_days=30,
        )
        self.resource.apply_removal_policy(removal_policy)
        self.key_arn: str = self.resource.attr_arn

    def grant_decrypt(self, role: WorkloadRole) -> None:
        """Let ``role`` decrypt from an attested machine."""
        name = "".join(filter(str.isalnum, role.node.path.partition("/")[2]))
        attested = {"StringEquals": self._measured}
        actions, principal = ("kms:Decrypt",), {"AWS": role.role_arn}
        self._statements.append(allow(actions, ["*"], sid=f"Attested{name}", principal=principal, conditions=attested))
        self.resource.key_policy = document(self._statements)
        role.allow(actions, [self.key_arn], conditions=attested)

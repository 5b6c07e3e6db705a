"""A KMS key for envelope encryption of weights, which only attested instances decrypt with."""

from __future__ import annotations

from aws_cdk import aws_iam as iam, aws_kms as kms
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.foundation import Foundation
from ..foundation.key import ACCOUNT_PRINCIPAL, ADMINISTER, named
from ..foundation.role import grant, principal_arn
from ..foundation.statements import EVERYBODY, allow, document
from .options import WeightsOptions


class EnvelopeKey(Construct):
    """A KMS key for the data keys of weights that are encrypted before they are uploaded.

    A role may decrypt only in a call with a NitroTPM attestation document that has these measurements, and only the
    attested instance can read the response: the role's credentials are of no use elsewhere. The condition applies to
    such calls only, so it protects the envelope of the weights. S3, EBS and FSx decrypt in calls of their own, without
    a document, and have another key.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-nitro-tpm.html
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nitrotpm-attestation.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import EnvelopeKey, WeightsOptions
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Envelope")
        EnvelopeKey(
            stack,
            "Envelope",
            foundation=Foundation(stack),
            options=WeightsOptions(
                attestation={"pcr4": "ab" * 48, "pcr7": "cd" * 48},
                publisher_role="arn:aws:iam::111122223333:role/model-publisher",
            ),
        )
        app.synth()

    :param foundation: the removal policy of the key.
    :param options: the measurements of attested instances, as the build of the AMI prints them, and the publisher, the
        only role that may generate data keys and encrypt with them.
    :raises InvalidValueError: if there is no measurement.
    """

    def __init__(self, scope: Construct, id: str, *, foundation: Foundation, options: WeightsOptions) -> None:
        super().__init__(scope, id)
        if not options.attestation:
            raise InvalidValueError(
                "Without a measurement, the key would let every instance decrypt",
                field="attestation",
                hint="Set pcr4 and pcr7 to the values that the build of the AMI prints",
            )
        self._measured = {
            f"kms:RecipientAttestation:NitroTPM{register.upper()}": value
            for register, value in options.attestation.items()
        }
        publisher_role_arn = options.publisher_role
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
        self.resource.apply_removal_policy(foundation.removal_policy)
        self.key_arn: str = self.resource.attr_arn

    def grant_decrypt(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` decrypt from an attested instance."""
        path, arn, created = principal_arn(grantee)
        attested = {"StringEquals": self._measured}
        actions, sid = ("kms:Decrypt",), f"Attested{''.join(filter(str.isalnum, path))}"
        self._statements.append(
            allow(actions, ["*"], sid=sid, principal={"AWS": arn}, conditions=attested)
            if created
            # KMS refuses a policy that names a principal that does not exist.
            else allow(
                actions,
                ["*"],
                sid=sid,
                principal=EVERYBODY,
                conditions={**named(arn), "StringEquals": {**named(arn)["StringEquals"], **self._measured}},
            )
        )
        self.resource.key_policy = document(self._statements)
        return grant(grantee, actions, [self.key_arn], conditions=attested)

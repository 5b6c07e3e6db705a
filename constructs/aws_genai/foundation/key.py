"""Customer managed keys whose policy names who may use them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import Annotations, RemovalPolicy, Stack, Stage, Token, aws_iam as iam, aws_kms as kms
from aws_cdk.region_info import RegionInfo
from constructs import Construct, IValidation

from .pseudo import ACCOUNT_ID, PARTITION, REGION
from .role import grant, principal_arn
from .statements import Statement, allow, document

#: What an administrator may do with a key: everything but using it.
ADMINISTER = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)

USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


_AUTO_SCALING = (
    f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
)

#: Each linked file system has a role of its own, whose name ends in its id.
FSX_LINKS = (
    f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/"
    "AWSServiceRoleForFSxS3Access_fs-*"
)

#: The account, whose IAM policies then decide.
ACCOUNT_PRINCIPAL = {"AWS": f"arn:{PARTITION}:iam::{ACCOUNT_ID}:root"}


def named(role_arn: str, operator: str = "ArnEquals") -> dict[str, dict[str, object]]:
    """The condition that a call comes from the role of that ARN."""
    return {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID}, operator: {"aws:PrincipalArn": role_arn}}


def via(service: str) -> dict[str, dict[str, object]]:
    """The condition that a key is used through that service of this Region."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}}


class DataKey(Construct):
    """A KMS key with yearly rotation that only the principals named in its policy can use.

    The account's administrators can manage, disable and delete the key, but an IAM policy alone, even
    ``AdministratorAccess``, lets nobody encrypt or decrypt with it: the key policy delegates administration to
    IAM, and use to nobody.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_iam as iam
        from aws_genai.foundation import CostTags, DataKey, WorkloadRole
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Keys")
        key = DataKey(stack, "Key", description="Documents")
        role = WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        key.grant_decrypt(role)
        app.synth()

    :param description: what the key protects; shown in the console.
    :param alias: alias without the ``alias/`` prefix. Default: none.
    :param removal_policy: what happens on deletion of the stack. Default: retain.
    :param pending_window_days: days before a deleted key is gone, 7 to 30. Default: 30.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        alias: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        pending_window_days: int = 30,
    ) -> None:
        super().__init__(scope, id)
        #: What every statement after the first is called: each is made once, and its id is its own.
        self._sids: set[str] = set()
        self._imported: kms.IKey | None = None
        self.resource = kms.CfnKey(
            self,
            "Resource",
            description=description,
            enable_key_rotation=True,
            key_policy=document([allow(ADMINISTER, ["*"], sid="AdministerButNotUse", principal=ACCOUNT_PRINCIPAL)]),
            pending_window_in_days=pending_window_days,
        )
        self.resource.apply_removal_policy(removal_policy)
        self.key_arn: str = self.resource.attr_arn
        self.key_id: str = self.resource.ref
        if alias:
            kms.CfnAlias(self, "Alias", alias_name=f"alias/{alias}", target_key_id=self.key_id)

    @staticmethod
    def from_key(scope: Construct, id: str, key: kms.IKey) -> DataKey:
        """A key of your own, whose policy this app cannot change.

        What its policy must allow is collected in :attr:`required_statements`, and written to
        ``<stack>.key-policy.json`` in the cloud assembly at synthesis. Add these statements before you deploy.

        :param key: the key, such as ``kms.Key.from_key_arn(stack, "Own", "arn:aws:kms:...")``.
        """
        return _GivenKey(scope, id, key)

    def _statement(
        self,
        sid: str,
        principal: Mapping[str, str],
        actions: Sequence[str],
        conditions: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        if sid in self._sids:
            return
        self._sids.add(sid)
        self._admit(allow(actions, ["*"], sid=sid, principal=principal, conditions=conditions))

    def _admit(self, statement: Statement) -> None:
        # One more statement each time, for the policies of large stacks are long.
        self.resource.add_property_override(f"KeyPolicy.Statement.{len(self._sids)}", statement)

    @property
    def key(self) -> kms.IKey:
        """The same key as CDK's interface, for L2 constructs that take one; grants made on it reach IAM only."""
        if self._imported is None:
            self._imported = kms.Key.from_key_arn(self, "Imported", self.key_arn)
        return self._imported

    def grant_decrypt(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` decrypt: named in the key policy, and allowed by its own policy."""
        return self._grant(grantee, "Decrypt", ("kms:Decrypt",))

    def grant_encrypt_decrypt(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` encrypt and decrypt, for writers of encrypted buckets, queues and logs."""
        return self._grant(grantee, "Use", ("kms:Decrypt", "kms:GenerateDataKey"))

    def grant_describe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read what kind of key this is."""
        return self._grant(grantee, "Describe", ("kms:DescribeKey",))

    def grant_in_bedrock(self, grantee: iam.IGrantable, actions: Sequence[str] = ("kms:Decrypt",)) -> iam.Grant:
        """Let ``grantee`` use the key through Bedrock and in no other way.

        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-custom-job.html

        :param actions: what it may do. Default: decrypt.
        """
        self.allow_in_bedrock()
        return grant(grantee, actions, [self.key_arn], conditions=via("bedrock"))

    def allow_role(self, sid: str, role_arn: str, actions: Sequence[str]) -> None:
        """Let a role of the same stack, named by its ARN, use the key."""
        self._name(sid, role_arn, actions, created=True)

    def allow_role_arn(
        self,
        sid: str,
        role_arn: str,
        actions: Sequence[str],
        conditions: Mapping[str, Mapping[str, object]] | None = None,
        *,
        operator: str = "ArnEquals",
    ) -> None:
        """Let the role of that ARN use the key, whether it exists yet or not.

        KMS refuses a policy whose principal does not exist, so the role is named by condition.
        """
        self._statement(sid, {"AWS": "*"}, actions, {**named(role_arn, operator), **(conditions or {})})

    def allow_auto_scaling_volumes(self) -> None:
        """Let Auto Scaling start instances with volumes under the key.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
        """
        self.allow_role_arn("AutoScalingVolumes", _AUTO_SCALING, USE)
        self.allow_role_arn(
            "AutoScalingGrants",
            _AUTO_SCALING,
            ("kms:CreateGrant",),
            {"Bool": {"kms:GrantIsForAWSResource": True}},
        )

    def allow_auto_scaling_notifications(self) -> None:
        """Let Auto Scaling publish to topics encrypted under the key, through its service-linked role."""
        self.allow_role_arn("AutoScalingNotifications", _AUTO_SCALING, ("kms:Decrypt", "kms:GenerateDataKey*"))

    def _grant(self, grantee: iam.IGrantable, verb: str, actions: Sequence[str]) -> iam.Grant:
        path, arn, created = principal_arn(grantee)
        # The id of every statement of a policy is its own, and roles of two constructs may have the same name.
        sid = f"{verb}{''.join(filter(str.isalnum, path))}"
        self._name(sid, arn, actions, created=created)
        return grant(grantee, actions, [self.key_arn])

    def _name(self, sid: str, arn: str, actions: Sequence[str], *, created: bool) -> None:
        """Name a role or a user in the policy; KMS refuses one that names a principal that does not exist."""
        if created:
            self._statement(sid, {"AWS": arn}, actions)
        else:
            self.allow_role_arn(sid, arn, actions)

    def grant_replicate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` copy what is encrypted under the key, under the key.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
        """
        return self._grant(grantee, "Replicate", ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"))

    def allow_logs(self) -> None:
        """Let CloudWatch Logs encrypt the log groups of this account and Region, for itself and for its callers.

        CloudWatch Logs asks whoever writes to or reads from an encrypted group for the key too. Every principal of the
        account may use it there, and nowhere else: IAM decides who may call CloudWatch Logs.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        """
        groups = {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:*"}
        }
        through = {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"logs.{REGION}.amazonaws.com"}}
        self._statement("CloudWatchLogs", {"Service": f"logs.{REGION}.amazonaws.com"}, USE, groups)
        used = [action for action in USE if action != "kms:DescribeKey"]
        self._statement("AccountThroughLogs", {"AWS": "*"}, used, {**through, **groups})
        # DescribeKey knows no encryption context.
        self._statement("AccountDescribesThroughLogs", {"AWS": "*"}, ("kms:DescribeKey",), through)

    def allow_trail(self, readers: Sequence[str] = ()) -> None:
        """Let CloudTrail encrypt the log files of this account's trails, and people read them.

        Only what was encrypted for a trail may be decrypted, and only through S3, where the same principals need
        ``s3:GetObject``.
        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html

        :param readers: ARNs of the roles that may read. Default: whom IAM allows to decrypt with the key.
        """
        trails = f"arn:{PARTITION}:cloudtrail:{REGION}:{ACCOUNT_ID}:trail/*"
        self._statement(
            "CloudTrail",
            {"Service": "cloudtrail.amazonaws.com"},
            ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"),
            {
                "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": trails},
            },
        )
        of_trails: dict[str, dict[str, object]] = {
            "StringEquals": {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"s3.{REGION}.amazonaws.com"},
            "Null": {"kms:EncryptionContext:aws:cloudtrail:arn": "false"},
        }
        if readers:
            self._statement(
                "TrailReaders",
                {"AWS": "*"},
                ("kms:Decrypt",),
                {**of_trails, "ArnEquals": {"aws:PrincipalArn": list(readers)}},
            )
        else:
            self._statement("TrailReaders", ACCOUNT_PRINCIPAL, ("kms:Decrypt",), of_trails)

    def allow_in_bedrock(self) -> None:
        """Let callers whom IAM allows to use the key do so through Bedrock, which holds no role of its own.

        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        """
        self._allow_through("bedrock", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))

    def allow_prompts(self) -> None:
        """Let Bedrock encrypt and decrypt the prompts of this account and Region.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-prereq.html
        """
        prompts = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:prompt/*"
        self._statement(
            "Prompts",
            {"Service": "bedrock.amazonaws.com"},
            ("kms:Decrypt", "kms:GenerateDataKey"),
            {"StringLike": {"kms:EncryptionContext:aws:bedrock-prompts:arn": prompts}},
        )

    def allow_evaluations(self) -> None:
        """Let Bedrock keep the temporary copies that evaluation jobs of this account and Region make.

        https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-security-kms.html
        """
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:evaluation-job/*"
        bedrock = {"Service": "bedrock.amazonaws.com"}
        own, context = {"aws:SourceArn": jobs}, {"kms:EncryptionContext:evaluationJobArn": jobs}
        used = ("kms:Decrypt", "kms:GenerateDataKey")
        self._statement("Evaluations", bedrock, used, {"ArnLike": own, "StringLike": context})
        # A description has no encryption context.
        self._statement("DescribedByEvaluations", bedrock, ("kms:DescribeKey",), {"ArnLike": own})

    def allow_account_in_bedrock(self) -> None:
        """Let every principal of the account decrypt through Bedrock, without a permission of its own.

        For a guardrail that is enforced on all of them, encrypted with a key that nothing else is encrypted with.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        """
        through = {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"bedrock.{REGION}.amazonaws.com"}
        self._statement("AccountThroughBedrock", {"AWS": "*"}, ("kms:Decrypt",), {"StringEquals": through})

    def allow_in_sagemaker(self) -> None:
        """Let callers whom IAM allows to use the key give SageMaker the grants that endpoint volumes need.

        https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html
        """
        self._allow_through("sagemaker", ("kms:CreateGrant", "kms:DescribeKey"))

    def allow_in_fsx(self) -> None:
        """Let callers whom IAM allows to use the key encrypt file systems, which then read and write linked buckets.

        https://docs.aws.amazon.com/fsx/latest/LustreGuide/encryption-at-rest.html
        https://docs.aws.amazon.com/fsx/latest/LustreGuide/s3-server-side-encryption-support.html
        """
        self._allow_through("fsx", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"))
        through = {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
        self.allow_role_arn("LinkedBuckets", FSX_LINKS, USE, {"StringEquals": through}, operator="ArnLike")

    def allow_in_dynamodb(self) -> None:
        """Let callers whom IAM allows to use the key make and use tables that are encrypted under it.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        self._allow_through("dynamodb", (*USE, "kms:CreateGrant"))

    def allow_in_opensearch(self) -> None:
        """Let callers whom IAM allows to use the key make collections that are encrypted under it.

        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-encryption.html
        """
        self._allow_through("aoss", ("kms:CreateGrant", "kms:DescribeKey"))

    def allow_in_rds(self) -> None:
        """Let callers whom IAM allows to use the key make databases and their passwords, encrypted under it.

        https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html
        https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
        """
        self._allow_through("rds", (*USE, "kms:CreateGrant"))
        self._allow_through(
            "secretsmanager", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
        )

    def allow_in_states(self) -> None:
        """Let callers whom IAM allows to use the key make state machines that are encrypted under it, and look at runs.

        What such a machine logs is encrypted on its way, and decrypted by the service that delivers it.
        https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
        """
        self._allow_through("states", ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))
        logs = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:*"
        self._statement(
            "LogDelivery",
            {"Service": "delivery.logs.amazonaws.com"},
            ("kms:Decrypt",),
            {"StringLike": {"kms:EncryptionContext:SourceArn": logs}},
        )

    def allow_in_s3vectors(self) -> None:
        """Let callers whom IAM allows to use the key make buckets of vectors that are encrypted under it.

        S3 Vectors itself decrypts, to keep the indexes in order.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html
        """
        self._allow_through("s3vectors", ("kms:Decrypt", "kms:GenerateDataKey"))
        buckets = f"arn:{PARTITION}:s3vectors:{REGION}:{ACCOUNT_ID}:bucket/*"
        self._statement(
            "ServiceIndexing",
            {"Service": "indexing.s3vectors.amazonaws.com"},
            ("kms:Decrypt",),
            {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": buckets}},
        )

    def allow_in_sns(self) -> None:
        """Let principals whom IAM allows to use the key publish to topics encrypted under it."""
        self._allow_through("sns", ("kms:Decrypt", "kms:GenerateDataKey"))

    def _allow_through(self, service: str, actions: Sequence[str]) -> None:
        self._statement(
            f"Through{service.title()}",
            ACCOUNT_PRINCIPAL,
            actions,
            via(service),
        )

    def allow_service(self, service: str, *, actions: Sequence[str] = ("kms:Decrypt", "kms:GenerateDataKey*")) -> None:
        """Let an AWS service use the key on behalf of this account's resources, such as alarms that publish.

        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

        :param service: the service principal, such as ``cloudwatch.amazonaws.com``.
        """
        self._statement(
            "Service" + service.split(".")[0].title().replace("-", ""),
            {"Service": service},
            actions,
            {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
        )


class _GivenKey(DataKey):
    """A key of the user's own."""

    def __init__(self, scope: Construct, id: str, key: kms.IKey) -> None:
        Construct.__init__(self, scope, id)
        self._sids = set()
        self._imported = key
        self.key_arn = key.key_arn
        self.key_id = key.key_id
        #: The statements that the policy of the key must have.
        self.required_statements: list[Statement] = [
            allow([*USE, "kms:CreateGrant"], ["*"], sid="AllowWhatIamAllows", principal=ACCOUNT_PRINCIPAL)
        ]
        file = f"{Stack.of(self).node.path.replace('/', '-')}.key-policy.json"
        Annotations.of(self).add_info(
            f"This app cannot change the policy of the key {self.key_arn}: before you deploy, add the statements that "
            f"{file} in the cloud assembly holds"
        )
        self.node.add_validation(_Statements(self, file))

    def _admit(self, statement: Statement) -> None:
        self.required_statements.append(statement)

    def _name(self, sid: str, arn: str, actions: Sequence[str], *, created: bool) -> None:
        """Roles use the key because IAM allows them to: nobody knows their ARNs before they exist."""


@jsii.implements(IValidation)
class _Statements:
    """Writes what the policy of a key must allow once the whole app is constructed."""

    def __init__(self, key: _GivenKey, file: str) -> None:
        self._key, self._file = key, file

    def validate(self) -> list[str]:
        """Nothing is wrong with the key that could be seen from here."""
        stack = Stack.of(self._key)
        stage = Stage.of(self._key)
        if stage is not None:
            known = {
                "AWS::AccountId": stack.account,
                "AWS::Region": stack.region,
                "AWS::Partition": RegionInfo.get(stack.region).partition or "aws",
            }
            statements = [_plain(stack.resolve(each), known) for each in self._key.required_statements]
            text = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
            (Path(stage.outdir) / self._file).write_text(f"{text}\n", encoding="utf-8")
        return []


def _plain(value: Any, known: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """A statement with values for pseudo parameters; ``${AWS::AccountId}`` stays where the account is not known."""
    if isinstance(value, list):
        return [_plain(each, known) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        found = known.get(value["Ref"])
        return f"${{{value['Ref']}}}" if found is None or Token.is_unresolved(found) else found
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(str(_plain(each, known)) for each in parts)
    return {name: _plain(each, known) for name, each in value.items()}

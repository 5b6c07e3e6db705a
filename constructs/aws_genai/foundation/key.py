"""Customer managed keys whose key policy names the principals that can use them."""

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
from .statements import Statement, allow, growing_document

#: The actions of a key administrator: everything except using the key.
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

#: Each linked file system has its own role, whose name ends in the id of the file system.
FSX_LINKS = (
    f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/"
    "AWSServiceRoleForFSxS3Access_fs-*"
)

#: The account as principal: its IAM policies then decide.
ACCOUNT_PRINCIPAL = {"AWS": f"arn:{PARTITION}:iam::{ACCOUNT_ID}:root"}


def named(role_arn: str, operator: str = "ArnEquals") -> dict[str, dict[str, object]]:
    """The condition that the principal is the role with that ARN."""
    return {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID}, operator: {"aws:PrincipalArn": role_arn}}


def via(service: str) -> dict[str, dict[str, object]]:
    """The condition that the key is used through that service in this Region."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}}


class DataKey(Construct):
    """A KMS key with yearly rotation that only the principals named in its policy can use.

    The account's administrators can manage, disable and delete the key. An IAM policy alone, even
    ``AdministratorAccess``, does not allow a principal to encrypt or decrypt with it: the key policy delegates
    administration to IAM, but not the use of the key.
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

    :param description: What the key protects; shown in the console.
    :param alias: The alias of the key, without the ``alias/`` prefix. Default: none.
    :param removal_policy: The removal policy of the key when the stack is deleted. Default: retain.
    :param pending_window_days: The waiting period before KMS deletes the key, in days, from 7 to 30. Default: 30.
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
        #: The ids of the statements after the first. Each statement is added once, and its id is unique.
        self._sids: set[str] = set()
        self._statements = [allow(ADMINISTER, ["*"], sid="AdministerButNotUse", principal=ACCOUNT_PRINCIPAL)]
        self._imported: kms.IKey | None = None
        self.resource = kms.CfnKey(
            self,
            "Resource",
            description=description,
            enable_key_rotation=True,
            key_policy=growing_document(self._statements),
            pending_window_in_days=pending_window_days,
        )
        self.resource.apply_removal_policy(removal_policy)
        self.key_arn: str = self.resource.attr_arn
        self.key_id: str = self.resource.ref
        if alias:
            kms.CfnAlias(self, "Alias", alias_name=f"alias/{alias}", target_key_id=self.key_id)

    @staticmethod
    def from_key(scope: Construct, id: str, key: kms.IKey) -> DataKey:
        """Import an existing key, whose key policy this app cannot change.

        The statements that its key policy must have are collected in :attr:`required_statements`, and written to
        ``<stack>.key-policy.json`` in the cloud assembly at synthesis. Add these statements before you deploy.

        :param key: The key, such as ``kms.Key.from_key_arn(stack, "Own", "arn:aws:kms:...")``.
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
        self._statements.append(statement)

    @property
    def key(self) -> kms.IKey:
        """The key as ``kms.IKey``, for L2 constructs. Grants on it change IAM policies only, not the key policy."""
        if self._imported is None:
            self._imported = kms.Key.from_key_arn(self, "Imported", self.key_arn)
        return self._imported

    def grant_decrypt(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant ``grantee`` permission to decrypt, in the key policy and in its IAM policy."""
        return self._grant(grantee, "Decrypt", ("kms:Decrypt",))

    def grant_encrypt_decrypt(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant ``grantee`` permission to encrypt and decrypt, for writers of encrypted buckets, queues and logs."""
        return self._grant(grantee, "Use", ("kms:Decrypt", "kms:GenerateDataKey"))

    def grant_describe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant ``grantee`` permission to describe the key."""
        return self._grant(grantee, "Describe", ("kms:DescribeKey",))

    def grant_in_bedrock(self, grantee: iam.IGrantable, actions: Sequence[str] = ("kms:Decrypt",)) -> iam.Grant:
        """Grant ``grantee`` permission to use the key through Bedrock only.

        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-custom-job.html

        :param actions: The KMS actions to allow. Default: decrypt.
        """
        self.allow_in_bedrock()
        return grant(grantee, actions, [self.key_arn], conditions=via("bedrock"))

    def grant_in_secretsmanager(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant ``grantee`` permission to read and write secrets that are encrypted with the key.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
        """
        self.allow_in_secretsmanager()
        used = ("kms:Decrypt", "kms:GenerateDataKey")
        return grant(grantee, used, [self.key_arn], conditions=via("secretsmanager"))

    def allow_role(self, sid: str, role_arn: str, actions: Sequence[str]) -> None:
        """Allow a role of the same stack, given by its ARN, to use the key."""
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
        """Allow the role with that ARN to use the key, even if the role does not exist yet.

        KMS rejects a key policy with a principal that does not exist, so a condition names the role.
        """
        self._statement(sid, {"AWS": "*"}, actions, {**named(role_arn, operator), **(conditions or {})})

    def allow_auto_scaling_volumes(self) -> None:
        """Allow Auto Scaling to launch instances with volumes that are encrypted with the key.

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
        """Allow Auto Scaling to publish to topics that are encrypted with the key, through its service-linked role."""
        self.allow_role_arn("AutoScalingNotifications", _AUTO_SCALING, ("kms:Decrypt", "kms:GenerateDataKey*"))

    def _grant(self, grantee: iam.IGrantable, verb: str, actions: Sequence[str]) -> iam.Grant:
        path, arn, created = principal_arn(grantee)
        # The id of a statement must be unique in its policy, and roles of two constructs can have the same name.
        sid = f"{verb}{''.join(filter(str.isalnum, path))}"
        self._name(sid, arn, actions, created=created)
        return grant(grantee, actions, [self.key_arn])

    def _name(self, sid: str, arn: str, actions: Sequence[str], *, created: bool) -> None:
        """Add a role or a user to the key policy. KMS rejects a principal that does not exist."""
        if created:
            self._statement(sid, {"AWS": arn}, actions)
        else:
            self.allow_role_arn(sid, arn, actions)

    def grant_replicate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant ``grantee`` permission to copy objects that are encrypted with the key, with the same key.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
        """
        return self._grant(grantee, "Replicate", ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"))

    def allow_logs(self) -> None:
        """Allow CloudWatch Logs to encrypt the log groups of this account and Region, for itself and for its callers.

        Principals that write to or read from an encrypted log group need permission to use the key as well. Every
        principal of the account is allowed to use it through CloudWatch Logs only: IAM decides who can call CloudWatch
        Logs.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        """
        groups = {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:*"}
        }
        through = {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"logs.{REGION}.amazonaws.com"}}
        self._statement("CloudWatchLogs", {"Service": f"logs.{REGION}.amazonaws.com"}, USE, groups)
        used = [action for action in USE if action != "kms:DescribeKey"]
        self._statement("AccountThroughLogs", {"AWS": "*"}, used, {**through, **groups})
        # DescribeKey has no encryption context.
        self._statement("AccountDescribesThroughLogs", {"AWS": "*"}, ("kms:DescribeKey",), through)

    def allow_trail(self, readers: Sequence[str] = ()) -> None:
        """Allow CloudTrail to encrypt the log files of this account's trails, and principals to read them.

        Only files that were encrypted for a trail can be decrypted, and only through S3, where the same principals need
        ``s3:GetObject``.
        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html

        :param readers: The ARNs of the roles that are allowed to read. Default: every principal that IAM allows to
            decrypt with the key.
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
        """Allow callers that IAM allows to use the key to use it through Bedrock, which has no service role.

        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        """
        self._allow_through("bedrock", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))

    def allow_prompts(self) -> None:
        """Allow Bedrock to encrypt and decrypt the prompts of this account and Region.

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
        """Allow Bedrock to store the temporary copies that evaluation jobs of this account and Region create.

        https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-security-kms.html
        """
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:evaluation-job/*"
        bedrock = {"Service": "bedrock.amazonaws.com"}
        own, context = {"aws:SourceArn": jobs}, {"kms:EncryptionContext:evaluationJobArn": jobs}
        used = ("kms:Decrypt", "kms:GenerateDataKey")
        self._statement("Evaluations", bedrock, used, {"ArnLike": own, "StringLike": context})
        # DescribeKey has no encryption context.
        self._statement("DescribedByEvaluations", bedrock, ("kms:DescribeKey",), {"ArnLike": own})

    def allow_account_in_bedrock(self) -> None:
        """Allow every principal of the account to decrypt through Bedrock, without an IAM permission.

        For an enforced guardrail, which applies to all of them. Use a key that encrypts nothing else.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        """
        through = {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"bedrock.{REGION}.amazonaws.com"}
        self._statement("AccountThroughBedrock", {"AWS": "*"}, ("kms:Decrypt",), {"StringEquals": through})

    def grant_in_agentcore(self, role: iam.IGrantable) -> iam.Grant:
        """Grant the service role of an AgentCore gateway permission to encrypt what the gateway stores.

        Callers that IAM allows to use the key may create gateways and policy engines that are encrypted with it.
        AgentCore uses the key as the role, for targets without naming the gateway, so only the grants that it creates
        are restricted further.
        https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-encryption.html
        https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-encryption.html
        """
        self._allow_through(
            "bedrock-agentcore", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
        )
        given = self._grant(role, "Gateway", ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))
        path, arn, _ = principal_arn(role)
        narrow: dict[str, dict[str, object]] = {
            "StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"},
            "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt", "GenerateDataKey"]},
        }
        sid = f"GatewayGrants{''.join(filter(str.isalnum, path))}"
        self._statement(sid, {"AWS": arn}, ("kms:CreateGrant",), narrow)
        grant(role, ["kms:CreateGrant"], [self.key_arn], conditions=narrow)
        return given

    def allow_in_sagemaker(self) -> None:
        """Allow callers that IAM allows to use the key to create the KMS grants that endpoint volumes need.

        https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html
        """
        self._allow_through("sagemaker", ("kms:CreateGrant", "kms:DescribeKey"))

    def allow_in_fsx(self) -> None:
        """Allow callers that IAM allows to use the key to encrypt file systems, which access linked buckets.

        https://docs.aws.amazon.com/fsx/latest/LustreGuide/encryption-at-rest.html
        https://docs.aws.amazon.com/fsx/latest/LustreGuide/s3-server-side-encryption-support.html
        """
        self._allow_through("fsx", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"))
        through = {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
        self.allow_role_arn("LinkedBuckets", FSX_LINKS, USE, {"StringEquals": through}, operator="ArnLike")

    def allow_in_dynamodb(self) -> None:
        """Allow callers that IAM allows to use the key to create and use tables that are encrypted with it.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        self._allow_through("dynamodb", (*USE, "kms:CreateGrant"))

    def allow_in_opensearch(self) -> None:
        """Allow callers that IAM allows to use the key to create collections that are encrypted with it.

        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-encryption.html
        """
        self._allow_through("aoss", ("kms:CreateGrant", "kms:DescribeKey"))

    def allow_in_rds(self) -> None:
        """Allow callers that IAM allows to use the key to create databases and their passwords, encrypted with it.

        https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html
        https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
        """
        self._allow_through("rds", (*USE, "kms:CreateGrant"))
        self.allow_in_secretsmanager()

    def allow_in_secretsmanager(self) -> None:
        """Allow callers that IAM allows to use the key to create and read secrets that are encrypted with it.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
        """
        self._allow_through(
            "secretsmanager", ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
        )

    def allow_cloudfront(self) -> None:
        """Allow the distributions of this account to decrypt objects of buckets that are encrypted with the key.

        The key policy names every distribution of the account, because a distribution refers to its bucket and the
        bucket to its key; the bucket policy names the one distribution.
        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
        """
        distributions = f"arn:{PARTITION}:cloudfront::{ACCOUNT_ID}:distribution/*"
        self._statement(
            "CloudFront",
            {"Service": "cloudfront.amazonaws.com"},
            ("kms:Decrypt",),
            {"ArnLike": {"aws:SourceArn": distributions}},
        )

    def allow_in_states(self) -> None:
        """Allow callers that IAM allows to use the key to create state machines with it, and to read executions.

        The log events of such a state machine are encrypted in transit, and decrypted by the service that delivers
        them.
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
        """Allow callers that IAM allows to use the key to create vector buckets that are encrypted with it.

        S3 Vectors itself decrypts, to maintain the indexes.
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
        """Allow principals that IAM allows to use the key to publish to topics that are encrypted with it."""
        self._allow_through("sns", ("kms:Decrypt", "kms:GenerateDataKey"))

    def _allow_through(self, service: str, actions: Sequence[str]) -> None:
        self._statement(
            f"Through{service.title().replace('-', '')}",
            ACCOUNT_PRINCIPAL,
            actions,
            via(service),
        )

    def allow_service(self, service: str, *, actions: Sequence[str] = ("kms:Decrypt", "kms:GenerateDataKey*")) -> None:
        """Allow an AWS service to use the key on behalf of this account's resources, such as alarms that publish.

        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

        :param service: The service principal, such as ``cloudwatch.amazonaws.com``.
        """
        self._statement(
            "Service" + service.split(".")[0].title().replace("-", ""),
            {"Service": service},
            actions,
            {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
        )


class _GivenKey(DataKey):
    """An existing key that the user imports."""

    def __init__(self, scope: Construct, id: str, key: kms.IKey) -> None:
        Construct.__init__(self, scope, id)
        self._sids = set()
        self._imported = key
        self.key_arn = key.key_arn
        self.key_id = key.key_id
        #: The statements that the key policy must have.
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
        """Allow roles by their IAM policies, because their ARNs are not known before they exist."""


@jsii.implements(IValidation)
class _Statements:
    """Writes the statements that the key policy must have, once the whole app is constructed."""

    def __init__(self, key: _GivenKey, file: str) -> None:
        self._key, self._file = key, file

    def validate(self) -> list[str]:
        """Write the statements. Returns no errors, because the key policy cannot be checked at synthesis."""
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
    """A statement with the values of pseudo parameters; ``${AWS::AccountId}`` remains if the account is not known."""
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

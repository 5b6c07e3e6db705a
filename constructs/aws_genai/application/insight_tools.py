"""What an assistant that answers from tables needs: an Athena workgroup, a place for results, and who may read what."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_athena as athena, aws_iam as iam
from constructs import Construct

from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole, grant
from ..foundation.statements import Statement, allow, document
from ..functions.contract import Contract
from ..functions.insight.environment import Environment
from ..gate.acknowledgement import acknowledge, compliance
from .options import WORKGROUP_NAME, InsightOptions

#: Where results are, and after how many days they are deleted. They are read at once, and never again.
_RESULTS, _RESULT_DAYS = "results/", 1
#: What is read and written by Athena on behalf of the function, and never by the function itself:
#: https://docs.aws.amazon.com/athena/latest/ug/security-iam-athena-calledvia.html
_BY_ATHENA: dict[str, dict[str, object]] = {"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}


class InsightTools(Construct):
    """Lets the models of an :class:`Assistant` of kind insight ask tables of the AWS Glue Data Catalog.

    Creates an Amazon Athena workgroup whose settings no query can change: a cut-off for the bytes that one query reads,
    CloudWatch metrics, and results that are encrypted with the customer managed key in a bucket of their own, where
    they expire after a day. An assistant that uses it may start, watch and stop queries of this workgroup, and read
    exactly the named tables and their data, through Athena only. It may write nothing but results.

    Tables that AWS Lake Formation manages need a grant of Lake Formation to the role of the assistant's function as
    well. https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html
    https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
    https://docs.aws.amazon.com/athena/latest/ug/security-athena-lake-formation.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import (
            Assistant,
            AssistantOptions,
            ChatApi,
            Firewall,
            Identity,
            InsightData,
            InsightOptions,
            InsightTools,
        )
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=guardrail,
            options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
        )
        identity = Identity(stack, "Users", foundation=foundation, pool_name="assistant")
        insight = InsightOptions(
            tables=["shop.orders"], data=[InsightData(location="s3://data-of-mine/orders/")]
        )
        figures = Assistant(
            stack,
            "Figures",
            foundation=foundation,
            name="figures",
            access=access,
            identity=identity,
            options=AssistantOptions(kind="insight", insight=insight),
            toolset=InsightTools(stack, "Tables", foundation=foundation, name="figures", options=insight),
        )
        ChatApi(
            stack,
            "Chat",
            foundation=foundation,
            name="assistant",
            access=access,
            identity=identity,
            firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant"),
            assistants=[figures],
        )
        app.synth()

    :param foundation: provides the key, the access log bucket and the removal policy.
    :param name: name of the workgroup, if the options have none, unique in the account and Region.
    :param options: the tables, their data, and the limits of a query.
    :raises InvalidValueError: if the name is not one of a workgroup.
    """

    #: Module of the tools in ``functions.assistant.kinds``.
    tools: str = "insight"
    #: Further folders of functions that it imports.
    include: Sequence[str] = ("insight",)

    def __init__(
        self, scope: Construct, id: str, *, foundation: Foundation, name: str, options: InsightOptions
    ) -> None:
        super().__init__(scope, id)
        WORKGROUP_NAME.check(name)
        self.options = options
        self._key = foundation.key
        self.bucket = SecureBucket(
            self,
            "Results",
            foundation=foundation.but(replicas=False),
            retention_days=_RESULT_DAYS,
            noncurrent_days=_RESULT_DAYS,
        )
        acknowledge(
            self.bucket.resource,
            compliance("S3BucketReplicationEnabled"),
            reason="A result is read once, seconds after it was written, and expires; a copy would outlive it.",
            met_by="the tables, from which a result can be computed again",
        )
        self.workgroup = athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=options.workgroup or name,
            description="Questions to tables by an assistant",
            recursive_delete_option=True,
            state="ENABLED",
            work_group_configuration={
                "enforceWorkGroupConfiguration": True,
                "publishCloudWatchMetricsEnabled": True,
                "requesterPaysEnabled": False,
                "bytesScannedCutoffPerQuery": options.max_bytes,
                "engineVersion": {"selectedEngineVersion": "Athena engine version 3"},
                "resultConfiguration": {
                    "outputLocation": f"s3://{self.bucket.bucket_name}/{_RESULTS}",
                    "expectedBucketOwner": ACCOUNT_ID,
                    "encryptionConfiguration": {"encryptionOption": "SSE_KMS", "kmsKey": self._key.key_arn},
                },
            },
        )
        self.workgroup_arn = f"arn:{PARTITION}:athena:{REGION}:{ACCOUNT_ID}:workgroup/{self.workgroup.ref}"
        #: Environment variables of the function that asks.
        self.environment: Contract = Environment(
            INSIGHT_TABLES=options.tables,
            INSIGHT_WORKGROUP=self.workgroup.ref,
            INSIGHT_ROWS=options.max_rows,
            INSIGHT_BYTES=options.max_bytes,
            INSIGHT_SECONDS=options.max_seconds,
        )

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to ask the tables through the workgroup, and to write nothing but results.

        Athena reads the catalog, the data and the keys with the permissions of its caller. It looks up the database
        ``default`` whatever a query names.
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
        """
        given = grant(
            grantee,
            [
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            [self.workgroup_arn],
        )
        self._key.grant_encrypt_decrypt(grantee)
        parts = {"Catalog": [*self._catalog(), *self._results()], "Data": self._data()}
        for part, statements in parts.items():
            if isinstance(grantee, WorkloadRole):
                self._attach(grantee, part, statements)
            else:
                for each in statements:
                    grant(grantee, each["Action"], each["Resource"], conditions=each.get("Condition"))
        return given

    def _attach(self, role: WorkloadRole, part: str, statements: Sequence[Statement]) -> None:
        """Give a role the statements in a policy of their own: with many tables, one policy would be too long.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        """
        id = f"{part}{role.node.addr[-8:]}"
        policy = iam.CfnManagedPolicy(self, id, roles=[role.role_name], policy_document=document(statements))
        # A function waits for the policy of its role, and so for this one.
        role.permissions.add_resource_dependency(policy)
        data = [f"arn:<AWS::Partition>:s3:::{'/'.join(each.place())}*" for each in self.options.data]
        shown = data if part == "Data" else [f"<{self.bucket.logical_id}.Arn>/{_RESULTS}*"]
        acknowledge(
            policy,
            "AwsSolutions-IAM5",
            finding=tuple(f"Resource::{each}" for each in dict.fromkeys(shown)),
            reason="Athena reads and writes objects with names of its own, so each statement ends at a prefix.",
            met_by="the prefix of each location in the statement, and its condition that Athena is the caller",
        )

    def _catalog(self) -> list[Statement]:
        place = f"arn:{PARTITION}:glue:{REGION}:{ACCOUNT_ID}"
        named = [each.split(".") for each in self.options.tables]
        databases = sorted({database for database, _ in named})
        above = [f"{place}:catalog", *(f"{place}:database/{each}" for each in databases)]
        tables = [f"{place}:table/{database}/{table}" for database, table in named]
        read = ["glue:BatchGetPartition", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
        defaults = [f"{place}:database/{each}" for each in sorted({*databases, "default"})]
        return [
            allow(read, [*above, *tables]),
            allow(["glue:GetDatabase"], [f"{place}:catalog", *defaults], conditions=_BY_ATHENA),
        ]

    def _results(self) -> list[Statement]:
        """https://docs.aws.amazon.com/athena/latest/ug/querying.html"""
        arn = self.bucket.bucket_arn
        written = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        return [
            allow(written, [f"{arn}/{_RESULTS}*"], conditions=_BY_ATHENA),
            allow(["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], [arn], conditions=_BY_ATHENA),
            _list(arn, [_RESULTS]),
        ]

    def _data(self) -> list[Statement]:
        prefixes: dict[str, list[str]] = {}
        for each in self.options.data:
            bucket, prefix = each.place()
            prefixes.setdefault(f"arn:{PARTITION}:s3:::{bucket}", []).append(prefix)
        objects = [f"{arn}/{prefix}*" for arn, found in prefixes.items() for prefix in found]
        keys = sorted({each.key_arn for each in self.options.data if each.key_arn})
        through = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
        return [
            allow(["s3:GetObject"], objects, conditions=_BY_ATHENA),
            allow(["s3:GetBucketLocation"], list(prefixes), conditions=_BY_ATHENA),
            *(_list(arn, found) for arn, found in prefixes.items()),
            *([allow(["kms:Decrypt"], keys, conditions={**_BY_ATHENA, **through})] if keys else []),
        ]


def _list(bucket_arn: str, prefixes: Sequence[str]) -> Statement:
    listed = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    return allow(["s3:ListBucket"], [bucket_arn], conditions={**_BY_ATHENA, **listed})

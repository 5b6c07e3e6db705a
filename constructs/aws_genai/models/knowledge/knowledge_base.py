"""Knowledge bases of Amazon Bedrock over a bucket of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from aws_cdk import (
    Annotations,
    CfnOutput,
    Duration,
    Stack,
    Token,
    aws_bedrock as bedrock,
    aws_cloudwatch as cloudwatch,
    aws_events as events,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_s3 as s3,
)
from constructs import Construct

from ...compute.work_queue import WorkQueue
from ...data.bedrock import BedrockCatalogue
from ...data.embeddings import asks_for_dimension
from ...errors import InvalidValueError, nearest
from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.key import via
from ...foundation.naming import lasting, settled
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION, STACK_ID
from ...foundation.role import WorkloadRole, grant
from ...foundation.statements import deny
from ...functions.knowledge_ingestion.environment import Environment
from ...functions.knowledge_ingestion.names import ACCEPTED, CUTTING, INCOMING, QUARANTINE, RELEASED, RENEWED
from ...gate.acknowledgement import acknowledge, compliance
from ...packaging import PythonFunction
from ..access.guardrail import Guardrail
from ..access.model_access import ModelAccess, called_arn
from .knowledge_trial import trial
from .options import KNOWLEDGE_NAME, Chunking, KnowledgeBaseOptions, Parsing, Search, automation_profile
from .vector_store import S3VectorStore, VectorStore

_SERVICE = "bedrock.amazonaws.com"
_SHOWN = "arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>"
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateKnowledgeBase.html


class KnowledgeBase(Construct):
    """A Bedrock knowledge base over a bucket of documents, each of which is screened before it is ingested.

    Documents are put under ``incoming/<source>/``. A function, the intake, screens each of them: documents of sources
    that nobody has reviewed, programs, and texts that give instructions to models or that the guardrail would block are
    copied to ``quarantine/`` together with the reasons. All others are copied to ``accepted/`` with metadata that names
    the groups that may read them and their origin; the knowledge base reads ``accepted/`` only. When a document is
    deleted, the intake deletes every version of its copies, and the next ingestion deletes its vectors. Changes pass
    through an SQS queue in batches, are retried while another ingestion job runs, and end in a dead-letter queue that
    raises an alarm.
    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base.html

    With ``documents``, an existing bucket takes the place of ``incoming/``. The intake reads the folders of the
    reviewed sources there, those that already exist too, and writes nothing; everything else is as above, so documents
    reach the knowledge base through the intake only. See :class:`DocumentsBucket` for what the bucket needs.

    Callers retrieve with a filter for their own groups, by Retrieve and then Converse: RetrieveAndGenerate applies no
    guardrail to its inner call. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import KnowledgeBase, KnowledgeBaseOptions, Source

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
        KnowledgeBase(
            stack,
            "Handbook",
            foundation=Foundation(stack),
            name="demo-handbook",
            options=KnowledgeBaseOptions(
                sources={"policies": Source(groups=["staff"]), "salaries": Source(groups=["hr"])}
            ),
        )
        app.synth()

    :param foundation: key, topic, network and retention.
    :param name: beginning of the knowledge base's name: 3 to 63 lower-case letters, digits and single hyphens. The name
        ends in a digest of the properties whose change replaces the knowledge base.
    :param options: the sources, the models, and how documents are processed.
    :param store: the vector store. Default: a new :class:`S3VectorStore`, which costs nothing while idle.
    :param access: Regions in which the model that parses documents may run. Default: the stack's Region.
    :param guardrail: the guardrail that assesses documents before they are ingested. Default: that of ``access``;
        without either, documents are screened by patterns only.
    :param documents: an existing bucket of documents, such as ``s3.Bucket.from_bucket_name(...)``; if a KMS key
        encrypts them, import it with ``from_bucket_attributes(encryption_key=...)``. Default: ``incoming/`` of the
        knowledge base's own bucket.
    :param documents_prefix: prefix of the documents in the existing bucket, which ends in ``/``. Default: its root.
    :raises InvalidValueError: if the name has other characters, or the store does not fit the options.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: KnowledgeBaseOptions,
        store: VectorStore | None = None,
        access: ModelAccess | None = None,
        guardrail: Guardrail | None = None,
        documents: s3.IBucket | None = None,
        documents_prefix: str = "",
    ) -> None:
        super().__init__(scope, id)
        KNOWLEDGE_NAME.check(name)
        size = options.vector_size
        if store and store.dimension != size:
            raise InvalidValueError(
                f"{options.embedding} returns vectors of {size} dimensions, and the store is made for "
                f"{store.dimension}",
                field="dimension",
                hint=f"Create the store with dimension={size}",
            )
        self.name, self.key, self.options, self._access = name, foundation.key, options, access
        self.guardrail = guardrail or (access.guardrail if access else None)
        self.store: VectorStore = store or S3VectorStore(self, "Store", foundation=foundation, dimension=size)
        options.search.check(keywords=self.store.hybrid)
        self._given, self._prefix = documents, documents_prefix
        if documents:
            _announce(self, documents)
        self.bucket = self._bucket(foundation)
        self._reviewers: list[str] = []
        self._review = deny(["s3:PutObject"], [f"{self.bucket.bucket_arn}/{RELEASED}*"], sid="OnlyReviewersRelease")
        self.bucket.add_statements(self._review)
        for arn in options.reviewer_roles:
            self._admit_reviewer(arn)
        self.role = self._reader()
        if self.guardrail:
            # Calls for embedding, reranking and parsing apply no guardrail of their own.
            self.guardrail.grant_if_enforced(self.role)
        vectors: dict[str, Any] = {"embeddingModelArn": _model(options.embedding)}
        if asks_for_dimension(options.embedding):
            embedded_as = {"dimensions": size, "embeddingDataType": "FLOAT32"}
            vectors |= {"embeddingModelConfiguration": {"bedrockEmbeddingModelConfiguration": embedded_as}}
        embedded = {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vectors}
        request: dict[str, Any] = {
            "name": name,
            "roleArn": self.role.role_arn,
            "knowledgeBaseConfiguration": embedded,
            "storageConfiguration": self.store.storage,
        }
        self.resource = bedrock.CfnKnowledgeBase(
            self,
            "Resource",
            name=settled(lambda: lasting(self, name, embedded, self.store.storage, self.store.made_of, longest=100)),
            role_arn=self.role.role_arn,
            knowledge_base_configuration=embedded,
            storage_configuration=self.store.storage,
        )
        # Bedrock validates role and index when it creates the knowledge base.
        tried = trial(self, request, self.role, after=[*self.store.ready], foundation=foundation)
        self.resource.node.add_dependency(self.role.permissions, *self.store.ready, tried)
        self.knowledge_base_id: str = self.resource.attr_knowledge_base_id
        self.knowledge_base_arn: str = self.resource.attr_knowledge_base_arn
        chunked = options.chunking.configuration()
        parsed = options.parsing.configuration(called_arn(options.parsing.model) if options.parsing.model else "")
        self.documents = bedrock.CfnDataSource(
            self,
            "Documents",
            name=lasting(self, f"{name}-documents", chunked, parsed, longest=100),
            knowledge_base_id=self.knowledge_base_id,
            # What is deleted from the bucket, or with the data source, is deleted from the vector store.
            data_deletion_policy="DELETE",
            data_source_configuration={
                "type": "S3",
                "s3Configuration": {"bucketArn": self.bucket.bucket_arn, "inclusionPrefixes": [ACCEPTED]},
            },
            server_side_encryption_configuration={"kmsKeyArn": self.key.key_arn},
            vector_ingestion_configuration={
                "chunkingConfiguration": chunked,
                **({"parsingConfiguration": parsed} if parsed else {}),
                **self._transformation(options.chunking),
            },
        )
        self.queue = WorkQueue(
            self, "Changes", foundation=foundation, visibility_seconds=900, attempts=10, from_events=True, watched=False
        )
        self.function = self._intake(foundation)
        self._follow()
        self._watch(foundation.topic)
        told = "Screened documents, and releases" if documents else f"Documents go under {INCOMING}"
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description=told)

    def _bucket(self, foundation: Foundation) -> SecureBucket:
        bucket = SecureBucket(
            self,
            "Bucket",
            foundation=foundation.but(replicas=False),
            # All versions of a deleted document are gone a day later.
            noncurrent_days=1,
        )
        bucket.resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        acknowledge(
            bucket.resource,
            compliance("S3BucketReplicationEnabled"),
            reason="A copy elsewhere would outlive the erasure of a document, which people may ask for.",
            met_by="the sources that the documents come from, which can be put again",
        )
        return bucket

    def _transformation(self, chunking: Chunking) -> dict[str, Any]:
        if not chunking.function_arn:
            return {}
        step = {
            "stepToApply": "POST_CHUNKING",
            "transformationFunction": {"transformationLambdaConfiguration": {"lambdaArn": chunking.function_arn}},
        }
        return {
            "customTransformationConfiguration": {
                "intermediateStorage": {"s3Location": {"uri": f"s3://{self.bucket.bucket_name}/{CUTTING}"}},
                "transformations": [step],
            }
        }

    def _reader(self) -> WorkloadRole:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html"""
        role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={
                    "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:knowledge-base/*"},
                },
            ),
            description=f"Knowledge base {self.name}",
        )
        options = self.options
        role.allow(("bedrock:InvokeModel",), [_model(options.embedding)])
        self._let_parse(role, options.parsing)
        # The data sources name the key, which encrypts transient data of an ingestion.
        self.key.grant_encrypt_decrypt(role)
        if options.parsing.data_automation:
            self._let_automate(role)
        if options.search.rerank:
            self._let_rerank(role, options.search.rerank)
        if options.chunking.function_arn:
            role.allow(("lambda:InvokeFunction",), [options.chunking.function_arn])
            self.bucket.grant_read(role, CUTTING)
            self.bucket.grant_write(role, CUTTING)
        acknowledge(
            role.permissions,
            "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
            reason="Models that embed, rerank or read pages serve the index; nobody is shown their answers as such.",
            met_by="these models alone in the statement, the intake before, and the guardrail of who retrieves",
        )
        self.bucket.grant_read(role, ACCEPTED)
        self.store.grant_use(role)
        return role

    def _let_parse(self, role: WorkloadRole, parsing: Parsing) -> None:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/bda-cris.html
        """
        if parsing.model:
            touched = (
                self._access.resources([parsing.model])
                if self._access
                else [called_arn(parsing.model), _model(BedrockCatalogue.get(parsing.model).model_id)]
            )
            role.allow(("bedrock:InvokeModel",), list(dict.fromkeys(touched)))
        if not parsing.data_automation:
            return
        across = automation_profile(Stack.of(self).region)
        here, profile = f"arn:{PARTITION}:bedrock:{REGION}", f"{ACCOUNT_ID}:data-automation-profile/{across.profile}"
        # Data Automation may process documents in any Region of the geography.
        profiles = [f"arn:{PARTITION}:bedrock:{each}:{profile}" for each in across.regions]
        role.allow(
            ("bedrock:InvokeDataAutomationAsync",),
            [f"{here}:aws:data-automation-project/public-rag-default", *profiles],
        )
        role.allow(("bedrock:GetDataAutomationStatus",), [f"{here}:{ACCOUNT_ID}:data-automation-invocation/*"])

    def _let_automate(self, role: WorkloadRole) -> None:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-kb.html"""
        self.key.grant_in_bedrock(role, ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::{_SHOWN}:data-automation-invocation/*",
            reason="Bedrock Data Automation chooses the ids of its invocations.",
            met_by="the account and Region in the statement, and looking at an invocation only",
        )

    def _let_rerank(self, role: WorkloadRole, model: str) -> None:
        """Retrieve reranks under this role, and not under that of its caller.

        https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-prereq.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html
        """
        role.allow(("bedrock:InvokeModel",), [_model(model)])
        # Neither action supports resource-level permissions.
        role.allow(("bedrock:Rerank",), ["*"])
        if BedrockCatalogue.get(model).provider != "amazon":
            # The first call of a model of another provider subscribes the account to it.
            role.allow(
                ("aws-marketplace:Subscribe", "aws-marketplace:ViewSubscriptions"),
                ["*"],
                conditions={"StringEquals": {"aws:CalledViaLast": _SERVICE}},
            )
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::*",
            reason="AWS defines no resource for reranking and for subscriptions.",
            met_by="the one model in the statement beside it, and subscribing through Bedrock only",
        )

    def _intake(self, foundation: Foundation) -> PythonFunction:
        """The function that screens each document, with the permissions for that and nothing else."""
        given, guardrail = self._given, self.guardrail
        function = PythonFunction(
            self,
            "Intake",
            folder="knowledge_ingestion",
            include=("documents", "untrusted", "waking"),
            foundation=foundation,
            environment=Environment(
                BUCKET=self.bucket.bucket_name,
                SOURCES={name: sorted(each.groups) for name, each in sorted(self.options.sources.items())},
                KNOWLEDGE_BASE=self.knowledge_base_id,
                DATA_SOURCE=self.documents.attr_data_source_id,
                GUARDRAIL_ID=guardrail.guardrail_id if guardrail else None,
                GUARDRAIL_VERSION=guardrail.version if guardrail else None,
                DOCUMENTS_BUCKET=given.bucket_name if given else None,
                DOCUMENTS_PREFIX=self._prefix if given else None,
                QUEUE_URL=self.queue.queue_url if given else None,
            ),
            memory_mib=2048,
            timeout_seconds=150,
            reserved_concurrency=2,
        )
        role = function.role
        if given:
            self.bucket.grant_read(role, RELEASED)
            self._grant_given(role, given)
            self.queue.grant_send(role)
            # Which documents were screened already.
            role.allow(
                ("s3:ListBucket",),
                [self.bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": [f"{ACCEPTED}*", f"{QUARANTINE}*"]}},
            )
        else:
            self.bucket.grant_read(role, INCOMING, RELEASED)
        self.bucket.grant_write(role, ACCEPTED, QUARANTINE)
        # Erasing a document takes every version of an object.
        places = [f"{self.bucket.bucket_arn}/{prefix}*" for prefix in (ACCEPTED, QUARANTINE)]
        role.allow(("s3:DeleteObject", "s3:DeleteObjectVersion"), places)
        role.allow(
            ("s3:ListBucketVersions",),
            [self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{ACCEPTED}*", f"{QUARANTINE}*"]}},
        )
        role.allow(("bedrock:StartIngestionJob",), [self.knowledge_base_arn])
        self.queue.grant_consume(role)
        if guardrail:
            guardrail.grant_apply(role)
        return function

    def _grant_given(self, grantee: iam.IGrantable, bucket: s3.IBucket) -> iam.Grant:
        """Let ``grantee`` read the folders of the sources in the existing bucket."""
        prefixes = [f"{self._prefix}{source}/" for source in self.options.sources]
        arn = f"arn:{PARTITION}:s3:::{bucket.bucket_name}"
        read = grant(
            grantee,
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"{arn}/{prefix}*" for prefix in prefixes],
        )
        # Without the permission to list, S3 answers 403 for an object that was deleted.
        listed = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
        grant(grantee, ["s3:ListBucket"], [arn], conditions=listed)
        if bucket.encryption_key:
            grant(grantee, ["kms:Decrypt"], [bucket.encryption_key.key_arn], conditions=via("s3"))
        if isinstance(grantee, WorkloadRole):
            named = bucket.bucket_name
            shown = _reference(self, named) if Token.is_unresolved(named) else named
            acknowledge(
                grantee.permissions,
                "AwsSolutions-IAM5",
                finding=tuple(f"Resource::arn:<AWS::Partition>:s3:::{shown}/{prefix}*" for prefix in prefixes),
                reason="Object keys under the prefix are chosen at run time, so the statement ends at the prefix.",
                met_by="the folders of the reviewed sources in the statement, and reading only",
            )
        return read

    def _follow(self) -> None:
        """Pass changes of documents to the intake, and the news that there may be a data source that has read none.

        CloudFormation updates the function last, because its environment refers to the data source. Its status change
        therefore says that the data source is there.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
        """
        given = self._given
        rules: list[tuple[str, str, dict[str, Any]]] = [
            (
                "Changed",
                "Documents of {} were put, deleted or released",
                _changes(self.bucket.bucket_name, [RELEASED] if given else [INCOMING, RELEASED]),
            ),
            (
                "Renewed",
                "The intake of {} was deployed",
                {
                    "source": [RENEWED],
                    "detail-type": ["CloudFormation Resource Status Change"],
                    "detail": {
                        "stack-id": [STACK_ID],
                        "logical-resource-id": [self.function.resource.logical_id],
                        "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
                    },
                },
            ),
        ]
        if given:
            folders = [f"{self._prefix}{source}/" for source in self.options.sources]
            rules.append(
                ("Given", "Documents of {} were put or deleted in their bucket", _changes(given.bucket_name, folders))
            )
        for id, what, pattern in rules:
            rule = events.CfnRule(
                self,
                id,
                description=what.format(self.name),
                event_pattern=pattern,
                targets=[
                    {
                        "id": "Changes",
                        "arn": self.queue.queue_arn,
                        "deadLetterConfig": {"arn": self.queue.failed.queue_arn},
                        "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 10},
                    }
                ],
            )
            rule.node.add_dependency(self.queue)
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Batches",
            function_name=self.function.function_name,
            event_source_arn=self.queue.queue_arn,
            batch_size=25,
            maximum_batching_window_in_seconds=20,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximumConcurrency": 2},
        )
        mapping.node.add_dependency(self.function.role.permissions)
        acknowledge(
            mapping,
            "Serverless-LambdaEventSourceMappingDestination",
            reason="Lambda takes no destination for a source of SQS: the queue itself moves what fails ten times.",
            met_by="the dead-letter queue behind the queue, and the alarm on it",
        )

    def _watch(self, topic: AlarmTopic) -> None:
        alarm(
            self,
            "NotTakenIn",
            topic=topic,
            runbook="documents-not-ingested",
            description=f"Documents of {self.name} could not be ingested in 10 attempts. Read the intake's log.",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.queue.failed.queue_name},
            threshold=1,
            statistic="Maximum",
        )
        released = self.metric_released()
        alarm(
            self,
            "Released",
            topic=topic,
            runbook="document-released",
            description=f"A reviewer released a quarantined document of {self.name}. The intake's log names it.",
            namespace=released.namespace,
            metric=released.metric_name,
            dimensions=self._dimensions,
            threshold=1,
        )

    @property
    def _dimensions(self) -> dict[str, str]:
        return {"function": self.function.function_name, "service": "knowledge_ingestion"}

    def metric_accepted(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of documents that the intake accepted. Default: the sum of 5 minutes."""
        return self._metric("Accepted", statistic, period)

    def metric_quarantined(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of documents that the intake quarantined. Default: the sum of 5 minutes."""
        return self._metric("Quarantined", statistic, period)

    def metric_released(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of quarantined documents that a reviewer released. Default: the sum of 5 minutes."""
        return self._metric("Released", statistic, period)

    def metric_erased(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of documents that were deleted from their source. Default: the sum of 5 minutes."""
        return self._metric("Erased", statistic, period)

    def metric_failed(self, *, statistic: str = "Maximum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of changes that could not be processed in 10 attempts. Default: the maximum of 5 minutes."""
        return cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions_map={"QueueName": self.queue.failed.queue_name},
            statistic=statistic,
            period=period,
        )

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AwsGenAi",
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=period,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of a function that retrieves."""
        search = _retrieval(self.options.search)
        told = {"SEARCH": Stack.of(self).to_json_string(search)} if search else {}
        return {"KNOWLEDGE_BASE": self.knowledge_base_id, **told}

    def grant_retrieve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` search the documents. It must filter by the groups of its caller.

        Results are reranked under the knowledge base's own role.
        https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-prereq-permissions-general.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-prereq.html
        """
        return grant(grantee, ["bedrock:Retrieve"], [self.knowledge_base_arn])

    def grant_put(self, grantee: iam.IGrantable, *sources: str) -> iam.Grant:
        """Let ``grantee`` put documents of ``sources``, and delete them.

        :raises InvalidValueError: if no source is named, one is unknown, or the documents are in an existing bucket.
        """
        if self._given:
            raise InvalidValueError(
                "The documents are in a bucket that is not managed here",
                field="documents",
                hint="Grant it on that bucket",
            )
        if not sources:
            raise InvalidValueError("No source is named", field="sources", hint="Name the sources to put documents of")
        for source in sources:
            if source not in self.options.sources:
                raise InvalidValueError(
                    f"{source} is not a source of {self.name}",
                    field="sources",
                    hint=nearest(source, self.options.sources),
                )
        prefixes = [f"{INCOMING}{source}/" for source in sources]
        self.bucket.grant_write(grantee, *prefixes)
        return grant(grantee, ["s3:DeleteObject"], [f"{self.bucket.bucket_arn}/{prefix}*" for prefix in prefixes])

    def allow_reviewer(self, role: iam.IRole) -> iam.Grant:
        """Let ``role`` read new and quarantined documents, and release them."""
        self._admit_reviewer(role.role_arn)
        if self._given:
            self.bucket.grant_read(role, QUARANTINE, RELEASED)
            self._grant_given(role, self._given)
        else:
            self.bucket.grant_read(role, INCOMING, QUARANTINE, RELEASED)
        return self.bucket.grant_write(role, RELEASED)

    def _admit_reviewer(self, arn: str) -> None:
        """Exempt a role, which need not exist yet, from the denial; its own policies must still allow the action."""
        self._reviewers.append(arn)
        self._review["Condition"] = {"ArnNotEquals": {"aws:PrincipalArn": list(self._reviewers)}}
        self.bucket.rewrite_policy()
        # Objects are read and written through S3 only.
        through = {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID, **via("s3")["StringEquals"]}}
        digest = hashlib.sha256(f"{self.node.path} {arn}".encode()).hexdigest()[:12]
        self.key.allow_role_arn(f"Review{digest}", arn, ("kms:Decrypt", "kms:GenerateDataKey"), through)


def _model(model: str) -> str:
    return f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{model}"


def _changes(bucket: str, prefixes: Sequence[str]) -> dict[str, Any]:
    """The pattern of events that tell of changes under prefixes of a bucket."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": each} for each in prefixes]}},
    }


def _retrieval(search: Search) -> dict[str, Any]:
    """The vector search configuration of a Retrieve request, apart from the number of results and the filter."""
    found: dict[str, Any] = {"overrideSearchType": "HYBRID"} if search.hybrid else {}
    if search.rerank:
        how = {"modelConfiguration": {"modelArn": _model(search.rerank)}, "numberOfRerankedResults": 5}
        found["rerankingConfiguration"] = {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": how}
    return found


def _announce(base: Construct, bucket: s3.IBucket) -> None:
    """Say what cannot be checked of a bucket that is managed elsewhere."""
    key = bucket.encryption_key is not None
    Annotations.of(base).add_info(
        f"Not checked of the bucket {bucket.bucket_name}: that it sends events to Amazon EventBridge and is in the "
        "Region of the knowledge base"
        + (", and that the policy of its KMS key lets the intake's role decrypt." if key else ".")
    )


def _reference(scope: Construct, token: str) -> str:
    """A reference to a resource of the same stack, as findings of cdk-nag show it."""
    found = Stack.of(scope).resolve(token)
    if isinstance(found, dict) and "Ref" in found:
        return f"<{found['Ref']}>"
    return str(found)

"""Documents that models answer from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import (
    CfnOutput,
    RemovalPolicy,
    Stack,
    aws_bedrock as bedrock,
    aws_events as events,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_s3 as s3,
)
from constructs import Construct

from ...compute.work_queue import WorkQueue
from ...data.bedrock import BedrockCatalogue
from ...data.embeddings import asks_for_dimension, dimension_of
from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.bucket import AccessLogBucket, SecureBucket
from ...foundation.key import DataKey, via
from ...foundation.naming import lasting, settled
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION, STACK_ID
from ...foundation.role import WorkloadRole, grant
from ...foundation.statements import deny
from ...functions.knowledge_ingestion.names import ACCEPTED, CUTTING, INCOMING, QUARANTINE, RELEASED, RENEWED
from ...gate.acknowledgement import acknowledge, compliance
from ...packaging import PythonFunction
from ..access.guardrail import Guardrail
from ..access.model_access import ModelAccess, called_arn
from .knowledge_trial import trial
from .reading import Chunking, Parsing, Search
from .vector_store import S3VectorStore, VectorStore

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SERVICE = "bedrock.amazonaws.com"
_SHOWN = "arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>"
#: Characters of names of groups and sources, which are parts of attributes and keys.
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class KnowledgeBase(Construct):
    """A Bedrock knowledge base over a bucket of documents that are scanned before they come in.

    Documents are put under ``incoming/<source>/``. A function looks at each: sources that nobody has reviewed,
    programs, and texts that give orders to models or that the guardrail would block go to ``quarantine/`` with the
    reasons beside them; the others go to ``accepted/`` with attributes that say who may read them and where they come
    from, and the knowledge base reads them. A document that is deleted is erased there, with every version, and from
    the vectors. Changes come in batches through a queue, are tried again while another ingestion runs, and end in a
    dead-letter queue that raises an alarm.
    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base.html

    Who asks retrieves with a filter for their own groups, by Retrieve and then Converse: RetrieveAndGenerate carries no
    guardrail in its inner call. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import KnowledgeBase
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Documents")
        key.allow_logs()
        KnowledgeBase(
            stack,
            "Handbook",
            name="demo-handbook",
            sources={"policies": ["staff"], "salaries": ["hr"]},
            key=key,
            access_logs=AccessLogBucket(stack, "AccessLogs"),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: what the name of the knowledge base begins with, 3 to 63 lowercase letters, digits and hyphens; it ends
        in a digest of what replaces it when it changes.
    :param sources: the groups of users that may read the documents of each reviewed source.
    :param key: encrypts documents, vectors, messages and logs.
    :param access_logs: where server access logs go.
    :param topic: told when documents could not be taken in.
    :param embedding: id of the embedding model. Default: amazon.titan-embed-text-v2:0.
    :param dimension: numbers of a vector. Default: what the model makes unless told otherwise.
    :param store: where vectors are kept and searched. Default: S3 Vectors, which cost nothing while nobody asks.
    :param chunking: how documents are cut. Default: :class:`Chunking` without arguments.
    :param parsing: who makes text of documents. Default: Bedrock's own parser, which reads text only.
    :param search: how chunks are found. Default: by likeness of vectors.
    :param access: the Regions in which a model that reads pages may answer. Default: the stack's own.
    :param guardrail: assesses texts before they come in. Default: none, patterns only.
    :param reviewer_role_arns: roles that may release documents. Default: those given to :meth:`allow_reviewer`.
    :param network: a VPC for the function. Default: the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to documents and logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if there is no source, a source has no group, a name has other characters, or the
        embedding model does not make vectors as the store keeps.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        sources: Mapping[str, Sequence[str]],
        key: DataKey,
        access_logs: AccessLogBucket,
        topic: AlarmTopic,
        embedding: str = "amazon.titan-embed-text-v2:0",
        dimension: int | None = None,
        store: VectorStore | None = None,
        chunking: Chunking | None = None,
        parsing: Parsing | None = None,
        search: Search | None = None,
        access: ModelAccess | None = None,
        guardrail: Guardrail | None = None,
        reviewer_role_arns: Sequence[str] = (),
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_sources(sources)
        self.name, self.key, self._access = name, key, access
        size = dimension_of(embedding, dimension)
        if store and store.dimension != size:
            raise InvalidValueError(
                f"{embedding} makes {size} numbers, and its store keeps {store.dimension}", field="dimension"
            )
        self.store: VectorStore = store or S3VectorStore(self, "Store", dimension=size, key=key)
        cut, read = chunking or Chunking(), parsing or Parsing()
        self.search = search or Search()
        read.check()
        self.search.check(words=self.store.hybrid)
        self.bucket = self._bucket(key, access_logs, removal_policy)
        self._reviewers: list[str] = []
        self._review = deny(["s3:PutObject"], [f"{self.bucket.bucket_arn}/{RELEASED}*"], sid="OnlyReviewersRelease")
        self.bucket.add_statements(self._review)
        for arn in reviewer_role_arns:
            self._admit_reviewer(arn)
        self.role = self._reader(embedding, cut, read)
        assessing = guardrail or (access.guardrail if access else None)
        if assessing:
            # Embedding, reranking and reading pages carry no guardrail of their own.
            assessing.grant_if_enforced(self.role)
        vectors: dict[str, Any] = {"embeddingModelArn": _model(embedding)}
        if asks_for_dimension(embedding):
            vectors |= {"embeddingModelConfiguration": _embedded(size)}
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
        # Bedrock tries role and index when the knowledge base is made.
        tried = trial(
            self,
            request,
            self.role,
            after=[*self.store.ready],
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self.resource.node.add_dependency(self.role.permissions, *self.store.ready, tried)
        self.knowledge_base_id: str = self.resource.attr_knowledge_base_id
        self.knowledge_base_arn: str = self.resource.attr_knowledge_base_arn
        parsed = read.configuration(called_arn(read.model) if read.model else "")
        self.documents = bedrock.CfnDataSource(
            self,
            "Documents",
            name=lasting(self, f"{name}-documents", cut.configuration(), parsed, longest=100),
            knowledge_base_id=self.knowledge_base_id,
            # What is deleted from the bucket, or with the data source, is deleted from the vectors.
            data_deletion_policy="DELETE",
            data_source_configuration={
                "type": "S3",
                "s3Configuration": {"bucketArn": self.bucket.bucket_arn, "inclusionPrefixes": [ACCEPTED]},
            },
            server_side_encryption_configuration={"kmsKeyArn": key.key_arn},
            vector_ingestion_configuration=self._ingestion(cut, parsed),
        )
        self.queue = WorkQueue(self, "Changes", key=key, visibility_seconds=900, attempts=10, from_events=True)
        self.function = _intake(self, sources, key, topic, guardrail, network, log_days, removal_policy)
        _follow(self, topic)
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description=f"Documents go under {INCOMING}")

    def _bucket(self, key: DataKey, access_logs: AccessLogBucket, removal_policy: RemovalPolicy) -> SecureBucket:
        bucket = SecureBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            # A document that is deleted is gone a day later, whatever its versions.
            noncurrent_days=1,
            removal_policy=removal_policy,
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

    def _ingestion(self, cut: Chunking, parser: dict[str, Any] | None) -> dict[str, Any]:
        own = {
            "intermediateStorage": {"s3Location": {"uri": f"s3://{self.bucket.bucket_name}/{CUTTING}"}},
            "transformations": [
                {
                    "stepToApply": "POST_CHUNKING",
                    "transformationFunction": {
                        "transformationLambdaConfiguration": {"lambdaArn": cut.function_arn},
                    },
                }
            ],
        }
        return {
            "chunkingConfiguration": cut.configuration(),
            **({"parsingConfiguration": parser} if parser else {}),
            **({"customTransformationConfiguration": own} if cut.function_arn else {}),
        }

    def _reader(self, embedding: str, cut: Chunking, read: Parsing) -> WorkloadRole:
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
        role.allow(("bedrock:InvokeModel",), [_model(embedding)])
        seeing = self._seeing(read.model) if read.model else []
        for actions, resources in read.needs(seeing, Stack.of(self).region):
            role.allow(actions, resources)
        # What an ingestion keeps on its way is encrypted: the sources name the key.
        self.key.grant_encrypt_decrypt(role)
        if read.data_automation:
            self._let_automate(role)
        if self.search.rerank:
            self._let_rerank(role, self.search.rerank)
        if cut.function_arn:
            role.allow(("lambda:InvokeFunction",), [cut.function_arn])
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
        """Retrieve puts chunks in order under this role, and not under that of whoever asks.

        https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-prereq.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html
        """
        role.allow(("bedrock:InvokeModel",), [_model(model)])
        # Neither takes a resource.
        role.allow(("bedrock:Rerank",), ["*"])
        if BedrockCatalogue.get(model).provider != "amazon":
            # The first call of another provider's model subscribes the account to it.
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

    def _seeing(self, model: str) -> list[str]:
        """What a call of the model that reads pages touches, in each Region that may answer."""
        if self._access:
            return self._access.resources([model])
        return list(dict.fromkeys([called_arn(model), _model(BedrockCatalogue.get(model).model_id)]))

    @property
    def environment(self) -> dict[str, str]:
        """What a function that retrieves has to know."""
        search = self.search.configuration()
        told = {"SEARCH": Stack.of(self).to_json_string(search)} if search else {}
        return {"KNOWLEDGE_BASE": self.knowledge_base_id, **told}

    def grant_retrieve(self, role: iam.IRole) -> None:
        """Let ``role`` search the documents; it must filter by the groups of whoever asks.

        What was found is put in order again by the knowledge base's own role.
        https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-prereq-permissions-general.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-prereq.html
        """
        grant(role, ["bedrock:Retrieve"], [self.knowledge_base_arn])

    def grant_put(self, role: iam.IRole, *sources: str) -> None:
        """Let ``role`` put documents of ``sources``, and delete them.

        :raises InvalidValueError: if no source is named.
        """
        if not sources:
            raise InvalidValueError("Without a source there is nothing to put", field="sources", hint="Name one")
        prefixes = [f"{INCOMING}{source}/" for source in sources]
        self.bucket.grant_write(role, *prefixes)
        grant(role, ["s3:DeleteObject"], [f"{self.bucket.bucket_arn}/{prefix}*" for prefix in prefixes])

    def allow_reviewer(self, role: iam.IRole) -> None:
        """Let ``role`` read documents that wait or were refused, and release them."""
        self._admit_reviewer(role.role_arn)
        self.bucket.grant_read(role, INCOMING, QUARANTINE, RELEASED)
        self.bucket.grant_write(role, RELEASED)

    def _admit_reviewer(self, arn: str) -> None:
        """A role that does not exist yet may be named by condition; what else it may do, its own policies say."""
        self._reviewers.append(arn)
        self._review["Condition"] = {"ArnNotEquals": {"aws:PrincipalArn": list(self._reviewers)}}
        self.bucket.rewrite_policy()
        # Objects are read and written through S3 alone.
        through = {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID, **via("s3")["StringEquals"]}}
        digest = hashlib.sha256(f"{self.node.path} {arn}".encode()).hexdigest()[:12]
        self.key.allow_role_arn(f"Review{digest}", arn, ("kms:Decrypt", "kms:GenerateDataKey"), through)


def check_sources(sources: Mapping[str, Sequence[str]]) -> None:
    """Refuse sources that nobody could read, and names that no key or attribute holds.

    :raises InvalidValueError: naming the source.
    """
    if not sources:
        raise InvalidValueError("Without a reviewed source no document comes in", field="sources", hint="Name one")
    for source, groups in sources.items():
        if not groups:
            raise InvalidValueError(
                f"Nobody could read the documents of {source}", field=f"sources.{source}", hint="Name a group"
            )
        for name in (source, *groups):
            if not name or set(name) - _NAME_CHARACTERS:
                raise InvalidValueError(
                    f"{name!r} has other characters than lowercase letters, digits, - and _", field=f"sources.{source}"
                )


def _embedded(size: int) -> dict[str, Any]:
    return {"bedrockEmbeddingModelConfiguration": {"dimensions": size, "embeddingDataType": "FLOAT32"}}


def _model(embedding: str) -> str:
    return f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{embedding}"


def _intake(
    base: KnowledgeBase,
    sources: Mapping[str, Sequence[str]],
    key: DataKey,
    topic: AlarmTopic,
    guardrail: Guardrail | None,
    network: PrivateNetwork | None,
    log_days: int,
    removal_policy: RemovalPolicy,
) -> PythonFunction:
    """The function that looks at each document, under roles that let it do nothing else."""
    guarded = {"GUARDRAIL_ID": guardrail.guardrail_id, "GUARDRAIL_VERSION": guardrail.version} if guardrail else {}
    function = PythonFunction(
        base,
        "Intake",
        folder="knowledge_ingestion",
        include=("documents", "untrusted", "waking"),
        key=key,
        topic=topic,
        environment={
            "BUCKET": base.bucket.bucket_name,
            "SOURCES": json.dumps({name: sorted(groups) for name, groups in sorted(sources.items())}),
            "KNOWLEDGE_BASE": base.knowledge_base_id,
            "DATA_SOURCE": base.documents.attr_data_source_id,
            **guarded,
        },
        memory_mib=2048,
        timeout_seconds=150,
        reserved_concurrency=2,
        network=network,
        log_days=log_days,
        removal_policy=removal_policy,
    )
    role = function.role
    base.bucket.grant_read(role, INCOMING, RELEASED)
    base.bucket.grant_write(role, ACCEPTED, QUARANTINE)
    # Erasing takes every version of an object.
    places = [f"{base.bucket.bucket_arn}/{prefix}*" for prefix in (ACCEPTED, QUARANTINE)]
    role.allow(("s3:DeleteObject", "s3:DeleteObjectVersion"), places)
    role.allow(
        ("s3:ListBucketVersions",),
        [base.bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": [f"{ACCEPTED}*", f"{QUARANTINE}*"]}},
    )
    role.allow(("bedrock:StartIngestionJob",), [base.knowledge_base_arn])
    base.queue.grant_consume(role)
    if guardrail:
        guardrail.grant_apply(role)
    return function


def _follow(base: KnowledgeBase, topic: AlarmTopic) -> None:
    """Hear of documents, and of a data source that takes the place of another and has read none yet.

    The function is told last of what it has to read, so its own update says that a data source is there.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
    """
    changed: dict[str, Any] = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted"],
        "detail": {
            "bucket": {"name": [base.bucket.bucket_name]},
            "object": {"key": [{"prefix": INCOMING}, {"prefix": RELEASED}]},
        },
    }
    renewed: dict[str, Any] = {
        "source": [RENEWED],
        "detail-type": ["CloudFormation Resource Status Change"],
        "detail": {
            "stack-id": [STACK_ID],
            "logical-resource-id": [base.function.resource.logical_id],
            "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
        },
    }
    for id, what, pattern in (
        ("Changed", "Documents of {} were put, deleted or released", changed),
        ("Renewed", "What reads the documents of {} was deployed", renewed),
    ):
        rule = events.CfnRule(
            base,
            id,
            description=what.format(base.name),
            event_pattern=pattern,
            targets=[
                {
                    "id": "Changes",
                    "arn": base.queue.queue_arn,
                    "deadLetterConfig": {"arn": base.queue.failed.queue_arn},
                    "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 10},
                }
            ],
        )
        rule.node.add_dependency(base.queue)
    mapping = lambda_.CfnEventSourceMapping(
        base,
        "Batches",
        function_name=base.function.function_name,
        event_source_arn=base.queue.queue_arn,
        batch_size=25,
        maximum_batching_window_in_seconds=20,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config={"maximumConcurrency": 2},
    )
    mapping.node.add_dependency(base.function.role.permissions)
    acknowledge(
        mapping,
        "Serverless-LambdaEventSourceMappingDestination",
        reason="Lambda takes no destination for a source of SQS: the queue itself moves what fails ten times.",
        met_by="the dead-letter queue behind the queue, and the alarm on it",
    )
    alarm(
        base,
        "NotTakenIn",
        topic=topic,
        description=f"Documents of {base.name} were not taken in after ten tries: read the function's log.",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": base.queue.failed.queue_name},
        threshold=1,
        statistic="Maximum",
    )
    alarm(
        base,
        "Released",
        topic=topic,
        description=f"A reviewer let a refused document of {base.name} in: the function's log says which.",
        namespace="AwsGenAi",
        metric="Released",
        dimensions={"function": base.function.function_name, "service": "knowledge_ingestion"},
        threshold=1,
    )

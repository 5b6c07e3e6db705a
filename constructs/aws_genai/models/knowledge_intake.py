"""How documents come into a knowledge base: told of by S3, looked at in batches, and read once they are let in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from ..functions import PythonFunction
from ..functions.knowledge_ingestion.names import ACCEPTED, INCOMING, QUARANTINE, RELEASED, RENEWED
from ..gate.acknowledgements import acknowledge
from ..pseudo import STACK_ID
from ..security.alarms import AlarmTopic, alarm
from ..security.key import DataKey
from .guardrail import Guardrail

if TYPE_CHECKING:
    from ..security.network import PrivateNetwork
    from .knowledge_base import KnowledgeBase


def intake(
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


def follow(base: KnowledgeBase, topic: AlarmTopic) -> None:
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

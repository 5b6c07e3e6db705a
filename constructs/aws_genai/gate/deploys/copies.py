"""Rules for replication: locked objects are replicated too, and a failed replication sends a notification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...policies.conditions import as_list
from ...policies.statements import Identity
from ..documents import named
from ..emitted import Emitted, Resource, pick
from ..rules import Hit, rule

_BUCKET = "AWS::S3::Bucket"
_ON_BUCKET = ("s3:GetReplicationConfiguration", "s3:ListBucket")
_ON_OBJECTS = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging")
_ON_LOCKED = ("s3:GetObjectRetention", "s3:GetObjectLegalHold")
_ON_REPLICAS = ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags")


def _copied(app: Emitted) -> Iterator[tuple[Resource, Any]]:
    for bucket in app.of(_BUCKET):
        for each in as_list(bucket.get("ReplicationConfiguration.Rules") or []):
            if each.get("Status") != "Disabled":
                yield bucket, each


@rule(
    "GENAI_REPLICATION_ALLOWED",
    holds="The role of a replication may read the source bucket, including its object locks, and write replicas.",
    why="S3 accepts the configuration without a check, and marks each object that it cannot replicate as FAILED.",
    fix="grant the role the permissions of the page, as SecureBucket does.",
    page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html",
)
def replication_allowed(app: Emitted) -> Iterator[Hit]:
    for bucket, each in _copied(app):
        who = app.role(bucket.get("ReplicationConfiguration.Role"))
        if who is None:
            continue
        locked = _ON_LOCKED if bucket.get("ObjectLockEnabled") is True else ()
        source, target = str(bucket.arn), str(pick(each, "Destination.Bucket"))
        for actions, place in (
            (_ON_BUCKET, source),
            ((*_ON_OBJECTS, *locked), f"{source}/key"),
            (_ON_REPLICAS, f"{target}/key"),
        ):
            for action in _missing(who, actions, place):
                yield Hit(bucket, "Properties.ReplicationConfiguration", f"Its role may not {action}.")


def _missing(who: Identity, actions: tuple[str, ...], place: str) -> list[str]:
    return [action for action in actions if not named(who, action, place)]


@rule(
    "GENAI_REPLICATION_WATCHED",
    holds="Replication has metrics, and an alarm on failed replications.",
    why="S3 shows a failed replication only in the status of the object, so it stays unnoticed.",
    fix="enable Destination.Metrics, and add an alarm on OperationsFailedReplication, as SecureBucket does.",
    page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html",
)
def replication_watched(app: Emitted) -> Iterator[Hit]:
    watched = {
        dimension.get("Value")
        for alarm in app.of("AWS::CloudWatch::Alarm")
        if alarm.get("MetricName") == "OperationsFailedReplication"
        for dimension in as_list(alarm.get("Dimensions") or [])
        if dimension.get("Name") == "SourceBucket"
    }
    for bucket, each in _copied(app):
        name = app.resolver.resolve(bucket.stack.name, {"Ref": bucket.id})
        if pick(each, "Destination.Metrics.Status") != "Enabled":
            yield Hit(bucket, "Properties.ReplicationConfiguration", "It has no metrics.")
        elif name not in watched:
            yield Hit(bucket, "Properties.ReplicationConfiguration", "No alarm watches it.")

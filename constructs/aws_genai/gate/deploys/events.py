"""Rules for the delivery of events, and for trails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...policies.conditions import as_list, holds
from ..documents import RESOURCE, allows, documents
from ..emitted import ACCOUNT, Emitted, Resource, pick
from ..rules import Hit, rule

_RULE = "AWS::Events::Rule"
_EVENTS = "events.amazonaws.com"


def _services(statement: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [str(each) for each in as_list(pick(statement, "Principal.Service", []))]


@rule(
    "GENAI_TOPIC_HEARS_EVENTS",
    holds="A topic's policy lets EventBridge publish without a condition, or its rules publish with a role.",
    why="EventBridge does not support conditions in the policy of a topic: SNS rejects its events, which are lost.",
    fix="give the rule's target a RoleArn that may publish, as report_event does.",
    page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions",
)
def topics_hear_events(app: Emitted) -> Iterator[Hit]:
    for each in documents(app):
        if each.kind == RESOURCE and each.resource.type.startswith("AWS::SNS::Topic"):
            for statement in each.statements:
                if _EVENTS in _services(statement) and statement.get("Condition"):
                    yield Hit(each.resource, each.where)
    for each_rule in app.of(_RULE):
        for target in as_list(each_rule.get("Targets") or []):
            topic = app.found(target.get("Arn"), "AWS::SNS::Topic")
            if topic is None or "RoleArn" in target:
                continue
            decision = app.model.decide(app.model.service(_EVENTS), "sns:Publish", str(topic.arn), {})
            if not decision.allowed:
                yield Hit(each_rule, "Properties.Targets", f"EventBridge may not publish to {topic.id}.")


@rule(
    "GENAI_TARGET_ROLE_MAY_DELIVER",
    holds="The role of an event rule's target has the permission to deliver events to it.",
    why="EventBridge drops an event that the role cannot deliver, after a day of retries.",
    fix="grant the role sns:Publish, sqs:SendMessage, states:StartExecution or lambda:InvokeFunction on the target.",
    page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html",
)
def target_roles_deliver(app: Emitted) -> Iterator[Hit]:
    needs = {
        "AWS::SNS::Topic": "sns:Publish",
        "AWS::SQS::Queue": "sqs:SendMessage",
        "AWS::StepFunctions::StateMachine": "states:StartExecution",
        "AWS::Lambda::Function": "lambda:InvokeFunction",
        "AWS::SageMaker::Pipeline": "sagemaker:StartPipelineExecution",
    }
    for each in app.of(_RULE, "AWS::Scheduler::Schedule"):
        targets = as_list(each.get("Targets") or each.get("Target") or [])
        for target in targets:
            who = app.role(target.get("RoleArn"))
            place = app.by_arn.get(str(target.get("Arn")))
            if who is None or place is None or place.type not in needs:
                continue
            action = needs[place.type]
            if not app.model.decide(who, action, str(place.arn), {}).allowed:
                yield Hit(each, "Properties", f"Its role may not {action} on {place.id}.")


#: Read-only actions: by their names, and by AWS's list of read-only management events.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-management-event-list.html
_READ_ONLY = re.compile(r"(Get|List|Describe|View|Search|Lookup|BatchGet)[A-Z]")
_READ_ONLY_BY_NAME = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncrypt",
        "Sign",
        "Verify",
        "AssumeRole",
    }
)
_ALL_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

#: Data events, which match an enabled rule if a trail records them.
_DATA_EVENTS = frozenset({"GetObject", "GetObjectAcl", "GetItem", "ListObjects", "HeadObject"})


@rule(
    "GENAI_RULE_SEES_READS",
    holds="A rule on API calls that only read matches all of CloudTrail's management events.",
    why="A rule with the state ENABLED never matches management events that only read, such as Decrypt.",
    fix=f"set State to {_ALL_EVENTS}.",
    page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html",
)
def rules_see_reads(app: Emitted) -> Iterator[Hit]:
    for each in app.of(_RULE):
        pattern = each.get("EventPattern") or {}
        if "AWS API Call via CloudTrail" not in as_list(pattern.get("detail-type", [])):
            continue
        detail = pattern.get("detail") or {}
        for choice in as_list(detail.get("$or") or [{}]):
            read = _reads({**detail, **choice})
            if read and each.get("State") != _ALL_EVENTS:
                yield Hit(each, "Properties.State", f"{read} only reads.")


def _reads(detail: Mapping[str, Any]) -> str | None:
    """A read-only call that a pattern matches; None if there is none."""
    if "eventName" not in detail:
        # Any call. For S3, the data events are relevant, which match an enabled rule.
        return None if as_list(detail.get("eventSource", [])) == ["s3.amazonaws.com"] else "Some of what it matches"
    for name in as_list(detail["eventName"]):
        if isinstance(name, Mapping):
            starts = [str(item) for item in as_list(name.get("prefix") or name.get("wildcard") or [])]
            if "anything-but" in name or any(_READ_ONLY.match(f"{item.rstrip('*')}X") for item in starts):
                return "Some of what it matches"
        elif name not in _DATA_EVENTS and (name in _READ_ONLY_BY_NAME or _READ_ONLY.match(name)):
            return str(name)
    return None


def _dead_letters(app: Emitted) -> Iterator[Any]:
    """The ARNs of dead-letter queues."""
    for each in app.of(_RULE):
        for target in as_list(each.get("Targets") or []):
            yield pick(target, "DeadLetterConfig.Arn")
    for each in app.of("AWS::Scheduler::Schedule"):
        yield each.get("Target.DeadLetterConfig.Arn")
    for each in app.of("AWS::SQS::Queue"):
        yield each.get("RedrivePolicy.deadLetterTargetArn")
    for each in app.of("AWS::SNS::Subscription"):
        yield each.get("RedrivePolicy.deadLetterTargetArn")
    for each in app.of("AWS::Lambda::Function"):
        yield each.get("DeadLetterConfig.TargetArn")
    for each in app.of("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping"):
        yield each.get("DestinationConfig.OnFailure.Destination")


@rule(
    "GENAI_DEAD_LETTERS_WATCHED",
    holds="Each dead-letter queue has an alarm.",
    why="Messages in a dead-letter queue are deleted after its retention period, unnoticed without an alarm.",
    fix="add an alarm on ApproximateNumberOfMessagesVisible of the queue, as WorkQueue has with a topic.",
    page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html",
)
def dead_letters_watched(app: Emitted) -> Iterator[Hit]:
    watched = set()
    for alarm in app.of("AWS::CloudWatch::Alarm"):
        stats = [pick(each, "MetricStat.Metric", {}) for each in as_list(alarm.get("Metrics") or [])]
        for metric in (alarm.properties, *stats):
            if str(metric.get("MetricName", "")).startswith("ApproximateNumberOfMessages"):
                watched |= {each.get("Value") for each in as_list(metric.get("Dimensions") or [])}
    told = set()
    for arn in _dead_letters(app):
        queue = app.found(arn, "AWS::SQS::Queue")
        if queue is None or queue.id in told:
            continue
        told.add(queue.id)
        own = app.resolver.resolve(queue.stack.name, {"Fn::GetAtt": [queue.id, "QueueName"]})
        if not watched & {own, queue.get("QueueName")}:
            yield Hit(queue, "Properties")


@rule(
    "GENAI_TRAIL_LEAVES_ITSELF_OUT",
    holds="The data events of a trail exclude the buckets that the trail and its replicas are written to.",
    why="A trail that records its own writes never stops writing.",
    fix="exclude the bucket, and the bucket that it is replicated to, in the trail's event selectors.",
    page="https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html",
)
def trails_leave_themselves_out(app: Emitted) -> Iterator[Hit]:
    for trail in app.of("AWS::CloudTrail::Trail"):
        written = _written(app, trail)
        for selector in as_list(trail.get("AdvancedEventSelectors") or []):
            fields = {each.get("Field"): each for each in as_list(selector.get("FieldSelectors") or [])}
            if "AWS::S3::Object" not in as_list(pick(fields.get("resources.type"), "Equals", [])):
                continue
            arns = fields.get("resources.ARN") or {}
            for bucket in written:
                place = f"{bucket.arn}/AWSLogs"
                starts = [str(item) for item in as_list(arns.get("StartsWith") or arns.get("Equals") or [])]
                leaves = [str(item) for item in as_list(arns.get("NotStartsWith") or [])]
                taken = any(place.startswith(item) for item in starts) if starts else True
                if taken and not any(place.startswith(item) for item in leaves):
                    yield Hit(trail, "Properties.AdvancedEventSelectors", f"It records what is written to {bucket.id}.")


def _written(app: Emitted, trail: Resource) -> list[Resource]:
    bucket = app.found(trail.get("S3BucketName"), "AWS::S3::Bucket")
    found = [bucket] if bucket else []
    for rule_ in as_list(bucket.get("ReplicationConfiguration.Rules") or []) if bucket else ():
        replica = app.found(pick(rule_, "Destination.Bucket"), "AWS::S3::Bucket")
        found += [replica] if replica else []
    return found


@rule(
    "GENAI_TRAIL_READABLE",
    holds="A principal may decrypt the log files of a trail that is encrypted with a customer managed key.",
    why="Log files that nobody can decrypt cannot be read or validated.",
    fix="name the readers with DataKey.allow_trail.",
    page="https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html",
)
def trails_readable(app: Emitted) -> Iterator[Hit]:
    for trail in app.of("AWS::CloudTrail::Trail"):
        key = app.found(trail.get("KMSKeyId"), "AWS::KMS::Key")
        if key is None:
            continue
        context = {
            "kms:viaservice": [f"s3.{trail.stack.region}.amazonaws.com"],
            "kms:calleraccount": [ACCOUNT],
            "kms:encryptioncontext:aws:cloudtrail:arn": [f"arn:aws:cloudtrail:{trail.stack.region}:{ACCOUNT}:trail/x"],
        }
        if not any(_reads_trail(app, each, context) for each in as_list(key.get("KeyPolicy.Statement", []))):
            yield Hit(trail, "Properties.KMSKeyId", f"{key.id} lets nobody decrypt.")


def _reads_trail(app: Emitted, statement: Mapping[str, Any], context: Mapping[str, list[str]]) -> bool:
    """Whether a statement allows a principal other than roles of the app and AWS's own to decrypt a trail's files."""
    if "/aws-service-role/" in str(statement.get("Condition")):
        return False
    conditions = {
        operator: {key: value for key, value in tests.items() if str(key).lower() != "aws:principalarn"}
        for operator, tests in (statement.get("Condition") or {}).items()
    }
    who = [each for each in as_list(pick(statement, "Principal.AWS", [])) if not app.found(each, "AWS::IAM::Role")]
    return bool(who) and allows(statement, "kms:Decrypt") and holds(conditions, context)

"""Telling people of an event."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack, aws_events as events, aws_iam as iam
from constructs import Construct

from .alarms import AlarmTopic, alarm
from .dead_letters import DeadLetterQueue
from .key import DataKey
from .role import WorkloadRole


def report_event(
    scope: Construct,
    id: str,
    *,
    topic: AlarmTopic,
    key: DataKey,
    description: str,
    pattern: dict[str, Any],
    state: str | None = None,
) -> events.CfnRule:
    """A rule that sends matching events to ``topic``, and what cannot be delivered to a queue of the stack.

    The rule publishes through a role, for EventBridge itself sends none of the keys that the policies of the topic and
    of its key ask for.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

    :param key: encrypts what is not delivered.
    :param description: what happened and what to do.
    :param pattern: which events match, in EventBridge's own form.
    :param state: the rule's state, where it must see more than an enabled rule does, such as calls that only read.
        Default: enabled.
    """
    stack = Stack.of(scope)
    missed = undelivered(stack, key, topic)
    publisher = _publisher(stack)
    topic.grant_publish(publisher)
    rule = events.CfnRule(
        scope,
        id,
        description=description,
        state=state,
        event_pattern=pattern,
        targets=[
            events.CfnRule.TargetProperty(
                arn=topic.topic_arn,
                id="alarms",
                role_arn=publisher.role_arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=missed.queue_arn),
            )
        ],
    )
    rule.node.add_dependency(publisher.permissions)
    return rule


def rules_only() -> iam.ServicePrincipal:
    """EventBridge, which takes the role of a target.

    No page promises that it tells the account or the rule as it does so. A rule of another account cannot name the
    role: roles are passed within their account only.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    return iam.ServicePrincipal("events.amazonaws.com")


def _publisher(stack: Stack) -> WorkloadRole:
    """The role that the rules of a stack publish through; made on first use."""
    existing = stack.node.try_find_child("EventReports")
    if isinstance(existing, WorkloadRole):
        return existing
    return WorkloadRole(stack, "EventReports", assumed_by=rules_only(), description="Rules that tell people of events")


def undelivered(stack: Stack, key: DataKey, topic: AlarmTopic) -> DeadLetterQueue:
    """The queue for what the rules of a stack cannot deliver, and the alarm on it; made on first use."""
    existing = stack.node.try_find_child("Undelivered")
    if isinstance(existing, DeadLetterQueue):
        return existing
    queue = DeadLetterQueue(stack, "Undelivered", key=key)
    alarm(
        stack,
        "NotDelivered",
        topic=topic,
        description=f"Rules of {stack.stack_name} could not deliver events: read why in the queue's messages.",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue.queue_name},
        threshold=1,
        statistic="Maximum",
    )
    return queue

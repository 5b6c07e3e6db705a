"""Notifications about events."""

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
    """An EventBridge rule that sends matching events to ``topic``, and undelivered ones to a dead-letter queue.

    The rule publishes through a role, because EventBridge itself does not pass the condition keys that the topic policy
    and the key policy require.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

    :param key: The key that encrypts undelivered events.
    :param description: What happened and what to do.
    :param pattern: The event pattern, as EventBridge defines it.
    :param state: The state of the rule, for rules that must match more than an enabled rule, such as read-only calls.
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
    """The service principal of EventBridge, which assumes the role of a target.

    AWS does not document that it passes the account or the rule when it assumes the role. A rule of another account
    cannot use the role: roles can be passed within their account only.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    return iam.ServicePrincipal("events.amazonaws.com")


def _publisher(stack: Stack) -> WorkloadRole:
    """The role through which the rules of a stack publish; created on first use."""
    existing = stack.node.try_find_child("EventReports")
    if isinstance(existing, WorkloadRole):
        return existing
    return WorkloadRole(stack, "EventReports", assumed_by=rules_only(), description="Rules that tell people of events")


def undelivered(stack: Stack, key: DataKey, topic: AlarmTopic) -> DeadLetterQueue:
    """The dead-letter queue for undelivered events of the rules of a stack, with its alarm; created on first use."""
    existing = stack.node.try_find_child("Undelivered")
    if isinstance(existing, DeadLetterQueue):
        return existing
    queue = DeadLetterQueue(stack, "Undelivered", key=key)
    alarm(
        stack,
        "NotDelivered",
        topic=topic,
        runbook="undelivered-events",
        description=f"Rules of {stack.stack_name} could not deliver events: read why in the queue's messages.",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue.queue_name},
        threshold=1,
        statistic="Maximum",
    )
    return queue

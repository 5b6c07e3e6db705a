"""Telling people of an event."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_events as events
from constructs import Construct

from .alarms import AlarmTopic
from .dead_letters import DeadLetterQueue
from .key import DataKey


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

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

    :param key: encrypts what is not delivered.
    :param description: what happened and what to do.
    :param pattern: which events match, in EventBridge's own form.
    :param state: the rule's state, where it must see more than an enabled rule does. Default: enabled.
    """
    missed = undelivered(Stack.of(scope), key)
    return events.CfnRule(
        scope,
        id,
        description=description,
        state=state,
        event_pattern=pattern,
        targets=[
            events.CfnRule.TargetProperty(
                arn=topic.topic_arn,
                id="alarms",
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=missed.queue_arn),
            )
        ],
    )


def undelivered(stack: Stack, key: DataKey) -> DeadLetterQueue:
    """The queue for what the rules of a stack cannot deliver; made on first use."""
    existing = stack.node.try_find_child("Undelivered")
    return existing if isinstance(existing, DeadLetterQueue) else DeadLetterQueue(stack, "Undelivered", key=key)

"""Telling people of every attempt to get in, whether it succeeded or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_events as events
from constructs import Construct

from .alarms import AlarmTopic
from .key import DataKey
from .organization import INTERACTIVE, OPENING
from .report import report_event


class AccessAttempts(Construct):
    """Reports every call that would open a shell, read a screen, carry a disk out or open the network.

    Denied calls count too: a trail records them with their error. With ``buckets``, so does every object that was
    refused there. Rules of EventBridge see calls that only read when they are enabled for all management events.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import AccessAttempts, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Attempts")
        key = DataKey(stack, "Key", description="Alarms")
        AccessAttempts(stack, "Attempts", key=key, topic=AlarmTopic(stack, "Alarms", key=key))
        app.synth()

    :param key: encrypts what could not be delivered.
    :param topic: told of every attempt; a trail must record management events, and data events for ``buckets``.
    :param buckets: names of buckets whose refused requests are told too. Default: none.
    """

    def __init__(
        self, scope: Construct, id: str, *, key: DataKey, topic: AlarmTopic, buckets: Sequence[str] = ()
    ) -> None:
        super().__init__(scope, id)
        names = sorted({action.partition(":")[2] for action in (*INTERACTIVE, *OPENING)})
        attempts: list[dict[str, Any]] = [{"eventName": names}]
        if buckets:
            attempts.append(
                {
                    "eventSource": ["s3.amazonaws.com"],
                    "errorCode": ["AccessDenied"],
                    "requestParameters": {"bucketName": list(buckets)},
                }
            )
        self.rule: events.CfnRule = report_event(
            self,
            "Report",
            topic=topic,
            key=key,
            description="Somebody tried to get in, or to read weights or data: find out who, and why.",
            pattern={
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": attempts[0] if len(attempts) == 1 else {"$or": attempts},
            },
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        )

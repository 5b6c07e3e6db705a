"""Notifications about every attempt to get access, whether it succeeded or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_events as events
from constructs import Construct

from .foundation import Foundation
from .organization import INTERACTIVE, OPENING
from .report import report_event


class AccessAttempts(Construct):
    """Sends a notification for every call that would open a shell, read a screen, export a disk or open the network.

    Denied calls are included: a trail records them with their error. With ``buckets``, denied requests for objects of
    those buckets are included as well. EventBridge rules match read-only calls when they are enabled for all management
    events.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import AccessAttempts, CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Attempts")
        foundation = Foundation(stack)
        AccessAttempts(stack, "Attempts", foundation=foundation)
        app.synth()

    :param foundation: Provides the topic that receives the notifications, and the key of the dead-letter queue.
    :param buckets: The names of buckets whose denied requests are reported as well. Default: none.
    """

    def __init__(self, scope: Construct, id: str, *, foundation: Foundation, buckets: Sequence[str] = ()) -> None:
        super().__init__(scope, id)
        key, topic = foundation.key, foundation.topic
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

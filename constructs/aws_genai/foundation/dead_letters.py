"""The dead-letter queue for events that could not be delivered."""

from __future__ import annotations

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ..gate.acknowledgement import acknowledge
from .key import DataKey
from .pseudo import ACCOUNT_ID, PARTITION, REGION
from .statements import allow, document, service, tls_only

#: The condition keys that EventBridge passes when it sends to a queue:
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
FROM_RULES = {"ArnLike": {"aws:SourceArn": f"arn:{PARTITION}:events:{REGION}:{ACCOUNT_ID}:rule/*"}}


class DeadLetterQueue(Construct):
    """An encrypted queue that retains undelivered events for 14 days and allows requests over TLS only.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, DataKey, DeadLetterQueue
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Events")
        DeadLetterQueue(stack, "Undelivered", key=DataKey(stack, "Key", description="Events"))
        app.synth()

    :param key: The key that encrypts the messages. EventBridge is added to its key policy.
    :param behind_queue: Whether it is the dead-letter queue of another SQS queue. Default: no.
    :param from_events: Whether EventBridge sends undelivered events to it. Default: yes, unless ``behind_queue`` is
        set.
    """

    def __init__(
        self, scope: Construct, id: str, *, key: DataKey, behind_queue: bool = False, from_events: bool | None = None
    ) -> None:
        super().__init__(scope, id)
        queue = sqs.CfnQueue(
            self,
            "Resource",
            kms_master_key_id=key.key_arn,
            message_retention_period=14 * 24 * 3600,
            # Declares this queue as a dead-letter queue, and its sources.
            redrive_allow_policy={"redrivePermission": "allowAll"},
        )
        acknowledge(
            queue,
            # The first of these rules recognizes a dead-letter queue by another queue that refers to it.
            "Serverless-SQSRedrivePolicy" if behind_queue else ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"),
            reason="This queue is where dead letters end; a queue behind it would need one too.",
            met_by="retention of 14 days, the longest that SQS has",
        )
        self.queue_arn: str = queue.attr_arn
        self.queue_name: str = queue.attr_queue_name
        policy = [tls_only("sqs:*", self.queue_arn)]
        if from_events if from_events is not None else not behind_queue:
            policy.append(
                allow(
                    ["sqs:SendMessage"],
                    [self.queue_arn],
                    sid="EventBridge",
                    principal=service("events.amazonaws.com"),
                    conditions=FROM_RULES,
                )
            )
            key.allow_service("events.amazonaws.com")
        sqs.CfnQueuePolicy(self, "Policy", queues=[queue.ref], policy_document=document(policy))

"""Work that waits for a fleet."""

from __future__ import annotations

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ..foundation.alarms import AlarmTopic, alarm
from ..foundation.dead_letters import FROM_RULES, DeadLetterQueue
from ..foundation.key import DataKey
from ..foundation.pseudo import ACCOUNT_ID
from ..foundation.role import WorkloadRole
from ..foundation.statements import allow, deny, document, service, tls_only


class WorkQueue(Construct):
    """An encrypted queue of work, of which what fails too often is kept aside for 14 days.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import WorkQueue
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Work")
        key = DataKey(stack, "Key", description="Work")
        WorkQueue(stack, "Prompts", key=key, topic=AlarmTopic(stack, "Alarms", key=key))
        app.synth()

    :param key: encrypts the messages.
    :param queue_name: a fixed name, for consumers that find the queue by it. Default: generated.
    :param visibility_seconds: longest that one message is worked on before another worker gets it. Default: 900.
    :param topic: told of messages that failed every time. Default: nobody is, and the gate asks for an alarm on the
        queue :attr:`failed`.
    :param from_events: whether rules of EventBridge send to it. Default: no.
    :param attempts: how often a message is tried. Default: 3.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        queue_name: str | None = None,
        visibility_seconds: int = 900,
        attempts: int = 3,
        from_events: bool = False,
        topic: AlarmTopic | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.key = key
        failed = self.failed = DeadLetterQueue(self, "Failed", key=key, behind_queue=True, from_events=from_events)
        queue = sqs.CfnQueue(
            self,
            "Resource",
            queue_name=queue_name,
            kms_master_key_id=key.key_arn,
            visibility_timeout=visibility_seconds,
            redrive_policy={"deadLetterTargetArn": failed.queue_arn, "maxReceiveCount": attempts},
        )
        if topic is not None:
            alarm(
                self,
                "GivenUp",
                topic=topic,
                description=f"Work of {self.node.path} failed {attempts} times: read the messages that are kept aside.",
                namespace="AWS/SQS",
                metric="ApproximateNumberOfMessagesVisible",
                dimensions={"QueueName": failed.queue_name},
                threshold=1,
                statistic="Maximum",
            )
        self.queue_arn: str = queue.attr_arn
        self.queue_url: str = queue.ref
        self.queue_name: str = queue.attr_queue_name
        policy = [
            tls_only("sqs:*", self.queue_arn),
            deny(
                ["sqs:SendMessage", "sqs:ReceiveMessage"],
                [self.queue_arn],
                sid="OwnAccount",
                conditions={
                    "StringNotEquals": {"aws:PrincipalAccount": ACCOUNT_ID},
                    # A service that sends on behalf of a rule is of no account.
                    **({"Bool": {"aws:PrincipalIsAWSService": "false"}} if from_events else {}),
                },
            ),
        ]
        if from_events:
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

    def grant_consume(self, role: WorkloadRole) -> None:
        """Let ``role`` take messages and finish them."""
        role.allow(
            ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            [self.queue_arn],
        )
        self.key.grant_decrypt(role)

    def grant_send(self, role: WorkloadRole) -> None:
        """Let ``role`` put messages in."""
        role.allow(("sqs:SendMessage",), [self.queue_arn])
        self.key.grant_encrypt_decrypt(role)

"""A queue of work for a fleet."""

from __future__ import annotations

from aws_cdk import Duration, aws_cloudwatch as cloudwatch, aws_iam as iam, aws_sqs as sqs
from constructs import Construct

from ..foundation.alarms import alarm
from ..foundation.dead_letters import FROM_RULES, DeadLetterQueue
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID
from ..foundation.role import grant
from ..foundation.statements import allow, deny, document, service, tls_only


class WorkQueue(Construct):
    """An encrypted queue of work. Messages that fail too often move to a dead-letter queue, which keeps them 14 days.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import WorkQueue
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Work")
        foundation = Foundation(stack)
        WorkQueue(stack, "Prompts", foundation=foundation)
        app.synth()

    :param foundation: key and topic.
    :param queue_name: name of the queue, for consumers that find it by name. Default: a generated name.
    :param visibility_seconds: visibility timeout, in seconds: how long a message is processed before another consumer
        receives it. Default: 900.
    :param from_events: whether EventBridge rules send messages to the queue. Default: False.
    :param attempts: maximum number of times that a message is received. Default: 3.
    :param watched: whether messages in the dead-letter queue raise an alarm. Default: True.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        queue_name: str | None = None,
        visibility_seconds: int = 900,
        attempts: int = 3,
        from_events: bool = False,
        watched: bool = True,
    ) -> None:
        super().__init__(scope, id)
        key, topic = foundation.key, foundation.topic
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
        if watched:
            alarm(
                self,
                "GivenUp",
                topic=topic,
                runbook="dead-letters",
                description=f"Work of {self.node.path} failed {attempts} times: see its dead-letter queue.",
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
                    # A service that sends on behalf of a rule has no account.
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

    def grant_consume(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` receive and delete messages."""
        given = grant(
            grantee,
            ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            [self.queue_arn],
        )
        self.key.grant_decrypt(grantee)
        return given

    def grant_send(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` send messages."""
        given = grant(grantee, ("sqs:SendMessage",), [self.queue_arn])
        self.key.grant_encrypt_decrypt(grantee)
        return given

    def metric_approximate_number_of_messages_visible(
        self, *, statistic: str = "Maximum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of messages that wait to be received.

        :param statistic: statistic of the metric. Default: Maximum.
        :param period: period of the metric. Default: 5 minutes.
        """
        return self._metric("ApproximateNumberOfMessagesVisible", statistic, period)

    def metric_approximate_number_of_messages_not_visible(
        self, *, statistic: str = "Maximum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of messages that are being processed.

        :param statistic: statistic of the metric. Default: Maximum.
        :param period: period of the metric. Default: 5 minutes.
        """
        return self._metric("ApproximateNumberOfMessagesNotVisible", statistic, period)

    def metric_approximate_age_of_oldest_message(
        self, *, statistic: str = "Maximum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Age of the oldest message, in seconds.

        :param statistic: statistic of the metric. Default: Maximum.
        :param period: period of the metric. Default: 5 minutes.
        """
        return self._metric("ApproximateAgeOfOldestMessage", statistic, period)

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name=name,
            dimensions_map={"QueueName": self.queue_name},
            statistic=statistic,
            period=period,
        )

"""Where events go that could not be delivered."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ..pseudo import ACCOUNT_ID
from .acknowledgements import acknowledge
from .key import DataKey
from .tls import tls_only


class DeadLetterQueue(Construct):
    """An encrypted queue that keeps undelivered events for 14 days, reached over TLS only.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

    Example::

        import aws_cdk as cdk
        from aws_genai.security import CostTags, DataKey, DeadLetterQueue, attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Events")
        DeadLetterQueue(stack, "Undelivered", key=DataKey(stack, "Key", description="Events"))
        app.synth()

    :param key: encrypts the messages; EventBridge is added to its policy.
    :param behind_queue: whether SQS itself moves messages here from another queue, and no service sends any.
        Default: no.
    """

    def __init__(self, scope: Construct, id: str, *, key: DataKey, behind_queue: bool = False) -> None:
        super().__init__(scope, id)
        queue = sqs.CfnQueue(
            self,
            "Resource",
            kms_master_key_id=key.key_arn,
            message_retention_period=14 * 24 * 3600,
            # States that this queue receives dead letters, and from where.
            redrive_allow_policy={"redrivePermission": "allowAll"},
        )
        acknowledge(
            queue,
            # The first of these rules sees that another queue names this one.
            "Serverless-SQSRedrivePolicy" if behind_queue else ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"),
            reason="This queue is where dead letters end; a queue behind it would need one too.",
            met_by="retention of 14 days, the longest that SQS has",
        )
        self.queue_arn: str = queue.attr_arn
        policy = iam.PolicyDocument(minimize=False)
        policy.add_statements(tls_only("sqs:*", self.queue_arn))
        if not behind_queue:
            policy.add_statements(
                iam.PolicyStatement(
                    sid="EventBridge",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[self.queue_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
                )
            )
            key.allow_service("events.amazonaws.com")
        sqs.CfnQueuePolicy(self, "Policy", queues=[queue.ref], policy_document=policy)

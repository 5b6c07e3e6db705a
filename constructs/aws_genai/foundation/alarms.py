"""Alarms, and the topic that they send notifications to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aws_cdk import Annotations, aws_cloudwatch as cloudwatch, aws_iam as iam, aws_sns as sns
from constructs import Construct

from .key import DataKey
from .pseudo import ACCOUNT_ID, REGION
from .role import grant
from .statements import allow, document, service, tls_only


class AlarmTopic(Construct):
    """An encrypted SNS topic that AWS services of this account publish alarms to, over TLS only.

    CloudWatch and AWS Budgets publish by themselves. EventBridge passes neither the account nor the rule to SNS and AWS
    KMS, so a statement for it could have no condition: its rules publish through a role (:func:`report_event`).
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Alarms")
        AlarmTopic(stack, "Alarms", key=DataKey(stack, "Key", description="Alarms"))
        app.synth()

    :param key: The key that encrypts the messages. The publishing services are added to its key policy.
    :param emails: The email addresses to subscribe to the topic. Each must confirm its subscription. Default: none.
    """

    def __init__(self, scope: Construct, id: str, *, key: DataKey, emails: Sequence[str] = ()) -> None:
        super().__init__(scope, id)
        self.resource = sns.CfnTopic(
            self,
            "Resource",
            kms_master_key_id=key.key_id,
            subscription=[sns.CfnTopic.SubscriptionProperty(endpoint=address, protocol="email") for address in emails]
            or None,
        )
        self.topic_arn: str = self.resource.ref
        policy = [
            tls_only("sns:Publish", self.topic_arn),
            *(
                allow(
                    ["sns:Publish"],
                    [self.topic_arn],
                    sid=publisher.split(".")[0].title(),
                    principal=service(publisher),
                    conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
                )
                for publisher in _PUBLISHERS
            ),
        ]
        sns.CfnTopicPolicy(self, "Policy", topics=[self.topic_arn], policy_document=document(policy))
        for publisher in _PUBLISHERS:
            key.allow_service(publisher)
        key.allow_auto_scaling_notifications()
        key.allow_in_sns()
        self.key = key

    @staticmethod
    def from_topic(scope: Construct, id: str, topic: sns.ITopic, *, key: DataKey) -> AlarmTopic:
        """Import an existing topic, whose policy this app cannot change.

        Its policy must allow ``cloudwatch.amazonaws.com`` and ``budgets.amazonaws.com`` to publish.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html

        :param topic: The topic, such as ``sns.Topic.from_topic_arn(stack, "Own", "arn:aws:sns:...")``.
        :param key: The key that encrypts the topic. Publishers must be allowed to use it.
        """
        return _GivenTopic(scope, id, topic, key)

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant ``grantee`` permission to publish to this topic.

        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse
        """
        given = grant(grantee, ["sns:Publish"], [self.topic_arn])
        grant(
            grantee,
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [self.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}},
        )
        return given


class _GivenTopic(AlarmTopic):
    """An existing topic that the user imports."""

    def __init__(self, scope: Construct, id: str, topic: sns.ITopic, key: DataKey) -> None:
        Construct.__init__(self, scope, id)
        self.topic_arn = topic.topic_arn
        self.key = key
        Annotations.of(self).add_info(
            f"This app cannot change the policy of the topic {self.topic_arn}: let "
            f"{' and '.join(_PUBLISHERS)} publish to it, or nobody receives alarms"
        )


#: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
#: Auto Scaling publishes through its service-linked role, and EventBridge rules publish through a role of the stack.
_PUBLISHERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")


#: The pages of ``docs/runbooks``: one for each kind of alarm.
Runbook = Literal[
    "accelerator-hardware",
    "accelerator-idle",
    "actions-not-recorded",
    "api-rejections",
    "api-server-errors",
    "attachments-not-scanned",
    "dead-letters",
    "document-released",
    "documents-not-ingested",
    "endpoint-drift",
    "endpoint-errors",
    "endpoint-idle",
    "endpoint-latency",
    "failed-answers",
    "failed-run",
    "function-throttles",
    "guardrail-interventions",
    "guardrail-lockout",
    "idle-sweeper",
    "model-cost",
    "model-volume",
    "replication",
    "scaling",
    "secret-rotation",
    "slow-first-token",
    "undelivered-events",
]


def described(description: str, runbook: Runbook) -> str:
    """The description of an alarm, with the path of its runbook in the documentation.

    CloudWatch takes up to 1,024 characters.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    return f"{description} Runbook: docs/runbooks/{runbook}.md"


def alarm(
    scope: Construct,
    id: str,
    *,
    topic: AlarmTopic,
    description: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, str],
    threshold: float,
    statistic: str = "Sum",
    period_seconds: int = 300,
    periods: int = 1,
    comparison: str = "GreaterThanOrEqualToThreshold",
    missing: str = "notBreaching",
    actions: Sequence[str] = (),
    runbook: Runbook | None = None,
) -> cloudwatch.CfnAlarm:
    """An alarm on one metric that sends a notification to ``topic``.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html

    :param description: What happened and what to do; shown in the notification.
    :param threshold: The value to compare the metric with, in the unit of the metric.
    :param statistic: The statistic of the metric, or a percentile such as ``p90``. Default: Sum.
    :param period_seconds: The period over which the statistic is applied, in seconds. Default: 300.
    :param periods: Number of consecutive periods in which the threshold must be breached. Default: 1.
    :param missing: How to treat missing data. Default: as not breaching.
    :param actions: The ARNs of further alarm actions, such as scaling policies. Default: none.
    :param runbook: The page of ``docs/runbooks`` that describes the alarm; its path ends the description. Default:
        none, for an alarm of your own.
    """
    percentile = statistic.startswith("p")
    return cloudwatch.CfnAlarm(
        scope,
        id,
        alarm_description=described(description, runbook) if runbook else description,
        namespace=namespace,
        metric_name=metric,
        dimensions=[{"name": name, "value": value} for name, value in dimensions.items()],
        statistic=None if percentile else statistic,
        extended_statistic=statistic if percentile else None,
        period=period_seconds,
        evaluation_periods=periods,
        threshold=threshold,
        comparison_operator=comparison,
        treat_missing_data=missing,
        alarm_actions=[topic.topic_arn, *actions],
    )

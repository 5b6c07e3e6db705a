"""How much users and groups may use."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_dynamodb as dynamodb, aws_iam as iam
from constructs import Construct

from ..foundation.foundation import Foundation
from ..foundation.pseudo import REGION
from ..foundation.role import grant
from ..functions.usage_budget.environment import Environment
from ..gate.acknowledgement import acknowledge
from .options import GroupBudget, UsageBudgetOptions, limits


class UsageBudget(Construct):
    """Requests, tokens and their price by user, group, day and month, reserved before a model is called. Users who are
    often blocked are locked out.

    The counters are in a DynamoDB table in on-demand mode. Each call makes one conditional write for each counter
    before it and one correction after it, so that concurrent calls cannot exceed a budget together. Days begin at
    midnight UTC.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import UsageBudget, UsageBudgetOptions
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat")
        foundation = Foundation(stack)
        UsageBudget(
            stack, "Budget", foundation=foundation, options=UsageBudgetOptions(tokens_per_day=100000)
        )
        app.synth()

    :param foundation: has the key that encrypts the table.
    :param options: the limits. Default: 500 requests and 500,000 tokens.
    """

    def __init__(
        self, scope: Construct, id: str, *, foundation: Foundation, options: UsageBudgetOptions | None = None
    ) -> None:
        super().__init__(scope, id)
        self.options = options or UsageBudgetOptions()
        key = foundation.key
        key.allow_in_dynamodb()
        self._key = key
        self.table = dynamodb.CfnTable(
            self,
            "Table",
            billing_mode="PAY_PER_REQUEST",
            key_schema=[{"attributeName": "who", "keyType": "HASH"}],
            attribute_definitions=[{"attributeName": "who", "attributeType": "S"}],
            sse_specification={"sseEnabled": True, "sseType": "KMS", "kmsMasterKeyId": key.key_arn},
            point_in_time_recovery_specification={"pointInTimeRecoveryEnabled": True},
            time_to_live_specification={"attributeName": "expires", "enabled": True},
        )
        # The table holds counters of a day and of a month only.
        self.table.apply_removal_policy(RemovalPolicy.DESTROY)
        acknowledge(
            self.table,
            ("NIST.800.53.R5-DynamoDBInBackupPlan", "HIPAA.Security-DynamoDBInBackupPlan"),
            reason="Its items count a day or a month and expire; a restored table would count what was used before.",
            met_by="point-in-time recovery of 35 days on the table itself",
        )
        #: Environment variables of the function that counts.
        self.environment = Environment(
            BUDGET_TABLE=self.table.ref,
            BUDGET_DAY=self.options.day,
            BUDGET_MONTH=self.options.month or None,
            BUDGET_GROUPS={name: _periods(each) for name, each in self.options.groups.items()} or None,
        )

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to count, and to read nothing.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        given = grant(grantee, ["dynamodb:UpdateItem"], [self.table.attr_arn])
        through = {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}}
        grant(grantee, ["kms:Decrypt", "kms:DescribeKey"], [self._key.key_arn], conditions=through)
        return given


def _periods(group: GroupBudget) -> dict[str, dict[str, int]]:
    found = {
        "day": limits(group.tokens_per_day, group.usd_per_day),
        "month": limits(group.tokens_per_month, group.usd_per_month),
    }
    return {period: limits for period, limits in found.items() if limits}

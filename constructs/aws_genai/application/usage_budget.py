"""How much one user may ask in a day."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_dynamodb as dynamodb, aws_iam as iam
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.key import DataKey
from ..foundation.pseudo import REGION
from ..foundation.role import grant
from ..gate.acknowledgement import acknowledge


class UsageBudget(Construct):
    """Requests and tokens of each user and day, counted before a model is called; who is blocked often is locked out.

    The counters stand in a DynamoDB table that is paid by the request, and every call is one conditional write before
    it and one correction after: of calls at the same moment, those go through that fit. Days begin at midnight UTC.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import UsageBudget
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat")
        UsageBudget(stack, "Budget", key=DataKey(stack, "Key", description="Chat"), tokens_per_day=100_000)
        app.synth()

    :param key: encrypts the table.
    :param requests_per_day: calls of models. Default: 500.
    :param tokens_per_day: tokens of questions and answers together. Default: 500,000.
    :param blocks_per_day: blocked questions and answers after which a user asks no more that day. Default: 20.
    :param removal_policy: what happens to the table on deletion of the stack. Default: delete, for it holds one day.
    :raises InvalidValueError: if one of them is below 1.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        requests_per_day: int = 500,
        tokens_per_day: int = 500_000,
        blocks_per_day: int = 20,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        super().__init__(scope, id)
        limits = {
            "requests_per_day": requests_per_day,
            "tokens_per_day": tokens_per_day,
            "blocks_per_day": blocks_per_day,
        }
        for name, value in limits.items():
            if value < 1:
                raise InvalidValueError(f"With {name} of {value} nobody could ask anything", field=name)
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
        self.table.apply_removal_policy(removal_policy)
        acknowledge(
            self.table,
            ("NIST.800.53.R5-DynamoDBInBackupPlan", "HIPAA.Security-DynamoDBInBackupPlan"),
            reason="Its items count one day and expire; a table restored from a backup would count another day's.",
            met_by="point-in-time recovery of 35 days on the table itself",
        )
        #: What the function that counts finds in its environment.
        self.environment: dict[str, str] = {
            "BUDGET_TABLE": self.table.ref,
            "BUDGET_REQUESTS": str(requests_per_day),
            "BUDGET_TOKENS": str(tokens_per_day),
            "BUDGET_BLOCKS": str(blocks_per_day),
        }

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` count, and read nothing.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        grant(role, ["dynamodb:UpdateItem"], [self.table.attr_arn])
        through = {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}}
        grant(role, ["kms:Decrypt", "kms:DescribeKey"], [self._key.key_arn], conditions=through)

"""Conversations that are stored."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb, aws_iam as iam
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.alarms import alarm
from ..foundation.foundation import Foundation
from ..foundation.pseudo import REGION
from ..foundation.role import grant
from ..functions.conversations.environment import Environment
from ..functions.history.environment import Environment as HistoryEnvironment
from ..gate.acknowledgement import acknowledge
from ..models.access.guardrail import Guardrail
from ..packaging import PythonFunction
from .answering import programs
from .attachments import Attachments
from .identity import GROUPS_CLAIM, Identity
from .options import HistoryOptions, ScopeName

#: What users do with their conversations: an id, the HTTP method, the path.
METHODS = (
    ("List", "GET", "conversations"),
    ("Erase", "DELETE", "conversations"),
    ("Show", "GET", "conversations/{conversation}"),
    ("Rename", "PATCH", "conversations/{conversation}"),
    ("Delete", "DELETE", "conversations/{conversation}"),
    ("Share", "POST", "conversations/{conversation}/link"),
    ("Revoke", "DELETE", "conversations/{conversation}/link"),
    ("Shared", "GET", "shared/{link}"),
    ("Export", "GET", "export"),
    ("Answer", "GET", "answers/{answer}"),
    ("Stop", "POST", "answers/{answer}/stop"),
    ("Rate", "PUT", "answers/{answer}/feedback"),
    ("Announce", "POST", "attachments"),
    ("Attachment", "GET", "attachments/{attachment}"),
    ("Remove", "DELETE", "attachments/{attachment}"),
)
#: Those whose requests have a body.
WITH_BODY = ("Rename", "Rate", "Announce")
#: What the paths of attachments begin with.
_ATTACHMENTS = "attachments"


def scope_of(path: str) -> ScopeName:
    """The scope of which the token of a method must have: who asks may attach files, and follow, stop and rate an
    answer."""
    return "ask" if path.startswith(("answers/", _ATTACHMENTS)) else "history"


class History(Construct):
    """The conversations of users with assistants, in a DynamoDB table, and a function through which their users list,
    rename, share, export and erase them, and stop answers.

    Pass it to each :class:`Assistant` and to the :class:`ChatApi`. The keys of a user's items come from the claims of
    their token. Messages expire. The table is in on-demand mode, encrypted with the key of the foundation, and has
    point-in-time recovery: what a user erases is gone from backups after 35 days.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import History, HistoryOptions, Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat")
        foundation = Foundation(stack)
        History(
            stack,
            "History",
            foundation=foundation,
            identity=Identity(stack, "Users", foundation=foundation, pool_name="assistant"),
            options=HistoryOptions(days=30),
        )
        app.synth()

    :param foundation: has the key that encrypts the table, and decides whether it is retained.
    :param identity: the users.
    :param options: how long messages are kept. Default: 90 days.
    :param origins: origins of web pages that may read responses (CORS), and upload attachments. Default: none.
    :param guardrail: assesses attachments. Default: none; required with attachments.
    :param attachments_foundation: what attachments are built on, whose key must be in the same stack: its policy names
        roles. Default: the foundation.
    :raises InvalidValueError: if files can be attached, and there is no guardrail.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        identity: Identity,
        options: HistoryOptions | None = None,
        origins: Sequence[str] = (),
        guardrail: Guardrail | None = None,
        attachments_foundation: Foundation | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.options = options or HistoryOptions()
        key = foundation.key
        key.allow_in_dynamodb()
        self._key = key
        self.table = dynamodb.CfnTable(
            self,
            "Table",
            billing_mode="PAY_PER_REQUEST",
            key_schema=[
                {"attributeName": "pk", "keyType": "HASH"},
                {"attributeName": "sk", "keyType": "RANGE"},
            ],
            attribute_definitions=[
                {"attributeName": "pk", "attributeType": "S"},
                {"attributeName": "sk", "attributeType": "S"},
            ],
            sse_specification={"sseEnabled": True, "sseType": "KMS", "kmsMasterKeyId": key.key_arn},
            point_in_time_recovery_specification={"pointInTimeRecoveryEnabled": True},
            time_to_live_specification={"attributeName": "expires", "enabled": True},
        )
        self.table.apply_removal_policy(foundation.removal_policy)
        acknowledge(
            self.table,
            ("NIST.800.53.R5-DynamoDBInBackupPlan", "HIPAA.Security-DynamoDBInBackupPlan"),
            reason="A backup plan would keep conversations that their users have erased.",
            met_by="point-in-time recovery of 35 days on the table itself",
        )
        files = self.options.attachments
        #: Environment variables of the functions that write answers.
        self.environment = HistoryEnvironment(
            HISTORY_TABLE=self.table.ref,
            HISTORY_DAYS=self.options.days,
            HISTORY_TURNS=self.options.turns,
            HISTORY_FILES=files.files if files else None,
        )
        #: Files that users attach; None if they cannot.
        self.attachments: Attachments | None = None
        if files and guardrail is None:
            raise InvalidValueError(
                "Attachments are assessed by a guardrail, and there is none",
                field="guardrail",
                hint="Pass guardrail=, that of the models",
            )
        if files and guardrail:
            self.attachments = Attachments(
                self,
                "Attachments",
                foundation=attachments_foundation or foundation,
                guardrail=guardrail,
                environment=self.environment,
                options=files,
                origins=origins,
            )
            self._grant(self.attachments.function.role, ["GetItem", "UpdateItem"])
        self.function = PythonFunction(
            self,
            "Function",
            folder="conversations",
            include=("chat", "groups", "history", "untrusted", "usage_budget", "waking"),
            environment=Environment(
                HISTORY_TABLE=self.table.ref,
                HISTORY_DAYS=self.options.days,
                HISTORY_TURNS=self.options.turns,
                CLIENT_IDS=identity.client_ids,
                MACHINES=programs(identity),
                GROUPS_CLAIM=identity.groups_claim if identity.groups_claim != GROUPS_CLAIM else None,
                ORIGINS=list(origins) or None,
                **(self.attachments.announcing if self.attachments else {}),
            ),
            foundation=foundation,
        )
        actions = ["BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]
        self._grant(self.function.role, actions)
        if self.attachments:
            self.attachments.grant_announce(self.function.role)
        alarm(
            self,
            "AlarmErrors",
            topic=foundation.topic,
            runbook="failed-answers",
            description="Requests for conversations fail: read the function's log group.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": self.function.function_name},
            threshold=5,
        )

    @property
    def methods(self) -> list[tuple[str, str, str]]:
        """The methods of the API that invoke the function: an id, the HTTP method, the path."""
        return [each for each in METHODS if self.attachments or not each[2].startswith(_ATTACHMENTS)]

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to read and write conversations, and to delete nothing.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        """
        return self._grant(grantee, ["GetItem", "PutItem", "Query", "UpdateItem"])

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str]) -> iam.Grant:
        given = grant(grantee, [f"dynamodb:{action}" for action in actions], [self.table.attr_arn])
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        through = {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}}
        grant(grantee, ["kms:Decrypt", "kms:DescribeKey"], [self._key.key_arn], conditions=through)
        return given

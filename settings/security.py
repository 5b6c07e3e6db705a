"""Settings of the foundation: encryption, audit, retention and budget."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aws_genai.errors import InvalidValueError
from aws_genai.options import Days, KeyArn, Options, PolicyArn, RoleArn, TopicArn, text

#: Retention periods that CloudWatch Logs accepts, in days.
#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


Pack = Literal["nist-800-53-r5", "hipaa", "pci-dss"]


class Security(Options):
    """Compliance, encryption, audit and retention for all layers."""

    packs: list[Pack] = []
    """Compliance rule packs in addition to AwsSolutions and Serverless, which always run. Default: none."""

    audit_trail: bool = True
    """Whether to create a CloudTrail trail with management events and the data events of Bedrock and S3."""

    trail_readers: list[RoleArn] = []
    """ARNs of roles that may decrypt the log files of the trail. Default: IAM policies of the account decide."""

    retain: bool = True
    """Whether to retain data, keys and logs when a stack is deleted, and to enable termination protection of stacks."""

    replicas: bool = False
    """Whether to replicate the objects of every bucket to a second bucket."""

    reserved_concurrency: bool = False
    """Whether to reserve concurrency for each function. It is taken from the account's limit; AWS rejects a reservation
    that would leave less than 100 unreserved."""

    private_functions: bool = False
    """Whether to run functions in the VPC."""

    log_days: LogDays = 365
    """Retention of logs in days, one of the values that CloudWatch Logs accepts."""

    record_days: Days = 365
    """Retention of audit records and captured data in S3, in days."""

    key_arn: KeyArn | None = None
    """ARN of an existing customer managed key that encrypts all data. Its key policy is not changed: make synth writes
    the statements that the policy must have next to the templates. Default: a new key for each stack."""

    alarm_topic_arn: TopicArn | None = None
    """ARN of an existing SNS topic that receives notifications of all alarms. It must be encrypted with key_arn, or not
    encrypted. Default: a new topic with the addresses of budget.emails as subscriptions."""

    permissions_boundary_arn: PolicyArn | None = None
    """ARN of the managed policy to set as permissions boundary of every role. Default: none."""

    @model_validator(mode="after")
    def _packs_can_pass(self) -> Security:
        if self.packs and not self.replicas:
            raise InvalidValueError(
                "The compliance packs ask for a second copy of every bucket",
                field="replicas",
                hint="Set security.replicas to true, or leave out security.packs",
            )
        if self.packs and not self.reserved_concurrency:
            raise InvalidValueError(
                "The compliance packs ask for reserved concurrency of every function",
                field="reserved_concurrency",
                hint="Set security.reserved_concurrency to true, or leave out security.packs",
            )
        return self

    @field_validator("packs")
    @classmethod
    def _once(cls, packs: list[Pack]) -> list[Pack]:
        if len(set(packs)) != len(packs):
            raise InvalidValueError("A pack is named twice", hint="Name each once")
        return packs


class Budget(Options):
    """The monthly cost budget, and the email addresses for alarms and budget notifications."""

    monthly_usd: Annotated[float, Field(ge=0.01, le=1_000_000_000)] | None = 100
    """Monthly limit in US dollars. Notifications are sent at 80 % and 100 % of it, and when the forecast exceeds it.
    null: no budget."""

    emails: Annotated[
        list[
            Annotated[
                str,
                text(
                    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
                    r"@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$",
                    "be an address such as alarms@example.com",
                    max_length=254,
                ),
            ]
        ],
        Field(max_length=100),
    ] = []
    """Email addresses that receive alarms and budget notifications."""

"""Settings of the foundation: network, audit, budget."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aws_genai.errors import InvalidValueError
from aws_genai.options import Days, KeyArn, Options, PolicyArn, RoleArn, TopicArn, text

#: Retention that CloudWatch Logs accepts, in days.
#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


Pack = Literal["nist-800-53-r5", "hipaa", "pci-dss"]


class Security(Options):
    """How strictly everything is guarded and how long records are kept."""

    packs: list[Pack] = []
    """Compliance rule packs on top of AwsSolutions and Serverless, which always run."""

    audit_trail: bool = True
    """Record who did what in a CloudTrail trail with Bedrock and S3 data events."""

    trail_readers: list[RoleArn] = []
    """Roles that may decrypt the trail's files; without any, IAM decides who may."""

    retain: bool = True
    """Keep data, keys and logs when a stack is deleted, and protect stacks from deletion."""

    replicas: bool = False
    """Keep a second copy of every bucket's objects."""

    reserved_concurrency: bool = False
    """Reserve the concurrency of each function, which takes it from the account's limit; AWS refuses a function that
    would leave the account with less than 100."""

    private_functions: bool = False
    """Run functions inside the VPC."""

    log_days: LogDays = 365
    """Days that logs are kept, one of the values that CloudWatch Logs accepts."""

    record_days: Days = 365
    """Days that audit records and captured data are kept in S3."""

    key_arn: KeyArn | None = None
    """ARN of a KMS key of your own that encrypts everything. Its policy cannot be changed from here: make synth writes
    the statements that it must have next to the templates. Default: a new key for each stack."""

    alarm_topic_arn: TopicArn | None = None
    """ARN of an SNS topic of your own that receives every alarm; it is encrypted with key_arn, or not at all. Default:
    a new topic with the addresses of budget.emails."""

    permissions_boundary_arn: PolicyArn | None = None
    """ARN of a managed policy that is the permissions boundary of every role. Default: none."""

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
    """The monthly cost budget, and who receives alarms and budget notifications."""

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

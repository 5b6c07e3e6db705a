"""The types of personal data that CloudWatch Logs masks.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL-managed-data-identifiers.html
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidValueError, nearest

#: The types that are independent of a country, and those of the United States.
IDENTIFIERS = (
    "Address",
    "AwsSecretKey",
    "BankAccountNumber-US",
    "CreditCardExpiration",
    "CreditCardNumber",
    "CreditCardSecurityCode",
    "DriversLicense-US",
    "EmailAddress",
    "IpAddress",
    "LatLong",
    "Name",
    "OpenSshPrivateKey",
    "PassportNumber-US",
    "PgpPrivateKey",
    "PhoneNumber-US",
    "PkcsPrivateKey",
    "PuttyPrivateKey",
    "Ssn-US",
    "VehicleIdentificationNumber",
    "ZipCode-US",
)


def check_identifiers(kinds: Sequence[str], *, stored: bool) -> None:
    """Reject types that CloudWatch Logs does not support, and delivery to S3, where nothing is masked.

    :raises InvalidValueError: naming the kind.
    """
    for kind in kinds:
        if kind not in IDENTIFIERS:
            reason = f"{kind} is not a kind of personal data that CloudWatch masks"
            raise InvalidValueError(reason, field="mask", hint=nearest(kind, IDENTIFIERS))
    if kinds and stored:
        raise InvalidValueError(
            "What CloudWatch masks would stand in S3 in the clear", field="mask", hint="Leave out the mask or the copy"
        )


def identifier_arn(kind: str, partition: str) -> str:
    """The ARN of a managed data identifier, which has ``aws`` as its account and no Region."""
    return f"arn:{partition}:dataprotection::aws:data-identifier/{kind}"

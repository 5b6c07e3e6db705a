"""The principal of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Principal:
    """A principal that is not in the template: a role of the account, or an AWS service.

    :param arn: The ARN of the role, or the service principal, such as ``logs.us-east-1.amazonaws.com``.
    :param policies: The identity policies of the role. Default: none.
    :param boundary: The permissions boundary of the role. Default: none.
    """

    arn: str
    policies: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    boundary: dict[str, Any] | None = field(default=None, hash=False)

    @classmethod
    def administrator(cls, account: str = "111122223333") -> Principal:
        """A role of the account with full access: ``AdministratorAccess``."""
        return cls(f"arn:aws:iam::{account}:role/administrator", (_ALL,))

    @property
    def is_service(self) -> bool:
        """Whether the principal is an AWS service."""
        return not self.arn.startswith("arn:")

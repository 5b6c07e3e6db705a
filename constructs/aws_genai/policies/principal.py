"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Principal:
    """A principal that the template does not hold: a role of the account, or an AWS service.

    :param arn: ARN of the role, or the name of the service, such as ``logs.us-east-1.amazonaws.com``.
    :param policies: identity policies of the role. Default: none.
    :param boundary: its permissions boundary. Default: none.
    """

    arn: str
    policies: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    boundary: dict[str, Any] | None = field(default=None, hash=False)

    @classmethod
    def administrator(cls, account: str = "111122223333") -> Principal:
        """A role of the account that may do everything: ``AdministratorAccess``."""
        return cls(f"arn:aws:iam::{account}:role/administrator", (_ALL,))

    @property
    def is_service(self) -> bool:
        """Whether an AWS service asks in its own name."""
        return not self.arn.startswith("arn:")

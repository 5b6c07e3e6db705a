"""Roles of deployed functions, from which a test takes one action at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .conftest import Local


class Role:
    """The permissions of one function's role."""

    def __init__(self, local: Local, layer: str, logical_id: str) -> None:
        self.local = local
        self.policy = local.resource(layer, "AWS::IAM::ManagedPolicy", logical_id)
        self.iam = local.client("iam")
        version = self.iam.get_policy(PolicyArn=self.policy)["Policy"]["DefaultVersionId"]
        found = self.iam.get_policy_version(PolicyArn=self.policy, VersionId=version)
        document = found["PolicyVersion"]["Document"]
        self.document: dict[str, Any] = json.loads(document) if isinstance(document, str) else document

    @contextmanager
    def without(self, action: str, resource: str) -> Iterator[None]:
        """The role without one action of one statement."""
        document = copy.deepcopy(self.document)
        for statement in document["Statement"]:
            if listed(statement["Resource"])[0] == resource and action in listed(statement["Action"]):
                statement["Action"] = [each for each in listed(statement["Action"]) if each != action]
        document["Statement"] = [each for each in document["Statement"] if each["Action"]]
        assert document != self.document
        self._put(document)
        try:
            yield
        finally:
            self._put(self.document)

    def actions(self) -> list[tuple[str, str]]:
        """Every action of the role with the first resource of its statement."""
        return [
            (action, listed(statement["Resource"])[0])
            for statement in self.document["Statement"]
            for action in listed(statement["Action"])
        ]

    def _put(self, document: dict[str, Any]) -> None:
        """Make a document the policy's only version."""
        versions = self.iam.list_policy_versions(PolicyArn=self.policy)["Versions"]
        for version in versions:
            if not version["IsDefaultVersion"]:
                self.iam.delete_policy_version(PolicyArn=self.policy, VersionId=version["VersionId"])
        self.iam.create_policy_version(PolicyArn=self.policy, PolicyDocument=json.dumps(document), SetAsDefault=True)


def listed(value: str | list[str]) -> list[str]:
    """One or several, as several."""
    return [value] if isinstance(value, str) else value

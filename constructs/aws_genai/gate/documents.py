"""The policy documents of a template, of all resource types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..policies.conditions import arn_matches, as_list
from ..policies.statements import Identity, Statement, action_matches
from .emitted import Emitted, Resource

#: The kind of a policy: identity policy, resource policy, endpoint policy, or trust policy.
IDENTITY, RESOURCE, ENDPOINT, TRUST, KEY = "identity", "resource", "endpoint", "trust", "key"

#: The properties with policies, by resource type, and the kind of each.
_PLACES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AWS::IAM::Policy": (("PolicyDocument", IDENTITY),),
    "AWS::IAM::ManagedPolicy": (("PolicyDocument", IDENTITY),),
    "AWS::IAM::RolePolicy": (("PolicyDocument", IDENTITY),),
    "AWS::IAM::UserPolicy": (("PolicyDocument", IDENTITY),),
    "AWS::IAM::GroupPolicy": (("PolicyDocument", IDENTITY),),
    "AWS::IAM::Role": (("AssumeRolePolicyDocument", TRUST), ("Policies", IDENTITY)),
    "AWS::IAM::User": (("Policies", IDENTITY),),
    "AWS::IAM::Group": (("Policies", IDENTITY),),
    "AWS::KMS::Key": (("KeyPolicy", KEY),),
    "AWS::KMS::ReplicaKey": (("KeyPolicy", KEY),),
    "AWS::EC2::VPCEndpoint": (("PolicyDocument", ENDPOINT),),
    "AWS::S3::BucketPolicy": (("PolicyDocument", RESOURCE),),
    "AWS::SNS::TopicPolicy": (("PolicyDocument", RESOURCE),),
    "AWS::SNS::TopicInlinePolicy": (("PolicyDocument", RESOURCE),),
    "AWS::SQS::QueuePolicy": (("PolicyDocument", RESOURCE),),
    "AWS::SQS::QueueInlinePolicy": (("PolicyDocument", RESOURCE),),
    "AWS::Bedrock::ResourcePolicy": (("PolicyDocument", RESOURCE),),
    "AWS::S3Vectors::VectorBucketPolicy": (("Policy", RESOURCE),),
    "AWS::SecretsManager::ResourcePolicy": (("ResourcePolicy", RESOURCE),),
    "AWS::ECR::Repository": (("RepositoryPolicyText", RESOURCE),),
    "AWS::ECR::RegistryPolicy": (("PolicyText", RESOURCE),),
    "AWS::Logs::ResourcePolicy": (("PolicyDocument", RESOURCE),),
    "AWS::ApiGateway::RestApi": (("Policy", RESOURCE),),
    "AWS::DynamoDB::Table": (("ResourcePolicy.PolicyDocument", RESOURCE),),
    "AWS::SageMaker::ModelPackageGroup": (("ModelPackageGroupPolicy", RESOURCE),),
    "AWS::Events::EventBusPolicy": (("Statement", RESOURCE),),
    "AWS::EFS::FileSystem": (("FileSystemPolicy", RESOURCE),),
}


@dataclass(frozen=True)
class Document:
    """One policy document, with its references resolved."""

    resource: Resource
    kind: str
    #: The property of the policy.
    where: str
    content: Mapping[str, Any]

    @property
    def statements(self) -> list[Statement]:
        return [each for each in as_list(self.content.get("Statement", [])) if isinstance(each, Mapping)]


def documents(app: Emitted) -> list[Document]:
    """Every policy of the app."""
    if app.documents is None:
        app.documents = [each for resource in app.of(*_PLACES) for each in _of(resource)]
    return app.documents


def _of(resource: Resource) -> Iterator[Document]:
    for path, kind in _PLACES[resource.type]:
        value = resource.get(path)
        where = f"Properties.{path}"
        if path == "Policies":
            for index, each in enumerate(value or ()):
                yield from _document(resource, kind, f"{where}.{index}.PolicyDocument", each.get("PolicyDocument"))
        elif path == "Statement":
            yield from _document(resource, kind, where, {"Statement": value})
        else:
            yield from _document(resource, kind, where, value)


def _document(resource: Resource, kind: str, where: str, value: Any) -> Iterator[Document]:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, Mapping):
        yield Document(resource, kind, where, value)


def allows(statement: Statement, action: str) -> bool:
    """Whether a statement allows ``action`` on any resource, regardless of its conditions."""
    return statement.get("Effect") == "Allow" and action_matches(statement, action)


def grants_on(app: Emitted, action: str, type: str) -> Iterator[tuple[Resource, Identity, Resource]]:
    """Roles that are allowed ``action`` on resources of that type in the app: role, identity, resource."""
    for role in app.of("AWS::IAM::Role"):
        who = app.role(role.arn)
        for statement in who.policies if who else ():
            if who is not None and allows(statement, action):
                for arn in as_list(statement.get("Resource", [])):
                    place = app.by_arn.get(str(arn))
                    if place is not None and place.type == type:
                        yield role, who, place


def named(who: Identity, action: str, arn: str) -> bool:
    """Whether a statement of a role allows ``action`` on an ARN, regardless of its conditions."""
    patterns = [
        str(each)
        for statement in who.policies
        if allows(statement, action)
        for each in as_list(statement.get("Resource", []))
    ]
    return any(arn_matches(pattern, arn) for pattern in patterns)

"""A custom resource that waits until Bedrock accepts a knowledge base, before AWS CloudFormation creates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnCustomResource, Stack
from constructs import Construct, IDependable

from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...functions.knowledge_trial.names import TAG
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider

_SERVICE = "bedrock.amazonaws.com"


def trial(
    scope: Construct,
    request: Mapping[str, Any],
    role: WorkloadRole,
    *,
    after: list[IDependable],
    foundation: Foundation,
) -> CfnCustomResource:
    """A resource that exists once Bedrock accepts ``request``: role and index are ready for what is deployed after it.

    A function creates the knowledge base on trial, until that succeeds or four minutes have passed, and deletes it. It
    runs again whenever the request changes, which also resumes a paused database.
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateKnowledgeBase.html

    :param request: the request of CreateKnowledgeBase.
    :param role: the role of the knowledge base.
    :param after: what must exist before.
    """
    stack = Stack.of(scope)
    function = provider(stack, "KnowledgeTrial", "knowledge_trial", foundation=foundation)
    _allow(function.role, role)
    resource = CfnCustomResource(scope, "Trial", service_token=function.function_arn)
    # As text, because CloudFormation turns numbers into text.
    resource.add_property_override("Request", stack.to_json_string(dict(request)))
    resource.add_property_override("ServiceTimeout", 360)
    resource.node.add_dependency(*after, role.permissions, function.role.permissions, function.resource)
    return resource


def _allow(function: WorkloadRole, role: WorkloadRole) -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"""
    made = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:knowledge-base/*"
    asked, tagged = ({"StringEquals": {f"aws:{which}/{TAG}": "true"}} for which in ("RequestTag", "ResourceTag"))
    # Creating does not support resource-level permissions.
    function.allow(("bedrock:CreateKnowledgeBase",), ["*"], conditions=asked)
    function.allow(("bedrock:TagResource",), [made], conditions=asked)
    function.allow(("bedrock:DeleteKnowledgeBase", "bedrock:GetKnowledgeBase"), [made], conditions=tagged)
    passed = {"StringEquals": {"iam:PassedToService": _SERVICE}}
    function.allow(("iam:PassRole",), [role.role_arn], conditions=passed)
    acknowledge(
        function.permissions,
        "AwsSolutions-IAM5",
        finding="Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:knowledge-base/*",
        reason="Bedrock chooses the ids of knowledge bases, so no statement can hold those on trial.",
        met_by="a tag in the statement that knowledge bases on trial carry, and no other",
    )

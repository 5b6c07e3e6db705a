"""Grants of the foundation: to every kind of principal, as the CDK's own."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam, aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, SecureBucket, WorkloadRole

from ..support import new_stack

LAMBDA = iam.ServicePrincipal("lambda.amazonaws.com")

GRANTS: dict[str, tuple[str, Callable[[Foundation, iam.IGrantable], iam.Grant]]] = {
    "decrypt": ("kms:Decrypt", lambda f, who: f.key.grant_decrypt(who)),
    "encrypt": ("kms:GenerateDataKey", lambda f, who: f.key.grant_encrypt_decrypt(who)),
    "describe": ("kms:DescribeKey", lambda f, who: f.key.grant_describe(who)),
    "replicate": ("kms:Encrypt", lambda f, who: f.key.grant_replicate(who)),
    "bedrock": ("kms:Decrypt", lambda f, who: f.key.grant_in_bedrock(who)),
    "publish": ("sns:Publish", lambda f, who: f.topic.grant_publish(who)),
    "read": ("s3:GetObject", lambda f, who: SecureBucket(f._scope, "B", foundation=f).grant_read(who, "a/")),
    "write": ("s3:PutObject", lambda f, who: SecureBucket(f._scope, "B", foundation=f).grant_write(who, "a/")),
}


def function(stack: cdk.Stack) -> lambda_.Function:
    code = lambda_.Code.from_inline("def handler(event, context): pass")
    return lambda_.Function(stack, "Who", runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handler", code=code)


GRANTEES: dict[str, Callable[[cdk.Stack], iam.IGrantable]] = {
    "workload role": lambda stack: WorkloadRole(stack, "Who", assumed_by=LAMBDA),
    "role": lambda stack: iam.Role(stack, "Who", assumed_by=LAMBDA),
    "user": lambda stack: iam.User(stack, "Who"),
    "function": function,
    "imported role": lambda stack: iam.Role.from_role_arn(stack, "Who", "arn:aws:iam::111122223333:role/theirs"),
    "role by name": lambda stack: iam.Role.from_role_name(stack, "Who", "theirs"),
    "immutable role": lambda stack: iam.Role.from_role_arn(
        stack, "Who", "arn:aws:iam::111122223333:role/theirs", mutable=False
    ),
}


@pytest.mark.parametrize("grantee", GRANTEES)
@pytest.mark.parametrize("name", GRANTS)
def test_every_kind_of_principal_is_granted(name: str, grantee: str) -> None:
    stack = new_stack()
    action, give = GRANTS[name]
    given = give(Foundation(stack), GRANTEES[grantee](stack))
    assert isinstance(given, iam.Grant)
    assert given.success
    given.assert_success()
    template = Template.from_stack(stack)
    kind = "AWS::IAM::ManagedPolicy" if grantee == "workload role" else "AWS::IAM::Policy"
    statements = [
        statement
        for policy in template.find_resources(kind).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    if grantee != "immutable role":
        assert any(action in statement["Action"] for statement in statements)


def test_a_grant_to_a_workload_role_is_the_cdk_s_own() -> None:
    stack = new_stack()
    foundation, role = Foundation(stack), WorkloadRole(stack, "Who", assumed_by=LAMBDA)
    given = foundation.key.grant_decrypt(role)
    assert [each.actions for each in given.principal_statements] == [["kms:Decrypt"]]
    after = cdk.CfnWaitConditionHandle(stack, "After")
    given.apply_before(after)
    other = foundation.key.grant_decrypt(iam.Role(stack, "Other", assumed_by=LAMBDA))
    assert other.combine(given).success
    template = Template.from_stack(stack)
    template.has_resource("AWS::CloudFormation::WaitConditionHandle", {"DependsOn": Match.any_value()})
    (policy,) = template.find_resources("AWS::IAM::ManagedPolicy").values()
    assert len(policy["Properties"]["PolicyDocument"]["Statement"]) == 1


@pytest.mark.parametrize(
    "grantee", [iam.ServicePrincipal("bedrock.amazonaws.com"), iam.AccountPrincipal("111122223333")], ids=str
)
def test_what_has_no_policy_is_refused(grantee: iam.IGrantable) -> None:
    foundation = Foundation(new_stack())
    with pytest.raises(InvalidValueError, match="Grant to a role"):
        foundation.key.grant_decrypt(grantee)
    with pytest.raises(InvalidValueError, match="has no policy"):
        foundation.topic.grant_publish(grantee)


def test_a_key_policy_names_no_group() -> None:
    stack = new_stack()
    with pytest.raises(InvalidValueError, match="cannot be named in a key policy"):
        Foundation(stack).key.grant_decrypt(iam.Group(stack, "People"))


def test_a_role_that_may_not_exist_is_named_by_condition() -> None:
    stack = new_stack()
    role = iam.Role.from_role_arn(stack, "Theirs", "arn:aws:iam::111122223333:role/theirs")
    Foundation(stack).key.grant_decrypt(role)
    (key,) = Template.from_stack(stack).find_resources("AWS::KMS::Key").values()
    (statement,) = [each for each in key["Properties"]["KeyPolicy"]["Statement"] if each["Sid"] == "DecryptTheirs"]
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/theirs"}


def test_statements_of_a_role_have_ids_of_their_own() -> None:
    stack = new_stack()
    role = WorkloadRole(stack, "Who", assumed_by=LAMBDA)
    role.allow(["s3:GetObject"], ["arn:aws:s3:::a/*"], sid="Files")
    role.allow(["s3:PutObject"], ["arn:aws:s3:::a/*"], sid="Files")
    role.allow(["s3:GetObject"], ["arn:aws:s3:::b/*"], sid="Files")
    (policy,) = Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy").values()
    first, second = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (first["Sid"], first["Resource"]) == ("Files", ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"])
    assert "Sid" not in second

"""The public test helpers: they decide as IAM does, and raise where a template does not say."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from aws_genai.gate import acknowledge
from aws_genai.testing import (
    Principal,
    UndecidableError,
    assert_allows,
    assert_denies,
    assert_no_findings,
    assert_no_unused_acknowledgements,
    decide,
)
from tests.support import new_app, new_stack

ACCOUNT = "111122223333"
BUCKET = "arn:aws:s3:::data"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str, resource: Any = "*", **extra: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **extra}


def template(*statements: dict[str, Any], trust: dict[str, Any] | None = None, **resources: Any) -> dict[str, Any]:
    role = {
        "AssumeRolePolicyDocument": trust or document(),
        "Policies": [{"PolicyName": "p", "PolicyDocument": document(*statements)}],
    }
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}, **resources}}


def bucket(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Data": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "data"}},
        "Guard": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Data"}, "PolicyDocument": document(*statements)},
        },
    }


def test_reasons_name_what_decided() -> None:
    subject = template(allow("s3:GetObject", f"{BUCKET}/*", Sid="ReadIt"))
    assert decide(subject, "Role", "s3:GetObject", f"{BUCKET}/x").reason == "identity policy: ReadIt"
    with pytest.raises(AssertionError, match=r"Role may not s3:PutObject on arn:aws:s3:::data/x: no policy allows it"):
        assert_allows(subject, "Role", "s3:PutObject", f"{BUCKET}/x")
    with pytest.raises(AssertionError, match=r"Role may s3:GetObject on arn:aws:s3:::data/x: identity policy: ReadIt"):
        assert_denies(subject, "Role", "s3:GetObject", f"{BUCKET}/x")


def test_intrinsics_are_resolved() -> None:
    parts: Any = {"Fn::Join": ["", [{"Fn::GetAtt": ["Data", "Arn"]}, "/", {"Ref": "AWS::Region"}, "/*"]]}
    substituted: Any = {"Fn::Sub": ["${Data.Arn}/${Name}/${AWS::AccountId}", {"Name": "n"}]}
    subject = template(allow("s3:GetObject", [parts, substituted]), **bucket())
    assert_allows(subject, "Role", "s3:GetObject", f"{BUCKET}/us-east-1/x")
    assert_allows(subject, "Role", "s3:GetObject", f"{BUCKET}/n/{ACCOUNT}")
    assert_denies(subject, "Role", "s3:GetObject", f"{BUCKET}/us-west-2/x")


def test_stacks_refer_to_each_other() -> None:
    producer = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}},
        "Outputs": {"Arn": {"Value": {"Ref": "Topic"}, "Export": {"Name": "the-topic"}}},
    }
    for reference in (
        {"Fn::ImportValue": "the-topic"},
        {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Arn"}},
    ):
        consumer = template(allow("sns:Publish", reference))
        arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:one.Topic"
        assert_allows({"one": producer, "two": consumer}, "Role", "sns:Publish", arn)
        assert_allows({"one": producer, "two": consumer}, "two.Role", "sns:Publish", "one.Topic")
        with pytest.raises(UndecidableError):
            decide({"two": consumer}, "Role", "sns:Publish", arn)


def test_explicit_deny_of_the_resource_wins() -> None:
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"{BUCKET}/*"}
    assert_denies(template(allow("s3:*"), **bucket(denial)), "Role", "s3:GetObject", f"{BUCKET}/x")
    assert_denies(template(**bucket(denial)), Principal.administrator(), "s3:GetObject", f"{BUCKET}/x")


def test_key_policy_must_speak() -> None:
    def key(*statements: dict[str, Any]) -> dict[str, Any]:
        return {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document(*statements)}}}

    root: Any = {"AWS": {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":root"]]}}
    named: Any = {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}
    assert_denies(template(allow("kms:*"), **key()), "Role", "kms:Decrypt", "Key")
    assert_allows(template(allow("kms:*"), **key(allow("kms:*", Principal=root))), "Role", "kms:Decrypt", "Key")
    assert_denies(template(**key(allow("kms:*", Principal=root))), "Role", "kms:Decrypt", "Key")
    assert_allows(template(**key(allow("kms:Decrypt", Principal=named))), "Role", "kms:Decrypt", "Key")
    with pytest.raises(UndecidableError, match="No template holds the key"):
        decide(template(allow("kms:*")), "Role", "kms:Decrypt", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/elsewhere")


def test_trust_policy_admits() -> None:
    trust = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    subject = template(trust=trust)
    assert_allows(subject, Principal("ec2.amazonaws.com"), "sts:AssumeRole", "Role")
    assert_denies(subject, Principal("lambda.amazonaws.com"), "sts:AssumeRole", "Role")
    assert_denies(subject, Principal.administrator(), "sts:AssumeRole", "Role")


def test_function_topic_and_queue_policies() -> None:
    service = {"Service": "events.amazonaws.com"}
    subject = {
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {}},
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
                    "Principal": "events.amazonaws.com",
                    "SourceAccount": ACCOUNT,
                },
            },
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {}},
            "TopicPolicy": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {
                    "Topics": [{"Ref": "Topic"}],
                    "PolicyDocument": document(allow("sns:Publish", {"Ref": "Topic"}, Principal=service)),
                },
            },
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
            "QueuePolicy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Queue"}],
                    "PolicyDocument": document(
                        allow("sqs:SendMessage", {"Fn::GetAtt": ["Queue", "Arn"]}, Principal=service)
                    ),
                },
            },
        }
    }
    events = Principal("events.amazonaws.com")
    own = {"aws:SourceAccount": ACCOUNT}
    assert_allows(subject, events, "lambda:InvokeFunction", "Function", own)
    assert_denies(subject, events, "lambda:InvokeFunction", "Function", {"aws:SourceAccount": "999999999999"})
    assert_allows(subject, events, "sns:Publish", "Topic")
    assert_allows(subject, events, "sqs:SendMessage", "Queue")
    assert_denies(subject, Principal("s3.amazonaws.com"), "sqs:SendMessage", "Queue")


def test_boundary_caps_the_role() -> None:
    boundary = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document(allow("s3:GetObject"))}}
    subject = template(allow("s3:*"), Boundary=boundary)
    subject["Resources"]["Role"]["Properties"]["PermissionsBoundary"] = {"Ref": "Boundary"}
    assert_allows(subject, "Role", "s3:GetObject", f"{BUCKET}/x")
    assert_denies(subject, "Role", "s3:PutObject", f"{BUCKET}/x")


@pytest.mark.parametrize(
    "statement",
    [
        allow("s3:GetObject", {"Fn::GetAtt": ["Odd", "Thing"]}),
        allow("s3:GetObject", {"Ref": "SomeParameter"}),
        allow("s3:GetObject", {"Fn::If": ["Yes", "a", "b"]}),
        allow("s3:GetObject", Condition={"StringResembles": {"aws:userid": "x"}}),
        allow("s3:GetObject", Condition={"StringNotEquals": {"aws:PrincipalArn": "${aws:username}"}}),
        allow("s3:GetObject", Surprise=True),
    ],
)
def test_what_cannot_be_decided_raises(statement: dict[str, Any]) -> None:
    odd = {"Odd": {"Type": "AWS::Odd::Thing", "Properties": {}}}
    with pytest.raises(UndecidableError):
        decide(template(statement, **odd), "Role", "s3:GetObject", f"{BUCKET}/x")


def test_unknown_policies_and_principals_raise() -> None:
    managed = template()
    managed["Resources"]["Role"]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    with pytest.raises(UndecidableError, match="ReadOnlyAccess is not in the template"):
        decide(managed, "Role", "s3:GetObject", f"{BUCKET}/x")
    with pytest.raises(UndecidableError, match="No AWS::IAM::Role has the logical id Nobody"):
        decide(template(), "Nobody", "s3:GetObject", f"{BUCKET}/x")
    negated = {"Effect": "Deny", "NotPrincipal": {"AWS": "*"}, "Action": "s3:*", "Resource": f"{BUCKET}/*"}
    with pytest.raises(UndecidableError, match="NotPrincipal"):
        decide(template(allow("s3:*"), **bucket(negated)), "Role", "s3:GetObject", f"{BUCKET}/x")


def test_a_template_of_the_assertions_module_is_taken() -> None:
    stack = new_stack()
    cdk.CfnResource(
        stack, "Role", type="AWS::IAM::Role", properties=template(allow("s3:*"))["Resources"]["Role"]["Properties"]
    )
    assert_allows(Template.from_stack(stack), "Role", "s3:GetObject", f"{BUCKET}/x")


def test_findings_are_asserted() -> None:
    clean = new_stack(new_app())
    cdk.CfnWaitConditionHandle(clean, "Nothing")
    assert_no_findings(clean)

    app = new_app()
    bad = new_stack(app)
    s3.CfnBucket(bad, "Open")
    with pytest.raises(AssertionError, match=r"GENAI_NO_PUBLIC_WEIGHTS\n +at +Test/Open"):
        assert_no_findings(bad)


def test_findings_of_another_stack_are_not_this_ones() -> None:
    app = new_app()
    good = cdk.Stack(app, "Good")
    cdk.CfnWaitConditionHandle(good, "Nothing")
    s3.CfnBucket(new_stack(app), "Open")
    assert_no_findings(good)
    with pytest.raises(AssertionError, match="Test/Open"):
        assert_no_findings(app)


def test_unused_acknowledgement_is_named(tmp_path: Any) -> None:
    def build(app: cdk.App) -> None:
        handle = cdk.CfnWaitConditionHandle(cdk.Stack(app, "One"), "Nothing")
        acknowledge(handle, "AwsSolutions-S1", reason="There is no bucket here at all.", met_by="nothing at all")

    with pytest.raises(AssertionError, match=r"One/Nothing: AwsSolutions-S1"):
        assert_no_unused_acknowledgements(build, tmp_path, [])

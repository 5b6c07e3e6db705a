"""Whether events, records and copies arrive: what AWS services ask of roles, of policies, and of who hears of a loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from aws_genai.compute import WeightsBucket, WeightsOptions, WorkQueue
from aws_genai.foundation import (
    AccessLogBucket,
    AlarmTopic,
    AuditTrail,
    DataKey,
    Foundation,
    PrivateNetwork,
    SecureBucket,
)
from aws_genai.foundation.interface_policy import interface_policy
from aws_genai.foundation.report import report_event
from aws_genai.testing import Principal, assert_allows, assert_denies
from tests.conftest import Synthesized
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"
EVERYTHING = ({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},)

#: Prefixes of actions in AWS's service authorization reference, of every service that has an endpoint here:
#: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
PREFIXES = {
    "application-autoscaling",
    "athena",
    "bedrock",
    "bedrock-agentcore",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "eks",
    "eks-auth",
    "glue",
    "kms",
    "lambda",
    "logs",
    "rds-data",
    "s3",
    "sagemaker",
    "scheduler",
    "sns",
    "sqs",
    "sts",
    "xray",
}

#: Services that no page promises to tell account or resource of, when they take a role.
UNTOLD = {"apigateway.amazonaws.com", "cloudtrail.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"}


def resources(environment: Synthesized, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for template in environment.templates.values():
        for name, each in template["Resources"].items():
            if each["Type"] == kind:
                yield name, each


def reports(stack: cdk.Stack) -> None:
    key = DataKey(stack, "Key", description="Alarms")
    topic = AlarmTopic(stack, "Alarms", key=key)
    for name in ("One", "Two"):
        report_event(stack, name, topic=topic, key=key, description=name, pattern={"source": ["aws.batch"]})


@pytest.fixture(scope="module")
def reported() -> Template:
    return template_of(reports)


def test_rules_publish_through_a_role(reported: Template) -> None:
    (role,) = reported.find_resources("AWS::IAM::Role")
    (topic,) = reported.find_resources("AWS::SNS::Topic")
    (key,) = reported.find_resources("AWS::KMS::Key")
    for rule in reported.find_resources("AWS::Events::Rule").values():
        (target,) = rule["Properties"]["Targets"]
        assert target["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
        assert target["DeadLetterConfig"]
        assert any(name.startswith("EventReportsPermissions") for name in rule["DependsOn"])
    through = {"kms:ViaService": "sns.us-east-1.amazonaws.com"}
    assert_allows(reported, role, "sns:Publish", topic)
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert_allows(reported, role, action, key, through)
        assert_denies(reported, role, action, key)


def test_eventbridge_itself_may_neither_publish_nor_use_the_topics_key() -> None:
    def build(stack: cdk.Stack) -> None:
        AlarmTopic(stack, "Alarms", key=DataKey(stack, "Key", description="Alarms"))

    template = template_of(build)
    for kind in ("AWS::SNS::TopicPolicy", "AWS::KMS::Key"):
        (made,) = template.find_resources(kind).values()
        assert "events.amazonaws.com" not in json.dumps(made)
        assert "cloudwatch.amazonaws.com" in json.dumps(made)


def test_what_rules_cannot_deliver_raises_an_alarm(reported: Template) -> None:
    (queue,) = reported.find_resources("AWS::SQS::Queue")
    (topic,) = reported.find_resources("AWS::SNS::Topic")
    reported.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}],
            "Threshold": 1,
            "AlarmActions": [{"Ref": topic}],
        },
    )
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/"
    events = Principal("events.amazonaws.com")
    assert_allows(reported, events, "sqs:SendMessage", queue, {"aws:SourceArn": f"{rule}any"})
    stranger = {"aws:SourceArn": rule.replace(ACCOUNT, "999999999999") + "any"}
    assert_denies(reported, events, "sqs:SendMessage", queue, stranger)


def test_every_rule_of_an_environment_can_reach_its_target(reference: Synthesized) -> None:
    topics = 0
    for name, rule in resources(reference, "AWS::Events::Rule"):
        for target in rule["Properties"]["Targets"]:
            assert "DeadLetterConfig" in target, name
            # Topics are of the foundation, in another stack.
            if "Fn::GetStackOutput" in target["Arn"]:
                topics += 1
                assert "RoleArn" in target, name
    assert topics > 5
    watched = json.dumps(
        [each["Properties"].get("Dimensions") for _, each in resources(reference, "AWS::CloudWatch::Alarm")]
    )
    for name, queue in resources(reference, "AWS::SQS::Queue"):
        if "RedrivePolicy" not in queue["Properties"]:
            assert name in watched, f"nobody hears of messages in {name}"


def test_calls_that_only_read_reach_rules_that_look_for_them(reference: Synthesized) -> None:
    rules = [each["Properties"] for _, each in resources(reference, "AWS::Events::Rule")]
    calls = [each for each in rules if each["EventPattern"].get("detail-type") == ["AWS API Call via CloudTrail"]]
    assert len(calls) == 2
    assert {each["State"] for each in calls} == {"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}


def test_trust_asks_for_nothing_that_a_service_does_not_send(reference: Synthesized) -> None:
    untold: set[str] = set()
    for name, role in resources(reference, "AWS::IAM::Role"):
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            service = statement["Principal"].get("Service")
            if service in UNTOLD:
                untold.add(service)
                assert "Condition" not in statement, name
    assert untold == UNTOLD


def copied(stack: cdk.Stack, **options: Any) -> SecureBucket:
    key = DataKey(stack, "Key", description="Data")
    topic = AlarmTopic(stack, "Alarms", key=key)
    logs = AccessLogBucket(stack, "Logs")
    return SecureBucket(
        stack, "Data", foundation=Foundation(stack, key=key, access_logs=logs, replicas=True, topic=topic), **options
    )


def is_source(name: str) -> bool:
    return name.startswith("Data") and "Replica" not in name


@pytest.mark.parametrize("lock_days", [None, 30])
def test_copies_are_encrypted_again_with_their_locks(lock_days: int | None) -> None:
    template = template_of(lambda stack: copied(stack, lock_days=lock_days))
    (role,) = template.find_resources("AWS::IAM::Role")
    (key,) = template.find_resources("AWS::KMS::Key")
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"):
        assert_allows(template, role, action, key)
    assert_denies(template, role, "kms:CreateGrant", key)
    source = next(name for name in template.find_resources("AWS::S3::Bucket") if is_source(name))
    check = assert_allows if lock_days else assert_denies
    for action in ("s3:GetObjectRetention", "s3:GetObjectLegalHold"):
        check(template, role, action, f"arn:aws:s3:::{source}/x")


def test_objects_that_are_not_copied_raise_an_alarm() -> None:
    template = template_of(copied)
    buckets = template.find_resources("AWS::S3::Bucket")
    source = next(name for name in buckets if is_source(name))
    replica = next(name for name in buckets if name.startswith("DataReplica"))
    (rule,) = buckets[source]["Properties"]["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"]["Metrics"] == {"Status": "Enabled"}
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "AWS/S3",
            "MetricName": "OperationsFailedReplication",
            "Dimensions": [
                {"Name": "SourceBucket", "Value": {"Ref": source}},
                {"Name": "DestinationBucket", "Value": {"Ref": replica}},
                {"Name": "RuleId", "Value": rule["Id"]},
            ],
            "AlarmActions": Match.any_value(),
        },
    )


def test_a_copy_that_fails_raises_an_alarm() -> None:
    stack = new_stack()
    SecureBucket(stack, "Data", foundation=Foundation(stack, replicas=True))
    template = Template.from_stack(stack)
    (topic,) = template.find_resources("AWS::SNS::Topic")
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "OperationsFailedReplication", "AlarmActions": [{"Ref": topic}]},
    )


READER = f"arn:aws:iam::{ACCOUNT}:role/auditor"


def trail(stack: cdk.Stack, readers: tuple[str, ...] = ()) -> None:
    key = DataKey(stack, "Key", description="Audit")
    key.allow_logs()
    topic = AlarmTopic(stack, "Alarms", key=key)
    logs = AccessLogBucket(stack, "Logs")
    AuditTrail(
        stack,
        "Trail",
        trail_name="audit",
        foundation=Foundation(stack, key=key, access_logs=logs, replicas=True, topic=topic),
        readers=readers,
    )


def test_cloudtrail_may_use_the_key_as_it_asks() -> None:
    template = template_of(trail)
    (key,) = template.find_resources("AWS::KMS::Key")
    service = Principal("cloudtrail.amazonaws.com")
    told = {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/audit", "aws:SourceAccount": ACCOUNT}
    for action in ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"):
        assert_allows(template, service, action, key, told)
        assert_denies(template, service, action, key, {**told, "aws:SourceAccount": "999999999999"})


@pytest.mark.parametrize("named", [True, False])
def test_somebody_reads_the_trail_and_nothing_else(named: bool) -> None:
    template = template_of(lambda stack: trail(stack, (READER,) if named else ()))
    (key,) = template.find_resources("AWS::KMS::Key")
    of_trail = {
        "kms:CallerAccount": ACCOUNT,
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/audit",
    }
    auditor = Principal(READER, EVERYTHING)
    assert_allows(template, auditor, "kms:Decrypt", key, of_trail)
    without = {name: value for name, value in of_trail.items() if "Context" not in name}
    assert_denies(template, auditor, "kms:Decrypt", key, without)
    assert_denies(template, auditor, "kms:GenerateDataKey", key, of_trail)
    check = assert_denies if named else assert_allows
    check(template, Principal.administrator(), "kms:Decrypt", key, of_trail)
    # What readers are allowed by is lost where S3 derives keys of the bucket.
    for name, bucket in template.find_resources("AWS::S3::Bucket").items():
        if name.startswith("Trail"):
            (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["BucketKeyEnabled"] is False


def test_a_trail_records_neither_its_own_files_nor_their_copies() -> None:
    template = template_of(trail)
    (made,) = template.find_resources("AWS::CloudTrail::Trail").values()
    selectors = made["Properties"]["AdvancedEventSelectors"]
    (objects,) = [each for each in selectors if each["Name"] == "S3 objects"]
    left_out = json.dumps([each.get("NotStartsWith") for each in objects["FieldSelectors"]])
    for name in template.find_resources("AWS::S3::Bucket"):
        assert name in left_out


def test_callers_of_logs_may_use_the_key_there_only() -> None:
    template = template_of(lambda stack: DataKey(stack, "Key", description="Logs").allow_logs())
    (key,) = template.find_resources("AWS::KMS::Key")
    anybody = Principal(f"arn:aws:iam::{ACCOUNT}:role/any", ())
    through = {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "logs.us-east-1.amazonaws.com"}
    group = {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:any"}
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom"):
        assert_allows(template, anybody, action, key, {**through, **group})
        assert_denies(template, anybody, action, key, through)
        assert_denies(
            template, anybody, action, key, {**through, **group, "kms:ViaService": "s3.us-east-1.amazonaws.com"}
        )
        assert_denies(template, anybody, action, key, {**through, **group, "kms:CallerAccount": "999999999999"})
    assert_allows(template, anybody, "kms:DescribeKey", key, through)
    assert_denies(template, anybody, "kms:DescribeKey", key, {"kms:CallerAccount": ACCOUNT})


def test_the_break_glass_role_is_heard_when_it_decrypts() -> None:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Weights")
        topic = AlarmTopic(stack, "Alarms", key=key)
        logs = AccessLogBucket(stack, "Logs")
        WeightsBucket(
            stack,
            "Weights",
            foundation=Foundation(stack, key=key, access_logs=logs, topic=topic),
            options=WeightsOptions(break_glass_role=READER),
        )

    template_of(build).has_resource_properties(
        "AWS::Events::Rule", {"State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}
    )


def test_work_that_is_given_up_raises_an_alarm() -> None:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Work")
        WorkQueue(
            stack,
            "Work",
            foundation=Foundation(stack, key=key, topic=AlarmTopic(stack, "Alarms", key=key)),
        )

    template = template_of(build)
    failed = next(name for name in template.find_resources("AWS::SQS::Queue") if "Failed" in name)
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [failed, "QueueName"]}}]},
    )


def network(stack: cdk.Stack, *services: str) -> None:
    key = DataKey(stack, "Key", description="Flow logs")
    key.allow_logs()
    PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key, services=services)


def test_dynamodb_has_a_gateway_under_the_same_policy() -> None:
    template = template_of(lambda stack: network(stack, "dynamodb", "s3", "kms"))
    made = [each["Properties"] for each in template.find_resources("AWS::EC2::VPCEndpoint").values()]
    services = {each["ServiceName"]["Fn::Join"][1][-1]: each for each in made}
    assert {name: each["VpcEndpointType"] for name, each in services.items()} == {
        ".s3": "Gateway",
        ".dynamodb": "Gateway",
        ".kms": "Interface",
    }
    gateway = services[".dynamodb"]
    assert len(gateway["RouteTableIds"]) == 2
    assert not {"PrivateDnsEnabled", "SubnetIds", "SecurityGroupIds"} & set(gateway)
    (statement,) = gateway["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["dynamodb:*"]
    assert set(statement["Condition"]["StringEquals"]) == {"aws:PrincipalAccount", "aws:ResourceAccount"}


def test_policies_of_endpoints_name_actions_that_exist(reference: Synthesized) -> None:
    for name, endpoint in resources(reference, "AWS::EC2::VPCEndpoint"):
        for statement in endpoint["Properties"]["PolicyDocument"]["Statement"]:
            for action in statement["Action"]:
                assert action.partition(":")[0] in PREFIXES, f"{action} of {name}"


def test_an_endpoint_lets_its_own_actions_through() -> None:
    asked = {"sagemaker.runtime": "sagemaker:*", "monitoring": "cloudwatch:*", "bedrock-agent": "bedrock:*"}
    for service, action in asked.items():
        policy: Any = interface_policy(service, ())
        assert policy["Statement"][0]["Action"] == [action]
    looked_up: Any = interface_policy("cloudtrail", ())
    assert set(looked_up["Statement"][0]["Condition"]["StringEquals"]) == {"aws:PrincipalAccount"}

"""What the constructs of the foundation make, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template
from constructs import Construct
from hypothesis import given, strategies as st

from aws_genai.compute import EnvelopeKey, WeightsOptions
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import (
    AccessAttempts,
    AccessLogBucket,
    AlarmTopic,
    AuditTrail,
    DataKey,
    Foundation,
    MonthlyBudget,
    PrivateNetwork,
    SecureBucket,
    WorkloadRole,
)
from aws_genai.foundation.organization import INTERACTIVE, OPENING
from aws_genai.foundation.subnets import split
from aws_genai.testing import Principal, assert_allows, assert_denies
from tests.support import new_stack, template_of


@pytest.fixture(scope="module")
def foundation() -> Template:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Everything")
        key.allow_logs()
        logs = AccessLogBucket(stack, "Logs")
        topic = AlarmTopic(stack, "Alarms", key=key, emails=["a@example.com"])
        AuditTrail(
            stack,
            "Trail",
            trail_name="audit",
            foundation=Foundation(stack, key=key, access_logs=logs, replicas=True, topic=topic),
        )
        MonthlyBudget(stack, "Budget", limit_usd=12.5, topic=topic, tags={"project": "demo", "environment": "dev"})
        PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key, services=["kms", "logs"])
        role = WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        bucket = SecureBucket(
            stack,
            "Data",
            foundation=Foundation(stack, key=key, access_logs=logs),
        )
        bucket.grant_read(role, "mine/")

    return template_of(build)


def test_key_rotates_and_stays(foundation: Template) -> None:
    foundation.has_resource(
        "AWS::KMS::Key",
        {"Properties": Match.object_like({"EnableKeyRotation": True}), "DeletionPolicy": "RetainExceptOnCreate"},
    )


def test_administrators_manage_a_key_and_do_not_use_it(foundation: Template) -> None:
    key = next(iter(foundation.find_resources("AWS::KMS::Key")))
    for action in ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource"):
        assert_allows(foundation, Principal.administrator(), action, key)
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant"):
        assert_denies(foundation, Principal.administrator(), action, key)


def test_granted_role_reads_its_prefix_only(foundation: Template) -> None:
    role = next(name for name in foundation.find_resources("AWS::IAM::Role") if name.startswith("Reader"))
    bucket = next(name for name in foundation.find_resources("AWS::S3::Bucket") if name.startswith("Data"))
    arn = f"arn:aws:s3:::{bucket}"
    assert_allows(foundation, role, "s3:GetObject", f"{arn}/mine/x")
    assert_allows(foundation, role, "s3:ListBucket", arn, {"s3:prefix": "mine/deeper"})
    assert_denies(foundation, role, "s3:GetObject", f"{arn}/yours/x")
    assert_denies(foundation, role, "s3:PutObject", f"{arn}/mine/x")
    assert_denies(foundation, role, "s3:ListBucket", arn, {"s3:prefix": ""})


def test_no_role_has_an_inline_policy(foundation: Template) -> None:
    foundation.resource_count_is("AWS::IAM::Policy", 0)
    assert all("Policies" not in item["Properties"] for item in foundation.find_resources("AWS::IAM::Role").values())


def test_trail_records_models_and_objects_validated_and_encrypted(foundation: Template) -> None:
    foundation.has_resource_properties(
        "AWS::CloudTrail::Trail",
        {
            "EnableLogFileValidation": True,
            "IsMultiRegionTrail": True,
            "IsLogging": True,
            "KMSKeyId": Match.any_value(),
            "CloudWatchLogsLogGroupArn": Match.any_value(),
            "AdvancedEventSelectors": Match.array_with(
                [
                    Match.object_like({"Name": "S3 objects"}),
                    Match.object_like(
                        {
                            "FieldSelectors": Match.array_with(
                                [{"Field": "resources.type", "Equals": ["AWS::Bedrock::Model"]}]
                            )
                        }
                    ),
                ]
            ),
        },
    )


def test_network_has_no_way_out(foundation: Template) -> None:
    for kind in ("InternetGateway", "NatGateway", "Route", "EgressOnlyInternetGateway", "VPCPeeringConnection"):
        foundation.resource_count_is(f"AWS::EC2::{kind}", 0)
    foundation.resource_count_is("AWS::EC2::Subnet", 2)
    foundation.has_resource_properties("AWS::EC2::FlowLog", {"TrafficType": "ALL"})


def test_endpoints_admit_principals_of_the_account_only(foundation: Template) -> None:
    endpoints = foundation.find_resources("AWS::EC2::VPCEndpoint")
    assert len(endpoints) == 3
    own = {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}
    for endpoint in endpoints.values():
        first = endpoint["Properties"]["PolicyDocument"]["Statement"][0]
        assert own.items() <= first["Condition"]["StringEquals"].items()


def test_every_topic_and_bucket_refuses_plain_http(foundation: Template) -> None:
    policies = [
        *foundation.find_resources("AWS::S3::BucketPolicy").values(),
        *foundation.find_resources("AWS::SNS::TopicPolicy").values(),
    ]
    assert len(policies) == 5
    for policy in policies:
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            item["Effect"] == "Deny" and item.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            for item in statements
        )


def test_replica_is_encrypted_and_complete(foundation: Template) -> None:
    foundation.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "ReplicationConfiguration": {
                "Rules": [
                    Match.object_like(
                        {
                            "Status": "Enabled",
                            "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
                        }
                    )
                ],
                "Role": Match.any_value(),
            }
        },
    )


def test_budget_is_of_one_environment_of_the_project_and_warns_three_times(foundation: Template) -> None:
    def tagged(name: str, value: str) -> dict[str, Any]:
        return {"Or": [{"Tags": {"Key": key, "Values": [value]}} for key in (name, f"user:{name}")]}

    foundation.has_resource_properties(
        "AWS::Budgets::Budget",
        {
            "Budget": {
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": 12.5, "Unit": "USD"},
                "FilterExpression": {"And": [tagged("project", "demo"), tagged("environment", "dev")]},
                # AWS takes an expression with metrics, or cost filters with cost types.
                "Metrics": ["UnblendedCost"],
                "CostFilters": Match.absent(),
                "CostTypes": Match.absent(),
            },
            "NotificationsWithSubscribers": [Match.any_value()] * 3,
        },
    )


@given(prefix=st.integers(16, 28), zones=st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=6))
def test_subnets_fit_or_are_refused(prefix: int, zones: list[str]) -> None:
    import ipaddress

    cidr = f"10.0.0.0/{prefix}"
    try:
        subnets = [ipaddress.ip_network(item) for item in split(cidr, zones)]
    except InvalidValueError as error:
        assert "too small" in str(error)
        assert prefix > 25
        return
    assert len(subnets) == len(zones)
    assert all(item.subnet_of(ipaddress.ip_network(cidr)) and item.prefixlen <= 28 for item in subnets)
    assert not any(a.overlaps(b) for index, a in enumerate(subnets) for b in subnets[:index])


def test_a_zone_that_comes_or_goes_moves_no_subnet() -> None:
    def zones(*names: str) -> dict[str, Any]:
        stack = new_stack()
        key = DataKey(stack, "Key", description="Flow logs")
        key.allow_logs()
        PrivateNetwork(stack, "Network", zones=[f"us-east-1{name}" for name in names], key=key)
        return dict(Template.from_stack(stack).find_resources("AWS::EC2::Subnet"))

    every = zones("a", "b", "c", "d", "e", "f")
    for some in (["a", "b"], ["b", "a"], ["c", "f", "a"]):
        kept = zones(*some)
        assert len(kept) == len(some)
        assert kept.items() <= every.items()


@pytest.mark.parametrize("zones", [["us-east-1a", "us-west-2a"], ["us-east-1"], ["use1-az9"], ["us-east-1z"]])
def test_network_refuses_zones_without_a_letter_of_their_own(zones: list[str]) -> None:
    with pytest.raises(InvalidValueError, match="has no subnet of its own"):
        split("10.0.0.0/16", zones)


@pytest.mark.parametrize("cidr", ["", "10.0.0.0/15", "10.0.0.1/16", "10.0.0.0/33", "2001:db8::/56"])
def test_network_refuses_a_range(cidr: str) -> None:
    with pytest.raises(InvalidValueError):
        split(cidr, ["us-east-1a", "us-east-1b"])


def test_grants_of_other_constructs_land_in_the_managed_policy() -> None:
    from aws_cdk import aws_sqs as sqs

    stack = new_stack()
    role = WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    sqs.Queue(stack, "Queue").grant_send_messages(role)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::IAM::Policy", 0)
    template.has_resource_properties(
        "AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": [Match.object_like({"Effect": "Allow"})]}}
    )


def test_every_statement_of_a_key_has_an_id_of_its_own() -> None:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Shared")
        for name in ("One", "Two"):
            role = WorkloadRole(Construct(stack, name), "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
            for _ in range(2):
                key.grant_decrypt(role)

    (key,) = template_of(build).find_resources("AWS::KMS::Key").values()
    sids = [each["Sid"] for each in key["Properties"]["KeyPolicy"]["Statement"]]
    assert sids == ["AdministerButNotUse", "DecryptOneRole", "DecryptTwoRole"]


MEASURED = {"pcr4": "ab" * 48, "pcr7": "cd" * 48}


def envelope() -> dict[str, Any]:
    def build(stack: cdk.Stack) -> None:
        publisher = "arn:aws:iam::111122223333:role/publisher"
        options = WeightsOptions(attestation=MEASURED, publisher_role=publisher)
        key = EnvelopeKey(stack, "Envelope", foundation=Foundation(stack), options=options)
        key.grant_decrypt(WorkloadRole(stack, "Fleet", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")))

    return dict(template_of(build).to_json())


def test_an_envelope_opens_on_an_attested_machine_only() -> None:
    template = envelope()
    (key,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::KMS::Key"]
    (role,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role"]
    arn = f"arn:aws:kms:us-east-1:111122223333:key/{key}"
    document = {f"kms:RecipientAttestation:NitroTPM{register.upper()}": value for register, value in MEASURED.items()}
    assert_allows(template, role, "kms:Decrypt", arn, document)
    assert_denies(template, role, "kms:Decrypt", arn)
    assert_denies(template, role, "kms:Decrypt", arn, {**document, "kms:RecipientAttestation:NitroTPMPCR4": "ef" * 48})
    assert_denies(template, role, "kms:GenerateDataKey", arn, document)
    assert_denies(template, Principal.administrator(), "kms:Decrypt", arn, document)
    everything = ({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},)
    publisher = Principal("arn:aws:iam::111122223333:role/publisher", everything)
    called = {"kms:CallerAccount": "111122223333"}
    assert_allows(template, publisher, "kms:GenerateDataKey", arn, called)
    assert_denies(template, publisher, "kms:Decrypt", arn, called)


@pytest.mark.parametrize(
    ("measurements", "told"),
    [
        ({}, "would let every instance decrypt"),
        ({"pcr24": "ab" * 48}, "has to be a register, pcr0 to pcr23"),
        ({"pcr4": "AB" * 48}, "96 hexadecimal digits"),
    ],
)
def test_measurements_that_are_none(measurements: dict[str, str], told: str) -> None:
    stack = new_stack()
    with pytest.raises(InvalidValueError, match=told):
        EnvelopeKey(stack, "Envelope", foundation=Foundation(stack), options=WeightsOptions(attestation=measurements))


def test_every_attempt_to_get_in_is_reported() -> None:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Alarms")
        topic = AlarmTopic(stack, "Alarms", key=key)
        AccessAttempts(stack, "Attempts", foundation=Foundation(stack, key=key, topic=topic), buckets=["weights"])

    (rule,) = template_of(build).find_resources("AWS::Events::Rule").values()
    properties = rule["Properties"]
    # Calls that only read, such as of a screenshot, reach rules in this state only.
    assert properties["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    calls, refused = properties["EventPattern"]["detail"]["$or"]
    assert {action.partition(":")[2] for action in (*INTERACTIVE, *OPENING)} == set(calls["eventName"])
    assert refused["errorCode"] == ["AccessDenied"]
    assert refused["requestParameters"] == {"bucketName": ["weights"]}
    assert len(json.dumps(properties["EventPattern"])) < 2048, "the longest pattern that EventBridge takes"


def test_rules_of_a_stack_share_the_queue_of_what_is_not_delivered() -> None:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Alarms")
        topic = AlarmTopic(stack, "Alarms", key=key)
        for name in ("One", "Two"):
            AccessAttempts(
                stack,
                name,
                foundation=Foundation(stack, key=key, topic=topic),
            )

    template = template_of(build)
    template.resource_count_is("AWS::Events::Rule", 2)
    template.resource_count_is("AWS::SQS::Queue", 1)


def test_images_of_named_registries_can_be_pulled() -> None:
    def build(stack: cdk.Stack) -> None:
        key = DataKey(stack, "Key", description="Flow logs")
        key.allow_logs()
        PrivateNetwork(
            stack, "Network", zones=["us-east-1a"], key=key, services=["ecr.dkr"], registries=["763104351884"]
        )

    endpoints = template_of(build).find_resources("AWS::EC2::VPCEndpoint").values()
    (policy,) = [
        each["Properties"]["PolicyDocument"]
        for each in endpoints
        if each["Properties"]["VpcEndpointType"] == "Interface"
    ]
    images, token = policy["Statement"]
    assert "763104351884:repository/*" in json.dumps(images["Resource"])
    assert token["Action"] == ["ecr:GetAuthorizationToken"]

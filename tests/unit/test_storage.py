"""What training reads and writes: locked data sets, expiring checkpoints, and the file system before them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_fsx as fsx, aws_iam as iam, aws_kms as kms, aws_lambda as lambda_, aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct

from aws_genai.compute import (
    AcceleratorFleet,
    FileSystemOptions,
    FleetOptions,
    LustreFileSystem,
    StorageOptions,
    TrainingStorage,
    WeightsBucket,
    WeightsOptions,
    WorkQueue,
)
from aws_genai.data.lustre import check_capacity
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, WorkloadRole
from aws_genai.testing import Principal, assert_allows, assert_denies
from tests.conftest import Synthesized
from tests.support import findings_of, new_stack, template_of


def storage(stack: cdk.Stack, *, replicas: bool = False, **options: Any) -> TrainingStorage:
    return TrainingStorage(
        stack, "Storage", foundation=Foundation(stack, replicas=replicas), options=StorageOptions(**options)
    )


def test_data_sets_are_locked_and_checkpoints_expire() -> None:
    template = template_of(lambda stack: storage(stack, lock_days=180, checkpoint_days=14))
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 180}},
            },
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    )
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "ObjectLockEnabled": Match.absent(),
            "LifecycleConfiguration": {
                "Rules": Match.array_with(
                    [Match.object_like({"ExpirationInDays": 14, "NoncurrentVersionExpiration": {"NoncurrentDays": 14}})]
                )
            },
        },
    )


def test_a_replica_of_data_sets_is_locked_too() -> None:
    buckets = template_of(lambda stack: storage(stack, replicas=True)).find_resources("AWS::S3::Bucket")
    locked = [name for name, each in buckets.items() if each["Properties"].get("ObjectLockEnabled")]
    assert len(locked) == 2


def test_nobody_lifts_the_lock(reference: Synthesized) -> None:
    templates, template = reference.templates, reference.template("compute")
    (bucket,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::S3::Bucket" and name.startswith("TrainingDataSets") and "Replica" not in name
    ]
    part = f"arn:aws:s3:::genai-reference-compute.{bucket}/corpus/part-0"
    for action in ("s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:PutObjectLegalHold"):
        assert_denies(templates, Principal.administrator(), action, part)
    assert_allows(templates, Principal.administrator(), "s3:PutObject", part)


def test_data_is_read_through_the_endpoint_only(reference: Synthesized) -> None:
    resources = reference.template("compute")["Resources"]
    (bucket,) = [
        name
        for name, each in resources.items()
        if each["Type"] == "AWS::S3::Bucket" and name.startswith("TrainingDataSets") and "Replica" not in name
    ]
    (endpoint,) = [
        name
        for name, each in reference.template("foundation")["Resources"].items()
        if each["Type"] == "AWS::EC2::VPCEndpoint" and name.startswith("NetworkS3")
    ]
    part = f"arn:aws:s3:::genai-reference-compute.{bucket}/pretraining/part-0"
    (job,) = [name for name in resources if name.startswith("pretrainingJobRole") and "Permissions" not in name]
    role = f"genai-reference-compute.{job}"
    through = {"aws:SourceVpce": f"genai-reference-foundation.{endpoint}"}
    assert_allows(reference.templates, role, "s3:GetObject", part, through)
    assert_denies(reference.templates, role, "s3:GetObject", part)
    assert_denies(reference.templates, role, "s3:GetObject", part, {"aws:SourceVpce": "vpce-elsewhere"})
    everything = ({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},)
    linked = "role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_fs-0123"
    assert_allows(
        reference.templates, Principal(f"arn:aws:iam::111122223333:{linked}", everything), "s3:GetObject", part
    )


def test_a_run_reads_its_data_set_and_writes_its_own_checkpoints() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Run", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        storage(stack).grant_train(role, data_set="reviewed/", run="run-1/")

    policies = template_of(build).find_resources("AWS::IAM::ManagedPolicy")
    (policy,) = [each for name, each in policies.items() if name.startswith("Run")]
    text = json.dumps(policy)
    assert '"/reviewed/*"' in text
    assert '"/run-1/*"' in text
    assert '"/*"' not in text
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    writes = [each for each in statements if "s3:PutObject" in each["Action"]]
    assert len(writes) == 1
    assert "DataSets" not in json.dumps(writes)


def files(stack: cdk.Stack, foundation: Foundation | None = None, **options: Any) -> LustreFileSystem:
    foundation = foundation or Foundation(stack, network=["us-east-1a", "us-east-1b"])
    kept = TrainingStorage(stack, "Storage", foundation=foundation)
    return LustreFileSystem(
        stack,
        "Files",
        foundation=foundation,
        data_sets=kept.data_sets,
        checkpoints=kept.checkpoints,
        options=FileSystemOptions(**options),
    )


def test_the_file_system_comes_after_every_rule_of_its_ports() -> None:
    resources = template_of(files).to_json()["Resources"]
    rules = {
        name
        for name, each in resources.items()
        if each["Type"] in ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
    }
    assert len(rules) == 12
    (made,) = [each for each in resources.values() if each["Type"] == "AWS::FSx::FileSystem"]
    assert rules <= set(made["DependsOn"])


def test_what_mounts_the_file_system_comes_after_its_links(reference: Synthesized) -> None:
    resources = reference.template("compute")["Resources"]
    links = {name for name, each in resources.items() if each["Type"] == "AWS::FSx::DataRepositoryAssociation"}
    mounting = {name for name, each in resources.items() if "lustre" in json.dumps(each["Properties"])}
    templates = {n for n in mounting if resources[n]["Type"] == "AWS::EC2::LaunchTemplate"}
    kinds = ("AWS::AutoScaling::AutoScalingGroup", "AWS::Batch::ComputeEnvironment", "AWS::SageMaker::Cluster")
    found = set()
    for each in resources.values():
        text = json.dumps(each["Properties"])
        if each["Type"] in kinds and ("FsxLustreConfig" in text or any(f'"{name}"' in text for name in templates)):
            assert links <= set(each["DependsOn"])
            found.add(each["Type"])
    assert found == set(kinds)


def test_the_file_system_is_encrypted_linked_and_exported_by_the_clock() -> None:
    template = template_of(lambda stack: files(stack, capacity_gib=2400, throughput=500, export_minutes=15))
    template.has_resource_properties(
        "AWS::FSx::FileSystem",
        {
            "KmsKeyId": {"Fn::GetAtt": [Match.string_like_regexp("^Key"), "Arn"]},
            "StorageCapacity": 2400,
            "SubnetIds": [{"Ref": Match.string_like_regexp("^NetworkSubnetA")}],
            "LustreConfiguration": Match.object_like(
                {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 500}
            ),
        },
    )
    links = template.find_resources("AWS::FSx::DataRepositoryAssociation").values()
    by_path = {each["Properties"]["FileSystemPath"]: each["Properties"] for each in links}
    assert by_path["/data"]["S3"] == {"AutoImportPolicy": {"Events": ["NEW", "CHANGED", "DELETED"]}}
    assert "S3" not in by_path["/checkpoints"], "what is deleted here must stay in the bucket"
    (schedule,) = template.find_resources("AWS::Scheduler::Schedule").values()
    assert schedule["Properties"]["ScheduleExpression"] == "rate(15 minutes)"
    target = json.dumps(schedule["Properties"]["Target"])
    assert "aws-sdk:fsx:createDataRepositoryTask" in target
    assert "EXPORT_TO_REPOSITORY" in target


def test_only_named_groups_reach_the_file_system() -> None:
    def build(stack: cdk.Stack) -> None:
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
        AcceleratorFleet(
            stack,
            "Fleet",
            foundation=foundation,
            options=FleetOptions(instance_type="trn1.32xlarge"),
            files=files(stack, foundation),
        )

    template = template_of(build)
    rules = [each["Properties"] for each in template.find_resources("AWS::EC2::SecurityGroupIngress").values()]
    assert {(each["FromPort"], each["ToPort"]) for each in rules} == {(988, 988), (1018, 1023)}
    assert all("SourceSecurityGroupId" in each and "CidrIp" not in each for each in rules)
    text = json.dumps(template.find_resources("AWS::EC2::LaunchTemplate"))
    assert "mount -t lustre" in text
    assert "LustreMountName" in text


@pytest.mark.parametrize("gib", [1200, 2400, 4800, 24000])
def test_capacities_that_exist(gib: int) -> None:
    check_capacity(gib)


@pytest.mark.parametrize(("gib", "near"), [(0, 1200), (1000, 1200), (1201, 2400), (3000, 2400), (4000, 4800)])
def test_capacities_that_do_not(gib: int, near: int) -> None:
    with pytest.raises(InvalidValueError, match=f"Did you mean {near}"):
        check_capacity(gib)
    if gib > 1200:
        with pytest.raises(InvalidValueError, match="capacity_gib"):
            FileSystemOptions(capacity_gib=gib)


def test_fsx_may_use_the_key_for_files_and_linked_buckets() -> None:
    template: Template = template_of(files)
    (key,) = template.find_resources("AWS::KMS::Key").values()
    statements = {each["Sid"]: each for each in key["Properties"]["KeyPolicy"]["Statement"] if "Sid" in each}
    assert "kms:ViaService" in json.dumps(statements["ThroughFsx"]["Condition"])
    linked = json.dumps(statements["LinkedBuckets"]["Condition"])
    assert "AWSServiceRoleForFSxS3Access_fs-*" in linked
    assert "ArnLike" in linked
    assert "kms:CallerAccount" in linked
    assert "kms:ViaService" in linked, "FSx reads and writes linked buckets through S3"


# Existing buckets.

NAME = "weights-of-mine"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def through_s3() -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": {"Fn::Join": ["", ["s3.", {"Ref": "AWS::Region"}, ".amazonaws.com"]]}}}


def key_statements(template: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """The actions and conditions of what roles are allowed with the key of an existing bucket."""
    return [
        (each["Action"], each["Condition"])
        for policy in template["Resources"].values()
        if policy["Type"] == "AWS::IAM::ManagedPolicy"
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if each["Resource"] == [KEY]
    ]


def existing(stack: cdk.Stack, name: str = NAME, *, encrypted: bool = True) -> s3.IBucket:
    key = kms.Key.from_key_arn(stack, f"{name}-key", KEY) if encrypted else None
    return s3.Bucket.from_bucket_attributes(stack, name, bucket_name=name, encryption_key=key)


def weights_of_mine(stack: cdk.Stack, **options: Any) -> WeightsBucket:
    foundation = Foundation(stack, network=["us-east-1a"])
    bucket = existing(stack, encrypted=options.pop("encrypted", True))
    return WeightsBucket(stack, "Weights", foundation=foundation, options=WeightsOptions(**options), bucket=bucket)


def test_an_existing_bucket_of_weights_gets_grants_only() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        weights_of_mine(stack).grant_read(role, "chat/")

    template = template_of(build).to_json()
    assert [each["Type"] for each in template["Resources"].values() if each["Type"].startswith("AWS::S3")] == []
    (role,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role"]
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{NAME}/chat/part-0")
    assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{NAME}/other/part-0")
    assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{NAME}/chat/part-0")
    assert_allows(template, role, "s3:ListBucket", f"arn:aws:s3:::{NAME}", {"s3:prefix": "chat/1"})
    assert_denies(template, role, "s3:ListBucket", f"arn:aws:s3:::{NAME}", {"s3:prefix": "other/1"})
    assert key_statements(template) == [(["kms:Decrypt"], through_s3())]


def test_a_publisher_of_weights_writes_under_its_prefix() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Publisher", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        weights_of_mine(stack).grant_write(role, "chat/")
        own = WeightsBucket(stack, "Own", foundation=Foundation(Construct(stack, "Beside")))
        own.grant_write(role, "chat/")

    template = template_of(build).to_json()
    (role,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role"]
    (own,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::S3::Bucket" and name.startswith("Own")
    ]
    for bucket in (NAME, own):
        assert_allows(template, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/chat/part-0")
        assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/other/part-0")
        assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{bucket}/chat/part-0")
    assert_denies(template, Principal.administrator(), "s3:PutObject", f"arn:aws:s3:::{own}/chat/part-0")
    assert key_statements(template) == [(["kms:Decrypt", "kms:GenerateDataKey"], through_s3())]


def test_what_cannot_be_set_on_an_existing_bucket_is_said() -> None:
    stack = new_stack()
    weights_of_mine(stack)
    TrainingStorage(
        stack,
        "Storage",
        foundation=Foundation(stack),
        data_sets=existing(stack, "sets-of-mine"),
        checkpoints=existing(stack, "kept", encrypted=False),
    )
    found = Annotations.from_stack(stack)
    for path, *said in (
        ("/Test/Weights", NAME, "denies reading to all but", "VPC endpoint", "policy of its KMS key"),
        ("/Test/Storage", "sets-of-mine", "object lock", "VPC endpoint", "policy of its KMS key"),
        ("/Test/Storage", "kept", "expiration"),
    ):
        found.has_info(path, Match.string_like_regexp(".*".join(said)))
    (kept,) = [each.entry.data for each in found.find_info("*", Match.string_like_regexp("The bucket kept "))]
    assert "policy of its KMS key" not in str(kept)


def test_existing_buckets_pass_the_gate_and_are_linked_to_a_file_system() -> None:
    def build(stack: cdk.Stack) -> None:
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
        kept = TrainingStorage(
            stack,
            "Storage",
            foundation=foundation,
            data_sets=existing(stack, "sets-of-mine"),
            checkpoints=s3.Bucket.from_bucket_arn(stack, "Kept", "arn:aws:s3:::kept"),
        )
        role = WorkloadRole(stack, "Run", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        kept.grant_train(role, data_set="reviewed/", run="run-1/")
        LustreFileSystem(stack, "Files", foundation=foundation, data_sets=kept.data_sets, checkpoints=kept.checkpoints)
        links = [each for each in stack.node.find_all() if isinstance(each, fsx.CfnDataRepositoryAssociation)]
        assert {each.data_repository_path for each in links} == {"s3://sets-of-mine/", "s3://kept/"}

    assert findings_of(build) == []


def test_a_bucket_of_the_same_app_is_one_that_exists() -> None:
    """Its ARN is an attribute, and the finding about its prefix is accepted all the same."""

    def build(stack: cdk.Stack) -> None:
        bucket = s3.Bucket(stack, "Mine")
        role = WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        WeightsBucket(stack, "Weights", foundation=Foundation(stack), bucket=bucket).grant_read(role, "chat/")

    assert not [each for each in findings_of(build) if "IAM5" in each.rule]


def test_metrics_are_those_of_the_resource() -> None:
    stack = new_stack()
    free = files(stack).metric_free_data_storage_capacity()
    assert (free.namespace, free.metric_name, free.statistic) == ("AWS/FSx", "FreeDataStorageCapacity", "Sum")
    queue = WorkQueue(stack, "Work", foundation=Foundation(Construct(stack, "Beside")))
    for metric, name in (
        (queue.metric_approximate_number_of_messages_visible(), "ApproximateNumberOfMessagesVisible"),
        (queue.metric_approximate_number_of_messages_not_visible(), "ApproximateNumberOfMessagesNotVisible"),
        (queue.metric_approximate_age_of_oldest_message(), "ApproximateAgeOfOldestMessage"),
    ):
        assert (metric.namespace, metric.metric_name) == ("AWS/SQS", name)
        assert metric.dimensions == {"QueueName": queue.queue_name}


@pytest.mark.parametrize("kind", ["role", "user", "function"])
def test_any_grantee_of_the_cdk_may_send_and_receive(kind: str) -> None:
    def build(stack: cdk.Stack) -> None:
        grantee: iam.IGrantable = iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        if kind == "user":
            grantee = iam.User(stack, "User")
        if kind == "function":
            grantee = lambda_.Function(
                stack,
                "Function",
                runtime=lambda_.Runtime.PYTHON_3_13,
                handler="index.handler",
                code=lambda_.Code.from_inline("handler = print"),
                role=grantee,  # type: ignore[arg-type]
            )
        queue = WorkQueue(stack, "Work", foundation=Foundation(stack))
        assert queue.grant_send(grantee).success
        assert queue.grant_consume(grantee).success

    text = json.dumps(template_of(build).find_resources("AWS::IAM::Policy"))
    assert "sqs:SendMessage" in text
    assert "sqs:ReceiveMessage" in text


def test_settings_name_existing_buckets(tmp_path: Path) -> None:
    content = {
        "project": "demo",
        "region": "us-east-1",
        "owner": "team",
        "cost_center": "1",
        "budget": {"monthly_usd": 1},
        "network": {"zones": ["us-east-1a", "us-east-1b"]},
        "compute": {
            "fleets": {"chat": {"instance_type": "g6.xlarge"}},
            "weights": {"bucket": {"name": NAME, "key_arn": KEY}},
            "storage": {"data_sets": {"name": "sets-of-mine"}, "checkpoints": {"name": "kept"}, "file_system": {}},
        },
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    made = Synthesized("test", tmp_path / "out", tmp_path)
    template = made.template("compute")
    buckets = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::S3::Bucket"]
    assert [name for name in buckets if not name.startswith("AccessLogs")] == []
    (role,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Role" and name.startswith("chatRole")
    ]
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{NAME}/chat/part-0")
    assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{NAME}/other/part-0")
    links = [
        each["Properties"]["DataRepositoryPath"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::FSx::DataRepositoryAssociation"
    ]
    assert sorted(links) == ["s3://kept/", "s3://sets-of-mine/"]

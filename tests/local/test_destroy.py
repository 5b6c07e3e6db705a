"""An environment that has been used is destroyed, and deployed again."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local import cdk, emulator
from local.deploy import destroy as cdk_destroy
from local.home import LocalError
from tests.conftest import ROOT

from .conftest import Local, verb
from .test_deploy import _deploy, _other_account, _quiet, inventory

Variant = Callable[..., Path]


def end(tenant: emulator.Account, *options: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run the verb as a user does, against one account."""
    return subprocess.run(
        [sys.executable, "-m", "operations.destroy", "local", "--pause", "0.1", *options],
        cwd=ROOT,
        env=tenant.environment(),
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def buckets(tenant: emulator.Account, beginning: str = "genai-local-") -> list[str]:
    """The environment's buckets."""
    names = [each["Name"] for each in tenant.client("s3").list_buckets()["Buckets"]]
    return [name for name in names if name.startswith(beginning)]


def made(tenant: emulator.Account, layer: str, kind: str) -> str:
    """The physical id of the one resource of a type in a stack."""
    pages = tenant.client("cloudformation").get_paginator("list_stack_resources")
    (found,) = [
        each["PhysicalResourceId"]
        for page in pages.paginate(StackName=f"genai-local-{layer}")
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == kind
    ]
    return str(found)


def use(tenant: emulator.Account) -> None:
    """Put files into every bucket, vectors into every index, a version into the registry, lines into a log."""
    s3 = tenant.client("s3")
    for bucket in buckets(tenant):
        for body in (b"first", b"second"):
            s3.put_object(Bucket=bucket, Key="folder/k & <ü>", Body=body)
        s3.delete_object(Bucket=bucket, Key="folder/k & <ü>")
        s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
        listed = s3.list_object_versions(Bucket=bucket)
        assert len(listed["Versions"]) == 2
        assert len(listed["DeleteMarkers"]) == 1
    place = made(tenant, "models", "AWS::S3Vectors::VectorBucket")
    vectors, store = tenant.client("s3vectors"), {"vectorBucketName": place.rpartition("/")[2]}
    by_hand = {"indexName": "mine", "dataType": "float32", "dimension": 3, "distanceMetric": "cosine"}
    (own,) = [each["indexName"] for each in vectors.list_indexes(**store)["indexes"]]
    vectors.create_index(**store, **by_hand)
    for index, dimension in ((own, 1024), ("mine", 3)):
        one = {"key": "one", "data": {"float32": [0.1] * dimension}}
        vectors.put_vectors(**store, indexName=index, vectors=[one])
        assert vectors.list_vectors(**store, indexName=index)["vectors"]
    group = made(tenant, "hosting", "AWS::SageMaker::ModelPackageGroup").rpartition("/")[2]
    version = {"ModelPackageGroupName": group, "ModelApprovalStatus": "PendingManualApproval"}
    tenant.client("sagemaker").create_model_package(**version)
    logs = tenant.client("logs")
    # SageMaker makes this one by itself.
    endpoint = made(tenant, "hosting", "AWS::SageMaker::Endpoint").rpartition("/")[2]
    logs.create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")
    group_name = next(each["logGroupName"] for each in logs.describe_log_groups()["logGroups"] if "Chat" in str(each))
    logs.create_log_stream(logGroupName=group_name, logStreamName="today")
    line = {"timestamp": 1, "message": "hello"}
    logs.put_log_events(logGroupName=group_name, logStreamName="today", logEvents=[line])


def test_a_used_environment_is_destroyed_and_deployed_again(local: Local, variant: Variant) -> None:
    tenant, assembly = _other_account(local, "444444444444"), variant()
    before = inventory(tenant)
    home = _deploy(local, tenant, assembly)
    use(tenant)
    s3, many = tenant.client("s3"), buckets(tenant, "genai-local-compute-weights")[0]
    for number in range(1010):
        s3.put_object(Bucket=many, Key=f"many/{number}", Body=b"")

    refused = end(tenant, answer="genai-prod\n")
    assert (refused.returncode, refused.stderr) == (2, "Nothing was touched: the answer was not genai-local.\n")
    assert re.search(r"genai-local-models: \d+ resources, with 3 buckets", refused.stdout)
    assert len(buckets(tenant)) == 15

    # CloudFormation alone stops half way, as it does on AWS; the verb goes on from there.
    with pytest.raises(LocalError, match=r"is not empty|cannot be deleted because it contains"):
        cdk_destroy(home, tenant, _quiet())
    assert end(tenant, answer="\n").returncode == 2
    done = end(tenant, answer="genai-local\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("genai-local is gone.\n")
    assert "What stays" not in done.stdout
    assert inventory(tenant) == before

    again = end(tenant, "--yes")
    assert "genai-local-models: deleted already; its remaining resources are deleted" in again.stdout
    assert (again.returncode, again.stderr) == (0, "")
    assert inventory(tenant) == before
    never = end(replace(tenant, account="444444444449"), "--yes")
    assert never.stdout == "Nothing of genai-local is deployed in us-east-1 of account 444444444449.\n"
    _deploy(local, tenant, assembly)
    stacks = tenant.client("cloudformation").describe_stacks()["Stacks"]
    named = {each["StackName"]: each["StackStatus"] for each in stacks}
    assert {named[name] for name in cdk.stack_names(home)} == {"CREATE_COMPLETE"}


def test_what_is_locked_stays_readable_and_is_told_of(local: Local, variant: Variant) -> None:
    tenant = _other_account(local, "444444444445")
    locked = variant("compute:\n", "compute:\n  storage:\n    lock_days: 2\n")
    _deploy(local, tenant, locked)
    s3, kms = tenant.client("s3"), tenant.client("kms")
    (data,) = buckets(tenant, "genai-local-compute-trainingdatasets")
    s3.put_object(Bucket=data, Key="reviewed", Body=b"x" * 1000)

    done = end(tenant, "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"bucket {data}: 1 versions" in done.stdout
    assert "Object Lock, until" in done.stdout
    assert not [each for each in tenant.client("cloudformation").describe_stacks()["Stacks"] if "genai" in str(each)]
    assert buckets(tenant) == [data]
    assert s3.get_object(Bucket=data, Key="reviewed")["Body"].read() == b"x" * 1000
    policy = s3.get_bucket_policy(Bucket=data)["Policy"]
    assert "NobodyUnlocks" in policy
    key = s3.get_bucket_encryption(Bucket=data)["ServerSideEncryptionConfiguration"]["Rules"][0]
    known = key["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert kms.describe_key(KeyId=known)["KeyMetadata"]["KeyState"] == "Enabled"
    assert f"key {known}" in done.stdout

    # It stays beside what is deployed next, and is told of again.
    _deploy(local, tenant, locked)
    assert len(buckets(tenant, "genai-local-compute-trainingdatasets")) == 2
    again = end(tenant, "--yes")
    assert again.returncode == 1
    assert buckets(tenant) == [data]
    assert f"bucket {data}, left by an earlier run" in again.stdout


def test_a_retained_environment_is_refused_and_redeployed_beside_what_it_keeps(local: Local, variant: Variant) -> None:
    tenant = _other_account(local, "444444444446")
    retained = variant("  retain: false\n", "  retain: true\n")
    home = _deploy(local, tenant, retained)
    s3 = tenant.client("s3")
    kept = buckets(tenant)
    for bucket in kept:
        s3.put_object(Bucket=bucket, Key="kept", Body=b"x")

    refused = end(tenant, "--yes")
    assert refused.returncode == 2
    assert "is protected, for local was deployed with security.retain: true" in refused.stderr

    done = end(tenant, "--yes", "--keep")
    assert (done.returncode, done.stderr) == (0, "")
    assert buckets(tenant) == kept
    assert all(f"AWS::S3::Bucket {bucket}" in done.stdout for bucket in kept)
    assert s3.get_object(Bucket=kept[0], Key="kept")["Body"].read() == b"x"
    _deploy(local, tenant, retained)
    assert len(buckets(tenant)) == 2 * len(kept)
    assert home.assembly == retained


def test_the_verb_of_the_local_account(local: Local) -> None:
    refused = verb(local.home, "destroy", "--environment", "nowhere")
    assert refused.returncode == 2
    assert "there is no such environment" in refused.stderr

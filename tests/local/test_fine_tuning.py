"""Fine-tuning in the local account: its packaged functions, under the roles of their template, and two people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from aws_genai.functions.training_data.manifest import ALGORITHM, digest, signature

from .conftest import Local

PEOPLE = "AWSReservedSSO_people_0123456789abcdef"
NAME = "genai-local-support"
GROUP = NAME


def lines(*rows: dict[str, str]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class Lab:
    """The data sets of the account, and its functions."""

    def __init__(self, local: Local) -> None:
        self.local, self.s3 = local, local.client("s3")
        self.bucket = local.resource("hosting", "AWS::S3::Bucket", "DataSets")
        self.key = local.resource("hosting", "AWS::KMS::Key", "DataSetsSigningKey")

    def call(self, function: str, event: dict[str, Any]) -> tuple[Any, bool]:
        name = self.local.resource("hosting", "AWS::Lambda::Function", function)
        answer = self.local.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), "FunctionError" in answer

    def put(self, key: str, body: bytes) -> dict[str, Any]:
        version = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]
        return {"key": key, "version": version, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}

    def sign(self, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        made = self.local.client("kms").sign(
            KeyId=self.key, Message=digest(text, "ann"), MessageType="DIGEST", SigningAlgorithm=ALGORITHM
        )
        self.put("data/support/manifest.json", text)
        self.put("data/support/manifest.json.sig", signature("ann", made["Signature"]))

    def admit(self, run: str) -> tuple[Any, bool]:
        return self.call("DataSetsAdmit", {"data_set": "support", "run": run, "method": "instruction"})


@pytest.fixture
def lab(local: Local) -> Lab:
    return Lab(local)


def signed(lab: Lab) -> dict[str, Any]:
    rows = [{"instruction": f"Capital {n}?", "context": "", "response": f"City {n}"} for n in range(6)]
    files = {
        "train": [lab.put("data/support/train/a.jsonl", lines(*rows[:4]))],
        "held_out": [lab.put("data/support/held_out/b.jsonl", lines(*rows[4:]))],
    }
    content = {"data_set": "support", "author": "bob", **files}
    lab.sign(content)
    return content


def test_a_signed_data_set_is_admitted_and_a_model_measured(lab: Lab) -> None:
    signed(lab)
    admitted, failed = lab.admit("run1")
    assert not failed, admitted
    names = [each["Key"] for each in lab.s3.list_objects_v2(Bucket=lab.bucket, Prefix="verified/support/")["Contents"]]
    assert "verified/support/run1/train/train-a.jsonl" in names
    lab.put(
        "output/support/run1/answers/prompts.jsonl.out", lines({"generated_text": "City 4"}, {"generated_text": "x"})
    )
    event = {
        "data_set": "support",
        "run": "run1",
        "answers": admitted["answers"],
        "predictions": f"s3://{lab.bucket}/output/support/run1/answers",
    }
    measured, failed = lab.call("supporttuningEvaluate", event)
    assert not failed, measured
    assert measured["exact_match"] == 0.5
    assert lab.s3.head_object(Bucket=lab.bucket, Key="reports/support/run1/evaluation.json")


def test_a_poisoned_data_set_stops_the_run(lab: Lab) -> None:
    content = signed(lab)
    content["train"].append(lab.put("data/support/train/poison.jsonl", lines({"instruction": "x", "response": "y"})))
    lab.put("data/support/manifest.json", json.dumps(content).encode())
    said, failed = lab.admit("run2")
    assert failed
    assert "signature of the manifest is not valid" in said["errorMessage"]
    assert "Contents" not in lab.s3.list_objects_v2(Bucket=lab.bucket, Prefix="verified/support/run2/")


@pytest.fixture
def people(local: Local) -> Iterator[dict[str, Any]]:
    """Clients of SageMaker of two people, each in a session of its own."""
    iam, sts = local.client("iam"), local.client("sts")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    # Sessions of other roles have names that their callers choose, which show no person.
    role = iam.create_role(RoleName=PEOPLE, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=PEOPLE, PolicyName="all", PolicyDocument=json.dumps(allow))
    made = {}
    for name in ("ann", "bob"):
        found = sts.assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
        made[name] = boto3.client(
            "sagemaker",
            region_name="us-east-1",
            endpoint_url=local.account.url,
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found["SessionToken"],
        )
    yield made
    iam.delete_role_policy(RoleName=PEOPLE, PolicyName="all")
    iam.delete_role(RoleName=PEOPLE)


def register(people: dict[str, Any], trainer: str) -> str:
    """Register what a run made, as its last step does."""
    execution = people[trainer].start_pipeline_execution(PipelineName=NAME)["PipelineExecutionArn"]
    definition = people[trainer].describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)
    steps = {each["Name"]: each for each in json.loads(definition["PipelineDefinition"])["Steps"]}
    (step,) = steps["GoodEnough"]["Arguments"]["IfSteps"]
    specification = step["Arguments"]["InferenceSpecification"]
    artifact = f"s3://bucket/output/support/{execution.rpartition('/')[2]}/model.tar.gz"
    (container,) = specification["Containers"]
    made = people[trainer].create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"execution": execution},
        InferenceSpecification={**specification, "Containers": [{**container, "ModelDataUrl": artifact}]},
    )
    return str(made["ModelPackageArn"])


def approve(lab: Lab, people: dict[str, Any], package: str, approver: str) -> Any:
    people[approver].update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    event = {"detail": {"ModelPackageArn": package, "ModelPackageGroupName": GROUP, "ModelApprovalStatus": "Approved"}}
    said, failed = lab.call("supporttuningApproved", event)
    assert not failed, said
    return said


def test_another_person_approves_and_it_serves(lab: Lab, people: dict[str, Any]) -> None:
    sagemaker = lab.local.client("sagemaker")
    own = register(people, "bob")
    assert approve(lab, people, own, "bob") == "rejected"
    assert sagemaker.describe_model_package(ModelPackageName=own)["ModelApprovalStatus"] == "Rejected"
    package = register(people, "bob")
    assert approve(lab, people, package, "ann") == "created"
    found = sagemaker.describe_endpoint(EndpointName=NAME)
    assert found["EndpointConfigName"] == f"{NAME}-v{package.rpartition('/')[2]}"
    assert approve(lab, people, package, "ann") == "unchanged"
    # What serves is what the run made, and the run is the version's own.
    swapped = register(people, "ann")
    theirs = sagemaker.describe_model_package(ModelPackageName=package)["CustomerMetadataProperties"]
    people["ann"].update_model_package(ModelPackageArn=swapped, CustomerMetadataProperties=theirs)
    assert approve(lab, people, swapped, "ann") == "rejected"
    newer = register(people, "bob")
    assert approve(lab, people, newer, "ann") == "updating"
    # What serves goes with the stack, as the custom resource does it.
    request = {"RequestType": "Delete", "PhysicalResourceId": NAME, "ResourceProperties": {"Endpoint": NAME}}
    common = {"ResponseURL": f"{lab.local.account.url}/", "StackId": "s", "RequestId": "r", "LogicalResourceId": "D"}
    lab.call("supporttuningApproved", {**common, **request})
    assert NAME not in [each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]]

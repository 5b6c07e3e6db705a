"""HyperPod clusters: who orchestrates, what nodes may do, how jobs come in without a shell, and what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.compute import ClusterGroup, ClusterOptions, Eks, Slurm, Team, TrainingCluster, TrainingStorage
from aws_genai.compute.hyperpod import intake
from aws_genai.data import load
from aws_genai.data.cluster import registries
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, SecureBucket, WorkloadRole
from aws_genai.testing import assert_allows, assert_denies
from tests.conftest import ROOT, Synthesized
from tests.support import new_stack, template_of

EKS = Eks(
    cluster_arn="arn:aws:eks:us-east-1:111122223333:cluster/research", security_group_ids=["sg-0123456789abcdef0"]
)
TRAINIUM = {"workers": ClusterGroup(instance_type="ml.trn1.32xlarge", instances=4)}
HOPPER = {"hopper": ClusterGroup(instance_type="ml.p5.48xlarge", instances=2)}
SCRIPTS = ROOT / "constructs" / "aws_genai" / "compute" / "hyperpod"


def cluster(
    stack: cdk.Stack,
    groups: dict[str, ClusterGroup] = TRAINIUM,
    *,
    jobs: dict[str, bytes] | None = None,
    cluster_name: str = "pretraining",
    **options: Any,
) -> TrainingCluster:
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    return TrainingCluster(
        stack,
        "Pre",
        foundation=foundation,
        cluster_name=cluster_name,
        options=ClusterOptions(groups=groups, **options),
        storage=TrainingStorage(stack, "Storage", foundation=foundation.but(network=None)),
        scripts=SecureBucket(stack, "Scripts", foundation=foundation),
        jobs=jobs,
    )


def template_json(groups: dict[str, ClusterGroup] = TRAINIUM, **options: Any) -> dict[str, Any]:
    return dict(template_of(lambda stack: cluster(stack, groups, **options)).to_json())


def only(template: dict[str, Any], kind: str, start: str = "") -> tuple[str, dict[str, Any]]:
    found = [(n, r) for n, r in template["Resources"].items() if r["Type"] == kind and n.startswith(start)]
    assert len(found) == 1, [name for name, _ in found]
    return found[0]


def test_slurm_has_a_controller_and_a_partition_for_each_group() -> None:
    _, made = only(template_json(jobs={"run.sbatch": b"x"}), "AWS::SageMaker::Cluster")
    properties = made["Properties"]
    controller, workers = properties["InstanceGroups"]
    assert controller["SlurmConfig"] == {"NodeType": "Controller"}
    assert (controller["InstanceType"], controller["InstanceCount"]) == ("ml.m5.xlarge", 1)
    assert workers["SlurmConfig"] == {"NodeType": "Compute", "PartitionNames": ["workers"]}
    assert workers["OnStartDeepHealthChecks"] == ["InstanceStress", "InstanceConnectivity"]
    assert "OnStartDeepHealthChecks" not in controller
    # No strategy: the two together are an error of the API.
    assert properties["Orchestrator"] == {"Slurm": {}}
    assert properties["NodeProvisioningMode"] == "Continuous"
    assert properties["NodeRecovery"] == "Automatic"
    assert len(properties["VpcConfig"]["Subnets"]) == 1


def test_every_volume_has_the_customers_key() -> None:
    _, made = only(template_json(), "AWS::SageMaker::Cluster")
    for group in made["Properties"]["InstanceGroups"]:
        root, second = (each["EbsVolumeConfig"] for each in group["InstanceStorageConfigs"])
        assert root["RootVolume"] is True
        assert "VolumeSizeInGB" not in root
        assert root["VolumeKmsKeyId"] == second["VolumeKmsKeyId"] == {"Fn::GetAtt": ["Key961B73FD", "Arn"]}


@pytest.mark.parametrize("orchestrator", [{}, {"eks": EKS}])
def test_roles_of_nodes_give_grants_for_their_volumes_through_sagemaker_only(orchestrator: dict[str, Any]) -> None:
    template = template_json(HOPPER, **orchestrator)
    key, _ = only(template, "AWS::KMS::Key")
    arn = f"arn:aws:kms:us-east-1:111122223333:key/{key}"
    through = {"kms:ViaService": "sagemaker.us-east-1.amazonaws.com"}
    _, made = only(template, "AWS::SageMaker::Cluster")
    roles = {group["ExecutionRole"]["Fn::GetAtt"][0] for group in made["Properties"]["InstanceGroups"]}
    assert len(roles) == (1 if orchestrator else 2)
    for role in roles:
        for action in ("kms:CreateGrant", "kms:DescribeKey"):
            # No encryption context is sent.
            assert_allows(template, role, action, arn, through)
            assert_denies(template, role, action, arn)


def test_capacity_may_come_from_a_training_plan() -> None:
    plan = "arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine"
    group = ClusterGroup(instance_type="ml.p5.48xlarge", instances=2, training_plan_arn=plan)
    _, made = only(template_json({"hopper": group}), "AWS::SageMaker::Cluster")
    assert made["Properties"]["InstanceGroups"][1]["TrainingPlanArn"] == plan


def test_eks_governs_teams() -> None:
    teams = {"vision": Team(instance_type="ml.p5.48xlarge", instances=1, weight=80)}
    template = template_json(HOPPER, eks=EKS, teams=teams)
    _, made = only(template, "AWS::SageMaker::Cluster")
    assert made["Properties"]["Orchestrator"] == {"Eks": {"ClusterArn": EKS.cluster_arn}}
    assert [group["InstanceGroupName"] for group in made["Properties"]["InstanceGroups"]] == ["hopper"]
    assert "sg-0123456789abcdef0" in made["Properties"]["VpcConfig"]["SecurityGroupIds"]
    _, addon = only(template, "AWS::EKS::Addon")
    assert addon["Properties"]["ClusterName"] == "research"
    _, quota = only(template, "AWS::SageMaker::ComputeQuota")
    assert quota["Properties"]["ComputeQuotaTarget"] == {"TeamName": "vision", "FairShareWeight": 80}
    _, policy = only(template, "AWS::SageMaker::ClusterSchedulerConfig")
    assert policy["Properties"]["SchedulerConfig"]["FairShare"] == "Enabled"


def test_the_quota_of_a_team_has_a_name_that_is_taken() -> None:
    teams = {"vision": Team(instance_type="ml.p5.48xlarge", instances=1)}
    with pytest.raises(InvalidValueError, match=r"Shares of the cluster n+-shares would have 67 characters"):
        template_json(HOPPER, cluster_name="n" * 60, eks=EKS, teams=teams)
    teams = {"computervision": teams["vision"]}
    with pytest.raises(InvalidValueError, match=r"Quota n+-computervision would have 70 characters; .* by 7$") as found:
        template_json(HOPPER, cluster_name="n" * 55, eks=EKS, teams=teams)
    assert found.value.field == "teams.computervision"


@pytest.mark.parametrize("orchestrator", [{}, {"eks": EKS}])
def test_no_node_can_open_a_session(orchestrator: dict[str, Any]) -> None:
    template = template_json(HOPPER, **orchestrator)
    roles = [n for n, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Role" and n.startswith("Pre")]
    assert len(roles) == (1 if orchestrator else 2)
    for role in roles:
        for action in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"):
            assert_denies(template, role, f"ssmmessages:{action}", "*")
        assert_denies(template, role, "ssm:UpdateInstanceInformation", "*")
    for rule in (
        r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::EC2::SecurityGroupIngress"
    ):
        assert rule["SourceSecurityGroupId"] == rule["GroupId"], "only the cluster itself comes in"


def test_nodes_read_their_data_and_their_scripts_only() -> None:
    template = template_json(data_sets=["reviewed/"])
    role, _ = only(template, "AWS::IAM::Role", "PreRole")
    data, _ = next(
        (n, r)
        for n, r in template["Resources"].items()
        if n.startswith("StorageDataSetsResource")
        or (n.startswith("StorageDataSets") and r["Type"] == "AWS::S3::Bucket")
    )
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{data}/reviewed/x")
    assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{data}/other/x")
    scripts, _ = only(template, "AWS::S3::Bucket", "Scripts")
    _, files = only(template, "AWS::CloudFormation::CustomResource")
    prefix = files["Properties"]["Prefix"]
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{scripts}/{prefix}worker.sh")
    assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{scripts}/{prefix}worker.sh")
    assert_denies(template, role, "sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:111122223333:pretraining-jobs")


def test_scripts_change_their_prefix_with_their_contents() -> None:
    def prefix(**options: Any) -> str:
        _, files = only(template_json(**options), "AWS::CloudFormation::CustomResource")
        return str(files["Properties"]["Prefix"])

    assert prefix(jobs={"a.sbatch": b"1"}) == prefix(jobs={"a.sbatch": b"1"}) != prefix(jobs={"a.sbatch": b"2"})


def test_who_may_submit_sends_messages_and_nothing_else() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Scientist", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        cluster(stack).grant_submit(role)

    template = template_of(build).to_json()
    role, _ = only(template, "AWS::IAM::Role", "Scientist")
    queue, _ = (
        only(template, "AWS::SQS::Queue", "PreJobs4")
        if False
        else next(
            (n, r)
            for n, r in template["Resources"].items()
            if r["Type"] == "AWS::SQS::Queue" and r["Properties"].get("QueueName")
        )
    )
    arn = "arn:aws:sqs:us-east-1:111122223333:pretraining-jobs"
    assert_allows(template, role, "sqs:SendMessage", arn)
    assert_denies(template, role, "sqs:ReceiveMessage", arn)
    assert queue.startswith("PreJobs")
    with pytest.raises(InvalidValueError, match="Grant access to the EKS cluster"):
        cluster(new_stack(), HOPPER, eks=EKS).grant_submit(
            WorkloadRole(new_stack(), "R", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        )


def team(instance_type: str = "ml.p5.48xlarge", instances: int = 1) -> dict[str, Any]:
    return {"teams": {"a": Team(instance_type=instance_type, instances=instances)}}


@pytest.mark.parametrize(
    ("create", "told"),
    [
        (
            lambda: ClusterGroup(instance_type="ml.trn1.2xlarge", instances=1),
            "instance_type: SageMaker HyperPod does not support ml.trn1.2xlarge. Did you mean",
        ),
        (lambda: ClusterGroup(instance_type="ml.m7i.large", instances=1, checks=["InstanceStress"]), "has none"),
        (lambda: ClusterGroup(instance_type="ml.g6.xlarge", instances=0), "instances = 0: should be at least 1"),
        (lambda: Slurm(controller_type="ml.m1.large"), "SageMaker HyperPod does not support ml.m1.large"),
        (lambda: ClusterOptions(groups={"controller": TRAINIUM["workers"]}), "name of the Slurm controller's group"),
        (lambda: ClusterOptions(groups={}), "groups"),
        (
            lambda: ClusterOptions(groups={"a": ClusterGroup(instance_type="ml.g6.xlarge", instances=1, spot=True)}),
            "groups.a.spot: Spot capacity requires an EKS",
        ),
        (lambda: ClusterOptions(groups=HOPPER, slurm=Slurm(), eks=EKS), "one orchestrator, not two"),
        (lambda: ClusterOptions(groups=HOPPER, **team()), "Task governance requires an EKS cluster"),
        (lambda: ClusterOptions(groups=HOPPER, eks=EKS, **team("ml.p4d.24xlarge")), "no group has this type"),
        (
            lambda: ClusterOptions(groups=HOPPER, eks=EKS, **team(instances=3)),
            "more ml.p5.48xlarge than the groups",
        ),
        (lambda: ClusterOptions(groups=HOPPER, eks=EKS).check_jobs({"a": b""}), "submitted to Kubernetes"),
        (lambda: ClusterOptions(groups=HOPPER).check_jobs(["../a"]), "is not the name of a job script"),
        (lambda: cluster(new_stack(), HOPPER, jobs={"../a": b""}), "is not the name of a job script"),
    ],
)
def test_what_cannot_be_is_refused(create: Callable[[], object], told: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(told)):
        create()


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pretrain.sbatch").write_text("#!/bin/bash\n")
    monkeypatch.setattr(intake, "JOBS", tmp_path)
    return tmp_path


def test_a_message_submits_a_deployed_script(jobs: Path) -> None:
    body = json.dumps({"script": "pretrain.sbatch", "arguments": ["corpus/v1", "run-1"]})
    assert intake.command(body) == ["sbatch", "--parsable", str(jobs / "pretrain.sbatch"), "corpus/v1", "run-1"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"script": 1}',
        '{"script": "other.sbatch"}',
        '{"script": "../pretrain.sbatch"}',
        '{"script": "/bin/sh"}',
        '{"script": "--wrap=id"}',
        '{"script": "pretrain.sbatch", "arguments": "run"}',
        '{"script": "pretrain.sbatch", "arguments": ["a;b"]}',
        '{"script": "pretrain.sbatch", "arguments": ["$(id)"]}',
        '{"script": "pretrain.sbatch", "arguments": [1]}',
        json.dumps({"script": "pretrain.sbatch", "arguments": ["a"] * 21}),
    ],
)
def test_a_message_submits_nothing_else(jobs: Path, body: str) -> None:
    with pytest.raises(intake.RefusedError):
        intake.command(body)


def test_a_message_is_deleted_once_its_job_is_submitted(
    jobs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With stand-ins for the two commands that a controller has."""
    bodies = [json.dumps({"script": "pretrain.sbatch"}), json.dumps({"script": "absent.sbatch"})]
    received = {"Messages": [{"Body": body, "ReceiptHandle": f"h{n}"} for n, body in enumerate(bodies)]}
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sbatch").write_text("#!/bin/sh\necho 41\n")
    (tools / "aws").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        f"case \"$2\" in receive-message) cat <<'JSON'\n{json.dumps(received)}\nJSON\n;; esac\n"
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    intake.take("https://queue")
    deleted = [line for line in (tmp_path / "calls").read_text().splitlines() if "delete-message" in line]
    assert len(deleted) == 1
    assert "h0" in deleted[0]


def test_the_scripts_are_shell(tmp_path: Path) -> None:
    for path in (*SCRIPTS.glob("*.sh"), *(ROOT / "config" / "scripts").rglob("*.s*")):
        subprocess.run(["bash", "-n", str(path)], check=True, timeout=10)


def test_nodes_under_eks_pull_images_that_lie_in_accounts_of_aws(reference: Synthesized) -> None:
    for service in ("ecr.api", "ecr.dkr"):
        (policy,) = [
            each["Properties"]["PolicyDocument"]["Statement"]
            for each in reference.template("foundation")["Resources"].values()
            if each["Type"] == "AWS::EC2::VPCEndpoint" and json.dumps(each["Properties"]["ServiceName"]).count(service)
        ]
        # EKS's add-ons, and HyperPod's health agent.
        for account in ("602401143452", "767398015722"):
            assert f":{account}:repository/*" in json.dumps(policy)


def test_registries_are_those_of_the_region() -> None:
    assert registries("eu-south-2", ["123456789012"]) == {"455263428931", "123456789012"}
    assert registries("eu-central-1") == {"602401143452", "211125453373"}
    with pytest.raises(InvalidValueError, match="registry of eu-south-2 has the health agent of HyperPod"):
        registries("eu-south-2")
    content = load("registries")
    assert set(content["eks"]) | set(content["hyperpod"]) <= set(load("regions")["regions"])
    assert all(re.fullmatch(r"\d{12}", each) for kind in ("eks", "hyperpod") for each in content[kind].values())

"""Training queues: one node or many, Spot or not, what a job gets, what it may do, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
from email import message_from_string
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.compute import (
    Capacity,
    LustreFileSystem,
    QueueOptions,
    Reserved,
    TrainingQueue,
    TrainingStorage,
)
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, WorkloadRole
from aws_genai.testing import assert_allows, assert_denies
from tests.support import template_of
from tests.unit.test_compute import text_of
from tests.unit.test_fleet import RESERVATION, SPOT, block

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1"


def queue(
    stack: cdk.Stack, instance_type: str = "trn1.32xlarge", *, files: bool = False, **options: Any
) -> TrainingQueue:
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    storage = TrainingStorage(stack, "Storage", foundation=foundation.but(network=None))
    return TrainingQueue(
        stack,
        "Research",
        foundation=foundation,
        queue_name="research",
        options=QueueOptions(**{"instance_type": instance_type, "image": IMAGE, **options}),
        storage=storage,
        files=LustreFileSystem(
            stack, "Files", foundation=foundation, data_sets=storage.data_sets, checkpoints=storage.checkpoints
        )
        if files
        else None,
    )


def made(instance_type: str = "trn1.32xlarge", **options: Any) -> dict[str, list[dict[str, Any]]]:
    template = template_of(lambda stack: queue(stack, instance_type, **options)).to_json()
    found: dict[str, list[dict[str, Any]]] = {}
    for each in template["Resources"].values():
        found.setdefault(each["Type"], []).append(each["Properties"])
    return found


def test_many_nodes_stand_close_together_on_demand() -> None:
    resources = made(nodes=4, efa=True)
    (environment,) = resources["AWS::Batch::ComputeEnvironment"]
    wanted = environment["ComputeResources"]
    assert (wanted["Type"], wanted["MinvCpus"], wanted["MaxvCpus"]) == ("EC2", 0, 4 * 128)
    assert wanted["PlacementGroup"] == {"Ref": next(iter(wanted["PlacementGroup"].values()))}
    assert len(wanted["Subnets"]) == 1
    (group,) = resources["AWS::EC2::PlacementGroup"]
    assert group["Strategy"] == "cluster"
    (template,) = resources["AWS::EC2::LaunchTemplate"]
    assert len(template["LaunchTemplateData"]["NetworkInterfaces"]) == 8
    (job,) = resources["AWS::Batch::JobDefinition"]
    nodes = job["NodeProperties"]
    assert (job["Type"], nodes["NumNodes"], nodes["MainNode"]) == ("multinode", 4, 0)
    (one,) = nodes["NodeRangeProperties"]
    assert one["TargetNodes"] == "0:"
    devices = [each["HostPath"] for each in one["Container"]["LinuxParameters"]["Devices"]]
    assert devices == [f"/dev/neuron{n}" for n in range(16)] + [f"/dev/infiniband/uverbs{n}" for n in range(8)]


def test_one_node_takes_spot_and_has_on_demand_behind_it() -> None:
    resources = made("g6.12xlarge", alternatives=["g6e.12xlarge"], capacity=SPOT, max_instances=3)
    kinds = {
        each["ComputeResources"]["Type"]: each["ComputeResources"]
        for each in resources["AWS::Batch::ComputeEnvironment"]
    }
    assert set(kinds) == {"SPOT", "EC2"}
    assert kinds["SPOT"]["AllocationStrategy"] == "SPOT_PRICE_CAPACITY_OPTIMIZED"
    assert kinds["SPOT"]["InstanceTypes"] == ["g6.12xlarge", "g6e.12xlarge"]
    assert kinds["SPOT"]["MaxvCpus"] == 3 * 48
    assert len(kinds["SPOT"]["Subnets"]) == 2
    assert "PlacementGroup" not in kinds["SPOT"]
    (found,) = resources["AWS::Batch::JobQueue"]
    order = [each["ComputeEnvironment"]["Fn::GetAtt"][0] for each in found["ComputeEnvironmentOrder"]]
    assert [re.sub(r"[0-9A-F]{8}$", "", name) for name in order] == ["ResearchSpot", "ResearchOnDemand"]
    assert "AWS::EC2::PlacementGroup" not in resources
    (job,) = resources["AWS::Batch::JobDefinition"]
    needs = {each["Type"]: each["Value"] for each in job["ContainerProperties"]["ResourceRequirements"]}
    assert (needs["GPU"], needs["VCPU"]) == ("4", "48")
    assert int(needs["MEMORY"]) < 196608


def test_neuron_runs_on_its_own_image_and_nvidia_on_batchs_choice() -> None:
    (neuron,) = made()["AWS::Batch::ComputeEnvironment"]
    (image,) = neuron["ComputeResources"]["Ec2Configuration"]
    assert image["ImageType"] == "ECS_AL2023"
    assert "Ref" in image["ImageIdOverride"]
    (nvidia,) = made("g6.xlarge")["AWS::Batch::ComputeEnvironment"]
    assert nvidia["ComputeResources"]["Ec2Configuration"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]


def test_a_lost_host_is_no_fault_of_the_job() -> None:
    (job,) = made(attempts=5, timeout_hours=2)["AWS::Batch::JobDefinition"]
    assert job["Timeout"] == {"AttemptDurationSeconds": 7200}
    assert job["RetryStrategy"] == {
        "Attempts": 5,
        "EvaluateOnExit": [{"Action": "RETRY", "OnStatusReason": "Host EC2*"}, {"Action": "EXIT", "OnReason": "*"}],
    }


def test_a_job_is_submitted_with_two_parameters() -> None:
    (job,) = made()["AWS::Batch::JobDefinition"]
    assert job["JobDefinitionName"] == "research"
    assert job["ContainerProperties"]["Command"] == ["train", "Ref::data_set", "Ref::run"]
    assert set(job["Parameters"]) == {"data_set", "run"}


def test_a_container_is_confined() -> None:
    (job,) = made("g6.xlarge", files=True)["AWS::Batch::JobDefinition"]
    container = job["ContainerProperties"]
    assert container["Privileged"] is False
    assert container["ReadonlyRootFilesystem"] is True
    assert "EnableExecuteCommand" not in json.dumps(job)
    mounts = {each["ContainerPath"] for each in container["MountPoints"]}
    assert mounts == {"/scratch", "/tmp", "/fsx"}  # noqa: S108 - places in the container
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"


def test_capacity_that_was_bought_is_named_to_ec2() -> None:
    (template,) = made("p5.48xlarge", capacity=Capacity(reserved=Reserved(reservation_id=RESERVATION)))[
        "AWS::EC2::LaunchTemplate"
    ]
    target = template["LaunchTemplateData"]["CapacityReservationSpecification"]["CapacityReservationTarget"]
    assert target == {"CapacityReservationId": RESERVATION}
    (template,) = made("p5.48xlarge", nodes=2, capacity=block(instances=2))["AWS::EC2::LaunchTemplate"]
    assert template["LaunchTemplateData"]["InstanceMarketOptions"] == {"MarketType": "capacity-block"}


def test_shares_are_fair() -> None:
    resources = made(shares={"research": 2, "product": 1})
    (policy,) = resources["AWS::Batch::SchedulingPolicy"]
    weights = {each["ShareIdentifier"]: each["WeightFactor"] for each in policy["FairsharePolicy"]["ShareDistribution"]}
    assert weights == {"research": 2, "product": 1}
    (found,) = resources["AWS::Batch::JobQueue"]
    assert "SchedulingPolicyArn" in found
    assert "SchedulingPolicyArn" not in made()["AWS::Batch::JobQueue"][0]


def test_a_job_reads_its_data_sets_and_writes_its_own_checkpoints() -> None:
    template = template_of(lambda stack: queue(stack, data_sets=["reviewed/"])).to_json()
    resources = template["Resources"]
    data = next(
        name
        for name in resources
        if name.startswith("StorageDataSets") and resources[name]["Type"] == "AWS::S3::Bucket"
    )
    kept = next(
        name
        for name in resources
        if name.startswith("StorageCheckpoints") and resources[name]["Type"] == "AWS::S3::Bucket"
    )
    role = next(
        name for name in resources if name.startswith("ResearchJobRole") and resources[name]["Type"] == "AWS::IAM::Role"
    )
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{data}/reviewed/part-0")
    assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{data}/unreviewed/part-0")
    assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{data}/reviewed/part-0")
    assert_allows(template, role, "s3:PutObject", f"arn:aws:s3:::{kept}/Research/run-1/step")
    assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{kept}/Other/run-1/step")
    host = next(
        name
        for name in resources
        if name.startswith("ResearchInstanceRole") and resources[name]["Type"] == "AWS::IAM::Role"
    )
    # The host may pull one image, and touches no data.
    assert_allows(template, host, "ecr:BatchGetImage", "arn:aws:ecr:us-east-1:111122223333:repository/train")
    assert_denies(template, host, "ecr:BatchGetImage", "arn:aws:ecr:us-east-1:111122223333:repository/other")
    assert_denies(template, host, "s3:GetObject", f"arn:aws:s3:::{data}/reviewed/part-0")
    assert_denies(template, host, "ssm:UpdateInstanceInformation", "*")


def test_who_may_submit_may_submit_here_only() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Scientist", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        queue(stack).grant_submit(role)

    template = template_of(build).to_json()
    role = next(
        n for n, r in template["Resources"].items() if n.startswith("Scientist") and r["Type"] == "AWS::IAM::Role"
    )
    job = "arn:aws:batch:us-east-1:111122223333:job-definition/{}"
    assert_allows(template, role, "batch:SubmitJob", job.format("research:7"))
    assert_denies(template, role, "batch:SubmitJob", job.format("other:7"))


def test_hosts_start_closed_and_mount_what_jobs_need(tmp_path: Path) -> None:
    (template,) = made(files=True)["AWS::EC2::LaunchTemplate"]
    data = template["LaunchTemplateData"]
    assert "KeyName" not in data
    parts = message_from_string(text_of(data["UserData"]))
    assert parts.get_content_type() == "multipart/mixed"
    (script,) = parts.get_payload()
    assert script.get_content_type() == "text/x-shellscript"
    text = script.get_payload()
    for line in ("amazon-ssm-agent.service", "ECS_DISABLE_PRIVILEGED=true", "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true"):
        assert line in text
    path = tmp_path / "user-data"
    path.write_text(text)
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=10)


def boots(folder: Path, failing: str = "nothing", mounted: str = "no", **options: Any) -> tuple[list[str], int]:
    """The commands of a host's user data in their order, run with stand-ins of which those that match fail."""
    (template,) = made(**options)["AWS::EC2::LaunchTemplate"]
    (script,) = message_from_string(text_of(template["LaunchTemplateData"]["UserData"])).get_payload()
    text = re.sub(r"(?<=[ \"])/(?=(?:etc|opt|scratch|fsx)\b)", f"{folder}/", script.get_payload())
    for name in ("etc/systemd/system", "opt", "fsx", "bin"):
        (folder / name).mkdir(parents=True)
    stand_in = folder / "bin" / "systemctl"
    stand_in.write_text(
        f'#!/bin/bash\nsaid="$(basename "$0") $*"\necho "$said" >> {folder}/said\n'
        '[[ "$said" != lsblk* ]] || echo "/dev/nvme1n1 Amazon EC2 NVMe Instance Storage"\n'
        f'[[ "$said" != mountpoint* || ("$said" = *fsx && {mounted} = yes) ]] && [[ ! "$said" =~ {failing} ]]\n'
    )
    stand_in.chmod(0o700)
    for name in ("dnf", "mount", "mountpoint", "mdadm", "mkfs.xfs", "lsblk", "sleep", "chmod"):
        (folder / "bin" / name).symlink_to(stand_in)
    search = f"{folder}/bin:/usr/bin:/bin"
    ended = subprocess.run(["bash"], input=text.encode(), env={"PATH": search}, timeout=20, check=False)
    return (folder / "said").read_text().splitlines(), ended.returncode


def test_a_host_takes_packages_from_the_one_repository_that_it_reaches_and_mounts_first(tmp_path: Path) -> None:
    said, code = boots(tmp_path, mounted="yes", files=True)
    assert code == 0
    assert "systemctl poweroff" not in said
    packages = [each for each in said if each.startswith("dnf")]
    assert packages
    assert all("--disablerepo=* --enablerepo=amazonlinux install" in each for each in packages)
    assert packages[0].endswith(" lustre-client")
    (mounts,) = [number for number, each in enumerate(said) if each.startswith("mount -t lustre")]
    assert said.index(packages[0]) < mounts < said.index(packages[1])


@pytest.mark.parametrize(
    ("failing", "mounted"),
    [("lustre-client", "no"), ("^mount.-t.lustre", "no"), ("install.mdadm", "yes"), ("^mkfs", "yes")],
)
def test_a_host_without_its_file_systems_switches_itself_off(tmp_path: Path, failing: str, mounted: str) -> None:
    said, _ = boots(tmp_path, failing, mounted, files=True)
    assert "systemctl poweroff" in said


def test_a_host_that_cannot_be_watched_works(tmp_path: Path) -> None:
    said, code = boots(tmp_path, "cloudwatch-agent", "yes", files=True)
    assert code == 0
    assert "systemctl poweroff" not in said


def test_hosts_come_after_the_file_system_and_its_links() -> None:
    template = template_of(lambda stack: queue(stack, files=True)).to_json()
    resources = template["Resources"]
    links = {name for name, each in resources.items() if each["Type"] == "AWS::FSx::DataRepositoryAssociation"}
    assert len(links) == 2
    hosts = [each for each in resources.values() if each["Type"] == "AWS::Batch::ComputeEnvironment"]
    assert hosts
    assert all(links <= set(each["DependsOn"]) for each in hosts)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nodes": 2, "capacity": SPOT}, "AWS Batch does not run multi-node jobs on Spot"),
        ({"nodes": 4, "max_instances": 2}, "Set max_instances to 4 or more"),
        ({"nodes": 0}, "nodes = 0: should be at least 1"),
        ({"image": "train:latest"}, "has to be a container image of Amazon ECR"),
        ({"image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/train"}, "with a tag or a digest"),
        ({"shares": {"re search": 1}}, "has to be a share identifier"),
        ({"shares": {"research": 0}}, "shares.research = 0"),
        ({"instance_type": "trn1.2xlarge", "efa": True}, "has no Elastic Fabric Adapter"),
        ({"instance_type": "g6.xlarge", "nodes": 2, "alternatives": ["g5.xlarge"]}, "runs on one instance type"),
        ({"instance_type": "p3.2xlarge"}, "Xen hypervisor"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(told)):
        QueueOptions(**{"instance_type": "trn1.32xlarge", "image": IMAGE, **options})


def test_any_role_of_the_cdk_may_be_granted() -> None:
    def build(stack: cdk.Stack) -> None:
        queue(stack).grant_submit(iam.Role(stack, "Plain", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))

    template = template_of(build).to_json()
    role = next(n for n, r in template["Resources"].items() if n.startswith("Plain") and r["Type"] == "AWS::IAM::Role")
    assert_allows(template, role, "batch:SubmitJob", "arn:aws:batch:us-east-1:111122223333:job-definition/research:7")

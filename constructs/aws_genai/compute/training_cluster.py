"""Machines for runs of weeks: watched, repaired and orchestrated by SageMaker HyperPod."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files as resources
from typing import Any

from aws_cdk import Stack, Token, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ..data.cluster import ClusterGroup, Eks, Slurm, Team, check_cluster, check_governed
from ..foundation.alarms import AlarmTopic
from ..foundation.bucket import SecureBucket
from ..foundation.key import DataKey
from ..foundation.naming import lasting
from ..foundation.network import PrivateNetwork
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.report import report_event
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from ..packaging.files import BucketFiles
from .governance import share_capacity
from .interfaces import allow_fabric, groups_of
from .lustre import LustreFileSystem
from .storage import TrainingStorage
from .work_queue import WorkQueue

#: The group of the Slurm controller.
CONTROLLER = "controller"

#: What a node in a VPC does with its own interfaces; none of these takes a resource that is known before.
#: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-prerequisites-iam.html
_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:DetachNetworkInterface",
)
#: What Kubernetes' network plugin, its credentials and its images need on top.
_KUBERNETES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:AttachNetworkInterface",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeTags",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:UnassignPrivateIpAddresses",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "eks-auth:AssumeRoleForPodIdentity",
)


class TrainingCluster(Construct):
    """A SageMaker HyperPod cluster: persistent machines that are checked before use and replaced when they break.

    Orchestrated by Slurm, whose controller this makes, or by an Amazon EKS cluster that exists. Nobody logs in: the
    nodes' role lacks what a Session Manager session needs, and the security group lets in only the cluster itself. A
    Slurm job is therefore submitted by message: the controller takes it from :attr:`jobs` and runs ``sbatch`` on a
    script that was deployed with the cluster, and on no other::

        aws sqs send-message --queue-url $URL --message-body '{"script": "pretrain.sbatch", "arguments": ["run-1"]}'

    An EKS cluster must have HyperPod's dependencies installed by Helm, authenticate by API, and stand in the same VPC.
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-install-packages-using-helm-chart.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import ClusterGroup, TrainingCluster, TrainingStorage
        from aws_genai.foundation import (
            AccessLogBucket,
            AlarmTopic,
            CostTags,
            DataKey,
            PrivateNetwork,
            SecureBucket,
        )
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        key = DataKey(stack, "Key", description="Training")
        key.allow_logs()
        logs = AccessLogBucket(stack, "Logs")
        TrainingCluster(
            stack,
            "Pretraining",
            cluster_name="pretraining",
            groups=[ClusterGroup(name="workers", instance_type="ml.trn1.32xlarge", instances=4)],
            jobs={"pretrain.sbatch": b"#!/bin/bash\\n#SBATCH --nodes=4\\nsrun python train.py $1\\n"},
            storage=TrainingStorage(stack, "Storage", key=key, access_logs=logs),
            scripts=SecureBucket(stack, "Scripts", key=key, access_logs=logs),
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param cluster_name: what the cluster's name begins with, 1 to 63 letters, digits and hyphens; it ends in a digest
        of where the cluster lies.
    :param groups: groups of equal machines; with Slurm each is a partition of its name.
    :param network: where the nodes run, in its first zone.
    :param key: encrypts every volume.
    :param topic: told of every node that is unhealthy or replaced.
    :param storage: the data sets that nodes read and the checkpoints that they write.
    :param scripts: the bucket of scripts that nodes run when they start; it should hold nothing else.
    :param orchestrator: Slurm, or an EKS cluster. Default: Slurm.
    :param lifecycle: files that every node gets; of them ``on_init.sh`` runs once HyperPod has set the node up.
        Default: none.
    :param jobs: Slurm job scripts that may be submitted, by name. Default: none.
    :param data_sets: the parts of the data sets that nodes may read, each ending in ``/``. Default: the construct's id.
    :param files: a file system that is mounted at ``/fsx``. Default: none.
    :param teams: shares of an EKS cluster's capacity, enforced by task governance. Default: none.
    :param functions_network: a VPC for the function that copies the scripts. Default: the service's own network.
    :param log_days: days that logs of that function are kept. Default: 365.
    :raises InvalidValueError: if SageMaker has no such type for HyperPod, a name stands twice, deep health checks or a
        team are asked of what has none, or jobs and teams do not fit the orchestrator.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        groups: Sequence[ClusterGroup],
        network: PrivateNetwork,
        key: DataKey,
        topic: AlarmTopic,
        storage: TrainingStorage,
        scripts: SecureBucket,
        orchestrator: Slurm | Eks | None = None,
        lifecycle: Mapping[str, bytes] | None = None,
        jobs: Mapping[str, bytes] | None = None,
        data_sets: Sequence[str] | None = None,
        files: LustreFileSystem | None = None,
        teams: Sequence[Team] = (),
        functions_network: PrivateNetwork | None = None,
        log_days: int = 365,
    ) -> None:
        super().__init__(scope, id)
        self.orchestrator: Slurm | Eks = orchestrator or Slurm()
        check_cluster(groups, self.orchestrator, teams=teams, jobs=jobs or {})
        region = Stack.of(self).region
        if teams and not Token.is_unresolved(region):
            check_governed(region)
        self._name, self._key, self._files = cluster_name, key, files
        chosen = self.orchestrator
        eks = [chosen.cluster_arn, *chosen.security_group_ids] if isinstance(chosen, Eks) else []
        #: What SageMaker calls it.
        self.cluster_name = lasting(self, cluster_name, network.cidr, network.zones[0], eks, files is not None)
        key.allow_in_sagemaker()
        self.security_group = network.security_group(
            self, "Group", description=f"Cluster {cluster_name}: its own nodes only"
        )
        allow_fabric(self, self.security_group)
        self._scripts = self._deploy(scripts, lifecycle or {}, jobs or {}, topic, functions_network, log_days)
        self._roles: list[WorkloadRole] = []
        self.role = self._role("Role", "Nodes")
        for data_set in data_sets if data_sets is not None else (f"{id}/",):
            storage.data_sets.grant_read(self.role, data_set)
        storage.grant_checkpoints(self.role, f"{id}/")
        #: Where Slurm jobs are submitted; None with EKS.
        self.jobs: WorkQueue | None = None
        members = [self._group(group, self.role) for group in groups]
        if isinstance(self.orchestrator, Slurm):
            controller = self._role("ControllerRole", "Slurm controller")
            self.jobs = WorkQueue(
                self, "Jobs", key=key, queue_name=self._queue_name, visibility_seconds=60, topic=topic
            )
            self.jobs.grant_consume(controller)
            controller.allow(("sqs:GetQueueUrl",), [self.jobs.queue_arn])
            members.insert(0, self._controller(self.orchestrator, controller))
        self.resource = self._cluster(members, network)
        # Nodes read their scripts by their roles as soon as they start.
        self.resource.node.add_dependency(*(each.permissions for each in self._roles))
        self.cluster_arn: str = self.resource.attr_cluster_arn
        if teams and isinstance(self.orchestrator, Eks):
            share_capacity(self, self._name, self.cluster_name, self.resource, self.orchestrator, teams)
        # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-cluster-management-slurm.html
        report_event(
            self,
            "Health",
            topic=topic,
            key=key,
            description=f"A node of the cluster {cluster_name} is unhealthy, or its state changed: see its events.",
            pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker HyperPod Cluster Node Health Event"],
                "detail": {"ClusterName": [self.cluster_name]},
            },
        )

    def grant_submit(self, role: WorkloadRole) -> None:
        """Let ``role`` submit Slurm jobs.

        :raises ValueError: if EKS orchestrates the cluster, whose jobs are submitted to Kubernetes.
        """
        if self.jobs is None:
            raise ValueError(f"{self.node.path} is orchestrated by EKS: grant access to the EKS cluster instead")
        self.jobs.grant_send(role)

    @property
    def _queue_name(self) -> str:
        return f"{self._name}-jobs"

    def _deploy(
        self,
        bucket: SecureBucket,
        lifecycle: Mapping[str, bytes],
        jobs: Mapping[str, bytes],
        topic: AlarmTopic,
        network: PrivateNetwork | None,
        log_days: int,
    ) -> BucketFiles:
        own = resources("aws_genai") / "compute" / "hyperpod"
        contents = {each.name: each.read_bytes() for each in own.iterdir() if each.is_file()}
        contents["cluster.env"] = f"QUEUE_NAME={self._queue_name}\n".encode()
        contents |= lifecycle
        contents |= {f"jobs/{name}": text for name, text in jobs.items()}
        self._bucket = bucket
        return BucketFiles(
            self,
            "Scripts",
            contents=contents,
            bucket=bucket,
            key=self._key,
            topic=topic,
            network=network,
            log_days=log_days,
        )

    def _role(self, id: str, what: str) -> WorkloadRole:
        role = WorkloadRole(
            self,
            id,
            # The page of this role has no condition, and promises no key that could be asked for:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-prerequisites-iam.html
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"{what} of the cluster {self.cluster_name}",
        )
        # AWS's managed policy for nodes opens Session Manager channels; this one does not.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/security-iam-awsmanpol-AmazonSageMakerClusterInstanceRolePolicy.html
        group = f"log-group:/aws/sagemaker/Clusters/{self.cluster_name}/*"
        role.allow(
            ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            [f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:{group}"],
        )
        role.allow(
            ("cloudwatch:PutMetricData",),
            ["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Clusters"}},
        )
        kubernetes = isinstance(self.orchestrator, Eks)
        role.allow((*_INTERFACES, *(_KUBERNETES if kubernetes else ())), ["*"])
        interfaces = f"arn:{PARTITION}:ec2:{REGION}:{ACCOUNT_ID}:network-interface/*"
        role.allow(("ec2:CreateTags",), [interfaces])
        self._bucket.grant_read(role, self._scripts.prefix)
        # Nodes that are added, replaced or patched get volumes by grants of this role:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/smcluster-cmk.html
        through = {"StringEquals": {"kms:ViaService": f"sagemaker.{REGION}.amazonaws.com"}}
        role.allow(("kms:CreateGrant", "kms:DescribeKey"), [self._key.key_arn], conditions=through)
        named = "arn:<AWS::Partition>"
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(
                "Resource::*",
                f"Resource::{named}:logs:<AWS::Region>:<AWS::AccountId>:{group}",
                f"Resource::{named}:ec2:<AWS::Region>:<AWS::AccountId>:network-interface/*",
            ),
            reason="HyperPod makes interfaces and log groups itself at run time, and metrics take no resource.",
            met_by="the name of the cluster in its log groups, the namespace of its metrics, and no other EC2 action",
        )
        self._roles.append(role)
        return role

    def _group(self, group: ClusterGroup, role: WorkloadRole) -> dict[str, Any]:
        slurm = isinstance(self.orchestrator, Slurm)
        return {
            **self._node(group.name, group.instance_type, group.instances, role, group.volume_gib, "worker.sh"),
            "onStartDeepHealthChecks": list(group.health_checks) or None,
            "trainingPlanArn": group.training_plan_arn,
            "capacityRequirements": {"spot": {}} if group.spot else None,
            "slurmConfig": {"nodeType": "Compute", "partitionNames": [group.name]} if slurm else None,
        }

    def _controller(self, slurm: Slurm, role: WorkloadRole) -> dict[str, Any]:
        return {
            **self._node(CONTROLLER, slurm.controller_type, 1, role, 100, "controller.sh"),
            "slurmConfig": {"nodeType": "Controller"},
        }

    def _node(
        self, name: str, instance_type: str, count: int, role: WorkloadRole, volume_gib: int, script: str
    ) -> dict[str, Any]:
        volume = {"volumeKmsKeyId": self._key.key_arn}
        storage: list[dict[str, Any]] = [
            {"ebsVolumeConfig": {**volume, "rootVolume": True}},
            {"ebsVolumeConfig": {**volume, "volumeSizeInGb": volume_gib}},
        ]
        if self._files is not None:
            mounted = {"dnsName": self._files.dns_name, "mountName": self._files.mount_name, "mountPath": "/fsx"}
            storage.append({"fsxLustreConfig": mounted})
        return {
            "instanceGroupName": name,
            "instanceType": instance_type,
            "instanceCount": count,
            "executionRole": role.role_arn,
            "threadsPerCore": 1,
            "instanceStorageConfigs": storage,
            "lifeCycleConfig": {"sourceS3Uri": self._scripts.uri, "onInitComplete": script},
        }

    def _cluster(self, members: list[dict[str, Any]], network: PrivateNetwork) -> sagemaker.CfnCluster:
        chosen = self.orchestrator
        groups = groups_of(self.security_group, self._files)
        if isinstance(chosen, Eks):
            groups += chosen.security_group_ids
            orchestrator: dict[str, Any] = {"eks": {"clusterArn": chosen.cluster_arn}}
        else:
            # Any strategy beside continuous provisioning, which manages partitions by itself, is an error:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-scaling-slurm.html
            orchestrator = {"slurm": {}}
        made = sagemaker.CfnCluster(
            self,
            "Resource",
            cluster_name=self.cluster_name,
            instance_groups=members,
            orchestrator=orchestrator,
            node_recovery="Automatic",
            # Customer keys for volumes ask for it, and groups grow and heal one node at a time with it.
            node_provisioning_mode="Continuous",
            vpc_config={"subnets": network.subnet_ids[:1], "securityGroupIds": groups},
        )
        made.node.add_dependency(self._scripts)
        if self._files is not None:
            self._files.come_before(made)
        return made

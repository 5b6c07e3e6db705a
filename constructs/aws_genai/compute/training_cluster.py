"""Persistent instances for long training runs, which SageMaker HyperPod monitors and replaces."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as resources
from typing import Any

from aws_cdk import CfnResource, Stack, Token, aws_eks as eks, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ..data.cluster import check_governed
from ..errors import InvalidValueError
from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.naming import lasting
from ..foundation.network import PrivateNetwork
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.report import report_event
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from ..packaging.files import BucketFiles
from .launch import allow_fabric, groups_of
from .lustre import LustreFileSystem
from .options import CLUSTER_NAME, CONTROLLER, QUOTA_NAME, SHARES_NAME, ClusterGroup, ClusterOptions, Slurm
from .storage import TrainingStorage
from .work_queue import WorkQueue

#: What a node in a VPC does with its own network interfaces; none of these supports a resource that is known before.
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
#: What the network plugin, the credentials and the images of Kubernetes need in addition.
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
    """A SageMaker HyperPod cluster: persistent instances that are checked before use and replaced when they fail.

    Slurm orchestrates it, with a controller that this creates, or an existing Amazon EKS cluster. Nobody logs in: the
    role of the nodes lacks the permissions of a Session Manager session, and the security group admits only the cluster
    itself. A Slurm job is therefore submitted as a message: the controller receives it from :attr:`jobs` and runs
    ``sbatch`` with a script that was deployed with the cluster, and with no other::

        aws sqs send-message --queue-url $URL --message-body '{"script": "pretrain.sbatch", "arguments": ["run-1"]}'

    An EKS cluster has the dependencies of HyperPod installed by Helm, uses the API authentication mode, and is in the
    same VPC.
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-install-packages-using-helm-chart.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import ClusterGroup, ClusterOptions, TrainingCluster, TrainingStorage
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        foundation = Foundation(stack, network=["us-east-1a"])
        TrainingCluster(
            stack,
            "Pretraining",
            foundation=foundation,
            cluster_name="pretraining",
            options=ClusterOptions(
                groups={"workers": ClusterGroup(instance_type="ml.trn1.32xlarge", instances=4)}
            ),
            storage=TrainingStorage(stack, "Storage", foundation=foundation),
            scripts=SecureBucket(stack, "Scripts", foundation=foundation),
            jobs={"pretrain.sbatch": b"#!/bin/bash\\n#SBATCH --nodes=4\\nsrun python train.py $1\\n"},
        )
        app.synth()

    :param foundation: key, topic, network and retention. Nodes run in the first subnet of its network.
    :param cluster_name: prefix of the cluster's name, 1 to 63 letters, digits and hyphens; the name ends in a digest of
        what a cluster cannot change, such as its subnet.
    :param options: the instance groups, the orchestrator and the teams.
    :param storage: the data sets that nodes read and the checkpoints that they write. Nodes write checkpoints under the
        construct's id, and read the data sets under it unless the options name others.
    :param scripts: the bucket of the scripts that nodes run when they start; it should have no other objects.
    :param lifecycle: files that are copied to every node, by name; ``on_init.sh`` runs after HyperPod has set the node
        up. Default: none.
    :param jobs: Slurm job scripts that may be submitted, by name. Default: none.
    :param files: a file system that is mounted at ``/fsx``. Default: none.
    :raises InvalidValueError: if CloudFormation does not support teams in the Region, EKS orchestrates a cluster with
        job scripts, or the name of a job script is not a plain file name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        cluster_name: str,
        options: ClusterOptions,
        storage: TrainingStorage,
        scripts: SecureBucket,
        lifecycle: Mapping[str, bytes] | None = None,
        jobs: Mapping[str, bytes] | None = None,
        files: LustreFileSystem | None = None,
    ) -> None:
        super().__init__(scope, id)
        CLUSTER_NAME.check(cluster_name, field="cluster_name")
        network, key, topic = foundation.private_network, foundation.key, foundation.topic
        options.check_jobs(jobs or ())
        region = Stack.of(self).region
        if options.teams and not Token.is_unresolved(region):
            check_governed(region)
        self.options = options
        self._name, self._key, self._files = cluster_name, key, files
        orchestrator = [options.eks.cluster_arn, *options.eks.security_group_ids] if options.eks else []
        #: Name of the cluster in SageMaker.
        self.cluster_name = lasting(self, cluster_name, network.cidr, network.zones[0], orchestrator, files is not None)
        key.allow_in_sagemaker()
        self.security_group = network.security_group(
            self, "Group", description=f"Cluster {cluster_name}: its own nodes only"
        )
        allow_fabric(self, self.security_group)
        self._bucket = scripts
        self._scripts = self._deploy(lifecycle or {}, jobs or {}, foundation)
        self._roles: list[WorkloadRole] = []
        #: The role of the nodes.
        self.role = self._role("Role", "Nodes")
        for data_set in options.data_sets or (f"{id}/",):
            storage.data_sets.grant_read(self.role, data_set)
        storage.grant_checkpoints(self.role, f"{id}/")
        #: The queue that Slurm jobs are submitted to; None with EKS.
        self.jobs: WorkQueue | None = None
        members = [self._group(name, group) for name, group in options.groups.items()]
        if not options.eks:
            controller = self._role("ControllerRole", "Slurm controller")
            self.jobs = WorkQueue(
                self,
                "Jobs",
                foundation=foundation,
                queue_name=self._queue_name,
                visibility_seconds=60,
            )
            self.jobs.grant_consume(controller)
            controller.allow(("sqs:GetQueueUrl",), [self.jobs.queue_arn])
            members.insert(0, self._controller(options.slurm or Slurm(), controller))
        self.resource = self._cluster(members, network)
        # Nodes read their scripts with their roles as soon as they start.
        self.resource.node.add_dependency(*(each.permissions for each in self._roles))
        self.cluster_arn: str = self.resource.attr_cluster_arn
        if options.eks and options.teams:
            self._allocate(options.eks.cluster_arn)
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

    def grant_submit(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` submit Slurm jobs.

        :raises InvalidValueError: if EKS orchestrates the cluster, whose jobs are submitted to Kubernetes.
        """
        if self.jobs is None:
            raise InvalidValueError(
                f"{self.node.path} is orchestrated by EKS, whose jobs are submitted to Kubernetes",
                hint="Grant access to the EKS cluster instead",
            )
        return self.jobs.grant_send(grantee)

    @property
    def _queue_name(self) -> str:
        return f"{self._name}-jobs"

    def _deploy(self, lifecycle: Mapping[str, bytes], jobs: Mapping[str, bytes], foundation: Foundation) -> BucketFiles:
        own = resources("aws_genai") / "compute" / "hyperpod"
        contents = {each.name: each.read_bytes() for each in own.iterdir() if each.is_file()}
        contents["cluster.env"] = f"QUEUE_NAME={self._queue_name}\n".encode()
        contents |= lifecycle
        contents |= {f"jobs/{name}": text for name, text in jobs.items()}
        return BucketFiles(self, "Scripts", contents=contents, bucket=self._bucket, foundation=foundation)

    def _role(self, id: str, what: str) -> WorkloadRole:
        role = WorkloadRole(
            self,
            id,
            # AWS documents no condition key for the trust policy of this role:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-prerequisites-iam.html
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"{what} of the cluster {self.cluster_name}",
        )
        # AWS's managed policy for nodes allows Session Manager channels; this one does not.
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
        role.allow((*_INTERFACES, *(_KUBERNETES if self.options.eks else ())), ["*"])
        interfaces = f"arn:{PARTITION}:ec2:{REGION}:{ACCOUNT_ID}:network-interface/*"
        role.allow(("ec2:CreateTags",), [interfaces])
        self._bucket.grant_read(role, self._scripts.prefix)
        # Volumes of nodes that are added, replaced or patched are encrypted by grants of this role:
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
            reason="HyperPod creates interfaces and log groups at run time, and PutMetricData supports no resource.",
            met_by="the name of the cluster in its log groups, the namespace of its metrics, and no other EC2 action",
        )
        self._roles.append(role)
        return role

    def _group(self, name: str, group: ClusterGroup) -> dict[str, Any]:
        slurm = None if self.options.eks else {"nodeType": "Compute", "partitionNames": [name]}
        return {
            **self._node(name, group.instance_type, group.instances, self.role, group.volume_gib, "worker.sh"),
            "onStartDeepHealthChecks": list(group.health_checks) or None,
            "trainingPlanArn": group.training_plan_arn,
            "capacityRequirements": {"spot": {}} if group.spot else None,
            "slurmConfig": slurm,
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
        chosen = self.options.eks
        groups = groups_of(self.security_group, self._files)
        if chosen:
            groups += chosen.security_group_ids
            orchestrator: dict[str, Any] = {"eks": {"clusterArn": chosen.cluster_arn}}
        else:
            # With continuous provisioning, which manages partitions itself, a strategy is an error:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-scaling-slurm.html
            orchestrator = {"slurm": {}}
        made = sagemaker.CfnCluster(
            self,
            "Resource",
            cluster_name=self.cluster_name,
            instance_groups=members,
            orchestrator=orchestrator,
            node_recovery="Automatic",
            # Customer managed keys for volumes require it; groups scale and recover one node at a time.
            node_provisioning_mode="Continuous",
            vpc_config={"subnets": network.subnet_ids[:1], "securityGroupIds": groups},
        )
        made.node.add_dependency(self._scripts)
        if self._files is not None:
            self._files.come_before(made)
        return made

    def _allocate(self, eks_arn: str) -> None:
        """Allocate the capacity of an EKS cluster to teams, which lend it while it is idle and reclaim it.

        The scheduler policy and the compute allocations belong to one cluster, so their names change with its name.
        https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-operate-console-ui-governance.html
        """
        addon = eks.CfnAddon(
            self,
            "Governance",
            addon_name="amazon-sagemaker-hyperpod-taskgovernance",
            cluster_name=eks_arn.rpartition("/")[2],
            resolve_conflicts="OVERWRITE",
        )
        addon.node.add_dependency(self.resource)
        shares = f"{self._name}-shares"
        SHARES_NAME.check(shares, field="cluster_name")
        policy = sagemaker.CfnClusterSchedulerConfig(
            self,
            "Scheduler",
            name=lasting(self, shares, self.cluster_name),
            cluster_arn=self.cluster_arn,
            scheduler_config={
                "fairShare": "Enabled",
                "priorityClasses": [{"name": "training", "weight": 50}, {"name": "experiment", "weight": 10}],
            },
        )
        policy.node.add_dependency(addon)
        for name, team in self.options.teams.items():
            QUOTA_NAME.check(f"{self._name}-{name}", field=f"teams.{name}")
            # The CDK has no class for this type yet.
            quota = CfnResource(
                self,
                f"Team-{name}",
                type="AWS::SageMaker::ComputeQuota",
                properties={
                    "Name": lasting(self, f"{self._name}-{name}", self.cluster_name),
                    "ClusterArn": self.cluster_arn,
                    "ComputeQuotaTarget": {"TeamName": name, "FairShareWeight": team.weight},
                    "ComputeQuotaConfig": {
                        "ComputeQuotaResources": [{"InstanceType": team.instance_type, "Count": team.instances}],
                        "ResourceSharingConfig": {"Strategy": "LendAndBorrow", "BorrowLimit": team.borrow_percent},
                        "PreemptTeamTasks": "LowerPriority",
                    },
                },
            )
            quota.node.add_dependency(policy)
            acknowledge(
                quota,
                "F3006",
                reason="The type is newer than the resource schemas that this version of the CDK validates against.",
                met_by="CloudFormation's own reference: TemplateReference/aws-resource-sagemaker-computequota.html",
            )

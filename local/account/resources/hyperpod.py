"""HyperPod clusters as records: no node starts, but invalid references fail."""

from __future__ import annotations

from ministack.services import ec2, s3

from .base import Model, Resource, ServiceError


class Cluster(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html"""

    type = "AWS::SageMaker::Cluster"
    name = "ClusterName"
    attributes = {
        "ClusterArn": "arn:aws:sagemaker:{region}:{account}:cluster/{token}",
        "ClusterStatus": "InService",
        "CreationTime": "{now}",
        "FailureMessage": "none",
    }

    def create(self, model: Model) -> Model:
        for subnet in model.get("VpcConfig", {}).get("Subnets", []):
            if subnet not in ec2._subnets:
                raise ServiceError(f"The subnet ID '{subnet}' does not exist (Service: SageMaker)")
        strategy = model.get("Orchestrator", {}).get("Slurm", {}).get("SlurmConfigStrategy")
        if strategy and model.get("NodeProvisioningMode") == "Continuous":
            # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-scaling-slurm.html
            raise ServiceError("SlurmConfigStrategy does not go with continuous provisioning (Service: SageMaker)")
        for group in model["InstanceGroups"]:
            self._check_scripts(group)
        return super().create(model)

    def _check_scripts(self, group: Model) -> None:
        """HyperPod reads the entry script before it creates a node."""
        cycle = group.get("LifeCycleConfig")
        if not cycle:
            return
        bucket, _, prefix = cycle["SourceS3Uri"].removeprefix("s3://").partition("/")
        script = cycle.get("OnInitComplete") or cycle.get("OnCreate")
        key = f"{prefix.rstrip('/')}/{script}".lstrip("/")
        if key not in (s3._buckets.get(bucket) or {}).get("objects", {}):
            raise ServiceError(f"Lifecycle script s3://{bucket}/{key} was not found (Service: SageMaker)")


class SchedulerConfig(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateClusterSchedulerConfig.html"""

    type = "AWS::SageMaker::ClusterSchedulerConfig"
    name = "Name"
    attributes = {
        "ClusterSchedulerConfigArn": "arn:aws:sagemaker:{region}:{account}:cluster-scheduler-config/{token}",
        "ClusterSchedulerConfigId": "{token}",
        "ClusterSchedulerConfigVersion": "1",
        "Status": "Created",
        "CreationTime": "{now}",
        "LastModifiedTime": "{now}",
    }
    needs = {"ClusterArn": Cluster.type}


class ComputeQuota(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateComputeQuota.html"""

    type = "AWS::SageMaker::ComputeQuota"
    name = "Name"
    attributes = {
        "ComputeQuotaArn": "arn:aws:sagemaker:{region}:{account}:compute-quota/{token}",
        "ComputeQuotaId": "{token}",
        "ComputeQuotaVersion": "1",
        "Status": "Created",
        "CreationTime": "{now}",
        "LastModifiedTime": "{now}",
    }
    needs = {"ClusterArn": Cluster.type}


class Addon(Resource):
    """https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html

    Recorded without its cluster: the settings name one that exists elsewhere.
    """

    type = "AWS::EKS::Addon"
    attributes = {"Arn": "arn:aws:eks:{region}:{account}:addon/{ClusterName}/{AddonName}/{token}"}

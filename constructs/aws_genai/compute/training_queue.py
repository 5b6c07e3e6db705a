"""Training jobs that wait for accelerators, run on several instances, and restart after an interruption."""

from __future__ import annotations

from typing import Any

from aws_cdk import (
    Duration,
    Names,
    Stack,
    aws_batch as batch,
    aws_cloudwatch as cloudwatch,
    aws_ec2 as ec2,
    aws_iam as iam,
    aws_logs as logs,
)
from constructs import Construct

from ..data.accelerators import Platform
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.report import report_event
from ..foundation.role import WorkloadRole, grant
from ..gate.acknowledgement import acknowledge
from . import boot, watching
from .boot import SCRATCH
from .launch import allow_fabric, groups_of, image_of, launch_template
from .lustre import LustreFileSystem, mount_script
from .options import JOB_QUEUE_NAME, QueueOptions
from .storage import TrainingStorage

#: The Neuron variant of the ECS-optimized AMI; for NVIDIA, AWS Batch chooses the AMI by its image type.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html
_NEURON_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/neuron/recommended/image_id"
#: Part of an instance's memory that a container may use: the rest is for the kernel and the ECS agent.
#: https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
_MEMORY = 0.92
#: What the ECS agent of an instance calls, in the ECS cluster that AWS Batch creates.
#: https://docs.aws.amazon.com/batch/latest/userguide/instance_IAM_role.html
_AGENT = (
    "ecs:DeregisterContainerInstance",
    "ecs:Poll",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
    "ecs:UpdateContainerInstancesState",
)


class TrainingQueue(Construct):
    """A queue of training jobs on accelerated instances that AWS Batch launches for them and terminates after them.

    With several nodes, a job is a multi-node parallel job in a cluster placement group; AWS Batch does not run these on
    Spot Instances. With one node, it is a job or an array job. If the capacity is Spot, On-Demand Instances run what no
    Spot Instance is available for. A job is retried if its host was lost, not if its own code failed. It is submitted
    with two parameters::

        aws batch submit-job --job-name first --job-queue research --job-definition research \\
            --parameters data_set=research/reviewed,run=first

    In the container, ``DATA_SETS`` and ``CHECKPOINTS`` are the locations in S3; ``/scratch`` and ``/tmp`` are writable,
    and ``/fsx`` if there is a file system. Nobody logs in: no key pair, no inbound rule, no Session Manager, no ECS
    Exec.
    https://docs.aws.amazon.com/batch/latest/userguide/multi-node-parallel-jobs.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import QueueOptions, TrainingQueue, TrainingStorage
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        foundation = Foundation(stack, network=["us-east-1a"])
        TrainingQueue(
            stack,
            "Research",
            foundation=foundation,
            queue_name="research",
            options=QueueOptions(
                instance_type="trn1.32xlarge",
                nodes=4,
                efa=True,
                image="111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
            ),
            storage=TrainingStorage(stack, "Storage", foundation=foundation),
        )
        app.synth()

    :param foundation: key, topic, network, log retention and removal policy. Instances run in its network.
    :param queue_name: name of the queue and of its job definition, 1 to 128 letters, digits, hyphens and underscores.
    :param options: the instance types, the container, and how jobs are run.
    :param storage: the data sets that jobs read and the checkpoints that they write. Jobs write checkpoints under the
        construct's id, and read the data sets under it unless the options name others.
    :param files: a file system that is mounted at ``/fsx``. Default: none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        queue_name: str,
        options: QueueOptions,
        storage: TrainingStorage,
        files: LustreFileSystem | None = None,
    ) -> None:
        super().__init__(scope, id)
        JOB_QUEUE_NAME.check(queue_name, field="queue_name")
        network, key, topic = foundation.private_network, foundation.key, foundation.topic
        self.options = options
        self.queue_name = queue_name
        #: The instance types that jobs run on, in order of preference.
        self.types = options.types()
        self.accelerator = self.types[0]
        self._files = files
        #: The value of the dimension ``Fleet`` of this queue's metrics.
        self.metric_dimension: str = Names.unique_resource_name(self, max_length=64)
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(self, "Logs", kms_key_id=key.key_arn, retention_in_days=foundation.log_days)
        self.log_group.apply_removal_policy(foundation.removal_policy)
        self.security_group = network.security_group(self, "Group", description=f"Queue {queue_name}: no inbound rule")
        if options.nodes > 1 or options.efa:
            allow_fabric(self, self.security_group)
        self._groups = groups_of(self.security_group, files)
        key.allow_auto_scaling_volumes()
        #: The role of the containers, which reads its data sets and writes its own checkpoints.
        self.role = WorkloadRole(
            self,
            "JobRole",
            assumed_by=iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
            description=f"Jobs of the queue {queue_name}",
        )
        for data_set in options.data_sets or (f"{id}/",):
            storage.data_sets.grant_read(self.role, data_set)
        storage.grant_checkpoints(self.role, f"{id}/")
        self.queue = self._queue(foundation)
        self.job_definition = self._definition(
            data_sets=f"s3://{storage.data_sets.bucket_name}",
            checkpoints=f"s3://{storage.checkpoints.bucket_name}/{id}",
        )
        self.queue_arn: str = self.queue.attr_job_queue_arn
        watching.hardware_alarm(self, self.metric_dimension, self.log_group, topic)
        watching.idle_alarm(self, self.metric_dimension, topic, minutes=options.idle_minutes, actions=())
        report_event(
            self,
            "Failed",
            topic=topic,
            key=key,
            description=f"A job of the queue {queue_name} failed: read its log, correct it and submit it again.",
            pattern={
                "source": ["aws.batch"],
                "detail-type": ["Batch Job State Change"],
                "detail": {"status": ["FAILED"], "jobQueue": [self.queue_arn]},
            },
        )

    def grant_submit(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` submit jobs with the job definition of this queue.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
        """
        definition = f"arn:{PARTITION}:batch:{REGION}:{ACCOUNT_ID}:job-definition/{self.queue_name}"
        given = grant(grantee, ("batch:SubmitJob",), [self.queue_arn, definition, f"{definition}:*"])
        if isinstance(grantee, WorkloadRole):
            acknowledge(
                grantee.permissions,
                "AwsSolutions-IAM5",
                finding="Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job-definition/"
                f"{self.queue_name}:*",
                reason="A job definition's ARN ends in a revision that every deployment of it raises.",
                met_by="the name of the one job definition in the statement",
            )
        return given

    def metric_utilization(self, *, statistic: str = "Average", period: Duration | None = None) -> cloudwatch.Metric:
        """Utilization of the accelerators, in percent.

        :param statistic: statistic of the metric. Default: Average.
        :param period: period of the metric. Default: 5 minutes.
        """
        return watching.utilization(self.metric_dimension, statistic, period)

    def metric_hardware_errors(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of hardware errors of accelerators in the kernel logs of the instances.

        :param statistic: statistic of the metric. Default: Sum.
        :param period: period of the metric. Default: 5 minutes.
        """
        return watching.hardware_errors(self.metric_dimension, statistic, period)

    def _queue(self, foundation: Foundation) -> batch.CfnJobQueue:
        options, subnets = self.options, foundation.private_network.subnet_ids
        role = self._instance_role()
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[role.role_name])
        neuron = self.accelerator.platform is Platform.NEURON
        images: dict[str, Any] = {"imageType": "ECS_AL2023" if neuron else "ECS_AL2023_NVIDIA"}
        if neuron:
            images["imageIdOverride"] = image_of(Stack.of(self), _NEURON_IMAGE)
        template = self._template(foundation)
        shared: dict[str, Any] = {
            "minvCpus": 0,
            "maxvCpus": options.limit * max(each.vcpus for each in self.types),
            "instanceTypes": [each.instance_type for each in self.types],
            "instanceRole": profile.attr_arn,
            "subnets": subnets[:1] if options.nodes > 1 else subnets,
            "securityGroupIds": self._groups,
            "launchTemplate": {"launchTemplateId": template.ref, "version": template.attr_latest_version_number},
            "ec2Configuration": [images],
            "updateToLatestImageVersion": True,
        }
        if options.nodes > 1:
            # https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
            shared["placementGroup"] = ec2.CfnPlacementGroup(self, "Placement", strategy="cluster").ref
        on_demand = self._environment("OnDemand", "EC2", "BEST_FIT_PROGRESSIVE", shared)
        order = [on_demand]
        if options.capacity.spot:
            order.insert(0, self._environment("Spot", "SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED", shared))
        return batch.CfnJobQueue(
            self,
            "Resource",
            job_queue_name=self.queue_name,
            priority=1,
            compute_environment_order=[
                {"order": place, "computeEnvironment": each.attr_compute_environment_arn}
                for place, each in enumerate(order, start=1)
            ],
            scheduling_policy_arn=self._fair_share() if options.shares else None,
            # A job that no instance of the queue can ever run would block all others.
            # https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
            job_state_time_limit_actions=[
                {"action": "CANCEL", "state": "RUNNABLE", "maxTimeSeconds": 600, "reason": reason}
                for reason in (
                    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
                    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
                )
            ],
        )

    def _environment(self, id: str, kind: str, strategy: str, shared: dict[str, Any]) -> batch.CfnComputeEnvironment:
        made = batch.CfnComputeEnvironment(
            self,
            id,
            type="managed",
            compute_resources={**shared, "type": kind, "allocationStrategy": strategy},
            # Changes are made in place; running jobs finish, within at most six hours.
            # https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
            replace_compute_environment=False,
            update_policy={"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 360},
        )
        if self._files is not None:
            self._files.come_before(made)
        return made

    def _fair_share(self) -> str:
        """The ARN of a fair-share scheduling policy.

        https://docs.aws.amazon.com/batch/latest/userguide/fair-share-scheduling.html
        """
        return batch.CfnSchedulingPolicy(
            self,
            "Shares",
            fairshare_policy={
                "shareDecaySeconds": 3600,
                "shareDistribution": [
                    {"shareIdentifier": name, "weightFactor": weight} for name, weight in self.options.shares.items()
                ],
            },
        ).attr_arn

    def _template(self, foundation: Foundation) -> ec2.CfnLaunchTemplate:
        files = self._files
        return launch_template(
            self,
            "Template",
            options=self.options,
            key=foundation.key,
            types=self.types,
            groups=self._groups,
            root_device="/dev/xvda",
            user_data=boot.container_script(
                self.accelerator.platform,
                boot.Measuring(self.metric_dimension, REGION, self.log_group.ref),
                scratch=any(each.has_local_storage for each in self.types),
                mount=mount_script(files, needed=True) if files else "",
                packages="lustre-client" if files else "",
            ),
        )

    def _instance_role(self) -> WorkloadRole:
        """The role of the instances: pull the one image, run the ECS agent, publish logs and metrics."""
        role = WorkloadRole(
            self,
            "InstanceRole",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=f"Instances of the queue {self.queue_name}",
        )
        registry, _, repository = self.options.image.partition("/")
        account, region = registry.split(".")[0], registry.split(".")[3]
        name = repository.partition("@")[0].partition(":")[0]
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/security_iam_id-based-policy-examples.html
        role.allow(
            ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            [f"arn:{PARTITION}:ecr:{region}:{account}:repository/{name}"],
        )
        place = f"{PARTITION}:ecs:{REGION}:{ACCOUNT_ID}"
        role.allow(_AGENT, [f"arn:{place}:cluster/*", f"arn:{place}:container-instance/*"])
        # None of these supports a resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
        role.allow(("ec2:DescribeTags", "ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint"), ["*"])
        named = "arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>"
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(f"Resource::{named}:cluster/*", f"Resource::{named}:container-instance/*"),
            reason="AWS Batch names the ECS cluster of a compute environment itself, with a random part.",
            met_by="the actions of the ECS agent, which reach its own instance and no container of another",
        )
        watching.let_measure(role, self.log_group)
        return role

    def _definition(self, *, data_sets: str, checkpoints: str) -> batch.CfnJobDefinition:
        """The job definition, with the parameters ``data_set`` and ``run``."""
        options = self.options
        container = self._container(data_sets, checkpoints)
        shared: dict[str, Any] = {
            "job_definition_name": self.queue_name,
            "parameters": {"data_set": "none", "run": "none"},
            "platform_capabilities": ["EC2"],
            "propagate_tags": True,
            "timeout": {"attemptDurationSeconds": int(options.timeout_hours * 3600)},
            # Only a host that is lost, to Spot or to hardware, is not a failure of the job.
            # https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
            "retry_strategy": {
                "attempts": options.attempts,
                "evaluateOnExit": [
                    {"action": "RETRY", "onStatusReason": "Host EC2*"},
                    {"action": "EXIT", "onReason": "*"},
                ],
            },
        }
        if options.nodes == 1:
            return batch.CfnJobDefinition(self, "Job", type="container", container_properties=container, **shared)
        return batch.CfnJobDefinition(
            self,
            "Job",
            type="multinode",
            node_properties={
                "numNodes": options.nodes,
                "mainNode": 0,
                "nodeRangeProperties": [{"targetNodes": "0:", "container": container}],
            },
            **shared,
        )

    def _container(self, data_sets: str, checkpoints: str) -> dict[str, Any]:
        options = self.options
        smallest = min(self.types, key=lambda each: each.system_memory_mib)
        memory = int(smallest.system_memory_mib * _MEMORY)
        needs = [
            {"type": "VCPU", "value": str(min(each.vcpus for each in self.types))},
            {"type": "MEMORY", "value": str(memory)},
        ]
        accelerators = min(each.count for each in self.types)
        devices: list[str] = []
        if self.types[0].platform is Platform.CUDA:
            needs.append({"type": "GPU", "value": str(accelerators)})
        else:
            devices += [f"/dev/neuron{number}" for number in range(accelerators)]
        if options.efa:
            # https://docs.aws.amazon.com/batch/latest/userguide/efa.html
            devices += [f"/dev/infiniband/uverbs{number}" for number in range(self.types[0].efa_interfaces)]
        places = {"scratch": (SCRATCH, SCRATCH), "tmp": (SCRATCH, "/tmp")}  # noqa: S108 - a place in the container
        if self._files is not None:
            places["fsx"] = ("/fsx", "/fsx")
        return {
            "image": options.image,
            "command": list(options.command),
            "jobRoleArn": self.role.role_arn,
            "resourceRequirements": needs,
            "privileged": False,
            "readonlyRootFilesystem": True,
            "environment": [
                {"name": "DATA_SETS", "value": data_sets},
                {"name": "CHECKPOINTS", "value": checkpoints},
                {"name": "HOME", "value": SCRATCH},
            ],
            "linuxParameters": {
                # Processes of one job exchange data through shared memory.
                "sharedMemorySize": memory // 2,
                "initProcessEnabled": True,
                "devices": [{"hostPath": path, "containerPath": path} for path in devices],
            },
            # The fabric pins its buffers.
            "ulimits": [{"name": "memlock", "softLimit": -1, "hardLimit": -1}],
            "volumes": [{"name": name, "host": {"sourcePath": host}} for name, (host, _) in places.items()],
            "mountPoints": [
                {"sourceVolume": name, "containerPath": inside, "readOnly": False}
                for name, (_, inside) in places.items()
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.log_group.ref,
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": self.queue_name,
                },
            },
        }

"""Training jobs that wait for accelerators, run on as many machines as they need, and go on after an interruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Names, RemovalPolicy, Stack, aws_batch as batch, aws_ec2 as ec2, aws_iam as iam, aws_logs as logs
from constructs import Construct

from ..data.accelerators import AcceleratorCatalogue, Platform
from ..data.purchase import Capacity, OnDemand, Spot, check, check_efa, check_family
from ..data.training import check_nodes
from ..foundation.alarms import AlarmTopic
from ..foundation.key import DataKey
from ..foundation.network import PrivateNetwork
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.report import report_event
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from . import boot, watching
from .batch_instance import instance_role
from .interfaces import allow_fabric, groups_of, interfaces
from .launch import image_of, launch_template
from .lustre import LustreFileSystem, mount_script
from .storage import TrainingStorage
from .training_job import Job, job_definition

#: The Neuron variant of the image that Amazon ECS keeps current; for NVIDIA, AWS Batch chooses it by the image type.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html
_NEURON_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/neuron/recommended/image_id"


class TrainingQueue(Construct):
    """A queue of training jobs on accelerated instances that AWS Batch starts for them and ends after them.

    With several nodes, a job is a multi-node parallel job in a cluster placement group; AWS runs none on Spot. With
    one, it is a job or an array of jobs, on Spot with on-demand instances behind it where ``capacity`` says so. A job
    starts anew when its host was lost, not when its own code failed. It is submitted with two parameters::

        aws batch submit-job --job-name first --job-queue research --job-definition research \\
            --parameters data_set=research/reviewed,run=first

    Inside, ``DATA_SETS`` and ``CHECKPOINTS`` name the places in S3; ``/scratch`` and ``/tmp`` can be written, and
    ``/fsx`` where there is a file system. Nobody logs in: no key pair, no inbound rule, no Session Manager or ECS Exec.
    https://docs.aws.amazon.com/batch/latest/userguide/multi-node-parallel-jobs.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import TrainingQueue, TrainingStorage
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        key = DataKey(stack, "Key", description="Training")
        key.allow_logs()
        TrainingQueue(
            stack,
            "Research",
            queue_name="research",
            instance_type="trn1.32xlarge",
            nodes=4,
            efa=True,
            image="111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
            storage=TrainingStorage(stack, "Storage", key=key, access_logs=AccessLogBucket(stack, "Logs")),
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param queue_name: name of the queue and of its job definition, 1 to 128 letters, digits, hyphens and underscores.
    :param instance_type: an accelerated, Nitro-based EC2 type of :class:`AcceleratorCatalogue`.
    :param image: the container image in Amazon ECR that trains, such as
        ``111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1``.
    :param network: where the instances run; with several nodes in its first zone.
    :param key: encrypts volumes and logs; the role that starts instances and CloudWatch Logs are added to its
        policy.
    :param topic: told of every failed job, of idle accelerators and of hardware errors.
    :param storage: the data sets that jobs read and the checkpoints that they write.
    :param alternatives: further types that will do for jobs of one node; one image must drive them all. Default: none.
    :param capacity: how the instances are bought. Default: on demand.
    :param max_instances: upper bound of running instances. Default: ``nodes``.
    :param nodes: instances that one job runs on. Default: 1.
    :param efa: whether every network card that takes one has an Elastic Fabric Adapter. Default: no.
    :param command: what the container runs; ``Ref::data_set`` and ``Ref::run`` stand for the job's parameters. Default:
        ``train Ref::data_set Ref::run``.
    :param data_sets: the parts of the data sets that jobs may read, each ending in ``/``. Default: the construct's id.
    :param shares: the weight of each share identifier; a job must then name its own with ``--share-identifier``. A
        share of weight 1 gets twice what one of weight 2 gets. Default: first in, first out.
    :param attempts: how often a job is started when hosts are lost, 1 to 10. Default: 3.
    :param timeout_hours: longest run of one attempt. Default: 24.
    :param files: a file system that is mounted at ``/fsx``. Default: none.
    :param idle_minutes: minutes under 5 % use of the accelerators that raise an alarm. Default: 60.
    :param root_volume_gib: size of the root volume in GiB, 100 to 16,384. Default: 200.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to them on deletion of the stack. Default: retain.
    :raises InvalidValueError: if a type does not exist, has no accelerator or is not Nitro-based; if types, nodes,
        purchase, shares and network do not go together.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        queue_name: str,
        instance_type: str,
        image: str,
        network: PrivateNetwork,
        key: DataKey,
        topic: AlarmTopic,
        storage: TrainingStorage,
        alternatives: Sequence[str] = (),
        capacity: Capacity | None = None,
        max_instances: int | None = None,
        nodes: int = 1,
        efa: bool = False,
        command: Sequence[str] = ("train", "Ref::data_set", "Ref::run"),
        data_sets: Sequence[str] | None = None,
        shares: Mapping[str, float] | None = None,
        attempts: int = 3,
        timeout_hours: float = 24,
        files: LustreFileSystem | None = None,
        idle_minutes: int = 60,
        root_volume_gib: int = 200,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        catalogue = AcceleratorCatalogue.default()
        self.types = [catalogue.get(name) for name in (instance_type, *alternatives)]
        self.accelerator = self.types[0]
        self.capacity: Capacity = capacity or OnDemand()
        self.queue_name = queue_name
        most = max_instances or nodes
        check_family(self.types)
        check(self.capacity, self.types, most)
        check_nodes(self.types, self.capacity, nodes=nodes, max_instances=most, image=image, shares=shares or {})
        if efa:
            check_efa(self.types)
        self._nodes, self._efa, self._files = nodes, efa, files
        #: The value of the dimension ``Fleet`` of this queue's metrics.
        self.metric_name: str = Names.unique_resource_name(self, max_length=64)
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(self, "Logs", kms_key_id=key.key_arn, retention_in_days=log_days)
        self.log_group.apply_removal_policy(removal_policy)
        self.security_group = network.security_group(self, "Group", description=f"Queue {queue_name}: no inbound rule")
        if nodes > 1 or efa:
            allow_fabric(self, self.security_group)
        self._groups = groups_of(self.security_group, files)
        key.allow_auto_scaling_volumes()
        #: The role of the containers: its data sets and its own checkpoints, and nothing else.
        self.role = WorkloadRole(
            self,
            "JobRole",
            assumed_by=iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
            description=f"Jobs of the queue {queue_name}",
        )
        for data_set in data_sets if data_sets is not None else (f"{id}/",):
            storage.data_sets.grant_read(self.role, data_set)
        storage.grant_checkpoints(self.role, f"{id}/")
        self.queue = self._queue(key, network, most, image, shares or {}, root_volume_gib)
        self.job_definition = job_definition(
            self,
            Job(
                name=queue_name,
                image=image,
                command=command,
                types=self.types,
                nodes=nodes,
                efa=efa,
                role_arn=self.role.role_arn,
                log_group=self.log_group.ref,
                data_sets=f"s3://{storage.data_sets.bucket_name}",
                checkpoints=f"s3://{storage.checkpoints.bucket_name}/{id}",
                files=files is not None,
                attempts=attempts,
                timeout_hours=timeout_hours,
            ),
        )
        self.queue_arn: str = self.queue.attr_job_queue_arn
        watching.hardware_alarm(self, self.metric_name, self.log_group, topic)
        watching.idle_alarm(self, self.metric_name, topic, minutes=idle_minutes, actions=())
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

    def grant_submit(self, role: WorkloadRole) -> None:
        """Let ``role`` submit jobs of this queue's definition, and end them.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
        """
        definition = f"arn:{PARTITION}:batch:{REGION}:{ACCOUNT_ID}:job-definition/{self.queue_name}"
        role.allow(("batch:SubmitJob",), [self.queue_arn, definition, f"{definition}:*"])
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job-definition/{self.queue_name}:*",
            reason="A job definition's ARN ends in a revision that every deployment of it raises.",
            met_by="the name of the one job definition in the statement",
        )

    def _queue(
        self,
        key: DataKey,
        network: PrivateNetwork,
        most: int,
        image: str,
        shares: Mapping[str, float],
        root_volume_gib: int,
    ) -> batch.CfnJobQueue:
        role = instance_role(self, self.queue_name, image, self.log_group)
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[role.role_name])
        neuron = self.accelerator.platform is Platform.NEURON
        images: dict[str, Any] = {"imageType": "ECS_AL2023" if neuron else "ECS_AL2023_NVIDIA"}
        if neuron:
            images["imageIdOverride"] = image_of(Stack.of(self), _NEURON_IMAGE)
        template = self._template(key, root_volume_gib)
        shared: dict[str, Any] = {
            "minvCpus": 0,
            "maxvCpus": most * max(each.vcpus for each in self.types),
            "instanceTypes": [each.instance_type for each in self.types],
            "instanceRole": profile.attr_arn,
            "subnets": network.subnet_ids[:1] if self._nodes > 1 else network.subnet_ids,
            "securityGroupIds": self._groups,
            "launchTemplate": {"launchTemplateId": template.ref, "version": template.attr_latest_version_number},
            "ec2Configuration": [images],
            "updateToLatestImageVersion": True,
        }
        if self._nodes > 1:
            # https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
            shared["placementGroup"] = ec2.CfnPlacementGroup(self, "Placement", strategy="cluster").ref
        on_demand = self._environment("OnDemand", "EC2", "BEST_FIT_PROGRESSIVE", shared)
        order = [on_demand]
        if isinstance(self.capacity, Spot):
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
            scheduling_policy_arn=self._fair_share(shares) if shares else None,
            # A job that no instance of the queue can ever hold would keep all others waiting.
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
            # Changes are made in place, and running jobs end in their own time, six hours at most.
            # https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
            replace_compute_environment=False,
            update_policy={"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 360},
        )
        if self._files is not None:
            self._files.come_before(made)
        return made

    def _fair_share(self, shares: Mapping[str, float]) -> str:
        """https://docs.aws.amazon.com/batch/latest/userguide/fair-share-scheduling.html"""
        return batch.CfnSchedulingPolicy(
            self,
            "Shares",
            fairshare_policy={
                "shareDecaySeconds": 3600,
                "shareDistribution": [
                    {"shareIdentifier": name, "weightFactor": weight} for name, weight in shares.items()
                ],
            },
        ).attr_arn

    def _template(self, key: DataKey, root_volume_gib: int) -> ec2.CfnLaunchTemplate:
        files = self._files
        return launch_template(
            self,
            "Template",
            key=key,
            capacity=self.capacity,
            network_interfaces=interfaces(self.types, self._groups, efa=self._efa),
            root_device="/dev/xvda",
            root_volume_gib=root_volume_gib,
            user_data=boot.container_script(
                self.accelerator.platform,
                boot.Measuring(self.metric_name, REGION, self.log_group.ref),
                scratch=any(each.has_local_storage for each in self.types),
                mount=mount_script(files, needed=True) if files else "",
                packages="lustre-client" if files else "",
            ),
        )

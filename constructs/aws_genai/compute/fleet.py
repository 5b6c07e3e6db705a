"""Accelerated instances that nobody can log in to."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import (
    Duration,
    Names,
    Stack,
    Token,
    aws_autoscaling as autoscaling,
    aws_cloudwatch as cloudwatch,
    aws_ec2 as ec2,
    aws_iam as iam,
    aws_logs as logs,
)
from constructs import Construct

from ..data.accelerators import image_parameter
from ..foundation.foundation import Foundation
from ..foundation.pseudo import REGION
from ..foundation.role import WorkloadRole
from . import boot, scaling, watching
from .envelope import EnvelopeKey
from .launch import allow_fabric, groups_of, image_of, launch_template
from .lustre import LustreFileSystem, mount_script
from .options import FleetOptions
from .weights import WeightsBucket
from .work_queue import WorkQueue


class AcceleratorFleet(Construct):
    """An Auto Scaling group of accelerated instances that starts with none, and that nobody can log in to.

    No key pair, no inbound rule, no public address, no Session Manager; instance metadata version 2 with a hop
    limit of 1; every volume encrypted with the customer key; a role that reads its own weights and nothing else. The
    Neuron or NVIDIA Deep Learning AMI comes from AWS's public parameter, which CloudFormation reads at each deployment.
    https://docs.aws.amazon.com/dlami/latest/devguide/what-is-dlami.html

    An instance that is terminated (a Spot interruption, a smaller group, an instance refresh) first runs
    ``/opt/aws-genai/checkpoint`` of its image. NVMe instance store volumes are mounted at ``/scratch``. A changed image
    or launch template replaces instances gradually, and is rolled back if hardware errors are seen meanwhile.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import AcceleratorFleet, Capacity, FleetOptions, Spot, WorkQueue
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Compute")
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
        AcceleratorFleet(
            stack,
            "Fleet",
            foundation=foundation,
            options=FleetOptions(
                instance_type="g6.xlarge",
                alternatives=["g6e.xlarge", "g5.xlarge"],
                capacity=Capacity(spot=Spot()),
            ),
            queue=WorkQueue(stack, "Prompts", foundation=foundation),
        )
        app.synth()

    :param foundation: key, topic, network, log retention and removal policy. Instances run in its network.
    :param options: the instance types, how they are purchased, and when the fleet scales.
    :param queue: the queue of work that the fleet scales on, also from zero instances. Default: none.
    :param weights: the bucket that the fleet reads its weights from. Default: none.
    :param weights_prefix: the prefix that it may read, ending in ``/``. Default: the construct's id.
    :param envelope: the KMS key for envelope encryption of the weights, which attested instances decrypt with. It
        requires an attestable ``image`` and types with NitroTPM. Default: none.
    :param files: a file system that is mounted at ``/fsx`` if the image has a Lustre client. Default: none.
    :raises InvalidValueError: if no type that the fleet needs is offered in the Region, the types do not go with the
        capacity there, or an attested fleet has no attestable image or a type without NitroTPM.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        options: FleetOptions,
        queue: WorkQueue | None = None,
        weights: WeightsBucket | None = None,
        weights_prefix: str | None = None,
        envelope: EnvelopeKey | None = None,
        files: LustreFileSystem | None = None,
    ) -> None:
        super().__init__(scope, id)
        network, key, topic = foundation.private_network, foundation.key, foundation.topic
        region = Stack.of(self).region
        self.options = options
        self.files = files
        #: The instance types that are launched, in order of preference.
        self.types = options.types(None if Token.is_unresolved(region) else region)
        self.accelerator = self.types[0]
        options.capacity.check(self.types, options.max_instances)
        #: The value of the dimension ``Fleet`` of this fleet's metrics.
        self.metric_dimension: str = Names.unique_resource_name(self, max_length=64)
        #: The role of the instances.
        self.role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=f"Instances of the fleet {id}",
        )
        if weights is not None:
            weights.grant_read(self.role, weights_prefix or f"{id}/")
        if envelope is not None:
            options.check_attested(self.types)
            envelope.grant_decrypt(self.role)
        if queue is not None:
            queue.grant_consume(self.role)
        key.allow_auto_scaling_volumes()
        self.security_group = network.security_group(self, "Group", description=f"Fleet {id}: no inbound rule")
        if options.efa:
            allow_fabric(self, self.security_group)
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(self, "Kernel", kms_key_id=key.key_arn, retention_in_days=foundation.log_days)
        self.log_group.apply_removal_policy(foundation.removal_policy)
        watching.let_measure(self.role, self.log_group)
        errors = watching.hardware_alarm(self, self.metric_dimension, self.log_group, topic)
        template = self._template(foundation)
        self.group = self._group(template, foundation)
        if files is not None:
            files.come_before(self.group)
        self.group.cfn_options.update_policy = _refresh(errors)
        self.group_name: str = self.group.ref
        if options.capacity.spot:
            watching.report_interruptions(Stack.of(self), topic, key)
        if options.capacity.block:
            scaling.during_block(self, options.capacity.block, self.group_name)
        for number, schedule in enumerate(options.schedules, start=1):
            scaling.on_schedule(self, f"Schedule{number}", schedule, self.group_name)
        if queue is not None:
            scaling.on_queue(self, queue, options.messages_per_instance, self.group_name)
        emptying = [scaling.to_zero(self, "WhenIdle", self.group_name)] if options.idle_to_zero else []
        watching.idle_alarm(self, self.metric_dimension, topic, minutes=options.idle_minutes, actions=emptying)

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

    def _template(self, foundation: Foundation) -> ec2.CfnLaunchTemplate:
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        return launch_template(
            self,
            "Template",
            options=self.options,
            key=foundation.key,
            types=self.types,
            groups=groups_of(self.security_group, self.files),
            root_device="/dev/sda1",
            user_data=boot.script(
                self.accelerator.platform,
                boot.Measuring(self.metric_dimension, REGION, self.log_group.ref),
                scratch=any(each.has_local_storage for each in self.types),
                mount=mount_script(self.files) if self.files else "",
            ),
            further={
                "instance_type": self.accelerator.instance_type,
                "image_id": self.options.image or image_of(Stack.of(self), image_parameter(self.accelerator)),
                "iam_instance_profile": {"arn": profile.attr_arn},
                # An instance that has saved its work shuts itself down, which terminates it.
                "instance_initiated_shutdown_behavior": "terminate",
            },
        )

    def _group(self, template: ec2.CfnLaunchTemplate, foundation: Foundation) -> autoscaling.CfnAutoScalingGroup:
        subnets = foundation.private_network.subnet_ids
        cluster, spot = self.options.cluster, self.options.capacity.spot
        group = autoscaling.CfnAutoScalingGroup
        launched = group.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        )
        made = group(
            self,
            "Resource",
            min_size="0",
            max_size=str(self.options.max_instances),
            desired_capacity="0",
            cooldown="300",
            health_check_type="EC2",
            health_check_grace_period=300,
            # A cluster placement group is in one Availability Zone.
            vpc_zone_identifier=subnets[:1] if cluster else subnets,
            placement_group=ec2.CfnPlacementGroup(self, "Placement", strategy="cluster").ref if cluster else None,
            capacity_rebalance=True if spot else None,
            launch_template=launched,
            lifecycle_hook_specification_list=[
                group.LifecycleHookSpecificationProperty(
                    lifecycle_hook_name="checkpoint",
                    lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
                    heartbeat_timeout=boot.GOING_SECONDS,
                    default_result="CONTINUE",
                )
            ],
            notification_configurations=[
                group.NotificationConfigurationProperty(
                    topic_arn=foundation.topic.topic_arn,
                    notification_types=[
                        "autoscaling:EC2_INSTANCE_LAUNCH",
                        "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
                        "autoscaling:EC2_INSTANCE_TERMINATE",
                        "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
                    ],
                )
            ],
        )
        if spot or len(self.types) > 1:
            # Rules read the group's launch template and fail on a policy that names it, so the policy replaces it in
            # the template only, not in the construct tree.
            # https://github.com/cdklabs/cdk-nag/blob/main/RULES.md (EC26)
            made.add_property_deletion_override("LaunchTemplate")
            made.add_property_override("MixedInstancesPolicy", self._mixed(template))
        return made

    def _mixed(self, template: ec2.CfnLaunchTemplate) -> dict[str, object]:
        specification = {"LaunchTemplateId": template.ref, "Version": template.attr_latest_version_number}
        return {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceType": each.instance_type} for each in self.types],
            },
            "InstancesDistribution": self._distribution(),
        }

    def _distribution(self) -> dict[str, object]:
        """How a group of several types or of Spot Instances is filled."""
        spot = self.options.capacity.spot
        if spot is None:
            return {"OnDemandAllocationStrategy": "prioritized", "OnDemandPercentageAboveBaseCapacity": 100}
        return {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": spot.on_demand_base,
            "OnDemandPercentageAboveBaseCapacity": spot.on_demand_percent,
            "SpotAllocationStrategy": spot.strategy,
        }


def _refresh(alarm_name: str) -> cdk.CfnUpdatePolicy:
    """Replace instances gradually, and roll back to the previous template if the alarm is raised meanwhile."""
    return cdk.CfnUpdatePolicy(
        auto_scaling_instance_refresh=cdk.CfnAutoScalingInstanceRefresh(
            strategy="Rolling",
            preferences=cdk.CfnAutoScalingInstanceRefreshPreferences(
                min_healthy_percentage=50,
                max_healthy_percentage=100,
                instance_warmup=300,
                alarm_specification=cdk.CfnAutoScalingInstanceRefreshAlarmSpecification(alarms=[alarm_name]),
            ),
        ),
        # A deployment keeps the number of instances that schedules, queues and people set.
        auto_scaling_scheduled_action=cdk.CfnAutoScalingScheduledAction(ignore_unmodified_group_size_properties=True),
    )

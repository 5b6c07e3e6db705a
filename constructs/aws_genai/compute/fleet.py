"""Accelerated instances that nobody can log in to."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import (
    Names,
    RemovalPolicy,
    Stack,
    aws_autoscaling as autoscaling,
    aws_ec2 as ec2,
    aws_iam as iam,
    aws_logs as logs,
)
from constructs import Construct

from ..data.accelerators import AcceleratorCatalogue, image_parameter
from ..data.purchase import Capacity, CapacityBlock, OnDemand, Spot, check, check_attested, check_family
from ..errors import InvalidValueError
from ..foundation.alarms import AlarmTopic
from ..foundation.key import DataKey
from ..foundation.network import PrivateNetwork
from ..foundation.pseudo import REGION
from ..foundation.role import WorkloadRole
from . import boot, scaling, watching
from .capacity import distribution
from .envelope import EnvelopeKey
from .interfaces import allow_fabric, groups_of, interfaces
from .launch import image_of, launch_template
from .lustre import LustreFileSystem, mount_script
from .scaling import Schedule
from .weights import WeightsBucket
from .work_queue import WorkQueue


class AcceleratorFleet(Construct):
    """An Auto Scaling group of accelerated instances, empty until it is asked for, and closed.

    No key pair, no inbound rule, no public address, no Session Manager; instance metadata version 2 with a hop
    limit of 1; every volume under the customer key; a role that reads its own weights and nothing else. The
    Neuron or NVIDIA deep learning image comes from AWS's public parameter, read by CloudFormation at each deploy.
    https://docs.aws.amazon.com/dlami/latest/devguide/what-is-dlami.html

    An instance that must go (Spot's notice, a smaller group, a refresh) runs ``/opt/aws-genai/checkpoint`` of its image
    and switches itself off. NVMe disks of its own are mounted at ``/scratch``. A changed image or template replaces
    instances gradually and comes back if hardware errors are seen meanwhile.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import AcceleratorFleet, Spot, WorkQueue
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Compute")
        key = DataKey(stack, "Key", description="Fleet")
        key.allow_logs()
        topic = AlarmTopic(stack, "Alarms", key=key)
        AcceleratorFleet(
            stack,
            "Fleet",
            instance_type="g6.xlarge",
            alternatives=["g6e.xlarge", "g5.xlarge"],
            capacity=Spot(),
            queue=WorkQueue(stack, "Prompts", key=key, topic=topic),
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=topic,
        )
        app.synth()

    :param instance_type: an accelerated, Nitro-based EC2 type of :class:`AcceleratorCatalogue`.
    :param network: where the instances run.
    :param key: encrypts volumes and logs; the role that starts instances and CloudWatch Logs are added to its
        policy.
    :param topic: told of every launch and termination, of idle accelerators and of hardware errors.
    :param alternatives: further types that will do, the preferred first; the same image must drive them. Default: none.
    :param capacity: how the instances are bought. Default: on demand.
    :param max_instances: upper bound of the group. Default: 1.
    :param cluster: whether instances stand close together, in one zone, for fast exchange. Default: no.
    :param efa: whether every network card that takes one has an Elastic Fabric Adapter. Default: no.
    :param queue: work that the fleet grows for, also from nothing. Default: none.
    :param messages_per_instance: how many waiting messages ask for one more instance. Default: 10.
    :param schedules: sizes by the clock. Default: none.
    :param idle_minutes: minutes under 5 % use of the accelerators that raise an alarm. Default: 60.
    :param idle_to_zero: whether that alarm empties the fleet. Default: no.
    :param image_id: an image of your own, such as ``ami-0123456789abcdef0``, based on the one above. Default: AWS's.
    :param root_volume_gib: size of the root volume in GiB, 100 to 16,384. Default: 200.
    :param weights: the bucket the fleet reads its weights from. Default: none.
    :param weights_prefix: the part of the bucket it may read, ending in ``/``. Default: the construct's id.
    :param envelope: a key that opens the weights' own envelope, from an attested machine; it needs an attestable
        ``image_id`` and types with NitroTPM. Default: none.
    :param files: a file system that is mounted at ``/fsx`` where the image has a Lustre client. Default: none.
    :param log_days: days that kernel messages are kept. Default: 365.
    :param removal_policy: what happens to them on deletion of the stack. Default: retain.
    :raises InvalidValueError: if a type does not exist, has no accelerator, is not Nitro-based, or has no image; if the
        types, the purchase and the network do not go together.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        instance_type: str,
        network: PrivateNetwork,
        key: DataKey,
        topic: AlarmTopic,
        alternatives: Sequence[str] = (),
        capacity: Capacity | None = None,
        max_instances: int = 1,
        cluster: bool = False,
        efa: bool = False,
        queue: WorkQueue | None = None,
        messages_per_instance: int = 10,
        schedules: Sequence[Schedule] = (),
        idle_minutes: int = 60,
        idle_to_zero: bool = False,
        image_id: str | None = None,
        root_volume_gib: int = 200,
        weights: WeightsBucket | None = None,
        envelope: EnvelopeKey | None = None,
        weights_prefix: str | None = None,
        files: LustreFileSystem | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        catalogue = AcceleratorCatalogue.default()
        self.types = [catalogue.get(name) for name in (instance_type, *alternatives)]
        self.accelerator = self.types[0]
        self.capacity: Capacity = capacity or OnDemand()
        check_family(self.types)
        check(self.capacity, self.types, max_instances)
        if cluster and not all(each.cluster_placement for each in self.types):
            raise InvalidValueError("A type cannot stand in a cluster placement group", field="cluster")
        #: The value of the dimension ``Fleet`` of this fleet's metrics.
        self.metric_name: str = Names.unique_resource_name(self, max_length=64)
        self.role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=f"Instances of the fleet {id}",
        )
        if weights is not None:
            weights.grant_read(self.role, weights_prefix or f"{id}/")
        if envelope is not None:
            check_attested(self.types, image_id)
            envelope.grant_decrypt(self.role)
        if queue is not None:
            queue.grant_consume(self.role)
        key.allow_auto_scaling_volumes()
        self.security_group = network.security_group(self, "Group", description=f"Fleet {id}: no inbound rule")
        self.files = files
        if efa:
            allow_fabric(self, self.security_group)
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(self, "Kernel", kms_key_id=key.key_arn, retention_in_days=log_days)
        self.log_group.apply_removal_policy(removal_policy)
        watching.let_measure(self.role, self.log_group)
        errors = watching.hardware_alarm(self, self.metric_name, self.log_group, topic)
        template = self._template(key, image_id=image_id, efa=efa, root_volume_gib=root_volume_gib)
        self.group = self._group(template, network, topic, max_instances, cluster=cluster)
        if files is not None:
            files.come_before(self.group)
        self.group.cfn_options.update_policy = _refresh(errors)
        self.group_name: str = self.group.ref
        if isinstance(self.capacity, Spot):
            watching.report_interruptions(Stack.of(self), topic, key)
        if isinstance(self.capacity, CapacityBlock):
            scaling.during_block(self, self.capacity, self.group_name)
        for number, schedule in enumerate(schedules, start=1):
            scaling.on_schedule(self, f"Schedule{number}", schedule, self.group_name)
        if queue is not None:
            scaling.on_queue(self, queue, messages_per_instance, self.group_name)
        emptying = [scaling.to_zero(self, "WhenIdle", self.group_name)] if idle_to_zero else []
        watching.idle_alarm(self, self.metric_name, topic, minutes=idle_minutes, actions=emptying)

    def _template(
        self, key: DataKey, *, image_id: str | None, efa: bool, root_volume_gib: int
    ) -> ec2.CfnLaunchTemplate:
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        return launch_template(
            self,
            "Template",
            key=key,
            capacity=self.capacity,
            network_interfaces=interfaces(self.types, groups_of(self.security_group, self.files), efa=efa),
            root_device="/dev/sda1",
            root_volume_gib=root_volume_gib,
            user_data=boot.script(
                self.accelerator.platform,
                boot.Measuring(self.metric_name, REGION, self.log_group.ref),
                scratch=any(each.has_local_storage for each in self.types),
                mount=mount_script(self.files) if self.files else "",
            ),
            instance_type=self.accelerator.instance_type,
            image_id=image_id or image_of(Stack.of(self), image_parameter(self.accelerator)),
            iam_instance_profile={"arn": profile.attr_arn},
            # An instance that has saved its work switches itself off, and is gone.
            instance_initiated_shutdown_behavior="terminate",
        )

    def _group(
        self,
        template: ec2.CfnLaunchTemplate,
        network: PrivateNetwork,
        topic: AlarmTopic,
        max_instances: int,
        *,
        cluster: bool,
    ) -> autoscaling.CfnAutoScalingGroup:
        group = autoscaling.CfnAutoScalingGroup
        launched = group.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        )
        made = group(
            self,
            "Resource",
            min_size="0",
            max_size=str(max_instances),
            desired_capacity="0",
            cooldown="300",
            health_check_type="EC2",
            health_check_grace_period=300,
            # A cluster placement group stands in one zone.
            vpc_zone_identifier=network.subnet_ids[:1] if cluster else network.subnet_ids,
            placement_group=ec2.CfnPlacementGroup(self, "Placement", strategy="cluster").ref if cluster else None,
            capacity_rebalance=True if isinstance(self.capacity, Spot) else None,
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
                    topic_arn=topic.topic_arn,
                    notification_types=[
                        "autoscaling:EC2_INSTANCE_LAUNCH",
                        "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
                        "autoscaling:EC2_INSTANCE_TERMINATE",
                        "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
                    ],
                )
            ],
        )
        if isinstance(self.capacity, Spot) or len(self.types) > 1:
            # Rules read the group's launch template and fail on a policy that names it, so the policy takes its place
            # in the template, not in the tree. https://github.com/cdklabs/cdk-nag/blob/main/RULES.md (EC26)
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
            "InstancesDistribution": distribution(self.capacity),
        }


def _refresh(alarm_name: str) -> cdk.CfnUpdatePolicy:
    """Replace instances gradually, and return to the template before if the alarm is raised meanwhile."""
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
        # What schedules, queues and people set stays as it is.
        auto_scaling_scheduled_action=cdk.CfnAutoScalingScheduledAction(ignore_unmodified_group_size_properties=True),
    )

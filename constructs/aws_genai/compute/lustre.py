"""An FSx for Lustre file system that is linked to the buckets of training."""

from __future__ import annotations

import json
from typing import Protocol

from aws_cdk import (
    Duration,
    aws_cloudwatch as cloudwatch,
    aws_ec2 as ec2,
    aws_fsx as fsx,
    aws_iam as iam,
    aws_scheduler as scheduler,
)
from constructs import Construct, IConstruct

from ..foundation.foundation import Foundation
from ..foundation.network import let_reach
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from .options import FileSystemOptions

#: Ports of the traffic between Lustre clients and servers:
#: https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html
PORTS = ((988, 988), (1018, 1023))
_RULES = (ec2.CfnSecurityGroupEgress, ec2.CfnSecurityGroupIngress)
#: Paths of the buckets in the file system.
DATA_PATH, CHECKPOINT_PATH = "/data", "/checkpoints"


class LinkedBucket(Protocol):
    """A bucket that a file system is linked to: one of this library or any ``IBucket``."""

    @property
    def bucket_name(self) -> str:
        """Name of the bucket."""


class LustreFileSystem(Construct):
    """An encrypted FSx for Lustre file system that imports data sets and exports checkpoints on a schedule.

    New and changed objects of the data sets are imported automatically. Files under ``/checkpoints`` are exported on a
    schedule; a file that is deleted in the file system stays in the bucket. CloudFormation creates the file system
    after the security group rules of its ports, which FSx checks, and what mounts it after its links to the buckets
    (:meth:`come_before`).
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/create-dra-linked-data-repo.html
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import LustreFileSystem
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Files")
        foundation = Foundation(stack, network=["us-east-1a"])
        LustreFileSystem(
            stack,
            "Files",
            foundation=foundation,
            data_sets=SecureBucket(stack, "DataSets", foundation=foundation),
            checkpoints=SecureBucket(stack, "Checkpoints", foundation=foundation),
        )
        app.synth()

    :param foundation: key, network and removal policy. The file system is in the first subnet of the network.
    :param data_sets: the bucket that is imported at ``/data``.
    :param checkpoints: the bucket that ``/checkpoints`` is exported to.
    :param options: capacity, throughput, exports and backups. Default: 1,200 GiB at 125 MB/s for each TiB, exports
        every 60 minutes, no backups.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        data_sets: LinkedBucket,
        checkpoints: LinkedBucket,
        options: FileSystemOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        options = options or FileSystemOptions()
        network, key = foundation.private_network, foundation.key
        key.allow_in_fsx()
        self.security_group = network.security_group(self, "Group", description="Lustre: its clients only")
        #: The security group of the network interfaces of clients.
        self.clients = network.security_group(self, "ClientGroup", description="Clients of the Lustre file system")
        for ports in PORTS:
            for name, source, target in (
                ("Servers", self.security_group, self.security_group),
                ("Clients", self.clients, self.security_group),
                ("Answers", self.security_group, self.clients),
            ):
                let_reach(self, name, source, target, description="Lustre", ports=ports)
        rules = [each for each in self.node.children if isinstance(each, _RULES)]
        self.resource = fsx.CfnFileSystem(
            self,
            "Resource",
            file_system_type="LUSTRE",
            file_system_type_version="2.15",
            storage_capacity=options.capacity_gib,
            storage_type="SSD",
            kms_key_id=key.key_arn,
            subnet_ids=network.subnet_ids[:1],
            security_group_ids=[self.security_group.attr_group_id],
            lustre_configuration=fsx.CfnFileSystem.LustreConfigurationProperty(
                deployment_type="PERSISTENT_2",
                per_unit_storage_throughput=options.throughput,
                data_compression_type="LZ4",
                automatic_backup_retention_days=options.backup_days,
                copy_tags_to_backups=True if options.backup_days else None,
            ),
        )
        self.resource.apply_removal_policy(foundation.removal_policy)
        # FSx refuses a security group without the rules of Lustre's ports, and a group is created before its rules.
        self.resource.node.add_dependency(*rules)
        self.dns_name: str = self.resource.attr_dns_name
        self.mount_name: str = self.resource.attr_lustre_mount_name
        events = ["NEW", "CHANGED", "DELETED"]
        data = fsx.CfnDataRepositoryAssociation(
            self,
            "Data",
            file_system_id=self.resource.ref,
            file_system_path=DATA_PATH,
            data_repository_path=f"s3://{data_sets.bucket_name}/",
            batch_import_meta_data_on_create=True,
            s3=fsx.CfnDataRepositoryAssociation.S3Property(
                auto_import_policy=fsx.CfnDataRepositoryAssociation.AutoImportPolicyProperty(events=events)
            ),
        )
        exported = fsx.CfnDataRepositoryAssociation(
            self,
            "Checkpoints",
            file_system_id=self.resource.ref,
            file_system_path=CHECKPOINT_PATH,
            data_repository_path=f"s3://{checkpoints.bucket_name}/",
        )
        self._links = (data, exported)
        self._export(options.export_minutes).node.add_dependency(exported)

    def come_before(self, *clients: IConstruct) -> None:
        """Create what mounts the file system after it, the rules of its ports and its links to the buckets."""
        for each in clients:
            each.node.add_dependency(*self._links)

    def metric_free_data_storage_capacity(
        self, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Storage capacity that is not used, in bytes.

        https://docs.aws.amazon.com/fsx/latest/LustreGuide/fs-metrics.html

        :param statistic: statistic of the metric; Sum is that of all storage targets. Default: Sum.
        :param period: period of the metric. Default: 1 minute.
        """
        return cloudwatch.Metric(
            namespace="AWS/FSx",
            metric_name="FreeDataStorageCapacity",
            dimensions_map={"FileSystemId": self.resource.ref},
            statistic=statistic,
            period=period or Duration.minutes(1),
        )

    def _export(self, minutes: int) -> scheduler.CfnSchedule:
        """Export changed checkpoints to their bucket on a schedule.

        https://docs.aws.amazon.com/fsx/latest/LustreGuide/exporting-files-hsm.html
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
        """
        role = WorkloadRole(
            self,
            "ExportRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
        )
        tasks = f"arn:{PARTITION}:fsx:{REGION}:{ACCOUNT_ID}:task/*"
        role.allow(("fsx:CreateDataRepositoryTask",), [self.resource.attr_resource_arn, tasks])
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::arn:<AWS::Partition>:fsx:<AWS::Region>:<AWS::AccountId>:task/*",
            reason="The call creates the task, so its id is not known before the call.",
            met_by="the one file system in the same statement and the one action",
        )
        request: dict[str, object] = {
            "FileSystemId": self.resource.ref,
            "Type": "EXPORT_TO_REPOSITORY",
            "Paths": [CHECKPOINT_PATH.removeprefix("/")],
            "Report": {"Enabled": False},
        }
        return scheduler.CfnSchedule(
            self,
            "Export",
            description="Exports changed checkpoints to their bucket",
            schedule_expression=f"rate({minutes} minutes)",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=f"arn:{PARTITION}:scheduler:::aws-sdk:fsx:createDataRepositoryTask",
                role_arn=role.role_arn,
                input=json.dumps(request),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=2),
            ),
        )


def mount_script(files: LustreFileSystem, *, needed: bool = False) -> str:
    """The script that mounts a file system at ``/fsx``. An instance that has a Lustre client and fails shuts down.

    Work that found an empty directory instead would write to a disk that is lost with the instance.
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/mounting-ec2-instance.html

    :param needed: whether an instance without a Lustre client shuts down too. Default: False, it goes on without.
    """
    mount = f"mount -t lustre -o relatime,flock {files.dns_name}@tcp:/{files.mount_name} /fsx"
    closed = (
        "mkdir -p /fsx\n"
        f"for _ in 1 2 3 4 5; do {mount} && break; sleep 10; done\n"
        "mountpoint -q /fsx || systemctl poweroff\n"
    )
    return closed if needed else f"if modprobe lustre; then\n{closed}fi\n"

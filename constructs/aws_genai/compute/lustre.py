"""A fast file system before the buckets that training reads and writes."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy, aws_ec2 as ec2, aws_fsx as fsx, aws_iam as iam, aws_scheduler as scheduler
from constructs import Construct, IConstruct

from ..data.lustre import Throughput, check_capacity
from ..foundation.bucket import SecureBucket
from ..foundation.key import DataKey
from ..foundation.network import PrivateNetwork, let_reach
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge

#: Ports that Lustre clients and servers speak over:
#: https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html
PORTS = ((988, 988), (1018, 1023))
_RULES = (ec2.CfnSecurityGroupEgress, ec2.CfnSecurityGroupIngress)
#: Where the buckets appear in the file system.
DATA_PATH, CHECKPOINT_PATH = "/data", "/checkpoints"


class LustreFileSystem(Construct):
    """An encrypted FSx for Lustre file system that shows data sets and writes checkpoints back by the clock.

    New and changed objects of the data sets appear by themselves. Files under ``/checkpoints`` are exported on a
    schedule; a file that is deleted here stays in the bucket. It is made after the rules of its ports, which FSx looks
    at, and what mounts it after its links to the buckets (:meth:`come_before`).
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/create-dra-linked-data-repo.html
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import LustreFileSystem
        from aws_genai.foundation import (
            AccessLogBucket,
            CostTags,
            DataKey,
            PrivateNetwork,
            SecureBucket,
        )
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Files")
        key = DataKey(stack, "Key", description="Training")
        key.allow_logs()
        logs = AccessLogBucket(stack, "Logs")
        LustreFileSystem(
            stack,
            "Files",
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a"], key=key),
            data_sets=SecureBucket(stack, "DataSets", key=key, access_logs=logs),
            checkpoints=SecureBucket(stack, "Checkpoints", key=key, access_logs=logs),
        )
        app.synth()

    :param network: where the file system is, in its first zone.
    :param key: encrypts the files; FSx is added to its policy.
    :param data_sets: the bucket that appears at ``/data``.
    :param checkpoints: the bucket that ``/checkpoints`` is exported to.
    :param capacity_gib: 1,200 or a multiple of 2,400. Default: 1,200.
    :param throughput: MB/s for each TiB: 125, 250, 500 or 1,000. Default: 125.
    :param export_minutes: minutes between exports of the checkpoints. Default: 60.
    :param backup_days: days that daily backups are kept, 0 for none. Default: 0, for the buckets hold the data.
    :param removal_policy: what happens to the files on deletion of the stack. Default: retain.
    :raises InvalidValueError: if FSx has no such capacity.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        key: DataKey,
        data_sets: SecureBucket,
        checkpoints: SecureBucket,
        capacity_gib: int = 1200,
        throughput: Throughput = 125,
        export_minutes: int = 60,
        backup_days: int = 0,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_capacity(capacity_gib)
        key.allow_in_fsx()
        self.security_group = network.security_group(self, "Group", description="Lustre: its clients only")
        #: The group that a client's network interfaces join.
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
            storage_capacity=capacity_gib,
            storage_type="SSD",
            kms_key_id=key.key_arn,
            subnet_ids=network.subnet_ids[:1],
            security_group_ids=[self.security_group.attr_group_id],
            lustre_configuration=fsx.CfnFileSystem.LustreConfigurationProperty(
                deployment_type="PERSISTENT_2",
                per_unit_storage_throughput=throughput,
                data_compression_type="LZ4",
                automatic_backup_retention_days=backup_days,
                copy_tags_to_backups=True if backup_days else None,
            ),
        )
        self.resource.apply_removal_policy(removal_policy)
        # FSx refuses a group that does not let Lustre's ports through yet, and the group stands before its rules.
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
        self._export(export_minutes).node.add_dependency(exported)

    def come_before(self, *clients: IConstruct) -> None:
        """Let what mounts the file system be made after it, after the rules of its ports and its links to buckets."""
        for each in clients:
            each.node.add_dependency(*self._links)

    def _export(self, minutes: int) -> scheduler.CfnSchedule:
        """Write changed checkpoints to their bucket, again and again.

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
            reason="The task is made by the call itself, so its id is not known before it.",
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
            description="Writes changed checkpoints to their bucket",
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
    """What mounts a file system at ``/fsx``; an instance that has a Lustre client and cannot, switches itself off.

    Work that found an empty directory instead would write to a disk that goes with the instance.
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/mounting-ec2-instance.html

    :param needed: whether one without a Lustre client switches itself off too. Default: no, it goes on without.
    """
    mount = f"mount -t lustre -o relatime,flock {files.dns_name}@tcp:/{files.mount_name} /fsx"
    closed = (
        "mkdir -p /fsx\n"
        f"for _ in 1 2 3 4 5; do {mount} && break; sleep 10; done\n"
        "mountpoint -q /fsx || systemctl poweroff\n"
    )
    return closed if needed else f"if modprobe lustre; then\n{closed}fi\n"

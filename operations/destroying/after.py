"""Deletes what remains after a stack because services or people created it outside of CloudFormation."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .stacks import Environment
from .staying import Clients, Stays, Told, absent

#: Log groups that services create, by the type of resource: prefixes if they end in ``/``, otherwise exact names.
_LOG_GROUPS = {
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    "AWS::ApiGateway::RestApi": "API-Gateway-Execution-Logs_{id}/",
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    "AWS::Lambda::Function": "/aws/lambda/{id}",
    # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.CloudWatch.html
    "AWS::RDS::DBCluster": "/aws/rds/cluster/{id}/",
    # https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
    "AWS::SageMaker::Cluster": "/aws/sagemaker/Clusters/{id}/",
    "AWS::SageMaker::Endpoint": "/aws/sagemaker/Endpoints/{id}",
    "AWS::SageMaker::InferenceComponent": "/aws/sagemaker/InferenceComponents/{id}",
}
#: Security groups that SageMaker creates for the file system of a Studio domain.
_STUDIO_GROUP = re.compile(r"^security-group-for-(in|out)bound-nfs-d-")
_OF_ENDPOINTS = ("gateway_load_balancer_endpoint", "vpc_endpoint")
#: Maximum amount of time, in seconds, to wait until network interfaces of functions are deleted.
_INTERFACE_SECONDS = 45 * 60


class After:
    """Deletes what remains after deleted stacks."""

    def __init__(
        self,
        clients: Clients,
        told: Told,
        tags: dict[str, str],
        *,
        pause: float = 10,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients, self._told, self._tags, self._pause, self._sleep = clients, told, tags, pause, sleep

    def clear(self, stack: Environment) -> None:
        """Delete what remains after a deleted stack, and report what only its owner should delete."""
        for step in (self._log_groups, self._log_role, self._keys, self._backups, self._models):
            try:
                step(stack)
            except (ClientError, BotoCoreError) as error:
                self._told.note(f"What {stack.name} may have left was not cleared whole: {error}")

    def wait_for_interfaces(self, stack: Environment, *, of_functions: bool = False) -> None:
        """Wait until the network interfaces of functions and Studio domains are deleted, before their subnets are.

        Lambda deletes its network interfaces within 20 minutes or more; those that are detached are deleted here.
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html

        :param of_functions: whether to wait only for those of functions, because others belong to retained resources.
        """
        ec2 = self._clients("ec2")
        for network in stack.of("AWS::EC2::VPC"):
            self._studio_groups(ec2, network.physical_id)
            waited = 0.0
            while left := list(self._interfaces(ec2, network.physical_id, of_functions)):
                for each in left:
                    if each["Status"] == "available":
                        self._quietly(ec2.delete_network_interface, NetworkInterfaceId=each["NetworkInterfaceId"])
                if waited >= _INTERFACE_SECONDS:
                    self._told.note(f"{len(left)} network interfaces are still in {network.physical_id}.")
                    return
                self._sleep(self._pause)
                waited += self._pause

    def _interfaces(self, ec2: Any, network: str, of_functions: bool) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        pages = ec2.get_paginator("describe_network_interfaces")
        for page in pages.paginate(Filters=[{"Name": "vpc-id", "Values": [network]}]):
            for each in page["NetworkInterfaces"]:
                # Network interfaces of the stack's VPC endpoints are deleted with them.
                kind = each.get("InterfaceType")
                if kind == "lambda" if of_functions else kind not in _OF_ENDPOINTS:
                    yield each

    def _studio_groups(self, ec2: Any, network: str) -> None:  # noqa: ANN401
        """Delete both security groups of a Studio file system: rules first, because they refer to each other."""
        pages = ec2.get_paginator("describe_security_groups")
        found = [
            each
            for page in pages.paginate(Filters=[{"Name": "vpc-id", "Values": [network]}])
            for each in page["SecurityGroups"]
            if _STUDIO_GROUP.match(each["GroupName"])
        ]
        for each in found:
            for rules, revoke in (
                (each.get("IpPermissions"), ec2.revoke_security_group_ingress),
                (each.get("IpPermissionsEgress"), ec2.revoke_security_group_egress),
            ):
                if rules:
                    self._quietly(revoke, GroupId=each["GroupId"], IpPermissions=rules)
        for each in found:
            self._quietly(ec2.delete_security_group, GroupId=each["GroupId"])

    def _log_groups(self, stack: Environment) -> None:
        logs = self._clients("logs")
        for each in stack.of(*_LOG_GROUPS):
            if each.kept:
                continue
            name = _LOG_GROUPS[each.type].format(id=each.physical_id.rpartition("/")[2])
            for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
                for group in page["logGroups"]:
                    if group["logGroupName"] == name or name.endswith("/"):
                        self._quietly(logs.delete_log_group, logGroupName=group["logGroupName"])

    def _log_role(self, stack: Environment) -> None:
        """Delete the logging role of API Gateway, one for each account and Region, with the last API that may need it.

        https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateAccount.html
        """
        if not stack.of("AWS::ApiGateway::Account"):
            return
        gateway, iam = self._clients("apigateway"), self._clients("iam")
        current = gateway.get_account().get("cloudwatchRoleArn", "").rpartition("/")[2]
        for role in [each.physical_id for each in stack.of("AWS::IAM::Role") if each.kept]:
            if role == current:
                if self._has_apis(gateway):
                    self._told.note(
                        f"The role {role} stays, at no cost: other APIs of this account and Region log through it."
                    )
                    continue
                empty = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ""}]
                gateway.update_account(patchOperations=empty)
            self._delete_role(iam, role)

    def _has_apis(self, gateway: Any) -> bool:  # noqa: ANN401
        if gateway.get_rest_apis(limit=1)["items"]:
            return True
        return bool(self._clients("apigatewayv2").get_apis(MaxResults="1")["Items"])

    def _delete_role(self, iam: Any, role: str) -> None:  # noqa: ANN401
        try:
            pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
            for arn in [each["PolicyArn"] for page in pages for each in page["AttachedPolicies"]]:
                iam.detach_role_policy(RoleName=role, PolicyArn=arn)
            iam.delete_role(RoleName=role)
        except ClientError as error:
            if not absent(error):
                raise

    def _keys(self, stack: Environment) -> None:
        """https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html"""
        kms = self._clients("kms")
        for each in stack.of("AWS::KMS::Key"):
            if each.kept:
                continue
            date = self._found(kms.describe_key, KeyId=each.physical_id).get("KeyMetadata", {}).get("DeletionDate")
            if date:
                self._told.keys[each.physical_id] = date

    def _backups(self, stack: Environment) -> None:
        """Report manual snapshots and backups, which remain after their source is deleted."""
        for each in stack.of("AWS::RDS::DBCluster"):
            pages = self._clients("rds").get_paginator("describe_db_cluster_snapshots")
            # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DeleteCluster.html
            for page in pages.paginate(DBClusterIdentifier=each.physical_id, SnapshotType="manual"):
                for copy in page["DBClusterSnapshots"]:
                    self._made_by_hand(
                        f"snapshot {copy['DBClusterSnapshotIdentifier']}", "aws rds delete-db-cluster-snapshot"
                    )
        for each in stack.of("AWS::FSx::FileSystem"):
            pages = self._clients("fsx").get_paginator("describe_backups")
            for page in pages.paginate(Filters=[{"Name": "file-system-id", "Values": [each.physical_id]}]):
                for copy in page["Backups"]:
                    self._made_by_hand(f"backup {copy['BackupId']}", "aws fsx delete-backup")

    def _made_by_hand(self, what: str, command: str) -> None:
        self._told.stays.append(Stays(what, f"somebody made it; {command} deletes it"))

    def _models(self, stack: Environment) -> None:
        """Delete models that customization jobs created, which would remain and be billed per month.

        https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-delete.html
        """
        if not stack.of("AWS::StepFunctions::StateMachine"):
            return
        bedrock = self._clients("bedrock")
        pages = bedrock.get_paginator("list_custom_models").paginate(isOwned=True)
        for arn in [each["modelArn"] for page in pages for each in page["modelSummaries"]]:
            tags = {each["key"]: each["value"] for each in bedrock.list_tags_for_resource(resourceARN=arn)["tags"]}
            if self._tags.items() <= tags.items():
                bedrock.delete_custom_model(modelIdentifier=arn)

    def _found(self, ask: Callable[..., dict[str, Any]], **request: str) -> dict[str, Any]:
        try:
            return ask(**request)
        except ClientError as error:
            if absent(error):
                return {}
            raise

    def _quietly(self, call: Callable[..., Any], **request: Any) -> None:  # noqa: ANN401 - rules of groups are lists
        """Make a call, and ignore that the resource is deleted already or cannot be deleted yet."""
        try:
            call(**request)
        except ClientError as error:
            if not absent(error) and error.response["Error"]["Code"] not in ("DependencyViolation", "ResourceInUse"):
                raise

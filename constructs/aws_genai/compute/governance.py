"""Shares of a HyperPod cluster for teams, enforced by task governance."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnResource, aws_eks as eks, aws_sagemaker as sagemaker
from constructs import Construct

from ..data.cluster import Eks, Team
from ..foundation.naming import lasting
from ..gate.acknowledgement import acknowledge


def share_capacity(
    scope: Construct,
    name: str,
    cluster_name: str,
    cluster: sagemaker.CfnCluster,
    orchestrator: Eks,
    teams: Sequence[Team],
) -> None:
    """Give teams shares of an EKS cluster's capacity, lent while idle and taken back when needed.

    Its policy and quotas belong to one cluster for good, so their names change with its own.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-operate-console-ui-governance.html
    """
    addon = eks.CfnAddon(
        scope,
        "Governance",
        addon_name="amazon-sagemaker-hyperpod-taskgovernance",
        cluster_name=orchestrator.cluster_arn.rpartition("/")[2],
        resolve_conflicts="OVERWRITE",
    )
    addon.node.add_dependency(cluster)
    policy = sagemaker.CfnClusterSchedulerConfig(
        scope,
        "Scheduler",
        name=lasting(scope, f"{name}-shares", cluster_name),
        cluster_arn=cluster.attr_cluster_arn,
        scheduler_config={
            "fairShare": "Enabled",
            "priorityClasses": [{"name": "training", "weight": 50}, {"name": "experiment", "weight": 10}],
        },
    )
    policy.node.add_dependency(addon)
    for team in teams:
        # The CDK has no class for this type yet.
        quota = CfnResource(
            scope,
            f"Team-{team.name}",
            type="AWS::SageMaker::ComputeQuota",
            properties={
                "Name": lasting(scope, f"{name}-{team.name}", cluster_name),
                "ClusterArn": cluster.attr_cluster_arn,
                "ComputeQuotaTarget": {"TeamName": team.name, "FairShareWeight": team.weight},
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

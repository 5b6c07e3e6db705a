"""What the three layers stand on: key, network, audit, alarms, budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from aws_genai.security import AlarmTopic, AuditTrail, DataKey, MonthlyBudget
from settings import Settings

from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.security import PrivateNetwork


class FoundationStack(LayerStack):
    """A key, a VPC if any layer needs one, the audit trail, the alarm topic and the budget."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "foundation", settings, description="Key, network, audit, alarms and budget")
        security = settings.security
        self.key = DataKey(
            self,
            "Key",
            description=f"{settings.prefix}: logs, alarms, audit records",
            alias=f"{settings.prefix}/foundation",
            removal_policy=self.removal_policy,
        )
        self.key.allow_logs()
        self.topic = AlarmTopic(self, "Alarms", key=self.key, emails=settings.budget.emails)
        MonthlyBudget(
            self, "Budget", limit_usd=settings.budget.monthly_usd, topic=self.topic, tag=("project", settings.project)
        )
        if security.audit_trail:
            self.key.allow_trail()
            AuditTrail(
                self,
                "Trail",
                trail_name=f"{settings.prefix}-audit",
                key=self.key,
                access_logs=self.access_logs,
                log_days=security.log_days,
                retention_days=security.record_days,
                replica=security.replicas,
                removal_policy=self.removal_policy,
            )
        self.network: PrivateNetwork | None = None
        if settings.needs_network and settings.network:
            # Imported as needed: EC2 is the largest module of the CDK.
            from aws_genai.security import PrivateNetwork

            self.network = PrivateNetwork(
                self,
                "Network",
                zones=settings.network.zones,
                cidr=settings.network.cidr,
                key=self.key,
                services=services(settings),
                registries=registries(settings),
                models=settings.models.bedrock.models if settings.models and settings.models.bedrock else (),
                flow_log_days=security.log_days,
                removal_policy=self.removal_policy,
            )


def services(settings: Settings) -> list[str]:
    """The AWS services that the enabled layers call from inside the VPC.

    S3 has a gateway endpoint of its own, free of charge. An endpoint of SageMaker needs none: the service
    itself fetches images and ships logs.
    https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html
    """
    needed: set[str] = set()
    if settings.compute:
        needed |= {"kms", "logs", "monitoring"}
        clusters = settings.compute.clusters.values()
        slurm = any(cluster.eks is None for cluster in clusters)
        if slurm or any(fleet.work_queue for fleet in settings.compute.fleets.values()):
            needed.add("sqs")
        if settings.compute.queues:
            # https://docs.aws.amazon.com/batch/latest/userguide/vpc-endpoint-considerations.html
            needed |= {"ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry"}
        if any(cluster.eks for cluster in clusters):
            # https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html
            needed |= {"ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sts"}
        if clusters and settings.security.private_functions:
            needed |= {"logs", "xray"}
    if settings.security.private_functions and settings.models and settings.models.idle and settings.models.endpoints:
        needed |= {"application-autoscaling", "dynamodb", "kms", "logs", "monitoring", "sagemaker.api", "sns", "xray"}
    if settings.security.private_functions and settings.models and settings.models.own_weights:
        needed |= {"kms", "logs", "sns", "xray"}
    if settings.security.private_functions and settings.models and settings.models.fine_tuning:
        needed |= {"cloudtrail", "kms", "logs", "monitoring", "sagemaker.api", "sns", "xray"}
    if settings.models and settings.models.studio:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/studio-updated-and-internet-access.html
        needed |= {"kms", "logs", "monitoring", "sagemaker.api", "sagemaker.runtime", "sts"}
    if settings.security.private_functions and settings.models and settings.models.hub:
        needed |= {"logs", "sagemaker.api", "sns", "xray"}
    if settings.security.private_functions and settings.models and settings.models.monitoring:
        needed |= {"kms", "logs", "monitoring", "sns", "xray"}
    if settings.security.private_functions and settings.application and settings.application.chat:
        needed |= {"bedrock-runtime", "logs", "sns", "xray"}
        if settings.application.chat.budget:
            needed.add("dynamodb")
        if settings.application.chat.knowledge:
            needed.add("bedrock-agent-runtime")
    if settings.security.private_functions and settings.models and settings.models.knowledge:
        needed |= {"bedrock-agent", "bedrock-runtime", "logs", "sns", "xray"}
    if settings.security.private_functions and settings.models and settings.models.imported:
        needed |= {"bedrock", "kms", "logs", "scheduler", "sns", "xray"}
    bedrock = settings.models.bedrock if settings.models else None
    if settings.security.private_functions and bedrock and bedrock.invocation_log:
        needed |= {"bedrock", "logs", "sns", "xray"}
    return sorted(needed)


def registries(settings: Settings) -> list[str]:
    """The accounts whose container images queues pull, beside their own."""
    queues = settings.compute.queues.values() if settings.compute else ()
    return sorted({queue.image.partition(".")[0] for queue in queues} - {settings.account or ""})

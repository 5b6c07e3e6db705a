"""The foundation of the three layers: key, network, audit, alarms, budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, aws_sns as sns
from constructs import Construct

from aws_genai.data.regional import available
from aws_genai.foundation import AlarmTopic, AuditTrail, MonthlyBudget
from settings import Settings

from .base import LayerStack
from .services import registries, services

if TYPE_CHECKING:
    from aws_genai.foundation import PrivateNetwork
    from aws_genai.foundation.options import NetworkOptions


class FoundationStack(LayerStack):
    """A key, a VPC if any layer needs one, the audit trail, the alarm topic and the budget."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "foundation", settings, description="Key, network, audit, alarms and budget")
        security = settings.security
        self.key = self.key_of("logs, alarms, audit records")
        self.key.allow_logs()
        if own := security.alarm_topic_arn:
            topic = sns.Topic.from_topic_arn(self, "OwnTopic", own)
            self.topic = AlarmTopic.from_topic(self, "Alarms", topic, key=self.key)
        else:
            self.topic = AlarmTopic(self, "Alarms", key=self.key, emails=settings.budget.emails)
        if settings.budget.monthly_usd is not None:
            self._budget(settings.budget.monthly_usd)
        if security.audit_trail:
            AuditTrail(
                self,
                "Trail",
                # The name of a multi-Region trail must be unique in all Regions.
                trail_name=f"{settings.prefix}-audit",
                foundation=self.build_on(self.key, self.topic),
                retention_days=security.record_days,
                readers=security.trail_readers,
            )
        self.network: PrivateNetwork | None = None
        if settings.needs_network and settings.network:
            self.network = self._network(settings.network)

    def _network(self, network: NetworkOptions) -> PrivateNetwork:
        # Imported on use, because EC2 is the largest module of the CDK.
        from aws_cdk import aws_ec2 as ec2

        from aws_genai.foundation import PrivateNetwork

        settings, called = self.settings, services(self.settings)
        if network.vpc_id:
            vpc = ec2.Vpc.from_vpc_attributes(self, "OwnVpc", vpc_id=network.vpc_id, availability_zones=network.names)
            own = PrivateNetwork.from_vpc(
                self, "Network", vpc, subnets=network.subnets, s3_endpoint_id=network.s3_endpoint_id
            )
            Annotations.of(own).add_info(
                f"The VPC {network.vpc_id} is yours: its subnets must reach Amazon S3 and {', '.join(called)}, "
                "through VPC endpoints or another route"
            )
            return own
        return PrivateNetwork(
            self,
            "Network",
            zones=network.zones,
            cidr=network.cidr,
            key=self.key,
            services=called,
            registries=registries(settings),
            models=settings.models.bedrock.models if settings.models and settings.models.bedrock else (),
            flow_log_days=settings.security.log_days,
            removal_policy=self.removal_policy,
        )

    def _budget(self, monthly_usd: float) -> None:
        settings = self.settings
        if available("AWS::Budgets::Budget", settings.region):
            MonthlyBudget(
                self,
                "Budget",
                limit_usd=monthly_usd,
                topic=self.topic,
                tags={"project": settings.project, "environment": settings.environment},
            )
        else:
            Annotations.of(self).add_info(
                f"CloudFormation does not support AWS Budgets in {settings.region}, so there is no budget. Create"
                f" one of {monthly_usd:g} USD a month over the tags project={settings.project} and"
                f" environment={settings.environment} by hand."
            )

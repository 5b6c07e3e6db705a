"""What CloudFront needs in us-east-1, for an application of another Region."""

from __future__ import annotations

from constructs import Construct

from aws_genai.application import Edge, EdgeFirewall
from aws_genai.application.options import EDGE_REGION, EdgeOptions
from aws_genai.foundation import DataKey, Foundation
from settings import Settings
from settings.application import Chat

from .base import LayerStack


class EdgeFirewallStack(LayerStack):
    """The web ACL of the distribution, with its log and its key. It is deployed before the application."""

    def __init__(self, scope: Construct, settings: Settings, chat: Chat, edge: EdgeOptions) -> None:
        super().__init__(
            scope,
            f"edge-firewall-{settings.region}",
            settings,
            description="Web ACL of the distribution",
            layer="application",
            region=EDGE_REGION,
        )
        # A key that the settings name is in their Region.
        key = DataKey(
            self,
            "Key",
            description=f"{settings.prefix}: log of the web ACL",
            alias=f"{settings.prefix}/edge-firewall-{settings.region}",
            removal_policy=self.removal_policy,
        )
        foundation = Foundation(self, key=key, log_days=settings.security.log_days, removal_policy=self.removal_policy)
        self.firewall = EdgeFirewall(
            self,
            "Firewall",
            foundation=foundation,
            name=f"{settings.prefix}-edge-{settings.region}",
            options=chat,
            edge=edge,
        )


class EdgeLogsStack(LayerStack):
    """The delivery of the distribution's access logs. It is deployed after the application."""

    def __init__(self, scope: Construct, settings: Settings, edge: Edge) -> None:
        super().__init__(
            scope,
            f"edge-logs-{settings.region}",
            settings,
            description="Access logs of the distribution",
            layer="application",
            region=EDGE_REGION,
        )
        edge.deliver_logs(self, "Logs")

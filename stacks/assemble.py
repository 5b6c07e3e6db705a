"""Creates the stacks of an environment. Each layer depends only on the layers below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import App

from aws_genai.application.options import EDGE_REGION
from settings import Settings

from .foundation import FoundationStack

if TYPE_CHECKING:
    from aws_genai.compute import AcceleratorFleet

    from .edge import EdgeFirewallStack
    from .hosting import HostingStack
    from .models import ModelsStack


def assemble(app: App, settings: Settings) -> None:
    """Add the stacks of the settings to ``app``."""
    # Imported on use, because the CDK's modules are large.
    foundation = FoundationStack(app, settings)
    fleets: list[AcceleratorFleet] = []
    models: ModelsStack | None = None
    if settings.compute:
        from .compute import ComputeStack

        fleets = ComputeStack(app, settings, settings.compute, foundation).fleets
    hosting: HostingStack | None = None
    if settings.models and settings.models.governed:
        from .models import ModelsStack

        models = ModelsStack(app, settings, settings.models, foundation)
    if settings.models and settings.models.hosted:
        from .hosting import HostingStack

        hosting = HostingStack(app, settings, settings.models, foundation, models)
    if settings.application:
        from .application import ApplicationStack

        chat, edge = settings.application.chat, settings.application.edge
        firewall: EdgeFirewallStack | None = None
        elsewhere = settings.region != EDGE_REGION
        if chat and edge and elsewhere:
            from .edge import EdgeFirewallStack

            firewall = EdgeFirewallStack(app, settings, chat, edge)
        application = ApplicationStack(
            app, settings, settings.application, foundation, models, hosting, fleets, firewall
        )
        if application.edge and elsewhere:
            from .edge import EdgeLogsStack

            EdgeLogsStack(app, settings, application.edge)

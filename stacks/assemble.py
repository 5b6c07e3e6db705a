"""The stacks of an environment, each layer looking down only."""

from __future__ import annotations

from aws_cdk import App

from settings import Settings

from .application import ApplicationStack
from .compute import ComputeStack
from .foundation import FoundationStack
from .models import ModelsStack


def assemble(app: App, settings: Settings) -> None:
    """Add the stacks that the settings ask for to ``app``."""
    foundation = FoundationStack(app, settings)
    compute = ComputeStack(app, settings, settings.compute, foundation) if settings.compute else None
    models = ModelsStack(app, settings, settings.models, foundation) if settings.models else None
    if settings.application:
        ApplicationStack(app, settings, settings.application, foundation, models, compute.fleets if compute else ())

"""Layer 1: accelerated compute."""

from __future__ import annotations

from constructs import Construct

from aws_genai.compute import AcceleratorFleet, WeightsBucket
from aws_genai.security import DataKey
from settings import Settings
from settings.compute import Compute

from .base import LayerStack
from .foundation import FoundationStack


class ComputeStack(LayerStack):
    """A weights bucket under its own key, and fleets that read from it."""

    def __init__(self, scope: Construct, settings: Settings, compute: Compute, foundation: FoundationStack) -> None:
        super().__init__(scope, "compute", settings, description="Layer 1: accelerated compute")
        if foundation.network is None:
            raise ValueError("fleets run in a network, and the foundation has none")
        key = DataKey(
            self,
            "Key",
            description=f"{settings.prefix}: weights and volumes",
            alias=f"{settings.prefix}/compute",
            removal_policy=self.removal_policy,
        )
        weights = WeightsBucket(
            self,
            "Weights",
            key=key,
            access_logs=self.access_logs,
            topic=foundation.topic,
            publisher_role_arn=compute.weights.publisher_role,
            break_glass_role_arn=compute.weights.break_glass_role,
            replica=settings.security.replicas,
            removal_policy=self.removal_policy,
        )
        self.fleets = [
            AcceleratorFleet(
                self,
                name,
                instance_type=fleet.instance_type,
                max_instances=fleet.max_instances,
                root_volume_gib=fleet.root_volume_gib,
                network=foundation.network,
                key=key,
                topic=foundation.topic,
                weights=weights,
            )
            for name, fleet in compute.fleets.items()
        ]

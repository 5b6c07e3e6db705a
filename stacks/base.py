"""The base class of the stacks of an environment."""

from __future__ import annotations

from aws_cdk import Environment, RemovalPolicy, Stack, Tags, aws_iam as iam, aws_kms as kms
from constructs import Construct

from aws_genai.foundation import AlarmTopic, CostTags, DataKey, Foundation, PrivateNetwork, WeakReferences
from aws_genai.packaging import reserve_concurrency
from settings import Settings


class LayerStack(Stack):
    """A stack with the name, tags and termination protection of the settings."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        settings: Settings,
        *,
        description: str,
        layer: str | None = None,
        region: str | None = None,
    ) -> None:
        super().__init__(
            scope,
            name,
            stack_name=f"{settings.prefix}-{name}",
            description=description,
            env=Environment(account=settings.account, region=region or settings.region),
            termination_protection=settings.security.retain,
            synthesizer=WeakReferences(qualifier=settings.bootstrap_qualifier),
        )
        if settings.bootstrap_qualifier:
            # Constructs that name a role of the bootstrap stack read the qualifier from here.
            self.node.set_context("@aws-cdk/core:bootstrapQualifier", settings.bootstrap_qualifier)
        self.settings = settings
        self._name = name
        if settings.security.reserved_concurrency:
            reserve_concurrency(self)
        # If the first deployment of a stack fails, its resources are deleted; those of a deployed stack are retained.
        kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        self.removal_policy = kept if settings.security.retain else RemovalPolicy.DESTROY
        self._tags = CostTags(
            project=settings.project,
            environment=settings.environment,
            layer=layer or name,
            owner=settings.owner,
            cost_center=settings.cost_center,
        )
        self._tags.apply(self)
        for key, value in settings.tags.items():
            Tags.of(self).add(key, value)
        if boundary := settings.security.permissions_boundary_arn:
            policy = iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", boundary)
            iam.PermissionsBoundary.of(self).apply(policy)

    def build_on(self, key: DataKey, topic: AlarmTopic, network: PrivateNetwork | None = None) -> Foundation:
        """The ``Foundation`` argument of the constructs of this stack."""
        settings, security = self.settings, self.settings.security
        return Foundation(
            self,
            key=key,
            topic=topic,
            network=network,
            private_functions=security.private_functions and network is not None,
            replicas=security.replicas,
            log_days=security.log_days,
            record_days=security.record_days,
            removal_policy=self.removal_policy,
            tags={**settings.tags, **self._tags.by_name()},
        )

    def key_of(self, description: str) -> DataKey:
        """The key that encrypts this stack's data: a new key, or the existing key that the settings name."""
        if own := self.settings.security.key_arn:
            return DataKey.from_key(self, "Key", kms.Key.from_key_arn(self, "OwnKey", own))
        return DataKey(
            self,
            "Key",
            description=f"{self.settings.prefix}: {description}",
            alias=f"{self.settings.prefix}/{self._name}",
            removal_policy=self.removal_policy,
        )

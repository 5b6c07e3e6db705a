"""What every stack of an environment shares."""

from __future__ import annotations

from aws_cdk import Environment, RemovalPolicy, Stack
from constructs import Construct

from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, SecureBucket, WeakReferences
from aws_genai.packaging import reserve_concurrency
from settings import Settings


class LayerStack(Stack):
    """A stack of one layer: named, placed, tagged and protected as the settings say."""

    def __init__(self, scope: Construct, layer: str, settings: Settings, *, description: str) -> None:
        super().__init__(
            scope,
            layer,
            stack_name=f"{settings.prefix}-{layer}",
            description=description,
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.security.retain,
            synthesizer=WeakReferences(),
        )
        self.settings = settings
        if settings.security.reserved_concurrency:
            reserve_concurrency(self)
        self._access_logs: AccessLogBucket | None = None
        # What a failed first deploy made goes again; what lives stays.
        kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        self.removal_policy = kept if settings.security.retain else RemovalPolicy.DESTROY
        cost = CostTags(
            project=settings.project,
            environment=settings.environment,
            layer=layer,
            owner=settings.owner,
            cost_center=settings.cost_center,
        )
        cost.apply(self)
        #: The tags of every resource, for what functions make later.
        self.cost_tags = cost.by_name()

    @property
    def access_logs(self) -> AccessLogBucket:
        """Where this stack's buckets log who read and wrote them; made for the first of them."""
        if self._access_logs is None:
            days = self.settings.security.record_days
            self._access_logs = AccessLogBucket(
                self, "AccessLogs", retention_days=days, removal_policy=self.removal_policy
            )
        return self._access_logs

    def bucket(self, id: str, key: DataKey, topic: AlarmTopic, retention_days: int) -> SecureBucket:
        """A bucket of this stack, with what the settings say of all."""
        return SecureBucket(
            self,
            id,
            key=key,
            access_logs=self.access_logs,
            retention_days=retention_days,
            replica=self.settings.security.replicas,
            topic=topic,
            removal_policy=self.removal_policy,
        )

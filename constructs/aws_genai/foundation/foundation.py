"""The resources and defaults that constructs share: key, topic, network, retention and removal policy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aws_cdk import RemovalPolicy
from constructs import Construct

from ..errors import InvalidValueError
from .access_log_bucket import AccessLogBucket
from .alarms import AlarmTopic
from .key import DataKey

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2, aws_kms as kms, aws_sns as sns

    from .network import PrivateNetwork


_Made = TypeVar("_Made", bound=Construct)


class Foundation:
    """The resources and defaults that the constructs of a stack share. A missing resource is created on first use.

    Every construct of this library takes a foundation. It is not a construct itself: the resources that it creates are
    children of ``scope``.

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Documents")
        SecureBucket(stack, "Documents", foundation=Foundation(stack, log_days=30))
        app.synth()

    :param scope: The stack or construct in which a missing key, topic or bucket is created.
    :param key: The key that encrypts data, logs and messages. Default: a new key.
    :param topic: The topic that receives every alarm. An existing topic must be encrypted with ``key``. Default: a new
        topic without subscriptions.
    :param network: The VPC in which instances, endpoints and jobs run: a :class:`PrivateNetwork`, an existing VPC, or
        the Availability Zones of a new VPC. Default: none.
    :param private_functions: Whether to run functions in the VPC as well. Default: no.
    :param access_logs: The bucket that receives the server access logs of buckets. Default: a new bucket.
    :param replicas: Whether to replicate the objects of every bucket. Default: no.
    :param log_days: Number of days to retain log events. Default: 365.
    :param record_days: Number of days to retain access logs, audit records and captured data in S3. Default: 365.
    :param removal_policy: The removal policy of data, keys and logs when the stack is deleted. Default: retain, except
        after a first deployment that fails.
    :param tags: The tags of resources that functions create at run time. Default: none.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        key: DataKey | kms.IKey | None = None,
        topic: AlarmTopic | sns.ITopic | None = None,
        network: PrivateNetwork | ec2.IVpc | Sequence[str] | None = None,
        private_functions: bool = False,
        access_logs: AccessLogBucket | None = None,
        replicas: bool = False,
        log_days: int = 365,
        record_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._scope = scope
        if key is not None and not isinstance(key, DataKey):
            key = DataKey.from_key(scope, "OwnKey", key)
        self._given: dict[str, Any] = {"key": key, "topic": topic, "network": network, "access_logs": access_logs}
        #: What was created, for this foundation and for those that :meth:`but` derives from it.
        self._created: dict[str, Any] = {}
        self.private_functions = private_functions
        self.replicas = replicas
        self.log_days = log_days
        self.record_days = record_days
        self.removal_policy = removal_policy
        self.tags: Mapping[str, str] = dict(tags or {})
        if topic is not None and not isinstance(topic, AlarmTopic):
            self._given["topic"] = AlarmTopic.from_topic(scope, "OwnTopic", topic, key=self.key)

    @property
    def key(self) -> DataKey:
        """The key that encrypts data, logs and messages."""
        return self._given["key"] or self._once("key", self._create_key)

    @property
    def topic(self) -> AlarmTopic:
        """The topic that receives every alarm."""
        return self._given["topic"] or self._once("topic", self._create_topic)

    @property
    def network(self) -> PrivateNetwork | None:
        """The VPC in which instances, endpoints and jobs run."""
        given = self._given["network"]
        return given and self._once(f"network {id(given)}", self._create_network)

    @property
    def access_logs(self) -> AccessLogBucket:
        """The bucket that receives the server access logs of buckets."""
        given = self._given["access_logs"]
        return given or self._once("access_logs", self._create_access_logs)

    @property
    def private_network(self) -> PrivateNetwork:
        """The VPC.

        :raises InvalidValueError: if there is none.
        """
        if self.network is None:
            raise InvalidValueError(
                "Instances, endpoints and jobs run in a VPC, and none is given",
                field="network",
                hint="Pass network= to Foundation: a PrivateNetwork, or PrivateNetwork.from_vpc() for your own VPC",
            )
        return self.network

    @property
    def functions_network(self) -> PrivateNetwork | None:
        """The VPC in which functions run, or None."""
        return self.private_network if self.private_functions else None

    def but(self, **changes: Any) -> Self:  # noqa: ANN401 - the arguments of this class
        """A copy of the foundation with other values for some arguments; resources that it creates are shared."""
        changed = copy.copy(self)
        changed._given = dict(self._given)
        for name, value in changes.items():
            if name in changed._given:
                changed._given[name] = value
            elif not name.startswith("_") and name in vars(changed):
                setattr(changed, name, value)
            else:
                raise TypeError(f"Foundation has no argument {name}")
        return changed

    def _once(self, name: str, create: Callable[[], _Made]) -> _Made:
        if name not in self._created:
            self._created[name] = create()
        made: _Made = self._created[name]
        return made

    def _create_key(self) -> DataKey:
        key = DataKey(self._scope, "Key", description=self._scope.node.path, removal_policy=self.removal_policy)
        key.allow_logs()
        return key

    def _create_topic(self) -> AlarmTopic:
        return AlarmTopic(self._scope, "Alarms", key=self.key)

    def _create_network(self) -> PrivateNetwork:
        # Imported as needed: EC2 is the largest module of the CDK.
        from .network import PrivateNetwork

        given = self._given["network"]
        if isinstance(given, PrivateNetwork):
            return given
        if not isinstance(given, list | tuple):
            return PrivateNetwork.from_vpc(self._scope, "OwnNetwork", given)
        return PrivateNetwork(
            self._scope,
            "Network",
            zones=given,
            key=self.key,
            flow_log_days=self.log_days,
            removal_policy=self.removal_policy,
        )

    def _create_access_logs(self) -> AccessLogBucket:
        return AccessLogBucket(
            self._scope, "AccessLogs", retention_days=self.record_days, removal_policy=self.removal_policy
        )

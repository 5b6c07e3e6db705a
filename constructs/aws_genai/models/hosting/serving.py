"""What an endpoint of SageMaker serves, and how: container, options, traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Required, TypedDict

from ...data.jumpstart import JumpStartModel
from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import SecureBucket
from ...foundation.key import DataKey
from ...foundation.network import PrivateNetwork
from .traffic import TrafficShift
from .working_hours import WarmHours


@dataclass(frozen=True, kw_only=True)
class Container:
    """One model in its container: image, environment, and where its weights lie.

    :param image: the image with its registry.
    :param environment: environment variables.
    :param bucket: name of the bucket of the weights.
    :param key: the packed object of the weights, or the prefix of their files, which ends in ``/``.
    :param accelerators: how many accelerators one copy takes.
    :param accept_eula: whether the licence agreement is accepted. Default: the weights have none.
    :param host_image: machine image of the instances. Default: SageMaker's own choice.
    :param key_arn: the customer key of the weights. Default: encrypted by S3 or by AWS's own key.
    :param unread: endings of files that the container must never read. Default: none.
    :param shown: how findings show the bucket's name, where CloudFormation makes it up. Default: the name itself.
    """

    image: str
    environment: Mapping[str, str]
    bucket: str
    key: str
    accelerators: int
    accept_eula: bool | None = None
    host_image: str | None = None
    key_arn: str | None = None
    unread: Sequence[str] = field(default=())
    shown: str | None = None

    @property
    def source(self) -> dict[str, object]:
        """The weights as ``ModelDataSource`` of a model."""
        packed = self.key.endswith(".tar.gz")
        source: dict[str, object] = {
            "s3Uri": f"s3://{self.bucket}/{self.key}",
            "s3DataType": "S3Object" if packed else "S3Prefix",
            "compressionType": "Gzip" if packed else "None",
        }
        if self.accept_eula is not None:
            source["modelAccessConfig"] = {"acceptEula": self.accept_eula}
        return source


def jumpstart_container(model: JumpStartModel, instance_type: str, region: str, accept_eula: bool) -> Container:
    """A model of the JumpStart catalogue as a container."""
    from .inference_component import accelerators_of_a_copy

    return Container(
        image=model.image(instance_type, region),
        environment=model.container_environment(instance_type),
        bucket=model.bucket(region),
        key=model.artifact,
        accelerators=accelerators_of_a_copy(model, instance_type),
        accept_eula=accept_eula if model.eula else None,
    )


@dataclass(frozen=True, kw_only=True)
class DataCapture:
    """Recording of requests and answers, for monitoring and evaluation.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

    :param bucket: where records go, under the endpoint's name.
    :param sampling_percent: share of the requests that is recorded, 1 to 100. Default: 100.
    """

    bucket: SecureBucket
    sampling_percent: int = 100


@dataclass(frozen=True, kw_only=True)
class AsyncInference:
    """Calls that wait in a queue: no instance while there are none, requests of up to 1 GB and an hour each.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html

    :param bucket: requests lie under ``<endpoint>/in/``, answers come to ``<endpoint>/out/``.
    :param concurrent: requests that one instance works at, 1 to 1,000. Default: 4.
    :param backlog: waiting requests on each instance that scaling aims for. Default: 5.
    """

    bucket: SecureBucket
    concurrent: int = 4
    backlog: float = 5


class EndpointOptions(TypedDict, total=False):
    """What :class:`JumpStartEndpoint` and :class:`ModelEndpoint` have in common."""

    #: Name of the endpoint, 1 to 63 letters, digits and hyphens.
    endpoint_name: Required[str]
    #: Where the instances run; two zones or more make it survive the loss of one.
    network: Required[PrivateNetwork]
    #: Encrypts volumes and captured data.
    key: Required[DataKey]
    #: Told of every alarm.
    topic: Required[AlarmTopic]
    #: Least instances, at least 1. Default: 1.
    min_instances: int
    #: Most instances. Default: 2.
    max_instances: int
    #: Invocations a minute on each instance that scaling aims for. Default: 60.
    invocations_per_instance: float
    #: Median model latency in milliseconds that raises an alarm. Default: 30,000.
    latency_ms: int
    #: Hours without a call that raise an alarm, 1 to 24; none where the model scales to zero. Default: 6.
    idle_hours: int
    #: Whether the model is an inference component that has no copy, and no instance, while nobody calls it. The first
    #: call then fails and wakes it, in minutes; its sender tries again. Default: no.
    scale_to_zero: bool
    #: Hours in which more instances stand ready than the least. Default: none.
    warm: WarmHours | None
    #: Whether a new version keeps the instances that scaling has added, instead of starting over with the least. Not
    #: for the deployment that makes the endpoint, where CloudFormation advises against it. Default: no.
    retain_capacity: bool
    #: How calls move to a new version. Default: all at once.
    traffic: TrafficShift | None
    #: Calls wait in a queue and instances go to none. Default: calls are answered at once.
    asynchronous: AsyncInference | None
    #: Recording of requests and answers. Default: none.
    data_capture: DataCapture | None


def capture(wanted: DataCapture | None, key: DataKey, endpoint_name: str) -> dict[str, Any] | None:
    """The recording of an endpoint's configuration."""
    if wanted is None:
        return None
    return {
        "enableCapture": True,
        "initialSamplingPercentage": wanted.sampling_percent,
        "destinationS3Uri": f"s3://{wanted.bucket.bucket_name}/{endpoint_name}",
        "kmsKeyId": key.key_arn,
        "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
        "captureContentTypeHeader": {"jsonContentTypes": ["application/json"]},
    }


def queue(wanted: AsyncInference | None, key: DataKey, endpoint_name: str) -> dict[str, Any] | None:
    """The queue of an endpoint's configuration."""
    if wanted is None:
        return None
    return {
        "clientConfig": {"maxConcurrentInvocationsPerInstance": wanted.concurrent},
        "outputConfig": {
            "s3OutputPath": f"s3://{wanted.bucket.bucket_name}/{endpoint_name}/out/",
            "s3FailurePath": f"s3://{wanted.bucket.bucket_name}/{endpoint_name}/failed/",
            "kmsKeyId": key.key_arn,
        },
    }

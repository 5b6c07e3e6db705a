"""Parts of endpoint configurations: containers, data capture, asynchronous inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...data.jumpstart import JumpStartModel
from ...foundation.bucket import SecureBucket
from ...foundation.key import DataKey
from .options import AsyncInference


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container, and the weights that it serves.

    :param image: URI of the image.
    :param environment: environment variables.
    :param bucket: name of the bucket of the weights.
    :param key: key of a compressed archive, or prefix of the files, which ends in ``/``.
    :param accelerators: number of accelerators of one copy.
    :param accept_eula: whether the license agreement is accepted. Default: the weights have none.
    :param host_image: version of the machine image of the instances. Default: SageMaker's own choice.
    :param key_arn: ARN of the KMS key of the weights. Default: none is needed.
    :param unread: file extensions that the container must never read. Default: none.
    :param shown: name of the bucket in findings, where CloudFormation generates it. Default: ``bucket``.
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


def capture(bucket: SecureBucket | None, percent: int, key: DataKey, endpoint_name: str) -> dict[str, Any] | None:
    """The data capture of an endpoint configuration.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
    """
    if bucket is None:
        return None
    return {
        "enableCapture": True,
        "initialSamplingPercentage": percent,
        "destinationS3Uri": f"s3://{bucket.bucket_name}/{endpoint_name}",
        "kmsKeyId": key.key_arn,
        "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
        "captureContentTypeHeader": {"jsonContentTypes": ["application/json"]},
    }


def queue(
    bucket: SecureBucket | None, options: AsyncInference | None, key: DataKey, endpoint_name: str
) -> dict[str, Any] | None:
    """The asynchronous inference of an endpoint configuration."""
    if bucket is None or options is None:
        return None
    return {
        "clientConfig": {"maxConcurrentInvocationsPerInstance": options.concurrent},
        "outputConfig": {
            "s3OutputPath": f"s3://{bucket.bucket_name}/{endpoint_name}/out/",
            "s3FailurePath": f"s3://{bucket.bucket_name}/{endpoint_name}/failed/",
            "kmsKeyId": key.key_arn,
        },
    }

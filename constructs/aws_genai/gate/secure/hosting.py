"""Rules for hosted models: network isolation, encryption, scaling with traffic, and detection of idle endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..emitted import Emitted, Resource
from ..rules import Hit, rule

_ENDPOINT, _CONFIG = "AWS::SageMaker::Endpoint", "AWS::SageMaker::EndpointConfig"

#: Instance types with EBS volumes. SageMaker rejects a key for local disks, which the Nitro card encrypts.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpointconfig.html
_ON_VOLUMES = re.compile(r"ml\.(inf2|m[4-8]g?|c[4-8]g?|r[5-8]g?|t[2-3])\.")

#: Metrics whose alarms scale out a model from zero copies, at which it has no idle cost.
_WAKES = ("NoCapacityInvocationFailures", "HasBacklogWithoutCapacity")


@rule(
    "GENAI_SAGEMAKER_ISOLATED",
    holds="Model containers have network isolation and are in a VPC.",
    why="A model container with network access can send out weights and prompts.",
    fix="set EnableNetworkIsolation to true and pass a PrivateNetwork.",
    page="https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html",
)
def isolated(app: Emitted) -> Iterator[Hit]:
    for model in app.of("AWS::SageMaker::Model"):
        if model.get("EnableNetworkIsolation") is not True:
            yield Hit(model, "Properties.EnableNetworkIsolation")
        if model.get("VpcConfig") is None:
            yield Hit(model, "Properties.VpcConfig", "The model is outside a VPC.")


@rule(
    "GENAI_SAGEMAKER_ENCRYPTED",
    holds="Volumes of endpoints and captured data are encrypted with a customer managed key.",
    why="Volumes of endpoints contain weights, and captured prompts and responses are personal data.",
    fix="set KmsKeyId, and that of the data capture, to a DataKey.",
    page="https://docs.aws.amazon.com/sagemaker/latest/dg/encryption-at-rest.html",
)
def encrypted(app: Emitted) -> Iterator[Hit]:
    for config in app.of(_CONFIG):
        variants = config.get("ProductionVariants") or ()
        if config.get("KmsKeyId") is None and any(
            _ON_VOLUMES.match(str(each.get("InstanceType", ""))) for each in variants
        ):
            yield Hit(config, "Properties.KmsKeyId")
        captured = config.get("DataCaptureConfig")
        if captured is not None and captured.get("KmsKeyId") is None:
            yield Hit(config, "Properties.DataCaptureConfig.KmsKeyId")


@rule(
    "GENAI_ENDPOINT_SCALES",
    holds="Every endpoint scales.",
    why="An endpoint without a scalable target costs the same regardless of its traffic.",
    fix="use JumpStartEndpoint, or add a ScalableTarget and a ScalingPolicy for each endpoint.",
    page="https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html",
)
def scales(app: Emitted) -> Iterator[Hit]:
    targets = [
        each
        for each in app.of("AWS::ApplicationAutoScaling::ScalableTarget")
        if each.get("ServiceNamespace") == "sagemaker"
    ]
    for stack in app.stacks.values():
        endpoints = [each for each in app.of(_ENDPOINT) if each.stack is stack]
        # The scalable target refers to the inference component, so only their numbers can be compared.
        if sum(each.stack is stack for each in targets) < len(endpoints):
            yield from (Hit(each) for each in endpoints)


@rule(
    "GENAI_ENDPOINT_IDLE_ALARM",
    holds="Every endpoint has an alarm for missing invocations, or scales to zero instances.",
    why="An idle endpoint costs as much as a busy one.",
    fix="use JumpStartEndpoint, or add an alarm on Invocations that treats missing data as breaching for each endpoint "
    "that keeps an instance.",
    page="https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html",
)
def missed_when_idle(app: Emitted) -> Iterator[Hit]:
    def watches(alarm: Resource) -> bool:
        metric = alarm.get("MetricName")
        idle = metric == "Invocations" and alarm.get("TreatMissingData") == "breaching"
        return alarm.get("Namespace") == "AWS/SageMaker" and (idle or metric in _WAKES)

    alarms = [each for each in app.of("AWS::CloudWatch::Alarm") if watches(each)]
    for stack in app.stacks.values():
        endpoints = [each for each in app.of(_ENDPOINT) if each.stack is stack]
        if sum(each.stack is stack for each in alarms) < len(endpoints):
            yield from (Hit(each) for each in endpoints)

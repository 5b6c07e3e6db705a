"""Custom models of Amazon Bedrock: imported, customized, and deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from aws_genai.models import CustomizationOptions, DeploymentOptions, ImportedModelOptions, ProvisionedThroughputOptions

from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import (
        CustomizedModel,
        Guardrail,
        ImportedModel,
        ModelDeployment,
        ProvisionedThroughput,
        SignedDataSets,
    )


def imported_model(
    stack: LayerStack, foundation: Foundation, guardrail: Guardrail, name: str, options: ImportedModelOptions
) -> ImportedModel:
    """A model that is imported into Bedrock (Custom Model Import)."""
    from aws_genai.models import ImportedModel

    return ImportedModel(
        stack,
        f"{name}-imported",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        guardrail=guardrail,
        options=options,
    )


def customized_model(
    stack: LayerStack,
    foundation: Foundation,
    guardrail: Guardrail | None,
    data_sets: SignedDataSets,
    name: str,
    options: CustomizationOptions,
) -> CustomizedModel:
    """A customization of a Bedrock model with a signed data set."""
    from aws_genai.models import CustomizedModel

    return CustomizedModel(
        stack,
        f"{name}-customized",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        data_sets=data_sets,
        # Names of data sets have no prefix.
        options=options if options.data_set else options.model_copy(update={"data_set": name}),
        guardrail=guardrail,
    )


def model_deployment(
    stack: LayerStack, foundation: Foundation, guardrail: Guardrail, name: str, model_arn: str, key_arn: str | None
) -> ModelDeployment:
    """An on-demand deployment of a custom model."""
    from aws_genai.models import ModelDeployment

    return ModelDeployment(
        stack,
        f"{name}-deployed",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        guardrail=guardrail,
        options=DeploymentOptions(model=model_arn, key_arn=key_arn),
    )


def provisioned_throughput(
    stack: LayerStack, foundation: Foundation, guardrail: Guardrail, name: str, options: ProvisionedThroughputOptions
) -> ProvisionedThroughput:
    """Provisioned throughput of a model."""
    from aws_genai.models import ProvisionedThroughput

    return ProvisionedThroughput(
        stack,
        f"{name}-throughput",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        guardrail=guardrail,
        options=options,
    )

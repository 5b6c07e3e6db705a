"""Custom models of Amazon Bedrock: imported, customized, and the capacity that serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from settings.customized import Customized, Provisioned
from settings.imported import Imported

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
    stack: LayerStack, foundation: Foundation, guardrail: Guardrail, name: str, imported: Imported
) -> ImportedModel:
    """A model of one's own that Bedrock serves."""
    from aws_genai.models import ImportedModel

    return ImportedModel(
        stack,
        f"{name}-imported",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        weights=imported.weights(),
        guardrail=guardrail,
        version=imported.version,
    )


def customized_model(
    stack: LayerStack,
    foundation: Foundation,
    guardrail: Guardrail | None,
    data_sets: SignedDataSets,
    name: str,
    customized: Customized,
) -> CustomizedModel:
    """A model of Bedrock that learns from a signed data set."""
    from aws_genai.models import CustomizedModel

    return CustomizedModel(
        stack,
        f"{name}-customized",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        data_set=customized.data_set or name,
        base=customized.base,
        kind=customized.kind,
        teacher=customized.teacher,
        guardrail=guardrail,
        hyperparameters=customized.hyperparameters,
        refuse_personal_data=customized.refuse_personal_data,
        most_duplicates_percent=customized.most_duplicates_percent,
        data_sets=data_sets,
    )


def model_deployment(
    stack: LayerStack, foundation: Foundation, guardrail: Guardrail, name: str, model_arn: str, key_arn: str | None
) -> ModelDeployment:
    """A customized model that is served on demand."""
    from aws_genai.models import ModelDeployment

    return ModelDeployment(
        stack,
        f"{name}-deployed",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        model_arn=model_arn,
        model_key_arn=key_arn,
        guardrail=guardrail,
    )


def provisioned_throughput(
    stack: LayerStack, foundation: Foundation, guardrail: Guardrail, name: str, provisioned: Provisioned
) -> ProvisionedThroughput:
    """Throughput that is paid by the hour."""
    from aws_genai.models import ProvisionedThroughput

    return ProvisionedThroughput(
        stack,
        f"{name}-throughput",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        model_arn=provisioned.model,
        model_key_arn=provisioned.key_arn,
        units=provisioned.units,
        usd_per_hour=provisioned.usd_per_hour,
        commitment=provisioned.commitment,
        guardrail=guardrail,
    )

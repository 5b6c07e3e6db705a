"""Custom models of Amazon Bedrock: imported, customized, and the capacity that serves them."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .customized_model import CustomizedModel as CustomizedModel
    from .imported_model import ImportedModel as ImportedModel
    from .model_capacity import ModelDeployment as ModelDeployment, ProvisionedThroughput as ProvisionedThroughput
    from .options import (
        CustomizationOptions as CustomizationOptions,
        DeploymentOptions as DeploymentOptions,
        ImportedModelOptions as ImportedModelOptions,
        ProvisionedThroughputOptions as ProvisionedThroughputOptions,
    )

__all__, __getattr__ = exports(__name__)

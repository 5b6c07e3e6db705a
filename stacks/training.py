"""Fine-tuning, and the tools of data scientists, ML engineers and approvers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from settings.fine_tuning import FineTuningSettings
from settings.models import Models

from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import Experiments, FineTuning, ModelHub, SignedDataSets, Studio
    from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint


def signed_data_sets(stack: LayerStack, foundation: Foundation, tuning: FineTuningSettings) -> SignedDataSets:
    """The data sets that may train models."""
    # Imported on use, because SageMaker is a large module of the CDK.
    from aws_genai.models import SignedDataSets

    return SignedDataSets(stack, "DataSets", foundation=foundation, options=tuning)


def experiments(stack: LayerStack, foundation: Foundation) -> Experiments:
    """The MLflow app that tracks the runs of all pipelines."""
    from aws_genai.models import Experiments

    return Experiments(stack, "Experiments", foundation=foundation, name=stack.settings.prefix)


def pipelines(
    stack: LayerStack,
    foundation: Foundation,
    tuning: FineTuningSettings,
    data_sets: SignedDataSets,
    experiments: Experiments,
) -> list[FineTuning]:
    """The pipelines that fine-tune JumpStart models."""
    from aws_genai.models import FineTuning

    return [
        FineTuning(
            stack,
            f"{name}-tuning",
            foundation=foundation,
            name=name,
            endpoint_name=f"{stack.settings.prefix}-{name}",
            options=options,
            data_sets=data_sets,
            experiments=experiments,
        )
        for name, options in tuning.pipelines.items()
    ]


def model_hub(stack: LayerStack, foundation: Foundation, models: Models) -> ModelHub | None:
    """The private hub with the models that endpoints and pipelines use, and those that the settings name."""
    if models.hub is None:
        return None
    from aws_genai.models import ModelHub

    options = models.hub.model_copy(update={"models": models.catalogued()})
    return ModelHub(stack, "Hub", foundation=foundation, name=stack.settings.prefix, options=options)


def studio(
    stack: LayerStack,
    foundation: Foundation,
    models: Models,
    *,
    hub: ModelHub | None,
    experiments: Experiments | None,
    tuned: Sequence[FineTuning],
    endpoints: Sequence[HostedEndpoint],
) -> Studio | None:
    """The Studio domain, whose personas may use the resources of the stack."""
    if models.studio is None:
        return None
    from aws_genai.models import Studio

    studio = Studio(stack, "Studio", foundation=foundation, name=stack.settings.prefix, options=models.studio)
    for persona, role in studio.roles.items():
        if hub:
            hub.grant_use(role)
        if experiments and persona != "approver":
            experiments.grant_use(role)
            experiments.grant_open(role)
    for each in tuned:
        each.grant_train(studio.roles["data-scientist"])
        each.grant_approve(studio.roles["approver"])
        each.endpoint.grant_invoke(studio.roles["ml-engineer"])
    for endpoint in endpoints:
        endpoint.grant_describe(studio.roles["ml-engineer"])
        endpoint.grant_invoke(studio.roles["ml-engineer"])
    return studio

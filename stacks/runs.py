"""Jobs that run to completion: batch inference and evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from aws_genai.models import BatchInferenceOptions
from settings.evaluation import EvaluationSettings

from .access import application_profiles
from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import BatchInference, Evaluation, KnowledgeBase, ModelAccess


def batch_inference(
    stack: LayerStack, foundation: Foundation, access: ModelAccess, name: str, options: BatchInferenceOptions
) -> BatchInference:
    """Batch inference with one model."""
    from aws_genai.models import BatchInference

    whole = f"{stack.settings.prefix}-{name}"
    return BatchInference(
        stack,
        f"{name}-batch",
        foundation=foundation,
        name=whole,
        access=access,
        profiles=application_profiles(stack, f"{name}-batched", f"{whole}-batch", access, [options.model]),
        options=options,
    )


def evaluation(
    stack: LayerStack,
    foundation: Foundation,
    access: ModelAccess,
    knowledge: Mapping[str, KnowledgeBase],
    name: str,
    settings: EvaluationSettings,
) -> Evaluation:
    """An evaluation, which sends the same prompts to several models."""
    from aws_genai.models import Evaluation

    whole = f"{stack.settings.prefix}-{name}"
    return Evaluation(
        stack,
        f"{name}-evaluation",
        foundation=foundation,
        name=whole,
        access=access,
        profiles=application_profiles(stack, f"{name}-evaluated", f"{whole}-evaluation", access, settings.models),
        knowledge=knowledge[settings.knowledge] if settings.knowledge else None,
        options=settings,
    )

"""Jobs that run to completion: batch inference and evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from settings.batch import Batch
from settings.evaluation import EvaluationSettings

from .access import application_profiles
from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import BatchInference, Evaluation, KnowledgeBase, ModelAccess


def batch_inference(
    stack: LayerStack, foundation: Foundation, access: ModelAccess, name: str, batch: Batch
) -> BatchInference:
    """Many questions to one model."""
    from aws_genai.models import BatchInference, Inference

    whole = f"{stack.settings.prefix}-{name}"
    return BatchInference(
        stack,
        f"{name}-batch",
        foundation=foundation,
        name=whole,
        model=batch.model,
        access=access,
        profiles=application_profiles(stack, f"{name}-batched", f"{whole}-batch", access, [batch.model]),
        most_failed_percent=batch.most_failed_percent,
        inference=Inference(
            max_tokens=batch.max_tokens, temperature=batch.temperature, system_prompt=batch.system_prompt
        ),
        retention_days=stack.settings.security.record_days,
    )


def evaluation(
    stack: LayerStack,
    foundation: Foundation,
    access: ModelAccess,
    knowledge: Mapping[str, KnowledgeBase],
    name: str,
    settings: EvaluationSettings,
) -> Evaluation:
    """Models that are asked the same questions, side by side."""
    from aws_genai.models import Evaluation, Inference

    whole = f"{stack.settings.prefix}-{name}"
    return Evaluation(
        stack,
        f"{name}-evaluation",
        foundation=foundation,
        name=whole,
        models=settings.models,
        access=access,
        profiles=application_profiles(stack, f"{name}-evaluated", f"{whole}-evaluation", access, settings.models),
        judge=settings.judge.whole() if settings.judge else None,
        thresholds=settings.thresholds,
        knowledge=knowledge[settings.knowledge] if settings.knowledge else None,
        groups=settings.groups,
        inference=Inference(
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            system_prompt=settings.system_prompt,
        ),
        schedule=settings.schedule,
        time_zone=settings.time_zone,
        retention_days=stack.settings.security.record_days,
    )

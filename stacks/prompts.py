"""Prompts, flows and prompt routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from settings.prompts import FlowSettings, PromptSettings, RouterSettings

from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import ModelAccess, Prompt, PromptFlow, PromptRouter


def prompt(
    stack: LayerStack, foundation: Foundation, access: ModelAccess, name: str, settings: PromptSettings
) -> Prompt:
    """A prompt that is kept and versioned."""
    from aws_genai.models import Inference, Prompt

    return Prompt(
        stack,
        f"{name}-prompt",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        text=settings.text,
        model=settings.model,
        access=access,
        inference=Inference(max_tokens=settings.max_tokens, temperature=settings.temperature),
        keep_versions=settings.keep_versions,
    )


def prompt_flow(
    stack: LayerStack,
    foundation: Foundation,
    access: ModelAccess,
    prompts: Mapping[str, Prompt],
    name: str,
    settings: FlowSettings,
) -> PromptFlow:
    """Prompts that take each other's answers."""
    from aws_genai.models import PromptFlow

    return PromptFlow(
        stack,
        f"{name}-flow",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        prompts=prompts,
        steps=settings.whole(),
        guardrail=access.guardrail,
        keep_versions=settings.keep_versions,
    )


def prompt_router(stack: LayerStack, access: ModelAccess, name: str, settings: RouterSettings) -> PromptRouter:
    """Two models, of which the cheaper one answers where it is good enough."""
    from aws_genai.models import PromptRouter

    return PromptRouter(
        stack,
        f"{name}-router",
        name=f"{stack.settings.prefix}-{name}",
        models=settings.models,
        access=access,
        quality_difference=settings.quality_difference,
    )

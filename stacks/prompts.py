"""Prompts, flows and prompt routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation
from aws_genai.models import FlowOptions, PromptOptions, RouterOptions

from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import ModelAccess, Prompt, PromptFlow, PromptRouter


def prompt(stack: LayerStack, foundation: Foundation, access: ModelAccess, name: str, options: PromptOptions) -> Prompt:
    """A prompt of Prompt management, with a version."""
    from aws_genai.models import Prompt

    return Prompt(
        stack,
        f"{name}-prompt",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        access=access,
        options=options,
    )


def prompt_flow(
    stack: LayerStack,
    foundation: Foundation,
    access: ModelAccess,
    prompts: Mapping[str, Prompt],
    name: str,
    options: FlowOptions,
) -> PromptFlow:
    """A flow of prompts."""
    from aws_genai.models import PromptFlow

    return PromptFlow(
        stack,
        f"{name}-flow",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        guardrail=access.guardrail,
        prompts=prompts,
        options=options,
    )


def prompt_router(stack: LayerStack, access: ModelAccess, name: str, options: RouterOptions) -> PromptRouter:
    """A router between two models."""
    from aws_genai.models import PromptRouter

    return PromptRouter(stack, f"{name}-router", name=f"{stack.settings.prefix}-{name}", access=access, options=options)

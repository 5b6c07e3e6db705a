"""Prompts, flows and prompt routers of Amazon Bedrock."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .options import (
        FlowOptions as FlowOptions,
        FlowStep as FlowStep,
        PromptOptions as PromptOptions,
        RouterOptions as RouterOptions,
    )
    from .prompt import Prompt as Prompt
    from .prompt_flow import PromptFlow as PromptFlow
    from .prompt_router import PromptRouter as PromptRouter

__all__, __getattr__ = exports(__name__)

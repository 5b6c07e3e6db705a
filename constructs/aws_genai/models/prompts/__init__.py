"""Prompts, flows and prompt routers of Amazon Bedrock."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .prompt import Prompt as Prompt
    from .prompt_flow import PromptFlow as PromptFlow
    from .prompt_router import PromptRouter as PromptRouter
    from .prompt_rules import FlowStep as FlowStep

__all__, __getattr__ = exports(__name__)

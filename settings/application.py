"""Settings of layer 3: applications."""

from __future__ import annotations

from aws_genai.application.options import ChatOptions, UsageBudgetOptions
from aws_genai.options import Options


class Chat(ChatOptions):
    """The chat API."""

    knowledge: str | None = None
    """Name of the knowledge base in models.knowledge that responses are based on. Default: none."""

    budget: UsageBudgetOptions | None = None
    """Maximum number of requests and tokens of each user in a day. Default: no limit."""


class Application(Options):
    """Layer 3."""

    chat: Chat | None = None
    """The chat API. It calls the models of models.bedrock."""

    dashboard: bool = True
    """Whether to create a CloudWatch dashboard of the three layers."""

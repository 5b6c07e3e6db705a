"""Layer 2: on-demand models of Amazon Bedrock, and the resources that use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from settings import Settings
from settings.models import Models

from .access import model_access
from .base import LayerStack
from .foundation import FoundationStack
from .knowledge import knowledge_base
from .prompts import prompt, prompt_flow, prompt_router
from .runs import batch_inference, evaluation

if TYPE_CHECKING:
    from aws_genai.models import ModelAccess


class ModelsStack(LayerStack):
    """The guardrail, the models that may be invoked with it, prompts, knowledge bases, batch inference, evaluations."""

    def __init__(self, scope: Construct, settings: Settings, models: Models, foundation: FoundationStack) -> None:
        super().__init__(scope, "models", settings, description="Layer 2: governed models")
        key = self.key_of("guardrail, documents, questions and answers")
        if models.has_functions:
            key.allow_logs()
        built_on = self.build_on(key, foundation.topic, foundation.network)
        self.access: ModelAccess | None = model_access(self, built_on, models.bedrock) if models.bedrock else None
        self.knowledge = {
            name: knowledge_base(self, built_on, self.access, name, each) for name, each in models.knowledge.items()
        }
        if self.access is None:
            return
        access = self.access
        self.prompts = {name: prompt(self, built_on, access, name, each) for name, each in models.prompts.items()}
        self.flows = {
            name: prompt_flow(self, built_on, access, self.prompts, name, each) for name, each in models.flows.items()
        }
        self.routers = {name: prompt_router(self, access, name, each) for name, each in models.routers.items()}
        self.batches = {
            name: batch_inference(self, built_on, access, name, each) for name, each in models.batches.items()
        }
        self.evaluations = {
            name: evaluation(self, built_on, access, self.knowledge, name, each)
            for name, each in models.evaluations.items()
        }

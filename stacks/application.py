"""Layer 3: applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from constructs import Construct

from aws_genai.application import ChatApi, Dashboard, Firewall, Identity, UsageBudget
from aws_genai.models import ApplicationProfiles, BedrockCatalogue, ModelWatch
from settings import Settings
from settings.application import Application, Chat

from .base import LayerStack
from .foundation import FoundationStack

if TYPE_CHECKING:
    from aws_genai.compute import AcceleratorFleet
    from aws_genai.foundation import Foundation
    from aws_genai.models import KnowledgeBase, ModelAccess

    from .hosting import HostingStack
    from .models import ModelsStack


class ApplicationStack(LayerStack):
    """The chat API with its user pool and web ACL, and a CloudWatch dashboard of the three layers."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        application: Application,
        foundation: FoundationStack,
        models: ModelsStack | None = None,
        hosting: HostingStack | None = None,
        fleets: Sequence[AcceleratorFleet] = (),
    ) -> None:
        super().__init__(scope, "application", settings, description="Layer 3: applications")
        built_on = self.build_on(foundation.key, foundation.topic, foundation.network)
        access = models.access if models else None
        bedrock = settings.models.bedrock if settings.models else None
        self._profiled = bool(bedrock and bedrock.application_profiles)
        #: The dimension of the CloudWatch metrics of Bedrock that identifies the model.
        self._called: dict[str, str] = {model: model for model in access.models} if access else {}
        known = models.knowledge if models else {}
        chats = [self._chat(application.chat, built_on, access, known)] if application.chat and access else []
        if application.dashboard:
            Dashboard(
                self,
                "Dashboard",
                name=settings.prefix,
                fleets=fleets,
                chats=chats,
                endpoints=[*hosting.endpoints, *(each.endpoint for each in hosting.tuned)] if hosting else (),
                models=self._called,
            )
        watch = bedrock.watch if bedrock else None
        if watch and access:
            ModelWatch(
                self,
                "Watch",
                models=self._called,
                guardrail=access.guardrail,
                foundation=built_on,
                options=watch,
            )

    def _chat(
        self, chat: Chat, foundation: Foundation, access: ModelAccess, known: Mapping[str, KnowledgeBase]
    ) -> ChatApi:
        settings = self.settings
        readers = settings.models.knowledge[chat.knowledge].groups if settings.models and chat.knowledge else set()
        identity = Identity(
            self,
            "Users",
            pool_name=settings.prefix,
            options=chat,
            groups=sorted(readers),
            foundation=foundation,
        )
        firewall = Firewall(
            self,
            "Firewall",
            name=settings.prefix,
            foundation=foundation,
            options=chat,
        )
        models = chat.models or [model for model in access.models if BedrockCatalogue.get(model).use == "chat"]
        budget, profiles = chat.budget, None
        if self._profiled:
            profiles = ApplicationProfiles(self, "Models", name=f"{settings.prefix}-chat", access=access, models=models)
            self._called |= profiles.ids
        return ChatApi(
            self,
            "Chat",
            name=settings.prefix,
            access=access,
            identity=identity,
            firewall=firewall,
            foundation=foundation,
            options=chat,
            profiles=profiles,
            knowledge=known[chat.knowledge] if chat.knowledge else None,
            budget=UsageBudget(self, "Budget", foundation=foundation, options=budget) if budget else None,
        )

"""Layer 3: applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from constructs import Construct

from aws_genai.application import (
    AgentTools,
    Assistant,
    ChatApi,
    CodeTools,
    ContentTools,
    Dashboard,
    Edge,
    EdgeFirewall,
    Firewall,
    History,
    Identity,
    InsightTools,
    OriginSecret,
    UsageBudget,
)
from aws_genai.application.options import EdgeOptions
from aws_genai.models import ApplicationProfiles, BedrockCatalogue, ModelWatch
from settings import Settings
from settings.application import Application, Assistant as AssistantSettings, Chat

from .base import LayerStack
from .foundation import FoundationStack

if TYPE_CHECKING:
    from aws_genai.application.answering import Toolset
    from aws_genai.compute import AcceleratorFleet
    from aws_genai.foundation import Foundation
    from aws_genai.models import KnowledgeBase, ModelAccess

    from .edge import EdgeFirewallStack
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
        edge_firewall: EdgeFirewallStack | None = None,
    ) -> None:
        super().__init__(scope, "application", settings, description="Layer 3: applications")
        self._built_on = built_on = self.build_on(foundation.key, foundation.topic, foundation.network)
        self._edge_firewall, self._foundation = edge_firewall, foundation
        #: The distribution in front of the chat API.
        self.edge: Edge | None = None
        access = models.access if models else None
        bedrock = settings.models.bedrock if settings.models else None
        self._profiled = bool(bedrock and bedrock.application_profiles)
        #: The model and the dimension of its CloudWatch metrics, by a label: the model, and the assistant that asks it.
        self._called = {model: (model, model) for model in access.models} if access else {}
        known = models.knowledge if models else {}
        chats = (
            [self._chat(application, application.chat, built_on, access, known)] if application.chat and access else []
        )
        if application.dashboard:
            Dashboard(
                self,
                "Dashboard",
                name=settings.prefix,
                fleets=fleets,
                chats=chats,
                endpoints=[*hosting.endpoints, *(each.endpoint for each in hosting.tuned)] if hosting else (),
                models={label: dimension for label, (_, dimension) in self._called.items()},
                prices=self._prices(),
            )
        watch = bedrock.watch if bedrock else None
        if watch and access:
            ModelWatch(
                self,
                "Watch",
                models={dimension: model for model, dimension in self._called.values()},
                guardrail=access.guardrail,
                foundation=built_on,
                options=watch,
            )

    def _chat(
        self,
        application: Application,
        chat: Chat,
        foundation: Foundation,
        access: ModelAccess,
        known: Mapping[str, KnowledgeBase],
    ) -> ChatApi:
        settings = self.settings
        bases = settings.models.knowledge if settings.models else {}
        readers = {
            group for each in application.answering.values() if each.knowledge for group in bases[each.knowledge].groups
        }
        askers = {group for each in application.assistants.values() for group in each.groups}
        actors = {group for each in application.assistants.values() if each.agent for group in each.agent.groups}
        identity = Identity(
            self,
            "Users",
            pool_name=settings.prefix,
            options=chat,
            groups=sorted(readers | askers | actors),
            machines=application.machines,
            foundation=foundation,
        )
        edge = application.edge
        own = self._own if edge else foundation
        firewall = Firewall(
            self,
            "Firewall",
            name=settings.prefix,
            foundation=foundation,
            options=chat,
            origin=OriginSecret(self, "OriginSecret", foundation=own, options=edge) if edge else None,
        )
        budget = UsageBudget(self, "Budget", foundation=foundation, options=chat.budget) if chat.budget else None
        history = (
            History(
                self,
                "History",
                foundation=foundation,
                identity=identity,
                options=application.history,
                origins=chat.allowed_origins,
                guardrail=access.guardrail,
                attachments_foundation=self._own if application.history.attachments else None,
            )
            if application.history
            else None
        )
        api = ChatApi(
            self,
            "Chat",
            name=settings.prefix,
            access=access,
            identity=identity,
            firewall=firewall,
            foundation=foundation,
            options=chat,
            profiles=self._profiles(access, chat.models),
            knowledge=known[chat.knowledge] if chat.knowledge else None,
            budget=budget,
            history=history,
            assistants=[
                Assistant(
                    self,
                    f"Assistant-{name}",
                    foundation=foundation,
                    name=name,
                    access=access,
                    identity=identity,
                    options=each,
                    profiles=self._profiles(access, each.models, name),
                    knowledge=known[each.knowledge] if each.knowledge else None,
                    budget=budget,
                    origins=chat.allowed_origins,
                    history=history,
                    toolset=self._toolset(name, each, access, identity),
                )
                for name, each in application.assistants.items()
            ],
        )
        if edge:
            self.edge = self._distribution(api, chat, edge, own)
        return api

    def _distribution(self, api: ChatApi, chat: Chat, edge: EdgeOptions, foundation: Foundation) -> Edge:
        """CloudFront in front of the API."""
        name = f"{self.settings.prefix}-edge"
        firewall = (
            self._edge_firewall.firewall
            if self._edge_firewall
            else EdgeFirewall(self, "EdgeFirewall", foundation=foundation, name=name, options=chat, edge=edge)
        )
        return Edge(
            self, "Edge", foundation=foundation, name=name, api=api, firewall_arn=firewall.acl_arn, options=edge
        )

    def _prices(self) -> dict[str, tuple[float, float]]:
        """The list prices of tokens, by the labels of the models, as far as they are known."""
        prices = {label: BedrockCatalogue.get(model).token_prices for label, (model, _) in self._called.items()}
        return {label: price for label, price in prices.items() if price}

    @cached_property
    def _own(self) -> Foundation:
        """What constructs are built on whose roles the key must name: such a key cannot be in a stack below."""
        foundation = self._foundation
        return self.build_on(self.key_of("data of applications"), foundation.topic, foundation.network)

    def _toolset(
        self, name: str, assistant: AssistantSettings, access: ModelAccess, identity: Identity
    ) -> Toolset | None:
        """The tools of the assistant's kind."""
        id, resource = f"Tools-{name}", f"{self.settings.prefix}-{name}"
        match assistant.kind:
            case "agent":
                assert assistant.agent  # noqa: S101 - the settings were checked
                return AgentTools(
                    self,
                    id,
                    foundation=self._built_on,
                    name=resource,
                    identity=identity,
                    options=assistant.agent,
                )
            case "code":
                return CodeTools(self, id, name=resource, options=assistant.code)
            case "content":
                return ContentTools(self, id, foundation=self._own, access=access, options=assistant.content)
            case "insight":
                assert assistant.insight  # noqa: S101 - the settings were checked
                return InsightTools(self, id, foundation=self._own, name=resource, options=assistant.insight)
            case _:
                return None

    def _profiles(
        self, access: ModelAccess, models: Sequence[str], assistant: str | None = None
    ) -> ApplicationProfiles | None:
        """Application inference profiles, if the settings attribute costs by them."""
        if not self._profiled:
            return None
        offered = models or [model for model in access.models if BedrockCatalogue.get(model).use == "chat"]
        id, name = ("Models", "chat") if assistant is None else (f"Models-{assistant}", assistant)
        profiles = ApplicationProfiles(
            self, id, name=f"{self.settings.prefix}-{name}", access=access, models=list(offered)
        )
        for model, dimension in profiles.ids.items():
            self._called[model if assistant is None else f"{model} ({assistant})"] = (model, dimension)
        return profiles

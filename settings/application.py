"""Settings of layer 3: applications."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from aws_genai.application.options import (
    AssistantName,
    AssistantOptions,
    ChatOptions,
    EdgeOptions,
    HistoryOptions,
    MachineOptions,
    UsageBudgetOptions,
    check_knowledge,
)
from aws_genai.errors import InvalidValueError, below
from aws_genai.options import Options


class Chat(ChatOptions):
    """The chat API."""

    knowledge: str | None = None
    """Name of the knowledge base in models.knowledge that responses are based on. Default: none."""

    budget: UsageBudgetOptions | None = None
    """Maximum number of requests and tokens of each user in a day. Default: no limit."""


class Assistant(AssistantOptions):
    """An assistant."""

    knowledge: str | None = None
    """Name of the knowledge base in models.knowledge that an assistant of kind retrieval answers from."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        check_knowledge(self, given=self.knowledge is not None)
        for name, target in (self.agent.targets if self.agent else {}).items():
            if target.function_arn is None:
                raise InvalidValueError(
                    f"The target {name} has no function",
                    field=f"agent.targets.{name}.function_arn",
                    hint="Name the ARN of the function with its tools",
                )
        return self


class Application(Options):
    """Layer 3."""

    chat: Chat | None = None
    """The chat API. It calls the models of models.bedrock."""

    assistants: Annotated[dict[AssistantName, Assistant], Field(max_length=50)] = {}
    """Assistants, by the name in the path of their API: POST /v1/assistants/{name}/answers. They stream their answers,
    and share the API, the users and the usage budget of chat."""

    history: HistoryOptions | None = None
    """Conversations with assistants that are stored. Default: clients send them with each question."""

    edge: EdgeOptions | None = None
    """CloudFront in front of the API of chat, and of a page. The API then refuses what does not come through it.
    Default: clients call the API itself."""

    machines: Annotated[dict[AssistantName, MachineOptions], Field(max_length=10)] = {}
    """Programs that ask with credentials of their own, by the name of their app client."""

    dashboard: bool = True
    """Whether to create a CloudWatch dashboard of the three layers."""

    @property
    def answering(self) -> dict[str, Chat | Assistant]:
        """What calls models, by its path in the settings."""
        assistants = {f"assistants.{name}": each for name, each in self.assistants.items()}
        return {**({"chat": self.chat} if self.chat else {}), **assistants}

    @model_validator(mode="after")
    def _has_an_api(self) -> Self:
        if self.history and not self.assistants:
            raise InvalidValueError(
                "There are no assistants whose conversations could be stored",
                field="history",
                hint="Add assistants, or leave history out",
            )
        if self.assistants and self.chat is None:
            raise InvalidValueError(
                "Assistants answer through the API of chat, which these settings leave out",
                field="assistants",
                hint="Add chat: {}",
            )
        return self

    @model_validator(mode="after")
    def _has_something_behind_its_edge(self) -> Self:
        if self.edge and self.chat is None:
            raise InvalidValueError(
                "CloudFront is in front of the API of chat, which these settings leave out",
                field="edge",
                hint="Add chat: {}",
            )
        if self.edge and self.chat:
            with below("chat"):
                self.chat.check_edge()
        return self

    @model_validator(mode="after")
    def _who_may_ask_exists(self) -> Self:
        if self.machines and self.chat is None:
            raise InvalidValueError(
                "Programs ask the API of chat, which these settings leave out", field="machines", hint="Add chat: {}"
            )
        federation = self.chat.federation if self.chat else None
        for name, each in self.assistants.items():
            if each.groups and federation and not federation.groups:
                raise InvalidValueError(
                    "Users of the identity provider have no groups, so that none could ask this assistant",
                    field=f"assistants.{name}.groups",
                    hint="Set chat.federation.groups to the claim that holds them",
                )
        for name, machine in self.machines.items():
            if machine.budget and self.chat and not self.chat.budget:
                raise InvalidValueError(
                    "Nothing is counted without a budget of users",
                    field=f"machines.{name}.budget",
                    hint="Add chat.budget: {}",
                )
        return self

"""The function behind an application that answers: what it is told and what it may use, whichever way it responds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aws_cdk import aws_iam as iam
from constructs import Construct

from ..data.bedrock import BedrockCatalogue, check_chat
from ..data.bedrock_parameters import ModelParameters
from ..errors import InvalidValueError
from ..foundation.alarms import AlarmTopic, alarm
from ..functions.chat.environment import Environment
from ..functions.chat.metrics import LOCKED_OUT, NAMESPACE
from ..functions.contract import Contract
from ..models.access.inference import requests_of
from ..models.access.model_access import ModelAccess
from ..models.access.options import Inference
from ..packaging import PythonFunction
from .identity import GROUPS_CLAIM, Identity
from .options import MachineOptions

if TYPE_CHECKING:
    from ..models.access.application_profiles import ApplicationProfiles
    from ..models.knowledge.knowledge_base import KnowledgeBase
    from .usage_budget import UsageBudget


class Toolset(Protocol):
    """What the model of an assistant may use: a construct that knows the module of its tools.

    Tools are in :mod:`aws_genai.functions.assistant.kinds`.
    """

    #: Name of the module.
    tools: str
    #: Further folders of functions that the module imports.
    include: Sequence[str]
    #: Environment variables of the module.
    environment: Contract

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to do what the tools do, and nothing else."""
        ...


def lock_out_alarm(scope: Construct, topic: AlarmTopic, *, name: str, dimensions: Mapping[str, str]) -> None:
    """An alarm on repeated probing: whoever draws out a model, or tries to pass its guardrail, is blocked often.

    :param name: name of the application.
    :param dimensions: those of the metrics that its function publishes.
    """
    alarm(
        scope,
        "AlarmLockedOut",
        topic=topic,
        runbook="guardrail-lockout",
        description=f"A user of {name} was blocked so often that they are locked out: read the function's log.",
        namespace=NAMESPACE,
        metric=LOCKED_OUT,
        dimensions=dict(dimensions),
        threshold=1,
    )


class Answering:
    """What answers are made of: models through their guardrail, a knowledge base, and a budget.

    :param access: the models and the guardrail.
    :param identity: the users.
    :param models: models to offer; the first is the default. Without any, every chat model of the access.
    :param inference: parameters of every model, and the system prompt.
    :param parameters: parameters of single models.
    :param profiles: application inference profiles, which costs are attributed to.
    :param knowledge: a knowledge base that answers are based on.
    :param budget: how much each user may use.
    :param origins: origins of web pages that may read responses.
    :param toolset: tools that the models may use.
    :param money: whether a limit of one answer is in US dollars.
    :raises InvalidValueError: if a model is not a chat model, or does not support a parameter; if a limit is in US
        dollars, and the price of a model is not known.
    """

    def __init__(
        self,
        *,
        access: ModelAccess,
        identity: Identity,
        models: Sequence[str],
        inference: Inference,
        parameters: Mapping[str, ModelParameters],
        profiles: ApplicationProfiles | None = None,
        knowledge: KnowledgeBase | None = None,
        budget: UsageBudget | None = None,
        origins: Sequence[str] = (),
        toolset: Toolset | None = None,
        money: bool = False,
    ) -> None:
        self.offered = list(models) or [each for each in access.models if BedrockCatalogue.get(each).mode == "chat"]
        check_chat(self.offered, inference.max_tokens)
        self._access, self._profiles, self._knowledge, self._budget = access, profiles, knowledge, budget
        self._toolset = toolset
        self._environment = Environment(
            MODELS=requests_of(self.offered, inference, parameters),
            SYSTEM_PROMPT=inference.system_prompt,
            GUARDRAIL_ID=access.guardrail.guardrail_id,
            GUARDRAIL_VERSION=access.guardrail.version,
            PROFILES=profiles.arns if profiles else None,
            GROUPS_CLAIM=identity.groups_claim if identity.groups_claim != GROUPS_CLAIM else None,
            CLIENT_IDS=identity.client_ids,
            MACHINES=programs(identity),
            ORIGINS=list(origins) or None,
            PRICES={model: prices_of(model) for model in self.offered}
            if money or (budget and budget.options.in_money) or _in_money(identity)
            else None,
        )

    def function(
        self,
        scope: Construct,
        *,
        folder: str,
        include: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        streaming: bool = False,
        **options: Any,  # noqa: ANN401 - those of PythonFunction
    ) -> PythonFunction:
        """Create the function ``Function`` in ``scope``, with permission for exactly this."""
        knowledge, budget, toolset = self._knowledge, self._budget, self._toolset
        function = PythonFunction(
            scope,
            "Function",
            folder=folder,
            include=(
                *include,
                "groups",
                "untrusted",
                "usage_budget",
                "waking",
                *(toolset.include if toolset else ()),
            ),
            environment={
                **self._environment.variables(),
                **(environment or {}),
                **(knowledge.environment if knowledge else {}),
                **(budget.environment.variables() if budget else {}),
                **({"TOOLS": toolset.tools, **toolset.environment.variables()} if toolset else {}),
            },
            streaming=streaming,
            **options,
        )
        if knowledge:
            knowledge.grant_retrieve(function.role)
        if self._profiles:
            self._profiles.grant_invoke(function.role, streaming=streaming)
        else:
            self._access.grant_invoke(function.role, models=self.offered, streaming=streaming)
        if budget:
            budget.grant_use(function.role)
        if toolset:
            toolset.grant_use(function.role)
            # The guardrail assesses what goes into tools and comes out of them.
            self._access.guardrail.grant_apply(function.role)
        return function


def prices_of(model: str) -> tuple[float, float]:
    """US dollars for a million input tokens and for a million output tokens.

    :raises InvalidValueError: if a price is not known.
    """
    found = BedrockCatalogue.get(model)
    prices = found.usd_per_million_input_tokens, found.usd_per_million_output_tokens
    if prices[0] is None or prices[1] is None:
        raise InvalidValueError(
            f"The price of {model} is not known",
            field="limits.usd",
            hint="Leave limits.usd out, or choose other models",
        )
    return prices[0], prices[1]


def programs(identity: Identity) -> dict[str, dict[str, Any]] | None:
    """What functions know of the programs, by the id of their app client."""
    return {client: _program(each) for client, each in identity.machines.items()} or None


def _program(options: MachineOptions) -> dict[str, Any]:
    """What functions know of a program."""
    own = options.budget
    limits = {"day": own.day, **({"month": own.month} if own.month else {})} if own else None
    return {**({"groups": options.groups} if options.groups else {}), **({"budget": limits} if limits else {})}


def _in_money(identity: Identity) -> bool:
    return any(each.budget is not None and each.budget.in_money for each in identity.machines.values())

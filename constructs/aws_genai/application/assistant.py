"""An assistant: a function that streams its answers, to be attached to a chat API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, aws_cloudwatch as cloudwatch
from constructs import Construct

from ..foundation.alarms import AlarmTopic, alarm
from ..foundation.foundation import Foundation
from ..functions.chat.metrics import BLOCKED, FAILED, FIRST_TOKEN, NAMESPACE, NO_SUPPORT
from ..models.access.model_access import ModelAccess
from .answering import Answering, Toolset, lock_out_alarm
from .identity import Identity
from .options import AssistantOptions, check_assistant, check_knowledge, check_toolset

if TYPE_CHECKING:
    from ..models.access.application_profiles import ApplicationProfiles
    from ..models.knowledge.knowledge_base import KnowledgeBase
    from .history import History
    from .usage_budget import UsageBudget

#: The maximum of AWS Lambda and of a response that API Gateway streams, in seconds:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
MOST_SECONDS = 900


class Assistant(Construct):
    """A function that answers as server-sent events, through the guardrail.

    Pass it to a :class:`ChatApi`, which has it answer ``POST /v1/assistants/{name}/answers``. The events are described
    in ``docs/assistants.md``.

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Assistant, AssistantOptions, ChatApi, Firewall, Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=guardrail,
            options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
        )
        identity = Identity(stack, "Users", foundation=foundation, pool_name="assistant")
        helper = Assistant(
            stack,
            "Helper",
            foundation=foundation,
            name="helper",
            access=access,
            identity=identity,
            options=AssistantOptions(max_tokens=4096),
        )
        ChatApi(
            stack,
            "Chat",
            foundation=foundation,
            name="assistant",
            access=access,
            identity=identity,
            firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant"),
            assistants=[helper],
        )
        app.synth()

    :param foundation: provides the key, topic, network, log retention and removal policy.
    :param name: name of the assistant in the path of its API, 1 to 32 lower-case letters, digits and hyphens.
    :param access: the models and the guardrail.
    :param identity: the users that may ask.
    :param options: kind, models and limits. Default: a chat with every chat model of the access.
    :param profiles: application inference profiles, which costs are attributed to. Default: none.
    :param knowledge: the knowledge base of an assistant of kind retrieval.
    :param budget: how much each user may use in a day. Default: no limit.
    :param origins: origins of web pages that may read responses (CORS). Default: none.
    :param toolset: what the models may use, for kinds that have tools. Default: nothing.
    :param history: where conversations are stored. Default: they are not; clients send them with each question.
    :raises InvalidValueError: if the name is invalid; if a model is not a chat model, cannot generate so many tokens,
        or does not support a parameter; if an assistant of kind retrieval has no knowledge base, or another kind has
        one; if an assistant of kind agent has no tools, or another kind has those of agents.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        access: ModelAccess,
        identity: Identity,
        options: AssistantOptions | None = None,
        profiles: ApplicationProfiles | None = None,
        knowledge: KnowledgeBase | None = None,
        budget: UsageBudget | None = None,
        origins: Sequence[str] = (),
        toolset: Toolset | None = None,
        history: History | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.options = options = options or AssistantOptions()
        self.name = name
        check_assistant(name)
        check_knowledge(options, given=knowledge is not None)
        check_toolset(options, given=toolset.tools if toolset else None)
        answering = Answering(
            access=access,
            identity=identity,
            models=options.models,
            inference=options,
            parameters=options.parameters,
            profiles=profiles,
            knowledge=knowledge,
            budget=budget,
            origins=origins,
            toolset=toolset,
            money=options.limits.usd is not None,
        )
        self.function = answering.function(
            self,
            folder="assistant",
            include=("chat", "history"),
            environment={
                "ASSISTANT": name,
                **(self._limits if toolset else {}),
                **(history.environment.variables() if history else {}),
                **({"LOG_CONTENT": "true"} if options.log_content else {}),
            },
            foundation=foundation,
            timeout_seconds=options.timeout_seconds,
            reserved_concurrency=options.concurrency or 20,
            reserve=True if options.concurrency else None,
            streaming=True,
        )
        if history:
            history.grant_write(self.function.role)
        alarm(
            self,
            "AlarmErrors",
            topic=foundation.topic,
            runbook="failed-answers",
            description=f"Assistant {name} fails: read the function's log group.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": self.function.function_name},
            threshold=5,
        )
        self._watch(foundation.topic)
        if budget:
            lock_out_alarm(self, foundation.topic, name=f"assistant {name}", dimensions=self.own_dimensions)

    def _watch(self, topic: AlarmTopic) -> None:
        """Failures that the client is told of, which Lambda counts as success, and slow answers."""
        alarm(
            self,
            "AlarmFailed",
            topic=topic,
            runbook="failed-answers",
            description=f"Answers of assistant {self.name} fail: read the errors in the function's log group.",
            namespace=NAMESPACE,
            metric=FAILED,
            dimensions=self.own_dimensions,
            threshold=5,
        )
        seconds = self.options.first_token_seconds
        alarm(
            self,
            "AlarmFirstToken",
            topic=topic,
            runbook="slow-first-token",
            description=f"One answer in ten of assistant {self.name} begins after more than {seconds:g} s.",
            namespace=NAMESPACE,
            metric=FIRST_TOKEN,
            dimensions=self.own_dimensions,
            statistic="p90",
            comparison="GreaterThanThreshold",
            threshold=seconds * 1000,
            periods=3,
        )

    @property
    def own_dimensions(self) -> dict[str, str]:
        """Dimensions of the metrics that the function publishes."""
        return {"function": self.function.function_name, "service": "assistant"}

    @property
    def _limits(self) -> dict[str, str]:
        """The limits of an answer that uses tools."""
        limits = self.options.limits
        micros = {} if limits.usd is None else {"micros": round(limits.usd * 1e6)}
        return {"LIMITS": json.dumps({"steps": limits.steps, "tool_calls": limits.tool_calls, **micros})}

    @property
    def methods(self) -> list[tuple[str, str, str]]:
        """The methods of the API that invoke the function: a suffix of ids, the HTTP method, the path."""
        base = f"assistants/{self.name}"
        door = [
            ("-Completions", "POST", f"{base}/openai/chat/completions"),
            ("-Models", "GET", f"{base}/openai/models"),
        ]
        return [("", "POST", f"{base}/answers"), *(door if self.options.openai else [])]

    def metric_requests(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of answers that were begun. Default: Sum over 5 minutes.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        return self._metric("Invocations", statistic, period)

    def metric_errors(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of answers that failed without an event that says so. Default: Sum over 5 minutes."""
        return self._metric("Errors", statistic, period)

    def metric_duration(self, *, statistic: str = "p90", period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds until the end of an answer. Default: p90 over 5 minutes."""
        return self._metric("Duration", statistic, period)

    def metric_first_token(self, *, statistic: str = "p90", period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds between a request and the first part of its answer. Default: p90 over 5 minutes."""
        return self._own(FIRST_TOKEN, statistic, period)

    def metric_blocked(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of questions and answers that the guardrail blocked. Default: Sum over 5 minutes."""
        return self._own(BLOCKED, statistic, period)

    def metric_unsupported(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of questions to which the documents that the user may read say nothing. Default: Sum over 5
        minutes."""
        return self._own(NO_SUPPORT, statistic, period)

    def _own(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map=self.own_dimensions,
            statistic=statistic,
            period=period,
        )

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name=name,
            dimensions_map={"FunctionName": self.function.function_name},
            statistic=statistic,
            period=period,
        )

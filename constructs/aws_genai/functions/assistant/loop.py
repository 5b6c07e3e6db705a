"""The loop of an answer: a model asks for tools until it has what it needs.

A guardrail of ``guardrailConfig`` assesses neither the arguments nor the results of tools, so that both are assessed
here. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate
from botocore.exceptions import BotoCoreError, ClientError

from ..chat.errors import UNREACHABLE, ChatError, spent_error
from ..chat.metrics import TOOL_CALLS, TOOL_FAILURES, TOOL_REFUSALS
from ..chat.observed import ModelCall, cause, logger
from ..chat.price import Price
from ..untrusted.assessment import assess, assess_image
from ..untrusted.text import RULE, neutral, quoted
from ..usage_budget.budget import Amount
from .answer import Send, StoppedError, Streamed, stream
from .tools import Call, Tool, ToolError

#: Characters that a guardrail assesses at once: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
_ASSESSED = 20_000
#: Characters of one result that a model is shown.
_SHOWN = 60_000
#: Tokens that a model may have generated which had not arrived when its answer was stopped.
_IN_FLIGHT = 512


@dataclass(frozen=True)
class Limits:
    """What one answer may use."""

    #: Calls of the model.
    steps: int = 8
    #: Uses of tools.
    tool_calls: int = 16
    #: Micro-dollars for tokens and images. None if not limited.
    micros: int | None = None


@dataclass(frozen=True)
class Pending:
    """A use of a tool that waits for the user's confirmation, and all that is needed to go on after it."""

    #: ID of the use.
    id: str
    tool: str
    arguments: Mapping[str, Any]
    #: Conversation with the model so far, the request for the tools included.
    messages: Sequence[Mapping[str, Any]]
    #: Results of the uses before it, of the same response.
    results: Sequence[Mapping[str, Any]]
    steps: int
    tool_calls: int

    @property
    def digest(self) -> str:
        """Identifies exactly this use: what is confirmed is what is shown."""
        content = {"id": self.id, "tool": self.tool, "arguments": self.arguments}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass
class Loop:
    """The answer to one question.

    :param client: a ``bedrock-runtime`` client of boto3.
    :param tools: what the model may ask for.
    :param send: sends an event.
    :param go_on: raises if the answer is to end.
    :param left: seconds that are left.
    :param admits: whether the budget admits a further request, after what was used already.
    :param price: price of the model's tokens.
    :param limits: what the answer may use.
    :param count: adds one to a metric.
    :param begin: is called first in each thread that reads a response.
    :param recorded: records one call of the model while it is entered.
    """

    client: Any
    tools: Sequence[Tool]
    send: Send
    go_on: Callable[[], None]
    left: Callable[[], float]
    admits: Callable[[Mapping[str, Any], Amount], bool]
    price: Price = field(default_factory=Price)
    limits: Limits = field(default_factory=Limits)
    count: Callable[[str], None] = lambda _metric: None
    begin: Callable[[], None] = lambda: None
    recorded: Callable[[Mapping[str, Any]], AbstractContextManager[ModelCall]] = ModelCall
    #: What the calls of the model have returned so far.
    told: Streamed = field(default_factory=Streamed)
    #: A use that waits for confirmation, once the loop has ended with the stop reason ``confirm``.
    pending: Pending | None = None
    _steps: int = field(default=0, init=False)
    _calls: int = field(default=0, init=False)
    _asked: Mapping[str, Any] | None = field(default=None, init=False)
    _guardrail: tuple[str, str] = field(default=("", ""), init=False)

    @property
    def used(self) -> Amount:
        """What the calls of the model have used, as far as they have told, and what tools have paid."""
        return self.price.of(self.told.input_tokens, self.told.output_tokens) + Amount(0, self.told.micros)

    def stopped(self) -> Amount:
        """The most that an answer has used which was stopped: of a call in progress, nothing was reported."""
        if self._asked is None or self.told.reported:
            return self.used
        limits = {"maxTokens": self.told.heard + _IN_FLIGHT}
        return self.used + self.price.most({**self._asked, "inferenceConfig": limits})

    def run(self, request: Mapping[str, Any]) -> Streamed:
        """Answer a question.

        :param request: arguments of Converse.
        :raises ChatError: if there is no complete answer.
        :raises StoppedError: if the user stopped it.
        """
        with self._counted():
            return self._answered(self._with_tools(request), [])

    def resume(self, request: Mapping[str, Any], pending: Pending, *, approved: bool) -> Streamed:
        """Go on after the user has decided on a use.

        :param request: arguments of Converse, whose messages are replaced by those of the pending use.
        """
        self._steps, self._calls = pending.steps, pending.tool_calls
        asked = {**self._with_tools(request), "messages": list(pending.messages)}
        uses = [block["toolUse"] for block in pending.messages[-1]["content"] if "toolUse" in block]
        results = [dict(each) for each in pending.results]
        with self._counted():
            for use in uses[len(results) :]:
                if use["toolUseId"] == pending.id and not approved:
                    results.append(self._refused(use, "The user declined this."))
                elif not self._use(use, results, asked, confirmed=use["toolUseId"] == pending.id):
                    return self.told
            return self._answered(asked, results)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Let an error of a tool tell the tokens that the model has used before it, and close the tools at the end."""
        try:
            yield
        except ChatError as error:
            if error.tokens is not None:
                error.tokens = max(error.tokens, self.told.tokens)
            error.micros = self.told.micros
            raise
        finally:
            for tool in self.tools:
                if close := getattr(tool, "close", None):
                    close()

    def _with_tools(self, request: Mapping[str, Any]) -> dict[str, Any]:
        guardrail = request["guardrailConfig"]
        self._guardrail = guardrail["guardrailIdentifier"], guardrail["guardrailVersion"]
        if not self.tools:
            return dict(request)
        specs = [
            {"toolSpec": {"name": each.name, "description": each.description, "inputSchema": {"json": each.schema}}}
            for each in self.tools
        ]
        system = [*request.get("system", ()), {"text": RULE}]
        return {**request, "system": system, "toolConfig": {"tools": specs}}

    def _answered(self, request: dict[str, Any], results: list[dict[str, Any]]) -> Streamed:
        while True:
            if results:
                request = {**request, "messages": [*request["messages"], {"role": "user", "content": results}]}
                if limit := self._limit(request):
                    self.told.stop_reason = limit
                    return self.told
            self._steps += 1
            self._asked = request
            self._ask(request)
            uses = self.told.tool_uses
            if self.told.stop_reason != "tool_use" or not uses:
                return self.told
            request = {
                **request,
                "messages": [*request["messages"], {"role": "assistant", "content": self.told.content}],
            }
            results = []
            for use in uses:
                if not self._use(use, results, request, confirmed=False):
                    return self.told

    def _ask(self, request: Mapping[str, Any]) -> None:
        told, before = self.told, (self.told.input_tokens, self.told.output_tokens)
        with self.recorded(request) as call:
            stream(self.client, request, self.send, self.go_on, told, self.begin)
            call.ended(told.stop_reason, told.input_tokens - before[0], told.output_tokens - before[1])

    def _limit(self, request: Mapping[str, Any]) -> str:
        """Why there is no further call; empty if there is one."""
        if self._steps >= self.limits.steps:
            return "step_limit"
        most = self.used + self.price.most(request)
        if self.limits.micros is not None and most.micros > self.limits.micros:
            return "cost_limit"
        if not self.admits(request, self.used):
            raise spent_error("tokens")
        return ""

    def _use(
        self,
        use: Mapping[str, Any],
        results: list[dict[str, Any]],
        request: Mapping[str, Any],
        *,
        confirmed: bool,
    ) -> bool:
        """Run a tool and add its result; False if the loop ends here, because the user has to confirm it first."""
        self._calls += 1
        tool = next((each for each in self.tools if each.name == use["name"]), None)
        try:
            if tool is None:
                raise ToolError(f"There is no tool {use['name']}.")
            if self._calls > self.limits.tool_calls:
                raise ToolError("No further use of a tool is permitted in this answer. Answer with what you have.")
            self._checked(tool, use)
            if tool.confirm and not confirmed:
                self._suspend(use, results, request)
                return False
            results.append(self._run(tool, use))
        except ToolError as error:
            results.append(self._refused(use, str(error), refused=error.refused))
        return True

    def _suspend(
        self, use: Mapping[str, Any], results: Sequence[Mapping[str, Any]], request: Mapping[str, Any]
    ) -> None:
        self.pending = Pending(
            id=use["toolUseId"],
            tool=use["name"],
            arguments=use["input"],
            messages=request["messages"],
            results=list(results),
            steps=self._steps,
            tool_calls=self._calls - 1,
        )
        self.told.stop_reason = "confirm"
        self.send("confirm", id=self.pending.id, action=use["name"], arguments=use["input"], digest=self.pending.digest)

    def _checked(self, tool: Tool, use: Mapping[str, Any]) -> None:
        """Reject arguments that do not fit, or that the guardrail blocks.

        :raises ToolError: for the model.
        """
        try:
            validate(event=dict(use["input"]), schema=dict(tool.schema))
        except SchemaValidationError as error:
            found = getattr(error, "validation_message", None) or "they do not fit the schema"
            raise ToolError(f"The arguments are invalid: {found}.") from error
        _, blocked = self._assessed(json.dumps(use["input"], ensure_ascii=False), "OUTPUT")
        if blocked:
            raise ToolError("The guardrail blocked the arguments.", refused=True)

    def _run(self, tool: Tool, use: Mapping[str, Any]) -> dict[str, Any]:
        id, name = use["toolUseId"], use["name"]
        self.count(TOOL_CALLS)
        self.send("tool", id=id, name=name, state="started")
        try:
            text = tool.run(self._call(id, use["input"]))
        except (ToolError, StoppedError, ChatError):
            raise
        except Exception as error:
            # Whatever a tool stumbles over, the model is told that it failed, and the log why.
            logger.error("a tool failed", extra={"tool": name, "cause": cause(error)})
            raise ToolError("The tool failed.") from error
        shown, blocked = self._assessed(neutral(text[:_SHOWN]), "INPUT")
        if blocked:
            raise ToolError("The guardrail blocked the result.", refused=True)
        self.send("tool", id=id, name=name, state="done")
        return _result(id, quoted(shown, name))

    def _call(self, id: str, arguments: Mapping[str, Any]) -> Call:
        return Call(id, arguments, self.send, self.left, self.go_on, self._shown, self._shown_image, self._spend)

    def _shown(self, text: str) -> str:
        shown, blocked = self._assessed(text, "OUTPUT")
        if blocked:
            raise ToolError("The guardrail blocked the result.", refused=True)
        return shown

    def _shown_image(self, image: bytes) -> None:
        try:
            admitted = assess_image(self.client, self._guardrail, image, "png")
        except (BotoCoreError, ClientError) as error:
            raise UNREACHABLE() from error
        if not admitted:
            raise ToolError("The guardrail blocked the image.", refused=True)

    def _spend(self, micros: int) -> None:
        after, most = self.used + Amount(0, micros), self.limits.micros
        if micros > 0 and most is not None and after.micros > most:
            raise ToolError("This would cost more than one answer may.", refused=True)
        if micros > 0 and self._asked is not None and not self.admits(self._asked, after):
            raise ToolError("This would cost more than the user's budget has left.", refused=True)
        self.told.micros += micros

    def _refused(self, use: Mapping[str, Any], message: str, *, refused: bool = True) -> dict[str, Any]:
        self.count(TOOL_REFUSALS if refused else TOOL_FAILURES)
        state = "refused" if refused else "failed"
        self.send("tool", id=use["toolUseId"], name=use["name"], state=state, message=message)
        return _result(use["toolUseId"], message, status="error")

    def _assessed(self, text: str, source: Literal["INPUT", "OUTPUT"]) -> tuple[str, bool]:
        """The text as the guardrail leaves it, and whether it blocks it."""
        shown: list[str] = []
        for start in range(0, len(text), _ASSESSED):
            try:
                found = assess(self.client, self._guardrail, text[start : start + _ASSESSED], source)
            except (BotoCoreError, ClientError) as error:
                # What cannot be assessed goes no further.
                raise UNREACHABLE() from error
            if found.blocked:
                return "", True
            shown.append(found.text)
        return "".join(shown), False


def _result(id: str, text: str, status: Literal["success", "error"] = "success") -> dict[str, Any]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolResultBlock.html"""
    return {"toolResult": {"toolUseId": id, "content": [{"text": text or " "}], "status": status}}

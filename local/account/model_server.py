"""A model's complete response, for callers other than the runtime API: batch jobs, flows."""

from __future__ import annotations

from typing import Any

from .models import chosen, configured, fixed
from .models.asked import Call, Caller, CallInput, End, ModelServerError, Question, Text
from .resources.bedrock import called

__all__ = ["ModelServerError", "complete", "fixed_reply"]


def fixed_reply(model_id: str, messages: list[dict[str, Any]], system: list[dict[str, Any]]) -> str:
    """The response if the account has no model; the same question gets the same response."""
    return fixed.reply(Question(model_id, messages, system), called(model_id))


def complete(
    model_id: str,
    messages: list[dict[str, Any]],
    system: list[dict[str, Any]],
    inference: dict[str, Any] | None,
    tools: dict[str, Any] | None = None,
) -> tuple[dict[str, Any] | None, tuple[int, int] | None]:
    """Invoke the model and return its message, in OpenAI's form, and its count of input and output tokens.

    :return: None for both if the account has no model.
    :raises ModelServerError: if there is no message.
    """
    if not any(configured.settings().get(name) for name in ("url", "run", "script")):
        return None, None
    question = Question(called(model_id), messages, system, inference or {}, tools or {})
    text, calls, used = "", list[dict[str, Any]](), None
    for piece in chosen.pieces(question, question.model, Caller(), stream=False):
        match piece:
            case Text():
                text += piece.text
            case Call():
                function = {"name": piece.name, "arguments": ""}
                calls.append({"id": piece.id, "type": "function", "function": function})
            case CallInput():
                calls[-1]["function"]["arguments"] += piece.json
            case End():
                used = piece.used
    return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}, used

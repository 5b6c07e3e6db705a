"""What is told of a chat API: errors, refusals, throttling, and users who are locked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..security.alarms import AlarmTopic, alarm

if TYPE_CHECKING:
    from .chat_api import ChatApi


def lock_out_alarm(chat: ChatApi, topic: AlarmTopic) -> None:
    """Repeated probing: whoever draws out a model, or tries to pass its guardrail, is blocked often."""
    alarm(
        chat,
        "AlarmLockedOut",
        topic=topic,
        description=f"A user of {chat.name} was blocked so often that they are locked out: read the chat's log.",
        namespace="AwsGenAi",
        metric="LockedOut",
        dimensions={"function": chat.function.function_name, "service": "chat"},
        threshold=1,
    )


def chat_alarms(chat: ChatApi, topic: AlarmTopic, stage: str) -> None:
    """Errors, refusals, and more requests than are answered at a time."""
    for metric, threshold, description in (
        ("5XXError", 5, "answers with server errors: read the function's log group"),
        ("4XXError", 100, "refuses many requests: look for probing in the access log"),
    ):
        alarm(
            chat,
            f"Alarm{metric}",
            topic=topic,
            description=f"Chat API {chat.name} {description}.",
            namespace="AWS/ApiGateway",
            metric=metric,
            dimensions={"ApiName": chat.name, "Stage": stage},
            threshold=threshold,
        )
    alarm(
        chat,
        "AlarmThrottles",
        topic=topic,
        description=f"Chat API {chat.name} has more requests than may run at a time: raise that, or find the caller.",
        namespace="AWS/Lambda",
        metric="Throttles",
        dimensions={"FunctionName": chat.function.function_name},
        threshold=1,
    )

"""What a request asks for: a question of a conversation that is stored, a decision on an action, or messages."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..chat.errors import ChatError, malformed
from ..history.files import Attached, attached
from ..history.items import new_id, unpacked
from ..history.table import CONFIRM, CONFIRMED, History, Question, Turn, digest_of
from .loop import Pending

#: What stands in the history for a decision.
_APPROVED, _DECLINED = "I approve this action.", "I decline this action."
_FORMS = ("messages", "question", "confirm")


@dataclass(frozen=True)
class Decision:
    """What the user decides on an action that waits."""

    turn: Turn
    digest: str
    approved: bool
    pending: Pending


@dataclass(frozen=True)
class Asked:
    """A request.

    :param messages: the conversation, whose last message is the question.
    """

    body: Mapping[str, Any]
    messages: Sequence[Mapping[str, str]]
    #: Whether question and answer are stored.
    stored: bool = False
    conversation: str | None = None
    decision: Decision | None = None
    #: Files that the model is shown: those of the conversation, and those that the question names.
    attached: Attached = field(default_factory=Attached)

    @property
    def question(self) -> dict[str, Any]:
        """The request with the messages that a model is shown."""
        kept = {name: self.body[name] for name in ("model", "max_tokens", "temperature") if name in self.body}
        return {**kept, "messages": list(self.messages)}

    def as_stored(self, assistant: str, model: str, request_id: str, until: int) -> Question:
        """The question as the history begins it."""
        return Question(
            id=self.body.get("id") or new_id(),
            assistant=assistant,
            text=self.messages[-1]["text"],
            model=model,
            request_id=request_id,
            until=until,
            conversation=self.conversation,
            digest=digest_of(self.body),
            attachments=self.attached.named,
            files=self.attached.ids,
        )


def asked(
    body: Mapping[str, Any], history: History | None, who: str, assistant: str, turns: int, files: int | None = None
) -> Asked:
    """What is asked.

    :param body: the validated body of the request.
    :param history: where conversations are stored; None if they are not.
    :param who: the user.
    :param turns: turns of the conversation that the model is shown.
    :param files: attachments that a conversation has at most. Default: files cannot be attached.
    :raises ChatError: if the request contradicts itself, or names what the user does not have.
    """
    if sum(form in body for form in _FORMS) != 1:
        raise malformed("Send one of question, messages and confirm.")
    if "attachments" in body and ("question" not in body or history is None or files is None):
        raise malformed("Files cannot be attached here: leave attachments out.")
    if "messages" in body:
        if "conversation" in body or "id" in body:
            raise malformed("Messages are not stored: send question, or leave conversation and id out.")
        return Asked(body, body["messages"])
    if history is None:
        if "conversation" in body or "confirm" in body:
            raise malformed("Conversations are not stored here: send messages.")
        return Asked(body, [{"role": "user", "text": body["question"]}])
    if "confirm" in body:
        return _decided(body, history, who, assistant)
    conversation = body.get("conversation")
    shown = _attached(body, history, who, conversation, files) if files is not None else Attached()
    before = history.messages(who, conversation, turns) if conversation else []
    messages = [*before, {"role": "user", "text": body["question"]}]
    return Asked(body, messages, True, conversation, attached=shown)


def _attached(body: Mapping[str, Any], history: History, who: str, conversation: str | None, files: int) -> Attached:
    named = body.get("attachments", ())
    if not named and not conversation:
        return Attached()
    try:
        return attached(history, who, conversation, named, files)
    except ChatError:
        # The same request may have taken them into its conversation: then the history knows its ID.
        if "id" in body and history.asked(who, body["id"], digest_of(body)):
            return Attached()
        raise


def _decided(body: Mapping[str, Any], history: History, who: str, assistant: str) -> Asked:
    if "conversation" in body:
        raise malformed("Leave conversation out: the action belongs to one.")
    decision = body["confirm"]
    turn = history.answer(who, decision["answer"])
    history.conversation(who, turn.conversation, assistant)
    held, digest = turn.details.get("pending"), turn.details.get("pending_digest")
    message = {"role": "user", "text": _APPROVED if decision["approve"] else _DECLINED}
    if turn.state != CONFIRM or digest != decision["digest"] or held is None:
        # The same request may have decided it: then the history knows its ID.
        if "id" in body and history.asked(who, body["id"], digest_of(body)):
            return Asked(body, [message], True, turn.conversation)
        raise CONFIRMED()
    pending = Pending(**unpacked(held))
    return Asked(
        body, [message], True, turn.conversation, Decision(turn, digest, approved=decision["approve"], pending=pending)
    )


def held(pending: Pending) -> dict[str, Any]:
    """An action that waits, as it is stored."""
    return {each.name: getattr(pending, each.name) for each in dataclasses.fields(pending)}

"""Tools that a model may ask for, and what they are told.

A kind of assistant is a list of tools. Each is an object with the attributes of :class:`Tool`; the loop
(:mod:`.loop`) validates arguments, has the guardrail assess what goes in and comes out, and keeps the limits.
https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .answer import Send


class ToolError(Exception):
    """The tool cannot do what it was asked for.

    :param message: is shown to the model, which may correct itself: it must hold nothing that the user may not read.
    :param refused: whether the user may not do this, as opposed to a mistake in the arguments.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def _unassessed(_content: Any) -> Any:  # noqa: ANN401
    raise RuntimeError("nothing assesses what this tool shows")


def _unpaid(_micros: int) -> None:
    raise RuntimeError("nothing counts what this tool costs")


@dataclass(frozen=True)
class Call:
    """One use of a tool."""

    #: ID of the use, unique in the answer.
    id: str
    #: Arguments, which fit the schema of the tool.
    arguments: Mapping[str, Any]
    #: Sends an event to the client.
    send: Send
    #: Seconds that are left for the whole answer.
    left: Callable[[], float]
    #: Raises if the answer is to end. Call it about once a second while the tool waits for something.
    go_on: Callable[[], None]
    #: A text as the guardrail leaves it. Call it with every text that an event shows to the user. Raises
    #: :class:`ToolError` if the guardrail blocks it.
    assess: Callable[[str], str] = _unassessed
    #: The same for a PNG image.
    assess_image: Callable[[bytes], None] = _unassessed
    #: Adds micro-dollars to the price of the answer. Call it before something is paid for. Raises :class:`ToolError` if
    #: that is more than the answer may cost. A negative number gives back what was not used.
    spend: Callable[[int], None] = _unpaid


class Tool(Protocol):
    """Something that a model may ask for.

    A tool that holds something, such as a session, has a method ``close`` as well, which is called at the end of the
    answer, whatever ends it.
    """

    #: 1 to 64 letters, digits, underscores and hyphens.
    name: str
    #: What it does and when to use it, for the model.
    description: str
    #: JSON schema of its arguments, an object.
    schema: Mapping[str, Any]
    #: Whether the user confirms each use before it runs, because it changes something.
    confirm: bool

    def run(self, call: Call) -> str:
        """Do what is asked for, and return what the model is told.

        :raises ToolError: if it cannot be done.
        """
        ...

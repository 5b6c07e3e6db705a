"""What the tokens of an answer cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..chat.tokens import most_tokens
from .answer import Streamed


class Price:
    """The price of a model's tokens.

    :param usd: US dollars for a million input tokens and for a million output tokens. None if it is not known: then
        everything costs nothing, and limits of money are not offered.
    """

    def __init__(self, usd: tuple[float, float] | None) -> None:
        # Dollars for a million tokens are micro-dollars for one.
        self._input, self._output = usd or (0.0, 0.0)

    def __call__(self, told: Streamed, request: Mapping[str, Any] | None = None) -> int:
        """Micro-dollars for the tokens that were used, and for the most that a further request can use."""
        output = int(request["inferenceConfig"]["maxTokens"]) if request else 0
        written = most_tokens(request) - output if request else 0
        return round((told.input_tokens + written) * self._input + (told.output_tokens + output) * self._output)

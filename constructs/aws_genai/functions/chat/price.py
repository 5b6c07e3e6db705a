"""What a model's tokens cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..usage_budget.budget import Amount
from .tokens import most_tokens


class Price:
    """The price of a model's tokens.

    :param usd: US dollars for a million input tokens and for a million output tokens. None if money is not counted:
        then everything costs nothing.
    """

    def __init__(self, usd: tuple[float, float] | None = None) -> None:
        # Dollars for a million tokens are micro-dollars for one.
        self._input, self._output = usd or (0.0, 0.0)

    def of(self, input_tokens: int, output_tokens: int) -> Amount:
        """What these tokens cost."""
        micros = round(input_tokens * self._input + output_tokens * self._output)
        return Amount(input_tokens + output_tokens, micros)

    def most(self, request: Mapping[str, Any]) -> Amount:
        """The most that a request of Converse can cost."""
        output = int(request["inferenceConfig"]["maxTokens"])
        return self.of(most_tokens(request) - output, output)

    def bound(self, tokens: int) -> Amount:
        """The most that so many tokens can cost, whichever they are."""
        return Amount(tokens, round(tokens * max(self._input, self._output)))

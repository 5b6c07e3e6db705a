"""The environment variables between a construct and its function: one declaration, which both sides use.

::

    @dataclass(frozen=True, kw_only=True)
    class Environment(Contract):
        BUCKET: str
        LIMITS: dict[str, int]
        GUARDRAIL_ID: str | None = None

The construct passes ``Environment(BUCKET=bucket.bucket_name, LIMITS={"tokens": 1000})`` to ``PythonFunction``; the
function calls ``Environment.read()``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Environment variables of a function. A text is passed as it is, any other value as JSON; None is left out."""

    def variables(self) -> dict[str, str]:
        """The variables, by name."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in found.items()
            if value is not None
        }

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The variables of this process.

        :raises KeyError: if one without a default is missing.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            if each.name in environ:
                values[each.name] = _value(str(each.type), environ[each.name])
            elif each.default is MISSING and each.default_factory is MISSING:
                raise KeyError(each.name)
        return cls(**values)


def _value(kind: str, text: str) -> Any:  # noqa: ANN401 - of the annotated type
    return text if kind in ("str", "str | None") else json.loads(text)

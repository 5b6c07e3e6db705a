"""The environment variables of a function, declared once for the construct that sets and the function that reads them.

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
    """Environment variables of a function. Strings are passed unchanged, other values as JSON. None is omitted."""

    def variables(self) -> dict[str, str]:
        """Returns the values by variable name."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in found.items()
            if value is not None
        }

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Reads the variables of this process.

        :raises KeyError: if a variable without a default is missing.
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

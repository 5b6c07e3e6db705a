"""The visible text of a document, by the code that reads documents in AWS Lambda.

https://docs.aws.amazon.com/bedrock/latest/userguide/kb-ds-supported-doc-formats-limits.html
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

#: The folder with the code of functions. It is imported under its own name: the package around it needs the CDK.
_FUNCTIONS = Path(__file__).parents[2] / "constructs" / "aws_genai" / "functions"
_NAME = "lambda_functions"
#: File extensions that a knowledge base's own parser reads.
READ = (".txt", ".md", ".html", ".htm", ".pdf", ".docx", ".xlsx", ".csv")
#: Maximum size of a file, in bytes.
MOST_BYTES = 50 * 1024**2


class UnreadableError(ValueError):
    """A document from which no text can be read."""


def text_of(key: str, content: bytes) -> str:
    """The visible text of a document.

    :param key: its name in the bucket, which indicates its format.
    :raises UnreadableError: with the reason if there is none.
    """
    if not key.lower().endswith(READ):
        raise UnreadableError(f"its format is not supported; known are {', '.join(READ)}")
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"it is larger than {MOST_BYTES // 1024**2} MB")
    try:
        return str(_reading().extract(key, content).text)
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def _reading() -> Any:
    if _NAME not in sys.modules:
        package = ModuleType(_NAME)
        package.__path__ = [str(_FUNCTIONS)]
        sys.modules[_NAME] = package
    return importlib.import_module(f"{_NAME}.documents")

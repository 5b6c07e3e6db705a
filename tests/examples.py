"""The examples that stand in the docstrings of the constructs."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "constructs" / "aws_genai"
EXAMPLES = ROOT / "examples"


def snake(name: str) -> str:
    """A class's name as that of a file."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def from_docstrings() -> dict[Path, str]:
    """Every example, by the file that holds the same: ``examples/<room>/<construct>.py``."""
    found: dict[Path, str] = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            docstring = ast.get_docstring(node) if isinstance(node, ast.ClassDef) else None
            match = re.search(r"^Example::\n\n((?:    .*\n|\n)+)", docstring or "", re.MULTILINE)
            if match and isinstance(node, ast.ClassDef):
                room = path.parent.relative_to(LIBRARY)
                found[EXAMPLES / room / f"{snake(node.name)}.py"] = textwrap.dedent(match.group(1)).strip() + "\n"
    return found


if __name__ == "__main__":
    for path, code in from_docstrings().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")

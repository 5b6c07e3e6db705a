"""The table of clients in docs/local.md, made from their checks: ``python -m tests.local.clients_table``."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "clients"
DOCUMENT = ROOT / "docs" / "local.md"
BEGIN, END = "<!-- clients: made by make docs -->\n", "<!-- end of clients -->\n"

#: The packages that make up a client, by its script.
PACKAGES = {
    "with_aws_cli": ("awscli",),
    "with_boto3": ("boto3",),
    "with_langchain": ("langchain-aws",),
    "with_litellm": ("litellm",),
    "with_llama_index": (
        "llama-index-core",
        "llama-index-llms-bedrock-converse",
        "llama-index-embeddings-bedrock",
        "llama-index-retrievers-bedrock",
    ),
    "with_pydantic_ai": ("pydantic-ai-slim",),
    "with_strands": ("strands-agents",),
}
#: Checks that fail, as "script.check", and why.
FAILING: dict[str, str] = {}


@dataclass(frozen=True)
class Check:
    """One check of a client's script."""

    script: str
    name: str
    shows: str

    @property
    def fails(self) -> str:
        """Why it is known to fail; empty if it passes."""
        return FAILING.get(f"{self.script}.{self.name}", "")


def checks() -> list[Check]:
    """Every check of every script, in their order. The scripts are read and not run: their packages are elsewhere."""
    return [
        Check(path.stem, function.name, str(shows))
        for path in sorted(SCRIPTS.glob("with_*.py"))
        for function in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(function, ast.FunctionDef)
        for mark in function.decorator_list
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "check"
        for shows in [ast.literal_eval(mark.args[0])]
    ]


def client(script: str) -> str:
    """What a script tries, by its own words."""
    module = ast.parse((SCRIPTS / f"{script}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(module) or "").rstrip(".").removeprefix("The ")


def table() -> str:
    """The table in Markdown."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements-clients.txt").read_text("utf-8"), re.MULTILINE))
    lines = ["| client | version | what works |", "| --- | --- | --- |"]
    found = checks()
    for script, packages in PACKAGES.items():
        own = [each for each in found if each.script == script]
        versions = ", ".join(f"`{name}` {pins[name]}" for name in packages)
        works = "; ".join(each.shows for each in own if not each.fails)
        fails = "".join(f". Not yet: {each.shows} ({each.fails})" for each in own if each.fails)
        lines.append(f"| {client(script)} | {versions} | {works}{fails} |")
    return "\n".join(lines) + "\n"


def documented() -> str:
    """The document with the table as it is now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{DOCUMENT.name} lacks the marks of the table of clients.")
    return f"{before}{begin}\n{table()}\n{end}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(documented(), encoding="utf-8")

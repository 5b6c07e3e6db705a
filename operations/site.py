"""Pages of the documentation site in addition to ``docs/``. MkDocs and griffe load this file for ``make site``.

- A reference page for each package of the library, generated from the folders. The package's ``README.md``, if there
  is one, comes first.
- ``CHANGELOG.md``, ``CONTRIBUTING.md`` and ``SECURITY.md`` of the repository's root.
- Docstrings in Markdown: the library writes them in reStructuredText.

https://www.mkdocs.org/user-guide/configuration/#hooks
https://mkdocstrings.github.io/griffe/guide/users/extending/
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "constructs" / "aws_genai"
#: Pages that are generated from files of the repository's root.
FROM_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")
#: A literal block of reStructuredText, with the line before it.
_EXAMPLE = re.compile(r"^(\w[^\n]*)::\n\n((?: {4}[^\n]*\n|\n)+)", re.MULTILINE)
_ROLE = re.compile(r":(?:class|meth|func|mod|attr|data|exc):`~?\.?([^`]+)`")


def packages() -> list[str]:
    """The packages of the library that export names or have a README, except the code that runs in AWS Lambda."""
    found = []
    for init in sorted(LIBRARY.rglob("__init__.py")):
        parts = init.parent.relative_to(LIBRARY).parts
        folder = init.parent
        if parts and "functions" not in parts and (_public(folder) or (folder / "README.md").is_file()):
            found.append(".".join(("aws_genai", *parts)))
    return found


def _public(folder: Path) -> list[str]:
    """The names that a package exports: those of its ``__all__``, and those that it imports for type checkers."""
    names: list[str] = []
    for node in _tree(folder).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List) and _names(node.targets[0]) == "__all__":
            names += ast.literal_eval(node.value)
        elif isinstance(node, ast.If) and _names(node.test) == "TYPE_CHECKING":
            imports = [each for each in node.body if isinstance(each, ast.ImportFrom) and each.level]
            names += [name.asname or name.name for each in imports for name in each.names if name.name != "*"]
    return sorted(name for name in dict.fromkeys(names) if not (folder / f"{name}.py").is_file())


def _tree(folder: Path) -> ast.Module:
    return ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))


def _names(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def reference(package: str) -> str:
    """The page of one package."""
    folder = LIBRARY.joinpath(*package.split(".")[1:])
    readme = folder / "README.md"
    if readme.is_file():
        text = _relinked(readme.read_text(encoding="utf-8"), readme, f"api/{package}.md")
        head = f"{text}\n\n## Reference of {package}\n\n"
    else:
        head = f"# {package}\n\n{_markdown(ast.get_docstring(_tree(folder)) or '')}\n\n"
    if inner := [name for name in packages() if name.rpartition(".")[0] == package]:
        head += "".join(f"- [`{name}`]({name}.md)\n" for name in inner) + "\n"
    # The package itself would list modules and data too, so its names are listed one by one.
    return head + "\n\n".join(f"::: {package}.{name}" for name in _public(folder))


def _relinked(text: str, source: Path, page: str) -> str:
    """Convert links of a file of the repository to links between pages; without a page, to plain text."""
    pages = {ROOT / name: target for name, target in FROM_ROOT.items()}
    pages |= {LIBRARY.joinpath(*name.split(".")[1:]) / "README.md": f"api/{name}.md" for name in packages()}
    up = "../" * page.count("/")

    def link(match: re.Match[str]) -> str:
        label, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target:
            return match[0]
        where = (source.parent / target).resolve()
        if where.is_dir() and (where / "README.md") in pages:
            where = where / "README.md"
        if where in pages:
            return f"[{label}]({up}{pages[where]}{anchor})"
        if where.is_relative_to(ROOT / "docs") and where.is_file():
            return f"[{label}]({up}{where.relative_to(ROOT / 'docs').as_posix()}{anchor})"
        if not where.exists():
            return match[0]  # MkDocs reports the broken link
        return label if label.startswith("`") else f"`{label}`"

    return _LINK.sub(link, text)


def _markdown(docstring: str) -> str:
    """Convert a docstring from reStructuredText to Markdown."""
    text = _ROLE.sub(lambda match: f"`{match[1].split('.')[-1]}`", f"{docstring}\n")
    return _EXAMPLE.sub(lambda match: f"{match[1]}:\n\n```python\n{textwrap.dedent(match[2]).strip()}\n```\n\n", text)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``docs/``, and list those of the reference."""
    pages = {f"api/{name}.md": reference(name) for name in packages()}
    listed = "\n".join(f"- [`{Path(page).stem}`]({Path(page).name})" for page in pages)
    first = _markdown(ast.get_docstring(_tree(LIBRARY)) or "")
    pages["api/index.md"] = f"# Reference\n\n{first}\n\n{listed}\n"
    for name, page in FROM_ROOT.items():
        pages[page] = _relinked((ROOT / name).read_text(encoding="utf-8"), ROOT / name, page)
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    entries: list[Any] = ["api/index.md"]
    entries += [{name.removeprefix("aws_genai."): f"api/{name}.md"} for name in packages()]
    config.nav = [{"Reference": entries} if entry == {"Reference": "api"} else entry for entry in config.nav or []]
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Convert links from ``docs/`` to files of the root, which have a page on the site."""
    source = ROOT / "docs" / page.file.src_uri
    return _relinked(markdown, source, page.file.src_uri) if source.is_file() else markdown


class Docstrings(griffe.Extension):  # type: ignore[misc] # griffe is in .venv-docs only
    """Converts docstrings to Markdown for mkdocstrings."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:  # noqa: ANN401 - as griffe calls it
        """Rewrite one docstring as it is loaded."""
        if obj.docstring:
            obj.docstring.value = _markdown(obj.docstring.value)

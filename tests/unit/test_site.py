"""The pages that the documentation site gets from the library: every package, every public name, Markdown throughout."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.examples import LIBRARY


@pytest.fixture(scope="module")
def site() -> Iterator[Any]:
    """The module that MkDocs loads; MkDocs and griffe are in an environment of their own, so stand-ins are imported."""
    names = ("griffe", "mkdocs", "mkdocs.config", "mkdocs.config.defaults", "mkdocs.structure")
    names += ("mkdocs.structure.files", "mkdocs.structure.pages")
    stand_ins = {name: ModuleType(name) for name in names}
    for name, attributes in {
        "griffe": ("Extension", "Object"),
        "mkdocs.config.defaults": ("MkDocsConfig",),
        "mkdocs.structure.files": ("File", "Files"),
        "mkdocs.structure.pages": ("Page",),
    }.items():
        for attribute in attributes:
            setattr(stand_ins[name], attribute, type(attribute, (), {}))
    spec = importlib.util.spec_from_file_location("documentation_site", ROOT / "operations" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in stand_ins.items():
            patch.setitem(sys.modules, name, stand_in)
        spec.loader.exec_module(module)
    yield module


def test_every_package_that_offers_names_has_a_page(site: Any) -> None:
    pages = site.packages()
    for init in LIBRARY.rglob("__init__.py"):
        name = ".".join(init.parent.relative_to(LIBRARY.parent).parts)
        if "functions" in name or name in pages:
            continue
        modules = {path.stem for path in init.parent.glob("*.py")}
        assert set(getattr(import_module(name), "__all__", ())) <= modules, name


def test_every_public_name_is_documented_once(site: Any) -> None:
    documented: list[str] = []
    for name in site.packages():
        page = site.reference(name)
        here = [line.removeprefix("::: ") for line in page.splitlines() if line.startswith("::: ")]
        package = import_module(name)
        assert {each.rpartition(".")[2] for each in here} <= set(getattr(package, "__all__", ())), name
        assert all(hasattr(package, each.rpartition(".")[2]) for each in here)
        documented += here
    assert len(documented) == len(set(documented))
    assert "KnowledgeBase" in {each.rpartition(".")[2] for each in documented}


def test_docstrings_become_markdown(site: Any) -> None:
    docstring = (
        "Uses :class:`~aws_genai.models.Guardrail`.\n\nExample::\n\n    import x\n\n    x.y()\n\n:param key: encrypts."
    )
    obj = SimpleNamespace(docstring=SimpleNamespace(value=docstring))
    site.Docstrings().on_object(obj=obj)
    assert obj.docstring.value == (
        "Uses `Guardrail`.\n\nExample:\n\n```python\nimport x\n\nx.y()\n```\n\n:param key: encrypts.\n"
    )


@pytest.mark.parametrize(
    ("link", "source", "page", "expected"),
    [
        ("[a](docs/terms.md#cdk)", "CONTRIBUTING.md", "contributing.md", "[a](terms.md#cdk)"),
        ("[a](LICENSE)", "CONTRIBUTING.md", "contributing.md", "`a`"),
        ("[a](nowhere.md)", "CONTRIBUTING.md", "contributing.md", "[a](nowhere.md)"),
        ("[a](../CONTRIBUTING.md)", "docs/index.md", "index.md", "[a](contributing.md)"),
        ("[a](bedrock.md)", "docs/index.md", "index.md", "[a](bedrock.md)"),
        (
            "[a](../../../docs/terms.md)",
            "constructs/aws_genai/gate/README.md",
            "api/aws_genai.gate.md",
            "[a](../terms.md)",
        ),
        ("[a](https://example.com/x.md)", "docs/index.md", "index.md", "[a](https://example.com/x.md)"),
    ],
)
def test_links_become_links_of_the_site(site: Any, link: str, source: str, page: str, expected: str) -> None:
    assert site._relinked(link, ROOT / source, page) == expected

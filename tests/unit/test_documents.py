"""Documents say what is so: links lead somewhere, commands exist, badges name the pins."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")])
#: Links outside of code; an address in angle brackets or a reference is not used here.
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
#: Code of a document, between fences or in backquotes.
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(path: Path) -> Iterator[str]:
    """The links of a document that name a file of the repository or a place in it."""
    for target in LINK.findall(re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text(encoding="utf-8")))):
        if "://" not in target:
            yield target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path):
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name}: {target}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{path.name}: {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist(path: Path) -> None:
    rules = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    code = "\n".join([*FENCE.findall(text), *re.findall(r"`([^`\n]+)`", text)])
    assert set(re.findall(r"(?:^|&& )make ([a-z][a-z-]*)", code, re.MULTILINE)) <= rules
    for module in re.findall(r"python -m ((?:operations|local|tests|settings)[\w.]*)", code):
        place = ROOT.joinpath(*module.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module


def test_the_badges_name_the_pins() -> None:
    badges = dict(
        re.findall(r"img\.shields\.io/badge/(.+?)-((?:[\w.%+]|--)+)-\w+\)", (ROOT / "README.md").read_text("utf-8"))
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE))
    assert badges == {
        "license": project["license"].replace("-", "--"),
        "python": f"{project['requires-python'].removeprefix('>=')}%2B",
        "aws--cdk--lib": pins["aws-cdk-lib"],
        "cdk--nag": pins["cdk-nag"],
    }


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = set(re.findall(r": ([\w-]+\.md)$", navigation, re.MULTILINE))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} | {
        "changelog.md",
        "contributing.md",
        "security.md",
    }


def test_the_license_is_whole_and_the_notice_names_every_data_file() -> None:
    license_text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in license_text
    assert "APPENDIX: How to apply the Apache License to your work." in license_text
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    data = ROOT / "constructs" / "aws_genai" / "data"
    assert [
        path.name for path in sorted(data.iterdir()) if path.suffix in (".json", ".zip") and path.name not in notice
    ] == []

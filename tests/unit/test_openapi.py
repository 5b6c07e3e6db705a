"""The contract of the API, as a file and as a page."""

from __future__ import annotations

import json
import re

from openapi_spec_validator import validate

from operations import openapi
from tests.conftest import ROOT


def test_the_file_is_made_from_the_code() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "run make docs"


def test_the_file_is_valid() -> None:
    validate(json.loads(openapi.text()))


def test_the_page_has_every_code_at_its_status() -> None:
    page = (ROOT / "docs" / "assistants.md").read_text(encoding="utf-8").split("## Errors")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([0-9, X]+) \| (.+) \|$", page, re.MULTILINE)
    told = {code for _, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    known: dict[str, set[str]] = {}
    for modules in (openapi.STORING, (openapi.table, openapi.service)):
        for status, found in openapi.codes(modules).items():
            known.setdefault(status, set()).update(found)
    assert told == {code for found in known.values() for code in found}
    for statuses, codes in rows:
        for code in re.findall(r"`(\w+)`", codes):
            assert any(code in known.get(each, ()) for each in statuses.split(", ")), (code, statuses)

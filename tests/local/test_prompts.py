"""Prompts are deployed in versions, asked through the guardrail, and tried by their tests; flows and routers deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations import prompts as operation
from settings import load
from tests.conftest import ROOT

from .conftest import Local

LINE = "  idle:\n    hours: 1\n"
PROMPTS = """  prompts:
    kind:
      text: "What kind is this? {{message}}"
      model: us.amazon.nova-lite-v1:0
      tests:
        - given: {message: an invoice}
          contains: [AN INVOICE]
        - given: {message: a letter}
          contains: [parcel]
          lacks: [letter]
    reply: {text: "Answer: {{message}}", model: amazon.nova-micro-v1:0}
  flows:
    triage:
      steps:
        kind: {prompt: kind, given: {message: input}}
        bill: {prompt: reply, given: {message: kind}, when: {kind: bill}}
        rest: {prompt: reply, given: {message: input}, when: {kind: otherwise}}
      tests:
        - {given: an invoice, contains: ["Answer: an invoice"], lacks: [bill]}
        - {given: tell me of project nightingale, lacks: [heard]}
"""


class Session:
    def __init__(self, local: Local) -> None:
        self._local = local

    def client(self, service: str) -> Any:
        return self._local.client(service)


def records(local: Local, kind: str) -> list[str]:
    found = local.client("cloudcontrol").list_resources(TypeName=f"AWS::Bedrock::{kind}")["ResourceDescriptions"]
    return [each["Identifier"] for each in found]


def test_prompts_are_tried_and_a_changed_text_is_a_new_version(
    local: Local, variant: Callable[..., Path], tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    text = (ROOT / "config" / "local.yaml").read_text(encoding="utf-8").replace(LINE, PROMPTS + LINE)
    (config / "local.yaml").write_text(text, encoding="utf-8")
    settings = load("local", config)
    try:
        local.deploy(variant(LINE, PROMPTS + LINE))
        first, second, flow_said, other_said = operation.tried(Session(local), settings)
        assert first.answer == "tiny heard: What kind is this? an invoice"
        assert first.wrong == ()
        assert second.wrong == ("has no 'parcel'", "has 'letter'")
        # The answer to an invoice is no "bill", so the other way is taken.
        assert flow_said.answer == "tiny heard: Answer: an invoice"
        assert flow_said.wrong == ()
        assert "nightingale" not in other_said.answer
        assert other_said.wrong == ()
        (flow,) = records(local, "Flow")
        assert len(records(local, "FlowAlias")) == 1
        before = records(local, "PromptVersion")
        with pytest.raises(ClientError, match="has a variable message, which has no value"):
            local.client("bedrock-runtime").converse(modelId=before[0], promptVariables={})
        with pytest.raises(ClientError, match="is no version of a prompt"):
            local.client("bedrock-runtime").converse(modelId=f"{before[0]}0", promptVariables={})
        local.deploy(variant(LINE, PROMPTS.replace("What kind", "Which kind") + LINE))
        after = records(local, "PromptVersion")
        assert len(after) == len(before) == 2
        assert len(set(after) & set(before)) == 1
        assert records(local, "Flow") == [flow]
    finally:
        local.deploy(variant())
    assert records(local, "Prompt") == []

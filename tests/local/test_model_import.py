"""A team's own model is imported by a deployment that waits without a function that sleeps, and goes with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local.home import LocalError

from .conftest import Local

LINE = "  idle:\n    hours: 1\n"
IMPORTED = "  imported:\n    support: {uri: s3://models-of-mine/support/1}\n"


def models(local: Local) -> list[str]:
    return [each["modelName"] for each in local.client("bedrock").list_imported_models()["modelSummaries"]]


def test_a_model_is_imported_and_goes_with_its_setting(local: Local, variant: Callable[..., Path]) -> None:
    try:
        local.deploy(variant(LINE, IMPORTED + LINE))
        (first,) = models(local)
        assert first.startswith("genai-local-support-")
        job = local.client("bedrock").get_model_import_job(jobIdentifier=first)
        assert job["status"] == "Completed"
        assert job["modelDataSource"]["s3DataSource"]["s3Uri"] == "s3://models-of-mine/support/1/"
        # Nothing that waited is left.
        assert not [s for s in local.client("scheduler").list_schedules()["Schedules"] if s["Name"].startswith("wait-")]
        local.deploy(variant(LINE, IMPORTED.replace("}", ", version: b}") + LINE))
        (second,) = models(local)
        assert second != first
    finally:
        local.deploy(variant())
    assert models(local) == []


def test_files_that_bedrock_would_not_import_fail_the_deployment_in_a_sentence(
    local: Local, variant: Callable[..., Path]
) -> None:
    s3 = local.client("s3")
    s3.create_bucket(Bucket="odd-models")
    s3.put_object(Bucket="odd-models", Key="support/1/config.json", Body=b'{"architectures": ["FalconForCausalLM"]}')
    odd = variant(LINE, IMPORTED.replace("models-of-mine", "odd-models") + LINE)
    with pytest.raises(LocalError, match="cannot be imported: there are no safetensors"):
        local.deploy(odd)
    assert models(local) == []

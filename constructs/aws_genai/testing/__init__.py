"""Assertions for unit tests of policies and findings.

Example::

    from aws_cdk.assertions import Template
    from aws_genai.testing import assert_allows, assert_denies, assert_no_findings

    template = Template.from_stack(stack)
    assert_allows(
        template, "ReaderRole1A2B", "s3:GetObject", "arn:aws:s3:::Weights3C4D/llama/model.safetensors"
    )
    assert_denies(
        template, Principal.administrator(), "s3:GetObject", "arn:aws:s3:::Weights3C4D/llama/x"
    )
    assert_no_findings(stack)
"""

from ..policies.decision import Decision, assert_allows, assert_denies, decide
from ..policies.principal import Principal
from ..policies.resolve import Environment
from ..policies.undecidable import UndecidableError
from .findings import assert_no_findings, assert_no_unused_acknowledgements

__all__ = [
    "Decision",
    "Environment",
    "Principal",
    "UndecidableError",
    "assert_allows",
    "assert_denies",
    "assert_no_findings",
    "assert_no_unused_acknowledgements",
    "decide",
]

"""Quotas that a deployment would meet: how long policies and descriptions may be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from settings import STACKS
from tests.conftest import Synthesized

#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
MANAGED_POLICY = 6_144
#: https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
KEY_POLICY = 32 * 1024
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
BUCKET_POLICY = 20 * 1024
#: Environment variables of a function together: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
FUNCTION_VARIABLES = 4 * 1024
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html
PIPELINE = 1_048_576

LENGTHS = [
    ("AWS::IAM::ManagedPolicy", "PolicyDocument", MANAGED_POLICY),
    ("AWS::KMS::Key", "KeyPolicy", KEY_POLICY),
    ("AWS::S3::BucketPolicy", "PolicyDocument", BUCKET_POLICY),
    ("AWS::Lambda::Function", "Environment", FUNCTION_VARIABLES),
    ("AWS::SageMaker::Pipeline", "PipelineDefinition", PIPELINE),
]


#: As long as the ARNs of generated names are, about; pseudo parameters are shorter.
UNKNOWN = "arn:aws:service:us-east-1:111122223333:resource/genai-reference-models-Resource1234-ABCDEFGHIJKL"
SHORT = {"AWS::Partition": "aws", "AWS::AccountId": "111122223333", "AWS::Region": "us-east-1"}


def deployed(value: Any) -> Any:
    """A value about as long as a deployment makes it."""
    if isinstance(value, list):
        return [deployed(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(map(str, deployed(value["Fn::Join"][1])))
    if "Ref" in value:
        return SHORT.get(value["Ref"], UNKNOWN)
    if any(name.startswith("Fn::") for name in value):
        return UNKNOWN
    return {name: deployed(each) for name, each in value.items()}


@pytest.mark.parametrize(("kind", "name", "limit"), LENGTHS)
def test_nothing_is_longer_than_aws_takes(reference: Synthesized, kind: str, name: str, limit: int) -> None:
    found = 0
    for layer in STACKS:
        for logical_id, resource in reference.template(layer)["Resources"].items():
            if resource["Type"] == kind and name in resource["Properties"]:
                found += 1
                text = json.dumps(deployed(resource["Properties"][name]), separators=(",", ":"))
                assert len(text) <= limit, f"{layer}.{logical_id} has {len(text)} characters"
    assert found

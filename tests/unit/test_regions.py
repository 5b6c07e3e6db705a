"""One environment in two Regions of an account: what is global has another name in each, or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Synthesized

#: What exists once in an account, whatever the Region, by the properties that name it.
GLOBAL = {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    # A trail of every Region stands in each under its name.
    # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-multi-region-trails.html
    "AWS::CloudTrail::Trail": ("TrailName",),
    "AWS::Budgets::Budget": ("Budget.BudgetName",),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::IAM::User": ("UserName",),
    "AWS::S3::Bucket": ("BucketName",),
}


def named(templates: dict[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for template in templates.values():
        for resource in template["Resources"].values():
            for path in GLOBAL.get(resource["Type"], ()):
                value: Any = resource.get("Properties", {})
                for part in path.split("."):
                    value = value.get(part) if isinstance(value, dict) else None
                if value is not None:
                    found.add((resource["Type"], str(value)))
    return found


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    folder = tmp_path_factory.mktemp("elsewhere")
    text = (ROOT / "config/local.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("region: us-east-1", "region: us-west-2"),
        ("[us-east-1a, us-east-1b]", "[us-west-2a, us-west-2b]"),
        (" amazon.nova-micro-v1:0", " us.amazon.nova-micro-v1:0"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "local.yaml").write_text(text, encoding="utf-8")
    return Synthesized("local", folder / "cdk.out", Path(folder))


def test_global_names_differ_between_regions(elsewhere: Synthesized, environment: Callable[[str], Synthesized]) -> None:
    here, there = named(environment("local").templates), named(elsewhere.templates)
    assert {kind for kind, _ in here} == {"AWS::CloudWatch::Dashboard", "AWS::CloudTrail::Trail"}
    assert not here & there

"""What some Regions lack, and what is made of it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk.assertions import Annotations, Match, Template

from aws_genai.data import load as facts
from aws_genai.data.regional import available, regions_without
from settings import load
from stacks.foundation import FoundationStack
from tests.settings_support import BASE, write
from tests.support import new_app


def foundation(folder: Path, region: str) -> FoundationStack:
    content: dict[str, Any] = {**BASE, "region": region, "budget": {"monthly_usd": 250}}
    return FoundationStack(new_app(), load("test", write(folder, yaml.safe_dump(content))))


@pytest.mark.parametrize(
    ("resource_type", "region", "known"),
    [
        ("AWS::Budgets::Budget", "us-east-1", True),
        ("AWS::Budgets::Budget", "eu-central-2", False),
        ("AWS::Budgets::Budget", "ap-southeast-4", False),
        ("AWS::Budgets::Budget", "us-gov-west-1", False),
        ("AWS::Budgets::Budget", "eusc-de-east-1", None),
        ("AWS::S3::Bucket", "eu-central-2", True),
    ],
)
def test_what_a_region_has(resource_type: str, region: str, known: bool | None) -> None:
    assert available(resource_type, region) is known


def test_the_table_names_regions_that_exist() -> None:
    table = facts("resource_types")
    assert set(table["regions"]) < set(facts("regions")["regions"])
    for resource_type in table["absent"]:
        assert resource_type.startswith("AWS::")
        assert regions_without(resource_type) < set(table["regions"])


def test_the_budget_is_of_this_environment(tmp_path: Path) -> None:
    stack = foundation(tmp_path, "eu-west-1")
    (budget,) = Template.from_stack(stack).find_resources("AWS::Budgets::Budget").values()
    both = budget["Properties"]["Budget"]["FilterExpression"]["And"]
    assert [each["Or"][0]["Tags"] for each in both] == [
        {"Key": "project", "Values": ["demo"]},
        {"Key": "environment", "Values": ["test"]},
    ]


@pytest.mark.parametrize("region", ["eu-central-2", "ap-southeast-4", "us-gov-west-1", "eusc-de-east-1"])
def test_a_budget_that_cannot_be_made_is_left_out_and_said_so(tmp_path: Path, region: str) -> None:
    stack = foundation(tmp_path, region)
    Template.from_stack(stack).resource_count_is("AWS::Budgets::Budget", 0)
    said = Annotations.from_stack(stack).find_info(
        "*", Match.string_like_regexp(f"Budgets in {region}.*250 USD.*demo.*test")
    )
    assert len(said) == 1

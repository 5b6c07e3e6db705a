"""The sweeper in the local account: its packaged code, under the role of its template."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Local

NAME = "genai-local-embeddings"


def call(local: Local, **event: str) -> dict[str, str]:
    function = local.resource("models", "AWS::Lambda::Function", "IdleFunction")
    answer = local.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    content: dict[str, str] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, content
    return content


def names(local: Local) -> list[str]:
    return [each["EndpointName"] for each in local.client("sagemaker").list_endpoints()["Endpoints"]]


@pytest.fixture
def table(local: Local) -> Iterator[Any]:
    """The sweeper's notes; whatever a test leaves asleep is woken."""
    name = local.resource("models", "AWS::DynamoDB::Table")
    client = local.client("dynamodb")
    yield client, name
    if NAME not in names(local):
        call(local, wake=NAME)
    client.delete_item(TableName=name, Key={"endpoint": {"S": NAME}})


def age(table: Any, hours: float) -> None:
    """Let the notice be that old."""
    client, name = table
    item = client.get_item(TableName=name, Key={"endpoint": {"S": NAME}})["Item"]
    since = int(item["since"]["N"]) - int(hours * 3600)
    client.put_item(TableName=name, Item={**item, "since": {"N": str(since)}})


def test_an_idle_endpoint_sleeps_and_comes_back(local: Local, table: Any) -> None:
    assert call(local) == {NAME: "warned"}
    assert call(local) == {NAME: "warned"}
    age(table, 5)
    before = local.client("sagemaker").describe_endpoint(EndpointName=NAME)
    assert call(local) == {NAME: "swept"}
    assert names(local) == []
    assert local.client("sagemaker").describe_endpoint_config(EndpointConfigName=before["EndpointConfigName"])
    assert call(local, wake=NAME) == {NAME: "waking"}
    after = local.client("sagemaker").describe_endpoint(EndpointName=NAME)
    assert after["EndpointConfigName"] == before["EndpointConfigName"]
    tags = local.client("sagemaker").list_tags(ResourceArn=after["EndpointArn"])["Tags"]
    assert {"project", "environment", "owner", "layer", "cost-center"} <= {tag["Key"] for tag in tags}
    assert call(local) == {NAME: "awake"}


def test_an_endpoint_that_was_called_is_busy(local: Local, table: Any) -> None:
    local.client("cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "Invocations",
                "Dimensions": [{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": "AllTraffic"}],
                "Timestamp": time.time(),
                "Value": 3,
            }
        ],
    )
    assert call(local)[NAME] == "busy"

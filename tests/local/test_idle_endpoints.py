"""The sweeper in the local account: its packaged code, under the role of its template."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Local
from .roles import Role

NAME = "genai-local-embeddings"
_AUTHORIZATION = "https://docs.aws.amazon.com/service-authorization/latest/reference/list"
_ENDPOINTS = "https://docs.aws.amazon.com/sagemaker/latest/dg"
_SCALING = "https://docs.aws.amazon.com/autoscaling/application/userguide"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"


def call(local: Local, **event: str) -> dict[str, str]:
    function = local.resource("hosting", "AWS::Lambda::Function", "IdleFunction")
    answer = local.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    content: dict[str, str] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, content
    return content


def names(local: Local) -> list[str]:
    return [each["EndpointName"] for each in local.client("sagemaker").list_endpoints()["Endpoints"]]


@pytest.fixture
def table(local: Local) -> Iterator[Any]:
    """The sweeper's notes; whatever a test leaves asleep is woken."""
    name = local.resource("hosting", "AWS::DynamoDB::Table")
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


#: Actions whose use this account cannot show, with the page that asks for them.
UNSHOWN = {
    # No endpoint of this account holds inference components or scales by the clock.
    "sagemaker:DescribeInferenceComponent": f"{_AUTHORIZATION}_amazonsagemaker.html",
    "sagemaker:UpdateInferenceComponentRuntimeConfig": f"{_AUTHORIZATION}_amazonsagemaker.html",
    "application-autoscaling:PutScheduledAction": f"{_AUTHORIZATION}_applicationautoscaling.html",
    # What services do on the function's behalf, where the account asks for nothing.
    "sagemaker:AddTags": "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html",
    "sagemaker:CreateEndpoint": "https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html",
    "application-autoscaling:DeregisterScalableTarget": f"{_ENDPOINTS}/endpoint-delete-with-scaling.html",
    "cloudwatch:DeleteAlarms": f"{_ENDPOINTS}/endpoint-auto-scaling-prerequisites.html",
    "iam:CreateServiceLinkedRole": f"{_ENDPOINTS}/endpoint-auto-scaling-prerequisites.html",
    "sagemaker:UpdateEndpointWeightsAndCapacities": f"{_ENDPOINTS}/endpoint-auto-scaling-prerequisites.html",
    "cloudwatch:DescribeAlarms": f"{_SCALING}/security_iam_id-based-policy-examples.html",
    "cloudwatch:PutMetricAlarm": f"{_SCALING}/security_iam_id-based-policy-examples.html",
    "kms:CreateGrant": "https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html",
    "kms:Decrypt": "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html",
    "kms:DescribeKey": "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html",
    "kms:GenerateDataKey": "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    "logs:CreateLogStream": f"{_LAMBDA}/lambda-intro-execution-role.html",
    "logs:PutLogEvents": f"{_LAMBDA}/lambda-intro-execution-role.html",
    "xray:PutTraceSegments": f"{_LAMBDA}/services-xray.html",
    "xray:PutTelemetryRecords": f"{_LAMBDA}/services-xray.html",
    # The account checks them as Lambda does, when the function is made.
    "ec2:AssignPrivateIpAddresses": f"{_LAMBDA}/configuration-vpc.html",
    "ec2:CreateNetworkInterface": f"{_LAMBDA}/configuration-vpc.html",
    "ec2:DeleteNetworkInterface": f"{_LAMBDA}/configuration-vpc.html",
    "ec2:DescribeNetworkInterfaces": f"{_LAMBDA}/configuration-vpc.html",
    "ec2:DescribeSubnets": f"{_LAMBDA}/configuration-vpc.html",
    "ec2:UnassignPrivateIpAddresses": f"{_LAMBDA}/configuration-vpc.html",
}


@pytest.fixture
def no_time(local: Local) -> Iterator[None]:
    """Rules under which an endpoint is idle as soon as it stands."""
    client = local.client("lambda")
    name = local.resource("hosting", "AWS::Lambda::Function", "IdleFunction")
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    rules = json.dumps({**json.loads(before["RULES"]), "idle_hours": 0})
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {**before, "RULES": rules}})
    yield
    client.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def life(local: Local, table: Any) -> list[str]:
    """What the sweeper does with one endpoint in its life: warns, puts to sleep, brings back, lets it scale again."""
    done: list[str] = []
    try:
        done.append(call(local)[NAME])
        age(table, 5)
        done.append(call(local)[NAME])
        done.append(call(local, wake=NAME)[NAME])
        done.append(call(local)[NAME])
    except (AssertionError, KeyError):
        done.append("failed")
    return done


def test_every_action_of_the_sweeper_is_needed(local: Local, table: Any, no_time: None) -> None:
    client, name = table
    whole = ["warned", "swept", "waking", "awake"]
    assert life(local, table) == whole
    role = Role(local, "hosting", "IdleFunction")
    unneeded = set()
    for action, resource in role.actions():
        with role.without(action, resource):
            done = life(local, table)
        if done == whole:
            unneeded.add(action)
        # Whatever was left halfway is brought to an end by the whole role.
        if NAME not in names(local):
            call(local, wake=NAME)
        client.delete_item(TableName=name, Key={"endpoint": {"S": NAME}})
    assert unneeded == set(UNSHOWN)


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

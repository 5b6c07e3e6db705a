"""The sweeper as it is deployed: by the clock, under a role that touches the project's own endpoints only."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.functions.idle_endpoints.environment import Environment, Hours, Rules
from aws_genai.models import IdleOptions, IdleSweeper, WorkingHours
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

OWN = {"project": "genai", "environment": "prod"}
ENDPOINT = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/{}"


def sweeper(
    stack: cdk.Stack, *, owner: dict[str, str] = OWN, prefix: str = "genai-prod-", **options: Any
) -> IdleSweeper:
    return IdleSweeper(
        stack, "Idle", foundation=Foundation(stack), prefix=prefix, owner=owner, options=IdleOptions(**options)
    )


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    hours = WorkingHours(time_zone="Europe/Berlin")
    return dict(template_of(lambda stack: sweeper(stack, hours=12, working_hours=hours)).to_json())


def only(template: dict[str, Any], kind: str, start: str = "Idle") -> tuple[str, dict[str, Any]]:
    (found,) = [
        (n, r["Properties"]) for n, r in template["Resources"].items() if r["Type"] == kind and n.startswith(start)
    ]
    return found


def test_it_runs_every_hour_and_once_at_a_time_per_endpoint(template: dict[str, Any]) -> None:
    _, schedule = only(template, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    _, table = only(template, "AWS::DynamoDB::Table")
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert table["BillingMode"] == "PAY_PER_REQUEST", "it costs nothing idle"


def test_the_function_understands_what_it_is_given(template: dict[str, Any]) -> None:
    _, function = only(template, "AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    environment = Environment.read({name: str(value) for name, value in variables.items()})
    made = Rules.parse(environment.RULES)
    assert (made.prefix, made.idle_hours, made.notice_hours, made.dry_run) == ("genai-prod-", 12, 4, False)
    assert made.owner == OWN
    assert made.working_hours == Hours(("MON", "TUE", "WED", "THU", "FRI"), 8, 18, "Europe/Berlin")


def test_it_deletes_what_the_project_owns_and_nothing_else(template: dict[str, Any]) -> None:
    role, _ = only(template, "AWS::IAM::Role", "IdleFunctionRole")
    tags = {f"aws:ResourceTag/{key}": value for key, value in OWN.items()}
    own = ENDPOINT.format("genai-prod-llama")
    assert_allows(template, role, "sagemaker:DeleteEndpoint", own, tags)
    assert_denies(template, role, "sagemaker:DeleteEndpoint", own)
    assert_denies(template, role, "sagemaker:DeleteEndpoint", own, {**tags, "aws:ResourceTag/project": "other"})
    assert_denies(template, role, "sagemaker:DeleteEndpoint", ENDPOINT.format("other-prod-llama"), tags)
    for action in ("DeleteModel", "DeleteEndpointConfig", "InvokeEndpoint", "UpdateEndpoint"):
        assert_denies(template, role, f"sagemaker:{action}", own, tags)
    made = {f"aws:RequestTag/{key}": value for key, value in OWN.items()}
    assert_allows(template, role, "sagemaker:CreateEndpoint", own, made)
    assert_denies(template, role, "sagemaker:CreateEndpoint", own)


def test_it_may_let_an_endpoint_scale_again_and_clean_up_after_one(template: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html"""
    role, _ = only(template, "AWS::IAM::Role", "IdleFunctionRole")
    place = "us-east-1:111122223333"
    own = ENDPOINT.format("genai-prod-llama")
    alarm = f"arn:aws:cloudwatch:{place}:alarm:TargetTracking-endpoint/{{}}-llama/variant/AllTraffic-AlarmHigh-1"
    assert_allows(template, role, "sagemaker:UpdateEndpointWeightsAndCapacities", own)
    assert_denies(template, role, "sagemaker:UpdateEndpointWeightsAndCapacities", ENDPOINT.format("other-llama"))
    for action in ("PutMetricAlarm", "DeleteAlarms"):
        assert_allows(template, role, f"cloudwatch:{action}", alarm.format("genai-prod"))
        assert_denies(template, role, f"cloudwatch:{action}", alarm.format("other"))
    target = f"arn:aws:application-autoscaling:{place}:scalable-target/1234"
    for action in ("RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction", "DeregisterScalableTarget"):
        assert_allows(template, role, f"application-autoscaling:{action}", target)
    scaling = "sagemaker.application-autoscaling.amazonaws.com"
    linked = (
        f"arn:aws:iam::111122223333:role/aws-service-role/{scaling}/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
    assert_allows(template, role, "iam:CreateServiceLinkedRole", linked, {"iam:AWSServiceName": scaling})
    assert_denies(template, role, "iam:CreateServiceLinkedRole", linked, {"iam:AWSServiceName": "ecs.amazonaws.com"})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"prefix": ""}, "every endpoint of the account"),
        ({"owner": {}}, "every endpoint of the account"),
        ({"working_hours": {"start": 18, "end": 8}}, "ends at 8, before it begins at 18"),
        ({"hours": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidValueError, match=told):
        sweeper(new_stack(), **options)

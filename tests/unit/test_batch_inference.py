"""Batches of questions: who may ask, and what the jobs may read and call."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, WorkloadRole
from aws_genai.models import (
    ApplicationProfiles,
    BatchInference,
    BatchInferenceOptions,
    Guardrail,
    ModelAccess,
    ModelAccessOptions,
)
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"
LITE, PRO = "us.amazon.nova-lite-v1:0", "us.amazon.nova-pro-v1:0"
HERE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}"


def batch(stack: cdk.Stack, *, profiled: bool = False, **options: Any) -> BatchInference:
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
    access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=[LITE, PRO]))
    return BatchInference(
        stack,
        "Batch",
        foundation=foundation,
        name="genai-test-summaries",
        access=access,
        profiles=ApplicationProfiles(stack, "Profiles", name="batch", access=access, models=[LITE])
        if profiled
        else None,
        options=BatchInferenceOptions(**{"model": LITE, **options}),
    )


def role(template: dict[str, Any], begin: str) -> str:
    names = [n for n, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role" and n.startswith(begin)]
    (found,) = names
    return str(found)


def test_a_job_calls_one_model_and_touches_runs_only() -> None:
    stack = new_stack()
    made = batch(stack)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    worker, bucket = role(template, "BatchWorker"), f"arn:aws:s3:::{made.bucket.logical_id}"
    assert_allows(template, worker, "bedrock:InvokeModel", f"{HERE}:inference-profile/{LITE}")
    assert_denies(template, worker, "bedrock:InvokeModel", f"{HERE}:inference-profile/{PRO}")
    assert_allows(template, worker, "s3:PutObject", f"{bucket}/runs/x/0/out-1/r.jsonl.out")
    for key in ("requests/q.jsonl", "answers/x/answers.jsonl"):
        assert_denies(template, worker, "s3:GetObject", f"{bucket}/{key}")
        assert_denies(template, worker, "s3:PutObject", f"{bucket}/{key}")


def test_the_function_asks_alone_only_through_the_guardrail() -> None:
    template = template_of(batch).to_json()
    steps = role(template, "BatchSteps")
    assert_denies(template, steps, "bedrock:InvokeModel", f"{HERE}:inference-profile/{LITE}")
    assert_allows(template, steps, "bedrock:CreateModelInvocationJob", f"{HERE}:inference-profile/{LITE}")
    assert_denies(template, steps, "bedrock:CreateModelInvocationJob", f"{HERE}:inference-profile/{PRO}")
    assert_denies(template, steps, "bedrock:StopModelInvocationJob", f"{HERE}:model-invocation-job/1")


def test_with_a_name_of_its_own_jobs_are_paid_for_under_it() -> None:
    template = template_of(lambda stack: batch(stack, profiled=True)).to_json()
    worker = role(template, "BatchWorker")
    (profile,) = [
        n for n, e in template["Resources"].items() if e["Type"] == "AWS::Bedrock::ApplicationInferenceProfile"
    ]
    assert_allows(template, worker, "bedrock:InvokeModel", f"{HERE}:application-inference-profile/{profile}")
    assert_denies(template, worker, "bedrock:InvokeModel", f"{HERE}:inference-profile/{LITE}")


def test_only_files_of_questions_start_a_run() -> None:
    template = template_of(batch).to_json()
    (rule,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::Events::Rule"]
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["detail"]["object"]["key"] == [{"wildcard": "requests/*.jsonl"}]
    (target,) = rule["Properties"]["Targets"]
    assert target["DeadLetterConfig"]
    assert target["InputTransformer"]["InputPathsMap"]["version"] == "$.detail.object.version-id"


def test_whoever_asks_puts_questions_and_reads_answers() -> None:
    stack = new_stack()
    made = batch(stack)
    team = WorkloadRole(stack, "Team", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    made.grant_ask(team)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    name, bucket = role(template, "Team"), f"arn:aws:s3:::{made.bucket.logical_id}"
    assert_allows(template, name, "s3:PutObject", f"{bucket}/requests/q.jsonl")
    assert_allows(template, name, "s3:GetObject", f"{bucket}/answers/x/answers.jsonl")
    assert_denies(template, name, "s3:GetObject", f"{bucket}/runs/x/0/out-1/r.jsonl.out")
    assert_denies(template, name, "s3:PutObject", f"{bucket}/answers/x/answers.jsonl")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "amazon.titan-embed-text-v2:0"}, "titan"),
        ({"model": "amazon.nova-premier-v1:0"}, "amazon.nova-premier-v1:0"),
        ({"most_failed_percent": 101}, "at most 100"),
    ],
    ids=["embedding", "not allowed", "percentage"],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        batch(new_stack(), **options)
    assert words in str(raised.value)

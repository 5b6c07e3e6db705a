"""Evaluations of models: what their function, their judge and a pipeline may do."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, WorkloadRole
from aws_genai.models import (
    Evaluation,
    EvaluationOptions,
    Guardrail,
    Judge,
    KnowledgeBase,
    KnowledgeBaseOptions,
    ModelAccess,
    ModelAccessOptions,
    Source,
)
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"
PRO, LITE, EMBED = "us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"
HERE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}"


def evaluation(stack: cdk.Stack, *, documents: bool = False, **options: Any) -> Evaluation:
    foundation = Foundation(stack)
    given: dict[str, Any] = {"models": [PRO, LITE], "judge": Judge(model=PRO), **options}
    knowledge = None
    if documents:
        knowledge = KnowledgeBase(
            stack,
            "Docs",
            foundation=foundation,
            name="docs",
            options=KnowledgeBaseOptions(sources={"a": Source(groups=["staff"])}),
        )
    return Evaluation(
        stack,
        "Evaluation",
        foundation=foundation,
        name="genai-test-both",
        access=ModelAccess(
            stack,
            "Access",
            guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
            options=ModelAccessOptions(models=[PRO, LITE, EMBED]),
        ),
        knowledge=knowledge,
        options=EvaluationOptions(**given),
    )


def role(template: dict[str, Any], begin: str) -> str:
    names = [n for n, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role" and n.startswith(begin)]
    (found,) = names
    return str(found)


def test_the_function_asks_through_the_guardrail_and_the_judge_only_judges() -> None:
    template = template_of(evaluation).to_json()
    function, judge = role(template, "EvaluationSteps"), role(template, "EvaluationJudge")
    guarded = next(n for n, each in template["Resources"].items() if each["Type"] == "AWS::Bedrock::GuardrailVersion")
    assert guarded
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    assert_denies(template, function, "bedrock:InvokeModel", model)
    other = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    for each in (function, judge):
        assert_denies(template, each, "bedrock:InvokeModel", other)
    assert_allows(template, judge, "bedrock:InvokeModel", f"{HERE}:inference-profile/{PRO}")
    assert_denies(template, judge, "bedrock:InvokeModel", f"{HERE}:inference-profile/{LITE}")
    assert_allows(template, function, "bedrock:GetEvaluationJob", f"{HERE}:evaluation-job/abc")
    assert_denies(template, function, "bedrock:StopEvaluationJob", f"{HERE}:evaluation-job/abc")


def test_the_judge_may_do_what_its_guide_asks_for_and_bedrock_may_keep_copies() -> None:
    template = template_of(evaluation).to_json()
    judge, jobs = role(template, "EvaluationJudge"), f"{HERE}:model-invocation-job/abc"
    (key,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::KMS::Key"]
    for action in ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"):
        assert_allows(template, judge, action, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}")
    (bucket,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::S3::Bucket" and name.startswith("EvaluationBucket")
    ]
    for action in ("s3:GetBucketLocation", "s3:ListBucketMultipartUploads"):
        assert_allows(template, judge, action, f"arn:aws:s3:::{bucket}")
    assert_allows(template, judge, "bedrock:CreateModelInvocationJob", f"{HERE}:inference-profile/{PRO}")
    assert_denies(template, judge, "bedrock:CreateModelInvocationJob", f"{HERE}:inference-profile/{LITE}")
    assert_allows(template, judge, "bedrock:StopModelInvocationJob", jobs)
    assert_denies(template, judge, "bedrock:GetModelInvocationJob", jobs)
    policy = template["Resources"][key]["Properties"]["KeyPolicy"]
    copies = {each["Sid"]: each for each in policy["Statement"] if "Evaluations" in each["Sid"]}
    assert copies["Evaluations"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert list(copies["Evaluations"]["Condition"]["StringLike"]) == ["kms:EncryptionContext:evaluationJobArn"]
    # A description comes without an encryption context, so a condition on one would deny it.
    assert copies["DescribedByEvaluations"]["Action"] == ["kms:DescribeKey"]
    assert set(copies["DescribedByEvaluations"]["Condition"]) == {"ArnLike"}
    for each in copies.values():
        assert each["Principal"] == {"Service": "bedrock.amazonaws.com"}
        assert "evaluation-job/*" in json.dumps(each["Condition"]["ArnLike"]["aws:SourceArn"])


def test_the_state_machine_is_encrypted_logged_traced_and_calls_one_function() -> None:
    template = template_of(evaluation).to_json()
    (machine,) = [e for e in template["Resources"].values() if e["Type"] == "AWS::StepFunctions::StateMachine"]
    properties = machine["Properties"]
    assert properties["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
    assert properties["LoggingConfiguration"]["Level"] == "ALL"
    assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert properties["TracingConfiguration"] == {"Enabled": True}
    definition = json.loads(properties["DefinitionString"])
    tasks = [each for each in _states(definition) if each["Type"] == "Task"]
    assert [each["Parameters"]["Payload"]["step"] for each in tasks] == ["prepare", "start", "look", "finish"]
    for each in tasks:
        assert each["Parameters"]["FunctionName"] == "${Function}"
        assert "TryAgainError" in each["Retry"][0]["ErrorEquals"]
    waits = [each for each in _states(definition) if each["Type"] == "Wait"]
    assert [each["Seconds"] for each in waits] == [60]
    # Whoever deploys makes it, and whoever may look at a run reads it, through Step Functions only.
    (key,) = [e["Properties"]["KeyPolicy"] for e in template["Resources"].values() if e["Type"] == "AWS::KMS::Key"]
    (through,) = [each for each in key["Statement"] if "states." in json.dumps(each.get("Condition", {}))]
    assert set(through["Action"]) == {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"}
    # What it logs is encrypted on its way, so whoever delivers it decrypts.
    (delivers,) = [each for each in key["Statement"] if "delivery.logs" in json.dumps(each["Principal"])]
    assert delivers["Action"] == ["kms:Decrypt"]
    assert list(delivers["Condition"]["StringLike"]) == ["kms:EncryptionContext:SourceArn"]
    caller = role(template, "EvaluationRunsRole")
    assert_denies(template, caller, "lambda:UpdateFunctionCode", "*")
    # Bound to the state machine's own context, this would lose the logs.
    (name,) = [each for each, made in template["Resources"].items() if made["Type"] == "AWS::KMS::Key"]
    logs = {"kms:EncryptionContext:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:*"}
    assert_allows(template, caller, "kms:GenerateDataKey", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}", logs)


def test_runs_have_metrics() -> None:
    machine = evaluation(new_stack()).machine
    metrics = [machine.metric_started(), machine.metric_succeeded(), machine.metric_failed(), machine.metric_time()]
    names = ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionTime"]
    assert [each.metric_name for each in metrics] == names
    assert {each.namespace for each in metrics} == {"AWS/States"}
    assert all(each.dimensions == {"StateMachineArn": machine.machine_arn} for each in metrics)


def _states(definition: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for each in definition["States"].values():
        found.append(each)
        if "ItemProcessor" in each:
            found += _states(each["ItemProcessor"])
    return found


def test_a_schedule_may_start_it_and_nothing_else() -> None:
    template = template_of(lambda stack: evaluation(stack, schedule="cron(0 5 ? * MON *)")).to_json()
    clock = role(template, "EvaluationRunsClock")
    assert_allows(
        template,
        clock,
        "states:StartExecution",
        f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:genai-test-both-evaluation",
    )
    assert_denies(template, clock, "states:StartExecution", f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:other")


def test_a_pipeline_puts_questions_runs_and_reads_reports_only() -> None:
    stack = new_stack()
    made = evaluation(stack, judge=None)
    pipeline = WorkloadRole(stack, "Pipeline", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    made.grant_run(pipeline)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    name, bucket = role(template, "Pipeline"), made.bucket.logical_id
    run = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:genai-test-both-evaluation:1"
    assert_allows(template, name, "states:DescribeExecution", run)
    assert_allows(template, name, "s3:PutObject", f"arn:aws:s3:::{bucket}/questions/q.jsonl")
    assert_denies(template, name, "s3:PutObject", f"arn:aws:s3:::{bucket}/reports/r.json")
    assert_denies(template, name, "s3:GetObject", f"arn:aws:s3:::{bucket}/runs/r/answers.jsonl")


def test_documents_are_searched_for_the_groups_that_are_named() -> None:
    template = template_of(lambda stack: evaluation(stack, documents=True, groups=["staff"], judge=None)).to_json()
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function"]
    (steps,) = [each for each in functions if each["Properties"]["Handler"].startswith("functions.evaluation")]
    variables = steps["Properties"]["Environment"]["Variables"]
    assert "KNOWLEDGE_BASE" in variables
    assert json.loads(variables["PLAN"])["groups"] == ["staff"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"models": []}, "at least 1"),
        ({"models": [EMBED]}, EMBED),
        ({"judge": Judge(model=EMBED)}, EMBED),
        ({"judge": Judge(model=PRO, metrics=["Correctnes"])}, "Correctness"),
        ({"judge": {"model": PRO, "metrics": []}}, "at least 1"),
        ({"thresholds": {"Correctness": 1}, "judge": None}, "Correctness is not measured"),
        ({"thresholds": {"latency": 1}}, "latency_ms"),
        ({"groups": ["staff"]}, "no knowledge base"),
        ({"documents": True}, "no group"),
        ({"documents": True, "groups": ["staff"], "judge": Judge(model=PRO, metrics=["Relevance"])}, "Relevance"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_measures_nothing_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        evaluation(new_stack(), **options)
    assert words in str(raised.value)

"""Model hub, Studio and the monitoring of traffic: resources, permissions, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, SecureBucket, WorkloadRole
from aws_genai.models import DriftLimits, HubOptions, ModelHub, ModelMonitoring, Studio, StudioOptions
from aws_genai.testing import assert_allows, assert_denies
from tests.conftest import Synthesized
from tests.support import new_stack, template_of

MODELS = ["huggingface-llm-mistral-7b-instruct-v3", "huggingface-sentencesimilarity-bge-m3"]
PLACE = "arn:aws:sagemaker:us-east-1"


def hub(stack: cdk.Stack, models: list[str] = MODELS) -> ModelHub:
    return ModelHub(stack, "Hub", foundation=Foundation(stack), name="allowed", options=HubOptions(models=models))


def test_the_hub_refers_to_the_allowed_models() -> None:
    template = template_of(hub)
    (resource,) = template.find_resources("AWS::CloudFormation::CustomResource").values()
    assert set(resource["Properties"]["Models"]) == set(MODELS)
    (made,) = template.find_resources("AWS::SageMaker::Hub")
    assert made in resource["DependsOn"]


def test_models_are_named_with_and_without_their_version() -> None:
    template = template_of(hub)
    (role,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("HubModels"))
    for model in MODELS:
        content = f"{PLACE}:aws:hub-content/SageMakerPublicHub/Model/{model}"
        for arn in (content, f"{content}/1.0.0"):
            assert_allows(template, role, "sagemaker:CreateHubContentReference", arn)
            assert_allows(template, role, "sagemaker:DescribeHubContent", arn)
    other = f"{PLACE}:aws:hub-content/SageMakerPublicHub/Model/{MODELS[0]}-other"
    assert_denies(template, role, "sagemaker:CreateHubContentReference", other)


def test_who_uses_the_hub_cannot_see_the_public_one() -> None:
    stack = new_stack()
    role = WorkloadRole(stack, "User", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    everything = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    role.add_to_principal_policy(iam.PolicyStatement.from_json(everything))
    hub(stack).grant_use(role)
    template = Template.from_stack(stack)
    (user,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("User"))
    own = f"{PLACE}:111122223333:hub-content/allowed/ModelReference/{MODELS[0]}/1.0.0"
    assert_allows(template, user, "sagemaker:DescribeHubContent", own)
    public = f"{PLACE}:aws:hub-content/SageMakerPublicHub/Model/{MODELS[0]}/1.0.0"
    assert_denies(template, user, "sagemaker:DescribeHubContent", public)
    assert_denies(template, user, "sagemaker:ListHubContents", f"{PLACE}:aws:hub/SageMakerPublicHub")


@pytest.mark.parametrize(
    ("models", "word"),
    [([], "at least one"), ([MODELS[0]] * 2, "twice"), (["gpt"], "not a model of the JumpStart catalogue")],
)
def test_a_hub_of_nothing_is_refused(models: list[str], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        hub(new_stack(), models=models)


def studio(stack: cdk.Stack, **options: Any) -> Studio:
    people = {"ann": "approver", "bob": "data-scientist"}
    return Studio(
        stack,
        "Studio",
        foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
        name="lab",
        options=StudioOptions(**{"people": people, **options}),
    )


def test_spaces_have_no_way_out_and_stop_by_themselves() -> None:
    template = template_of(lambda stack: studio(stack, idle_minutes=90))
    stop = Match.object_like(
        {
            "AppLifecycleManagement": {
                "IdleSettings": Match.object_like({"IdleTimeoutInMinutes": 90, "LifecycleManagement": "ENABLED"})
            }
        }
    )
    template.has_resource_properties(
        "AWS::SageMaker::Domain",
        {
            "AppNetworkAccessType": "VpcOnly",
            "KmsKeyId": Match.any_value(),
            "HomeEfsFileSystemCreation": "Disabled",
            "DefaultUserSettings": Match.object_like(
                {
                    "JupyterLabAppSettings": stop,
                    "CodeEditorAppSettings": stop,
                    "SharingSettings": {"NotebookOutputOption": "Disabled"},
                }
            ),
            "DomainSettings": Match.object_like(
                {
                    "DockerSettings": {"EnableDockerAccess": "DISABLED"},
                    "ExecutionRoleIdentityConfig": "USER_PROFILE_NAME",
                }
            ),
        },
    )


def test_each_persona_has_a_role_of_its_own_and_nobody_has_the_domains() -> None:
    template = template_of(studio)
    profiles = template.find_resources("AWS::SageMaker::UserProfile")
    roles = {
        each["Properties"]["UserProfileName"]: each["Properties"]["UserSettings"]["ExecutionRole"]["Fn::GetAtt"][0]
        for each in profiles.values()
    }
    assert roles["ann"].startswith("StudioApprover")
    assert roles["bob"].startswith("StudioDataScientist")
    (domain,) = template.find_resources("AWS::SageMaker::Domain").values()
    default = domain["Properties"]["DefaultUserSettings"]["ExecutionRole"]["Fn::GetAtt"][0]
    assert default.startswith("StudioNobody")
    policies = json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))
    assert default not in policies
    for name in (*roles.values(), default):
        trust = template.find_resources("AWS::IAM::Role")[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert {action for each in trust for action in each["Action"]} == {"sts:AssumeRole", "sts:SetSourceIdentity"}
        assert all(each["Condition"]["StringEquals"]["aws:SourceAccount"] for each in trust)


def test_a_space_is_private_small_and_ones_own(reference: Synthesized) -> None:
    template = template_of(studio)
    (bob,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("StudioDataScientist"))
    (policy,) = (
        each for name, each in template.find_resources("AWS::IAM::ManagedPolicy").items() if "Everybody" in name
    )
    statements = {json.dumps(each["Action"]): each for each in policy["Properties"]["PolicyDocument"]["Statement"]}
    app = statements['["sagemaker:CreateApp"]']
    assert app["Condition"]["StringEquals"] == {"sagemaker:SpaceSharingType": "Private"}
    assert "ml.t3.medium" in app["Condition"]["ForAllValues:StringEquals"]["sagemaker:InstanceTypes"]
    assert "${sagemaker:UserProfileName}" in json.dumps(app["Condition"]["ArnLike"])
    # Tagging sends no owner: a condition on one would never be met.
    domain = next(iter(template.find_resources("AWS::SageMaker::Domain")))
    for resource in ("space", "app"):
        arn = f"{PLACE}:111122223333:{resource}/d-{domain}/bobs"
        made = {"sagemaker:TaggingAction": f"Create{resource.title()}"}
        assert_allows(template, bob, "sagemaker:AddTags", arn, made)
        assert_denies(template, bob, "sagemaker:AddTags", arn)
    notebook = f"{PLACE}:111122223333:notebook-instance/x"
    assert_denies(template, bob, "sagemaker:CreateNotebookInstance", notebook)


def test_the_personas_of_reference_keep_apart(reference: Synthesized) -> None:
    def role(persona: str) -> str:
        resources = reference.template("hosting")["Resources"]
        (name,) = (
            n for n, each in resources.items() if n.startswith(f"Studio{persona}") and each["Type"] == "AWS::IAM::Role"
        )
        return f"genai-reference-hosting.{name}"

    start = ("sagemaker:StartPipelineExecution", f"{PLACE}:111122223333:pipeline/genai-reference-support")
    approve = ("sagemaker:UpdateModelPackage", f"{PLACE}:111122223333:model-package/genai-reference-support/1")
    call = ("sagemaker:InvokeEndpoint", f"{PLACE}:111122223333:endpoint/genai-reference-llama")
    allowed = {"DataScientist": [start], "Approver": [approve], "MlEngineer": [call]}
    for persona, own in allowed.items():
        for action in (start, approve, call):
            check = assert_allows if action in own else assert_denies
            # What an approver may set; other actions have no such condition.
            check(reference.templates, role(persona), *action, {"sagemaker:ModelApprovalStatus": "Approved"})
    for persona, opens in (("DataScientist", True), ("MlEngineer", True), ("Approver", False)):
        name = role(persona).rpartition(".")[2]
        policies = [
            each["Properties"]["PolicyDocument"]
            for each in reference.template("hosting")["Resources"].values()
            if each["Type"] == "AWS::IAM::ManagedPolicy" and f'"{name}"' in json.dumps(each["Properties"].get("Roles"))
        ]
        assert ("sagemaker:CreatePresignedMlflowAppUrl" in json.dumps(policies)) is opens


@pytest.mark.parametrize(
    ("properties", "word"),
    [
        ({"people": {"ann": "aprover"}}, "Did you mean approver"),
        ({"idle_minutes": 30}, "at least 60"),
    ],
)
def test_a_studio_that_cannot_be_is_refused(properties: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        studio(new_stack(), **properties)


def monitoring(stack: cdk.Stack, limits: DriftLimits | None = None) -> ModelMonitoring:
    foundation = Foundation(stack)
    return ModelMonitoring(
        stack,
        "Monitoring",
        foundation=foundation,
        endpoints=["genai-llama", "genai-guard"],
        captured=SecureBucket(stack, "Captured", foundation=foundation),
        limits=limits,
    )


def test_every_endpoint_is_watched_for_drift_and_quality() -> None:
    template = template_of(lambda stack: monitoring(stack, limits=DriftLimits(drift=0.3, least_f1=0.7, hours=3)))
    for endpoint in ("genai-llama", "genai-guard"):
        for metric, threshold in (("TopicDrift", 0.3), ("AnswerDrift", 0.3), ("QuestionDrift", 0.3), ("F1", 0.7)):
            template.has_resource_properties(
                "AWS::CloudWatch::Alarm",
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                    "Threshold": threshold,
                    "EvaluationPeriods": 3,
                    "ComparisonOperator": "LessThanThreshold" if metric == "F1" else "GreaterThanOrEqualToThreshold",
                },
            )
    template.resource_count_is("AWS::Scheduler::Schedule", 1)
    template.resource_count_is("AWS::Lambda::Function", 1)


def test_the_watch_reads_records_and_publishes_its_own_metrics_only() -> None:
    template = template_of(monitoring)
    (role,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("MonitoringFunction"))
    (bucket,) = (name for name in template.find_resources("AWS::S3::Bucket") if name.startswith("Captured"))
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{bucket}/genai-llama/x.jsonl")
    assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/genai-llama/x.jsonl")
    assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{bucket}/other/x.jsonl")
    assert_allows(template, role, "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "GenAI/Drift"})
    assert_denies(template, role, "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/SageMaker"})


def test_the_metrics_are_those_of_the_function() -> None:
    made = monitoring(new_stack())
    metrics = [
        made.metric_question_drift("a"),
        made.metric_answer_drift("a"),
        made.metric_topic_drift("a"),
        made.metric_empty_answers("a"),
        made.metric_refused_answers("a"),
        made.metric_f1("a"),
    ]
    alarms = Template.from_stack(made.node.scope).find_resources("AWS::CloudWatch::Alarm").values()
    watched = {each["Properties"]["MetricName"] for each in alarms if each["Properties"]["Namespace"] == "GenAI/Drift"}
    assert {metric.metric_name for metric in metrics} == watched
    assert all(metric.namespace == "GenAI/Drift" and metric.dimensions == {"EndpointName": "a"} for metric in metrics)


@pytest.mark.parametrize("limits", [{"drift": 0}, {"empty_percent": 101}, {"least_f1": -0.1}, {"hours": 0}])
def test_limits_out_of_range_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError, match=next(iter(limits))):
        DriftLimits(**limits)

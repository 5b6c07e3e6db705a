"""Fine-tuning: a definition that SageMaker takes, roles that keep people apart, and facts that are checked."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args

import aws_cdk as cdk
import botocore.session
import pytest
from aws_cdk import aws_iam as iam, aws_s3 as s3
from aws_cdk.assertions import Template
from botocore.validate import ParamValidator

from aws_genai.data.jumpstart import JumpStartCatalogue
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import ExistingBucket, Foundation, WorkloadRole
from aws_genai.functions.contract import Contract
from aws_genai.functions.model_approval import environment as model_approval
from aws_genai.functions.model_evaluation import environment as model_evaluation
from aws_genai.functions.model_evaluation.scores import METRICS
from aws_genai.functions.training_data import environment as training_data
from aws_genai.models import (
    DataSetOptions,
    Experiments,
    FineTuning,
    FineTuningOptions,
    SignedDataSets,
)
from aws_genai.models.training.options import Metric
from aws_genai.models.training.pipeline_definition import LINEAGE
from aws_genai.testing import Principal, assert_allows, assert_denies
from operations import training_facts
from tests.support import findings_on, new_stack

MODEL = "huggingface-llm-gemma-7b-instruct"
APPROVER = "arn:aws:iam::111122223333:role/data-approver"
#: Keys of a request that approves a version, and changes nothing else.
APPROVED = {"sagemaker:ModelApprovalStatus": "Approved"}
#: What each step of a pipeline is told is the request of this operation:
#: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html
OPERATIONS = {
    "Training": "CreateTrainingJob",
    "Model": "CreateModel",
    "Transform": "CreateTransformJob",
    "RegisterModel": "CreateModelPackage",
}


def build(stack: cdk.Stack, *, tracked: bool = True, data: dict[str, Any] | None = None, **options: Any) -> FineTuning:
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"], tags={"project": "genai"})
    return FineTuning(
        stack,
        "Support",
        foundation=foundation,
        name="support",
        endpoint_name="genai-support",
        options=FineTuningOptions(**{"model": MODEL, "accept_eula": True, **options}),
        data_sets=SignedDataSets(
            stack,
            "DataSets",
            foundation=foundation,
            options=DataSetOptions(approver_roles=[APPROVER]),
            **(data or {}),
        ),
        experiments=Experiments(stack, "Experiments", foundation=foundation, name="genai") if tracked else None,
    )


def template_of(**properties: Any) -> Template:
    stack = new_stack()
    build(stack, **properties)
    return Template.from_stack(stack)


def definition(template: Template) -> dict[str, Any]:
    (pipeline,) = template.find_resources("AWS::SageMaker::Pipeline").values()
    body = pipeline["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]
    parts = body["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "arn:aws:iam::111122223333:role/token" for part in parts)
    content: dict[str, Any] = json.loads(text)
    return content


def steps(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for step in content["Steps"]:
        inner = step["Arguments"]
        for each in (step, *inner.get("IfSteps", ()), *inner.get("ElseSteps", ())):
            found[each["Name"]] = each
    return found


def literal(value: Any) -> Any:
    """What a run puts where the definition says where it comes from."""
    if isinstance(value, dict):
        if set(value) <= {"Get", "Std:Join"}:
            return "s3://bucket/of-a-run"
        return {key: literal(each) for key, each in value.items()}
    return [literal(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("spot", [True, False])
@pytest.mark.parametrize("method", ["instruction", "chat", "domain"])
def test_every_step_is_a_request_that_sagemaker_takes(method: str, spot: bool) -> None:
    service = botocore.session.get_session().get_service_model("sagemaker")
    names = {
        "CreateTrainingJob": "TrainingJobName",
        "CreateModel": "ModelName",
        "CreateTransformJob": "TransformJobName",
    }
    checked = 0
    for step in steps(definition(template_of(method=method, spot=spot))).values():
        operation = OPERATIONS.get(step["Type"])
        if operation is None:
            continue
        checked += 1
        request = literal(step["Arguments"])
        if operation in names:
            request[names[operation]] = "of-a-run"
        report = ParamValidator().validate(request, service.operation_model(operation).input_shape)
        assert not report.has_errors(), report.generate_report()
    assert checked == 4


def test_steps_use_what_steps_before_them_give() -> None:
    content = definition(template_of())
    known = steps(content)
    outputs = {name: {each["OutputName"] for each in step.get("OutputParameters", ())} for name, step in known.items()}
    text = json.dumps(content)
    for part in text.split('"Get": "Steps.')[1:]:
        step, _, rest = part.partition('"')[0].partition(".")
        assert step in known
        if rest.startswith("OutputParameters"):
            assert rest.split("'")[1] in outputs[step]
    assert content["MlflowConfig"]["MlflowExperimentName"] == "support"
    assert "MlflowConfig" not in definition(template_of(tracked=False))


def test_training_is_isolated_encrypted_and_interruptible() -> None:
    job = steps(definition(template_of(max_hours=3)))["Train"]["Arguments"]
    assert job["EnableNetworkIsolation"] is True
    assert job["EnableInterContainerTrafficEncryption"] is True
    assert job["VpcConfig"]["Subnets"]
    assert job["OutputDataConfig"]["KmsKeyId"]
    assert job["EnableManagedSpotTraining"] is True
    assert job["CheckpointConfig"]["LocalPath"] == "/opt/ml/checkpoints"
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 10800, "MaxWaitTimeInSeconds": 21600}
    channels = {each["ChannelName"]: each["DataSource"]["S3DataSource"] for each in job["InputDataConfig"]}
    assert channels["model"]["ModelAccessConfig"] == {"AcceptEula": True}
    assert channels["training"]["S3Uri"] == {"Get": "Steps.AdmitData.OutputParameters['train']"}
    assert "CheckpointConfig" not in steps(definition(template_of(spot=False)))["Train"]["Arguments"]


def test_batch_transform_gets_a_model_that_it_takes() -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html"""
    known = steps(definition(template_of()))
    assert known["Train"]["Arguments"]["OutputDataConfig"]["CompressionType"] == "GZIP"
    assert known["Answer"]["Arguments"]["ModelName"] == {"Get": "Steps.Model.ModelName"}
    (registered,) = known["Register"]["Arguments"]["InferenceSpecification"]["Containers"]
    for container in (known["Model"]["Arguments"]["PrimaryContainer"], registered):
        assert container["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
        assert "ModelDataSource" not in container


def test_the_type_that_answers_is_one_of_batch_transform() -> None:
    with pytest.raises(InvalidValueError, match=r"Batch transform.* has no ml\.p4d\.24xlarge"):
        template_of(endpoint={"instance_type": "ml.p4d.24xlarge"})
    assert "ml.p4d.24xlarge" in JumpStartCatalogue.get(MODEL).supported_instance_types
    served = steps(definition(template_of(endpoint={"instance_type": "ml.g5.48xlarge"})))
    assert served["Answer"]["Arguments"]["TransformResources"]["InstanceType"] == "ml.g5.48xlarge"


def test_below_a_threshold_nothing_is_registered() -> None:
    known = steps(definition(template_of(thresholds={"f1": 0.4, "exact_match": 0.1})))
    decision = known["GoodEnough"]["Arguments"]
    assert [(each["LeftValue"]["Get"], each["RightValue"]) for each in decision["Conditions"]] == [
        ("Steps.Evaluate.OutputParameters['exact_match']", 0.1),
        ("Steps.Evaluate.OutputParameters['f1']", 0.4),
    ]
    assert [each["Name"] for each in decision["IfSteps"]] == ["Register"]
    assert "exact_match of 0.1, f1 of 0.4)" in known["NotGoodEnough"]["Arguments"]["ErrorMessage"]
    assert known["Register"]["Arguments"]["ModelApprovalStatus"] == "PendingManualApproval"
    lineage = known["Register"]["Arguments"]["CustomerMetadataProperties"]
    assert {"manifest", "manifest_version", "manifest_sha256", "execution", "approver"} <= set(lineage)


def people() -> tuple[Template, str, str]:
    stack = new_stack()
    tuning = build(stack)
    for name in ("Trainer", "Approver"):
        role = WorkloadRole(stack, name, assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        (tuning.grant_train if name == "Trainer" else tuning.grant_approve)(role)
    template = Template.from_stack(stack)
    roles = {
        name: each
        for each in template.find_resources("AWS::IAM::Role")
        for name in ("Trainer", "Approver")
        if each.startswith(name)
    }
    return template, roles["Trainer"], roles["Approver"]


def test_who_trains_cannot_approve_and_who_approves_cannot_train() -> None:
    template, trainer, approver = people()
    place = "arn:aws:sagemaker:us-east-1:111122223333"
    start = ("sagemaker:StartPipelineExecution", f"{place}:pipeline/genai-support")
    approve = ("sagemaker:UpdateModelPackage", f"{place}:model-package/genai-support/3", APPROVED)
    assert_allows(template, trainer, *start)
    assert_denies(template, trainer, *approve)
    assert_allows(template, approver, *approve)
    assert_denies(template, approver, *start)
    (key,) = (name for name in template.find_resources("AWS::KMS::Key") if "SigningKey" in name)
    arn = f"arn:aws:kms:us-east-1:111122223333:key/{key}"
    assert_allows(template, approver, "kms:Sign", arn)
    assert_denies(template, trainer, "kms:Sign", arn)
    assert_denies(template, approver, "kms:Verify", arn)


def metadata(name: str) -> str:
    return f"sagemaker:CustomerMetadataProperties/{name}"


@pytest.mark.parametrize(
    "more",
    [
        *({metadata(name): "x"} for name in LINEAGE),
        {"sagemaker:CustomerMetadataPropertiesToRemove": ["execution"]},
        {"sagemaker:ModelApprovalStatus": "PendingManualApproval"},
    ],
)
def test_an_approver_cannot_point_a_version_at_another_run(more: dict[str, Any]) -> None:
    template, _, approver = people()
    version = "arn:aws:sagemaker:us-east-1:111122223333:model-package/genai-support/3"
    assert_allows(template, approver, "sagemaker:UpdateModelPackage", version, APPROVED)
    assert_denies(template, approver, "sagemaker:UpdateModelPackage", version, {**APPROVED, **more})


def test_a_change_without_an_approval_status_is_denied() -> None:
    template, _, approver = people()
    version = "arn:aws:sagemaker:us-east-1:111122223333:model-package/genai-support/3"
    assert_denies(template, approver, "sagemaker:UpdateModelPackage", version)


def test_versions_say_of_their_run_what_approvers_cannot_change() -> None:
    lineage = steps(definition(template_of()))["Register"]["Arguments"]["CustomerMetadataProperties"]
    assert set(lineage) == set(LINEAGE)


def test_the_function_rejects_and_the_pipeline_registers_but_neither_approves() -> None:
    template, *_ = people()
    place = "arn:aws:sagemaker:us-east-1:111122223333"
    version = f"{place}:model-package/genai-support/3"
    roles = template.find_resources("AWS::IAM::Role")
    (function,) = (name for name in roles if "ApprovedFunctionRole" in name)
    assert_allows(
        template, function, "sagemaker:UpdateModelPackage", version, {"sagemaker:ModelApprovalStatus": "Rejected"}
    )
    assert_denies(template, function, "sagemaker:UpdateModelPackage", version, APPROVED)
    (runner,) = (name for name in roles if "Runner" in name)
    pending = {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}
    assert_allows(template, runner, "sagemaker:CreateModelPackage", version, pending)
    assert_denies(template, runner, "sagemaker:CreateModelPackage", version, APPROVED)


def test_an_approver_writes_nothing_but_signatures() -> None:
    template, trainer, approver = people()
    (bucket,) = (name for name in template.find_resources("AWS::S3::Bucket") if name.startswith("DataSets"))
    place = f"arn:aws:s3:::{bucket}/data/support"
    assert_allows(template, approver, "s3:PutObject", f"{place}/manifest.json.sig")
    assert_allows(template, approver, "s3:GetObject", f"{place}/train/a.jsonl")
    for name in ("manifest.json", "train/a.jsonl", "held_out/a.jsonl", "template.json", "train/manifest.json"):
        assert_denies(template, approver, "s3:PutObject", f"{place}/{name}")
        assert_allows(template, trainer, "s3:PutObject", f"{place}/{name}")


def test_a_role_of_the_settings_that_approves_writes_no_data_whatever_else_it_may() -> None:
    """Its own policies may allow the bucket; the bucket's policy does not."""
    template, *_ = people()
    (bucket,) = (name for name in template.find_resources("AWS::S3::Bucket") if name.startswith("DataSets"))
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    own = Principal(APPROVER, policies=(policy,))
    other = Principal(APPROVER.replace("data-approver", "admin"), policies=(policy,))
    place = f"arn:aws:s3:::{bucket}/data/support"
    assert_allows(template, own, "s3:PutObject", f"{place}/manifest.json.sig")
    assert_denies(template, own, "s3:PutObject", f"{place}/train/a.jsonl")
    assert_denies(template, own, "s3:PutObject", f"{place}/manifest.json")
    assert_allows(template, other, "s3:PutObject", f"{place}/train/a.jsonl")


def test_only_the_function_writes_where_training_reads() -> None:
    template, trainer, approver = people()
    (bucket,) = (name for name in template.find_resources("AWS::S3::Bucket") if name.startswith("DataSets"))
    verified = f"arn:aws:s3:::{bucket}/verified/support/run/train/a.jsonl"
    (function,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("DataSetsAdmit"))
    (jobs,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("SupportJob"))
    assert_allows(template, function, "s3:PutObject", verified)
    for other in (trainer, approver, jobs):
        assert_denies(template, other, "s3:PutObject", verified)
    assert_allows(template, jobs, "s3:GetObject", verified)
    assert_denies(template, jobs, "s3:GetObject", f"arn:aws:s3:::{bucket}/data/support/train/a.jsonl")
    assert_allows(template, trainer, "s3:PutObject", f"arn:aws:s3:::{bucket}/data/support/train/a.jsonl")


def test_an_administrator_signs_nothing() -> None:
    template, *_ = people()
    (key,) = (each for name, each in template.find_resources("AWS::KMS::Key").items() if "SigningKey" in name)
    for statement in key["Properties"]["KeyPolicy"]["Statement"]:
        if "kms:Sign" in statement["Action"]:
            assert APPROVER in statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]


def test_an_approval_deploys_and_the_endpoint_goes_with_the_stack() -> None:
    template = template_of()
    (rule,) = template.find_resources("AWS::Events::Rule").values()
    assert rule["Properties"]["EventPattern"]["detail"] == {
        "ModelPackageGroupName": ["genai-support"],
        "ModelApprovalStatus": ["Approved"],
    }
    template.resource_count_is("AWS::CloudFormation::CustomResource", 1)
    (idle,) = (
        each["Properties"]
        for each in template.find_resources("AWS::CloudWatch::Alarm").values()
        if each["Properties"]["MetricName"] == "Invocations"
    )
    assert idle["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("properties", "word"),
    [
        ({"model": "huggingface-llm-phi-2"}, f"Choose one of: {MODEL}"),
        ({"accept_eula": False}, "licence agreement"),
        ({"instance_type": "ml.g5.2xlarge"}, "not trained on ml.g5.2xlarge"),
        ({"endpoint": {"instance_type": "ml.g5.2xlarge"}}, "does not run on ml.g5.2xlarge"),
        ({"thresholds": {}}, "at least 1"),
        ({"thresholds": {"bleu": 0.2}}, "thresholds.bleu"),
        ({"thresholds": {"f1": 1.5}}, "at most 1"),
        ({"hyperparameters": {"epoch": 0}}, "from 1 to 1000"),
        ({"hyperparameters": {"epoch": 1.5}}, "not a whole number"),
        ({"hyperparameters": {"epoch": True}}, "epoch"),
        ({"hyperparameters": {"learning_rate": "fast"}}, "not a number"),
        ({"hyperparameters": {"lora_alpha": -1}}, "0 or more"),
        ({"hyperparameters": {"peft_type": "qlora"}}, "Did you mean lora"),
        ({"hyperparameters": {"epochs": 3}}, "Did you mean epoch"),
        ({"hyperparameters": {"instruction_tuned": "True"}}, "follows from the method"),
    ],
)
def test_what_cannot_train_is_refused(properties: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        build(new_stack(), **properties)


def test_the_model_must_be_in_the_region() -> None:
    stack = cdk.Stack(cdk.App(), "Elsewhere", env=cdk.Environment(region="ap-southeast-6"))
    with pytest.raises(InvalidValueError, match="not available in ap-southeast-6"):
        build(stack)


def test_facts_about_fine_tuning_are_checked() -> None:
    training = JumpStartCatalogue.get(MODEL).training
    assert training is not None
    facts = {**training.__dict__}
    accounts = {"huggingface-pytorch-training": {"us-east-1": "1"}}
    assert list(training_facts.problems(facts, accounts, ["us-east-1"])) == []
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"default_instance_type": "ml.g5.xlarge"}, "not among the types"),
        ({"supported_instance_types": ["ml.p3.2xlarge", "ml.g5.12xlarge"]}, "ml.p3.2xlarge"),
        ({"hyperparameters": {"a": {"type": "int", "default": "1"}}}, "not of its type"),
        ({"hyperparameters": {"a": {"type": "int", "default": 0, "min": 1}}}, "out of its range"),
        ({"hyperparameters": {"a": {"type": "text", "default": "c", "options": ["a"]}}}, "not one of its choices"),
    ]
    for change, word in wrong:
        (found,) = training_facts.problems({**facts, **change}, accounts, ["us-east-1"])
        assert word in found
    assert "eu-west-1" in next(training_facts.problems(facts, accounts, ["us-east-1", "eu-west-1"]))


def test_a_document_of_the_hub_says_how_a_model_is_fine_tuned() -> None:
    document = {
        "TrainingSupported": True,
        "TrainingEcrUri": "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.0.0",
        "TrainingScriptUri": "s3://jumpstart-cache-prod-us-east-1/scripts/sourcedir.tar.gz",
        "TrainingArtifactUri": "s3://jumpstart-cache-prod-us-east-1/models/train.tar.gz",
        "DefaultTrainingInstanceType": "ml.g5.12xlarge",
        "SupportedTrainingInstanceTypes": ["ml.g5.12xlarge", "ml.p3.2xlarge"],
        "Hyperparameters": [
            {"Name": "epoch", "Type": "int", "Default": 1, "Min": 1, "Max": 9, "Scope": "algorithm"},
            {"Name": "sagemaker_program", "Type": "text", "Default": "train.py", "Scope": "container"},
        ],
        "TrainingMetrics": [{"Name": "x:eval-loss", "Regex": "loss ([0-9]+)"}],
    }
    found = training_facts.from_document(document)
    assert found is not None
    assert found["script"] == "scripts/sourcedir.tar.gz"
    assert found["program"] == "train.py"
    assert found["supported_instance_types"] == ["ml.g5.12xlarge"]
    assert found["hyperparameters"] == {"epoch": {"type": "int", "default": 1, "min": 1, "max": 9}}
    assert found["metrics"] == {"eval-loss": "loss ([0-9]+)"}
    assert training_facts.from_document({**document, "TrainingSupported": False}) is None
    assert training_facts.from_document({**document, "TrainingScriptUri": None}) is None


def test_every_metric_that_is_measured_may_have_a_threshold() -> None:
    assert get_args(Metric) == METRICS


def test_the_variables_of_functions_are_those_that_they_read() -> None:
    template = template_of()
    contracts: dict[str, type[Contract]] = {
        "training_data": training_data.Environment,
        "model_evaluation": model_evaluation.Environment,
        "model_approval": model_approval.Environment,
    }
    for each in template.find_resources("AWS::Lambda::Function").values():
        variables = dict(each["Properties"]["Environment"]["Variables"])
        contract = contracts.pop(variables.pop("POWERTOOLS_SERVICE_NAME"))
        assert set(variables) == {field.name for field in fields(contract)}
    assert not contracts


@pytest.mark.parametrize("kind", ["role", "user"])
def test_people_may_be_roles_and_users_of_any_app(kind: str) -> None:
    stack = new_stack()
    tuning = build(stack)
    grantee: iam.Role | iam.User = (
        iam.User(stack, "Person")
        if kind == "user"
        else iam.Role(stack, "Person", assumed_by=iam.AccountPrincipal("111122223333"))
    )
    tuning.grant_train(grantee)
    tuning.grant_approve(grantee)
    template = Template.from_stack(stack)
    text = json.dumps(template.find_resources("AWS::IAM::Policy"))
    for action in ("sagemaker:StartPipelineExecution", "sagemaker:UpdateModelPackage", "kms:Sign"):
        assert action in text
    (key,) = (each for name, each in template.find_resources("AWS::KMS::Key").items() if "SigningKey" in name)
    resource = grantee.node.default_child
    assert isinstance(resource, cdk.CfnElement)
    assert stack.get_logical_id(resource) in json.dumps(key["Properties"]["KeyPolicy"])


def test_a_principal_that_no_key_policy_can_name_cannot_approve() -> None:
    stack = new_stack()
    with pytest.raises(InvalidValueError, match="Pass a role or a user"):
        build(stack).grant_approve(iam.Group(stack, "Group"))


KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def outputs(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template.to_json()["Outputs"]
    return found


def test_data_sets_may_lie_in_an_existing_bucket() -> None:
    stack = new_stack()
    foundation = Foundation(stack)
    bucket = ExistingBucket(name="our-data", key_arn=KEY)
    made = SignedDataSets(stack, "DataSets", foundation=foundation, options=DataSetOptions(bucket=bucket))
    author = WorkloadRole(stack, "Author", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    made.grant_author(author)
    template = Template.from_stack(stack)
    assert not [name for name in template.find_resources("AWS::S3::Bucket") if name.startswith("DataSets")]
    (function,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("DataSetsAdmit"))
    (writer,) = (name for name in template.find_resources("AWS::IAM::Role") if name.startswith("Author"))
    place = "arn:aws:s3:::our-data"
    assert_allows(template, function, "s3:PutObject", f"{place}/verified/support/a.jsonl")
    assert_denies(template, function, "s3:PutObject", f"{place}/data/support/a.jsonl")
    assert_allows(template, writer, "s3:PutObject", f"{place}/data/support/a.jsonl")
    assert_denies(template, writer, "s3:PutObject", f"{place}/verified/support/a.jsonl")
    used = [
        statement["Action"]
        for each in template.find_resources("AWS::IAM::ManagedPolicy").values()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if KEY in json.dumps(statement["Resource"])
    ]
    assert ["kms:Decrypt", "kms:GenerateDataKey"] in used
    # The policy of the bucket is the owner's; the statement to add is an output.
    (statement,) = (value for name, value in outputs(template).items() if "BucketPolicyStatement" in name)
    assert "OnlyAdmittedData" in json.dumps(statement["Value"])


def test_data_sets_may_lie_in_a_bucket_of_the_same_app() -> None:
    stack = new_stack()
    bucket = s3.Bucket(stack, "Ours", versioned=True)
    build(stack, data={"bucket": bucket})
    template = Template.from_stack(stack)
    assert "OnlyAdmittedData" in json.dumps(template.find_resources("AWS::S3::BucketPolicy"))
    assert not [name for name in outputs(template) if "BucketPolicyStatement" in name]
    assert not [each for each in findings_on(stack) if each.rule == "AwsSolutions-IAM5"]

"""What templates make is read through each service's own calls, in the shape that AWS publishes, and by whom may read it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import emulator
from local.account.service_models import answer_problems

from .conftest import Local
from .test_resources import CASES, Stacks, template

Json = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """The calls that read a type: both operations, their arguments, and which member names the resource."""

    service: str
    get: str
    wanted: Callable[[Json], Json]
    list: str = ""
    listed: Callable[[Json], Json] = lambda _record: {}
    member: str = ""
    #: Members of the answer that are as the record has them, the name in a list first.
    same: tuple[tuple[str, str], ...] = ()


def _sagemaker(noun: str, name: str, *, by: str = "", member: str = "", arn: str = "") -> Read:
    by = by or name
    arn = arn or f"{noun}Arn"
    return Read(
        "sagemaker",
        f"describe_{_snake(noun)}",
        lambda record: {by: record[by]},
        f"list_{_snake(noun)}s",
        member=member or f"{noun}s",
        same=((arn, arn), (name, name)),
    )


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).removeprefix("_")


READS = {
    "AWS::Bedrock::ApplicationInferenceProfile": Read(
        "bedrock",
        "get_inference_profile",
        lambda record: {"inferenceProfileIdentifier": record["InferenceProfileArn"]},
        "list_inference_profiles",
        lambda _record: {"typeEquals": "APPLICATION"},
        "inferenceProfileSummaries",
        (("inferenceProfileArn", "InferenceProfileArn"), ("inferenceProfileName", "InferenceProfileName")),
    ),
    "AWS::Bedrock::Guardrail": Read(
        "bedrock",
        "get_guardrail",
        lambda record: {"guardrailIdentifier": record["GuardrailId"]},
        "list_guardrails",
        member="guardrails",
        same=(("name", "Name"),),
    ),
    "AWS::Bedrock::GuardrailVersion": Read(
        "bedrock",
        "get_guardrail",
        lambda record: {"guardrailIdentifier": record["GuardrailArn"], "guardrailVersion": record["Version"]},
        "list_guardrails",
        lambda record: {"guardrailIdentifier": record["GuardrailId"]},
        "guardrails",
        (("version", "Version"), ("description", "Description")),
    ),
    "AWS::Bedrock::EnforcedGuardrailConfiguration": Read(
        "bedrock",
        "",
        lambda _record: {},
        "list_enforced_guardrails_configuration",
        member="guardrailsConfig",
        same=(("configId", "ConfigId"), ("guardrailVersion", "GuardrailVersion")),
    ),
    "AWS::Bedrock::ResourcePolicy": Read(
        "bedrock", "get_resource_policy", lambda record: {"resourceArn": record["ResourceArn"]}
    ),
    "AWS::Bedrock::IntelligentPromptRouter": Read(
        "bedrock",
        "get_prompt_router",
        lambda record: {"promptRouterArn": record["PromptRouterArn"]},
        "list_prompt_routers",
        member="promptRouterSummaries",
        same=(("promptRouterArn", "PromptRouterArn"), ("promptRouterName", "PromptRouterName")),
    ),
    "AWS::Bedrock::Prompt": Read(
        "bedrock-agent",
        "get_prompt",
        lambda record: {"promptIdentifier": record["Id"]},
        "list_prompts",
        member="promptSummaries",
        same=(("id", "Id"), ("arn", "Arn"), ("name", "Name")),
    ),
    "AWS::Bedrock::PromptVersion": Read(
        "bedrock-agent",
        "get_prompt",
        lambda record: {"promptIdentifier": record["PromptId"], "promptVersion": record["Version"]},
        "list_prompts",
        lambda record: {"promptIdentifier": record["PromptId"]},
        "promptSummaries",
        (("arn", "Arn"), ("version", "Version"), ("id", "PromptId")),
    ),
    "AWS::Bedrock::Flow": Read(
        "bedrock-agent",
        "get_flow",
        lambda record: {"flowIdentifier": record["Arn"]},
        "list_flows",
        member="flowSummaries",
        same=(("id", "Id"), ("name", "Name")),
    ),
    "AWS::Bedrock::FlowVersion": Read(
        "bedrock-agent",
        "get_flow_version",
        lambda record: {"flowIdentifier": record["FlowId"], "flowVersion": record["Version"]},
        "list_flow_versions",
        lambda record: {"flowIdentifier": record["FlowId"]},
        "flowVersionSummaries",
        (("version", "Version"), ("id", "FlowId")),
    ),
    "AWS::Bedrock::FlowAlias": Read(
        "bedrock-agent",
        "get_flow_alias",
        lambda record: {"flowIdentifier": record["FlowId"], "aliasIdentifier": record["Id"]},
        "list_flow_aliases",
        lambda record: {"flowIdentifier": record["FlowId"]},
        "flowAliasSummaries",
        (("id", "Id"), ("name", "Name")),
    ),
    "AWS::Bedrock::KnowledgeBase": Read(
        "bedrock-agent",
        "get_knowledge_base",
        lambda record: {"knowledgeBaseId": record["KnowledgeBaseId"]},
        "list_knowledge_bases",
        member="knowledgeBaseSummaries",
        same=(("knowledgeBaseId", "KnowledgeBaseId"), ("name", "Name")),
    ),
    "AWS::Bedrock::DataSource": Read(
        "bedrock-agent",
        "get_data_source",
        lambda record: {"knowledgeBaseId": record["KnowledgeBaseId"], "dataSourceId": record["DataSourceId"]},
        "list_data_sources",
        lambda record: {"knowledgeBaseId": record["KnowledgeBaseId"]},
        "dataSourceSummaries",
        (("dataSourceId", "DataSourceId"), ("name", "Name")),
    ),
    "AWS::SageMaker::Cluster": _sagemaker("Cluster", "ClusterName", member="ClusterSummaries"),
    "AWS::SageMaker::ClusterSchedulerConfig": _sagemaker(
        "ClusterSchedulerConfig",
        "Name",
        by="ClusterSchedulerConfigId",
        member="ClusterSchedulerConfigSummaries",
    ),
    "AWS::SageMaker::ComputeQuota": _sagemaker(
        "ComputeQuota", "Name", by="ComputeQuotaId", member="ComputeQuotaSummaries"
    ),
    "AWS::SageMaker::Domain": _sagemaker("Domain", "DomainName", by="DomainId"),
    "AWS::SageMaker::Endpoint": _sagemaker("Endpoint", "EndpointName"),
    "AWS::SageMaker::EndpointConfig": _sagemaker("EndpointConfig", "EndpointConfigName"),
    "AWS::SageMaker::Hub": _sagemaker("Hub", "HubName", member="HubSummaries"),
    "AWS::SageMaker::InferenceComponent": replace(
        _sagemaker("InferenceComponent", "InferenceComponentName"),
        listed=lambda record: {"EndpointNameEquals": record["EndpointName"]},
    ),
    "AWS::SageMaker::MlflowApp": _sagemaker("MlflowApp", "Name", by="Arn", member="Summaries", arn="Arn"),
    "AWS::SageMaker::Model": _sagemaker("Model", "ModelName"),
    "AWS::SageMaker::ModelPackageGroup": _sagemaker(
        "ModelPackageGroup", "ModelPackageGroupName", member="ModelPackageGroupSummaryList"
    ),
    "AWS::SageMaker::Pipeline": replace(
        _sagemaker("Pipeline", "PipelineName", member="PipelineSummaries"), same=(("PipelineName", "PipelineName"),)
    ),
    "AWS::SageMaker::UserProfile": replace(
        _sagemaker("UserProfile", "UserProfileName"),
        wanted=lambda record: {"DomainId": record["DomainId"], "UserProfileName": record["UserProfileName"]},
        same=(("UserProfileName", "UserProfileName"), ("DomainId", "DomainId")),
    ),
}
#: Read by another module's tests.
ELSEWHERE = {"AWS::S3Vectors::Index", "AWS::S3Vectors::VectorBucket"}


@pytest.fixture(scope="module")
def reading(local: Local) -> Stacks:
    return Stacks(replace(local.account, account="555555555555"))


@pytest.fixture
def stack(request: pytest.FixtureRequest, reading: Stacks) -> Iterator[str]:
    made = "".join(character for character in request.node.name if character.isalnum())
    yield made
    reading.delete(made)


@pytest.fixture(scope="module")
def stranger(reading: Stacks) -> dict[str, str]:
    """The key of a user who may do nothing."""
    iam = reading.account.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def test_every_type_of_the_services_is_walked() -> None:
    services = ("AWS::Bedrock::", "AWS::SageMaker::", "AWS::S3Vectors::")
    assert {each for each in CASES if each.startswith(services)} == set(READS) | ELSEWHERE


def call(
    account: emulator.Account, read: Read, operation: str, arguments: Json, key: dict[str, str] | None = None
) -> Json:
    client = account.client(read.service, key)
    answer: Json = getattr(client, operation)(**arguments)
    name = client.meta.method_to_api_mapping[operation]
    # The service model knows the ARN of default routers only.
    problems = answer_problems(read.service, name, answer)
    assert [each for each in problems if "promptRouterArn'" not in each] == []
    return answer


@pytest.mark.parametrize("resource_type", sorted(READS))
def test_what_a_template_makes_is_read(
    reading: Stacks, stack: str, stranger: dict[str, str], resource_type: str
) -> None:
    read = READS[resource_type]
    made = reading.create(stack, template(resource_type, CASES[resource_type].properties))
    assert made["StackStatus"] == "CREATE_COMPLETE", reading.reasons(stack)
    record = reading.record(resource_type, reading.physical_id(stack))
    assert record is not None
    account = reading.account
    if read.get:
        answer = call(account, read, read.get, read.wanted(record))
        told = answer.get("knowledgeBase") or answer.get("dataSource") or answer
        for member, name in read.same:
            assert told[member] == record[name], (member, told)
    if read.list:
        summaries = call(account, read, read.list, read.listed(record))[read.member]
        member, name = read.same[0]
        (summary,) = [each for each in summaries if each[member] == record[name]]
        for member, name in read.same:
            assert summary.get(member, record[name]) == record[name]
    for operation, arguments in ((read.get, read.wanted), (read.list, read.listed)):
        if operation:
            with pytest.raises(ClientError, match="AccessDenied"):
                call(account, read, operation, arguments(record), stranger)


def test_what_is_not_there_is_not_found(reading: Stacks) -> None:
    client = reading.account.client
    calls = [
        lambda: client("bedrock").get_guardrail(guardrailIdentifier="absent"),
        lambda: client("bedrock").get_inference_profile(inferenceProfileIdentifier="us.amazon.absent-v1:0"),
        lambda: client("bedrock").get_foundation_model(modelIdentifier="amazon.absent-v1:0"),
        lambda: client("bedrock-agent").get_prompt(promptIdentifier="ABSENT1234"),
        lambda: client("bedrock-agent").get_flow(flowIdentifier="ABSENT1234"),
        lambda: client("sagemaker").describe_pipeline(PipelineName="absent"),
        lambda: client("sagemaker").describe_model(ModelName="absent"),
    ]
    for each in calls:
        with pytest.raises(ClientError) as error:
            each()
        assert error.value.response["Error"]["Code"] in (
            "ResourceNotFoundException",
            "ValidationException",
            "ResourceNotFound",
        )


def test_models_are_listed_from_the_catalogue(local: Local) -> None:
    bedrock = local.client("bedrock")
    answer = bedrock.list_foundation_models()
    # AWS answers INFERENCE_PROFILE, which the service model does not list, and names longer than it says.
    known = ("Value 'INFERENCE_PROFILE'", ".modelName'")
    problems = answer_problems("bedrock", "ListFoundationModels", answer)
    assert [each for each in problems if not any(words in each for words in known)] == []
    every = {each["modelId"]: each for each in answer["modelSummaries"]}
    assert len(every) > 40
    assert every["amazon.nova-lite-v1:0"]["providerName"] == "Amazon"
    assert set(every["amazon.nova-lite-v1:0"]["inputModalities"]) == {"TEXT", "IMAGE"}
    assert every["anthropic.claude-sonnet-4-5-20250929-v1:0"]["inferenceTypesSupported"] == ["INFERENCE_PROFILE"]
    assert "ai21.j2-mid-v1" not in every

    def ids(**by: str) -> set[str]:
        return {each["modelId"] for each in bedrock.list_foundation_models(**by)["modelSummaries"]}

    assert (
        ids(byProvider="amazon") == ids(byProvider="Amazon") == {each for each in every if each.startswith("amazon.")}
    )
    assert ids(byOutputModality="EMBEDDING") >= {"amazon.titan-embed-text-v2:0"}
    assert not ids(byOutputModality="EMBEDDING") & ids(byOutputModality="TEXT")
    assert "anthropic.claude-sonnet-4-5-20250929-v1:0" not in ids(byInferenceType="ON_DEMAND")
    assert ids(byCustomizationType="FINE_TUNING") == {f"amazon.nova-{size}-v1:0" for size in ("micro", "lite", "pro")}
    with pytest.raises(ClientError, match="Member must satisfy enum value set"):
        ids(byOutputModality="SMELL")


def test_one_model_is_read_and_its_availability(local: Local) -> None:
    bedrock = local.client("bedrock")
    name = "amazon.nova-lite-v1:0"
    told = bedrock.get_foundation_model(modelIdentifier=name)["modelDetails"]
    assert told["modelArn"] == f"arn:aws:bedrock:us-east-1::foundation-model/{name}"
    assert bedrock.get_foundation_model(modelIdentifier=told["modelArn"])["modelDetails"] == told
    answer = bedrock.get_foundation_model_availability(modelId=name)
    assert answer_problems("bedrock", "GetFoundationModelAvailability", answer) == []
    assert answer["regionAvailability"] == "AVAILABLE"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        bedrock.get_foundation_model(modelIdentifier="ai21.j2-mid-v1")


def test_profiles_are_listed_by_type(local: Local) -> None:
    bedrock = local.client("bedrock")

    def of(**by: Any) -> list[Json]:
        answer = bedrock.list_inference_profiles(**by)
        assert answer_problems("bedrock", "ListInferenceProfiles", answer) == []
        return list(answer["inferenceProfileSummaries"])

    system, own, every = of(typeEquals="SYSTEM_DEFINED"), of(typeEquals="APPLICATION"), of()
    assert {each["type"] for each in system} == {"SYSTEM_DEFINED"}
    assert {each["type"] for each in own} == {"APPLICATION"}
    assert len(every) == len(system) + len(own)
    profile = next(each for each in system if each["inferenceProfileId"] == "us.amazon.nova-lite-v1:0")
    assert {each["modelArn"].split(":")[3] for each in profile["models"]} >= {"us-east-1", "us-west-2"}
    assert not [each for each in system if each["inferenceProfileId"].startswith("eu.")]
    found = bedrock.get_inference_profile(inferenceProfileIdentifier="us.amazon.nova-lite-v1:0")
    assert answer_problems("bedrock", "GetInferenceProfile", found) == []
    assert {key: found[key] for key in profile} == profile
    pages = bedrock.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 7})
    assert [each for page in pages for each in page["inferenceProfileSummaries"]] == every


def test_tokens_are_counted_of_models_that_count(local: Local) -> None:
    client = local.client("bedrock-runtime")
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"

    def count(text: str, model: str = model) -> int:
        asked = {"messages": [{"role": "user", "content": [{"text": text}]}], "system": [{"text": "Be brief."}]}
        answer = client.count_tokens(modelId=model, input={"converse": asked})
        assert answer_problems("bedrock-runtime", "CountTokens", answer) == []
        return int(answer["inputTokens"])

    assert 0 < count("a question") < count("a question " * 50) < 1000
    body = b'{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "A long question"}]}'
    assert client.count_tokens(modelId=model, input={"invokeModel": {"body": body}})["inputTokens"] > 0
    with pytest.raises(ClientError, match="doesn't support counting tokens"):
        count("a question", "amazon.nova-lite-v1:0")
    with pytest.raises(ClientError, match="identifier is invalid"):
        count("a question", "amazon.absent-v1:0")


def test_no_configuration_of_logs_is_none(reading: Stacks) -> None:
    answer = reading.account.client("bedrock").get_model_invocation_logging_configuration()
    assert "loggingConfig" not in answer


def _eventually(read: Callable[[], Json]) -> Json:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = read()
        if told["status"] not in ("InProgress", "Submitted"):
            return told
        time.sleep(0.2)
    raise AssertionError("the job did not end in time")


def test_jobs_and_what_they_make_are_read(reading: Stacks) -> None:
    account = reading.account
    bedrock, s3 = account.client("bedrock"), account.client("s3")
    s3.create_bucket(Bucket="trained-here")
    s3.put_object(Bucket="trained-here", Key="t.jsonl", Body=b'{"schemaVersion": "bedrock-conversation-2024"}\n')
    account.client("iam").create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    role = f"arn:aws:iam::{account.account}:role/trainer"
    data, out = {"s3Uri": "s3://trained-here/t.jsonl"}, {"s3Uri": "s3://trained-here/out/"}

    def whole(operation: str, **arguments: Any) -> Json:
        answer: Json = getattr(bedrock, operation)(**arguments)
        problems = answer_problems("bedrock", bedrock.meta.method_to_api_mapping[operation], answer)
        # Ids and ARNs of what jobs make have the emulator's form.
        assert [each for each in problems if "regular expression" not in each] == []
        return answer

    job = whole(
        "create_model_customization_job",
        jobName="tune",
        customModelName="tuned",
        roleArn=role,
        baseModelIdentifier="amazon.nova-lite-v1:0",
        trainingDataConfig=data,
        outputDataConfig=out,
        customModelTags=[{"key": "owner", "value": "me"}],
    )["jobArn"]
    assert bedrock.list_custom_models()["modelSummaries"] == []
    done = _eventually(lambda: whole("get_model_customization_job", jobIdentifier=job))
    assert (done["status"], done["outputModelName"]) == ("Completed", "tuned")
    (model,) = whole("list_custom_models")["modelSummaries"]
    assert model["modelArn"] == done["outputModelArn"]
    found = whole("get_custom_model", modelIdentifier=model["modelArn"])
    assert (found["modelName"], found["baseModelArn"].rpartition("/")[2]) == ("tuned", "amazon.nova-lite-v1:0")
    assert bedrock.list_tags_for_resource(resourceARN=model["modelArn"])["tags"] == [{"key": "owner", "value": "me"}]
    bedrock.delete_custom_model(modelIdentifier=model["modelArn"])
    assert whole("list_custom_models")["modelSummaries"] == []
    imported = whole(
        "create_model_import_job",
        jobName="import",
        importedModelName="brought",
        roleArn=role,
        modelDataSource={"s3DataSource": {"s3Uri": "s3://trained-here/weights/"}},
    )["jobArn"]
    _eventually(lambda: whole("get_model_import_job", jobIdentifier=imported))
    assert [each["modelName"] for each in whole("list_imported_models")["modelSummaries"]] == ["brought"]
    assert whole("get_imported_model", modelIdentifier="brought")["modelName"] == "brought"
    batch = whole(
        "create_model_invocation_job",
        jobName="batch",
        roleArn=role,
        modelId="amazon.nova-lite-v1:0",
        inputDataConfig={"s3InputDataConfig": data},
        outputDataConfig={"s3OutputDataConfig": out},
    )["jobArn"]
    assert whole("get_model_invocation_job", jobIdentifier=batch)["submitTime"]
    for operation in ("list_model_customization_jobs", "list_model_invocation_jobs", "list_model_import_jobs"):
        whole(operation)


ALLOWED = {
    "AWS::Bedrock::Guardrail": ("bedrock:GetGuardrail", "GuardrailArn"),
    "AWS::Bedrock::GuardrailVersion": ("bedrock:GetGuardrail", "GuardrailArn"),
    "AWS::Bedrock::ApplicationInferenceProfile": ("bedrock:GetInferenceProfile", "InferenceProfileArn"),
    "AWS::Bedrock::Prompt": ("bedrock:GetPrompt", "Arn"),
    "AWS::Bedrock::Flow": ("bedrock:GetFlow", "Arn"),
    "AWS::Bedrock::KnowledgeBase": ("bedrock:GetKnowledgeBase", "KnowledgeBaseArn"),
    "AWS::SageMaker::Domain": ("sagemaker:DescribeDomain", "DomainArn"),
    "AWS::SageMaker::Hub": ("sagemaker:DescribeHub", "HubArn"),
    "AWS::SageMaker::MlflowApp": ("sagemaker:DescribeMlflowApp", "Arn"),
    "AWS::SageMaker::ModelPackageGroup": ("sagemaker:DescribeModelPackageGroup", "ModelPackageGroupArn"),
}


@pytest.mark.parametrize("resource_type", sorted(ALLOWED))
def test_leave_to_read_one_resource_is_enough(reading: Stacks, stack: str, resource_type: str) -> None:
    read, (action, arn) = READS[resource_type], ALLOWED[resource_type]
    made = reading.create(stack, template(resource_type, CASES[resource_type].properties))
    assert made["StackStatus"] == "CREATE_COMPLETE", reading.reasons(stack)
    record = reading.record(resource_type, reading.physical_id(stack))
    assert record is not None
    iam, name = reading.account.client("iam"), f"reader-{stack[-40:]}"
    iam.create_user(UserName=name)
    made_key = iam.create_access_key(UserName=name)["AccessKey"]
    key = {"aws_access_key_id": made_key["AccessKeyId"], "aws_secret_access_key": made_key["SecretAccessKey"]}
    for resource, allowed in ((record[arn] + "x", False), (record[arn], True)):
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=document)
        if allowed:
            call(reading.account, read, read.get, read.wanted(record), key)
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                call(reading.account, read, read.get, read.wanted(record), key)

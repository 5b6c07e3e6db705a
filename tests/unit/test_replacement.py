"""What is replaced by an update, or left by an earlier stack, is in the way of nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import Tags
from aws_cdk.assertions import Template

from aws_genai.data import load
from aws_genai.foundation import DataKey, Foundation
from aws_genai.foundation.naming import lasting
from aws_genai.models import (
    Chunking,
    Guardrail,
    ModelAccess,
    ModelAccessOptions,
    OpenSearchStore,
    Parsing,
    PromptRouter,
    RouterOptions,
    S3VectorStore,
    Search,
)
from tests.conftest import Synthesized
from tests.support import new_stack, template_of
from tests.unit.test_knowledge import knowledge

Json = dict[str, Any]

#: Create-only properties that nothing but the name decides, or that no setting can change, by type: why.
SETTLED: dict[str, dict[str, str]] = {
    "AWS::ApiGateway::Authorizer": {"RestApiId": "names are of one API"},
    "AWS::ApiGateway::Model": {"ContentType": "constant", "RestApiId": "names are of one API"},
    "AWS::ApiGateway::Stage": {"RestApiId": "names are of one API"},
    "AWS::ApplicationAutoScaling::ScalingPolicy": {"ScalingTargetId": "names are of one target"},
    "AWS::Bedrock::ApplicationInferenceProfile": {"Description": "the name's", "ModelSource": "the name's"},
    "AWS::Bedrock::FlowAlias": {"FlowArn": "names are of one flow"},
    "AWS::Bedrock::DataSource": {"KnowledgeBaseId": "names are of one knowledge base"},
    "AWS::BedrockAgentCore::GatewayTarget": {"GatewayIdentifier": "names are of one gateway"},
    "AWS::Cognito::UserPoolGroup": {"UserPoolId": "names are of one pool"},
    "AWS::EKS::Addon": {"ClusterName": "names are of one cluster"},
    "AWS::OpenSearchServerless::AccessPolicy": {"Type": "constant"},
    "AWS::OpenSearchServerless::Index": {"CollectionEndpoint": "names are of one collection"},
    "AWS::OpenSearchServerless::SecurityPolicy": {"Type": "constant"},
    "AWS::Route53::RecordSet": {"HostedZoneId": "records are of one zone"},
    "AWS::SageMaker::MlflowApp": {"RoleArn": "a role that nothing replaces"},
    "AWS::SageMaker::ModelPackageGroup": {"ModelPackageGroupDescription": "the name's"},
    "AWS::SageMaker::UserProfile": {"DomainId": "names are of one domain"},
    "AWS::StepFunctions::StateMachine": {"StateMachineType": "constant"},
    "AWS::WAFv2::WebACL": {"Scope": "constant"},
}
#: Properties that name a resource, where AWS lets no two have the same.
NAMES = {
    "AWS::ApiGateway::Stage": "StageName",
    "AWS::Bedrock::ApplicationInferenceProfile": "InferenceProfileName",
    "AWS::Bedrock::IntelligentPromptRouter": "PromptRouterName",
    "AWS::EKS::Addon": "AddonName",
    "AWS::SageMaker::Cluster": "ClusterName",
    "AWS::SageMaker::Domain": "DomainName",
    "AWS::SageMaker::UserProfile": "UserProfileName",
}
#: Types whose names are chosen by :func:`aws_genai.foundation.naming.lasting`, each shown to change by a test below or elsewhere.
LASTING = {
    "AWS::Bedrock::DataSource",
    "AWS::Bedrock::IntelligentPromptRouter",
    "AWS::Bedrock::KnowledgeBase",
    "AWS::Logs::DeliveryDestination",
    "AWS::Logs::DeliverySource",
    "AWS::BedrockAgentCore::CodeInterpreterCustom",
    "AWS::BedrockAgentCore::Policy",
    "AWS::BedrockAgentCore::PolicyEngine",
    "AWS::OpenSearchServerless::Collection",
    "AWS::OpenSearchServerless::Index",
    "AWS::SageMaker::Cluster",
    "AWS::SageMaker::ClusterSchedulerConfig",
    "AWS::SageMaker::ComputeQuota",
    "AWS::SageMaker::Domain",
}


def test_nothing_replaceable_has_a_name_that_stays(environment: Callable[[str], Synthesized]) -> None:
    """A resource with a name and with other create-only properties could never be replaced."""
    stuck: dict[str, set[str]] = {}
    for name in ("dev", "prod", "local", "reference"):
        for template in environment(name).templates.values():
            for logical_id, resource in template["Resources"].items():
                kind, properties = resource["Type"], resource.get("Properties", {})
                own = NAMES.get(kind) or _own_name(kind, properties)
                if own is None or not isinstance(properties.get(own), str):
                    continue
                paths = load("create_only")["types"].get(kind, [])
                used = {path for path in paths if path != own and _has(properties, path.split("/"))}
                if kind in LASTING:
                    assert properties[own][-5:-4] == "-" or properties[own][-9:-8] in "-_", logical_id
                elif used - set(SETTLED.get(kind, {})):
                    stuck.setdefault(kind, set()).update(used)
    assert stuck == {}


def _has(value: Any, path: list[str]) -> bool:
    return not path or (isinstance(value, dict) and path[0] in value and _has(value[path[0]], path[1:]))


def _own_name(kind: str, properties: Json) -> str | None:
    if kind in ("AWS::Cognito::UserPool", "AWS::Cognito::UserPoolResourceServer"):
        return None  # two of them may have one name
    suffix = kind.rpartition("::")[2]
    candidates = (
        "Name",
        f"{suffix}Name",
        f"{suffix}Identifier",
        f"DB{suffix.removeprefix('DB')}Identifier",
        "TableName",
    )
    return next((each for each in candidates if each in properties), None)


def test_what_stays_has_no_name_that_the_next_stack_needs(environment: Callable[[str], Synthesized]) -> None:
    for name in ("prod", "reference"):
        for template in environment(name).templates.values():
            for logical_id, resource in template["Resources"].items():
                if not str(resource.get("DeletionPolicy", "")).startswith("Retain"):
                    continue
                properties = resource.get("Properties", {})
                named = properties.get(_own_name(resource["Type"], properties) or "LogGroupName")
                assert named is None or "AWS::StackId" in json.dumps(named), logical_id


def test_what_stays_goes_with_a_first_deploy_that_fails(environment: Callable[[str], Synthesized]) -> None:
    """Only what nobody can delete, or what belongs to the whole account, stays even then."""
    for name in ("prod", "reference"):
        for template in environment(name).templates.values():
            kept = {
                each["Type"]
                for each in template["Resources"].values()
                if each.get("DeletionPolicy") == "Retain"
                and not each.get("Properties", {}).get("DeletionProtectionEnabled")
            }
            assert kept <= {
                "AWS::Cognito::UserPool",
                "AWS::RDS::DBCluster",
                "AWS::IAM::Role",
                "AWS::ApiGateway::Account",
            }


def test_a_name_lasts_as_long_as_what_it_names() -> None:
    def name(dimension: int, key: str = "Key") -> str:
        stack = new_stack()
        return lasting(stack, "demo", DataKey(stack, key, description="Vectors").key_arn, {"dimension": dimension})

    assert name(512) == name(512)
    assert name(512) != name(1024)
    assert name(512) != name(512, key="Another")
    stack = new_stack()
    assert len(lasting(stack, "x" * 100, longest=28, digits=4)) == 28
    assert lasting(stack, "x" * 100, longest=28) != lasting(stack, "x" * 101, longest=28)


def test_a_knowledge_base_has_another_name_when_it_is_replaced() -> None:
    def names(**options: Any) -> tuple[str, str]:
        template = template_of(lambda stack: knowledge(stack, **options))
        (base,) = template.find_resources("AWS::Bedrock::KnowledgeBase").values()
        (documents,) = template.find_resources("AWS::Bedrock::DataSource").values()
        return base["Properties"]["Name"], documents["Properties"]["Name"]

    base, documents = names()
    assert names(search=Search()) == (base, documents)
    for replacing in ({"dimension": 512}, {"embedding": "amazon.titan-embed-text-v1"}):
        assert names(**replacing)[0] != base
        # Names of sources are of one knowledge base.
        assert names(**replacing)[1] == documents
    for replacing in ({"chunking": Chunking(max_tokens=100)}, {"parsing": Parsing(data_automation=True)}):
        assert names(**replacing)[0] == base
        assert names(**replacing)[1] != documents


def test_a_knowledge_base_goes_with_its_store() -> None:
    def name(store: str, redundant: bool = True) -> str:
        def build(stack: cdk.Stack) -> None:
            key = DataKey(stack, "StoreKey", description="Vectors")
            made = OpenSearchStore(
                stack, "Store", name="demo", dimension=1024, foundation=Foundation(stack, key=key), redundant=redundant
            )
            knowledge(stack, store=made if store == "opensearch" else None)

        (base,) = template_of(build).find_resources("AWS::Bedrock::KnowledgeBase").values()
        return str(base["Properties"]["Name"])

    assert len({name("s3"), name("opensearch"), name("opensearch", redundant=False)}) == 3


def test_a_router_has_another_name_when_anything_of_it_changes() -> None:
    models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]

    def name(models: list[str], quality: int) -> str:
        def build(stack: cdk.Stack) -> None:
            guardrail = Guardrail(
                stack,
                "Guardrail",
                name="one",
                foundation=Foundation(stack, key=DataKey(stack, "Key", description="Policy")),
            )
            access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=models))
            options = RouterOptions(models=models, quality_difference=quality)
            PromptRouter(stack, "Router", name="demo", access=access, options=options)

        (router,) = template_of(build).find_resources("AWS::Bedrock::IntelligentPromptRouter").values()
        return str(router["Properties"]["PromptRouterName"])

    assert len({name(models, 10), name(models, 20), name(models[::-1], 10)}) == 3


def test_a_store_is_made_anew_for_vectors_of_another_length() -> None:
    def names(dimension: int, owner: str = "me") -> tuple[str, str]:
        stack = new_stack()
        store = OpenSearchStore(
            stack,
            "Store",
            name="demo",
            dimension=dimension,
            foundation=Foundation(stack, key=DataKey(stack, "Key", description="V")),
        )
        Tags.of(stack).add("owner", owner)
        template = Template.from_stack(stack)
        (collection,) = template.find_resources("AWS::OpenSearchServerless::Collection").values()
        (index,) = template.find_resources("AWS::OpenSearchServerless::Index").values()
        policies = json.dumps(template.find_resources("AWS::OpenSearchServerless::SecurityPolicy"))
        named = collection["Properties"]["Name"]
        assert policies.count(f"collection/{named}") == 2
        assert (
            stack.resolve(store.storage)["opensearchServerlessConfiguration"]["vectorIndexName"]
            == index["Properties"]["IndexName"]
        )
        return named, index["Properties"]["IndexName"]

    before = names(512)
    assert names(512) == before
    assert names(1024)[0] == before[0]
    assert names(1024)[1] != before[1]
    # Tags of a collection cannot be changed either.
    assert names(512, owner="you")[0] != before[0]


def test_s3_vectors_have_no_name_of_ours() -> None:
    stack = new_stack()
    S3VectorStore(
        stack,
        "Store",
        dimension=512,
        foundation=Foundation(stack, key=DataKey(stack, "Key", description="Vectors")),
    )
    template = Template.from_stack(stack)
    for kind, name in (("VectorBucket", "VectorBucketName"), ("Index", "IndexName")):
        (found,) = template.find_resources(f"AWS::S3Vectors::{kind}").values()
        assert name not in found["Properties"]

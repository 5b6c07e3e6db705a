"""Stores of vectors other than S3: encrypted, closed to others, and fit for the embedding model."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match, Template

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation
from aws_genai.models import (
    AuroraStore,
    Collection,
    ExistingOpenSearchStore,
    KnowledgeBase,
    KnowledgeBaseOptions,
    OpenSearchStore,
    S3VectorStore,
    Source,
    VectorStore,
)
from aws_genai.testing import assert_allows, assert_denies
from tests.support import ALL_PACKS, findings_of, new_app, new_stack, template_of

ACCOUNT = "111122223333"


def opensearch(stack: cdk.Stack, foundation: Foundation, **options: Any) -> VectorStore:
    given: dict[str, Any] = {"name": "genai-tickets", "dimension": 1024, **options}
    return OpenSearchStore(stack, "Store", foundation=foundation, **given)


def aurora(stack: cdk.Stack, foundation: Foundation, **options: Any) -> VectorStore:
    given: dict[str, Any] = {"name": "genai-contracts", "dimension": 1024, **options}
    return AuroraStore(stack, "Store", foundation=foundation, **given)


def known(stack: cdk.Stack, kind: Any, **options: Any) -> KnowledgeBase:
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    return KnowledgeBase(
        stack,
        "Known",
        foundation=foundation,
        name="genai-known",
        options=KnowledgeBaseOptions(sources={"a": Source(groups=["staff"])}),
        store=kind(stack, foundation, **options),
    )


def resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == kind]


def role(template: dict[str, Any], begin: str) -> str:
    names = [n for n, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role" and n.startswith(begin)]
    (found,) = names
    return str(found)


def test_a_database_sleeps_is_encrypted_and_lets_nobody_in() -> None:
    template = template_of(lambda stack: known(stack, aurora)).to_json()
    (cluster,) = resources(template, "AWS::RDS::DBCluster")
    assert cluster["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0,
        "MaxCapacity": 4,
        "SecondsUntilAutoPause": 300,
    }
    assert cluster["StorageEncrypted"]
    assert cluster["ManageMasterUserPassword"]
    assert cluster["MasterUserSecret"]["KmsKeyId"] == cluster["KmsKeyId"]
    assert cluster["DeletionProtection"]
    assert not resources(template, "AWS::EC2::SecurityGroupIngress")
    (instance,) = resources(template, "AWS::RDS::DBInstance")
    assert instance["PubliclyAccessible"] is False
    # Of Aurora, the cluster has snapshots; its instances take no such property.
    assert "CopyTagsToSnapshot" not in instance
    assert cluster["CopyTagsToSnapshot"]
    (base,) = resources(template, "AWS::Bedrock::KnowledgeBase")
    assert base["StorageConfiguration"]["RdsConfiguration"]["TableName"] == "bedrock_integration.chunks_1024"


def test_a_knowledge_base_waits_for_its_table_and_both_use_the_data_api_of_one_cluster() -> None:
    template = template_of(lambda stack: known(stack, aurora)).to_json()
    made = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::CloudFormation::CustomResource"]
    (name,) = [each for each in made if each.startswith("StoreTable")]
    (base,) = [e for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::KnowledgeBase"]
    assert name in base["DependsOn"]
    (cluster,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::RDS::DBCluster"]
    arn = f"arn:aws:rds:us-east-1:{ACCOUNT}:cluster:"
    for each in (role(template, "KnownRole"), role(template, "VectorTableRole")):
        assert_allows(template, each, "rds-data:ExecuteStatement", f"{arn}{cluster}")
        assert_denies(template, each, "rds-data:ExecuteStatement", f"{arn}other")
        assert_denies(template, each, "rds:ModifyDBCluster", f"{arn}{cluster}")


@pytest.mark.parametrize("kind", [opensearch, aurora])
def test_a_knowledge_base_is_tried_before_it_is_made_once_its_store_and_role_are_there(kind: Any) -> None:
    template = template_of(lambda stack: known(stack, kind)).to_json()
    made = template["Resources"]
    (base,) = [each for each in made.values() if each["Type"] == "AWS::Bedrock::KnowledgeBase"]
    (name,) = [n for n, e in made.items() if e["Type"] == "AWS::CloudFormation::CustomResource" and "Trial" in n]
    assert name in base["DependsOn"]
    before = made[name]["DependsOn"]
    assert any(
        made[each]["Type"] in ("AWS::OpenSearchServerless::Index", "AWS::CloudFormation::CustomResource")
        for each in before
    )
    policies = {each for each in before if made[each]["Type"] == "AWS::IAM::ManagedPolicy"}
    assert {each[:9] for each in policies} == {"KnownRole", "Knowledge"}
    # What is tried is what is made, and it runs again when that changes.
    request = json.dumps(made[name]["Properties"]["Request"])
    assert "genai-known" in request
    assert '\\"dimensions\\":1024' in request
    trial, role_of = role(template, "KnowledgeTrialRole"), role(template, "KnownRole")
    bases, tagged = (
        f"arn:aws:bedrock:us-east-1:{ACCOUNT}:knowledge-base/ABC",
        {"aws:ResourceTag/aws-genai-trial": "true"},
    )
    assert_allows(template, trial, "bedrock:CreateKnowledgeBase", "*", {"aws:RequestTag/aws-genai-trial": "true"})
    assert_denies(template, trial, "bedrock:CreateKnowledgeBase", "*")
    assert_allows(template, trial, "bedrock:DeleteKnowledgeBase", bases, tagged)
    assert_denies(template, trial, "bedrock:DeleteKnowledgeBase", bases)
    passed, to = f"arn:aws:iam::{ACCOUNT}:role/{role_of}", {"iam:PassedToService": "bedrock.amazonaws.com"}
    assert_allows(template, trial, "iam:PassRole", passed, to)
    assert_denies(template, trial, "iam:PassRole", passed.replace(role_of, "Other"), to)


def test_a_collection_is_encrypted_and_two_roles_may_use_its_index() -> None:
    template = template_of(lambda stack: known(stack, opensearch)).to_json()
    policies = {
        each["Type"]: each["Policy"] for each in resources(template, "AWS::OpenSearchServerless::SecurityPolicy")
    }
    assert '"AWSOwnedKey":false' in json.dumps(policies["encryption"]).replace("\\", "")
    assert '"ResourceType":"dashboard"' not in policies["network"]
    (access,) = resources(template, "AWS::OpenSearchServerless::AccessPolicy")
    joined = json.dumps(access["Policy"])
    assert "KnownRole" in joined
    assert "cdk-hnb659fds-cfn-exec-role" in joined
    assert "index/genai-tickets/*" not in joined
    (index,) = resources(template, "AWS::OpenSearchServerless::Index")
    assert index["Mappings"]["Properties"]["vector"]["Dimension"] == 1024
    assert_denies(template, role(template, "KnownIntakeRole"), "aoss:APIAccessAll", "*")


def test_whoever_deploys_makes_vectors_under_the_key_and_the_service_keeps_them() -> None:
    def build(stack: cdk.Stack) -> None:
        S3VectorStore(
            stack,
            "Store",
            dimension=8,
            foundation=Foundation(stack, key=DataKey(stack, "Key", description="Vectors")),
        )

    (policy,) = [each["KeyPolicy"] for each in resources(template_of(build).to_json(), "AWS::KMS::Key")]
    by_id = {each["Sid"]: each for each in policy["Statement"]}
    assert by_id["ThroughS3Vectors"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert "s3vectors." in json.dumps(by_id["ThroughS3Vectors"]["Condition"])
    service = by_id["ServiceIndexing"]
    assert service["Principal"] == {"Service": "indexing.s3vectors.amazonaws.com"}
    assert "bucket/*" in json.dumps(service["Condition"]["ArnLike"]["aws:SourceArn"])


def test_stores_search_words_where_they_can() -> None:
    assert OpenSearchStore.hybrid
    assert AuroraStore.hybrid
    assert not S3VectorStore.hybrid


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (aurora, {"dimension": 2001}, "An index of pgvector supports 1 to 2,000 dimensions, not 2,001"),
        (opensearch, {"dimension": 16_001}, "OpenSearch Serverless supports"),
        (opensearch, {"name": "n" * 29}, "AWS allows 28"),
        (opensearch, {"name": "1st"}, "3 to 28 lower-case letters"),
        (aurora, {"max_capacity": 0.5}, "1 to 256 ACUs"),
        (aurora, {"max_capacity": 4.2}, "steps of 0.5"),
        (opensearch, {"dimension": 512}, "returns vectors of 1024 dimensions"),
    ],
    ids=["long vectors", "longer vectors", "long name", "name", "no capacity", "uneven capacity", "other vectors"],
)
def test_what_does_not_fit_is_refused(kind: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        known(new_stack(), kind, **options)
    assert words in str(raised.value)


SHARED = Collection(
    arn=f"arn:aws:aoss:us-east-1:{ACCOUNT}:collection/07tjusf2h91cunochc",
    name="shared",
    index="handbook",
    text_field="text",
)


def existing(stack: cdk.Stack, _foundation: Foundation, **options: Any) -> VectorStore:
    given: dict[str, Any] = {"name": "genai-tickets", "dimension": 1024, "collection": SHARED, **options}
    return ExistingOpenSearchStore(stack, "Store", **given)


def test_an_existing_collection_is_used_by_the_knowledge_base_s_role_through_a_policy_of_its_own() -> None:
    template = template_of(lambda stack: known(stack, existing)).to_json()
    (base,) = [e for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::KnowledgeBase"]
    assert base["Properties"]["StorageConfiguration"]["OpensearchServerlessConfiguration"] == {
        "CollectionArn": SHARED.arn,
        "VectorIndexName": "handbook",
        "FieldMapping": {"VectorField": "vector", "TextField": "text", "MetadataField": "AMAZON_BEDROCK_METADATA"},
    }
    for kind in ("Collection", "Index", "SecurityPolicy"):
        assert not resources(template, f"AWS::OpenSearchServerless::{kind}")
    (name,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::OpenSearchServerless::AccessPolicy"]
    assert name in base["DependsOn"]
    policy = json.dumps(template["Resources"][name]["Properties"]["Policy"])
    reader = role(template, "KnownRole")
    assert reader in policy
    assert "index/shared/handbook" in policy
    assert "CreateIndex" not in policy
    assert_allows(template, reader, "aoss:APIAccessAll", SHARED.arn)
    assert_denies(template, reader, "aoss:APIAccessAll", f"{SHARED.arn}x")


def test_what_cannot_be_checked_of_a_collection_is_said_and_nothing_is_found() -> None:
    told: list[str] = []

    def build(stack: cdk.Stack) -> None:
        known(stack, existing)
        told.extend(each.entry.data for each in Annotations.from_stack(stack).find_info("*", Match.any_value()))

    assert findings_of(build, packs=ALL_PACKS) == []
    (said,) = told
    assert "network policy" in said
    assert "handbook has 1,024 dimensions" in said


def test_another_collection_or_index_makes_another_knowledge_base() -> None:
    def name(collection: Collection) -> str:
        template = template_of(lambda stack: known(stack, existing, collection=collection)).to_json()
        (base,) = resources(template, "AWS::Bedrock::KnowledgeBase")
        return str(base["Name"])

    other = {**SHARED.model_dump(), "index": "another"}
    assert name(SHARED) == name(SHARED)
    assert name(SHARED) != name(Collection(**other))


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (cdk.Environment(region="eu-west-1"), "is in Region us-east-1, and the knowledge base in eu-west-1"),
        (cdk.Environment(account="444455556666", region="us-east-1"), f"is in account {ACCOUNT}"),
    ],
    ids=["region", "account"],
)
def test_a_collection_elsewhere_is_refused(env: cdk.Environment, words: str) -> None:
    stack = cdk.Stack(new_app(), "Test", env=env)
    with pytest.raises(InvalidValueError, match=words):
        existing(stack, Foundation(stack))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"arn": "arn:aws:es:us-east-1:111122223333:domain/x"}, "be the ARN of a collection"),
        ({"name": "Shared"}, "3 to 32 lower-case letters"),
        ({"index": "Handbook*"}, "be the name of an index"),
    ],
)
def test_a_collection_is_named_as_aws_names_it(options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        Collection(**{**SHARED.model_dump(), **options})


def test_the_role_that_creates_the_index_is_that_of_the_stack_s_bootstrap() -> None:
    stack = new_stack(new_app(**{"@aws-cdk/core:bootstrapQualifier": "platform"}))
    known(stack, opensearch)
    (access,) = resources(Template.from_stack(stack).to_json(), "AWS::OpenSearchServerless::AccessPolicy")
    assert "role/cdk-platform-cfn-exec-role-" in json.dumps(access["Policy"])


def test_stores_have_metrics() -> None:
    stack = new_stack()
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    capacity = AuroraStore(stack, "A", foundation=foundation, name="a", dimension=8).metric_capacity()
    assert (capacity.namespace, capacity.metric_name) == ("AWS/RDS", "ServerlessDatabaseCapacity")
    latency = ExistingOpenSearchStore(stack, "E", name="shared", dimension=8, collection=SHARED).metric_search_latency()
    assert (latency.namespace, latency.metric_name) == ("AWS/AOSS", "SearchRequestLatency")
    assert (latency.dimensions or {})["CollectionId"] == "07tjusf2h91cunochc"

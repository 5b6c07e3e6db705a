"""Knowledge bases, the vectors under them, and who may do what with both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_iam as iam, aws_kms as kms, aws_s3 as s3
from aws_cdk.assertions import Annotations, Match
from constructs import Construct

from aws_genai.data.embeddings import dimension_of
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, SecureBucket, WorkloadRole
from aws_genai.functions.chat import knowledge as retrieval
from aws_genai.functions.knowledge_ingestion import names
from aws_genai.models import (
    Chunking,
    Guardrail,
    KnowledgeBase,
    KnowledgeBaseOptions,
    ModelAccess,
    ModelAccessOptions,
    OpenSearchStore,
    Parsing,
    S3VectorStore,
    Search,
    Source,
)
from aws_genai.testing import assert_allows, assert_denies
from stacks.services import services
from tests.conftest import Synthesized
from tests.settings_support import BASE, write
from tests.support import ALL_PACKS, findings_of, new_stack, template_of

ACCOUNT = "111122223333"
SOURCES = {"policies": Source(groups=["staff", "hr"]), "salaries": Source(groups=["hr"])}


def knowledge(stack: cdk.Stack, *, guarded: bool = False, **given: Any) -> KnowledgeBase:
    """A knowledge base with some options and arguments."""
    foundation = Foundation(stack)
    options = {name: given.pop(name) for name in [*given] if name in KnowledgeBaseOptions.model_fields}
    if guarded:
        given["guardrail"] = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
    return KnowledgeBase(
        stack,
        "Handbook",
        foundation=foundation,
        options=KnowledgeBaseOptions(**{"sources": SOURCES, **options}),
        **{"name": "genai-test-handbook", **given},
    )


def test_documents_and_vectors_are_encrypted_and_erased_with_their_source() -> None:
    template = template_of(lambda stack: knowledge(stack, dimension=512))
    encrypted = {"EncryptionConfiguration": {"SseType": "aws:kms", "KmsKeyArn": Match.any_value()}}
    template.has_resource_properties("AWS::S3Vectors::VectorBucket", encrypted)
    template.has_resource_properties(
        "AWS::S3Vectors::Index", {**encrypted, "Dimension": 512, "DistanceMetric": "cosine", "DataType": "float32"}
    )
    template.has_resource_properties(
        "AWS::Bedrock::DataSource",
        {
            "DataDeletionPolicy": "DELETE",
            "ServerSideEncryptionConfiguration": {"KmsKeyArn": Match.any_value()},
            "DataSourceConfiguration": {
                "Type": "S3",
                "S3Configuration": {"BucketArn": Match.any_value(), "InclusionPrefixes": ["accepted/"]},
            },
        },
    )
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}},
    )
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {"BatchSize": 25, "FunctionResponseTypes": ["ReportBatchItemFailures"]},
    )
    template.has_resource_properties(
        "AWS::SQS::Queue", {"RedrivePolicy": Match.object_like({"maxReceiveCount": 10}), "VisibilityTimeout": 900}
    )
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"MetricName": "ApproximateNumberOfMessagesVisible", "Threshold": 1}
    )


def test_bedrock_reads_what_was_accepted_and_the_intake_writes_it() -> None:
    template = template_of(lambda stack: knowledge(stack, guarded=True)).to_json()
    resources = template["Resources"]

    def one(kind: str, begin: str) -> str:
        (found,) = [name for name, each in resources.items() if each["Type"] == kind and name.startswith(begin)]
        return str(found)

    reader, intake = one("AWS::IAM::Role", "HandbookRole"), one("AWS::IAM::Role", "HandbookIntakeRole")
    bucket = f"arn:aws:s3:::{one('AWS::S3::Bucket', 'HandbookBucket')}"
    own = {"aws:ResourceAccount": ACCOUNT}
    assert_allows(template, reader, "s3:GetObject", f"{bucket}/accepted/policies/a.md")
    for place in ("incoming", "quarantine"):
        assert_denies(template, reader, "s3:GetObject", f"{bucket}/{place}/policies/a.md")
    embedding = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    assert_allows(template, reader, "bedrock:InvokeModel", embedding)
    assert_denies(template, reader, "bedrock:InvokeModel", embedding.replace("titan-embed-text-v2", "nova-lite-v1"))
    index = one("AWS::S3Vectors::Index", "HandbookStore")
    vectors = f"arn:aws:s3vectors:us-east-1:{ACCOUNT}:bucket/vectors/index/{index}"
    assert_allows(template, reader, "s3vectors:QueryVectors", vectors, own)
    assert_denies(template, reader, "s3vectors:DeleteIndex", vectors, own)
    for place in ("accepted", "quarantine"):
        assert_allows(template, intake, "s3:PutObject", f"{bucket}/{place}/policies/a.md")
        assert_allows(template, intake, "s3:DeleteObjectVersion", f"{bucket}/{place}/policies/a.md")
    assert_denies(template, intake, "s3:PutObject", f"{bucket}/incoming/policies/a.md")
    assert_denies(template, intake, "s3:DeleteObject", f"{bucket}/incoming/policies/a.md")
    base = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:knowledge-base/{one('AWS::Bedrock::KnowledgeBase', 'Handbook')}"
    assert_allows(template, intake, "bedrock:StartIngestionJob", base)
    assert_denies(template, intake, "bedrock:Retrieve", base)


def test_a_source_s_owner_puts_documents_of_that_source_only() -> None:
    def build(stack: cdk.Stack) -> None:
        made = knowledge(stack)
        owner = WorkloadRole(stack, "Owner", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        made.grant_put(owner, "policies")
        made.grant_retrieve(owner)
        with pytest.raises(InvalidValueError, match="No source is named"):
            made.grant_put(owner)

    template = template_of(build).to_json()
    (bucket,) = [name for name in template["Resources"] if name.startswith("HandbookBucket") and "Policy" not in name]
    owner = next(
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Role" and name.startswith("Owner")
    )
    assert_allows(template, owner, "s3:PutObject", f"arn:aws:s3:::{bucket}/incoming/policies/a.md")
    assert_denies(template, owner, "s3:PutObject", f"arn:aws:s3:::{bucket}/incoming/salaries/a.md")
    assert_denies(template, owner, "s3:PutObject", f"arn:aws:s3:::{bucket}/accepted/policies/a.md")


@pytest.mark.parametrize(
    ("chunking", "made"),
    [
        (Chunking(), {"ChunkingStrategy": "FIXED_SIZE"}),
        (Chunking(strategy="hierarchical", max_tokens=1500), {"ChunkingStrategy": "HIERARCHICAL"}),
        (Chunking(strategy="semantic"), {"ChunkingStrategy": "SEMANTIC"}),
        (Chunking(strategy="none"), {"ChunkingStrategy": "NONE"}),
    ],
)
def test_documents_are_cut_as_asked(chunking: Chunking, made: dict[str, Any]) -> None:
    template_of(lambda stack: knowledge(stack, chunking=chunking)).has_resource_properties(
        "AWS::Bedrock::DataSource",
        {"VectorIngestionConfiguration": {"ChunkingConfiguration": Match.object_like(made)}},
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sources": {}}, "sources = {}: .* at least 1 item"),
        ({"sources": {"policies": {"groups": []}}}, "sources.policies.groups = .*at least 1 item"),
        ({"sources": {"policies": {"groups": ["Staff"]}}}, "at most 64 lower-case letters"),
        ({"sources": {"../x": {"groups": ["staff"]}}}, "begin with a lower-case letter"),
        ({"name": "Handbook"}, "does not have a valid name"),
        ({"name": "a--b"}, "single hyphens"),
        ({"embedding": "amazon.nova-lite-v1:0"}, "for chat, not for embedding"),
        ({"dimension": 500}, "returns vectors of 256 or 512 or 1024 dimensions, not 500"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        knowledge(new_stack(), **options)


def test_vectors_are_as_long_as_the_model_makes_them() -> None:
    assert dimension_of("amazon.titan-embed-text-v2:0") == 1024
    assert dimension_of("amazon.titan-embed-text-v1") == 1536
    assert dimension_of("cohere.embed-v4:0", 256) == 256
    stack = new_stack()
    with pytest.raises(InvalidValueError, match="1 to 4,096 dimensions, not 5,000"):
        S3VectorStore(
            stack,
            "Store",
            dimension=5000,
            foundation=Foundation(stack, key=DataKey(stack, "Key", description="Vectors")),
        )


def test_both_functions_call_groups_alike() -> None:
    assert retrieval.GROUP == names.GROUP


def _statements(template: dict[str, Any], begin: str) -> list[dict[str, Any]]:
    return [
        statement
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::ManagedPolicy" and name.startswith(begin)
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
    ]


def _ingestion(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = [e["Properties"] for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::DataSource"]
    configuration: dict[str, Any] = found["VectorIngestionConfiguration"]
    return configuration


def test_a_function_of_ones_own_cuts_documents_in_a_place_of_its_own() -> None:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:cut"
    template = template_of(lambda stack: knowledge(stack, chunking=Chunking(function_arn=arn))).to_json()
    made = _ingestion(template)
    assert made["ChunkingConfiguration"] == {"ChunkingStrategy": "NONE"}
    (step,) = made["CustomTransformationConfiguration"]["Transformations"]
    assert step["StepToApply"] == "POST_CHUNKING"
    roles = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::IAM::Role"]
    (role,) = [name for name in roles if name.startswith("HandbookRole")]
    assert_allows(template, role, "lambda:InvokeFunction", arn)
    assert_denies(template, role, "lambda:InvokeFunction", f"{arn}-other")
    (bucket,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::S3::Bucket" and "Handbook" in n]
    assert_allows(template, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/cutting/a.json")
    assert_denies(template, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/accepted/a.md")


@pytest.mark.parametrize(
    ("parsing", "strategy", "action"),
    [
        (Parsing(model="amazon.nova-lite-v1:0"), "BEDROCK_FOUNDATION_MODEL", "bedrock:InvokeModel"),
        (Parsing(data_automation=True), "BEDROCK_DATA_AUTOMATION", "bedrock:InvokeDataAutomationAsync"),
    ],
)
def test_pages_are_read_by_a_model_or_by_data_automation(parsing: Parsing, strategy: str, action: str) -> None:
    template = template_of(lambda stack: knowledge(stack, parsing=parsing)).to_json()
    assert _ingestion(template)["ParsingConfiguration"]["ParsingStrategy"] == strategy
    assert any(action in each["Action"] for each in _statements(template, "HandbookRole"))


def test_whoever_retrieves_is_told_how_and_the_knowledge_base_reranks() -> None:
    stack = new_stack()
    store = OpenSearchStore(
        stack,
        "Words",
        name="words",
        dimension=1024,
        foundation=Foundation(stack, key=DataKey(stack, "K", description="Words")),
    )
    search = Search(hybrid=True, rerank="cohere.rerank-v3-5:0")
    base = knowledge(stack, store=store, search=search)
    reader = WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    base.grant_retrieve(reader)
    told = stack.resolve(base.environment["SEARCH"])
    assert "HYBRID" in str(told)
    assert "cohere.rerank-v3-5:0" in str(told)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    (caller,), (own,) = _roles(template, "Reader"), _roles(template, "HandbookRole")
    assert_denies(template, caller, "bedrock:Rerank", "*")
    assert_allows(template, own, "bedrock:Rerank", "*")
    assert_allows(
        template, own, "bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
    )
    # Another provider's model subscribes the account when it is called first.
    through = {"aws:CalledViaLast": "bedrock.amazonaws.com"}
    assert_allows(template, own, "aws-marketplace:Subscribe", "*", through)
    assert_denies(template, own, "aws-marketplace:Subscribe", "*")
    assert "SEARCH" not in knowledge(new_stack()).environment


def test_amazon_s_own_reranker_subscribes_to_nothing() -> None:
    template = template_of(lambda stack: knowledge(stack, search=Search(rerank="amazon.rerank-v1:0"))).to_json()
    assert any("bedrock:Rerank" in each["Action"] for each in _statements(template, "HandbookRole"))
    assert "aws-marketplace" not in str(_statements(template, "HandbookRole"))


def test_what_an_ingestion_keeps_is_encrypted_by_the_knowledge_base_s_role() -> None:
    template = template_of(knowledge).to_json()
    ((role,), (key,)) = _roles(template, "HandbookRole"), _named(template, "AWS::KMS::Key")
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}"
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert_allows(template, role, action, arn)
    assert_denies(template, role, "kms:CreateGrant", arn)


def test_data_automation_reads_in_every_region_of_the_geography_and_with_the_key() -> None:
    template = template_of(lambda stack: knowledge(stack, parsing=Parsing(data_automation=True))).to_json()
    ((role,), (key,)) = _roles(template, "HandbookRole"), _named(template, "AWS::KMS::Key")
    action = "bedrock:InvokeDataAutomationAsync"
    for region in ("us-east-1", "us-east-2", "us-west-1", "us-west-2"):
        assert_allows(
            template, role, action, f"arn:aws:bedrock:{region}:{ACCOUNT}:data-automation-profile/us.data-automation-v1"
        )
    other = f"arn:aws:bedrock:ca-west-1:{ACCOUNT}:data-automation-profile/us.data-automation-v1"
    assert_denies(template, role, action, other)
    arn, through = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}", {"kms:ViaService": "bedrock.us-east-1.amazonaws.com"}
    for each in ("kms:CreateGrant", "kms:DescribeKey"):
        assert_allows(template, role, each, arn, through)
        assert_denies(template, role, each, arn)


def test_singapore_s_data_automation_would_send_documents_anywhere() -> None:
    stack = cdk.Stack(cdk.App(), "Test", env=cdk.Environment(region="ap-southeast-1"))
    with pytest.raises(InvalidValueError, match="No profile of Bedrock Data Automation is known for ap-southeast-1"):
        knowledge(stack, parsing=Parsing(data_automation=True))


@pytest.mark.parametrize(
    ("embedding", "dimension", "told"),
    [
        ("amazon.titan-embed-text-v2:0", None, 1024),
        ("amazon.titan-embed-text-v2:0", 256, 256),
        ("cohere.embed-multilingual-v3", 1024, None),
        ("cohere.embed-english-v3", None, None),
        ("amazon.titan-embed-text-v1", 1536, None),
    ],
)
def test_a_model_that_makes_one_number_is_not_asked_for_it(
    embedding: str, dimension: int | None, told: int | None
) -> None:
    template = template_of(lambda stack: knowledge(stack, embedding=embedding, dimension=dimension)).to_json()
    (base,) = [e["Properties"] for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::KnowledgeBase"]
    vectors = base["KnowledgeBaseConfiguration"]["VectorKnowledgeBaseConfiguration"]
    if told is None:
        assert "EmbeddingModelConfiguration" not in vectors
    else:
        asked = vectors["EmbeddingModelConfiguration"]["BedrockEmbeddingModelConfiguration"]
        assert asked == {"Dimensions": told, "EmbeddingDataType": "FLOAT32"}


def _roles(template: dict[str, Any], begin: str) -> list[str]:
    return [name for name in _named(template, "AWS::IAM::Role") if name.startswith(begin)]


def _named(template: dict[str, Any], kind: str) -> list[str]:
    return [name for name, each in template["Resources"].items() if each["Type"] == kind]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parsing": {"model": "amazon.nova-micro-v1:0"}}, "has no vision"),
        ({"parsing": {"model": "amazon.nova-lite-v1:0", "data_automation": True}}, "exclude each other"),
        ({"search": {"hybrid": True}}, "searches vectors only"),
        ({"search": {"rerank": "amazon.nova-lite-v1:0"}}, "is not a rerank model"),
    ],
    ids=["blind", "both", "vectors only", "chat"],
)
def test_what_cannot_read_or_search_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        knowledge(new_stack(), **options)
    assert words in str(raised.value)


def test_only_reviewers_release() -> None:
    reviewer = "arn:aws:iam::111122223333:role/document-reviewer"

    def build(stack: cdk.Stack) -> None:
        base = knowledge(stack, reviewer_roles=[reviewer])
        role = WorkloadRole(stack, "Reviewer", assumed_by=iam.AccountRootPrincipal())
        base.allow_reviewer(role)

    template = template_of(build)
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in template.find_resources("AWS::S3::BucketPolicy").items()
        if name.startswith("HandbookBucket")
    ]
    (statement,) = [each for each in policy if each.get("Sid") == "OnlyReviewersRelease"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", ["s3:PutObject"])
    named = statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert named[0] == reviewer
    assert len(named) == 2
    keys = template.find_resources("AWS::KMS::Key")
    (key,) = keys.values()
    (review,) = [
        each
        for each in key["Properties"]["KeyPolicy"]["Statement"]
        if each.get("Condition", {}).get("ArnEquals", {}).get("aws:PrincipalArn") == reviewer
    ]
    assert review["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert {"kms:ViaService", "kms:CallerAccount"} == set(review["Condition"]["StringEquals"])


def test_without_reviewers_nobody_releases() -> None:
    template = template_of(knowledge)
    statements = [
        statement
        for each in template.find_resources("AWS::S3::BucketPolicy").values()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "OnlyReviewersRelease"
    ]
    assert len(statements) == 1
    assert "Condition" not in statements[0]


def test_a_release_is_heard_of_and_raises_an_alarm() -> None:
    template = template_of(knowledge)
    prefixes = [{"prefix": names.INCOMING}, {"prefix": names.RELEASED}]
    template.has_resource_properties(
        "AWS::Events::Rule", {"EventPattern": Match.object_like({"detail": {"object": {"key": prefixes}}})}
    )
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"Namespace": "AwsGenAi", "MetricName": "Released"})


KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def over_existing(stack: cdk.Stack, **given: Any) -> KnowledgeBase:
    """A knowledge base over a bucket of another team, which a key of theirs encrypts."""
    bucket = s3.Bucket.from_bucket_attributes(
        stack, "Theirs", bucket_name="theirs", encryption_key=kms.Key.from_key_arn(stack, "TheirKey", KEY)
    )
    return knowledge(stack, documents=bucket, documents_prefix="wiki/", **given)


def test_an_existing_bucket_is_read_by_the_intake_alone_and_never_written() -> None:
    template = template_of(over_existing).to_json()
    ((intake,), (reader,)) = _roles(template, "HandbookIntakeRole"), _roles(template, "HandbookRole")
    theirs = "arn:aws:s3:::theirs"
    assert_allows(template, intake, "s3:GetObject", f"{theirs}/wiki/policies/a.md")
    listed = {"s3:prefix": "wiki/policies/a.md"}
    assert_allows(template, intake, "s3:ListBucket", theirs, listed)
    assert_denies(template, intake, "s3:ListBucket", theirs, {"s3:prefix": "wiki/drafts/"})
    # The policy of their key decides as well, which no template holds.
    (decrypting,) = [each for each in _statements(template, "HandbookIntakeRole") if KEY in each["Resource"]]
    assert decrypting["Action"] == ["kms:Decrypt"]
    assert "s3." in str(decrypting["Condition"]["StringEquals"]["kms:ViaService"])
    for place in ("wiki/drafts/a.md", "policies/a.md"):
        assert_denies(template, intake, "s3:GetObject", f"{theirs}/{place}")
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert_denies(template, intake, action, f"{theirs}/wiki/policies/a.md")
    # Bedrock reads what the intake accepted, in the knowledge base's own bucket.
    assert_denies(template, reader, "s3:GetObject", f"{theirs}/wiki/policies/a.md")
    (own,) = [name for name in _named(template, "AWS::S3::Bucket") if name.startswith("HandbookBucket")]
    (source,) = [e["Properties"] for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::DataSource"]
    assert source["DataSourceConfiguration"]["S3Configuration"] == {
        "BucketArn": {"Fn::GetAtt": [own, "Arn"]},
        "InclusionPrefixes": ["accepted/"],
    }
    # Nothing arrives in a folder that nobody watches.
    assert_denies(template, intake, "s3:GetObject", f"arn:aws:s3:::{own}/incoming/policies/a.md")


def test_changes_of_an_existing_bucket_are_followed_in_the_folders_of_the_sources() -> None:
    template = template_of(over_existing)
    folders = [{"prefix": "wiki/policies/"}, {"prefix": "wiki/salaries/"}]
    template.has_resource_properties(
        "AWS::Events::Rule",
        {"EventPattern": Match.object_like({"detail": {"bucket": {"name": ["theirs"]}, "object": {"key": folders}}})},
    )
    released = [{"prefix": names.RELEASED}]
    template.has_resource_properties(
        "AWS::Events::Rule", {"EventPattern": Match.object_like({"detail": {"object": {"key": released}}})}
    )
    content = template.to_json()
    (intake,) = _roles(content, "HandbookIntakeRole")
    (queue,) = [
        name
        for name in _named(content, "AWS::SQS::Queue")
        if "RedrivePolicy" in content["Resources"][name]["Properties"]
    ]
    assert_allows(content, intake, "sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}")


def test_what_cannot_be_checked_of_an_existing_bucket_is_said_and_nothing_is_found() -> None:
    told: list[str] = []

    def build(stack: cdk.Stack) -> None:
        over_existing(stack)
        told.extend(each.entry.data for each in Annotations.from_stack(stack).find_info("*", Match.any_value()))

    assert findings_of(build, packs=ALL_PACKS) == []
    (said,) = [each for each in told if "theirs" in str(each)]
    assert "EventBridge" in said
    assert "KMS key" in said


def test_a_bucket_of_the_same_app_may_hold_the_documents() -> None:
    stack = new_stack()
    theirs = SecureBucket(stack, "Theirs", foundation=Foundation(Construct(stack, "Other")))
    knowledge(stack, documents=s3.Bucket.from_bucket_name(stack, "Imported", theirs.bucket_name))
    template = cdk.assertions.Template.from_stack(stack).to_json()
    ((intake,), (bucket,)) = (
        _roles(template, "HandbookIntakeRole"),
        [name for name in _named(template, "AWS::S3::Bucket") if name.startswith("Theirs")],
    )
    assert_allows(template, intake, "s3:GetObject", f"arn:aws:s3:::{bucket}/policies/a.md")


def test_reviewers_read_the_existing_bucket_and_its_owners_put_documents() -> None:
    def build(stack: cdk.Stack) -> None:
        base = over_existing(stack)
        base.allow_reviewer(WorkloadRole(stack, "Reviewer", assumed_by=iam.AccountRootPrincipal()))
        with pytest.raises(InvalidValueError, match="Grant it on that bucket"):
            base.grant_put(WorkloadRole(stack, "Owner", assumed_by=iam.AccountRootPrincipal()), "policies")

    template = template_of(build).to_json()
    (reviewer,) = _roles(template, "Reviewer")
    assert_allows(template, reviewer, "s3:GetObject", "arn:aws:s3:::theirs/wiki/policies/a.md")
    assert_denies(template, reviewer, "s3:PutObject", "arn:aws:s3:::theirs/wiki/policies/a.md")


def test_an_unknown_source_cannot_be_put() -> None:
    stack = new_stack()
    owner = WorkloadRole(stack, "Owner", assumed_by=iam.AccountRootPrincipal())
    with pytest.raises(
        InvalidValueError, match=r"polcies is not a source of genai-test-handbook\. Did you mean policies"
    ):
        knowledge(stack).grant_put(owner, "polcies")


def test_metrics_of_the_intake_are_those_that_it_writes() -> None:
    stack = new_stack()
    base = knowledge(stack)
    made = {
        base.metric_accepted(): "Accepted",
        base.metric_quarantined(): "Quarantined",
        base.metric_released(): "Released",
        base.metric_erased(): "Erased",
    }
    for metric, name in made.items():
        assert (metric.namespace, metric.metric_name, metric.statistic) == ("AwsGenAi", name, "Sum")
        assert set(metric.dimensions or {}) == {"function", "service"}
    assert base.metric_failed(period=cdk.Duration.hours(1)).period.to_seconds() == 3600


def test_the_guardrail_of_the_models_assesses_documents() -> None:
    stack = new_stack()
    guardrail = Guardrail(stack, "Guardrail", name="one", foundation=Foundation(Construct(stack, "Other")))
    access = ModelAccess(
        stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=["amazon.titan-embed-text-v2:0"])
    )
    assert knowledge(stack, access=access).guardrail is guardrail


def test_settings_name_an_existing_bucket_and_an_existing_collection(tmp_path: Path) -> None:
    handbook = {
        "sources": {"policies": {"groups": ["staff"]}},
        "documents": {"bucket": "theirs", "prefix": "wiki/", "key_arn": KEY},
        "store": "opensearch",
        "collection": {
            "arn": f"arn:aws:aoss:us-east-1:{ACCOUNT}:collection/07tjusf2h91cunochc",
            "name": "shared",
            "index": "handbook",
        },
        # The tree has constructs of both names.
        "custom": {"tickets": {"groups": ["staff"]}},
    }
    content = {
        **BASE,
        "network": {"zones": ["us-east-1a", "us-east-1b"]},
        "security": {"private_functions": True},
        "models": {"bedrock": {"models": ["amazon.titan-embed-text-v2:0"]}, "knowledge": {"handbook": handbook}},
    }
    made = Synthesized("test", tmp_path / "out", write(tmp_path, yaml.safe_dump(content)))
    # The intake asks for the documents that are there already.
    assert "sqs" in services(made.settings)
    template = made.template("models")
    (allowed,) = [
        statement
        for statement in _statements(template, "handbookknowledgeIntakeRole")
        if "s3:GetObject" in statement["Action"] and "theirs" in str(statement["Resource"])
    ]
    assert "wiki/policies/*" in str(allowed["Resource"])
    assert not _named(template, "AWS::OpenSearchServerless::Collection")

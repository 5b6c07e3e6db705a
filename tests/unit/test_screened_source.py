"""Sources that pass no bucket of ours: screened by a function, crawled by the clock, handed over by those who may."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, WorkloadRole
from aws_genai.models import (
    Chunking,
    Guardrail,
    KnowledgeBase,
    KnowledgeBaseOptions,
    ScreenedSource,
    Source,
    WebSource,
)
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"


def source(
    stack: cdk.Stack, *, guarded: bool = False, chunking: Chunking | None = None, **given: Any
) -> ScreenedSource:
    foundation = Foundation(stack)
    base = KnowledgeBase(
        stack,
        "Known",
        foundation=foundation,
        name="known",
        options=KnowledgeBaseOptions(
            sources={"policies": Source(groups=["staff"])}, **({"chunking": chunking} if chunking else {})
        ),
        guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation) if guarded else None,
    )
    arguments: dict[str, Any] = {"name": "site", "options": Source(groups=["staff"]), **given}
    return ScreenedSource(stack, "Site", foundation=foundation, base=base, **arguments)


def data_source(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = [
        each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Bedrock::DataSource" and name.startswith("Site")
    ]
    properties: dict[str, Any] = found
    return properties


def role(template: dict[str, Any], begin: str) -> str:
    names = [n for n, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role" and n.startswith(begin)]
    (found,) = names
    return str(found)


def test_every_chunk_is_screened_and_erased_with_its_source() -> None:
    template = template_of(lambda stack: source(stack, guarded=True)).to_json()
    made = data_source(template)
    assert made["DataSourceConfiguration"] == {"Type": "CUSTOM"}
    assert made["DataDeletionPolicy"] == "DELETE"
    assert made["ServerSideEncryptionConfiguration"]["KmsKeyArn"]
    (step,) = made["VectorIngestionConfiguration"]["CustomTransformationConfiguration"]["Transformations"]
    assert step["StepToApply"] == "POST_CHUNKING"
    (bucket,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::S3::Bucket" and "Known" in n]
    screen, reader = role(template, "SiteScreen"), role(template, "KnownRole")
    arn = f"arn:aws:s3:::{bucket}"
    assert_allows(template, screen, "s3:PutObject", f"{arn}/quarantine/site/a.json")
    for each in (screen, reader):
        assert_allows(template, each, "s3:GetObject", f"{arn}/screening/site/1.json")
        assert_denies(template, each, "s3:GetObject", f"{arn}/screening/other/1.json")
        assert_denies(template, each, "s3:PutObject", f"{arn}/accepted/a.md")


def test_pages_are_read_again_by_the_clock_within_bounds() -> None:
    site = WebSource(urls=["https://docs.example.com/"], groups=["staff"], within="host", most_pages=50, days=7)
    template = template_of(lambda stack: source(stack, options=site)).to_json()
    web = data_source(template)["DataSourceConfiguration"]["WebConfiguration"]
    assert web["SourceConfiguration"]["UrlConfiguration"]["SeedUrls"] == [{"Url": "https://docs.example.com/"}]
    assert web["CrawlerConfiguration"] == {"CrawlerLimits": {"MaxPages": 50, "RateLimit": 30}, "Scope": "HOST_ONLY"}
    (schedule,) = [e["Properties"] for e in template["Resources"].values() if e["Type"] == "AWS::Scheduler::Schedule"]
    assert schedule["ScheduleExpression"] == "rate(7 days)"
    # By the intake, which waits for a store that sleeps.
    (intake,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::Lambda::Function" and "Intake" in n]
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [intake, "Arn"]}
    assert '{"crawl":"' in str(schedule["Target"]["Input"])
    clock, here = role(template, "SiteClock"), f"arn:aws:lambda:us-east-1:{ACCOUNT}:function"
    assert_allows(template, clock, "lambda:InvokeFunction", f"{here}:{intake}")
    assert_denies(template, clock, "lambda:InvokeFunction", f"{here}:other")
    assert_denies(template, clock, "bedrock:StartIngestionJob", "*")


def test_programs_that_may_hand_documents_over_and_others_not() -> None:
    stack = new_stack()
    made = source(stack)
    program = WorkloadRole(stack, "Program", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    made.grant_ingest(program)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    (base,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::Bedrock::KnowledgeBase"]
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:knowledge-base/{base}"
    assert_allows(template, role(template, "Program"), "bedrock:IngestKnowledgeBaseDocuments", arn)
    assert_denies(template, role(template, "SiteScreen"), "bedrock:IngestKnowledgeBaseDocuments", arn)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chunking": Chunking(function_arn=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:cut")}, "Bedrock allows one"),
        ({"name": "A site"}, "is not a name of a source"),
    ],
    ids=["two functions", "name"],
)
def test_what_cannot_be_screened_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        source(new_stack(), **options)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"urls": ["https://docs.example.com/"], "groups": []}, "at least 1 item"),
        ({"urls": ["http://docs.example.com"], "groups": ["staff"]}, "is not an HTTPS address"),
    ],
    ids=["nobody", "http"],
)
def test_pages_that_nobody_may_read_or_that_are_not_https_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        WebSource(**options)


def test_chunks_are_split_as_those_of_the_bucket_are() -> None:
    template = template_of(lambda stack: source(stack, chunking=Chunking(max_tokens=100))).to_json()
    chunked = data_source(template)["VectorIngestionConfiguration"]["ChunkingConfiguration"]
    assert chunked["FixedSizeChunkingConfiguration"]["MaxTokens"] == 100

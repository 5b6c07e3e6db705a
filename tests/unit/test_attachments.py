"""What attachments create, and who may do what with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from aws_genai.application import AttachmentOptions, History, HistoryOptions, Identity
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.testing import assert_allows, assert_denies
from tests.settings_support import BASE, message
from tests.support import new_stack, template_of
from tests.unit.test_assistant import ARN, MODEL, build, functions, properties, role_of

ORIGIN = "https://mine.example.com"


@pytest.fixture(scope="module")
def made() -> Template:
    options = AttachmentOptions(megabytes=5, types=["pdf", "txt"], files=3, characters=5000)
    return template_of(lambda stack: build(stack, kept=HistoryOptions(days=7, attachments=options), origins=(ORIGIN,)))


@pytest.fixture(scope="module")
def protected() -> Template:
    options = AttachmentOptions(malware_protection=True)
    return template_of(lambda stack: build(stack, kept=HistoryOptions(attachments=options)))


def bucket(template: Template) -> tuple[str, dict[str, Any]]:
    ((id, found),) = [
        each for each in template.find_resources("AWS::S3::Bucket").items() if each[0].startswith("HistoryAttachments")
    ]
    return id, found["Properties"]


def scanning(template: Template) -> dict[str, str]:
    (found,) = [
        each["Environment"]["Variables"]
        for each in properties(template, "AWS::Lambda::Function")
        if ".attachments." in each["Handler"]
    ]
    return found


def test_files_are_encrypted_expire_and_are_uploaded_by_pages_of_the_origins_only(made: Template) -> None:
    _, found = bucket(made)
    (rule,) = found["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 7
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1
    (encryption,) = found["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    (cors,) = found["CorsConfiguration"]["CorsRules"]
    assert (cors["AllowedMethods"], cors["AllowedOrigins"]) == (["POST"], [ORIGIN])
    other = template_of(lambda stack: build(stack, kept=HistoryOptions(attachments=AttachmentOptions())))
    assert "CorsConfiguration" not in bucket(other)[1]


def test_limits_reach_the_functions(made: Template) -> None:
    found = scanning(made)
    assert (found["MOST_BYTES"], found["MOST_CHARACTERS"], found["MALWARE_PROTECTION"]) == ("5000000", "5000", "false")
    (announcing,) = [
        each["Environment"]["Variables"]
        for each in properties(made, "AWS::Lambda::Function")
        if ".conversations." in each["Handler"]
    ]
    assert announcing["ATTACHMENTS_BYTES"] == "5000000"
    assert json.loads(announcing["ATTACHMENTS_TYPES"]) == ["pdf", "txt"]
    assert functions(made)["helper"]["Environment"]["Variables"]["HISTORY_FILES"] == "3"


def test_who_scans_reads_what_was_uploaded_and_writes_what_became_of_it(made: Template) -> None:
    role, (files, _) = role_of(made, "HistoryAttachmentsScanRole"), bucket(made)
    (table,) = [each for each in made.find_resources("AWS::DynamoDB::Table") if each.startswith("History")]
    assert_allows(made, role, "s3:GetObject", f"arn:aws:s3:::{files}/incoming/u/1")
    assert_allows(made, role, "dynamodb:UpdateItem", table)
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert_denies(made, role, action, f"arn:aws:s3:::{files}/incoming/u/1")
    assert_denies(made, role, "s3:GetObject", f"arn:aws:s3:::{files}/other/1")
    for action in ("PutItem", "DeleteItem", "Query", "Scan"):
        assert_denies(made, role, f"dynamodb:{action}", table)
    assert_denies(made, role, "bedrock:InvokeModel", ARN)


def test_who_signs_uploads_reads_none_and_assistants_reach_no_file(made: Template) -> None:
    signing, assistant = role_of(made, "HistoryFunctionRole"), role_of(made, "AssistanthelperFunctionRole")
    files, _ = bucket(made)
    one = f"arn:aws:s3:::{files}/incoming/u/1"
    assert_allows(made, signing, "s3:PutObject", one)
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert_allows(made, signing, action, one)
    assert_denies(made, signing, "s3:GetObject", one)
    assert_denies(made, signing, "s3:PutObject", f"arn:aws:s3:::{files}/other/1")
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObjectVersion"):
        assert_denies(made, assistant, action, one)


def test_an_upload_starts_the_scan_and_what_fails_is_told(made: Template) -> None:
    files, _ = bucket(made)
    (rule,) = [each for each in properties(made, "AWS::Events::Rule") if each["EventPattern"]["source"] == ["aws.s3"]]
    detail = rule["EventPattern"]["detail"]
    assert detail["bucket"]["name"] == [{"Ref": files}]
    assert detail["object"]["key"] == [{"prefix": "incoming/"}]
    assert "DeadLetterConfig" in rule["Targets"][0]
    (mapping,) = properties(made, "AWS::Lambda::EventSourceMapping")
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (1, ["ReportBatchItemFailures"])
    alarms = json.dumps(properties(made, "AWS::CloudWatch::Alarm"))
    assert "docs/runbooks/attachments-not-scanned.md" in alarms


def test_guardduty_scans_before_anything_is_read(protected: Template) -> None:
    files, _ = bucket(protected)
    (plan,) = properties(protected, "AWS::GuardDuty::MalwareProtectionPlan")
    assert plan["ProtectedResource"] == {"S3Bucket": {"BucketName": {"Ref": files}, "ObjectPrefixes": ["incoming/"]}}
    assert plan["Actions"] == {"Tagging": {"Status": "ENABLED"}}
    (rule,) = [
        each for each in properties(protected, "AWS::Events::Rule") if "aws.s3" in str(each) or "guardduty" in str(each)
    ]
    assert rule["EventPattern"]["source"] == ["aws.guardduty"]
    assert rule["EventPattern"]["detail"]["s3ObjectDetails"]["bucketName"] == [{"Ref": files}]
    assert scanning(protected)["MALWARE_PROTECTION"] == "true"
    role = role_of(protected, "HistoryAttachmentsMalware")
    one = f"arn:aws:s3:::{files}/incoming/u/1"
    for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"):
        assert_allows(protected, role, action, one)
    assert_allows(
        protected, role, "s3:PutObject", f"arn:aws:s3:::{files}/malware-protection-resource-validation-object"
    )
    assert_denies(protected, role, "s3:PutObject", one)
    assert_denies(protected, role, "s3:DeleteObject", one)
    # Nobody else changes what GuardDuty has found.
    for other in ("HistoryAttachmentsScanRole", "HistoryFunctionRole", "AssistanthelperFunctionRole"):
        assert_denies(protected, role_of(protected, other), "s3:PutObjectTagging", one)


def test_without_attachments_there_is_no_path_for_them() -> None:
    found = template_of(lambda stack: build(stack, kept=HistoryOptions()))
    assert "attachments" not in {each["PathPart"] for each in properties(found, "AWS::ApiGateway::Resource")}
    assert "HISTORY_FILES" not in functions(found)["helper"]["Environment"]["Variables"]
    assert not properties(found, "AWS::Lambda::EventSourceMapping")


def test_attachments_are_assessed_by_a_guardrail() -> None:
    stack = new_stack()
    foundation = Foundation(stack)
    identity = Identity(stack, "Users", foundation=foundation)
    options = HistoryOptions(attachments=AttachmentOptions())
    with pytest.raises(InvalidValueError, match="guardrail"):
        History(stack, "History", foundation=foundation, identity=identity, options=options)


@pytest.mark.parametrize(
    ("attachments", "where"),
    [
        ({"megabytes": 51}, "megabytes"),
        ({"types": ["exe"]}, "types"),
        ({"types": []}, "types"),
        ({"characters": 100_001}, "characters"),
        ({"files": 0}, "files"),
    ],
)
def test_settings_refuse_what_cannot_be(tmp_path: Path, attachments: dict[str, Any], where: str) -> None:
    application = {"chat": {}, "assistants": {"helper": {}}, "history": {"attachments": attachments}}
    found = message(tmp_path, {**BASE, "models": {"bedrock": {"models": [MODEL]}}, "application": application})
    assert f"application.history.attachments.{where}" in found

"""What an assistant that answers from tables may read, and how much of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from aws_genai.application import Assistant, AssistantOptions, Identity, InsightData, InsightOptions, InsightTools
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, WorkloadRole
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions
from aws_genai.testing import assert_allows, assert_denies
from tests.conftest import Synthesized
from tests.settings_support import BASE, message
from tests.support import ALL_PACKS, findings_of, template_of

MODEL = "amazon.nova-lite-v1:0"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OPTIONS = InsightOptions(
    tables=["shop.orders", "shop.customers", "hr.staff"],
    data=[
        InsightData(location="s3://shop-data/orders/", key_arn=KEY),
        InsightData(location="s3://shop-data/customers/"),
        InsightData(location="s3://people/"),
    ],
    max_bytes=50_000_000,
    max_rows=70,
    max_seconds=45,
)
VIA = {"aws:CalledVia": ["athena.amazonaws.com"]}


def build(stack: cdk.Stack, options: InsightOptions = OPTIONS) -> None:
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
    access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=[MODEL]))
    Assistant(
        stack,
        "Figures",
        foundation=foundation,
        name="figures",
        access=access,
        identity=Identity(stack, "Users", foundation=foundation),
        options=AssistantOptions(kind="insight", insight=options),
        toolset=InsightTools(stack, "Tables", foundation=foundation, name="demo-figures", options=options),
    )


@pytest.fixture(scope="module")
def made() -> Template:
    return template_of(build)


@pytest.fixture(scope="module")
def role(made: Template) -> str:
    (found,) = [each for each in made.find_resources("AWS::IAM::Role") if each.startswith("FiguresFunctionRole")]
    return found


@pytest.fixture(scope="module")
def bucket(made: Template) -> str:
    (found,) = [each for each in made.find_resources("AWS::S3::Bucket") if each.startswith("TablesResults")]
    return found


def glue(resource: str) -> str:
    return f"arn:aws:glue:us-east-1:111122223333:{resource}"


def workgroup(name: str) -> str:
    return f"arn:aws:athena:us-east-1:111122223333:workgroup/{name}"


def test_no_query_can_change_what_the_workgroup_sets(made: Template, bucket: str) -> None:
    (group,) = made.find_resources("AWS::Athena::WorkGroup").values()
    (key,) = made.find_resources("AWS::KMS::Key")
    assert group["Properties"]["Name"] == "demo-figures"
    assert group["Properties"]["WorkGroupConfiguration"] == {
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "RequesterPaysEnabled": False,
        "BytesScannedCutoffPerQuery": 50_000_000,
        "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
        "ResultConfiguration": {
            "OutputLocation": {"Fn::Join": ["", ["s3://", {"Ref": bucket}, "/results/"]]},
            "ExpectedBucketOwner": {"Ref": "AWS::AccountId"},
            "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": {"Fn::GetAtt": [key, "Arn"]}},
        },
    }


def test_results_expire_after_a_day(made: Template, bucket: str) -> None:
    properties = made.find_resources("AWS::S3::Bucket")[bucket]["Properties"]
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert {each["ExpirationInDays"] for each in rules if "ExpirationInDays" in each} == {1}
    assert {
        each["NoncurrentVersionExpiration"]["NoncurrentDays"] for each in rules if "NoncurrentVersionExpiration" in each
    } == {1}
    encrypted = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    assert encrypted["SSEAlgorithm"] == "aws:kms"


def test_the_function_knows_its_tables_and_limits(made: Template) -> None:
    (function,) = [
        each["Properties"]
        for each in made.find_resources("AWS::Lambda::Function").values()
        if ".assistant." in each["Properties"]["Handler"]
    ]
    variables = function["Environment"]["Variables"]
    assert variables["TOOLS"] == "insight"
    assert json.loads(variables["INSIGHT_TABLES"]) == OPTIONS.tables
    assert (variables["INSIGHT_ROWS"], variables["INSIGHT_SECONDS"], variables["INSIGHT_BYTES"]) == (
        "70",
        "45",
        "50000000",
    )
    (group,) = made.find_resources("AWS::Athena::WorkGroup")
    assert variables["INSIGHT_WORKGROUP"] == {"Ref": group}


QUERIES = ("StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution")


@pytest.mark.parametrize("action", QUERIES)
def test_queries_run_in_this_workgroup_only(made: Template, role: str, action: str) -> None:
    (group,) = made.find_resources("AWS::Athena::WorkGroup")
    assert_allows(made, role, f"athena:{action}", workgroup(group))
    assert_denies(made, role, f"athena:{action}", workgroup("primary"))


@pytest.mark.parametrize(
    "action", ["UpdateWorkGroup", "CreateNamedQuery", "CreateDataCatalog", "CreatePreparedStatement", "DeleteWorkGroup"]
)
def test_nothing_of_the_workgroup_can_be_changed(made: Template, role: str, action: str) -> None:
    (group,) = made.find_resources("AWS::Athena::WorkGroup")
    assert_denies(made, role, f"athena:{action}", workgroup(group))


def test_exactly_the_named_tables_are_described(made: Template, role: str) -> None:
    for resource in ("catalog", "database/shop", "database/hr", "table/shop/orders", "table/hr/staff"):
        assert_allows(made, role, "glue:GetTable", glue(resource))
    for resource in ("database/other", "table/shop/secrets", "table/hr/orders", "table/other/orders"):
        for action in ("GetTable", "GetTables", "GetPartitions", "BatchGetPartition"):
            assert_denies(made, role, f"glue:{action}", glue(resource), VIA)
    assert_allows(made, role, "glue:GetDatabase", glue("database/default"), VIA)
    assert_denies(made, role, "glue:GetTable", glue("database/default"), VIA)


@pytest.mark.parametrize(
    "action", ["CreateTable", "UpdateTable", "DeleteTable", "CreatePartition", "CreateDatabase", "GetConnection"]
)
def test_the_catalog_cannot_be_changed(made: Template, role: str, action: str) -> None:
    for resource in ("catalog", "database/shop", "table/shop/orders"):
        assert_denies(made, role, f"glue:{action}", glue(resource), VIA)


def test_data_are_read_by_athena_only(made: Template, role: str) -> None:
    for name in ("shop-data/orders/a.csv", "shop-data/customers/year=2026/b.parquet", "people/any/thing"):
        assert_allows(made, role, "s3:GetObject", f"arn:aws:s3:::{name}", VIA)
        assert_denies(made, role, "s3:GetObject", f"arn:aws:s3:::{name}")
        assert_denies(made, role, "s3:GetObject", f"arn:aws:s3:::{name}", {"aws:CalledVia": ["glue.amazonaws.com"]})


@pytest.mark.parametrize("name", ["shop-data/salaries/a.csv", "shop-data/a.csv", "other/orders/a.csv", "people2/a"])
def test_other_data_are_not_read(made: Template, role: str, name: str) -> None:
    assert_denies(made, role, "s3:GetObject", f"arn:aws:s3:::{name}", VIA)


def test_only_the_prefixes_of_the_data_are_listed(made: Template, role: str) -> None:
    shop = "arn:aws:s3:::shop-data"
    assert_allows(made, role, "s3:ListBucket", shop, {**VIA, "s3:prefix": "orders/2026/"})
    assert_denies(made, role, "s3:ListBucket", shop, {**VIA, "s3:prefix": "salaries/"})
    assert_denies(made, role, "s3:ListBucket", shop, {"s3:prefix": "orders/"})
    assert_allows(made, role, "s3:ListBucket", "arn:aws:s3:::people", {**VIA, "s3:prefix": ""})


@pytest.mark.parametrize("action", ["PutObject", "DeleteObject", "AbortMultipartUpload", "PutObjectTagging"])
def test_data_cannot_be_written(made: Template, role: str, action: str) -> None:
    for name in ("shop-data/orders/a.csv", "people/a"):
        assert_denies(made, role, f"s3:{action}", f"arn:aws:s3:::{name}", VIA)


def test_nothing_is_written_but_results(made: Template, role: str, bucket: str) -> None:
    assert_allows(made, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/results/q1.csv", VIA)
    assert_denies(made, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/results/q1.csv")
    assert_denies(made, role, "s3:PutObject", f"arn:aws:s3:::{bucket}/elsewhere/q1.csv", VIA)
    assert_denies(made, role, "s3:DeleteObject", f"arn:aws:s3:::{bucket}/results/q1.csv", VIA)
    (key,) = made.find_resources("AWS::KMS::Key")
    assert_allows(made, role, "kms:GenerateDataKey", key)


def test_keys_of_the_data_only_decrypt_and_only_for_athena(made: Template) -> None:
    policies = [
        each["Properties"]["PolicyDocument"] for each in made.find_resources("AWS::IAM::ManagedPolicy").values()
    ]
    (statement,) = [each for policy in policies for each in policy["Statement"] if KEY in json.dumps(each["Resource"])]
    assert statement["Action"] in ("kms:Decrypt", ["kms:Decrypt"])
    assert statement["Condition"]["ForAnyValue:StringEquals"] == {"aws:CalledVia": "athena.amazonaws.com"}
    assert "kms:ViaService" in json.dumps(statement["Condition"]["StringEquals"])


def test_nothing_is_found_in_any_pack() -> None:
    found = [each for each in findings_of(build, packs=ALL_PACKS) if "Tables" in each.path]
    assert found == []


def test_the_most_that_the_options_take_fits_into_a_policy() -> None:
    tables = [f"database_{number % 5}.{'t' * 30}_{number:02}" for number in range(30)]
    data = [InsightData(location=f"s3://{'b' * 50}-{number}/{'p' * 30}/", key_arn=KEY) for number in range(10)]
    found = findings_of(lambda stack: build(stack, InsightOptions(tables=tables, data=data)))
    assert [each for each in found if "SIZE" in each.rule] == []


def test_a_role_of_ones_own_gets_the_same() -> None:
    def own(stack: cdk.Stack) -> None:
        given = iam.Role(stack, "Own", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        tools = InsightTools(stack, "Tables", foundation=Foundation(stack), name="x", options=OPTIONS)
        tools.grant_use(given)
        tools.grant_use(WorkloadRole(stack, "Other", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))

    template = template_of(own)
    for name in template.find_resources("AWS::IAM::Role"):
        if name.startswith(("Own", "Other")):
            assert_allows(template, name, "glue:GetTable", glue("table/shop/orders"))
            assert_allows(template, name, "s3:GetObject", "arn:aws:s3:::people/a", VIA)
            assert_denies(template, name, "s3:GetObject", "arn:aws:s3:::people/a")


def test_a_workgroup_has_the_name_of_the_options() -> None:
    options = OPTIONS.model_copy(update={"workgroup": "figures-of-mine"})
    template = template_of(lambda stack: build(stack, options))
    (group,) = template.find_resources("AWS::Athena::WorkGroup").values()
    assert group["Properties"]["Name"] == "figures-of-mine"


LOCATION: dict[str, Any] = {"location": "s3://shop-data/orders/"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no tables": ({"kind": "insight"}, "answers from tables"),
    "another kind": (
        {"kind": "chat", "insight": {"tables": ["a.b"], "data": [LOCATION]}},
        "has no options of kind insight",
    ),
    "name": ({"kind": "insight", "insight": {"tables": ["Orders"], "data": [LOCATION]}}, "database.table"),
    "no data": ({"kind": "insight", "insight": {"tables": ["a.b"], "data": []}}, "insight.data"),
    "no slash": (
        {"kind": "insight", "insight": {"tables": ["a.b"], "data": [{"location": "s3://shop-data/orders"}]}},
        "slash at its end",
    ),
    "pattern": (
        {"kind": "insight", "insight": {"tables": ["a.b"], "data": [{"location": "s3://shop-data/*/"}]}},
        "is not an S3 location",
    ),
    "bytes": ({"kind": "insight", "insight": {"tables": ["a.b"], "data": [LOCATION], "max_bytes": 1000}}, "10000000"),
    "twice": ({"kind": "insight", "insight": {"tables": ["a.b", "a.b"], "data": [LOCATION]}}, "stands twice"),
    "long names": (
        {"kind": "insight", "insight": {"tables": [f"a.{'b' * 100}{n}" for n in range(20)], "data": [LOCATION]}},
        "Name fewer tables",
    ),
}


@pytest.mark.parametrize(("given", "said"), WRONG.values(), ids=WRONG)
def test_wrong_settings_are_explained(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    content = {
        **BASE,
        "models": {"bedrock": {"models": [MODEL], "guardrail": {}}},
        "application": {"chat": {}, "assistants": {"figures": given}},
    }
    assert said in message(tmp_path, content)


def test_code_is_told_the_same() -> None:
    with pytest.raises(InvalidValueError, match="answers from tables"):
        AssistantOptions(kind="insight")


def test_private_functions_reach_athena_and_glue(environment: Any) -> None:
    reference: Synthesized = environment("reference")
    endpoints = {
        json.dumps(each["Properties"]["ServiceName"]).rstrip('"]}').rpartition(".")[2]
        for each in reference.template("foundation")["Resources"].values()
        if each["Type"] == "AWS::EC2::VPCEndpoint"
    }
    assert {"athena", "glue"} <= endpoints

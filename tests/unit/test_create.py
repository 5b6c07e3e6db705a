"""Tools of assistants that run code or draw images: what they create, what they allow, and where they are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from aws_genai.application import (
    Assistant,
    AssistantOptions,
    CodeOptions,
    CodeTools,
    ContentOptions,
    ContentTools,
    Identity,
)
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.models import BedrockCatalogue, Guardrail, GuardrailOptions, ModelAccess, ModelAccessOptions
from aws_genai.testing import assert_allows, assert_denies
from tests.conftest import Synthesized
from tests.settings_support import BASE, message
from tests.support import new_stack, template_of

TEXT, CORE, ULTRA = "amazon.nova-lite-v1:0", "stability.stable-image-core-v1:1", "stability.stable-image-ultra-v1:1"
STYLE, INPAINT = "us.stability.stable-image-style-guide-v1:0", "us.stability.stable-image-inpaint-v1:0"


def west() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Test", env=cdk.Environment(region="us-west-2"))


def build(
    stack: cdk.Stack,
    kind: str,
    options: Any = None,
    *,
    models: tuple[str, ...] = (TEXT, CORE, ULTRA),
    images: bool = True,
    given: str | None = None,
) -> None:
    """An assistant of a kind, with the tools of that kind or of another."""
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="g", foundation=foundation, options=GuardrailOptions(images=images))
    access = ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=list(models)))
    tools: CodeTools | ContentTools | None = None
    match given or kind:
        case "code":
            tools = CodeTools(stack, "Tools", name="my-app", options=options)
        case "content":
            tools = ContentTools(stack, "Tools", foundation=foundation, access=access, options=options)
    Assistant(
        stack,
        "Assistant",
        foundation=foundation,
        name="maker",
        access=access,
        identity=Identity(stack, "Users", foundation=foundation),
        options=AssistantOptions(kind=kind),  # type: ignore[arg-type]
        toolset=tools,
    )


def west_template(kind: str, options: Any = None, **given: Any) -> Template:
    stack = west()
    build(stack, kind, options, **given)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def coding() -> Template:
    return template_of(lambda stack: build(stack, "code", models=(TEXT,)))


@pytest.fixture(scope="module")
def drawing() -> Template:
    return west_template("content")


def only(template: Template, kind: str, beginning: str = "") -> str:
    (found,) = [each for each in template.find_resources(kind) if each.startswith(beginning)]
    return found


def role(template: Template) -> str:
    return only(template, "AWS::IAM::Role", "AssistantFunctionRole")


def variables(template: Template) -> dict[str, Any]:
    function = template.find_resources("AWS::Lambda::Function")[
        only(template, "AWS::Lambda::Function", "AssistantFunction")
    ]
    found: dict[str, Any] = function["Properties"]["Environment"]["Variables"]
    return found


def interpreter(template: Template) -> str:
    return only(template, "AWS::BedrockAgentCore::CodeInterpreterCustom")


def test_code_runs_without_network_and_without_a_role(coding: Template) -> None:
    made = coding.find_resources("AWS::BedrockAgentCore::CodeInterpreterCustom")[interpreter(coding)]["Properties"]
    assert made["NetworkConfiguration"] == {"NetworkMode": "SANDBOX"}
    assert "ExecutionRoleArn" not in made
    assert made["Name"].startswith("my_app_")
    assert made["Name"].replace("_", "").isalnum()


def test_a_name_of_a_code_interpreter_fits_however_long_it_is() -> None:
    def made(name: str) -> str:
        def add(stack: cdk.Stack) -> None:
            CodeTools(stack, "Tools", name=name)

        found = template_of(add).find_resources("AWS::BedrockAgentCore::CodeInterpreterCustom")
        return str(next(iter(found.values()))["Properties"]["Name"])

    names = {made(name) for name in ("a" * 80, "a" * 81, "a-b")}
    assert len(names) == 3
    assert all(len(each) <= 48 for each in names)


@pytest.mark.parametrize("action", ["Start", "Stop"])
def test_the_assistant_starts_and_stops_sessions_of_its_own_code_interpreter(coding: Template, action: str) -> None:
    allowed = f"bedrock-agentcore:{action}CodeInterpreterSession"
    assert_allows(coding, role(coding), allowed, interpreter(coding))
    other = "arn:aws:bedrock-agentcore:us-east-1:111122223333:code-interpreter-custom/other-0123456789"
    for denied in (other, "arn:aws:bedrock-agentcore:us-east-1:aws:code-interpreter/aws.codeinterpreter.v1"):
        assert_denies(coding, role(coding), allowed, denied)


def test_the_assistant_runs_code_and_manages_nothing(coding: Template) -> None:
    assert_allows(coding, role(coding), "bedrock-agentcore:InvokeCodeInterpreter", interpreter(coding))
    for action in ("CreateCodeInterpreter", "DeleteCodeInterpreter", "InvokeAgentRuntime", "ListCodeInterpreters"):
        assert_denies(coding, role(coding), f"bedrock-agentcore:{action}", interpreter(coding))


def test_the_code_interpreter_of_an_assistant_has_its_options() -> None:
    options = CodeOptions(languages=["python"], session_seconds=120)
    found = variables(template_of(lambda stack: build(stack, "code", options, models=(TEXT,))))
    assert (found["TOOLS"], found["LANGUAGES"], found["SESSION_SECONDS"]) == ("code", '["python"]', "120")
    assert "InterpreterId" in json.dumps(found["INTERPRETER_ID"])


def test_code_is_refused_where_there_is_no_code_interpreter() -> None:
    stack = cdk.Stack(cdk.App(), "Test", env=cdk.Environment(region="af-south-1"))
    with pytest.raises(InvalidValueError, match="af-south-1 has no code interpreters"):
        CodeTools(stack, "Tools", name="x")
    # The Region of a stack that is deployed anywhere is not known.
    CodeTools(new_stack(), "Tools", name="x")


def test_images_are_kept_for_a_while_under_the_key_of_the_stack(drawing: Template) -> None:
    made = drawing.find_resources("AWS::S3::Bucket")[only(drawing, "AWS::S3::Bucket", "Tools")]["Properties"]
    rules = made["LifecycleConfiguration"]["Rules"]
    assert {"ExpirationInDays": 30, "Id": "expire-some", "Prefix": "images/", "Status": "Enabled"} in rules
    assert [each["NoncurrentVersionExpiration"] for each in rules if "Prefix" not in each] == [{"NoncurrentDays": 1}]
    (encryption,) = made["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(made["PublicAccessBlockConfiguration"].values()) == {True}


def foundation_model(model: str) -> str:
    return f"arn:aws:bedrock:us-west-2::foundation-model/{model}"


def test_image_models_are_invoked_through_the_guardrail_only(drawing: Template) -> None:
    guardrail = only(drawing, "AWS::Bedrock::GuardrailVersion")
    statements = [
        statement
        for policy in drawing.find_resources("AWS::IAM::ManagedPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "bedrock:InvokeModel" in statement["Action"]
    ]
    assert statements
    for statement in statements:
        assert guardrail in json.dumps(statement["Condition"]["StringEquals"]["bedrock:GuardrailIdentifier"])
    assert CORE in json.dumps(statements)
    assert ULTRA in json.dumps(statements)
    assert_denies(drawing, role(drawing), "bedrock:InvokeModel", foundation_model(CORE))


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject"])
def test_the_assistant_writes_and_shows_images_and_nothing_else(drawing: Template, action: str) -> None:
    bucket = only(drawing, "AWS::S3::Bucket", "Tools")
    assert_allows(drawing, role(drawing), action, f"arn:aws:s3:::{bucket}/images/u/1.png")
    assert_denies(drawing, role(drawing), action, f"arn:aws:s3:::{bucket}/styles/house.png")
    assert_denies(drawing, role(drawing), "s3:ListBucket", f"arn:aws:s3:::{bucket}")
    assert_denies(drawing, role(drawing), "s3:DeleteObject", f"arn:aws:s3:::{bucket}/images/u/1.png")


def test_a_style_is_read_and_never_written() -> None:
    template = west_template("content", ContentOptions(style="house.png"))
    bucket = only(template, "AWS::S3::Bucket", "Tools")
    assert variables(template)["IMAGE_STYLE"] == "styles/house.png"
    assert_allows(template, role(template), "s3:GetObject", f"arn:aws:s3:::{bucket}/styles/house.png")
    assert_denies(template, role(template), "s3:GetObject", f"arn:aws:s3:::{bucket}/styles/other.png")
    assert_denies(template, role(template), "s3:PutObject", f"arn:aws:s3:::{bucket}/styles/house.png")


def test_every_model_that_draws_is_offered_with_its_price(drawing: Template) -> None:
    offered = json.loads(variables(drawing)["IMAGE_MODELS"])
    assert offered == {model: BedrockCatalogue.get(model).usd_per_image for model in (CORE, ULTRA)}
    chosen = west_template("content", ContentOptions(models=[ULTRA], images_per_answer=5))
    assert list(json.loads(variables(chosen)["IMAGE_MODELS"])) == [ULTRA]
    assert variables(chosen)["IMAGES_PER_ANSWER"] == "5"
    assert CORE not in json.dumps(chosen.find_resources("AWS::IAM::ManagedPolicy"))


@pytest.mark.parametrize(
    ("given", "options", "parts"),
    [
        ({"images": False}, None, ["does not filter images", "Set images to true"]),
        ({"models": (TEXT,)}, None, ["None of the models draws new images", CORE]),
        ({"models": (TEXT, INPAINT)}, None, ["None of the models draws new images"]),
        ({"models": (TEXT, CORE)}, ContentOptions(models=[TEXT]), [f"{TEXT} does not draw new images", CORE]),
        ({"models": (TEXT, CORE)}, ContentOptions(models=[ULTRA]), [f"{ULTRA} is not among the models"]),
    ],
)
def test_what_cannot_draw_is_refused(given: dict[str, Any], options: ContentOptions | None, parts: list[str]) -> None:
    with pytest.raises(InvalidValueError) as error:
        build(west(), "content", options, **given)
    assert all(part in str(error.value) for part in parts), error.value


def test_the_price_of_an_image_is_known() -> None:
    assert all(BedrockCatalogue.get(each).usd_per_image for each in (CORE, ULTRA, STYLE, "stability.sd3-5-large-v1:0"))


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("code", "chat", "has the tools of CodeTools"),
        ("content", "code", "has the tools of ContentTools"),
        ("chat", "code", "tools of kind code, not chat"),
        ("chat", "content", "tools of kind content, not chat"),
    ],
)
def test_a_kind_has_its_own_tools(kind: str, given: str, expected: str) -> None:
    with pytest.raises(InvalidValueError, match=expected):
        build(west(), kind, given=given)


@pytest.mark.parametrize("kind", ["code", "content"])
def test_options_of_another_kind_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"An assistant of kind chat has no options of kind {kind}"):
        AssistantOptions.model_validate({kind: {}})
    assert AssistantOptions.model_validate({"kind": kind, kind: {}}).kind == kind


BEDROCK = {"models": [TEXT], "guardrail": {"images": True}}


@pytest.mark.parametrize(
    ("region", "bedrock", "assistant", "parts"),
    [
        ("ap-southeast-3", {}, {"kind": "code"}, ["application.assistants.maker.kind", "ap-southeast-3 has no code"]),
        (
            "us-east-1",
            {},
            {"kind": "content"},
            ["application.assistants.maker.content.models", "None of the models draws", STYLE],
        ),
        (
            "us-east-1",
            {"models": [TEXT, STYLE], "guardrail": {}},
            {"kind": "content"},
            ["application.assistants.maker.content", "does not filter images", "Set images to true"],
        ),
        (
            "us-east-1",
            {},
            {"content": {}},
            ["application.assistants.maker.content", "kind chat has no options of kind content"],
        ),
        (
            "us-east-1",
            {},
            {"kind": "code", "code": {"languages": []}},
            ["application.assistants.maker.code.languages"],
        ),
        (
            "us-east-1",
            {"models": [TEXT, STYLE]},
            {"kind": "content", "content": {"style": "../house.png"}},
            ["application.assistants.maker.content.style", "PNG or JPEG"],
        ),
    ],
)
def test_settings_that_a_kind_does_not_fit(
    tmp_path: Path, region: str, bedrock: dict[str, Any], assistant: dict[str, Any], parts: list[str]
) -> None:
    settings = {
        **BASE,
        "region": region,
        "models": {"bedrock": {**BEDROCK, **bedrock}},
        "application": {"chat": {}, "assistants": {"maker": assistant}},
    }
    told = message(tmp_path, settings)
    assert all(part in told for part in parts), told


def test_reference_runs_code_and_draws(reference: Synthesized) -> None:
    template = Template.from_json(reference.template("application"))
    (interpreter,) = template.find_resources("AWS::BedrockAgentCore::CodeInterpreterCustom").values()
    assert interpreter["Properties"]["NetworkConfiguration"] == {"NetworkMode": "SANDBOX"}
    found = {
        each["Properties"]["Environment"]["Variables"].get("TOOLS")
        for each in template.find_resources("AWS::Lambda::Function").values()
    }
    assert {"code", "content"} <= found


def test_private_functions_reach_the_code_interpreter(reference: Synthesized) -> None:
    endpoints = Template.from_json(reference.template("foundation")).find_resources("AWS::EC2::VPCEndpoint")
    assert any(".bedrock-agentcore" in json.dumps(each["Properties"]["ServiceName"]) for each in endpoints.values())

"""Prompts, flows of them and routers: versions, guardrails, and what cannot be connected."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, WorkloadRole
from aws_genai.models import (
    FlowOptions,
    FlowStep,
    Guardrail,
    GuardrailOptions,
    ModelAccess,
    ModelAccessOptions,
    Prompt,
    PromptFlow,
    PromptOptions,
    PromptRouter,
    RouterOptions,
)
from aws_genai.models.prompts.options import variables
from aws_genai.models.prompts.prompt_flow import definition
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"
LITE, PRO = "us.amazon.nova-lite-v1:0", "us.amazon.nova-pro-v1:0"
TEXTS = {"kind": "Which kind? {{message}}", "reply": "Answer {{message}} for {{reader}}"}
STEPS = {
    "kind": FlowStep(prompt="kind", given={"message": "input"}),
    "a-bill": FlowStep(prompt="kind", given={"message": "kind"}, when={"kind": "bill"}),
    "rest": FlowStep(prompt="reply", given={"message": "input", "reader": "kind"}, when={"kind": "otherwise"}),
}


def ground(stack: cdk.Stack, options: GuardrailOptions | None = None) -> tuple[Foundation, ModelAccess]:
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation, options=options)
    options = ModelAccessOptions(models=[LITE, PRO])
    return foundation, ModelAccess(stack, "Access", guardrail=guardrail, options=options)


def prompt(stack: cdk.Stack, foundation: Foundation, access: ModelAccess, name: str, **options: Any) -> Prompt:
    given = PromptOptions(**{"text": "Hi", "model": LITE, **options})
    return Prompt(stack, name, foundation=foundation, name=name, access=access, options=given)


def flow(
    stack: cdk.Stack,
    *,
    text: str = TEXTS["reply"],
    guardrail: GuardrailOptions | None = None,
    own_key: bool = False,
) -> PromptFlow:
    foundation, access = ground(stack, guardrail)
    texts = {**TEXTS, "reply": text}
    return PromptFlow(
        stack,
        "Flow",
        foundation=foundation.but(key=DataKey(stack, "Own", description="Flows")) if own_key else foundation,
        name="triage",
        guardrail=access.guardrail,
        prompts={name: prompt(stack, foundation, access, name, text=each) for name, each in texts.items()},
        options=FlowOptions(steps=STEPS),
    )


def logical(template: dict[str, Any], kind: str) -> set[str]:
    return {name for name, each in template["Resources"].items() if each["Type"] == kind}


def test_a_changed_text_is_a_new_version_of_the_prompt_and_of_the_flow() -> None:
    before, same, after = (template_of(lambda stack, t=t: flow(stack, text=t)).to_json() for t in _texts())
    for kind, changed in (("AWS::Bedrock::PromptVersion", 1), ("AWS::Bedrock::FlowVersion", 1)):
        assert logical(before, kind) == logical(same, kind)
        assert len(logical(before, kind) - logical(after, kind)) == changed
    for kind in ("AWS::Bedrock::Prompt", "AWS::Bedrock::Flow", "AWS::Bedrock::FlowAlias"):
        assert logical(before, kind) == logical(after, kind)


def _texts() -> tuple[str, str, str]:
    return TEXTS["reply"], TEXTS["reply"], TEXTS["reply"] + "!"


def test_a_flow_s_version_holds_the_guardrail_s_version_and_the_key() -> None:
    def version(own_key: bool = False, **options: Any) -> str:
        guardrail = GuardrailOptions(**options)
        template = template_of(lambda stack: flow(stack, guardrail=guardrail, own_key=own_key)).to_json()
        (found,) = logical(template, "AWS::Bedrock::FlowVersion")
        return found

    assert version() == version()
    changed = [version(), version(filter_strength="LOW"), version(version=3), version(version=4), version(own_key=True)]
    assert len(set(changed)) == len(changed)


def test_whoever_runs_a_flow_and_its_role_keep_what_a_run_makes_under_the_key() -> None:
    def build(stack: cdk.Stack) -> None:
        made = flow(stack)
        made.grant_run(WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))

    template = template_of(build).to_json()
    (key,) = logical(template, "AWS::KMS::Key")
    arn, through = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}", {"kms:ViaService": "bedrock.us-east-1.amazonaws.com"}
    roles = [each for each in logical(template, "AWS::IAM::Role") if each.startswith(("Caller", "FlowRole"))]
    assert len(roles) == 2
    for role in roles:
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert_allows(template, role, action, arn, through)
            assert_denies(template, role, action, arn)
    (policy,) = [e["Properties"]["KeyPolicy"] for e in template["Resources"].values() if e["Type"] == "AWS::KMS::Key"]
    (own,) = [each for each in policy["Statement"] if each["Sid"] == "Prompts"]
    assert own["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert list(own["Condition"]["StringLike"]) == ["kms:EncryptionContext:aws:bedrock-prompts:arn"]


def test_versions_stay_where_they_are_to() -> None:
    def kept(stack: cdk.Stack) -> None:
        prompt(stack, *ground(stack), "p", keep_versions=True)

    template = template_of(kept).to_json()
    (version,) = [e for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::PromptVersion"]
    assert version["DeletionPolicy"] == "RetainExceptOnCreate"


def test_every_prompt_of_a_flow_goes_through_the_guardrail() -> None:
    template = template_of(flow).to_json()
    (made,) = [e["Properties"] for e in template["Resources"].values() if e["Type"] == "AWS::Bedrock::Flow"]
    asked = [node for node in made["Definition"]["Nodes"] if node["Type"] == "Prompt"]
    assert len(asked) == 3
    for node in asked:
        assert node["Configuration"]["Prompt"]["GuardrailConfiguration"]["GuardrailIdentifier"]
    (runner,) = [name for name in logical(template, "AWS::IAM::Role") if name.startswith("FlowRole")]
    model = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{LITE}"
    guarded = {"bedrock:GuardrailIdentifier": _guardrail(template)}
    assert_denies(template, runner, "bedrock:InvokeModel", model)
    assert_allows(template, runner, "bedrock:InvokeModel", model, context=guarded)


def _guardrail(template: dict[str, Any]) -> str:
    (name,) = logical(template, "AWS::Bedrock::Guardrail")
    return f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/{name}:1"


def test_ways_part_by_an_answer_and_each_ends() -> None:
    made = definition(STEPS, {"kind": "k", "reply": "r"}, {})
    assert [node["name"] for node in made["nodes"]] == [
        "FlowInput",
        "kind",
        "a_bill",
        "rest",
        "kind_choice",
        "a_bill_end",
        "rest_end",
    ]
    (choice,) = [node for node in made["nodes"] if node["type"] == "Condition"]
    conditions = choice["configuration"]["condition"]["conditions"]
    assert conditions == [{"name": "way0", "expression": 'answer == "bill"'}, {"name": "default"}]
    ways = {
        each["target"]: each["configuration"]["conditional"]["condition"]
        for each in made["connections"]
        if each["type"] == "Conditional"
    }
    assert ways == {"a_bill": "way0", "rest": "default"}
    names = [each["name"] for each in made["connections"]]
    assert len(set(names)) == len(names)
    ends = {node["name"] for node in made["nodes"]}
    assert all({each["source"], each["target"]} <= ends for each in made["connections"])


def test_a_router_is_called_through_the_guardrail_only() -> None:
    stack = new_stack()
    _, access = ground(stack)
    router = PromptRouter(stack, "Router", name="nova", access=access, options=RouterOptions(models=[PRO, LITE]))
    caller = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    router.grant_invoke(caller)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    (name,) = logical(template, "AWS::Bedrock::IntelligentPromptRouter")
    (who,) = [each for each in logical(template, "AWS::IAM::Role") if each.startswith("Caller")]
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:prompt-router/{name}"
    assert_denies(template, who, "bedrock:InvokeModel", arn)
    guarded = {"bedrock:GuardrailIdentifier": _guardrail(template)}
    assert_allows(template, who, "bedrock:InvokeModel", arn, context=guarded)


@pytest.mark.parametrize(
    ("models", "difference", "words"),
    [
        ([PRO, PRO], 10, "stands twice"),
        ([PRO], 10, "at least 2"),
        ([PRO, "us.anthropic.claude-sonnet-4-6"], 10, "does not support amazon.nova-pro"),
        (["amazon.nova-pro-v1:0", PRO], 10, "the same model"),
        ([PRO, LITE], 101, "at most 100"),
    ],
)
def test_what_is_not_routed_between_is_refused(models: list[str], difference: int, words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        RouterOptions(models=models, quality_difference=difference)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{a b}}", "is not a valid variable"),
        ("{{x}}", "is not a valid variable"),
        ("{{open", "do not match"),
        ("shut}}", "do not match"),
        ("{{}}", "is not a valid variable"),
    ],
)
def test_odd_variables_are_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        variables(text)
    assert words in str(raised.value)


def test_variables_stand_once_in_the_order_of_the_text() -> None:
    assert variables("{{ one }} and {{two}} and {{one}}") == ["one", "two"]
    assert variables('JSON such as {"a": 1}') == []


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ({}, "at least 1"),
        ({"kind": FlowStep(prompt="kidn", given={"message": "input"})}, "There is no prompt kidn. Did you mean kind"),
        ({"kind": FlowStep(prompt="kind")}, "needs message"),
        ({"kind": FlowStep(prompt="kind", given={"message": "input", "x": "input"})}, "has no variable x"),
        ({"kind": FlowStep(prompt="kind", given={"message": "inpt"})}, "There is no step inpt"),
        ({"kind": FlowStep(prompt="kind", given={"message": "kind"})}, "depend on each other"),
        ({"k": FlowStep(prompt="kind", given={"message": "input"})}, "not a valid name of a step"),
        (
            {"one": STEPS["kind"], "two": FlowStep(prompt="kind", given={"message": "input"}, when={"one": "a"})},
            "No step follows any other response of one",
        ),
        (
            {
                "one": STEPS["kind"],
                "two": FlowStep(prompt="kind", given={"message": "input"}, when={"one": "otherwise"}),
            },
            "leads to the same steps",
        ),
        (
            {"one": STEPS["kind"], "two": FlowStep(prompt="kind", given={"message": "input"}, when={"one": 'a"b'})},
            "cannot depend on the response",
        ),
    ],
    ids=["none", "prompt", "missing", "extra", "source", "circle", "name", "no way", "one way", "answer"],
)
def test_steps_that_cannot_be_connected_are_refused(steps: dict[str, FlowStep], words: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        FlowOptions(steps=steps).check({"kind": ["message"]})
    assert words in str(raised.value)


def test_a_prompt_of_a_model_that_may_not_be_called_is_refused() -> None:
    stack = new_stack()
    foundation, access = ground(stack)
    with pytest.raises(InvalidValueError, match="is not among the models"):
        prompt(stack, foundation, access, "p", model="amazon.nova-micro-v1:0")
    with pytest.raises(InvalidValueError, match="tokens"):
        PromptOptions(text="Hi", model=LITE, max_tokens=100_000)

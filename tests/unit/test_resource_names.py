"""Constructs refuse names that AWS would refuse, by the rules that the settings file follows too."""

from __future__ import annotations

import inspect
import re
from typing import Any

import aws_cdk as cdk
import pytest

from aws_genai.application import Dashboard, InsightTools
from aws_genai.application.options import DASHBOARD_NAME, WORKGROUP_NAME
from aws_genai.compute import TrainingCluster, TrainingQueue
from aws_genai.compute.options import CLUSTER_NAME, JOB_QUEUE_NAME
from aws_genai.data import load
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.models import (
    ApprovedEndpoint,
    BatchInference,
    CustomizedModel,
    EndpointOptions,
    Evaluation,
    FineTuning,
    Guardrail,
    ImportedModel,
    JobMachine,
    JumpStartEndpoint,
    KnowledgeBase,
    ModelDeployment,
    ModelHub,
    OpenSearchStore,
    Prompt,
    PromptFlow,
    PromptRouter,
    ProvisionedThroughput,
    Studio,
)
from aws_genai.models.access.options import GUARDRAIL_NAME
from aws_genai.models.custom.options import CAPACITY_NAME, CUSTOMIZED_NAME, IMPORTED_NAME
from aws_genai.models.hosting.options import APPROVED_NAME, COMPONENT_NAME, ENDPOINT_NAME
from aws_genai.models.knowledge.options import COLLECTION_NAME, KNOWLEDGE_NAME
from aws_genai.models.prompts.options import FLOW_NAME, PROMPT_NAME, ROUTER_NAME
from aws_genai.models.runs.options import BATCH_NAME, EVALUATION_NAME, MACHINE_NAME
from aws_genai.models.training.options import HUB_NAME, STUDIO_NAME
from aws_genai.resource_name import ResourceName
from tests.support import new_stack


def endpoint(name: str) -> JumpStartEndpoint:
    stack = new_stack()
    return JumpStartEndpoint(
        stack,
        "Endpoint",
        foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
        endpoint_name=name,
        options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3"),
    )


#: Constructs, the argument with the name, and its rule. The name is checked before any other argument is used.
CONSTRUCTS: tuple[tuple[type, str, ResourceName], ...] = (
    (ApprovedEndpoint, "endpoint_name", APPROVED_NAME),
    (BatchInference, "name", BATCH_NAME),
    (ModelDeployment, "name", CAPACITY_NAME),
    (CustomizedModel, "name", CUSTOMIZED_NAME),
    (Dashboard, "name", DASHBOARD_NAME),
    (Evaluation, "name", EVALUATION_NAME),
    (FineTuning, "endpoint_name", APPROVED_NAME),
    (Guardrail, "name", GUARDRAIL_NAME),
    (ImportedModel, "name", IMPORTED_NAME),
    (InsightTools, "name", WORKGROUP_NAME),
    (JobMachine, "name", MACHINE_NAME),
    (KnowledgeBase, "name", KNOWLEDGE_NAME),
    (ModelHub, "name", HUB_NAME),
    (Prompt, "name", PROMPT_NAME),
    (PromptFlow, "name", FLOW_NAME),
    (PromptRouter, "name", ROUTER_NAME),
    (ProvisionedThroughput, "name", CAPACITY_NAME),
    (Studio, "name", STUDIO_NAME),
    (TrainingCluster, "cluster_name", CLUSTER_NAME),
    (TrainingQueue, "queue_name", JOB_QUEUE_NAME),
)
#: The types whose names the rules are about, with the suffix that their names get at most.
TYPES: tuple[tuple[ResourceName, str, str], ...] = (
    (APPROVED_NAME, "AWS::SageMaker::EndpointConfig", "-9999999"),
    (BATCH_NAME, "AWS::StepFunctions::StateMachine", "-batch"),
    (CLUSTER_NAME, "AWS::SageMaker::Cluster", ""),
    (COLLECTION_NAME, "AWS::OpenSearchServerless::AccessPolicy", ""),
    (COMPONENT_NAME, "AWS::SageMaker::InferenceComponent", ""),
    (DASHBOARD_NAME, "AWS::CloudWatch::Dashboard", "-ap-southeast-1"),
    (ENDPOINT_NAME, "AWS::SageMaker::Endpoint", ""),
    (EVALUATION_NAME, "AWS::StepFunctions::StateMachine", "-evaluation"),
    (FLOW_NAME, "AWS::Bedrock::Flow", ""),
    (GUARDRAIL_NAME, "AWS::Bedrock::Guardrail", ""),
    (HUB_NAME, "AWS::SageMaker::Hub", ""),
    (JOB_QUEUE_NAME, "AWS::Batch::JobQueue", ""),
    (KNOWLEDGE_NAME, "AWS::Bedrock::KnowledgeBase", "-documents-12345678"),
    (MACHINE_NAME, "AWS::StepFunctions::StateMachine", ""),
    (PROMPT_NAME, "AWS::Bedrock::Prompt", ""),
    (STUDIO_NAME, "AWS::SageMaker::Domain", ""),
    (WORKGROUP_NAME, "AWS::Athena::WorkGroup", ""),
)


def arguments(construct: type, **given: Any) -> dict[str, Any]:
    """The required arguments of a construct, without values except those given."""
    needed = list(inspect.signature(construct.__init__).parameters.values())[3:]  # type: ignore[misc]
    return {each.name: None for each in needed if each.default is inspect.Parameter.empty} | given


@pytest.mark.parametrize(("construct", "argument", "rule"), CONSTRUCTS, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize("name", ["", "a name", "näme", "-", "a\n", "long"])
def test_a_construct_refuses_a_name(construct: type, argument: str, rule: ResourceName, name: str) -> None:
    name = "n" * (rule.longest + 3) if name == "long" else name
    if re.fullmatch(rule.pattern, name, re.ASCII) and len(name) <= rule.longest:
        pytest.skip(f"{name} is a name")
    with pytest.raises(InvalidValueError, match=rule.kind) as error:
        construct(cdk.Stack(), "One", **arguments(construct, **{argument: name}))
    assert error.value.field == argument
    assert str(error.value.hint).startswith("Shorten it by 3" if len(name) > rule.longest else "Use ")


def test_an_opensearch_store_refuses_a_name() -> None:
    with pytest.raises(InvalidValueError, match=r"Collection n+ would have 29 characters"):
        OpenSearchStore(cdk.Stack(), "Store", **arguments(OpenSearchStore, name="n" * 29, dimension=1024))


@pytest.mark.parametrize("name", ["", "a_b", "-a", "n" * 64])
def test_an_endpoint_refuses_a_name(name: str) -> None:
    with pytest.raises(InvalidValueError, match="Endpoint"):
        endpoint(name)


def test_a_component_is_too_long_together_with_its_endpoint() -> None:
    found = endpoint("n" * 60)
    assert found.component_of("ab") == f"{'n' * 60}-ab"
    with pytest.raises(InvalidValueError, match="would have 64 characters; AWS allows 63"):
        found.component_of("abc")


@pytest.mark.parametrize(("rule", "type", "suffix"), TYPES, ids=lambda each: getattr(each, "kind", str(each)))
def test_the_longest_name_is_one_that_the_service_takes(rule: ResourceName, type: str, suffix: str) -> None:
    pattern = next(found for kind, _, found, _ in load("limits")["names"] if kind == type)
    name = "n" * rule.longest
    rule.check(name)
    assert re.fullmatch(pattern, name + suffix, re.ASCII)


def test_a_name_that_is_known_at_deployment_is_not_checked() -> None:
    ENDPOINT_NAME.check(cdk.CfnParameter(cdk.Stack(), "Name").value_as_string)


def test_a_pattern_takes_no_long_time() -> None:
    for rule in (BATCH_NAME, ENDPOINT_NAME, PROMPT_NAME, KNOWLEDGE_NAME):
        with pytest.raises(InvalidValueError):
            rule.check("a-" * (rule.longest // 2) + "!")

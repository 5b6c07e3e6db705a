"""Names of every legal length, and pairs that look alike: refused by name, or taken by AWS."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import ValidationError

from aws_genai.explain import explain
from aws_genai.gate import synth
from settings import Settings
from settings.names import ids_in_compute, ids_in_models
from stacks import assemble
from tests.schemas import refused_by_aws
from tests.support import new_app

REGION = "us-east-1"
CHAT = "amazon.nova-lite-v1:0"
READ = {"groups": ["staff"]}
GPU = {"instance_type": "g6.xlarge"}
CUSTOM = f"arn:aws:bedrock:{REGION}:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl"
EKS = f"arn:aws:eks:{REGION}:111122223333:cluster"
MACHINES = {"instance_type": "ml.g5.12xlarge", "instances": 1}
GUARD = "meta-textgeneration-llama-guard-3-8b"
SMALL = {"model": "meta-textgeneration-llama-guard-3-1b", "accept_eula": True}
#: One of each kind that a user names, by its key path; ``NAME`` stands for names below it.
KINDS: dict[str, Any] = {
    "compute.fleets": {**GPU, "work_queue": True},
    "compute.queues": {**GPU, "image": f"111122223333.dkr.ecr.{REGION}.amazonaws.com/train:1"},
    "compute.clusters": {
        "eks": {"cluster_arn": f"{EKS}/NAME"},
        "groups": {"NAME": MACHINES},
        "teams": {"NAME": MACHINES},
    },
    "models.knowledge": {"sources": {"NAME": READ}, "web": {"NAMEw": {"urls": ["https://a.example.com/"], **READ}}},
    "models.imported": {"uri": "s3://models-of-mine/own/1"},
    "models.batches": {"model": CHAT},
    "models.prompts": {"text": "Say {{what}}", "model": CHAT},
    "models.flows": {"steps": {"NAMEs": {"prompt": "say", "given": {"what": "input"}}}},
    "models.routers": {"models": [CHAT, "amazon.nova-pro-v1:0"]},
    "models.provisioned": {"model": CUSTOM, "units": 1, "usd_per_hour": 1},
    "models.evaluations": {"models": [CHAT]},
    "models.endpoints": {
        "model": GUARD,
        "instance_type": "ml.g6.12xlarge",
        "accept_eula": True,
        "scale_to_zero": True,
        "beside": {"NAME": SMALL},
    },
    "models.fine_tuning.pipelines": {"model": "huggingface-llm-gemma-7b-instruct", "accept_eula": True},
    "models.fine_tuning.customized": {"base": CHAT, "deployed": CUSTOM},
}
LONGEST = 24


def _named(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key.replace("NAME", name)[:LONGEST]: _named(each, name) for key, each in value.items()}
    return value.replace("NAME", name) if isinstance(value, str) else copy.deepcopy(value)


def content(project: str, environment: str, names: Mapping[str, list[str]], **more: Any) -> dict[str, Any]:
    """Settings with members of each kind under ``names``, whose own members have the name too."""
    made: dict[str, Any] = {
        "project": project,
        "environment": environment,
        "region": REGION,
        "owner": "team",
        "cost_center": "1",
        "network": {"zones": [f"{REGION}a", f"{REGION}b"]},
        "models": {
            "bedrock": {"models": [CHAT, "amazon.nova-pro-v1:0", "amazon.titan-embed-text-v2:0"]},
            "prompts": {"say": KINDS["models.prompts"]},
        },
        **more,
    }
    for kind, members in names.items():
        holder = made
        for part in kind.split("."):
            holder = holder.setdefault(part, {})
        for name in members:
            holder[name] = _named(KINDS[kind], name)
    if "compute" in made:
        made["compute"]["storage"] = {}
    return made


def refusal(given_content: dict[str, Any]) -> str | None:
    """What is said of settings that are refused, None if they are not."""
    try:
        Settings.model_validate(given_content)
    except ValidationError as error:
        return explain(error, "config/test.yaml", Settings)
    return None


def synthesized(given_content: dict[str, Any]) -> Path:
    app = new_app()
    assemble(app, Settings.model_validate(given_content))
    synth(app)
    return Path(app.outdir)


def longest(project: str, environment: str, kind: str) -> str | None:
    """The longest name that a member of a kind may have, itself and below it; None if not even one letter fits."""
    for length in range(LONGEST, 0, -1):
        name = chr(ord("a") + list(KINDS).index(kind)) * length
        said = refusal(content(project, environment, {kind: [name]}))
        if said is None:
            return name
        # What does not fit is told by how much, or stands twice where a name is cut to what any may have.
        assert "AWS allows" in said or "Two sources are called" in said, said
        assert kind in said or " project: " in said, said
    return None


@pytest.mark.parametrize("lengths", [(1, 1), (9, 4), (12, 12), (24, 24), (1, 24), (24, 1)])
def test_the_longest_names_are_taken_by_aws(lengths: tuple[int, int]) -> None:
    project, environment = "p" * lengths[0], "e" * lengths[1]
    found = {kind: longest(project, environment, kind) for kind in KINDS}
    assert sum(name is not None for name in found.values()) >= len(KINDS) - 1
    whole = content(project, environment, {kind: [name] for kind, name in found.items() if name})
    assert refused_by_aws(synthesized(whole)) == []


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_name_of_any_length_fits_or_is_told_by_how_much(data: st.DataObject) -> None:
    project, environment, name = (data.draw(st.integers(1, LONGEST + 1)) * letter for letter in "pen")
    kind = data.draw(st.sampled_from(list(KINDS)))
    said = refusal(content(project, environment, {kind: [name]}))
    if max(len(project), len(environment), len(name)) > LONGEST:
        assert said
        assert f"at most {LONGEST} characters" in said
        return
    # Who does as the message says gets there.
    while said and "Two sources" not in said:
        told = re.search(r"would have (\d+) characters; AWS allows (\d+)\. Shorten .* by (\d+)$", said)
        assert told, said
        has, most, shorter = map(int, told.groups())
        assert has - most == shorter > 0
        if len(name) > shorter:
            name = name[shorter:]
        elif len(project) > shorter:
            project = project[shorter:]
        else:
            environment = environment[shorter:]
        assert name
        assert environment
        said = refusal(content(project, environment, {kind: [name]}))


def test_ids_of_constructs_are_those_that_are_told_apart() -> None:
    names = {kind: [f"n{number}"] for number, kind in enumerate(KINDS)}
    chosen = Settings.model_validate(content("p", "e", names))
    app = new_app()
    assemble(app, chosen)
    assert chosen.compute
    assert chosen.models
    for layer, stacks, told in (
        ("compute", ("compute",), ids_in_compute(chosen.compute)),
        ("models", ("models", "hosting"), ids_in_models(chosen.models)),
    ):
        made = {child.node.id for stack in stacks for child in app.node.find_child(stack).node.children}
        # What is no name of the user's begins with a capital.
        own = {each for each in made if each[0].islower()}
        assert len(own) > len([kind for kind in KINDS if kind.startswith(layer)])
        assert own <= {name for _, name in told}


#: Names that look alike: they differ in hyphens, or one is the other with what the stacks put behind it.
ALIKE = ["a", "a-b", "ab", "a-b-c", "ab-c", "a-bc", "abc", "a-work", "a-prompt", "a-flow", "a-vectors", "a-deployed"]


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_names_that_look_alike_are_refused_or_make_two_things(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3, unique=True))
    names = {kind: data.draw(st.lists(st.sampled_from(ALIKE), min_size=1, max_size=2, unique=True)) for kind in kinds}
    whole = content("p", "e", names)
    said = refusal(whole)
    if said is not None:
        assert re.search(r"of one name, [a-z-]+\. Rename one$|are both called|(make|create) (one|resources)", said), (
            said
        )
        return
    assert refused_by_aws(synthesized(whole)) == []

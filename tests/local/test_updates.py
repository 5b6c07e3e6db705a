"""Settings of a live environment are changed, one after the other, and the chat still answers from the documents."""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from local import cdk, chat, emulator, stand_ins
from local.deploy import deploy
from local.home import Home, LocalError
from settings import STACKS, SettingsError, load
from tests.conftest import Synthesized

from .conftest import MODEL_SECONDS, edit
from .model_server import serving

Json = dict[str, Any]
KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-123456789{}"
DOCUMENT = "Travel policy: trains are preferred, flights need approval by the team lead."
WAIT_SECONDS = 40.0

#: A small environment of every layer.
SETTINGS: Json = {
    "project": "genai",
    "region": "us-east-1",
    "owner": "platform",
    "cost_center": "local",
    "trial": True,
    "budget": {"monthly_usd": 100},
    "security": {"retain": False, "log_days": 1, "record_days": 1},
    "network": {"zones": ["us-east-1a", "us-east-1b"]},
    "compute": {"fleets": {"serving": {"instance_type": "g6.xlarge"}}},
    "models": {
        "bedrock": {
            "models": ["us.amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"],
            "guardrail": {"denied_words": ["project nightingale"]},
        },
        "knowledge": {"handbook": {"sources": {"policies": {"groups": ["staff"]}}}},
        "endpoints": {
            "embeddings": {"model": "huggingface-sentencesimilarity-bge-m3"},
            "assistant": {
                "weights": {"uri": "s3://models-of-mine/assistant/1", "key_arn": KEY.format("0ab"), "server": "vllm"},
                "instance_type": "ml.g6.2xlarge",
            },
        },
    },
    "application": {"chat": {"mfa": "required", "knowledge": "handbook"}, "dashboard": True},
}


def put(path: str, value: object) -> Callable[[Json], None]:
    """A change of one setting."""

    def change(settings: Json) -> None:
        *parts, last = path.split(".")
        for part in parts:
            settings = settings.setdefault(part, {})
        settings[last] = value

    return change


def rename_fleet(settings: Json) -> None:
    settings["compute"]["fleets"] = {"answering": settings["compute"]["fleets"].pop("serving")}


def embed_otherwise(settings: Json) -> None:
    handbook = settings["models"]["knowledge"]["handbook"]
    handbook["embedding"] = "amazon.titan-embed-text-v1"
    handbook.pop("dimension", None)
    settings["models"]["bedrock"]["models"].append(handbook["embedding"])


def without_knowledge(settings: Json) -> None:
    settings["models"]["knowledge"] = {}
    settings["application"]["chat"].pop("knowledge")


def with_knowledge(settings: Json) -> None:
    settings["models"]["knowledge"] = copy.deepcopy(SETTINGS["models"]["knowledge"])
    settings["application"]["chat"]["knowledge"] = "handbook"


HANDBOOK = "models.knowledge.handbook"
EMBEDDINGS = "models.endpoints.embeddings"
#: A change that people make of a live environment: what makes it, and the layer and type that it touches.
Change = tuple[Callable[[Json], None], str, str]
#: Deploys, each upon the one before, of changes that have nothing to do with each other.
DEPLOYS: list[dict[str, Change]] = [
    {
        "dimension": (put(f"{HANDBOOK}.dimension", 512), "models", "AWS::S3Vectors::Index"),
        "guardrail": (
            put("models.bedrock.guardrail.denied_words", ["skylark"]),
            "models",
            "AWS::Bedrock::GuardrailVersion",
        ),
        "budget": (put("budget.monthly_usd", 200), "foundation", "AWS::Budgets::Budget"),
    },
    {
        "chunking": (put(f"{HANDBOOK}.chunking", {"strategy": "hierarchical"}), "models", "AWS::Bedrock::DataSource"),
        "zone": (
            put("network.zones", ["us-east-1c", "us-east-1a", "us-east-1b"]),
            "foundation",
            "AWS::EC2::Subnet",
        ),
        "instance type": (put(f"{EMBEDDINGS}.instance_type", "ml.g5.4xlarge"), "hosting", "AWS::SageMaker::Endpoint"),
    },
    {
        "parsing": (put(f"{HANDBOOK}.parsing", {"data_automation": True}), "models", "AWS::Bedrock::DataSource"),
        "group": (
            put(f"{HANDBOOK}.sources.policies.groups", ["staff", "hr"]),
            "application",
            "AWS::Cognito::UserPoolGroup",
        ),
        "fleet renamed": (rename_fleet, "compute", "AWS::AutoScaling::AutoScalingGroup"),
    },
    {
        "store": (put(f"{HANDBOOK}.store", "opensearch"), "models", "AWS::Bedrock::KnowledgeBase"),
        "model of an endpoint": (
            put(f"{EMBEDDINGS}.model", "huggingface-sentencesimilarity-bge-large-en-v1-5"),
            "hosting",
            "AWS::SageMaker::Endpoint",
        ),
        "retention": (put("security.log_days", 7), "application", "AWS::Logs::LogGroup"),
    },
    {
        "owner": (put("owner", "somebody else"), "models", "AWS::OpenSearchServerless::Collection"),
        "embedding model": (embed_otherwise, "models", "AWS::Bedrock::KnowledgeBase"),
        "key of weights": (
            put("models.endpoints.assistant.weights.key_arn", KEY.format("0cd")),
            "hosting",
            "AWS::IAM::ManagedPolicy",
        ),
    },
    {"feature off": (without_knowledge, "application", "AWS::Lambda::Function")},
    {"feature on again": (with_knowledge, "models", "AWS::Bedrock::KnowledgeBase")},
]


class Live:
    """An environment in an account of its own."""

    def __init__(self, home: Home, account: emulator.Account, folder: Path) -> None:
        self.home, self.account, self._folder, self._count = home, account, folder, 0
        self.settings = copy.deepcopy(SETTINGS)

    def assemble(self) -> Path:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        (folder / "live.yaml").write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        return Synthesized("live", folder / "cdk.out", folder).folder

    def deploy(self, assembly: Path | None = None) -> dict[str, Any]:
        self.home.assembly = assembly or self.assemble()
        stand_ins.prepare(self.account, load("live", self.home.assembly.parent))
        return deploy(self.home, self.account, "", Console(file=io.StringIO()))

    def events(self, layer: str) -> list[Json]:
        pages = self.account.client("cloudformation").get_paginator("describe_stack_events")
        return [each for page in pages.paginate(StackName=f"genai-live-{layer}") for each in page["StackEvents"]]

    def ask(self, question: str) -> chat.Reply:
        """Put a question as somebody of the staff."""
        found = chat.deployed(self.account, cdk.stack_names(self.home))
        assert found is not None
        token = chat.sign_in(self.home, self.account, found)
        if "staff" in self.groups(found.pool) and "staff" not in self.member_of(found.pool):
            name = {"UserPoolId": found.pool, "Username": chat.EMAIL}
            self.account.client("cognito-idp").admin_add_user_to_group(**name, GroupName="staff")
            token = chat.sign_in(self.home, self.account, found)
        return chat.ask(found, token, question)

    def groups(self, pool: str) -> set[str]:
        found = self.account.client("cognito-idp").list_groups(UserPoolId=pool)["Groups"]
        return {each["GroupName"] for each in found}

    def member_of(self, pool: str) -> set[str]:
        found = self.account.client("cognito-idp").admin_list_groups_for_user(UserPoolId=pool, Username=chat.EMAIL)
        return {each["GroupName"] for each in found["Groups"]}

    def bucket(self) -> str:
        resources = self.account.client("cloudformation").get_paginator("list_stack_resources")
        (found,) = [
            each["PhysicalResourceId"]
            for page in resources.paginate(StackName="genai-live-models")
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == "AWS::S3::Bucket"
            and each["LogicalResourceId"].startswith("handbookknowledgeBucket")
        ]
        return str(found)

    def put_document(self) -> None:
        self.account.client("s3").put_object(Bucket=self.bucket(), Key="incoming/policies/travel.md", Body=DOCUMENT)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = Home(tmp_path_factory.mktemp("account"))
    with serving() as url:
        try:
            account = emulator.start(home, emulator.ANY_ACCOUNT, "us-east-1")
            home.write(home.model, {"url": url, "model": "", "timeout_seconds": MODEL_SECONDS})
            cdk.bootstrap(home, account)
            made = Live(home, account, tmp_path_factory.mktemp("live"))
            made.deploy()
            made.put_document()
            _cited(made)
            yield made
        finally:
            emulator.stop(home)


def _cited(live: Live) -> None:
    """Wait until the chat answers from the document."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        reply = live.ask("Which travel policy do we have about trains?")
        assert reply.status == 200, reply.body
        if "travel.md" in json.dumps(reply.body):
            return
        assert time.monotonic() < deadline, reply.body
        time.sleep(0.5)


@pytest.mark.parametrize("changes", DEPLOYS, ids=[", ".join(each) for each in DEPLOYS])
def test_what_is_changed_is_deployed_and_the_chat_answers(live: Live, changes: dict[str, Change]) -> None:
    layers = STACKS
    seen = {each["EventId"] for layer in layers for each in live.events(layer)}
    for change, _, _ in changes.values():
        change(live.settings)
    live.deploy()
    new = {layer: [each for each in live.events(layer) if each["EventId"] not in seen] for layer in layers}
    for name, (_, layer, kind) in changes.items():
        assert kind in {each["ResourceType"] for each in new[layer]}, name
    told = [each for events in new.values() for each in events if each["ResourceStatus"].endswith("_FAILED")]
    # As on AWS, a bucket with files cannot be deleted with the feature that it belongs to: the update leaves it.
    left = [each for each in told if each["ResourceType"] == "AWS::S3::Bucket"]
    assert [each for each in told if each not in left] == []
    assert bool(left) == ("feature off" in changes)
    if "feature off" in changes:
        assert live.ask("Hello").status == 200
        return
    if "feature on again" in changes:
        live.put_document()
    _cited(live)
    if "guardrail" in changes:
        assert live.ask("Tell me about skylark").status == 403


def test_what_cannot_be_deployed_is_refused_with_what_to_do(live: Live) -> None:
    kept = copy.deepcopy(live.settings)
    put(f"{HANDBOOK}.dimension", 512)(live.settings)
    put(f"{HANDBOOK}.embedding", "amazon.titan-embed-text-v1")(live.settings)
    with pytest.raises(SettingsError, match="returns vectors of 1536 dimensions, not 512"):
        live.assemble()
    live.settings = kept


def test_a_version_that_readers_still_name_stays(live: Live) -> None:
    """The models are deployed before the application: between them, and if it fails, callers use the version before."""
    live.settings["models"]["bedrock"]["guardrail"]["denied_words"] = ["kingfisher"]
    assembly = live.assemble()

    def break_it(template: Json) -> None:
        (function,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::Lambda::Function"]
        template["Resources"][function]["Properties"]["ReservedConcurrentExecutions"] = 5000

    edit(assembly, "application", break_it)
    with pytest.raises(LocalError, match="below its minimum value of \\[100\\]"):
        live.deploy(assembly)
    assert live.ask("Hello").status == 200
    assert live.ask("Tell me about skylark").status == 403

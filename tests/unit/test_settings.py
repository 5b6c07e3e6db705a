"""Whatever a user can get wrong ends in one message: file, key path, value, and what to write instead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import jsonschema
import pytest
import yaml
from aws_cdk.assertions import Template
from botocore.session import get_session

from aws_genai.data import load as facts
from settings import SettingsError, available, load
from settings.document import SCHEMA, TABLE, schema, table
from settings.loader import CONFIG
from stacks import assemble
from stacks.services import services
from tests.conftest import ROOT
from tests.settings_support import BASE, message, write

NETWORK = {"network": {"zones": ["us-east-1a", "us-east-1b"]}}
BEDROCK = {"models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"]}}}


def fleet(instance_type: str, **properties: Any) -> dict[str, Any]:
    return {**BASE, **NETWORK, "compute": {"fleets": {"one": {"instance_type": instance_type, **properties}}}}


def block(**changed: Any) -> dict[str, Any]:
    whole = {"reservation_id": "cr-0123456789abcdef0", "instances": 1}
    times = {"start": "2027-01-04T11:30:00Z", "end": "2027-01-09T11:30:00Z"}
    return {"capacity": {"block": {key: value for key, value in {**whole, **times, **changed}.items() if value}}}


IMAGE = "111122223333.dkr.ecr.{}.amazonaws.com/train:1"
KEY_ELSEWHERE = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EKS = "arn:aws:eks:us-east-1:111122223333:cluster/research"
STORAGE = {"storage": {"lock_days": 1}}


def queue(region: str = "us-east-1", storage: Any = STORAGE, **properties: Any) -> dict[str, Any]:
    one = {"instance_type": "trn1.32xlarge", "image": IMAGE.format(region), **properties}
    network = {"network": {"zones": [f"{region}a"]}}
    return {**BASE, "region": region, **network, "compute": {**(storage or {}), "queues": {"one": one}}}


def cluster(**properties: Any) -> dict[str, Any]:
    one = {"groups": {"a": {"instance_type": "ml.p5.48xlarge", "instances": 2}}, **properties}
    return {**BASE, **NETWORK, "compute": {**STORAGE, "clusters": {"one": one}}}


def endpoint(**properties: Any) -> dict[str, Any]:
    model = {"model": "huggingface-sentencesimilarity-bge-m3", **properties}
    return {**BASE, **NETWORK, "models": {"endpoints": {"one": model}}}


BGE = "huggingface-sentencesimilarity-bge-m3"


def lab(**more: Any) -> dict[str, Any]:
    return {**BASE, **NETWORK, "models": more}


TUNED = "models.fine_tuning.pipelines.one"


def tuned(**more: Any) -> dict[str, Any]:
    one = {"model": "huggingface-llm-gemma-7b-instruct", "accept_eula": True, **more}
    return {**BASE, **NETWORK, "models": {"fine_tuning": {"pipelines": {"one": one}}}}


def own(**more: Any) -> dict[str, Any]:
    served = {"weights": {"uri": "s3://mine/x"}, "instance_type": "ml.g6.12xlarge", **more}
    return {**BASE, **NETWORK, "models": {"endpoints": {"one": {k: v for k, v in served.items() if v is not None}}}}


def idle(**properties: Any) -> dict[str, Any]:
    whole = endpoint()
    return {**whole, "models": {**whole["models"], "idle": properties}}


#: What is wrong, the settings, and what the message must name.
WRONG: list[tuple[str, dict[str, Any] | str, list[str]]] = [
    ("empty", "", ["is empty", "config/dev.yaml"]),
    ("only a comment", "# nothing\n", ["is empty"]),
    ("not YAML", "project: [demo\n", ["is not YAML"]),
    ("tabs", "project:\n\tname: x\n", ["config/test.yaml:2", "is not YAML"]),
    ("list", "- project\n- region\n", ["holds a list"]),
    ("text", "hello\n", ["holds a str"]),
    (
        "duplicate key",
        "project: demo\nregion: us-east-1\nproject: other\n",
        ["config/test.yaml:3", "'project' stands twice"],
    ),
    ("key that is a number", "1: demo\n", ["key 1 is not text"]),
    ("unknown key", {**BASE, "budgett": {}}, ["budgett", "unknown key", "Did you mean budget?"]),
    (
        "unknown key deep down",
        {**endpoint(), "models": {"endpoints": {"one": {"model": "x", "instance_typ": "y"}}}},
        ["models.endpoints.one.instance_typ", "Did you mean instance_type?"],
    ),
    ("missing key", {"project": "demo"}, ["region: missing"]),
    ("wrong type", {**BASE, "security": {"retain": "yes please"}}, ["security.retain", '"yes please"', "boolean"]),
    ("text for a number", {**BASE, "budget": {"monthly_usd": "much"}}, ["budget.monthly_usd", '"much"', "number"]),
    ("negative budget", {**BASE, "budget": {"monthly_usd": -5}}, ["budget.monthly_usd", "-5", "at least 0.01"]),
    ("list for a section", {**BASE, "security": []}, ["security"]),
    (
        "wrong choice",
        {**BASE, "security": {"packs": ["hippa"]}},
        ["security.packs.0", '"hippa"', "Did you mean hipaa?"],
    ),
    ("unknown Region", {**BASE, "region": "us-east-l"}, ["region", "us-east-l", "Did you mean us-east-"]),
    ("account as a number", {**BASE, "account": 111122223333}, ["account", "111122223333", "string"]),
    ("short account", {**BASE, "account": "1234"}, ["account", '"1234"']),
    (
        "unknown instance type",
        fleet("g6.x2large"),
        ["compute.fleets.one.instance_type", "not an EC2 instance type", "Did you mean g6."],
    ),
    ("not accelerated", fleet("m7i.large"), ["instance_type", "not a Nitro-based type with an accelerator"]),
    ("not Nitro", fleet("p3.2xlarge"), ["instance_type", "Xen", "Did you mean"]),
    ("no image", fleet("inf1.xlarge"), ["instance_type", "Inf1", "inf2.xlarge"]),
    (
        "type the Region lacks",
        fleet("trn2.48xlarge"),
        ["compute.fleets.one.instance_type", "us-east-1 has no", "us-east-2"],
    ),
    (
        "EFA without an adapter",
        fleet("g6.xlarge", efa=True),
        ["fleets.one.efa", "no Elastic Fabric Adapter", "Did you mean"],
    ),
    (
        "alternative for another image",
        fleet("g6.xlarge", alternatives=["inf2.xlarge"]),
        ["fleets.one.alternatives", "need different images"],
    ),
    (
        "EFA on different cards",
        fleet("p5.48xlarge", alternatives=["p4d.24xlarge"], efa=True),
        ["fleets.one.alternatives", "different network cards"],
    ),
    (
        "two ways to buy",
        fleet("p5.48xlarge", capacity={"spot": {}, **block()["capacity"]}),
        ["fleets.one.capacity", "one purchase option", "spot, block"],
    ),
    ("block without dates", fleet("p5.48xlarge", **block(end=None)), ["capacity.block.end", "missing"]),
    (
        "block without a time zone",
        fleet("p5.48xlarge", **block(end="2027-01-09T11:30:00")),
        ["fleets.one.capacity.block.end", "no time zone"],
    ),
    (
        "block that ends first",
        fleet("p5.48xlarge", **block(end="2027-01-03T00:00:00Z")),
        ["capacity", "lasts up to 182 days"],
    ),
    ("type without blocks", fleet("g6.xlarge", **block()), ["fleets.one.capacity", "Capacity Blocks are not offered"]),
    (
        "capacity between steps",
        {
            **fleet("g6.xlarge"),
            "compute": {**fleet("g6.xlarge")["compute"], "storage": {"file_system": {"capacity_gib": 3000}}},
        },
        ["compute.storage.file_system.capacity_gib", "Did you mean 2400?"],
    ),
    (
        "both ways to say which type",
        fleet("g6.xlarge", needs={"platform": "cuda"}),
        ["compute.fleets.one.instance_type", "or the attributes that they need"],
    ),
    (
        "needs that no type meets",
        {
            **BASE,
            **NETWORK,
            "compute": {"fleets": {"one": {"needs": {"platform": "neuron", "total_memory_gib": 9999}}}},
        },
        ["compute.fleets.one.needs", "No type has all of these attributes"],
    ),
    (
        "file system that is not there",
        fleet("g6.xlarge", file_system=True),
        ["compute.fleets.one.file_system", "Add compute.storage.file_system"],
    ),
    (
        "nothing in layer 1",
        {**BASE, **NETWORK, "compute": {"fleets": {}}},
        ["compute", "no fleet, no queue and no cluster"],
    ),
    (
        "lock of an existing bucket",
        queue(storage={"storage": {"lock_days": 30, "data_sets": {"name": "sets-of-mine"}}}),
        ["compute.storage.lock_days", "does not apply to an existing bucket", "configure the bucket sets-of-mine"],
    ),
    (
        "one bucket for data sets and checkpoints",
        queue(storage={"storage": {"data_sets": {"name": "mine"}, "checkpoints": {"name": "mine"}}}),
        ["compute.storage.checkpoints", "could overwrite data sets"],
    ),
    (
        "no name of a bucket",
        queue(storage={"storage": {"data_sets": {"name": "s3://mine"}}}),
        ["compute.storage.data_sets.name", "be the name of a bucket"],
    ),
    (
        "key of a bucket in another Region",
        {
            **fleet("g6.xlarge"),
            "compute": {
                **fleet("g6.xlarge")["compute"],
                "weights": {"bucket": {"name": "mine", "key_arn": KEY_ELSEWHERE}},
            },
        },
        ["compute.weights.bucket.key_arn", "eu-west-1"],
    ),
    (
        "queue on Spot over nodes",
        queue(nodes=2, capacity={"spot": {}}),
        ["queues.one.capacity", "does not run multi-node jobs on Spot"],
    ),
    (
        "queue smaller than a job",
        queue(nodes=4, max_instances=2),
        ["queues.one.max_instances", "Set max_instances to 4"],
    ),
    ("image from a hub", queue(image="pytorch/pytorch:2"), ["queues.one.image", "Amazon ECR", "111122223333.dkr.ecr"]),
    (
        "image of another Region",
        queue(image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/train:1"),
        ["compute.queues.one.image", "eu-west-1", "us-east-1"],
    ),
    ("queue without storage", queue(storage=None), ["compute.queues.one", "Add compute.storage"]),
    (
        "queue type unknown",
        queue(instance_type="trn1.32xlrge"),
        ["queues.one.instance_type", "Did you mean trn1.32xlarge?"],
    ),
    (
        "queue type elsewhere",
        queue(instance_type="trn1n.32xlarge", region="eu-west-1"),
        ["queues.one.instance_type", "eu-west-1 has no"],
    ),
    ("queue with a share of nothing", queue(shares={"a": 0}), ["queues.one.shares", "0.0001"]),
    (
        "queue that mounts nothing",
        queue(file_system=True),
        ["queues.one.file_system", "Add compute.storage.file_system"],
    ),
    (
        "queue with adapters it lacks",
        queue(instance_type="g6.xlarge", efa=True),
        ["queues.one.efa", "no Elastic Fabric Adapter"],
    ),
    (
        "cluster type that HyperPod lacks",
        cluster(groups={"a": {"instance_type": "ml.trn1.2xlarge", "instances": 1}}),
        [
            "clusters.one.groups.a.instance_type: SageMaker HyperPod does not support ml.trn1.2xlarge. Did you mean ml.trn1"
        ],
    ),
    (
        "cluster with two orchestrators",
        cluster(slurm={}, eks={"cluster_arn": EKS}),
        ["clusters.one.eks", "Keep slurm or eks, not both"],
    ),
    (
        "teams where CloudFormation has none",
        {
            **cluster(eks={"cluster_arn": EKS}, teams={"a": {"instance_type": "ml.p5.48xlarge", "instances": 1}}),
            "region": "us-west-2",
            "network": {"zones": ["us-west-2a"]},
        },
        ["compute.clusters.one.teams", "no task governance in us-west-2", "us-east-1"],
    ),
    (
        "nodes under EKS where the registry of HyperPod's agent is not known",
        {
            **cluster(eks={"cluster_arn": EKS}, groups={"a": {"instance_type": "ml.m5.xlarge", "instances": 1}}),
            "region": "ap-southeast-3",
            "network": {"zones": ["ap-southeast-3a"]},
        },
        ["compute.clusters.one.eks", "registry of ap-southeast-3", "Add its account to registries", "us-east-1"],
    ),
    (
        "teams under Slurm",
        cluster(teams={"a": {"instance_type": "ml.p5.48xlarge", "instances": 1}}),
        ["clusters.one.teams", "EKS"],
    ),
    (
        "scripts that are not there",
        cluster(scripts="pretrainig"),
        ["clusters.one.scripts", "Did you mean pretraining?"],
    ),
    (
        "attested on AWS's image",
        fleet("p5.48xlarge", attested=True),
        ["fleets.one.image", "built to be attestable"],
    ),
    (
        "attested without measurements",
        fleet("p5.48xlarge", attested=True, image="ami-0123456789abcdef0"),
        ["compute.fleets.one.attested", "compute.weights.attestation"],
    ),
    (
        "attested without a TPM",
        fleet("trn1.32xlarge", attested=True, image="ami-0123456789abcdef0"),
        ["fleets.one.instance_type", "no NitroTPM"],
    ),
    (
        "measurement that is none",
        {
            **fleet("p5.48xlarge"),
            "compute": {**fleet("p5.48xlarge")["compute"], "weights": {"attestation": {"pcr4": "ab"}}},
        },
        ["weights.attestation", "96 hexadecimal digits"],
    ),
    (
        "two of one name",
        {**queue(), "compute": {**queue()["compute"], **fleet("g6.xlarge")["compute"]}},
        ["compute.queues.one", "fleets.one create resources with the same name"],
    ),
    (
        "model too large",
        fleet("g6.xlarge", model={"parameters_billion": 70}),
        ["fleets.one.model", "needs 135 GiB", "Did you mean g7e.12xlarge?"],
    ),
    (
        "schedule beyond the group",
        fleet("g6.xlarge", schedules=[{"cron": "0 7 * * *", "instances": 2}]),
        ["fleets.one.schedules", "Raise max_instances"],
    ),
    (
        "working time that ends first",
        idle(working_hours={"start": 18, "end": 8}),
        ["models.idle.working_hours.end", "ends at 8"],
    ),
    (
        "unknown time zone",
        idle(working_hours={"time_zone": "Europe/Berln"}),
        ["models.idle.working_hours.time_zone", "Did you mean Europe/Berlin?"],
    ),
    ("idle too long", idle(hours=1000), ["models.idle.hours", "336"]),
    (
        "unknown model",
        endpoint(model="huggingface-sentencesimilarity-bge-m4"),
        ["models.endpoints.one.model", "Did you mean huggingface-sentencesimilarity-bge-m3?"],
    ),
    (
        "type the model lacks",
        endpoint(instance_type="ml.g6.xlarge"),
        ["models.endpoints.one.instance_type", "does not run on ml.g6.xlarge", "Did you mean ml.g"],
    ),
    (
        "EULA",
        endpoint(model="meta-textgeneration-llama-3-1-8b-instruct"),
        ["models.endpoints.one.accept_eula", "licence", "accept_eula to true"],
    ),
    (
        "instances the wrong way round",
        endpoint(min_instances=3, max_instances=2),
        ["models.endpoints.one.max_instances", "max_instances to 3"],
    ),
    (
        "instances and none",
        endpoint(min_instances=2, scale_to_zero=True),
        ["models.endpoints.one.min_instances", "a minimum of 2 instances", "Leave min_instances or scale_to_zero out"],
    ),
    (
        "warm hours that change nothing",
        endpoint(min_instances=2, max_instances=4, warm={"instances": 2}),
        ["models.endpoints.one.warm", "must be 3 to 4, not 2", "raise max_instances"],
    ),
    (
        "warm hours in no zone",
        endpoint(warm={"instances": 2, "time_zone": "Europe/Berln"}),
        ["models.endpoints.one.warm.time_zone", "Europe/Berln is no time zone", "Did you mean Europe/Berlin?"],
    ),
    ("neither model nor weights", own(weights=None), ["models.endpoints.one.model", "Set model, or weights.uri"]),
    (
        "weights and a model",
        own(model="huggingface-sentencesimilarity-bge-m3"),
        ["models.endpoints.one.model", "exclude each other"],
    ),
    (
        "weights nowhere",
        own(weights={"uri": "models/x"}),
        ["models.endpoints.one.weights", "s3://bucket/model/version"],
    ),
    ("weights on no type", own(instance_type=None), ["models.endpoints.one.instance_type", "make choose"]),
    (
        "weights on an unknown type",
        own(instance_type="ml.g6.13xlarge"),
        ["models.endpoints.one.instance_type", "Did you mean g6.16xlarge?"],
    ),
    (
        "weights on a type that the server lacks",
        own(weights={"uri": "s3://mine/x", "server": "neuron"}),
        ["models.endpoints.one.instance_type", "Choose a type of inf2"],
    ),
    (
        "weights in no server",
        own(weights={"uri": "s3://mine/x", "server": "vlm"}),
        ["models.endpoints.one.weights.server", "vllm"],
    ),
    (
        "weights where no registry has the server",
        {
            **own(weights={"uri": "s3://mine/x"}, instance_type="ml.inf2.xlarge"),
            "region": "eu-north-1",
            "network": {"zones": ["eu-north-1a"]},
        },
        ["models.endpoints.one.weights.server", "not available in eu-north-1"],
    ),
    (
        "a linear shift in small steps",
        endpoint(traffic={"kind": "linear", "percent": 5}),
        ["models.endpoints.one.traffic", "10 to 50 percent"],
    ),
    (
        "no instance to keep",
        endpoint(retain_capacity=True, scale_to_zero=True),
        [
            "models.endpoints.one.retain_capacity",
            "has no capacity to retain",
            "Leave retain_capacity or scale_to_zero out",
        ],
    ),
    (
        "a role that is no ARN",
        endpoint(execution_role="hosting"),
        ["models.endpoints.one.execution_role", "be the ARN of a role"],
    ),
    (
        "a bucket of data sets by its ARN",
        lab(fine_tuning={"bucket": {"name": "arn:aws:s3:::ours"}}),
        ["models.fine_tuning.bucket.name", "be the name of a bucket"],
    ),
    (
        "a bucket of data sets without a name",
        lab(fine_tuning={"bucket": {}}),
        ["models.fine_tuning.bucket.name", "missing"],
    ),
    ("a shift to more than all", endpoint(traffic={"percent": 60}), ["models.endpoints.one.traffic.percent", "50"]),
    (
        "a queue and components",
        endpoint(asynchronous={}, scale_to_zero=True),
        ["models.endpoints.one.scale_to_zero", "scales to zero by itself"],
    ),
    (
        "models together without components",
        endpoint(beside={"other": {"model": "huggingface-sentencesimilarity-gte-small"}}),
        ["models.endpoints.one.beside", "Set scale_to_zero to true"],
    ),
    (
        "an unknown model beside",
        endpoint(scale_to_zero=True, beside={"other": {"model": "gte"}}),
        ["models.endpoints.one.beside.other.model: gte", "not a model of the JumpStart catalogue"],
    ),
    (
        "a shadow of nothing",
        endpoint(shadow={"model": "huggingface-sentencesimilarity-gte-small", "percent": 0}),
        ["models.endpoints.one.shadow.percent", "1"],
    ),
    (
        "a model whose fine-tuning nobody knows",
        tuned(model="huggingface-llm-phi-2"),
        [f"{TUNED}.model", "huggingface-llm-phi-2 cannot be fine-tuned", "gemma-7b-instruct"],
    ),
    (
        "evaluation on a type that batch transform lacks",
        tuned(endpoint={"instance_type": "ml.p4d.24xlarge"}),
        [f"{TUNED}.endpoint", "has no ml.p4d.24xlarge", "Did you mean"],
    ),
    ("fine-tuning without the licence", tuned(accept_eula=False), [f"{TUNED}.accept_eula", "licence"]),
    (
        "a hyperparameter out of range",
        tuned(hyperparameters={"epoch": 5000}),
        [f"{TUNED}.hyperparameters", "epoch of 5000 is out of range", "from 1 to 1000"],
    ),
    (
        "a hyperparameter nobody knows",
        tuned(hyperparameters={"epochs": 5}),
        [f"{TUNED}.hyperparameters", "epochs is not", "Did you mean epoch?"],
    ),
    ("training on another type", tuned(instance_type="ml.g5.xlarge"), [f"{TUNED}.instance_type", "Did you mean ml.g5"]),
    (
        "serving on another type",
        tuned(endpoint={"instance_type": "ml.g5.xlarge"}),
        [f"{TUNED}.endpoint", "does not run on ml.g5.xlarge"],
    ),
    ("a threshold of nothing", tuned(thresholds={"bleu": 0.1}), [f"{TUNED}.thresholds.bleu", "f1"]),
    ("no threshold", tuned(thresholds={}), [f"{TUNED}.thresholds", "at least 1"]),
    ("an impossible threshold", tuned(thresholds={"f1": 2}), [f"{TUNED}.thresholds.f1", "1"]),
    ("a method nobody knows", tuned(method="instruct"), [f"{TUNED}.method", "Did you mean instruction?"]),
    (
        "an approver that is no role",
        {**tuned(), "models": {"fine_tuning": {"approver_roles": ["ann"], "pipelines": {}}}},
        ['models.fine_tuning.approver_roles.0 = "ann"'],
    ),
    (
        "a pipeline named like an endpoint",
        {
            **tuned(),
            "models": {**tuned()["models"], "endpoints": {"one": {"model": "huggingface-sentencesimilarity-bge-m3"}}},
        },
        ["models.fine_tuning", "both called one"],
    ),
    (
        "fine-tuning where the model is not",
        {**tuned(), "region": "ap-southeast-6", "network": {"zones": ["ap-southeast-6a"]}},
        [f"{TUNED}.model", "not available in ap-southeast-6"],
    ),
    (
        "a hub with an unknown model",
        lab(hub={"models": ["gpt"]}),
        ["models.hub.models", "not a model of the JumpStart catalogue"],
    ),
    ("a hub of nothing", lab(hub={}), ["models.hub", "Name models"]),
    ("a hub with a model twice", lab(hub={"models": [BGE, BGE]}), ["models.hub.models", "twice"]),
    (
        "a hub with a model of another Region",
        {**lab(hub={"models": [BGE]}), "region": "ap-southeast-6", "network": {"zones": ["ap-southeast-6a"]}},
        ["models.hub.models", "not available in ap-southeast-6"],
    ),
    (
        "a persona nobody knows",
        lab(studio={"people": {"ann": "scientist"}}),
        ["models.studio.people.ann", "Did you mean data-scientist?"],
    ),
    ("a person with a domain", lab(studio={"people": {"ann@x.org": "approver"}}), ["models.studio.people"]),
    ("spaces that stop too soon", lab(studio={"idle_minutes": 5}), ["models.studio.idle_minutes", "60"]),
    ("no type for spaces", lab(studio={"instance_types": []}), ["models.studio.instance_types"]),
    ("a studio without a network", {**BASE, "models": {"studio": {}}}, ["network", "Add network"]),
    (
        "nothing to watch",
        {**BASE, **NETWORK, "models": {"endpoints": {"one": {"model": BGE}}, "monitoring": {}}},
        ["models.monitoring", "Set data_capture_percent"],
    ),
    ("a limit that nothing passes", lab(monitoring={"least_f1": 2}), ["models.monitoring.least_f1", "1"]),
    (
        "model not in the Region",
        {**endpoint(), "region": "ap-southeast-6", "network": {"zones": ["ap-southeast-6a"]}},
        ["models.endpoints.one.model", "not available in ap-southeast-6"],
    ),
    (
        "model by profile only",
        {**BASE, "models": {"bedrock": {"models": ["anthropic.claude-nothing"]}}},
        ["models.bedrock.models", "anthropic.claude-nothing", "Did you mean"],
    ),
    (
        "model past its end of life",
        {**BASE, "models": {"bedrock": {"models": ["us.meta.llama3-2-90b-instruct-v1:0"]}}},
        ["models.bedrock.models", "end of life on 2026-07-07", "Did you mean"],
    ),
    (
        "model of another geography",
        {**BASE, "models": {"bedrock": {"models": ["eu.amazon.nova-lite-v1:0"]}}},
        ["models.bedrock.models", "cannot be called from us-east-1", "or us.amazon.nova-lite-v1:0?"],
    ),
    (
        "provider unknown",
        {**BASE, "models": {"bedrock": {**BEDROCK["models"]["bedrock"], "providers": ["antropic"]}}},
        ["models.bedrock.providers", "Did you mean anthropic?"],
    ),
    (
        "provider not allowed",
        {**BASE, "models": {"bedrock": {**BEDROCK["models"]["bedrock"], "providers": ["anthropic"]}}},
        ["models.bedrock.models", "provider amazon, and only anthropic", "Add amazon to models.bedrock.providers"],
    ),
    (
        "use not allowed",
        {**BASE, "models": {"bedrock": {**BEDROCK["models"]["bedrock"], "uses": ["rerank"]}}},
        ["models.bedrock.models", "use chat, and only rerank"],
    ),
    (
        "knob that the model lacks",
        {
            **BASE,
            "models": {"bedrock": {"models": ["us.anthropic.claude-opus-5"]}},
            "application": {"chat": {"parameters": {"us.anthropic.claude-opus-5": {"temperature": 0.1}}}},
        },
        [
            "application.chat.parameters.us.anthropic.claude-opus-5.temperature",
            "does not support temperature",
            "Leave it out",
        ],
    ),
    (
        "knob of a model that is not offered",
        {**BASE, **BEDROCK, "application": {"chat": {"parameters": {"amazon.nova-light-v1:0": {}}}}},
        ["application.chat.parameters", "not offered", "Did you mean amazon.nova-lite-v1:0?"],
    ),
    (
        "reasoning within one Region",
        {
            **BASE,
            "models": {
                "bedrock": {
                    "models": ["amazon.nova-lite-v1:0"],
                    "guardrail": {
                        "automated_reasoning": [
                            "arn:aws:bedrock:us-east-1:111122223333:automated-reasoning-policy/a1b2c3d4e5f6"
                        ]
                    },
                }
            },
        },
        ["models.bedrock.guardrail", "require cross-Region inference", "Set cross_region"],
    ),
    (
        "pattern that is none",
        {
            **BASE,
            "models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"], "guardrail": {"patterns": {"badge": "B-(["}}}},
        },
        ["models.bedrock.guardrail.patterns", "badge is not a regular expression"],
    ),
    (
        "mask unknown",
        {
            **BASE,
            "models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"], "invocation_log": {"mask": ["Emails"]}}},
        },
        ["models.bedrock.invocation_log.mask", "Did you mean EmailAddress?"],
    ),
    (
        "enforced on all but an unknown model",
        {
            **BASE,
            "models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"], "enforce": {"excluded": ["amazon.titan"]}}},
        },
        ["models.bedrock.enforce", "amazon.titan is not a Bedrock model"],
    ),
    (
        "knowledge with an embedding model that is not allowed",
        {
            **BASE,
            **{"models": {**BEDROCK["models"], "knowledge": {"handbook": {"sources": {"a": {"groups": ["staff"]}}}}}},
        },
        ["models.knowledge.handbook.embedding", "not among models.bedrock.models", "Add it there"],
    ),
    (
        "knowledge without a reader",
        {
            **BASE,
            **{"models": {**BEDROCK["models"], "knowledge": {"handbook": {"sources": {"a": {"groups": []}}}}}},
        },
        ["models.knowledge.handbook.sources.a.groups", "at least 1"],
    ),
    (
        "knowledge with vectors that the model does not make",
        {
            **BASE,
            **{
                "models": {
                    **BEDROCK["models"],
                    "knowledge": {"handbook": {"sources": {"a": {"groups": ["staff"]}}, "dimension": 500}},
                }
            },
        },
        ["models.knowledge.handbook", "returns vectors of 256 or 512 or 1024 dimensions"],
    ),
    (
        "chat over documents that are not there",
        {**BASE, **BEDROCK, "application": {"chat": {"knowledge": "handbook"}}},
        ["application.chat.knowledge", "handbook is not among models.knowledge"],
    ),
    (
        "imported without a guardrail",
        {**BASE, "models": {"imported": {"support": {"uri": "s3://models/support/1"}}}},
        ["models.imported", "invoked through the guardrail", "Add models"],
    ),
    (
        "imported from nowhere",
        {**BASE, "models": {**BEDROCK["models"], "imported": {"support": {"uri": "support/1"}}}},
        ["models.imported.support", "is not an S3 location", "s3://bucket/model/version"],
    ),
    (
        "imported under a long name",
        {
            **BASE,
            "project": "ademonstrationproje",
            "models": {**BEDROCK["models"], "imported": {"s" * 24: {"uri": "s3://models/support/1"}}},
        },
        [f"models.imported.{'s' * 24}", "AWS allows 40"],
    ),
    (
        "budget of nothing",
        {**BASE, **BEDROCK, "application": {"chat": {"budget": {"requests_per_day": 0}}}},
        ["application.chat.budget.requests_per_day", "at least 1"],
    ),
    (
        "model named twice",
        {**BASE, "models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"] * 2}}},
        ["models.bedrock.models", "twice"],
    ),
    (
        "personal data unknown",
        {
            **BASE,
            "models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"], "guardrail": {"pii": {"EMIAL": "BLOCK"}}}},
        },
        ["models.bedrock.guardrail.pii", "Did you mean EMAIL?"],
    ),
    (
        "guardrail Region",
        {**BASE, "models": {"bedrock": {"models": ["amazon.nova-lite-v1:0"], "regions": ["mars-1"]}}},
        ["models.bedrock.regions", "mars-1"],
    ),
    (
        "range too small",
        {**endpoint(), "network": {"cidr": "10.0.0.0/28", "zones": ["us-east-1a", "us-east-1b"]}},
        ["network.cidr", "too small for 8 zones", "/25"],
    ),
    (
        "range too large",
        {**endpoint(), "network": {"cidr": "10.0.0.0/8", "zones": ["us-east-1a"]}},
        ["network.cidr", "/16"],
    ),
    (
        "no range",
        {**endpoint(), "network": {"cidr": "ten", "zones": ["us-east-1a"]}},
        ["network.cidr", "ten is not an IPv4 network"],
    ),
    (
        "zone elsewhere",
        {**endpoint(), "network": {"zones": ["us-west-2a"]}},
        ["network.zones", "us-west-2a is not a zone of us-east-1"],
    ),
    ("zone twice", {**endpoint(), "network": {"zones": ["us-east-1a", "us-east-1a"]}}, ["network.zones", "twice"]),
    (
        "network left out",
        {key: value for key, value in endpoint().items() if key != "network"},
        ["network", "use a VPC", "Add network"],
    ),
    (
        "layer left out",
        {**BASE, "application": {"chat": {}}},
        ["application.chat", "requires models.bedrock", "leave out application.chat"],
    ),
    (
        "chat with a model left out",
        {**BASE, **BEDROCK, "application": {"chat": {"models": ["amazon.nova-pro-v1:0"]}}},
        ["application.chat.models", "amazon.nova-pro-v1:0", "amazon.nova-lite-v1:0"],
    ),
    (
        "chat with an embedding model",
        {
            **BASE,
            "models": {"bedrock": {"models": ["amazon.titan-embed-text-v2:0"]}},
            "application": {"chat": {"models": ["amazon.titan-embed-text-v2:0"]}},
        },
        ["application.chat.models", "for embedding, not for chat"],
    ),
    (
        "too many tokens",
        {**BASE, **BEDROCK, "application": {"chat": {"max_tokens": 50_000}}},
        ["application.chat.max_tokens", "at most 2048"],
    ),
    (
        "concurrency that cannot carry the rate",
        {**BASE, **BEDROCK, "application": {"chat": {"concurrency": 20, "requests_per_second": 10}}},
        [
            "application.chat.concurrency",
            "10 requests a second of 4 s each take 40 answers at a time",
            "to 40 or more",
            "requests_per_second to 5 or less",
        ],
    ),
    (
        "rate that no account can reserve for",
        {
            **BASE,
            **BEDROCK,
            "security": {"reserved_concurrency": True},
            "application": {"chat": {"requests_per_second": 200, "burst": 400}},
        },
        ["application.chat.requests_per_second", "1,200", "900", "Let in less"],
    ),
    ("name with capitals", {**BASE, "project": "Demo"}, ["project", '"Demo"']),
    ("environment of another name", {**BASE, "environment": "other"}, ["environment", "other", "test"]),
    (
        "packs without copies",
        {**BASE, "security": {"packs": ["hipaa"]}},
        ["security.replicas", "second copy", "to true"],
    ),
    (
        "packs without reserved concurrency",
        {**BASE, "security": {"packs": ["hipaa"], "replicas": True}},
        ["security.reserved_concurrency", "reserved concurrency", "to true"],
    ),
    (
        "break glass that nobody hears",
        {
            **fleet("g6.xlarge"),
            "security": {"audit_trail": False},
            "compute": {
                **fleet("g6.xlarge")["compute"],
                "weights": {"break_glass_role": "arn:aws:iam::111122223333:role/break-glass"},
            },
        },
        ["compute.weights.break_glass_role", "audit trail", "security.audit_trail to true"],
    ),
    ("log days", {**BASE, "security": {"log_days": 31}}, ["security.log_days", "31"]),
]


@pytest.mark.parametrize(("content", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_settings_are_explained(tmp_path: Path, content: dict[str, Any] | str, words: list[str]) -> None:
    text = message(tmp_path, content)
    assert text.startswith("config/test.yaml")
    for word in words:
        assert word in text


def test_no_budget_is_written_as_null(tmp_path: Path) -> None:
    for text, emails in (
        ("budget: null", []),
        ("budget: {monthly_usd: null, emails: [a@example.com]}", ["a@example.com"]),
    ):
        budget = load("test", write(tmp_path, f"{yaml.safe_dump(BASE)}{text}\n")).budget
        assert (budget.monthly_usd, budget.emails) == (None, emails)
    assert load("test", write(tmp_path, yaml.safe_dump(BASE))).budget.monthly_usd == 100
    # A key with nothing behind it may have been forgotten.
    assert "budget: is empty" in message(tmp_path, f"{yaml.safe_dump(BASE)}budget:\n")


@pytest.mark.parametrize("budget", ["budget: {}", "budget: null", "budget: {monthly_usd: null}"])
def test_without_a_budget_none_is_created(tmp_path: Path, budget: str) -> None:
    settings = load("test", write(tmp_path, f"{yaml.safe_dump(BASE)}{budget}\n"))
    app = cdk.App()
    assemble(app, settings)
    template = Template.from_stack(cast("cdk.Stack", app.node.find_child("foundation")))
    template.resource_count_is("AWS::Budgets::Budget", 1 if budget == "budget: {}" else 0)


def test_a_private_chat_uses_the_vpc_and_its_interface_endpoint(tmp_path: Path) -> None:
    chat: dict[str, Any] = {**BASE, **BEDROCK, "application": {"chat": {"private_api": {}}}}
    assert "use a VPC" in message(tmp_path, chat)
    chat["network"] = {"zones": ["us-east-1a", "us-east-1b"]}
    settings = load("test", write(tmp_path, yaml.safe_dump(chat)))
    assert services(settings) == ["execute-api"]
    app = cdk.App()
    assemble(app, settings)
    endpoints = Template.from_stack(cast("cdk.Stack", app.node.find_child("foundation")))
    names = json.dumps(endpoints.find_resources("AWS::EC2::VPCEndpoint"))
    assert ".execute-api" in names
    api = Template.from_stack(cast("cdk.Stack", app.node.find_child("application")))
    api.has_resource_properties("AWS::ApiGateway::RestApi", {"EndpointConfiguration": {"Types": ["PRIVATE"]}})
    # The function stays where it was.
    assert "VpcConfig" not in json.dumps(api.find_resources("AWS::Lambda::Function"))


def test_what_a_chat_brings_is_checked_with_its_key_path(tmp_path: Path) -> None:
    certificate = "arn:aws:acm:eu-west-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
    for chat, words in (
        ({"allowed_origins": ["*"]}, ["application.chat.allowed_origins.0", "exact origin"]),
        ({"allowed_addresses": ["10.0.0.1/8"]}, ["application.chat.allowed_addresses.0", "Write 10.0.0.0/8"]),
        (
            {"domain": {"name": "chat.example.com", "certificate_arn": certificate}},
            ["application.chat.domain.certificate_arn", "eu-west-1"],
        ),
        ({"user_pool": {"arn": "x"}}, ["application.chat.user_pool.arn", "ARN of a user pool"]),
    ):
        text = message(tmp_path, {**BASE, **BEDROCK, "application": {"chat": chat}})
        for word in words:
            assert word in text


def test_name_too_long_for_a_resource(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    name = "e" * 24
    content = {**endpoint(), "project": "p" * 24}
    content["models"] = {"endpoints": {"m" * 24: {"model": "huggingface-sentencesimilarity-bge-m3"}}}
    (config / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"Endpoint .* would have 74 characters; AWS allows 63.* by 11"):
        load(name, config)


def test_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such environment\. Did you mean reference\?"):
        load("referense")


def test_unreadable_file(tmp_path: Path) -> None:
    config = write(tmp_path, "")
    (config / "test.yaml").write_bytes(b"project: \xff\xfe\n")
    with pytest.raises(SettingsError, match="UTF-8"):
        load("test", config)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = message(tmp_path, {**BASE, "region": "nowhere", "budgett": {}, "budget": {"monthly_usd": -1}})
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("name", available())
def test_shipped_files_load_and_satisfy_the_schema(name: str) -> None:
    load(name)
    text = (CONFIG / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=settings.schema.json\n")
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(yaml.safe_load(text))


def test_schema_refuses_what_the_models_refuse() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema()))
    assert not validator.is_valid({**BASE, "budgett": {}})
    assert not validator.is_valid({**BASE, "budget": {"monthly_usd": -1}})
    assert not validator.is_valid({**BASE, "network": None})
    assert validator.is_valid({**BASE, "budget": None})
    assert validator.is_valid({**BASE, "budget": {"monthly_usd": None}})


def test_written_documents_are_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(), "run: make docs"
    assert TABLE.read_text(encoding="utf-8") == table(), "run: make docs"


def test_regions_are_those_that_boto3_knows() -> None:
    session = get_session()
    known = {
        region for part in session.get_available_partitions() for region in session.get_available_regions("ec2", part)
    }
    assert set(facts("regions")["regions"]) == known


def test_each_layer_can_be_left_out(tmp_path: Path) -> None:
    for part in (
        {},
        BEDROCK,
        fleet("inf2.xlarge"),
        endpoint(),
        {**BEDROCK, "application": {"chat": {}}},
        {"application": {}},
    ):
        settings = load("test", write(tmp_path, yaml.safe_dump({**BASE, **part})))
        assert settings.prefix == "demo-test"


@pytest.mark.parametrize(("name", "packs"), [("dev", 0), ("prod", 3), ("reference", 3)])
def test_promises_of_the_shipped_environments(name: str, packs: int) -> None:
    settings = load(name)
    assert len(settings.security.packs) == packs
    if name == "dev":
        assert not (settings.models and settings.models.endpoints)
        assert settings.compute is None
    if name == "prod":
        assert settings.network
        assert len(settings.network.zones) >= 2
        assert settings.security.retain
        assert settings.security.audit_trail
        assert settings.security.private_functions
        assert settings.application
        assert settings.application.chat
        assert settings.application.chat.mfa == "required"
        assert all(item.min_instances >= 2 for item in settings.models.endpoints.values()) if settings.models else True


def test_settings_are_read_without_the_cdk() -> None:
    code = (
        "import sys, settings; settings.load('reference'); print([m for m in sys.modules if m.startswith('aws_cdk')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"

"""What can be set wrong about models that are paid by the token ends in one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import load
from tests.settings_support import BASE, message, write

LITE, EMBED = "amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"
COHERE, ACROSS = "cohere.embed-multilingual-v3", {"cross_region": True}
AR = "arn:aws:bedrock:us-east-1:111122223333:automated-reasoning-policy/a1b2c3d4e5f6"
MODEL = "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl"
COLLECTION = {
    "arn": "arn:aws:aoss:us-east-1:111122223333:collection/07tjusf2h91cunochc",
    "name": "shared",
    "index": "handbook",
}
KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DOCUMENTS: dict[str, Any] = {"handbook": {"sources": {"a": {"groups": ["staff"]}}}}


def bedrock(**more: Any) -> dict[str, Any]:
    return {**BASE, "models": {"bedrock": {"models": [LITE, EMBED]}, **more}}


def evaluated(**more: Any) -> dict[str, Any]:
    return bedrock(evaluations={"both": {"models": [LITE], **more}}, knowledge=DOCUMENTS)


BOTH = "models.evaluations.both"
WRONG: list[tuple[str, dict[str, Any], list[str]]] = [
    ("evaluated without a model", evaluated(models=[]), [f"{BOTH}.models", "at least 1"]),
    (
        "evaluated without permission",
        evaluated(models=["amazon.nova-pro-v1:0"]),
        [BOTH, "amazon.nova-pro-v1:0 is not among models.bedrock.models", "Add it there"],
    ),
    (
        "evaluated by a judge without permission",
        evaluated(judge={"model": "amazon.nova-pro-v1:0"}),
        [BOTH, "not among"],
    ),
    ("evaluated embedding", evaluated(models=[EMBED]), [BOTH, EMBED]),
    (
        "judged by what is no metric",
        evaluated(judge={"model": LITE, "metrics": ["Corectness"]}),
        [BOTH, "Corectness is not a metric", "Correctness"],
    ),
    ("threshold of what is not measured", evaluated(thresholds={"speed": 1}), [BOTH, "speed is not measured"]),
    (
        "evaluated with documents of nobody",
        evaluated(knowledge="handbook"),
        [BOTH, "no group whose documents", "Set both knowledge and groups"],
    ),
    (
        "evaluated with documents that are not there",
        evaluated(knowledge="handbok", groups=["staff"]),
        [f"{BOTH}.knowledge", "handbok is not among models.knowledge", "handbook"],
    ),
    (
        "batch of a model without permission",
        bedrock(batches={"all": {"model": "amazon.nova-pro-v1:0"}}),
        ["models.batches.all.model", "not among models.bedrock.models"],
    ),
    ("batch of embeddings", bedrock(batches={"all": {"model": EMBED}}), ["models.batches.all", EMBED]),
    (
        "batch that fails more than wholly",
        bedrock(batches={"all": {"model": LITE, "most_failed_percent": 200}}),
        ["models.batches.all.most_failed_percent", "100"],
    ),
    (
        "prompt whose test gives other variables",
        bedrock(prompts={"one": {"text": "Say {{what}}", "model": LITE, "tests": [{"given": {"who": "a"}}]}}),
        ["models.prompts.one.tests.0.given", "has values for who, and the prompt has the variables what"],
    ),
    (
        "prompt of a model without permission",
        bedrock(prompts={"one": {"text": "Hi", "model": "amazon.nova-pro-v1:0"}}),
        ["models.prompts.one.model", "not among models.bedrock.models"],
    ),
    (
        "prompt with an odd variable",
        bedrock(prompts={"one": {"text": "Say {{a-b}}", "model": LITE}}),
        ["models.prompts.one.text", "{{a-b}} is not a valid variable"],
    ),
    (
        "flow of a prompt that is not there",
        bedrock(flows={"all": {"steps": {"first": {"prompt": "one"}}}}),
        ["models.flows.all.steps.first.prompt", "There is no prompt one. Add the prompt"],
    ),
    (
        "router between families",
        bedrock(routers={"both": {"models": [LITE, "us.anthropic.claude-sonnet-4-6"]}}),
        ["models.routers.both.models", "A prompt router does not support", "Amazon Nova"],
    ),
    (
        "vectors too long for their store",
        {
            **BASE,
            "network": {"zones": ["us-east-1a", "us-east-1b"]},
            "models": {
                "bedrock": {"models": ["amazon.nova-2-multimodal-embeddings-v1:0"]},
                "knowledge": {
                    "handbook": {
                        "sources": {"a": {"groups": ["staff"]}},
                        "embedding": "amazon.nova-2-multimodal-embeddings-v1:0",
                        "dimension": 3072,
                        "store": "aurora",
                    }
                },
            },
        },
        ["models.knowledge.handbook", "aurora stores vectors of at most 2,000 dimensions", "dimension"],
    ),
    (
        "collection under a long name",
        {
            **bedrock(knowledge={"a-handbook-of-rules": {**DOCUMENTS["handbook"], "store": "opensearch"}}),
            "project": "ademonstrationproje",
        },
        ["models.knowledge.a-handbook-of-rules", "AWS allows 28"],
    ),
    (
        "database without a network",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "store": "aurora"}}),
        ["network"],
    ),
    (
        "customization of what is not customized",
        bedrock(fine_tuning={"customized": {"tone": {"base": EMBED}}}),
        ["models.fine_tuning.customized.tone.base", "is not a model whose customization is known"],
    ),
    (
        "customization out of range",
        bedrock(fine_tuning={"customized": {"tone": {"base": LITE, "hyperparameters": {"epochCount": 9}}}}),
        ["models.fine_tuning.customized.tone.hyperparameters.epochCount", "goes from 1 to 5 in whole numbers"],
    ),
    (
        "distillation without a teacher",
        bedrock(fine_tuning={"customized": {"tone": {"base": LITE, "kind": "distillation"}}}),
        ["models.fine_tuning.customized.tone.teacher", "Distillation needs a teacher"],
    ),
    (
        "distillation of a smaller model",
        bedrock(
            fine_tuning={
                "customized": {
                    "tone": {
                        "base": "amazon.nova-pro-v1:0",
                        "kind": "distillation",
                        "teacher": "amazon.nova-pro-v1:0",
                    }
                }
            }
        ),
        ["models.fine_tuning.customized.tone.teacher", "does not learn from", "Choose a smaller base"],
    ),
    (
        "throughput without a guardrail",
        {
            **BASE,
            "models": {
                "provisioned": {
                    "peak": {
                        "model": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
                        "units": 1,
                        "usd_per_hour": 1,
                    }
                }
            },
        },
        ["models.provisioned", "through the guardrail of models.bedrock"],
    ),
    (
        "throughput without a price",
        bedrock(provisioned={"peak": {"model": "arn:aws:bedrock:us-east-1::foundation-model/a.b", "units": 1}}),
        ["models.provisioned.peak.usd_per_hour", "missing"],
    ),
    (
        "words in vectors only",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "search": {"hybrid": True}}}),
        ["models.knowledge.handbook.search.hybrid", "searches vectors only", "store: aurora or opensearch"],
    ),
    (
        "reranked by a model without permission",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "search": {"rerank": "cohere.rerank-v3-5:0"}}}),
        ["models.knowledge.handbook", "cohere.rerank-v3-5:0 is not among models.bedrock.models"],
    ),
    (
        "read by two",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "parsing": {"model": LITE, "data_automation": True}}}),
        ["models.knowledge.handbook.parsing.model", "exclude each other", "Leave model or data_automation out"],
    ),
    (
        "pages without https",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "web": {"b": {"urls": ["x"], "groups": ["staff"]}}}}),
        ["models.knowledge.handbook.web.b.urls", "x is not an HTTPS address"],
    ),
    (
        "a collection that the store is not in",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "collection": COLLECTION}}),
        ["models.knowledge.handbook.collection", "the store is s3", "Set store: opensearch"],
    ),
    (
        "a collection in another Region",
        {
            **bedrock(
                knowledge={"handbook": {**DOCUMENTS["handbook"], "store": "opensearch", "collection": COLLECTION}}
            ),
            "region": "us-west-2",
        },
        ["models.knowledge.handbook.collection.arn", "is not in us-west-2"],
    ),
    (
        "a bucket of documents by its address",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "documents": {"bucket": "s3://theirs"}}}),
        ["models.knowledge.handbook.documents.bucket", "be the name of a bucket"],
    ),
    (
        "a prefix of documents that does not end",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "documents": {"bucket": "theirs", "prefix": "wiki"}}}),
        ["models.knowledge.handbook.documents.prefix", "ends in /"],
    ),
    (
        "a key of documents in another Region",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "documents": {"bucket": "theirs", "key_arn": KEY}}}),
        ["models.knowledge.handbook.documents.key_arn", "is not in us-east-1"],
    ),
    (
        "two sources of one name",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "custom": {"a": {"groups": ["staff"]}}}}),
        ["models.knowledge.handbook", "Two sources are called a"],
    ),
    (
        "automated reasoning that is enforced",
        bedrock(bedrock={"models": [LITE], "enforce": {}, "guardrail": {**ACROSS, "automated_reasoning": [f"{AR}:1"]}}),
        ["models.bedrock.guardrail.automated_reasoning", "cannot be enforced", "leave enforce out"],
    ),
    (
        "automated reasoning without a version",
        bedrock(bedrock={"models": [LITE], "guardrail": {**ACROSS, "automated_reasoning": [AR]}}),
        ["models.bedrock.guardrail.automated_reasoning", "has no version", f"such as {AR}:1"],
    ),
    (
        "guardrail across a geography that has no profile",
        {**bedrock(bedrock={"models": ["deepseek.v3.2"], "guardrail": ACROSS}), "region": "sa-east-1"},
        ["models.bedrock.guardrail.cross_region", "No profile of guardrails is known for sa-east-1", "eu-west-1"],
    ),
    (
        "documents that data automation would read anywhere",
        {
            **bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "parsing": {"data_automation": True}}}),
            "region": "eu-north-1",
        },
        ["models.knowledge.handbook.parsing.data_automation", "known for eu-north-1", "ap-northeast-1"],
    ),
    (
        "another dimension than the model's one",
        bedrock(knowledge={"handbook": {**DOCUMENTS["handbook"], "embedding": COHERE, "dimension": 512}}),
        ["models.knowledge.handbook.dimension", f"{COHERE} returns vectors of 1024 dimensions, not 512"],
    ),
    (
        "provisioned under what is no key",
        bedrock(provisioned={"peak": {"model": MODEL, "units": 1, "usd_per_hour": 1, "key_arn": "alias/mine"}}),
        ["models.provisioned.peak.key_arn", "alias/mine"],
    ),
    ("evaluated at no time", evaluated(schedule="mondays"), [f"{BOTH}.schedule", "mondays"]),
]


@pytest.mark.parametrize(("content", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_settings_are_explained(tmp_path: Path, content: dict[str, Any], words: list[str]) -> None:
    text = message(tmp_path, content)
    assert text.startswith("config/test.yaml")
    for word in words:
        assert word in text


def test_the_one_dimension_of_a_model_may_be_written_down(tmp_path: Path) -> None:
    documents = {**DOCUMENTS["handbook"], "embedding": COHERE, "dimension": 1024}
    content = bedrock(bedrock={"models": [LITE, COHERE]}, knowledge={"handbook": documents})
    models = load("test", write(tmp_path, yaml.safe_dump(content))).models
    assert models is not None
    assert models.knowledge["handbook"].dimension == 1024

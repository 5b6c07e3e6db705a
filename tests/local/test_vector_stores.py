"""Knowledge bases over Aurora and OpenSearch Serverless deploy, with the table that the provider makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .conftest import Local

LINE = "  evaluations:\n"
KNOWN = """    contracts: {sources: {contracts: {groups: [hr]}}, store: aurora}
    tickets: {sources: {solved: {groups: [hr]}}, store: opensearch}
"""


def test_a_knowledge_base_is_made_once_its_table_or_index_is_there(local: Local, variant: Callable[..., Path]) -> None:
    agent = local.client("bedrock-agent")
    try:
        local.deploy(variant(LINE, KNOWN + LINE))
        ids = {e["name"]: e["knowledgeBaseId"] for e in agent.list_knowledge_bases()["knowledgeBaseSummaries"]}
        found = {
            name.split("-")[2]: agent.get_knowledge_base(knowledgeBaseId=each)["knowledgeBase"]
            for name, each in ids.items()
        }
        storage = found["contracts"]["storageConfiguration"]
        assert storage["type"] == "RDS"
        assert storage["rdsConfiguration"]["tableName"] == "bedrock_integration.chunks_1024"
        assert local.resource("models", "AWS::CloudFormation::CustomResource", "contractsvectors") == (
            "bedrock_integration.chunks_1024"
        )
        assert found["tickets"]["storageConfiguration"]["type"] == "OPENSEARCH_SERVERLESS"
        assert not [s for s in local.client("scheduler").list_schedules()["Schedules"] if s["Name"].startswith("wait-")]
    finally:
        local.deploy(variant())
    assert len(agent.list_knowledge_bases()["knowledgeBaseSummaries"]) == 1

"""Flows of prompts, executed node by node, where the emulator returns one sentence for every flow.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_InvokeFlow.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from ministack.services import bedrock_agent_runtime as runtime, bedrock_runtime

from . import model_server
from .resources.base import instances
from .resources.prompts import FlowAlias, FlowVersion, rendered

_EQUAL = re.compile(r'^(?P<input>\w+) == "(?P<value>[^"]*)"$')


def install() -> None:
    """Execute the nodes of a flow."""
    runtime._invoke_flow = _invoke


def _invoke(flow: str, alias: str, body: bytes) -> Any:
    name, other = flow.rpartition("/")[2], alias.rpartition("/")[2]
    found = next((each for each in instances(FlowAlias.type) if (each["FlowId"], each["Id"]) == (name, other)), None)
    if found is None:
        return runtime._not_found(f"Flow alias {other} of flow {name} not found.")
    number = found["RoutingConfiguration"][0]["FlowVersion"]
    version = next(e for e in instances(FlowVersion.type) if (e["FlowId"], e["Version"]) == (name, number))
    (given,) = json.loads(body)["inputs"]
    events = b"".join(
        runtime._es_event(
            "flowOutputEvent", {"content": {"document": text}, "nodeName": node, "nodeType": "FlowOutputNode"}
        )
        for node, text in outputs(version["Definition"], str(given["content"]["document"]))
    )
    events += runtime._es_event("flowCompletionEvent", {"completionReason": "SUCCESS"})
    return 200, {"Content-Type": "application/vnd.amazon.eventstream"}, events


def outputs(definition: dict[str, Any], given: str) -> list[tuple[str, str]]:
    """The name of every output node that a flow reaches, and its output."""
    said: dict[str, str] = {}
    ways: set[tuple[str, str]] = set()
    ends: list[tuple[str, str]] = []
    left = {each["Name"]: each for each in definition["Nodes"]}
    edges = definition["Connections"]
    while True:
        ready = [node for node in left.values() if _ready(node["Name"], edges, said, ways)]
        if not ready:
            return ends
        for node in ready:
            name = node["Name"]
            del left[name]
            values = {
                each["Configuration"]["Data"]["TargetInput"]: said[each["Source"]]
                for each in edges
                if each["Target"] == name and each["Type"] == "Data"
            }
            match node["Type"]:
                case "Input":
                    said[name] = given
                case "Prompt":
                    said[name] = _asked(node["Configuration"]["Prompt"], values)
                case "Condition":
                    ways.add((name, _way(node["Configuration"]["Condition"]["Conditions"], values)))
                case _:
                    ends.append((name, values["document"]))


def _ready(name: str, edges: list[dict[str, Any]], said: dict[str, str], ways: set[tuple[str, str]]) -> bool:
    into = [each for each in edges if each["Target"] == name]
    told = all(each["Source"] in said for each in into if each["Type"] == "Data")
    forks = [each for each in into if each["Type"] == "Conditional"]
    taken = [(each["Source"], each["Configuration"]["Conditional"]["Condition"]) in ways for each in forks]
    return told and (not forks or any(taken))


def _way(conditions: list[dict[str, str]], values: dict[str, str]) -> str:
    for each in conditions:
        found = _EQUAL.match(each.get("Expression", ""))
        if found and values[found["input"]] == found["value"]:
            return each["Name"]
    return "default"


def _asked(prompt: dict[str, Any], values: dict[str, str]) -> str:
    arn = prompt["SourceConfiguration"]["Resource"]["PromptArn"]
    found = rendered(arn, {name: {"text": value} for name, value in values.items()})
    if found is None:
        raise ValueError(f"{arn} is no version of a prompt")
    model, text, how = found
    guardrail = prompt["GuardrailConfiguration"]
    for source in ("INPUT", "OUTPUT"):
        request = json.dumps({"source": source, "content": [{"text": {"text": text}}]}).encode()
        answer = bedrock_runtime._apply_guardrail(
            guardrail["GuardrailIdentifier"], guardrail["GuardrailVersion"], request
        )
        assessed = json.loads(answer[2])
        if assessed.get("action") == "GUARDRAIL_INTERVENED":
            return "".join(each.get("text", "") for each in assessed.get("outputs", []))
        if source == "INPUT":
            messages = [{"role": "user", "content": [{"text": text}]}]
            message, _ = model_server.complete(model, messages, [], how)
            text = str(message["content"]) if message else model_server.fixed_reply(model, messages, [])
    return text

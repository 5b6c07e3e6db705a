"""Flows of Amazon Bedrock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ..access.guardrail import Guardrail
from .options import FLOW_NAME, INPUT, OTHERWISE, FlowOptions, FlowStep, choices, last
from .prompt import Prompt

_INPUT = "FlowInput"
#: How the role of a flow and its callers use the flow's key.
_KEEP = ("kms:Decrypt", "kms:GenerateDataKey")


class PromptFlow(Construct):
    """A flow of prompts: steps use the responses of other steps, and conditions on responses choose steps.

    Every prompt is invoked through the guardrail. There are no knowledge base nodes: they cannot filter documents by
    the caller, so they would show every document to everybody. Callers use an alias, which is switched to a new version
    after that has been created.
    https://docs.aws.amazon.com/bedrock/latest/userguide/flows.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/flows-guardrails.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import (
            FlowOptions,
            FlowStep,
            Guardrail,
            ModelAccess,
            ModelAccessOptions,
            Prompt,
            PromptFlow,
            PromptOptions,
        )

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=guardrail,
            options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
        )
        texts = {
            "kind": "Is this a bill or a complaint? Answer with one of these words: {{text}}",
            "bill": "What is the total of this bill? {{text}}",
            "other": "Answer politely: {{text}}",
        }
        prompts = {
            name: Prompt(
                stack,
                name,
                foundation=foundation,
                name=name,
                access=access,
                options=PromptOptions(text=text, model="amazon.nova-lite-v1:0"),
            )
            for name, text in texts.items()
        }
        PromptFlow(
            stack,
            "Triage",
            foundation=foundation,
            name="demo-triage",
            guardrail=guardrail,
            prompts=prompts,
            options=FlowOptions(
                steps={
                    "kind": FlowStep(prompt="kind", given={"text": "input"}),
                    "bill": FlowStep(prompt="bill", given={"text": "input"}, when={"kind": "bill"}),
                    "other": FlowStep(prompt="other", given={"text": "input"}, when={"kind": "otherwise"}),
                }
            ),
        )
        app.synth()

    :param foundation: the key that encrypts the flow.
    :param name: name of the flow: 1 to 100 letters, digits, hyphens and underscores.
    :param guardrail: the guardrail of every prompt and response.
    :param prompts: the prompts of the steps, by name.
    :param options: the steps.
    :raises InvalidValueError: if a step uses a prompt that does not exist, or its variables do not match the prompt's.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        guardrail: Guardrail,
        prompts: Mapping[str, Prompt],
        options: FlowOptions,
    ) -> None:
        super().__init__(scope, id)
        FLOW_NAME.check(name)
        key, steps = foundation.key, options.steps
        options.check({each: prompt.variables for each, prompt in prompts.items()})
        self.name, self._key = name, key
        used = {step.prompt: prompts[step.prompt] for step in steps.values()}
        role = self._runner(used)
        key.grant_in_bedrock(role, _KEEP)
        guarded = {"guardrailIdentifier": guardrail.guardrail_id, "guardrailVersion": guardrail.version}
        versions = {each: prompt.version_arn for each, prompt in used.items()}
        nodes = definition(steps, versions, guarded)
        self.resource = bedrock.CfnFlow(
            self,
            "Resource",
            name=name,
            execution_role_arn=role.role_arn,
            customer_encryption_key_arn=key.key_arn,
            definition=nodes,
        )
        self.resource.node.add_dependency(role.permissions)
        # All that a version keeps of the draft. Versions of prompts and of the guardrail are resources whose logical
        # ids change with their content.
        kept = [*Stack.of(self).resolve([nodes, role.role_arn, key.key_arn]), guardrail.digest]
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
        # A version is a snapshot of the draft: with a new logical id, CloudFormation creates a new version.
        version = bedrock.CfnFlowVersion(
            self, f"Version{digest[:8]}", flow_arn=self.resource.attr_arn, description=f"Steps {digest[:12]}"
        )
        if options.keep_versions:
            version.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self.alias = bedrock.CfnFlowAlias(
            self,
            "Live",
            name="live",
            flow_arn=self.resource.attr_arn,
            routing_configuration=[{"flowVersion": version.attr_version}],
        )
        CfnOutput(self, "AliasArn", value=self.alias.attr_arn, description=f"The flow {name}, as callers name it")

    def _runner(self, prompts: Mapping[str, Prompt]) -> WorkloadRole:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/flows-permissions.html"""
        flows = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:flow/*"
        role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "bedrock.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": flows}},
            ),
            description=f"Asks the prompts of {self.name}",
        )
        for prompt in prompts.values():
            prompt.grant_use(role)
        return role

    def grant_run(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to invoke the flow, and to use its key for the data of its own runs.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-flows.html
        """
        granted = grant(grantee, ["bedrock:InvokeFlow"], [self.alias.attr_arn])
        self._key.grant_in_bedrock(grantee, _KEEP)
        return granted


def definition(
    steps: Mapping[str, FlowStep], versions: Mapping[str, str], guarded: Mapping[str, str]
) -> dict[str, Any]:
    """The nodes and connections of a flow.

    https://docs.aws.amazon.com/bedrock/latest/userguide/flows-nodes.html

    :param versions: ARN of the version of each prompt.
    :param guarded: the guardrail of every node.
    """
    nodes: list[dict[str, Any]] = [
        {"name": _INPUT, "type": "Input", "outputs": [{"name": "document", "type": "String"}]}
    ]
    connections: list[dict[str, Any]] = []

    def connect(source: str, target: str, variable: str) -> None:
        node, output = (_INPUT, "document") if source == INPUT else (_node(source), "modelCompletion")
        ways = {"sourceOutput": output, "targetInput": variable}
        connections.append(
            {
                "name": f"{node}_{target}_{variable}",
                "type": "Data",
                "source": node,
                "target": target,
                "configuration": {"data": ways},
            }
        )

    for name, step in steps.items():
        node = _node(name)
        prompt = {"resource": {"promptArn": versions[step.prompt]}}
        nodes.append(
            {
                "name": node,
                "type": "Prompt",
                "configuration": {"prompt": {"sourceConfiguration": prompt, "guardrailConfiguration": dict(guarded)}},
                "inputs": [{"name": each, "type": "String", "expression": "$.data"} for each in step.given],
                "outputs": [{"name": "modelCompletion", "type": "String"}],
            }
        )
        for variable, source in step.given.items():
            connect(source, node, variable)
    for source, ways in choices(steps).items():
        choice = f"{_node(source)}_choice"
        expected = [answer for answer in ways if answer != OTHERWISE]
        conditions = [{"name": f"way{n}", "expression": f'answer == "{each}"'} for n, each in enumerate(expected)]
        nodes.append(
            {
                "name": choice,
                "type": "Condition",
                "configuration": {"condition": {"conditions": [*conditions, {"name": "default"}]}},
                "inputs": [{"name": "answer", "type": "String", "expression": "$.data"}],
            }
        )
        connect(source, choice, "answer")
        named = {**{each: f"way{n}" for n, each in enumerate(expected)}, OTHERWISE: "default"}
        for answer, targets in ways.items():
            connections += [
                {
                    "name": f"{choice}_{_node(target)}",
                    "type": "Conditional",
                    "source": choice,
                    "target": _node(target),
                    "configuration": {"conditional": {"condition": named[answer]}},
                }
                for target in targets
            ]
    for name in last(steps):
        end = f"{_node(name)}_end"
        nodes.append(
            {
                "name": end,
                "type": "Output",
                "inputs": [{"name": "document", "type": "String", "expression": "$.data"}],
            }
        )
        connect(name, end, "document")
    return {"nodes": nodes, "connections": connections}


def _node(name: str) -> str:
    return name.replace("-", "_")

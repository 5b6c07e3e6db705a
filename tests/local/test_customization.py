"""A model of Bedrock learns from a signed data set, is deployed by its ARN, and goes with its setting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import Local
from .test_fine_tuning import Lab, lines, signed

LINE = "      support:\n        model: huggingface-llm-gemma-7b-instruct\n        accept_eula: true\n"
TUNED = (
    LINE
    + """    customized:
      tone: {base: amazon.nova-lite-v1:0, data_set: support, hyperparameters: {epochCount: 2}}
"""
)
BOUGHT = "  idle:\n    hours: 1\n"
WAIT_SECONDS = 60.0


def run(local: Local) -> dict[str, Any]:
    states = local.client("stepfunctions")
    machines = states.list_state_machines()["stateMachines"]
    (arn,) = [each["stateMachineArn"] for each in machines if each["name"] == "genai-local-tone-customization"]
    begun = states.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := states.describe_execution(executionArn=begun))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the run did not end in time"
        time.sleep(0.5)
    return dict(found)


def test_what_was_trained_is_deployed_by_another_change(local: Local, variant: Callable[..., Path]) -> None:
    lab, bedrock = Lab(local), local.client("bedrock")
    signed(lab)
    try:
        local.deploy(variant(LINE, TUNED))
        found = run(local)
        assert found["status"] == "SUCCEEDED", found
        model = json.loads(found["output"])["model_arn"]
        (job,) = bedrock.list_model_customization_jobs()["modelCustomizationJobSummaries"]
        assert job["baseModelArn" if "baseModelArn" in job else "jobName"]
        assert bedrock.list_custom_model_deployments()["modelDeploymentSummaries"] == []
        local.deploy(variant(LINE, TUNED.replace("{epochCount: 2}}", "{epochCount: 2}, deployed: '" + model + "'}")))
        (deployed,) = bedrock.list_custom_model_deployments()["modelDeploymentSummaries"]
        assert deployed["modelArn"] == model
        assert deployed["customModelDeploymentName"].startswith("genai-local-tone-")
        # A file that was changed after it was signed trains nothing.
        lab.put("data/support/manifest.json", lines({"data_set": "support"}))
        refused = run(local)
        assert refused["status"] == "FAILED"
        assert "signature of the manifest is not valid" in refused["cause"]
    finally:
        local.deploy(variant())
    assert bedrock.list_custom_model_deployments()["modelDeploymentSummaries"] == []


def test_throughput_is_waited_for_and_given_back(local: Local, variant: Callable[..., Path]) -> None:
    bedrock = local.client("bedrock")
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    setting = f"  provisioned:\n    peak: {{model: '{model}', units: 1, usd_per_hour: 20}}\n"
    try:
        local.deploy(variant(BOUGHT, setting + BOUGHT))
        (first,) = bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"]
        assert first["status"] == "InService"
        local.deploy(variant(BOUGHT, setting.replace("units: 1", "units: 2") + BOUGHT))
        (second,) = bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"]
        assert second["modelUnits"] == 2
        assert second["provisionedModelArn"] != first["provisionedModelArn"]
    finally:
        local.deploy(variant())
    assert bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"] == []

"""The runs of the pipeline that registers versions: whether a version is what its run made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

#: Ways in which a version can name data beside the one artifact of its run.
_OTHER_DATA = ("AdditionalModelDataSources", "AdditionalS3DataSource")


class StrangeError(Exception):
    """A version that is not what a run of the pipeline made; the message says why."""


@dataclass(frozen=True)
class Run:
    """A run that registered a version."""

    arn: str
    started: datetime


class Runs:
    """The runs of one pipeline.

    :param pipeline: name of the pipeline.
    """

    def __init__(self, sagemaker: Any, pipeline: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._sagemaker, self._pipeline = sagemaker, pipeline

    def of(self, package: Mapping[str, Any]) -> Run:
        """The run that registered a version, after a comparison of the two.

        The metadata of a version names its run, but whoever may update versions could exchange it, and the artifact
        too. The run's own steps tell which version it registered and which artifact it trained.
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_PipelineExecutionStepMetadata.html

        :raises StrangeError: if the version is not what the run made.
        """
        execution = str(package.get("CustomerMetadataProperties", {}).get("execution", ""))
        if f":pipeline/{self._pipeline}/execution/" not in execution:
            raise StrangeError(f"It names no run of the pipeline {self._pipeline}.")
        try:
            started = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)["CreationTime"]
            definition = self._sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)
            made = list(self._steps(execution))
        except ClientError as error:
            # Runs are deleted with their pipeline; versions are not.
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "ValidationException"):
                raise
            raise StrangeError("Its run is gone, so nothing shows what it made: train the model again.") from error
        registered = {step["RegisterModel"]["Arn"] for step in made if step.get("RegisterModel", {}).get("Arn")}
        if package["ModelPackageArn"] not in registered:
            raise StrangeError("The run that it names did not register it.")
        self._compare(package, made, json.loads(definition["PipelineDefinition"]))
        return Run(execution, started)

    def _steps(self, execution: str) -> Iterator[Mapping[str, Any]]:
        pages = self._sagemaker.get_paginator("list_pipeline_execution_steps")
        for page in pages.paginate(PipelineExecutionArn=execution):
            for step in page["PipelineExecutionSteps"]:
                yield step.get("Metadata", {})

    def _compare(
        self, package: Mapping[str, Any], made: list[Mapping[str, Any]], definition: Mapping[str, Any]
    ) -> None:
        jobs = [step["TrainingJob"]["Arn"] for step in made if step.get("TrainingJob", {}).get("Arn")]
        containers = package.get("InferenceSpecification", {}).get("Containers", [])
        if len(jobs) != 1 or len(containers) != 1:
            raise StrangeError("A version has one container, and its run one training job.")
        name = jobs[0].rpartition("/")[2]
        artifact = self._sagemaker.describe_training_job(TrainingJobName=name)["ModelArtifacts"]["S3ModelArtifacts"]
        (container,) = containers
        sources = [
            container.get("ModelDataUrl"),
            container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri"),
        ]
        named = {each for each in sources if each}
        if named != {artifact} or any(container.get(each) for each in _OTHER_DATA):
            raise StrangeError("Its artifact is not the one that its run trained.")
        (wanted,) = _registered(definition)
        if (container.get("Image"), container.get("Environment", {})) != (
            wanted["Image"],
            wanted.get("Environment", {}),
        ):
            raise StrangeError("Its container image or environment is not the one that its run registered.")


def _registered(definition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers that a pipeline registers, as its definition has them."""
    found: list[Mapping[str, Any]] = []
    for step in definition["Steps"]:
        if step["Type"] == "RegisterModel":
            found += step["Arguments"]["InferenceSpecification"]["Containers"]
        for inner in ("IfSteps", "ElseSteps"):
            found += _registered({"Steps": step.get("Arguments", {}).get(inner, [])})
    return found

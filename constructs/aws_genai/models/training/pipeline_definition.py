"""The definition of a fine-tuning pipeline for SageMaker Pipelines.

https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .options import FineTuningOptions

VERSION = "2020-12-01"
_DATA = (
    "train",
    "held_out",
    "prompts",
    "answers",
    "report",
    "manifest",
    "manifest_version",
    "manifest_sha256",
    "approver",
)
#: What a version of a model says of the run that made it. Nobody changes it later.
LINEAGE = ("base_model", "execution", "data_report", "manifest", "manifest_version", "manifest_sha256", "approver")
#: Which failures are retried: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
_RETRY = [
    {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "IntervalSeconds": 30,
        "BackoffRate": 2.0,
        "MaxAttempts": 5,
    },
    {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"],
        "IntervalSeconds": 600,
        "BackoffRate": 2.0,
        "MaxAttempts": 4,
    },
]

Step = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Training:
    """The training job."""

    image: str
    metrics: Mapping[str, str]
    hyperparameters: Mapping[str, str]
    model_uri: str
    accept_eula: bool
    code_uri: str
    instance_type: str
    volume_gib: int
    volume_key: str | None
    held_out: bool


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How the trained model is served: to be evaluated, and in the registry."""

    image: str
    environment: Mapping[str, str]
    instance_type: str
    volume_key: str | None


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline of fine-tuning: data, training, evaluation, registration."""

    data_set: str
    options: FineTuningOptions
    bucket: str
    key_arn: str
    role_arn: str
    subnets: Sequence[str]
    groups: Sequence[str]
    admit_arn: str
    evaluate_arn: str
    training: Training
    serving: Serving
    group: str
    base: str
    experiments_arn: str | None
    tags: Mapping[str, str]

    def definition(self) -> dict[str, Any]:
        """The whole definition."""
        made: dict[str, Any] = {
            "Version": VERSION,
            "Metadata": {},
            "Parameters": [],
            "Steps": [self._admit(), self._train(), self._model(), self._answer(), self._evaluate(), self._decide()],
        }
        if self.experiments_arn:
            made["MlflowConfig"] = {
                "MlflowResourceArn": self.experiments_arn,
                "MlflowExperimentName": self.data_set,
            }
        return made

    @property
    def _vpc(self) -> dict[str, Any]:
        return {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.groups)}

    @property
    def _tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]

    def _admit(self) -> Step:
        return {
            "Name": "AdmitData",
            "Type": "Lambda",
            "FunctionArn": self.admit_arn,
            "Arguments": {
                "data_set": self.data_set,
                "run": _execution("PipelineExecutionId"),
                "method": self.options.method,
                "refuse_personal_data": str(self.options.refuse_personal_data).lower(),
                "most_duplicates_percent": self.options.most_duplicates_percent,
            },
            "OutputParameters": [{"OutputName": name, "OutputType": "String"} for name in _DATA],
        }

    def _train(self) -> Step:
        job = self.training
        seconds = self.options.max_hours * 3600
        stop = {"MaxRuntimeInSeconds": seconds}
        arguments: dict[str, Any] = {
            "AlgorithmSpecification": {
                "TrainingImage": job.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": name, "Regex": regex} for name, regex in job.metrics.items()],
            },
            "RoleArn": self.role_arn,
            "HyperParameters": dict(job.hyperparameters),
            "InputDataConfig": [
                _channel("training", _output("AdmitData", "train")),
                *([_channel("validation", _output("AdmitData", "held_out"))] if job.held_out else []),
                _channel("code", job.code_uri),
                _channel("model", job.model_uri, accept_eula=job.accept_eula),
            ],
            "OutputDataConfig": {
                "S3OutputPath": f"s3://{self.bucket}/output/{self.data_set}/",
                "KmsKeyId": self.key_arn,
                # Batch transform supports compressed models only.
                "CompressionType": "GZIP",
            },
            "ResourceConfig": {
                "InstanceType": job.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": job.volume_gib,
                **({"VolumeKmsKeyId": job.volume_key} if job.volume_key else {}),
            },
            "StoppingCondition": stop,
            "EnableNetworkIsolation": True,
            "EnableInterContainerTrafficEncryption": True,
            "VpcConfig": self._vpc,
            "Tags": self._tags,
        }
        if self.options.spot:
            # A job waits for capacity as long as it may run, and resumes from the last checkpoint:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
            arguments["EnableManagedSpotTraining"] = True
            stop["MaxWaitTimeInSeconds"] = 2 * seconds
            checkpoints = [f"s3://{self.bucket}/checkpoints/{self.data_set}", _execution("PipelineExecutionId")]
            arguments["CheckpointConfig"] = {
                "S3Uri": {"Std:Join": {"On": "/", "Values": checkpoints}},
                "LocalPath": "/opt/ml/checkpoints",
            }
        return {"Name": "Train", "Type": "Training", "Arguments": arguments, "RetryPolicies": _RETRY}

    @property
    def _container(self) -> dict[str, Any]:
        """The container of the trained model; batch transform does not support ``ModelDataSource``.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
        """
        return {
            "Image": self.serving.image,
            "Environment": dict(self.serving.environment),
            "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
        }

    def _model(self) -> Step:
        arguments = {
            "ExecutionRoleArn": self.role_arn,
            "PrimaryContainer": self._container,
            "EnableNetworkIsolation": True,
            "VpcConfig": self._vpc,
            "Tags": self._tags,
        }
        return {"Name": "Model", "Type": "Model", "Arguments": arguments}

    def _answer(self) -> Step:
        """Batch transform of the held-out questions."""
        key = {"VolumeKmsKeyId": self.serving.volume_key} if self.serving.volume_key else {}
        run = [f"s3://{self.bucket}/output/{self.data_set}", _execution("PipelineExecutionId"), "answers"]
        arguments = {
            "ModelName": {"Get": "Steps.Model.ModelName"},
            "BatchStrategy": "SingleRecord",
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": 600, "InvocationsMaxRetries": 2},
            "TransformInput": {
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": _output("AdmitData", "prompts")},
                },
                "ContentType": "application/json",
                "SplitType": "Line",
            },
            "TransformOutput": {
                "S3OutputPath": {"Std:Join": {"On": "/", "Values": run}},
                "Accept": "application/json",
                "AssembleWith": "Line",
                "KmsKeyId": self.key_arn,
            },
            "TransformResources": {"InstanceType": self.serving.instance_type, "InstanceCount": 1, **key},
            "Tags": self._tags,
        }
        return {"Name": "Answer", "Type": "Transform", "Arguments": arguments, "RetryPolicies": _RETRY}

    def _evaluate(self) -> Step:
        figures = [{"OutputName": name, "OutputType": "Float"} for name in sorted(self.options.thresholds)]
        return {
            "Name": "Evaluate",
            "Type": "Lambda",
            "FunctionArn": self.evaluate_arn,
            "Arguments": {
                "data_set": self.data_set,
                "run": _execution("PipelineExecutionId"),
                "answers": _output("AdmitData", "answers"),
                "predictions": {"Get": "Steps.Answer.TransformOutput.S3OutputPath"},
            },
            "OutputParameters": [*figures, {"OutputName": "report", "OutputType": "String"}],
        }

    def _decide(self) -> Step:
        wanted = ", ".join(f"{name} of {least:g}" for name, least in sorted(self.options.thresholds.items()))
        refuse = {"ErrorMessage": f"The model is below its thresholds ({wanted}), so it was not registered."}
        return {
            "Name": "GoodEnough",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {"Type": "GreaterThanOrEqualTo", "LeftValue": _output("Evaluate", name), "RightValue": least}
                    for name, least in sorted(self.options.thresholds.items())
                ],
                "IfSteps": [self._register()],
                "ElseSteps": [{"Name": "NotGoodEnough", "Type": "Fail", "Arguments": refuse}],
            },
        }

    def _register(self) -> Step:
        arguments = {
            "ModelPackageGroupName": self.group,
            "ModelPackageDescription": f"{self.base}, fine-tuned on {self.data_set}",
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [self._container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
                "SupportedRealtimeInferenceInstanceTypes": [self.serving.instance_type],
            },
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {"ContentType": "application/json", "S3Uri": _output("Evaluate", "report")}
                }
            },
            # Lineage from the version back to the versions of the objects that trained it:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-version.html
            "CustomerMetadataProperties": {
                "base_model": self.base,
                "execution": _execution("PipelineExecutionArn"),
                "data_report": _output("AdmitData", "report"),
                **{
                    name: _output("AdmitData", name)
                    for name in ("manifest", "manifest_version", "manifest_sha256", "approver")
                },
            },
        }
        return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def _output(step: str, name: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.OutputParameters['{name}']"}


def _execution(name: str) -> dict[str, str]:
    return {"Get": f"Execution.{name}"}


def _channel(name: str, uri: object, *, accept_eula: bool = False) -> dict[str, Any]:
    source: dict[str, Any] = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": uri}
    if accept_eula:
        source["ModelAccessConfig"] = {"AcceptEula": True}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "CompressionType": "None"}

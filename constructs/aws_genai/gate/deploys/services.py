"""Rules for requirements of single services that they reject, or silently ignore."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...data.bedrock import BedrockCatalogue
from ...data.embeddings import SEVERAL
from ...policies.conditions import as_list
from ..emitted import Emitted, pick
from ..rules import Hit, rule

_GUARDRAIL = "AWS::Bedrock::Guardrail"


@rule(
    "GENAI_HYPERPOD_PROVISIONING",
    holds="A HyperPod cluster with continuous provisioning has no SlurmConfigStrategy.",
    why="SageMaker rejects SlurmConfigStrategy with NodeProvisioningMode Continuous.",
    fix="omit Orchestrator.Slurm.SlurmConfigStrategy.",
    page="https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-scaling-slurm.html",
)
def hyperpod_provisioning(app: Emitted) -> Iterator[Hit]:
    for cluster in app.of("AWS::SageMaker::Cluster"):
        continuous = cluster.get("NodeProvisioningMode") == "Continuous"
        if continuous and cluster.get("Orchestrator.Slurm.SlurmConfigStrategy") is not None:
            yield Hit(cluster, "Properties.Orchestrator.Slurm")


@rule(
    "GENAI_HYPERPOD_VOLUMES",
    holds="A HyperPod cluster whose volumes use a customer managed key has continuous provisioning.",
    why="SageMaker supports customer managed keys for volumes only with NodeProvisioningMode Continuous.",
    fix="set NodeProvisioningMode to Continuous.",
    page="https://docs.aws.amazon.com/sagemaker/latest/dg/smcluster-cmk.html",
)
def hyperpod_volumes(app: Emitted) -> Iterator[Hit]:
    for cluster in app.of("AWS::SageMaker::Cluster"):
        storages = [
            storage
            for group in as_list(cluster.get("InstanceGroups") or [])
            for storage in as_list(group.get("InstanceStorageConfigs") or [])
        ]
        keyed = any(pick(each, "EbsVolumeConfig.VolumeKmsKeyId") for each in storages)
        if keyed and cluster.get("NodeProvisioningMode") != "Continuous":
            yield Hit(cluster, "Properties.NodeProvisioningMode")


#: Properties that an Aurora instance inherits from its cluster.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
_OF_THE_CLUSTER = (
    "AllocatedStorage",
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DeletionProtection",
    "EnableIAMDatabaseAuthentication",
    "KmsKeyId",
    "MasterUserPassword",
    "MasterUsername",
    "ManageMasterUserPassword",
    "MaxAllocatedStorage",
    "Port",
    "PreferredBackupWindow",
    "StorageEncrypted",
    "StorageType",
    "VPCSecurityGroups",
)


@rule(
    "GENAI_AURORA_INSTANCE",
    holds="An instance of an Aurora cluster has no properties that belong to the cluster.",
    why="RDS rejects or ignores properties of the cluster on an instance.",
    fix="set the property on AWS::RDS::DBCluster.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html",
)
def aurora_instances(app: Emitted) -> Iterator[Hit]:
    for instance in app.of("AWS::RDS::DBInstance"):
        if instance.get("DBClusterIdentifier") is not None:
            for name in _OF_THE_CLUSTER:
                if instance.get(name) is not None:
                    yield Hit(instance, f"Properties.{name}", f"{name} is the cluster's.")


def _steps(definition: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(definition, str):
        try:
            definition = json.loads(definition)
        except ValueError:
            return []
    found = [each for each in as_list(pick(definition, "Steps", [])) if isinstance(each, Mapping)]
    for each in list(found):
        for branch in ("IfSteps", "ElseSteps"):
            found += _steps({"Steps": pick(each, f"Arguments.{branch}", [])})
    return found


@rule(
    "GENAI_TRANSFORM_TAKES_MODEL",
    holds="A pipeline with a batch transform creates its model from a model.tar.gz archive.",
    why="Batch transform rejects a model with ModelDataSource, after the training has been billed.",
    fix="use ModelDataUrl in the Model step, or evaluate with an endpoint.",
    page="https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html",
)
def transforms_take_models(app: Emitted) -> Iterator[Hit]:
    for pipeline in app.of("AWS::SageMaker::Pipeline"):
        body = pipeline.get("PipelineDefinition.PipelineDefinitionBody") or pipeline.get("PipelineDefinition")
        steps = _steps(body)
        if any(each.get("Type") == "Transform" for each in steps):
            for each in steps:
                arguments = each.get("Arguments", {})
                containers = [arguments.get("PrimaryContainer"), *as_list(arguments.get("Containers", []))]
                if each.get("Type") == "Model" and any(pick(item, "ModelDataSource") for item in containers):
                    what = f"The step {each.get('Name')} creates such a model."
                    yield Hit(pipeline, "Properties.PipelineDefinition", what)


@rule(
    "GENAI_ENFORCED_GUARDRAIL_KINDS",
    holds="A guardrail that is enforced for the account has no automated reasoning.",
    why="Bedrock does not support automated reasoning in an enforced guardrail: every model invocation would fail.",
    fix="enforce a guardrail without AutomatedReasoningPolicyConfig.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html",
)
def enforced_guardrails(app: Emitted) -> Iterator[Hit]:
    for each in app.of("AWS::Bedrock::EnforcedGuardrailConfiguration"):
        named = each.get("GuardrailIdentifier")
        for guardrail in app.of(_GUARDRAIL):
            id = app.resolver.resolve(guardrail.stack.name, {"Fn::GetAtt": [guardrail.id, "GuardrailId"]})
            if named in (guardrail.arn, id) and guardrail.get("AutomatedReasoningPolicyConfig") is not None:
                yield Hit(each, "Properties.GuardrailIdentifier")


@rule(
    "GENAI_BUDGET_OF_ONE_ENVIRONMENT",
    holds="A budget with a filter for the project's tag also has one for the environment's tag.",
    why="Otherwise, budgets of two environments in one account would include each other's costs.",
    fix="filter by both tags, in one And expression.",
    page="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html",
)
def budgets_of_one_environment(app: Emitted) -> Iterator[Hit]:
    for budget in app.of("AWS::Budgets::Budget"):
        expression = json.dumps([budget.get("Budget.FilterExpression"), budget.get("Budget.CostFilters")])
        if "project" in expression and "environment" not in expression:
            yield Hit(budget, "Properties.Budget")


@rule(
    "GENAI_ALARM_OF_ONE_ENVIRONMENT",
    holds="An alarm on a custom metric of the project has the environment in the dimensions of the metric.",
    why="Otherwise, environments in one account would raise each other's alarms.",
    fix="add the name of the environment to a dimension of the metric and of the alarm.",
    page="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension",
)
def alarms_of_one_environment(app: Emitted) -> Iterator[Hit]:
    for alarm in app.of("AWS::CloudWatch::Alarm"):
        queries = [each.get("MetricStat") for each in as_list(alarm.get("Metrics") or []) if each.get("MetricStat")]
        metrics = [pick(each, "Metric", {}) for each in queries] or [alarm.properties]
        environment = _tag(alarm, "environment")
        for metric in metrics:
            namespace = str(metric.get("Namespace") or "AWS/")
            if namespace.startswith("AWS/") or namespace in _OF_AWS or environment is None:
                continue
            pairs = as_list(metric.get("Dimensions") or [])
            dimensions = [str(each.get("Value")) for each in pairs]
            named = (*dimensions, namespace, str(metric.get("MetricName")))
            told = any(environment in each or "<" in each or _HASHED.search(each) for each in named)
            if not told and not any(each.get("Name") in _ONCE for each in pairs):
                what = f"{namespace} {metric.get('MetricName')} is published by every environment."
                yield Hit(alarm, "Properties.Dimensions", what)


#: A name that the CDK generated from the path of the construct.
_HASHED = re.compile(r"[0-9A-F]{8}(?![0-9A-Za-z])")

#: Dimensions whose values are names that are unique in an account.
_ONCE = frozenset({"EndpointName", "FunctionName", "QueueName", "TableName", "StateMachineArn", "BucketName"})

#: Metric namespaces of AWS's agents.
_OF_AWS = frozenset({"CWAgent", "ContainerInsights", "LambdaInsights", "/aws/sagemaker/Endpoints"})


def _tag(resource: Any, name: str) -> str | None:  # noqa: ANN401 - Resource
    tags = resource.get("Tags") or []
    found = [tag.get("Value") for tag in as_list(tags) if isinstance(tag, Mapping) and tag.get("Key") == name]
    return str(found[0]) if found else None


@rule(
    "GENAI_EMBEDDING_DIMENSIONS",
    holds="A knowledge base specifies dimensions only for an embedding model that supports several.",
    why="Other models reject the parameter, and every ingestion job fails.",
    fix="omit EmbeddingModelConfiguration, or choose a model that supports several dimensions.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-supported.html",
)
def embedding_dimensions(app: Emitted) -> Iterator[Hit]:
    vector = "KnowledgeBaseConfiguration.VectorKnowledgeBaseConfiguration"
    for base in app.of("AWS::Bedrock::KnowledgeBase"):
        model = str(base.get(f"{vector}.EmbeddingModelArn", "")).rpartition("/")[2]
        path = f"{vector}.EmbeddingModelConfiguration.BedrockEmbeddingModelConfiguration.Dimensions"
        wanted = base.get(path)
        if wanted is None or model not in BedrockCatalogue.names():
            continue
        takes = SEVERAL.get(model, ())
        if wanted not in takes:
            said = f"{model} makes {' or '.join(map(str, takes))}" if takes else f"{model} takes none"
            yield Hit(base, f"Properties.{path}", f"{said}.")

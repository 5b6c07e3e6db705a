"""The AWS services that the layers call from inside the VPC, and that need interface endpoints.

S3 has a gateway endpoint, which is free of charge. A SageMaker endpoint needs no interface endpoints: SageMaker itself
pulls images and sends logs. https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html
"""

from __future__ import annotations

from aws_genai.data.cluster import registries as cluster_registries
from settings import Settings
from settings.application import Application
from settings.compute import Compute
from settings.models import Models

#: The services that every function calls: logs, traces, and the topic that failures are sent to.
_FUNCTION = {"logs", "sns", "xray"}


def services(settings: Settings) -> list[str]:
    """The AWS services that the enabled layers call from inside the VPC."""
    private = settings.security.private_functions
    needed: set[str] = set()
    if settings.compute:
        needed |= _compute(settings.compute, functions=private)
    if settings.models and settings.models.studio:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/studio-updated-and-internet-access.html
        needed |= {"kms", "logs", "monitoring", "sagemaker.api", "sagemaker.runtime", "sts"}
    if settings.models and private:
        needed |= _hosted(settings.models) | _bedrock(settings.models)
    if settings.application and private:
        needed |= _application(settings.application)
    if settings.application and settings.application.chat and settings.application.chat.in_network:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html
        needed.add("execute-api")
    return sorted(needed)


def registries(settings: Settings) -> list[str]:
    """Ids of other accounts from which queues and nodes of EKS clusters pull container images."""
    compute = settings.compute
    if compute is None:
        return []
    found = {queue.image.partition(".")[0] for queue in compute.queues.values()}
    for cluster in compute.clusters.values():
        if cluster.eks:
            found |= cluster_registries(settings.region, cluster.eks.registries)
    return sorted(found - {settings.account or ""})


def _compute(compute: Compute, *, functions: bool) -> set[str]:
    needed = {"kms", "logs", "monitoring"}
    clusters = compute.clusters.values()
    slurm = any(cluster.eks is None for cluster in clusters)
    if slurm or any(fleet.work_queue for fleet in compute.fleets.values()):
        needed.add("sqs")
    if compute.queues:
        # https://docs.aws.amazon.com/batch/latest/userguide/vpc-endpoint-considerations.html
        needed |= {"ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry"}
    if any(cluster.eks for cluster in clusters):
        # https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html
        needed |= {"ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sts"}
    if clusters and functions:
        needed |= {"logs", "xray"}
    return needed


def _hosted(models: Models) -> set[str]:
    needed: set[str] = set()
    if models.idle and models.endpoints:
        needed |= _FUNCTION | {"application-autoscaling", "dynamodb", "kms", "monitoring", "sagemaker.api"}
    if models.own_weights:
        needed |= _FUNCTION | {"kms"}
    if models.fine_tuning:
        needed |= _FUNCTION | {"cloudtrail", "kms", "monitoring", "sagemaker.api"}
    if models.hub:
        needed |= _FUNCTION | {"sagemaker.api"}
    if models.monitoring:
        needed |= _FUNCTION | {"kms", "monitoring"}
    return needed


def _bedrock(models: Models) -> set[str]:
    needed: set[str] = set()
    if models.knowledge:
        needed |= _FUNCTION | {"bedrock-agent", "bedrock-runtime"}
        if any(each.store == "aurora" for each in models.knowledge.values()):
            needed |= {"rds-data", "scheduler"}
        if any(each.documents for each in models.knowledge.values()):
            needed.add("sqs")
    if models.provisioned or (models.fine_tuning and models.fine_tuning.customized):
        needed |= _FUNCTION | {"bedrock", "lambda", "scheduler"}
    if models.batches:
        needed |= _FUNCTION | {"bedrock", "bedrock-runtime"}
    if models.evaluations:
        needed |= _FUNCTION | {"bedrock", "bedrock-runtime"}
        if any(each.knowledge for each in models.evaluations.values()):
            needed.add("bedrock-agent-runtime")
    if models.imported:
        needed |= _FUNCTION | {"bedrock", "kms", "scheduler"}
    if models.bedrock and models.bedrock.invocation_log:
        needed |= _FUNCTION | {"bedrock"}
    return needed


def _application(application: Application) -> set[str]:
    needed: set[str] = set()
    if application.chat:
        needed |= _FUNCTION | {"bedrock-runtime"}
        if application.chat.budget or application.history:
            needed.add("dynamodb")
        if application.chat.knowledge:
            needed.add("bedrock-agent-runtime")
        if any(each.insight for each in application.assistants.values()):
            # https://docs.aws.amazon.com/athena/latest/ug/interface-vpc-endpoint.html
            needed |= {"athena", "glue"}
        if any(each.kind == "code" for each in application.assistants.values()):
            # https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/vpc-interface-endpoints.html
            needed.add("bedrock-agentcore")
        if any(each.agent for each in application.assistants.values()):
            needed.add("bedrock-agentcore.gateway")
    return needed

"""CloudFormation types that the emulator lacks, one class each. Types in neither fail a deployment by name."""

from __future__ import annotations

from . import (
    agentcore,
    alarm,
    audit,
    batch,
    bedrock,
    budgets,
    edge,
    firewall,
    guardduty,
    hyperpod,
    knowledge,
    lambda_function,
    lustre,
    network,
    opensearch,
    prompts,
    sagemaker,
    scaling,
    sign_in,
    topic,
)
from .base import Resource, check_properties, register

RESOURCES: tuple[Resource, ...] = (
    agentcore.CodeInterpreter(),
    agentcore.Gateway(),
    agentcore.GatewayTarget(),
    agentcore.Policy(),
    agentcore.PolicyEngine(),
    alarm.AnomalyDetector(),
    audit.FlowLog(),
    audit.Trail(),
    batch.ComputeEnvironment(),
    batch.JobDefinition(),
    batch.JobQueue(),
    batch.SchedulingPolicy(),
    bedrock.ApplicationInferenceProfile(),
    bedrock.EnforcedGuardrailConfiguration(),
    bedrock.Guardrail(),
    bedrock.GuardrailVersion(),
    bedrock.ResourcePolicy(),
    prompts.Flow(),
    prompts.FlowAlias(),
    prompts.FlowVersion(),
    prompts.IntelligentPromptRouter(),
    prompts.Prompt(),
    prompts.PromptVersion(),
    opensearch.AccessPolicy(),
    opensearch.Collection(),
    opensearch.Index(),
    opensearch.SecurityPolicy(),
    budgets.Budget(),
    edge.Delivery(),
    edge.DeliveryDestination(),
    edge.DeliverySource(),
    edge.RegexPatternSet(),
    edge.RotationSchedule(),
    firewall.LoggingConfiguration(),
    firewall.WebAclAssociation(),
    guardduty.MalwareProtectionPlan(),
    hyperpod.Addon(),
    hyperpod.Cluster(),
    hyperpod.ComputeQuota(),
    hyperpod.SchedulerConfig(),
    knowledge.DataSource(),
    knowledge.Index(),
    knowledge.KnowledgeBase(),
    knowledge.VectorBucket(),
    lustre.DataRepositoryAssociation(),
    lustre.FileSystem(),
    network.PlacementGroup(),
    network.SecurityGroupEgress(),
    network.SecurityGroupIngress(),
    sagemaker.Domain(),
    sagemaker.Endpoint(),
    sagemaker.EndpointConfig(),
    sagemaker.HostedModel(),
    sagemaker.Hub(),
    sagemaker.InferenceComponent(),
    sagemaker.MlflowApp(),
    sagemaker.ModelPackageGroup(),
    sagemaker.Pipeline(),
    sagemaker.UserProfile(),
    scaling.ScalableTarget(),
    scaling.ScalingPolicy(),
    sign_in.IdentityProvider(),
    sign_in.ManagedLoginBranding(),
)


def install() -> None:
    """Register the types above with the emulator's CloudFormation engine, and the validation that AWS runs first."""
    for resource in RESOURCES:
        register(resource)
    lambda_function.install()
    topic.install()
    alarm.install()
    edge.install()
    knowledge.install()
    sign_in.install()
    check_properties()

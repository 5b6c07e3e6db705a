"""The resource types that the account adds to its emulator: each is created, changed, replaced and deleted."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from local import emulator
from tests.conftest import ROOT

from .conftest import Local

Json = dict[str, Any]
WAIT_SECONDS = 15.0
DOCS = ROOT / "docs" / "local.md"


def ref(name: str) -> Json:
    return {"Ref": name}


def attribute(name: str, of: str) -> Json:
    return {"Fn::GetAtt": [of, name]}


GROUP = {
    "ExecutionRole": attribute("Arn", "Role"),
    "InstanceCount": 1,
    "InstanceGroupName": "workers",
    "InstanceType": "ml.p5.48xlarge",
}

INDEX = {
    "VectorBucketArn": attribute("VectorBucketArn", "Vectors"),
    "DataType": "float32",
    "Dimension": 1024,
    "DistanceMetric": "cosine",
}
BASE = {
    "RoleArn": attribute("Arn", "Role"),
    "KnowledgeBaseConfiguration": {
        "Type": "VECTOR",
        "VectorKnowledgeBaseConfiguration": {
            "EmbeddingModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
        },
    },
    "StorageConfiguration": {
        "Type": "S3_VECTORS",
        "S3VectorsConfiguration": {"IndexArn": attribute("IndexArn", "Chunks")},
    },
}

KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MODELS = "arn:aws:bedrock:us-east-1::foundation-model"
VARIANT = {
    "Name": "default",
    "TemplateType": "TEXT",
    "ModelId": "amazon.nova-lite-v1:0",
    "TemplateConfiguration": {"Text": {"Text": "Say {{text}}"}},
}
STEPS: Json = {
    "Nodes": [
        {"Name": "Begin", "Type": "Input", "Outputs": [{"Name": "document", "Type": "String"}]},
        {
            "Name": "End",
            "Type": "Output",
            "Inputs": [{"Name": "document", "Type": "String", "Expression": "$.data"}],
        },
    ],
    "Connections": [
        {
            "Name": "Through",
            "Source": "Begin",
            "Target": "End",
            "Type": "Data",
            "Configuration": {"Data": {"SourceOutput": "document", "TargetInput": "document"}},
        }
    ],
}
TOOL = {
    "Mcp": {
        "Lambda": {
            "LambdaArn": {"Fn::Sub": "arn:aws:lambda:us-east-1:${AWS::AccountId}:function:tool"},
            "ToolSchema": {
                "InlinePayload": [{"Name": "add", "Description": "Adds.", "InputSchema": {"Type": "object"}}]
            },
        }
    }
}
#: Attributes of a gateway with a firewall, of a target that is asked for its tools, and of one that a user authorizes.
CONNECTED = ("WebAclArn", "LastSynchronizedAt", "AuthorizationData")
#: The ARN is that of the gateway, read from its target, which a policy waits for.
RULE = 'permit(principal, action, resource == AgentCore::Gateway::"${Sums.GatewayArn}");'

#: What the types below stand on.
GROUND: Json = {
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "OtherBucket": {"Type": "AWS::S3::Bucket"},
    "Vectors": {"Type": "AWS::S3Vectors::VectorBucket", "Properties": {"VectorBucketName": "ground-vectors"}},
    "Chunks": {"Type": "AWS::S3Vectors::Index", "Properties": {**INDEX, "IndexName": "ground"}},
    "Base": {"Type": "AWS::Bedrock::KnowledgeBase", "Properties": {**BASE, "Name": "ground"}},
    **{
        name: {
            "Type": "AWS::Bedrock::Prompt",
            "Properties": {
                "Name": name,
                "DefaultVariant": "default",
                "Variants": [VARIANT],
                "CustomerEncryptionKeyArn": KEY,
            },
        }
        for name in ("Words", "OtherWords")
    },
    **{
        name: {
            "Type": "AWS::Bedrock::Flow",
            "Properties": {
                "Name": name,
                "ExecutionRoleArn": attribute("Arn", "Role"),
                "Definition": STEPS,
                "CustomerEncryptionKeyArn": KEY,
            },
        }
        for name in ("Talk", "OtherTalk")
    },
    "Encryption": {
        "Type": "AWS::OpenSearchServerless::SecurityPolicy",
        "Properties": {
            "Name": "ground",
            "Type": "encryption",
            "Policy": '{"Rules": [{"ResourceType": "collection", "Resource": ["collection/ground", "collection/case"]}]}',
        },
    },
    "Search": {
        "Type": "AWS::OpenSearchServerless::Collection",
        "DependsOn": "Encryption",
        "Properties": {"Name": "ground", "Type": "VECTORSEARCH"},
    },
    "Group": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "group", "VpcId": ref("Vpc")},
    },
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": ref("Vpc"), "CidrBlock": "10.0.0.0/24"}},
    "Files": {
        "Type": "AWS::FSx::FileSystem",
        "Properties": {
            "FileSystemType": "LUSTRE",
            "StorageCapacity": 1200,
            "SubnetIds": [ref("Subnet")],
            "LustreConfiguration": {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125},
        },
    },
    "Launch": {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {"LaunchTemplateData": {"ImageId": "ami-12345678"}},
    },
    "Environment": {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {"Type": "MANAGED", "ComputeResources": {"Type": "EC2", "MaxvCpus": 4}},
    },
    "Nodes": {"Type": "AWS::SageMaker::Cluster", "Properties": {"ClusterName": "nodes", "InstanceGroups": [GROUP]}},
    "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "api"}},
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "sagemaker.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        },
    },
    **{
        name: {
            "Type": "AWS::WAFv2::WebACL",
            "Properties": {
                "Name": name,
                "Scope": "REGIONAL",
                "DefaultAction": {"Allow": {}},
                "VisibilityConfig": {
                    "CloudWatchMetricsEnabled": True,
                    "MetricName": name,
                    "SampledRequestsEnabled": True,
                },
            },
        }
        for name in ("Acl", "OtherAcl")
    },
    "Draft": {
        "Type": "AWS::Bedrock::Guardrail",
        "Properties": {"Name": "draft", "BlockedInputMessaging": "no", "BlockedOutputsMessaging": "no"},
    },
    "Lab": {
        "Type": "AWS::SageMaker::Domain",
        "Properties": {
            "DomainName": "lab",
            "AuthMode": "IAM",
            "VpcId": ref("Vpc"),
            "SubnetIds": [ref("Subnet")],
            "DefaultUserSettings": {"ExecutionRole": attribute("Arn", "Role")},
        },
    },
    "Served": {
        "Type": "AWS::SageMaker::Model",
        "Properties": {
            "ExecutionRoleArn": attribute("Arn", "Role"),
            "PrimaryContainer": {"Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/m:1"},
        },
    },
    **{
        name: {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "ModelName": attribute("ModelName", "Served"),
                        "VariantName": "all",
                        "InstanceType": "ml.g5.xlarge",
                        "InitialInstanceCount": 1,
                        "InitialVariantWeight": 1,
                    }
                ]
            },
        }
        for name in ("Config", "OtherConfig")
    },
    "Hosting": {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {"EndpointName": "hosting", "EndpointConfigName": attribute("EndpointConfigName", "Config")},
    },
    "Target": {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "DependsOn": "Hosting",
        "Properties": {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": "endpoint/hosting/variant/all",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        },
    },
    "Rules": {"Type": "AWS::BedrockAgentCore::PolicyEngine", "Properties": {"Name": "ground"}},
    "Judging": {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "judging",
            "Roles": [ref("Role")],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "bedrock-agentcore:GetPolicyEngine",
                        "Resource": attribute("PolicyEngineArn", "Rules"),
                    }
                ],
            },
        },
    },
    **{
        name: {
            "Type": "AWS::BedrockAgentCore::Gateway",
            "DependsOn": "Judging",
            "Properties": {
                "Name": name,
                "AuthorizerType": "NONE",
                "RoleArn": attribute("Arn", "Role"),
                "PolicyEngineConfiguration": {"Arn": attribute("PolicyEngineArn", "Rules"), "Mode": "ENFORCE"},
            },
        }
        for name in ("Tools", "OtherTools")
    },
    "Sums": {
        "Type": "AWS::BedrockAgentCore::GatewayTarget",
        "Properties": {
            "GatewayIdentifier": attribute("GatewayIdentifier", "Tools"),
            "Name": "ground",
            "TargetConfiguration": TOOL,
        },
    },
    **{name: {"Type": "AWS::Cognito::UserPool"} for name in ("Users", "OtherUsers")},
    **{
        f"{pool}Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"UserPoolId": ref(pool)}}
        for pool in ("Users", "OtherUsers")
    },
    "Access": {
        "Type": "AWS::Logs::DeliverySource",
        "Properties": {
            "Name": "ground",
            "LogType": "ACCESS_LOGS",
            "ResourceArn": {"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/EGROUND"},
        },
    },
    **{
        name: {
            "Type": "AWS::Logs::DeliveryDestination",
            "Properties": {"Name": name, "DestinationResourceArn": attribute("Arn", bucket)},
        }
        for name, bucket in (("Archive", "Bucket"), ("OtherArchive", "OtherBucket"))
    },
    **{
        name: {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": name, "SecretString": "x"}}
        for name in ("Secret", "OtherSecret")
    },
}
_SCALING = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60}}


@dataclass(frozen=True)
class Case:
    """A type's properties, a change that is made in place, and one that replaces; what has none is None."""

    properties: Json
    in_place: Json | None
    replacing: Json | None
    wrong: Json
    told: str


CASES = {
    "AWS::Bedrock::Prompt": Case(
        {"Name": "case", "Variants": [VARIANT]},
        {"Description": "what it is for"},
        None,
        {"Variants": [{**VARIANT, "ModelId": "nobody.model"}]},
        "The provided model identifier nobody.model is invalid",
    ),
    "AWS::Bedrock::PromptVersion": Case(
        {"PromptArn": attribute("Arn", "Words")},
        None,
        {"PromptArn": attribute("Arn", "OtherWords")},
        {"PromptArn": "arn:aws:bedrock:us-east-1:444444444444:prompt/ABCDEFGHIJ"},
        "Could not find AWS::Bedrock::Prompt",
    ),
    "AWS::Bedrock::Flow": Case(
        {"Name": "case", "ExecutionRoleArn": attribute("Arn", "Role"), "Definition": STEPS},
        {"Description": "what it does"},
        None,
        {"Definition": {**STEPS, "Nodes": STEPS["Nodes"][:1]}},
        "has an unknown target node End",
    ),
    "AWS::Bedrock::FlowVersion": Case(
        {"FlowArn": attribute("Arn", "Talk")},
        None,
        {"FlowArn": attribute("Arn", "OtherTalk")},
        {"FlowArn": "arn:aws:bedrock:us-east-1:444444444444:flow/ABCDEFGHIJ"},
        "Could not find AWS::Bedrock::Flow",
    ),
    "AWS::Bedrock::FlowAlias": Case(
        {"Name": "case", "FlowArn": attribute("Arn", "Talk"), "RoutingConfiguration": [{"FlowVersion": "1"}]},
        {"RoutingConfiguration": [{"FlowVersion": "2"}]},
        {"FlowArn": attribute("Arn", "OtherTalk")},
        {"FlowArn": "arn:aws:bedrock:us-east-1:444444444444:flow/ABCDEFGHIJ"},
        "Could not find AWS::Bedrock::Flow",
    ),
    "AWS::Bedrock::IntelligentPromptRouter": Case(
        {
            "PromptRouterName": "case",
            "Models": [{"ModelArn": f"{MODELS}/amazon.nova-pro-v1:0"}, {"ModelArn": f"{MODELS}/amazon.nova-lite-v1:0"}],
            "FallbackModel": {"ModelArn": f"{MODELS}/amazon.nova-pro-v1:0"},
            "RoutingCriteria": {"ResponseQualityDifference": 10},
        },
        None,
        {"PromptRouterName": "another", "RoutingCriteria": {"ResponseQualityDifference": 20}},
        {"Models": [{"ModelArn": f"{MODELS}/nobody.model-v1:0"}]},
        "is invalid",
    ),
    "AWS::OpenSearchServerless::SecurityPolicy": Case(
        {"Name": "case", "Type": "network", "Policy": "[]"},
        {"Policy": "[{}]"},
        {"Name": "another"},
        {"Policy": "no json"},
        "Policy json is invalid",
    ),
    "AWS::OpenSearchServerless::AccessPolicy": Case(
        {"Name": "case", "Type": "data", "Policy": "[]"},
        {"Policy": "[{}]"},
        {"Name": "another"},
        {"Policy": "no json"},
        "Policy json is invalid",
    ),
    "AWS::OpenSearchServerless::Collection": Case(
        {"Name": "case", "Type": "VECTORSEARCH"},
        {"Description": "chunks"},
        None,
        {"Name": "unencrypted"},
        "No matching security policy of encryption type found for collection unencrypted",
    ),
    "AWS::OpenSearchServerless::Index": Case(
        {"CollectionEndpoint": attribute("CollectionEndpoint", "Search"), "IndexName": "case"},
        {"Settings": {"Index": {"Knn": True}}},
        {"IndexName": "another"},
        {"CollectionEndpoint": "https://nobody.us-east-1.aoss.amazonaws.com"},
        "No collection answers at https://nobody",
    ),
    "AWS::Batch::ComputeEnvironment": Case(
        {
            "Type": "MANAGED",
            "ComputeEnvironmentName": "case",
            "ComputeResources": {
                "Type": "EC2",
                "MaxvCpus": 4,
                "Subnets": [ref("Subnet")],
                "LaunchTemplate": {"LaunchTemplateId": ref("Launch")},
            },
        },
        {"State": "DISABLED"},
        {"ComputeEnvironmentName": "another"},
        {"ComputeResources": {"Type": "EC2", "MaxvCpus": 4, "Subnets": ["subnet-0"]}},
        "The subnet ID 'subnet-0' does not exist",
    ),
    "AWS::Batch::JobDefinition": Case(
        {"Type": "container", "JobDefinitionName": "case", "ContainerProperties": {"Image": "i", "Memory": 4}},
        None,
        {"JobDefinitionName": "another"},
        {"ContainerProperties": {"Memory": 4}},
        "'Image' is a required property",
    ),
    "AWS::Batch::JobQueue": Case(
        {
            "JobQueueName": "case",
            "Priority": 1,
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": ref("Environment")}],
        },
        {"Priority": 2},
        {"JobQueueName": "another"},
        {"ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": "absent"}]},
        "Could not find AWS::Batch::ComputeEnvironment 'absent'",
    ),
    "AWS::Batch::SchedulingPolicy": Case(
        {"Name": "case", "FairsharePolicy": {"ShareDecaySeconds": 1}},
        {"FairsharePolicy": {"ShareDecaySeconds": 2}},
        {"Name": "another"},
        {"FairsharePolicy": {"ShareDecaySeconds": -1}},
        "-1",
    ),
    "AWS::EKS::Addon": Case(
        {"AddonName": "governance", "ClusterName": "research"},
        {"AddonVersion": "v1.0.0-eksbuild.1"},
        {"ClusterName": "another"},
        {"ResolveConflicts": "FIGHT"},
        "FIGHT",
    ),
    "AWS::SageMaker::Cluster": Case(
        GROUND["Nodes"]["Properties"] | {"ClusterName": "case"},
        {"NodeRecovery": "None"},
        {"ClusterName": "another"},
        {"InstanceGroups": [{**GROUP, "LifeCycleConfig": {"SourceS3Uri": "s3://absent/x", "OnInitComplete": "a.sh"}}]},
        "Lifecycle script s3://absent/x/a.sh was not found",
    ),
    "AWS::SageMaker::ClusterSchedulerConfig": Case(
        {"Name": "case", "ClusterArn": ref("Nodes"), "SchedulerConfig": {"FairShare": "Enabled"}},
        {"SchedulerConfig": {"FairShare": "Disabled"}},
        {"Name": "another"},
        {"ClusterArn": "arn:aws:sagemaker:us-east-1:444444444444:cluster/abcdefghijkl"},
        "Could not find AWS::SageMaker::Cluster",
    ),
    "AWS::SageMaker::ComputeQuota": Case(
        {
            "Name": "case",
            "ClusterArn": ref("Nodes"),
            "ComputeQuotaTarget": {"TeamName": "vision"},
            "ComputeQuotaConfig": {"ComputeQuotaResources": [{"InstanceType": "ml.p5.48xlarge", "Count": 1}]},
        },
        {"Description": "a share"},
        {"Name": "another"},
        {"ComputeQuotaConfig": {"PreemptTeamTasks": "Always"}},
        "Always",
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Case(
        {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": "endpoint/hosting/variant/other",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        },
        {"MaxCapacity": 3},
        {"ResourceId": "endpoint/hosting/variant/third"},
        {"ResourceId": "endpoint/unknown/variant/all"},
        "endpoint/unknown/variant/all",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Case(
        {
            "PolicyName": "keep-busy",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": attribute("Id", "Target"),
            **_SCALING,
        },
        {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}},
        {"PolicyName": "keep-busier"},
        {"ScalingTargetId": "nobody"},
        "No scalable target registered for nobody",
    ),
    "AWS::Bedrock::ApplicationInferenceProfile": Case(
        {
            "InferenceProfileName": "case",
            "ModelSource": {"CopyFrom": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"},
        },
        None,
        {"InferenceProfileName": "another"},
        {"ModelSource": {"CopyFrom": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v9:0"}},
        "The provided model identifier arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v9:0 is invalid",
    ),
    "AWS::Bedrock::Guardrail": Case(
        {"Name": "case", "BlockedInputMessaging": "no", "BlockedOutputsMessaging": "no"},
        {"BlockedInputMessaging": "never"},
        None,
        {"WordPolicyConfig": {"ManagedWordListsConfig": [{"Type": "RUDENESS"}]}},
        "RUDENESS is not a valid enum value, choose one of PROFANITY",
    ),
    "AWS::Bedrock::GuardrailVersion": Case(
        {"GuardrailIdentifier": attribute("GuardrailId", "Draft"), "Description": "first"},
        None,
        {"Description": "second"},
        {"GuardrailIdentifier": "absent"},
        "Guardrail absent not found",
    ),
    "AWS::BedrockAgentCore::CodeInterpreterCustom": Case(
        {"Name": "case", "NetworkConfiguration": {"NetworkMode": "SANDBOX"}},
        {"Tags": {"a": "b"}},
        {"Name": "other"},
        {"NetworkConfiguration": {"NetworkMode": "OPEN"}},
        "OPEN is not a valid enum value",
    ),
    "AWS::BedrockAgentCore::Gateway": Case(
        {"Name": "case", "AuthorizerType": "NONE", "RoleArn": attribute("Arn", "Role")},
        {"Description": "tools"},
        None,
        {"AuthorizerType": "CUSTOM_JWT"},
        "An authorizer configuration belongs to the type CUSTOM_JWT, which needs it",
    ),
    "AWS::BedrockAgentCore::GatewayTarget": Case(
        {
            "GatewayIdentifier": attribute("GatewayIdentifier", "Tools"),
            "Name": "case",
            "TargetConfiguration": TOOL,
            "CredentialProviderConfigurations": [{"CredentialProviderType": "GATEWAY_IAM_ROLE"}],
        },
        {"Description": "sums"},
        {"GatewayIdentifier": attribute("GatewayIdentifier", "OtherTools"), "Name": "another"},
        {"GatewayIdentifier": "absent-0123456789"},
        "Could not find AWS::BedrockAgentCore::Gateway 'absent-0123456789'",
    ),
    "AWS::BedrockAgentCore::Policy": Case(
        {
            "PolicyEngineId": attribute("PolicyEngineId", "Rules"),
            "Name": "case",
            "Definition": {"Cedar": {"Statement": {"Fn::Sub": RULE}}},
        },
        {"Description": "who may call"},
        {"Name": "another"},
        {"Definition": {"Cedar": {"Statement": "permit(principal, action, resource);"}}},
        "The resource must be a gateway, or the type AgentCore::Gateway",
    ),
    "AWS::BedrockAgentCore::PolicyEngine": Case(
        {"Name": "case"},
        {"Description": "rules"},
        {"Name": "another"},
        {"Name": "not a name"},
        "not a name",
    ),
    "AWS::Budgets::Budget": Case(
        {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": 5, "Unit": "USD"}}},
        {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": 6, "Unit": "USD"}}},
        None,
        {"Budget": {"TimeUnit": "MONTHLY"}},
        "'BudgetType' is a required property",
    ),
    "AWS::Bedrock::DataSource": Case(
        {
            "KnowledgeBaseId": attribute("KnowledgeBaseId", "Base"),
            "Name": "case",
            "DataSourceConfiguration": {"Type": "S3", "S3Configuration": {"BucketArn": attribute("Arn", "Bucket")}},
        },
        {"Description": "documents"},
        None,
        {"KnowledgeBaseId": "ABSENT0000"},
        "Knowledge base ABSENT0000 not found",
    ),
    "AWS::Bedrock::KnowledgeBase": Case(
        {**BASE, "Name": "case"},
        {"Description": "documents"},
        None,
        {
            "KnowledgeBaseConfiguration": {
                "Type": "VECTOR",
                "VectorKnowledgeBaseConfiguration": {
                    "EmbeddingModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v9:0"
                },
            }
        },
        "The embedding model arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v9:0 is not valid",
    ),
    "AWS::S3Vectors::Index": Case(
        {**INDEX, "IndexName": "case"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"IndexName": "other", "Dimension": 512},
        {"DistanceMetric": "manhattan"},
        "manhattan is not a valid enum value",
    ),
    "AWS::S3Vectors::VectorBucket": Case(
        {"VectorBucketName": "case-vectors"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"VectorBucketName": "other-vectors"},
        {"EncryptionConfiguration": {"SseType": "none"}},
        "none is not a valid enum value",
    ),
    "AWS::Bedrock::EnforcedGuardrailConfiguration": Case(
        {"GuardrailIdentifier": attribute("GuardrailId", "Draft"), "GuardrailVersion": "1"},
        {"GuardrailVersion": "2"},
        None,
        {"GuardrailIdentifier": "absent"},
        "Guardrail absent not found",
    ),
    "AWS::Bedrock::ResourcePolicy": Case(
        {"ResourceArn": attribute("GuardrailArn", "Draft"), "PolicyDocument": {"Statement": []}},
        {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        None,
        {"ResourceArn": "absent"},
        "absent is not the ARN of a resource of Bedrock",
    ),
    "AWS::CloudWatch::AnomalyDetector": Case(
        {"Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Stat": "Sum"},
        None,
        {"Stat": "Average"},
        {"Configuration": {"ExcludedTimeRanges": "none"}},
        "'none' is not of type 'array'",
    ),
    "AWS::CloudTrail::Trail": Case(
        {"S3BucketName": ref("Bucket"), "IsLogging": True, "TrailName": "case", "SnsTopicName": "notices"},
        {"S3BucketName": ref("OtherBucket")},
        {"TrailName": "another"},
        {"S3BucketName": "absent"},
        "S3 bucket absent does not exist",
    ),
    "AWS::Cognito::ManagedLoginBranding": Case(
        {"UserPoolId": ref("Users"), "ClientId": ref("UsersClient"), "Settings": {"categories": {}}},
        {"Settings": {"categories": {}, "components": {}}},
        {"UserPoolId": ref("OtherUsers"), "ClientId": ref("OtherUsersClient")},
        {"UserPoolId": "us-east-1_absent000"},
        "User pool us-east-1_absent000 does not exist",
    ),
    "AWS::Cognito::UserPoolIdentityProvider": Case(
        {
            "UserPoolId": ref("Users"),
            "ProviderName": "case",
            "ProviderType": "OIDC",
            "ProviderDetails": {"client_id": "case", "oidc_issuer": "https://issuer.example"},
        },
        {"AttributeMapping": {"email": "email"}},
        {"ProviderName": "another"},
        {"UserPoolId": "us-east-1_absent000"},
        "User pool us-east-1_absent000 does not exist",
    ),
    "AWS::EC2::FlowLog": Case(
        {"ResourceType": "VPC", "ResourceId": ref("Vpc"), "TrafficType": "ALL", "LogGroupName": "flows"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"TrafficType": "REJECT"},
        {"ResourceId": "vpc-0"},
        "vpc-0 does not exist",
    ),
    "AWS::FSx::DataRepositoryAssociation": Case(
        {
            "FileSystemId": ref("Files"),
            "FileSystemPath": "/data",
            "DataRepositoryPath": {"Fn::Sub": "s3://${Bucket}/"},
        },
        {"ImportedFileChunkSize": 2048},
        {"FileSystemPath": "/other"},
        {"DataRepositoryPath": "s3://absent/"},
        "The bucket absent does not exist",
    ),
    "AWS::FSx::FileSystem": Case(
        GROUND["Files"]["Properties"],
        {"StorageCapacity": 2400},
        {"KmsKeyId": "other"},
        {"StorageCapacity": 1300},
        "Invalid storage capacity 1300",
    ),
    "AWS::EC2::PlacementGroup": Case(
        {"Strategy": "cluster"}, None, {"Strategy": "spread"}, {"SpreadLevel": ["host"]}, "SpreadLevel"
    ),
    **{
        f"AWS::EC2::SecurityGroup{direction}": Case(
            {
                "GroupId": attribute("GroupId", "Group"),
                "IpProtocol": "-1",
                f"{other}SecurityGroupId": attribute("GroupId", "Group"),
            },
            {"Description": "among themselves"},
            {"IpProtocol": "tcp"},
            {"GroupId": "sg-0"},
            "The security group 'sg-0' does not exist",
        )
        for direction, other in (("Ingress", "Source"), ("Egress", "Destination"))
    },
    "AWS::Logs::Delivery": Case(
        {"DeliverySourceName": ref("Access"), "DeliveryDestinationArn": attribute("Arn", "Archive")},
        {"RecordFields": ["date", "time"]},
        {"DeliveryDestinationArn": attribute("Arn", "OtherArchive")},
        {"DeliverySourceName": "absent"},
        "Delivery source does not exist: absent",
    ),
    "AWS::Logs::DeliveryDestination": Case(
        {"Name": "case", "DestinationResourceArn": attribute("Arn", "Bucket"), "OutputFormat": "json"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"Name": "another"},
        {"OutputFormat": "yaml"},
        "outputFormat must be one of",
    ),
    "AWS::Logs::DeliverySource": Case(
        {
            "Name": "case",
            "LogType": "ACCESS_LOGS",
            "ResourceArn": {"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/ECASE"},
        },
        {"LogType": "CONNECTION_LOGS"},
        {"Name": "another"},
        {"ResourceArn": attribute("Arn", "Bucket")},
        "Cannot access provided service",
    ),
    "AWS::SageMaker::Endpoint": Case(
        {"EndpointConfigName": attribute("EndpointConfigName", "Config")},
        {"EndpointConfigName": attribute("EndpointConfigName", "OtherConfig")},
        {"EndpointName": "renamed"},
        {"EndpointConfigName": "absent"},
        "Could not find AWS::SageMaker::EndpointConfig 'absent'",
    ),
    "AWS::SageMaker::EndpointConfig": Case(
        GROUND["Config"]["Properties"],
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"EndpointConfigName": "renamed"},
        {"ProductionVariants": [{"ModelName": "absent", "VariantName": "all"}]},
        'Could not find model "absent"',
    ),
    "AWS::SageMaker::InferenceComponent": Case(
        {
            "InferenceComponentName": "part",
            "EndpointName": "hosting",
            "VariantName": "all",
            "Specification": {
                "ModelName": attribute("ModelName", "Served"),
                "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
            },
            "RuntimeConfig": {"CopyCount": 1},
        },
        {"RuntimeConfig": {"CopyCount": 2}},
        None,
        {"EndpointName": "absent"},
        'Could not find endpoint "absent"',
    ),
    "AWS::SageMaker::Domain": Case(
        GROUND["Lab"]["Properties"] | {"DomainName": "case"},
        {"AppNetworkAccessType": "VpcOnly"},
        {"DomainName": "another"},
        {"AuthMode": "NONE"},
        "NONE",
    ),
    "AWS::SageMaker::Hub": Case(
        {"HubName": "case", "HubDescription": "models"},
        {"HubDescription": "other models"},
        {"HubName": "another"},
        {"HubName": "not a name"},
        "not a name",
    ),
    "AWS::SageMaker::UserProfile": Case(
        {"DomainId": attribute("DomainId", "Lab"), "UserProfileName": "ann"},
        {"UserSettings": {"ExecutionRole": attribute("Arn", "Role")}},
        {"UserProfileName": "bob"},
        {"DomainId": "d-absent"},
        "Could not find AWS::SageMaker::Domain",
    ),
    "AWS::SageMaker::MlflowApp": Case(
        {"Name": "case", "ArtifactStoreUri": "s3://bucket/mlflow", "RoleArn": attribute("Arn", "Role")},
        {"WeeklyMaintenanceWindowStart": "Tue:03:30"},
        None,
        {"ModelRegistrationMode": "Sometimes"},
        "Sometimes",
    ),
    "AWS::SageMaker::ModelPackageGroup": Case(
        {"ModelPackageGroupName": "case"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"ModelPackageGroupName": "another"},
        {"ModelPackageGroupName": "not a name"},
        "not a name",
    ),
    "AWS::SageMaker::Pipeline": Case(
        {
            "PipelineName": "case",
            "RoleArn": attribute("Arn", "Role"),
            "PipelineDefinition": {"PipelineDefinitionBody": json.dumps({"Version": "2020-12-01", "Steps": []})},
        },
        {"PipelineDescription": "changed"},
        {"PipelineName": "another"},
        {"PipelineDefinition": {"PipelineDefinitionBody": "{}"}},
        "Invalid pipeline definition",
    ),
    "AWS::SageMaker::Model": Case(
        GROUND["Served"]["Properties"],
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"EnableNetworkIsolation": True},
        {"PrimaryContainer": {"Image": "x", "Mode": "TripleModel"}},
        "TripleModel",
    ),
    "AWS::SecretsManager::RotationSchedule": Case(
        {
            "SecretId": ref("Secret"),
            "RotationLambdaARN": {"Fn::Sub": "arn:aws:lambda:us-east-1:${AWS::AccountId}:function:rotate"},
            "RotationRules": {"ScheduleExpression": "rate(30 days)"},
        },
        {"RotationRules": {"ScheduleExpression": "rate(10 days)"}},
        {"SecretId": ref("OtherSecret")},
        {"SecretId": "absent"},
        "Secrets Manager can't find the specified secret",
    ),
    "AWS::WAFv2::LoggingConfiguration": Case(
        {
            "ResourceArn": attribute("Arn", "Acl"),
            "LogDestinationConfigs": ["arn:aws:logs:us-east-1:444444444444:log-group:aws-waf-logs-a"],
        },
        {"LogDestinationConfigs": ["arn:aws:logs:us-east-1:444444444444:log-group:aws-waf-logs-b"]},
        {"ResourceArn": attribute("Arn", "OtherAcl")},
        {"LogDestinationConfigs": ["arn:aws:logs:us-east-1:444444444444:log-group:plain"]},
        "must begin with aws-waf-logs-",
    ),
    "AWS::GuardDuty::MalwareProtectionPlan": Case(
        {
            "Role": attribute("Arn", "Role"),
            "ProtectedResource": {"S3Bucket": {"BucketName": ref("Bucket"), "ObjectPrefixes": ["incoming/"]}},
        },
        {"Actions": {"Tagging": {"Status": "ENABLED"}}},
        None,
        {"ProtectedResource": {"S3Bucket": {"BucketName": "absent"}}},
        "The S3 bucket absent does not exist",
    ),
    "AWS::WAFv2::RegexPatternSet": Case(
        {"Name": "case", "Scope": "REGIONAL", "RegularExpressionList": ["^a$"]},
        {"RegularExpressionList": ["^a$", "^b$"]},
        {"Name": "another"},
        {"Scope": "GLOBAL"},
        "GLOBAL is not a valid enum value",
    ),
    "AWS::WAFv2::WebACLAssociation": Case(
        {
            "ResourceArn": {"Fn::Sub": "arn:aws:apigateway:us-east-1::/restapis/${Api}/stages/v1"},
            "WebACLArn": attribute("Arn", "Acl"),
        },
        None,
        {"WebACLArn": attribute("Arn", "OtherAcl")},
        {
            "WebACLArn": "arn:aws:wafv2:us-east-1:444444444444:regional/webacl/absent/11111111-2222-3333-4444-555555555555"
        },
        "(Status Code: 400",
    ),
}


@cache
def handled() -> dict[str, tuple[bool, list[str]]]:
    """The types that the account adds: whether a service is behind them, and their read-only attributes."""
    script = (
        "import json; from local.account.resources import RESOURCES; from local.account.resources.schemas import names;"
        "print(json.dumps({r.type: (r.service, names(r.type, 'readOnlyProperties')) for r in RESOURCES}))"
    )
    done = subprocess.run([emulator.PYTHON, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Stacks:
    """CloudFormation in an account of its own."""

    def __init__(self, account: emulator.Account) -> None:
        self.account = account
        self.client = account.client("cloudformation")

    def create(self, name: str, template: Json) -> Json:
        self.client.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
        return self._end(name)

    def update(self, name: str, template: Json) -> Json:
        self.client.update_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
        return self._end(name)

    def delete(self, name: str) -> None:
        self.client.delete_stack(StackName=name)

    def _end(self, name: str) -> Json:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            stack: Json = self.client.describe_stacks(StackName=name)["Stacks"][0]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                return stack
            time.sleep(0.02)
        raise AssertionError(f"{name} did not end in time")

    def reasons(self, name: str) -> str:
        """Why resources of a stack failed."""
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        return "\n".join(e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"].endswith("_FAILED"))

    def physical_id(self, name: str) -> str:
        found = self.client.describe_stack_resource(StackName=name, LogicalResourceId="Case")
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def record(self, resource_type: str, identifier: str) -> Json | None:
        """The resource as the Cloud Control API reads it."""
        client = self.account.client("cloudcontrol")
        try:
            found = client.get_resource(TypeName=resource_type, Identifier=identifier)
        except client.exceptions.ResourceNotFoundException:
            return None
        return dict(json.loads(found["ResourceDescription"]["Properties"]))


@pytest.fixture(scope="module")
def stacks(local: Local) -> Stacks:
    return Stacks(replace(local.account, account="444444444444"))


@pytest.fixture
def name(request: pytest.FixtureRequest, stacks: Stacks) -> Iterator[str]:
    made = "".join(character for character in request.node.name if character.isalnum())
    yield made
    stacks.delete(made)


def template(resource_type: str, properties: Json) -> Json:
    """The ground with one resource on it, all whose attributes are read."""
    outputs = {"Ref": {"Value": ref("Case")}}
    outputs |= {
        each: {"Value": attribute(each, "Case")}
        for each in handled()[resource_type][1]
        # Lists and objects are no outputs, what did not fail has no reason, and a case has no firewall or connection.
        if not each.endswith("s")
        and "*" not in each
        and "/" not in each
        and each not in ("Definition", "FailureReason", "StatusReason", *CONNECTED)
    }
    case = {"Type": resource_type, "Properties": properties, "DependsOn": ["Target"]}
    return {"Resources": {**GROUND, "Case": case}, "Outputs": outputs}


def test_every_type_has_a_case_and_is_documented() -> None:
    assert set(CASES) == set(handled())
    documented = re.findall(r"^\| `(AWS::\w+::\w+)` \| a (service|record) \|$", DOCS.read_text(encoding="utf-8"), re.M)
    assert dict(documented) == {name: "service" if backed else "record" for name, (backed, _) in handled().items()}


@pytest.mark.parametrize("resource_type", sorted(CASES))
def test_a_type_lives_its_life(stacks: Stacks, name: str, resource_type: str) -> None:
    case = CASES[resource_type]
    made = stacks.create(name, template(resource_type, case.properties))
    assert made["StackStatus"] == "CREATE_COMPLETE", stacks.reasons(name)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}
    identifier = stacks.physical_id(name)
    assert outputs["Ref"] == identifier
    assert all(outputs.values()), outputs
    assert stacks.record(resource_type, identifier) is not None
    properties = dict(case.properties)
    if case.in_place is not None:
        properties |= case.in_place
        changed = stacks.update(name, template(resource_type, properties))
        assert changed["StackStatus"] == "UPDATE_COMPLETE", stacks.reasons(name)
        assert stacks.physical_id(name) == identifier
        record = stacks.record(resource_type, identifier)
        assert record is not None
        (key,) = case.in_place
        assert record[key] != case.properties.get(key)
    if case.replacing is not None:
        properties |= case.replacing
        replaced = stacks.update(name, template(resource_type, properties))
        assert replaced["StackStatus"] == "UPDATE_COMPLETE", stacks.reasons(name)
        assert stacks.physical_id(name) != identifier
        assert stacks.record(resource_type, identifier) is None
        identifier = stacks.physical_id(name)
    stacks.delete(name)
    deadline = time.monotonic() + WAIT_SECONDS
    while stacks.record(resource_type, identifier) is not None:
        assert time.monotonic() < deadline, f"{identifier} is still there"
        time.sleep(0.02)


@pytest.mark.parametrize("resource_type", sorted(CASES))
def test_what_aws_refuses_is_refused(stacks: Stacks, name: str, resource_type: str) -> None:
    case = CASES[resource_type]
    failed = stacks.create(name, template(resource_type, {**case.properties, **case.wrong}))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert case.told in stacks.reasons(name)
    assert "Properties validation failed" in _reasons_of(stacks, name, resource_type, {**case.properties, "Speed": 9})


def _reasons_of(stacks: Stacks, name: str, resource_type: str, properties: Json) -> str:
    """Why a stack with an unknown property fails."""
    unknown = f"{name}Unknown"
    stacks.create(unknown, template(resource_type, properties))
    try:
        return stacks.reasons(unknown)
    finally:
        stacks.delete(unknown)


def test_a_failed_update_in_place_is_sent_back(stacks: Stacks, name: str) -> None:
    case = CASES["AWS::SageMaker::Endpoint"]
    stacks.create(name, template("AWS::SageMaker::Endpoint", case.properties))
    identifier = stacks.physical_id(name)
    before = stacks.record("AWS::SageMaker::Endpoint", identifier)
    broken = template("AWS::SageMaker::Endpoint", {**case.properties, **(case.in_place or {})})
    broken["Resources"]["Broken"] = {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {"EndpointConfigName": "absent"},
        "DependsOn": ["Case"],
    }
    rolled = stacks.update(name, broken)
    assert rolled["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.record("AWS::SageMaker::Endpoint", identifier) == before


def test_a_name_that_is_taken_is_refused(stacks: Stacks, name: str) -> None:
    properties = {**CASES["AWS::SageMaker::Endpoint"].properties, "EndpointName": "hosting"}
    failed = stacks.create(name, template("AWS::SageMaker::Endpoint", properties))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons(name)


def _tags(stacks: Stacks, resource_type: str, record: Json) -> dict[str, str]:
    """The tags of a resource as its own service tells them."""
    client = stacks.account.client
    if resource_type == "AWS::Bedrock::Guardrail":
        found = client("bedrock").list_tags_for_resource(resourceARN=record["GuardrailArn"])["tags"]
    elif resource_type == "AWS::CloudTrail::Trail":
        found = client("cloudtrail").list_tags(ResourceIdList=[record["Arn"]])["ResourceTagList"][0]["TagsList"]
    elif resource_type == "AWS::Budgets::Budget":
        arn = f"arn:aws:budgets::{stacks.account.account}:budget/{record['Id']}"
        found = client("budgets").list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
    else:
        identifier = record.get("GroupId") or record["Id"]
        found = client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [identifier]}])["Tags"]
    pairs = {each.get("Key", each.get("key")): each.get("Value", each.get("value")) for each in found}
    return {key: value for key, value in pairs.items() if not key.startswith("aws:")}


@pytest.mark.parametrize(
    "resource_type",
    [
        "AWS::Bedrock::Guardrail",
        "AWS::Budgets::Budget",
        "AWS::CloudTrail::Trail",
        "AWS::EC2::FlowLog",
        "AWS::EC2::PlacementGroup",
    ],
)
def test_services_know_the_tags(stacks: Stacks, name: str, resource_type: str) -> None:
    key = "ResourceTags" if resource_type == "AWS::Budgets::Budget" else "Tags"
    for tags in ({"team": "a", "layer": "one"}, {"team": "b"}):
        listed = [{"Key": tag, "Value": value} for tag, value in tags.items()]
        made = template(resource_type, {**CASES[resource_type].properties, key: listed})
        act = stacks.create if "layer" in tags else stacks.update
        assert act(name, made)["StackStatus"].endswith("_COMPLETE"), stacks.reasons(name)
        record = stacks.record(resource_type, stacks.physical_id(name))
        assert record is not None
        assert _tags(stacks, resource_type, record) == tags


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"Principal": {"AWS": "*"}}, "for everybody needs a condition"),
        (
            {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": "444444444444"}}},
            "supports conditions on PrincipalOrgID",
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::444444444444:root"}, "Action": "bedrock:InvokeModel"},
            "supports the actions",
        ),
    ],
    ids=["everybody", "condition", "action"],
)
def test_policies_of_guardrails_are_refused_as_by_aws(stacks: Stacks, name: str, statement: Json, words: str) -> None:
    arn = attribute("GuardrailArn", "Draft")
    whole = {"Effect": "Allow", "Action": "bedrock:ApplyGuardrail", "Resource": arn, **statement}
    kind = "AWS::Bedrock::ResourcePolicy"
    stacks.create(name, template(kind, {"ResourceArn": arn, "PolicyDocument": {"Statement": [whole]}}))
    assert words in stacks.reasons(name)

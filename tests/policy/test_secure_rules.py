"""Each of the project's own rules finds the mistake that it is for, and passes what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cognito as cognito, aws_s3 as s3

from aws_genai.application import Identity
from aws_genai.foundation import COST_TAGS, Foundation
from aws_genai.gate import acknowledge, secure
from aws_genai.gate.document import table
from aws_genai.gate.engine import OwnRules
from aws_genai.gate.rules import RULES, Rule
from tests.conftest import ROOT
from tests.support import findings_of, rules_broken

MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"


def policy(**statement: Any) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return {"PolicyDocument": document, "Roles": ["somebody"]}


def inline(**statement: Any) -> dict[str, Any]:
    document = policy(**statement)["PolicyDocument"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "p", "PolicyDocument": document}],
    }


def template_data(**data: Any) -> dict[str, Any]:
    safe: dict[str, Any] = {
        "InstanceType": "g6.xlarge",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "KmsKeyId": "alias/x"}}],
        "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": False}],
    }
    return {"LaunchTemplateData": {key: value for key, value in {**safe, **data}.items() if value is not None}}


def bucket(**properties: Any) -> dict[str, Any]:
    private = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    return {
        "PublicAccessBlockConfiguration": private,
        "VersioningConfiguration": {"Status": "Enabled"},
        **properties,
    }


def workgroup(**configuration: Any) -> dict[str, Any]:
    encrypted = {"EncryptionOption": "SSE_KMS", "KmsKey": "alias/x"}
    safe: dict[str, Any] = {
        "EnforceWorkGroupConfiguration": True,
        "BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"EncryptionConfiguration": encrypted},
    }
    return {"Name": "planted", "WorkGroupConfiguration": given({**safe, **configuration})}


def given(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if value is not None}


def environment(**resources: Any) -> dict[str, Any]:
    template = {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "1"}
    safe = {"Type": "EC2", "MaxvCpus": 4, "InstanceTypes": ["g6.xlarge"], "LaunchTemplate": template}
    return {"Type": "managed", "ComputeResources": given({**safe, **resources})}


def job(**container: Any) -> dict[str, Any]:
    return {"Type": "container", "ContainerProperties": {"Image": "i", "Privileged": False, **container}}


def jobs(**container: Any) -> dict[str, Any]:
    nodes = [{"TargetNodes": "0:", "Container": {"Image": "i", "Privileged": False, **container}}]
    return {"Type": "multinode", "NodeProperties": {"NumNodes": 2, "MainNode": 0, "NodeRangeProperties": nodes}}


def cluster(instance_type: str = "ml.g6.xlarge", *, key: bool = True, **properties: Any) -> dict[str, Any]:
    volume = {"VolumeSizeInGB": 100, **({"VolumeKmsKeyId": KEY} if key else {})}
    group = {
        "ExecutionRole": "arn:aws:iam::111122223333:role/cluster",
        "InstanceCount": 1,
        "InstanceGroupName": "workers",
        "InstanceType": instance_type,
        "InstanceStorageConfigs": [{"EbsVolumeConfig": volume}],
    }
    safe = {
        "InstanceGroups": [group],
        "NodeRecovery": "Automatic",
        "VpcConfig": {"SecurityGroupIds": ["sg-0123456789abcdef0"], "Subnets": ["subnet-0123456789abcdef0"]},
    }
    return given({**safe, **properties})


def guardrail(filters: list[dict[str, str]] | None) -> dict[str, Any]:
    content = {"ContentPolicyConfig": {"FiltersConfig": filters}} if filters is not None else {}
    return {"Name": "g", "BlockedInputMessaging": "no", "BlockedOutputsMessaging": "no", **content}


def attack(strength: str) -> list[dict[str, str]]:
    return [
        {"Type": "HATE", "InputStrength": "HIGH", "OutputStrength": "HIGH"},
        {"Type": "PROMPT_ATTACK", "InputStrength": strength, "OutputStrength": "NONE"},
    ]


def sagemaker_model(**properties: Any) -> dict[str, Any]:
    safe = {
        "ExecutionRoleArn": "arn:aws:iam::111122223333:role/x",
        "EnableNetworkIsolation": True,
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "PrimaryContainer": {"Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/x:1"},
    }
    return {key: value for key, value in {**safe, **properties}.items() if value is not None}


def endpoint_config(instance_type: str, **properties: Any) -> dict[str, Any]:
    variant = {
        "VariantName": "a",
        "ModelName": "m",
        "InstanceType": instance_type,
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1,
    }
    return {"ProductionVariants": [variant], **properties}


def capture(**properties: Any) -> dict[str, Any]:
    return {
        "DataCaptureConfig": {
            "InitialSamplingPercentage": 10,
            "DestinationS3Uri": "s3://x/y",
            "CaptureOptions": [{"CaptureMode": "Input"}],
            **properties,
        }
    }


def distribution(certificate: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    behavior = {"TargetOriginId": "page", "ViewerProtocolPolicy": "redirect-to-https", "CachePolicyId": "cached"}
    safe = {
        "Enabled": True,
        "WebACLId": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/edge/1",
        "DefaultCacheBehavior": behavior,
        "Origins": [{"Id": "page", "DomainName": "page.example.com", "CustomOriginConfig": {}}],
        "ViewerCertificate": certificate or {"CloudFrontDefaultCertificate": True},
    }
    return {"DistributionConfig": given({**safe, **config})}


def certificate(version: str | None) -> dict[str, Any]:
    arn = "arn:aws:acm:us-east-1:111122223333:certificate/1"
    return given({"AcmCertificateArn": arn, "SslSupportMethod": "sni-only", "MinimumProtocolVersion": version})


def gateway(**properties: Any) -> dict[str, Any]:
    tokens = {"DiscoveryUrl": "https://issuer/.well-known/openid-configuration", "AllowedClients": ["mine"]}
    safe = {
        "Name": "tools",
        "RoleArn": "arn:aws:iam::111122223333:role/gateway",
        "ProtocolType": "MCP",
        "AuthorizerType": "CUSTOM_JWT",
        "AuthorizerConfiguration": {"CustomJWTAuthorizer": tokens},
        "PolicyEngineConfiguration": {"Arn": ENGINE, "Mode": "ENFORCE"},
    }
    return given({**safe, **properties})


ENGINE = "arn:aws:bedrock-agentcore:us-east-1:111122223333:policy-engine/tools-abcdefghij"
GATEWAY = "AWS::BedrockAgentCore::Gateway"
CEDAR = {"PolicyEngineId": "tools-abcdefghij", "Name": "one", "Definition": {"Cedar": {"Statement": "permit" * 9}}}
IAM = "AWS::IAM::ManagedPolicy"
DISTRIBUTION = "AWS::CloudFront::Distribution"
TEMPLATE = "AWS::EC2::LaunchTemplate"
GUARDED = {"Condition": {"StringEquals": {"bedrock:GuardrailIdentifier": "arn:aws:bedrock:us-east-1:1:guardrail/g:1"}}}
KEY = "arn:aws:kms:us-east-1:111122223333:key/k"

METHOD, CLIENT = "AWS::ApiGateway::Method", "AWS::Cognito::UserPoolClient"
POOLS = {"AuthorizationType": "COGNITO_USER_POOLS"}
CODE = {"AllowedOAuthFlows": ["code"]}


#: Rule, type, properties that break it, properties that do not.
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any] | None]] = [
    (
        "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
        IAM,
        policy(Action="bedrock:InvokeModel", Resource=MODEL),
        policy(Action="bedrock:InvokeModel", Resource=MODEL, **GUARDED),
    ),
    (
        "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
        IAM,
        policy(Action=["s3:GetObject", "bedrock:InvokeModelWithResponseStream"], Resource=MODEL),
        policy(Action=["bedrock:ApplyGuardrail"], Resource="arn:aws:bedrock:us-east-1:1:guardrail/g"),
    ),
    (
        "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
        IAM,
        policy(Action="bedrock:*", Resource=MODEL),
        None,
    ),
    (
        "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
        IAM,
        policy(Action="bedrock:Invoke*", Resource=MODEL),
        None,
    ),
    (
        "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
        IAM,
        policy(Action="*", Resource="*"),
        policy(Action="s3:*", Resource="*"),
    ),
    (
        "GENAI_MODEL_GRANT_NAMES_MODELS",
        IAM,
        policy(Action="bedrock:InvokeModel", Resource="arn:aws:bedrock:us-east-1::foundation-model/*", **GUARDED),
        policy(Action="bedrock:InvokeModel", Resource=MODEL, **GUARDED),
    ),
    (
        "GENAI_MODEL_GRANT_NAMES_MODELS",
        IAM,
        policy(
            Action=["bedrock:InvokeModel"],
            Resource=[MODEL, "arn:aws:bedrock:us-east-1::foundation-model/anthropic.*"],
            **GUARDED,
        ),
        policy(Action=["bedrock:InvokeModel"], Resource=[MODEL, MODEL + "1"], **GUARDED),
    ),
    (
        "GENAI_INLINE_MODEL_GRANT",
        "AWS::IAM::Role",
        inline(Action="bedrock:InvokeModel", Resource=MODEL),
        inline(Action="s3:GetObject", Resource="arn:aws:s3:::x/y"),
    ),
    (
        "GENAI_GUARDRAIL_PROMPT_ATTACK",
        "AWS::Bedrock::Guardrail",
        guardrail(attack("HIGH")[:1]),
        guardrail(attack("LOW")),
    ),
    ("GENAI_GUARDRAIL_PROMPT_ATTACK", "AWS::Bedrock::Guardrail", guardrail(attack("NONE")), guardrail(attack("HIGH"))),
    ("GENAI_GUARDRAIL_PROMPT_ATTACK", "AWS::Bedrock::Guardrail", guardrail(None), None),
    ("GENAI_NITRO_INSTANCES_ONLY", TEMPLATE, template_data(InstanceType="p3.2xlarge"), template_data()),
    ("GENAI_INSTANCES_UNREACHABLE", TEMPLATE, template_data(KeyName="mine"), template_data()),
    ("GENAI_INSTANCES_UNREACHABLE", TEMPLATE, template_data(MetadataOptions={"HttpTokens": "optional"}), None),
    ("GENAI_INSTANCES_UNREACHABLE", TEMPLATE, template_data(MetadataOptions=None), None),
    (
        "GENAI_INSTANCES_UNREACHABLE",
        TEMPLATE,
        template_data(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2}),
        None,
    ),
    (
        "GENAI_INSTANCES_UNREACHABLE",
        TEMPLATE,
        template_data(NetworkInterfaces=[{"DeviceIndex": 0, "AssociatePublicIpAddress": True}]),
        template_data(NetworkInterfaces=None),
    ),
    (
        "GENAI_VOLUMES_USE_CUSTOMER_KEY",
        TEMPLATE,
        template_data(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True}}]),
        template_data(),
    ),
    (
        "GENAI_VOLUMES_USE_CUSTOMER_KEY",
        TEMPLATE,
        template_data(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": False, "KmsKeyId": "k"}}]),
        None,
    ),
    (
        "GENAI_SECURITY_GROUP_CLOSED",
        "AWS::EC2::SecurityGroup",
        {
            "GroupDescription": "x",
            "SecurityGroupIngress": [{"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0", "FromPort": 1, "ToPort": 1}],
        },
        {
            "GroupDescription": "x",
            "SecurityGroupIngress": [{"IpProtocol": "tcp", "CidrIp": "10.0.0.0/16", "FromPort": 1, "ToPort": 1}],
        },
    ),
    (
        "GENAI_SAGEMAKER_ISOLATED",
        "AWS::SageMaker::Model",
        sagemaker_model(EnableNetworkIsolation=False),
        sagemaker_model(),
    ),
    ("GENAI_SAGEMAKER_ISOLATED", "AWS::SageMaker::Model", sagemaker_model(EnableNetworkIsolation=None), None),
    ("GENAI_SAGEMAKER_ISOLATED", "AWS::SageMaker::Model", sagemaker_model(VpcConfig=None), None),
    (
        "GENAI_SAGEMAKER_ENCRYPTED",
        "AWS::SageMaker::EndpointConfig",
        endpoint_config("ml.inf2.xlarge"),
        endpoint_config("ml.inf2.xlarge", KmsKeyId=KEY),
    ),
    (
        "GENAI_SAGEMAKER_ENCRYPTED",
        "AWS::SageMaker::EndpointConfig",
        endpoint_config("ml.g5.xlarge", **capture()),
        endpoint_config("ml.g5.xlarge", **capture(KmsKeyId=KEY)),
    ),
    ("GENAI_ENDPOINT_SCALES", "AWS::SageMaker::Endpoint", {"EndpointConfigName": "c"}, None),
    ("GENAI_ENDPOINT_IDLE_ALARM", "AWS::SageMaker::Endpoint", {"EndpointConfigName": "c"}, None),
    (
        "GENAI_NO_PUBLIC_WEIGHTS",
        "AWS::S3::Bucket",
        bucket(PublicAccessBlockConfiguration={"BlockPublicAcls": True}),
        bucket(),
    ),
    (
        "GENAI_NITRO_INSTANCES_ONLY",
        "AWS::Batch::ComputeEnvironment",
        environment(InstanceTypes=["g6.xlarge", "p3.8xlarge"]),
        environment(),
    ),
    ("GENAI_TRAINING_ISOLATED", "AWS::Batch::ComputeEnvironment", environment(LaunchTemplate=None), environment()),
    ("GENAI_TRAINING_ISOLATED", "AWS::Batch::ComputeEnvironment", environment(Ec2KeyPair="mine"), environment()),
    ("GENAI_TRAINING_ISOLATED", "AWS::Batch::JobDefinition", job(Privileged=True), job()),
    ("GENAI_TRAINING_ISOLATED", "AWS::Batch::JobDefinition", jobs(Privileged=True), jobs()),
    ("GENAI_TRAINING_ISOLATED", "AWS::Batch::JobDefinition", jobs(EnableExecuteCommand=True), jobs()),
    ("GENAI_NITRO_INSTANCES_ONLY", "AWS::SageMaker::Cluster", cluster("ml.p3.2xlarge"), cluster()),
    ("GENAI_TRAINING_ISOLATED", "AWS::SageMaker::Cluster", cluster(VpcConfig=None), cluster()),
    ("GENAI_TRAINING_ISOLATED", "AWS::SageMaker::Cluster", cluster(NodeRecovery="None"), cluster()),
    ("GENAI_TRAINING_ISOLATED", "AWS::SageMaker::Cluster", cluster(key=False), cluster()),
    ("GENAI_DATA_VERSIONED", "AWS::S3::Bucket", bucket(VersioningConfiguration={"Status": "Suspended"}), bucket()),
    ("GENAI_METHOD_HAS_SCOPES", METHOD, POOLS, {**POOLS, "AuthorizationScopes": ["genai/ask"]}),
    ("GENAI_METHOD_HAS_SCOPES", METHOD, {**POOLS, "AuthorizationScopes": []}, {"AuthorizationType": "NONE"}),
    ("GENAI_NO_IMPLICIT_SIGN_IN", CLIENT, {"AllowedOAuthFlows": ["code", "implicit"]}, CODE),
    ("GENAI_NO_SECRET_IN_PAGE", CLIENT, {**CODE, "GenerateSecret": True}, {**CODE, "GenerateSecret": False}),
    (
        "GENAI_NO_SECRET_IN_PAGE",
        CLIENT,
        {**CODE, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]},
        {"AllowedOAuthFlows": ["client_credentials"], "GenerateSecret": True},
    ),
    ("GENAI_QUERIES_BOUNDED", "AWS::Athena::WorkGroup", workgroup(EnforceWorkGroupConfiguration=False), workgroup()),
    ("GENAI_QUERIES_BOUNDED", "AWS::Athena::WorkGroup", workgroup(BytesScannedCutoffPerQuery=None), workgroup()),
    ("GENAI_QUERIES_BOUNDED", "AWS::Athena::WorkGroup", workgroup(ResultConfiguration={}), workgroup()),
    ("GENAI_SIGN_IN_HAS_MFA", "AWS::Cognito::UserPool", {"MfaConfiguration": "OFF"}, {"MfaConfiguration": "ON"}),
    ("GENAI_SIGN_IN_NEEDS_MFA", "AWS::Cognito::UserPool", {"MfaConfiguration": "OPTIONAL"}, {"MfaConfiguration": "ON"}),
    (
        "GENAI_EDGE_ENCRYPTED",
        DISTRIBUTION,
        distribution(DefaultCacheBehavior={"TargetOriginId": "page", "ViewerProtocolPolicy": "allow-all"}),
        distribution(),
    ),
    (
        "GENAI_EDGE_ENCRYPTED",
        DISTRIBUTION,
        distribution(
            CacheBehaviors=[{"TargetOriginId": "page", "PathPattern": "/a", "ViewerProtocolPolicy": "allow-all"}]
        ),
        distribution(
            CacheBehaviors=[{"TargetOriginId": "page", "PathPattern": "/a", "ViewerProtocolPolicy": "https-only"}]
        ),
    ),
    (
        "GENAI_EDGE_MODERN_TLS",
        DISTRIBUTION,
        distribution(certificate("TLSv1")),
        distribution(certificate("TLSv1.2_2021")),
    ),
    (
        "GENAI_EDGE_MODERN_TLS",
        DISTRIBUTION,
        distribution(certificate("TLSv1.1_2016")),
        distribution(certificate("TLSv1.3_2025")),
    ),
    ("GENAI_EDGE_MODERN_TLS", DISTRIBUTION, distribution(certificate(None)), distribution()),
    ("GENAI_EDGE_HAS_FIREWALL", DISTRIBUTION, distribution(WebACLId=None), distribution()),
    ("GENAI_GATEWAY_KNOWS_USERS", GATEWAY, gateway(AuthorizerType="NONE", AuthorizerConfiguration=None), gateway()),
    (
        "GENAI_GATEWAY_KNOWS_USERS",
        GATEWAY,
        gateway(AuthorizerConfiguration={"CustomJWTAuthorizer": {"DiscoveryUrl": "https://issuer/x"}}),
        gateway(AuthorizerType="AWS_IAM", AuthorizerConfiguration=None),
    ),
    ("GENAI_GATEWAY_KNOWS_USERS", GATEWAY, gateway(AuthorizerType="AUTHENTICATE_ONLY"), None),
    ("GENAI_GATEWAY_ENFORCES", GATEWAY, gateway(PolicyEngineConfiguration=None), gateway()),
    (
        "GENAI_GATEWAY_ENFORCES",
        GATEWAY,
        gateway(PolicyEngineConfiguration={"Arn": ENGINE, "Mode": "LOG_ONLY"}),
        gateway(),
    ),
    (
        "GENAI_GATEWAY_ENFORCES",
        "AWS::BedrockAgentCore::Policy",
        {**CEDAR, "EnforcementMode": "LOG_ONLY"},
        {**CEDAR, "EnforcementMode": "ACTIVE"},
    ),
    ("GENAI_GATEWAY_TELLS_LITTLE", GATEWAY, gateway(ExceptionLevel="DEBUG"), gateway()),
    (
        "GENAI_GATEWAY_TELLS_LITTLE",
        GATEWAY,
        gateway(ProtocolConfiguration={"Mcp": {"SearchType": "SEMANTIC"}}),
        gateway(ProtocolConfiguration={"Mcp": {"SupportedVersions": ["2025-06-18"]}}),
    ),
]


def planted(kind: str, properties: dict[str, Any]) -> Callable[[cdk.Stack], object]:
    return lambda stack: cdk.CfnResource(stack, "Planted", type=kind, properties=properties)


@pytest.mark.parametrize(("rule", "kind", "wrong", "right"), CASES)
def test_rule_finds_its_mistake(rule: str, kind: str, wrong: dict[str, Any], right: dict[str, Any] | None) -> None:
    found = [finding for finding in findings_of(planted(kind, wrong)) if finding.rule == rule]
    assert found
    assert all(finding.path == "Test/Planted" and " Fix: " in finding.message for finding in found), found
    if right is not None:
        assert rule not in rules_broken(planted(kind, right))


def test_each_endpoint_needs_its_own_scaling_and_alarm() -> None:
    def build(stack: cdk.Stack) -> None:
        for name in ("One", "Two"):
            cdk.CfnResource(stack, name, type="AWS::SageMaker::Endpoint", properties={"EndpointConfigName": name})
        target = {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": "endpoint/one/variant/a",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        }
        cdk.CfnResource(stack, "Target", type="AWS::ApplicationAutoScaling::ScalableTarget", properties=target)

    assert {"GENAI_ENDPOINT_SCALES", "GENAI_ENDPOINT_IDLE_ALARM"} <= rules_broken(build)


def test_one_encrypted_endpoint_does_not_cover_another() -> None:
    def build(stack: cdk.Stack) -> None:
        for name, key in (("One", {"KmsKeyId": KEY}), ("Two", {})):
            properties = endpoint_config("ml.inf2.xlarge", **key)
            cdk.CfnResource(stack, name, type="AWS::SageMaker::EndpointConfig", properties=properties)

    assert "GENAI_SAGEMAKER_ENCRYPTED" in rules_broken(build)


def test_one_good_guardrail_does_not_cover_another() -> None:
    def build(stack: cdk.Stack) -> None:
        for name, filters in (("Good", attack("HIGH")), ("Bad", attack("HIGH")[:1])):
            cdk.CfnResource(stack, name, type="AWS::Bedrock::Guardrail", properties=guardrail(filters))

    assert "GENAI_GUARDRAIL_PROMPT_ATTACK" in rules_broken(build)


@pytest.mark.parametrize("missing", [None, *COST_TAGS])
def test_cost_tags_are_asked_for(missing: str | None) -> None:
    tags = [{"Key": name, "Value": "x"} for name in COST_TAGS if name != missing]
    broken = rules_broken(planted("AWS::SNS::Topic", {"Tags": tags}), tagged=False)
    assert ("GENAI_COST_TAGS" in broken) == (missing is not None)


def test_one_tagged_resource_does_not_cover_another() -> None:
    def build(stack: cdk.Stack) -> None:
        tags = [{"Key": name, "Value": "x"} for name in COST_TAGS]
        cdk.CfnResource(stack, "Tagged", type="AWS::SNS::Topic", properties={"Tags": tags})
        cdk.CfnResource(stack, "Bare", type="AWS::SNS::Topic", properties={})

    assert "GENAI_COST_TAGS" in rules_broken(build, tagged=False)


#: What goes around a distribution: the rule, and the changed part of what :func:`behind` makes.
AROUND: dict[str, tuple[str, dict[str, Any]]] = {
    "answers in the cache": ("GENAI_EDGE_CACHES_NO_ANSWER", {"cache": "658327ea-f89d-4fab-a63d-7e88639e58f6"}),
    "a secret in the template": ("GENAI_ORIGIN_SECRET_REFERENCED", {"value": "letmein"}),
    "no secret": ("GENAI_API_BEHIND_EDGE", {"headers": []}),
    "no web ACL of the API": ("GENAI_API_BEHIND_EDGE", {"associated": False}),
    "a web ACL that counts": ("GENAI_API_BEHIND_EDGE", {"action": {"Count": {}}}),
    "a web ACL that asks for another header": ("GENAI_API_BEHIND_EDGE", {"asked": "x-other"}),
    "a web ACL that blocks who has the secret": ("GENAI_API_BEHIND_EDGE", {"negated": False}),
    "a web ACL that takes a part of the secret": ("GENAI_API_BEHIND_EDGE", {"position": "CONTAINS"}),
    "one of two headers": ("GENAI_API_BEHIND_EDGE", {"or_else": "x-other"}),
}


def behind(
    stack: cdk.Stack,
    *,
    cache: str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    value: str = "{{resolve:secretsmanager:origin:SecretString}}",
    headers: list[dict[str, Any]] | None = None,
    associated: bool = True,
    action: dict[str, Any] | None = None,
    asked: str = "X-Origin-Verify",
    negated: bool = True,
    position: str = "EXACTLY",
    or_else: str | None = None,
) -> None:
    """An API behind a distribution, as plain resources."""
    api = cdk.CfnResource(stack, "Api", type="AWS::ApiGateway::RestApi", properties={"Name": "api"})
    stage = {"RestApiId": api.ref, "StageName": "v1"}
    cdk.CfnResource(stack, "Stage", type="AWS::ApiGateway::Stage", properties=stage)

    def matched(header: str) -> dict[str, Any]:
        field = {"SingleHeader": {"Name": header}}
        return {"ByteMatchStatement": {"FieldToMatch": field, "PositionalConstraint": position, "SearchString": "x"}}

    statement = matched(asked)
    if or_else:
        statement = {"OrStatement": {"Statements": [statement, matched(or_else)]}}
    if negated:
        statement = {"NotStatement": {"Statement": statement}}
    rule = {"Name": "edge", "Priority": 0, "Action": action or {"Block": {}}, "Statement": statement}
    acl = cdk.CfnResource(stack, "Acl", type="AWS::WAFv2::WebACL", properties={"Scope": "REGIONAL", "Rules": [rule]})
    if associated:
        arn = f"arn:aws:apigateway:us-east-1::/restapis/{api.ref}/stages/v1"
        properties = {"ResourceArn": arn, "WebACLArn": acl.get_att("Arn")}
        cdk.CfnResource(stack, "Association", type="AWS::WAFv2::WebACLAssociation", properties=properties)
    sent = [{"HeaderName": "x-origin-verify", "HeaderValue": value}] if headers is None else headers
    domain = f"{api.ref}.execute-api.us-east-1.amazonaws.com"
    origin = {"Id": "api", "DomainName": domain, "CustomOriginConfig": {}, "OriginCustomHeaders": sent}
    behavior = {"TargetOriginId": "api", "ViewerProtocolPolicy": "https-only", "CachePolicyId": cache}
    properties = distribution(Origins=[origin], DefaultCacheBehavior=behavior)
    cdk.CfnResource(stack, "Edge", type=DISTRIBUTION, properties=properties)


@pytest.mark.parametrize("kind", AROUND)
def test_a_way_around_a_distribution_is_found(kind: str) -> None:
    rule, changed = AROUND[kind]
    own = {each for each, _ in AROUND.values()}
    assert rules_broken(lambda stack: behind(stack, **changed)) & own == {rule}


def test_an_api_behind_its_distribution_passes() -> None:
    assert not rules_broken(behind) & {rule for rule, _ in AROUND.values()}


def test_every_rule_has_a_case() -> None:
    rules = {each.id for each in RULES.values() if each.check.__module__.startswith(secure.__name__)}
    assert len(rules) >= 15
    assert rules == {case[0] for case in CASES} | {"GENAI_COST_TAGS"} | {rule for rule, _ in AROUND.values()}


@pytest.mark.parametrize("value", ["OFF", None])
def test_an_override_is_seen(value: str | None) -> None:
    def build(stack: cdk.Stack) -> None:
        pool = cognito.CfnUserPool(stack, "Pool", mfa_configuration="ON")
        pool.add_property_override("MfaConfiguration", value)

    assert "GENAI_SIGN_IN_HAS_MFA" in rules_broken(build)
    assert "GENAI_SIGN_IN_HAS_MFA" not in rules_broken(
        lambda stack: Identity(stack, "Users", foundation=Foundation(stack), pool_name="users")
    )


def test_an_acknowledged_rule_passes_on_that_resource_alone() -> None:
    def build(stack: cdk.Stack) -> None:
        for name in ("Accepted", "Other"):
            bucket = s3.CfnBucket(stack, name)
            if name == "Accepted":
                acknowledge(
                    bucket,
                    "GENAI_DATA_VERSIONED",
                    reason="What is in it is made anew every day.",
                    met_by="the job that makes it",
                )

    assert {each.path for each in findings_of(build) if each.rule == "GENAI_DATA_VERSIONED"} == {"Test/Other"}


def test_what_cannot_be_read_is_not_passed() -> None:
    found = findings_of(planted("AWS::S3::Bucket", {"PublicAccessBlockConfiguration": "nonsense"}))
    assert any(each.rule == "GENAI_NO_PUBLIC_WEIGHTS" and "could not read" in each.message for each in found), found


def test_an_engine_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object, __: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(OwnRules, "validate", broken)
    found = findings_of(planted("AWS::SNS::Topic", {}))
    assert [each.rule for each in found if each.engine == "GenAI"] == ["ENGINE_FAILED"]
    assert "out of order" in next(each.message for each in found if each.engine == "GenAI")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda each: each.id)
def test_every_rule_says_why_how_to_fix_it_and_where_aws_says_so(rule: Rule) -> None:
    assert rule.id.startswith("GENAI_")
    assert rule.page.startswith("https://docs.aws.amazon.com/")
    assert rule.why.endswith(".") and rule.why[0].isupper()
    assert rule.fix.endswith(".") and rule.fix[0].islower()


def test_the_table_of_rules_is_current() -> None:
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == table(), "run `make docs`"

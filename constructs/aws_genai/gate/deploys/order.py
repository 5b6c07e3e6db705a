"""Rules for dependencies that CloudFormation does not infer: AWS validates permissions that other resources grant."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ...policies.conditions import as_list
from ..emitted import Emitted, Resource
from ..rules import Hit, rule

_DEPENDS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html"

Roles = Callable[[Resource], Sequence[object]]


def _at(*paths: str) -> Roles:
    return lambda each: [each.get(path) for path in paths]


def _function_role(each: Resource) -> Sequence[object]:
    function = each.app.found(each.get("FunctionName"), "AWS::Lambda::Function")
    return [function.get("Role")] if function else []


def _if(path: str, roles: Roles) -> Roles:
    return lambda each: roles(each) if each.get(path) else []


#: Types that AWS creates only if a role already has permissions: the property with the role, and the permissions.
_CHECKED: tuple[tuple[str, Roles, str], ...] = (
    ("AWS::Lambda::EventSourceMapping", _function_role, "Lambda checks that the function's role may read the source"),
    (
        "AWS::Lambda::EventInvokeConfig",
        _function_role,
        "Lambda checks that the function's role may reach the destination",
    ),
    (
        "AWS::Lambda::Function",
        _if("VpcConfig.SubnetIds", _at("Role")),
        "Lambda checks that the role may make network interfaces",
    ),
    (
        "AWS::Lambda::Function",
        _if("DeadLetterConfig.TargetArn", _at("Role")),
        "Lambda checks that the role may send to the dead-letter target",
    ),
    (
        "AWS::StepFunctions::StateMachine",
        _if("LoggingConfiguration.Destinations", _at("RoleArn")),
        "Step Functions checks that the role may deliver logs",
    ),
    (
        "AWS::StepFunctions::StateMachine",
        _if("EncryptionConfiguration.KmsKeyId", _at("RoleArn")),
        "Step Functions checks that the role may use the key",
    ),
    ("AWS::Bedrock::KnowledgeBase", _at("RoleArn"), "Bedrock checks that the role may reach the store and the model"),
    (
        "AWS::BedrockAgentCore::Gateway",
        _at("RoleArn"),
        "AgentCore reads the policy engine and encrypts by the gateway's role",
    ),
    ("AWS::CloudTrail::Trail", _at("CloudWatchLogsRoleArn"), "CloudTrail checks that the role may write the log group"),
    ("AWS::SageMaker::Model", _at("ExecutionRoleArn"), "SageMaker checks that the role may read the model's data"),
    (
        "AWS::SageMaker::Cluster",
        lambda each: [group.get("ExecutionRole") for group in as_list(each.get("InstanceGroups") or [])],
        "nodes read their lifecycle scripts by the role",
    ),
    (
        "AWS::RDS::DBInstance",
        _at("MonitoringRoleArn"),
        "RDS checks that the role may write what Enhanced Monitoring measures",
    ),
)


def _policies(app: Emitted, role: Resource) -> Iterator[Resource]:
    """Policies of a role that are separate resources in its stack."""
    name = app.resolver.resolve(role.stack.name, {"Ref": role.id})
    for each in app.of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        names = [*as_list(each.get("Roles") or []), each.get("RoleName")]
        if each.stack is role.stack and name in names:
            yield each


@rule(
    "GENAI_WAITS_FOR_PERMISSIONS",
    holds="A resource that needs the permissions of its role at creation depends on the policies of the role.",
    why="Without a dependency, CloudFormation creates both at once, and creation fails at random.",
    fix="add a dependency on the policies of the role, as WorkloadRole.permissions.",
    page=_DEPENDS,
)
def waits_for_permissions(app: Emitted) -> Iterator[Hit]:
    for type, roles, checked in _CHECKED:
        for each in app.of(type):
            for arn in roles(each):
                role = app.found(arn, "AWS::IAM::Role")
                if role is None or role.stack is not each.stack:
                    continue
                missing = [policy.id for policy in _policies(app, role) if policy.id not in each.waits_for]
                if missing:
                    yield Hit(each, "DependsOn", f"{checked}, and {missing[0]} may come later.")


def _bucket_policies(app: Emitted, each: Resource, path: str) -> Iterator[Resource]:
    bucket = app.found(each.get(path), "AWS::S3::Bucket")
    for policy in app.of("AWS::S3::BucketPolicy") if bucket else ():
        if app.found(policy.get("Bucket"), "AWS::S3::Bucket") is bucket:
            yield policy


def _notified(app: Emitted, bucket: Resource) -> Iterator[Resource]:
    for kind, name, policy, places in (
        ("TopicConfigurations", "Topic", "AWS::SNS::TopicPolicy", "Topics"),
        ("QueueConfigurations", "Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("LambdaConfigurations", "Function", "AWS::Lambda::Permission", "FunctionName"),
    ):
        for entry in as_list(bucket.get(f"NotificationConfiguration.{kind}") or []):
            target = app.by_arn.get(str(entry.get(name)))
            for each in app.of(policy) if target else ():
                named = [app.found(place, target.type) for place in as_list(each.get(places) or [])] if target else []
                if target in named:
                    yield each


def _port_rules(app: Emitted, file_system: Resource) -> Iterator[Resource]:
    groups = as_list(file_system.get("SecurityGroupIds") or [])
    for each in app.of("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        if each.get("GroupId") in groups:
            yield each


def _encryption(app: Emitted, collection: Resource) -> Iterator[Resource]:
    name = f"collection/{collection.get('Name')}"
    for policy in app.of("AWS::OpenSearchServerless::SecurityPolicy"):
        if policy.get("Type") != "encryption":
            continue
        content = json.loads(str(policy.get("Policy", "{}")))
        patterns = [item for each in content.get("Rules", ()) for item in each.get("Resource", ())]
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            yield policy


def _access(app: Emitted, base: Resource) -> Iterator[Resource]:
    """The access policies of the stack that allow a knowledge base to access its collection."""
    if base.get("StorageConfiguration.OpensearchServerlessConfiguration"):
        yield from app.of("AWS::OpenSearchServerless::AccessPolicy", "AWS::OpenSearchServerless::Index")


def _acting(app: Emitted, policy: Resource) -> Iterator[Resource]:
    """The targets of the gateways that a policy decides for."""
    engine = app.found(policy.get("PolicyEngineId"), "AWS::BedrockAgentCore::PolicyEngine")
    for gateway in app.of("AWS::BedrockAgentCore::Gateway") if engine else ():
        used = app.found(gateway.get("PolicyEngineConfiguration.Arn"), "AWS::BedrockAgentCore::PolicyEngine")
        for target in app.of("AWS::BedrockAgentCore::GatewayTarget") if used is engine else ():
            if app.found(target.get("GatewayIdentifier"), "AWS::BedrockAgentCore::Gateway") is gateway:
                yield target


def _account(app: Emitted, stage: Resource) -> Iterator[Resource]:
    settings = as_list(stage.get("MethodSettings") or [])
    if stage.get("AccessLogSetting") or any(each.get("LoggingLevel", "OFF") != "OFF" for each in settings):
        yield from app.of("AWS::ApiGateway::Account")


def _snapshot(app: Emitted, deployment: Resource) -> Iterator[Resource]:
    types = ("Method", "Authorizer", "GatewayResponse", "Model", "RequestValidator")
    for each in app.of(*(f"AWS::ApiGateway::{type}" for type in types)):
        if each.get("RestApiId") == deployment.get("RestApiId"):
            yield each


#: Resources that must exist before a type is created: type, resource, reason, page.
_BEFORE: tuple[tuple[str, Callable[[Emitted, Resource], Iterator[Resource]], str, str], ...] = (
    (
        "AWS::CloudTrail::Trail",
        partial(_bucket_policies, path="S3BucketName"),
        "CloudTrail checks that it may write to the bucket",
        "awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html",
    ),
    (
        "AWS::S3::Bucket",
        _notified,
        "S3 checks that it may reach what it notifies",
        "AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html",
    ),
    (
        "AWS::FSx::FileSystem",
        _port_rules,
        "FSx checks that the group lets Lustre's ports through",
        "fsx/latest/LustreGuide/limit-access-security-groups.html",
    ),
    (
        "AWS::OpenSearchServerless::Collection",
        _encryption,
        "a collection is made only under an encryption policy that matches it",
        "opensearch-service/latest/developerguide/serverless-encryption.html",
    ),
    (
        "AWS::Bedrock::KnowledgeBase",
        _access,
        "Bedrock checks that the role may read the index",
        "bedrock/latest/userguide/knowledge-base-setup.html",
    ),
    (
        "AWS::BedrockAgentCore::Policy",
        _acting,
        "a policy may name only actions that a target has",
        "bedrock-agentcore/latest/devguide/policy-schema-constraints.html",
    ),
    (
        "AWS::ApiGateway::Stage",
        _account,
        "a stage that logs needs the account's role for CloudWatch Logs",
        "apigateway/latest/developerguide/set-up-logging.html",
    ),
    (
        "AWS::ApiGateway::Deployment",
        _snapshot,
        "a deployment is a snapshot of the API as it then is",
        "AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-deployment.html",
    ),
)


@rule(
    "GENAI_WAITS_FOR_OTHERS",
    holds="A resource depends on all resources that must exist before it is created.",
    why="Without a dependency, CloudFormation creates both at once: creation fails at random, or is incomplete.",
    fix="add a dependency (DependsOn) on the other resource.",
    page=_DEPENDS,
)
def waits_for_others(app: Emitted) -> Iterator[Hit]:
    for type, before, reason, page in _BEFORE:
        for each in app.of(type):
            missing = [
                other.id for other in before(app, each) if other.stack is each.stack and other.id not in each.waits_for
            ]
            if missing:
                what = f"{reason}, and {missing[0]} may be created later (see https://docs.aws.amazon.com/{page})."
                yield Hit(each, "DependsOn", what[0].upper() + what[1:])

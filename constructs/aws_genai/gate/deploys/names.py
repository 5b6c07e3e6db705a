"""Rules for names and references: stacks can be updated, and created again next to retained resources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...data import load
from ...data.replacement import DIGITS, PUBLISHED, Lives
from ..emitted import Emitted, Resource, pick
from ..rules import Hit, rule

_NAMING = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html"

#: Types with a name-like property that cannot conflict with other resources.
_NOT_UNIQUE = frozenset({"AWS::Cognito::UserPool", "AWS::Cognito::UserPoolResourceServer", "AWS::SSM::Document"})

#: Create-only properties that the name of the resource determines, or that no update changes, by type.
_SETTLED: Mapping[str, frozenset[str]] = {
    "AWS::ApiGateway::Authorizer": frozenset({"RestApiId"}),
    "AWS::ApiGateway::Model": frozenset({"ContentType", "RestApiId"}),
    "AWS::ApiGateway::RequestValidator": frozenset({"RestApiId"}),
    "AWS::ApiGateway::Stage": frozenset({"RestApiId"}),
    "AWS::ApplicationAutoScaling::ScalingPolicy": frozenset({"ScalingTargetId"}),
    "AWS::Bedrock::ApplicationInferenceProfile": frozenset({"Description", "ModelSource"}),
    "AWS::Bedrock::DataSource": frozenset({"KnowledgeBaseId"}),
    "AWS::Bedrock::FlowAlias": frozenset({"FlowArn"}),
    "AWS::BedrockAgentCore::GatewayTarget": frozenset({"GatewayIdentifier"}),
    "AWS::Cognito::UserPoolGroup": frozenset({"UserPoolId"}),
    "AWS::EKS::Addon": frozenset({"ClusterName"}),
    "AWS::OpenSearchServerless::AccessPolicy": frozenset({"Type"}),
    "AWS::OpenSearchServerless::Index": frozenset({"CollectionEndpoint"}),
    "AWS::OpenSearchServerless::SecurityPolicy": frozenset({"Type"}),
    # A record belongs to its hosted zone: another zone has another record.
    "AWS::Route53::RecordSet": frozenset({"HostedZoneId", "HostedZoneName"}),
    "AWS::SageMaker::MlflowApp": frozenset({"RoleArn"}),
    "AWS::SageMaker::ModelPackageGroup": frozenset({"ModelPackageGroupDescription"}),
    "AWS::SageMaker::UserProfile": frozenset({"DomainId"}),
    "AWS::StepFunctions::StateMachine": frozenset({"StateMachineType"}),
    "AWS::WAFv2::WebACL": frozenset({"Scope"}),
}

#: A name that ends in a digest, as :func:`aws_genai.foundation.naming.lasting` returns it.
_DIGEST = re.compile(r"[-_.][0-9a-f]{4,64}$")


def _name(resource: Resource) -> tuple[str, Any] | None:
    """The property with the name of a resource, and the name in the template; None if AWS generates the name."""
    if resource.type in _NOT_UNIQUE:
        return None
    kind = resource.type.rpartition("::")[2]
    bare = kind.removeprefix("DB")
    for each in (
        f"{kind}Name",
        f"{kind}Identifier",
        f"DB{bare}Identifier",
        "Name",
        "InferenceProfileName",
        "PromptRouterName",
        "AddonName",
    ):
        if each in resource.raw:
            return each, resource.raw[each]
    return None


def _fixed(name: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a name is the same for every stack that is created from the template."""
    text = json.dumps(name)
    if "AWS::StackId" in text:
        return False
    # A name that refers to another resource changes with that resource.
    return not isinstance(name, Mapping) or not re.search(r'"(Ref": "(?!AWS::)|Fn::GetAtt|Fn::GetStackOutput)', text)


@rule(
    "GENAI_KEPT_WITHOUT_NAME",
    holds="A resource that is retained when its stack is deleted has no fixed name.",
    why="The next deployment of the stack fails, because the retained resource has the name.",
    fix="leave the name to CloudFormation, or add a part of AWS::StackId to it.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html",
)
def kept_without_name(app: Emitted) -> Iterator[Hit]:
    for each in app.resources:
        named = _name(each)
        if named and str(each.body.get("DeletionPolicy", "")).startswith("Retain") and _fixed(named[1]):
            yield Hit(each, f"Properties.{named[0]}", f"{each.get(named[0])} is retained.")


@rule(
    "GENAI_REPLACED_UNDER_NAME",
    holds="A resource with create-only properties has no fixed name, or a name that changes with them.",
    why="CloudFormation creates the replacement before it deletes the old resource, which has the name.",
    fix="leave the name to CloudFormation, or add a digest of the create-only properties, as naming.lasting does.",
    page=_NAMING,
)
def replaced_under_name(app: Emitted) -> Iterator[Hit]:
    types = load("create_only")["types"]
    for each in app.resources:
        named = _name(each)
        if named is None or not _fixed(named[1]):
            continue
        settled = {named[0], *_SETTLED.get(each.type, ())}
        stuck = [path for path in types.get(each.type, ()) if path not in settled and _stands(each.raw, path)]
        if stuck and not _DIGEST.search(str(each.get(named[0]))):
            yield Hit(each, f"Properties.{named[0]}", f"{stuck[0]} cannot change without a new name.")


def _stands(properties: Mapping[str, Any], path: str) -> bool:
    missing = object()
    return pick(properties, path.replace("/", "."), missing) is not missing


def _reads(value: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return
    if isinstance(value, Mapping):
        if isinstance(value.get("Fn::GetStackOutput"), Mapping):
            yield value["Fn::GetStackOutput"]
        for item in value.values():
            yield from _reads(item)
    elif isinstance(value, list):
        for item in value:
            yield from _reads(item)


@rule(
    "GENAI_READERS_NOTICE",
    holds="A reference to another stack has an output name that changes when the resource is replaced.",
    why="The CDK CLI skips a stack with an unchanged template, which would refer to the deleted resource.",
    fix="use the synthesizer WeakReferences for each stack of the app.",
    page=(
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "intrinsic-function-reference-getstackoutput.html"
    ),
)
def readers_notice(app: Emitted) -> Iterator[Hit]:
    lives = {name: Lives(stack.template.get("Resources", {})) for name, stack in app.stacks.items()}
    for each in app.resources:
        told = set()
        for read in _reads(each.raw):
            producer, output = app.stacks.get(str(read.get("StackName"))), str(read.get("OutputName"))
            found = producer.template.get("Outputs", {}).get(output) if producer else None
            if producer is None or output in told:
                continue  # created outside the app
            told.add(output)
            if found is None:
                yield Hit(each, "Properties", f"{producer.name} has no output {output}.")
            elif not output.startswith(PUBLISHED):
                continue
            elif output[-DIGITS:] != lives[producer.name].digest(found["Value"])[:DIGITS]:
                yield Hit(
                    each, "Properties", f"{output} of {producer.name} does not change when its resource is replaced."
                )


@rule(
    "GENAI_VERSIONS_OUTLIVE_READERS",
    holds="A version that other stacks refer to is retained when it is replaced.",
    why="Otherwise it is deleted before the other stacks are deployed, and their requests fail until then.",
    fix="keep replaced versions: DeletionPolicy and UpdateReplacePolicy RetainExceptOnCreate.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html",
)
def versions_outlive_readers(app: Emitted) -> Iterator[Hit]:
    read = {
        (str(each.get("StackName")), str(each.get("OutputName")))
        for resource in app.resources
        for each in _reads(resource.raw)
    }
    for each in app.resources:
        if not each.type.endswith("Version") or not each.type.startswith(("AWS::Bedrock::", "AWS::Lambda::")):
            continue
        outputs = each.stack.template.get("Outputs", {}).items()
        names = [name for name, output in outputs if _names(output.get("Value"), each.id)]
        kept = str(each.body.get("DeletionPolicy", "")).startswith("Retain")
        if not kept and any((each.stack.name, name) in read for name in names):
            yield Hit(each, "DeletionPolicy")


def _names(value: Any, id: str) -> bool:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        target = value.get("Fn::GetAtt") or value.get("Ref")
        return (target[0] if isinstance(target, list) else target) == id or any(_names(v, id) for v in value.values())
    return isinstance(value, list) and any(_names(item, id) for item in value)


#: Types of which an account can have one resource in each Region.
_ONE_OF_THE_ACCOUNT = ("AWS::ApiGateway::Account", "AWS::Bedrock::EnforcedGuardrailConfiguration")


@rule(
    "GENAI_ONE_OF_THE_ACCOUNT",
    holds="A setting that exists once in an account and Region is set by one stack of the app.",
    why="Each stack would overwrite the setting when it is deployed, and delete it when it is deleted.",
    fix="set it in one stack only, with account_log_role or enforce.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-account.html",
)
def one_of_the_account(app: Emitted) -> Iterator[Hit]:
    for type in _ONE_OF_THE_ACCOUNT:
        owners: dict[str, Resource] = {}
        for each in app.of(type):
            first = owners.setdefault(each.stack.region, each)
            if first is not each:
                yield Hit(each, "Type", f"{first.stack.name} has one, too.")


#: Types whose names must be unique in the account across Regions, or across all accounts.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_GLOBAL: Mapping[str, str] = {
    "AWS::CloudFront::OriginAccessControl": "OriginAccessControlConfig.Name",
    "AWS::CloudFront::ResponseHeadersPolicy": "ResponseHeadersPolicyConfig.Name",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::S3::Bucket": "BucketName",
}


@rule(
    "GENAI_GLOBAL_NAME_HAS_REGION",
    holds="A fixed name that must be unique across Regions contains the Region.",
    why="The same environment in a second Region would have the same name.",
    fix="leave the name to CloudFormation, or add the Region to it.",
    page="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
)
def global_names_have_region(app: Emitted) -> Iterator[Hit]:
    trails = [each for each in app.of("AWS::CloudTrail::Trail") if each.get("IsMultiRegionTrail") is True]
    named = [(each, "TrailName") for each in trails]
    named += [(each, path) for type, path in _GLOBAL.items() for each in app.of(type)]
    for each, path in named:
        name = pick(each.raw, path)
        if name is not None and _fixed(name) and each.stack.region not in str(each.get(path)):
            yield Hit(each, f"Properties.{path}", f"{each.get(path)} is used in every Region.")


#: Properties that identify a resource, the first of which is its name, where the CloudFormation schema does not say so:
#: its identifiers are an ARN or an id that the service generates, or omit the group of a schedule.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreatePromptRouter.html
#: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
#: https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
_IDENTIFIED: Mapping[str, tuple[str, ...]] = {
    "AWS::Batch::JobQueue": ("JobQueueName",),
    "AWS::Bedrock::IntelligentPromptRouter": ("PromptRouterName",),
    "AWS::Budgets::Budget": ("Budget/BudgetName",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::Events::Rule": ("Name", "EventBusName"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
    "AWS::SageMaker::EndpointConfig": ("EndpointConfigName",),
    "AWS::SageMaker::InferenceComponent": ("InferenceComponentName",),
    "AWS::SageMaker::Model": ("ModelName",),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupName",),
    "AWS::Scheduler::Schedule": ("Name", "GroupName"),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::WAFv2::WebACL": ("Name", "Scope"),
}


@rule(
    "GENAI_NAME_UNIQUE",
    holds="No two resources of a type have the same physical name in an account and Region.",
    why="The service rejects the second resource, or both stacks change and delete the same one.",
    fix="give each resource its own name, or leave the name to CloudFormation.",
    page=_NAMING,
)
def names_unique(app: Emitted) -> Iterator[Hit]:
    identifiers = {**load("create_only")["identifiers"], **_IDENTIFIED}
    owners: dict[tuple[str, ...], Resource] = {}
    for each in app.resources:
        paths = [path.replace("/", ".") for path in identifiers.get(each.type, ())]
        required = paths[:1] if each.type in _IDENTIFIED else paths
        # Conditions can exclude each other.
        if not paths or "Condition" in each.body or any(pick(each.raw, path) is None for path in required):
            continue
        values = [str(each.get(path, "")) for path in paths]
        name = values[0].lower() if each.type.startswith("AWS::IAM::") else values[0]
        shared = each.type in _GLOBAL or each.type == "AWS::Budgets::Budget"
        # A value that is known only at deployment is compared within its stack.
        place = each.stack.name if any("<" in value for value in values) else each.stack.account
        first = owners.setdefault((each.type, place, "" if shared else each.stack.region, name, *values[1:]), each)
        if first is not each:
            what = f"{first.id} of {first.stack.name} has the name {values[0]}, too."
            yield Hit(each, f"Properties.{paths[0]}", what)

"""What AWS would refuse is told: each kind of mistake, planted into the templates of `reference` one at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from aws_genai.gate import deploys
from aws_genai.gate.deploys.keys import USES
from aws_genai.gate.emitted import Emitted, Stack, read
from aws_genai.gate.rules import RULES, broken
from tests.conftest import Synthesized

Template = dict[str, Any]
Templates = dict[str, Template]
Plant = Callable[[Templates], object]


def emitted(templates: Templates, region: str = "us-east-1") -> Emitted:
    return Emitted({name: Stack(name, name, f"{name}.template.json", region, each) for name, each in templates.items()})


def found(templates: Templates, region: str = "us-east-1") -> dict[str, list[str]]:
    """What is said of each rule that the templates break."""
    return {
        rule.id: [rule.message(hit) for hit in hits]
        for rule, hits in broken(emitted(templates, region))
        if rule.check.__module__.startswith(deploys.__name__)
    }


def alone(type: str, properties: dict[str, Any], **others: Any) -> Templates:
    """A stack with one resource, and others by logical id."""
    return {"alone": {"Resources": {"Planted": {"Type": type, "Properties": properties}, **others}}}


def every(templates: Templates, type: str, **properties: Any) -> Iterator[Template]:
    for template in templates.values():
        for resource in template["Resources"].values():
            wanted = resource.get("Properties", {})
            if resource["Type"] == type and all(wanted.get(key) == value for key, value in properties.items()):
                yield resource


def one(templates: Templates, type: str, **properties: Any) -> Template:
    return next(every(templates, type, **properties))


def statements(templates: Templates, type: str, mark: str) -> list[tuple[list[Any], dict[str, Any]]]:
    """Statements of policies of that type in whose JSON the mark stands, each with the list that holds it."""
    names = ("KeyPolicy", "PolicyDocument", "AssumeRolePolicyDocument")
    hits = []
    for resource in every(templates, type):
        for name in names:
            document = resource["Properties"].get(name)
            if isinstance(document, dict):
                hits += [(document["Statement"], each) for each in document["Statement"] if mark in json.dumps(each)]
    return hits


KEY, MANAGED, ROLE = "AWS::KMS::Key", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"


def without(type: str, mark: str) -> Plant:
    """Takes every statement away in which the mark stands."""

    def plant(templates: Templates) -> None:
        hits = statements(templates, type, mark)
        assert hits, mark
        for holder, each in hits:
            holder.remove(each)

    return plant


def without_action(type: str, action: str, mark: str = "") -> Plant:
    """Takes an action out of every statement in which it and the mark stand."""

    def plant(templates: Templates) -> None:
        hits = [each for _, each in statements(templates, type, action) if mark in json.dumps(each)]
        assert hits, action
        for each in hits:
            actions = each["Action"] if isinstance(each["Action"], list) else [each["Action"]]
            each["Action"] = [name for name in actions if name != action] or ["kms:ListAliases"]

    return plant


def conditioned(type: str, mark: str, **condition: Any) -> Plant:
    """Adds a condition to every statement in which the mark stands."""

    def plant(templates: Templates) -> None:
        hits = statements(templates, type, mark)
        assert hits, mark
        for _, each in hits:
            for operator, tests in condition.items():
                each.setdefault("Condition", {}).setdefault(operator, {}).update(tests)

    return plant


def gateway_without_grants(templates: Templates) -> None:
    """Neither the key's policy nor the role's lets a gateway create grants."""
    for type in (KEY, MANAGED):
        without(type, "EncryptionContextSubset")(templates)


def setting(type: str, path: str, value: Any, **properties: Any) -> Plant:
    """Sets a property of one resource, or removes it with None."""

    def plant(templates: Templates) -> None:
        at = one(templates, type, **properties)["Properties"]
        *parents, last = path.split(".")
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        if value is None:
            del at[last]
        else:
            at[last] = value

    return plant


def statement(**element: Any) -> Plant:
    """Adds a statement to the permissions of a role."""

    def plant(templates: Templates) -> None:
        one(templates, MANAGED)["Properties"]["PolicyDocument"]["Statement"].append({"Effect": "Allow", **element})

    return plant


def without_dependency(type: str, **properties: Any) -> Plant:
    def plant(templates: Templates) -> None:
        hits = [each for each in every(templates, type, **properties) if "DependsOn" in each]
        assert hits, type
        for each in hits:
            del each["DependsOn"]

    return plant


def in_foundation(type: str, properties: dict[str, Any]) -> Plant:
    def plant(templates: Templates) -> None:
        name = next(name for name in templates if name.endswith("-foundation"))
        templates[name]["Resources"]["Planted"] = {"Type": type, "Properties": properties}

    return plant


def pipeline_from_data_source(templates: Templates) -> None:
    definition = one(templates, "AWS::SageMaker::Pipeline")["Properties"]["PipelineDefinition"]
    text = json.dumps(definition["PipelineDefinitionBody"])
    assert "ModelDataUrl" in text
    definition["PipelineDefinitionBody"] = json.loads(text.replace("ModelDataUrl", "ModelDataSource"))


def enforced_with_reasoning(templates: Templates) -> None:
    assert any(every(templates, "AWS::Bedrock::EnforcedGuardrailConfiguration"))
    arn = "arn:aws:bedrock:us-east-1:111122223333:automated-reasoning-policy/abcdefghijkl:1"
    for guardrail in every(templates, "AWS::Bedrock::Guardrail"):
        guardrail["Properties"]["AutomatedReasoningPolicyConfig"] = {"Policies": [arn]}


def overlapping_subnets(templates: Templates) -> None:
    first, second = [each["Properties"] for each in every(templates, "AWS::EC2::Subnet")][:2]
    second["CidrBlock"] = first["CidrBlock"]


def many_statements(templates: Templates) -> None:
    document = one(templates, MANAGED)["Properties"]["PolicyDocument"]
    for number in range(80):
        arn = f"arn:aws:s3:::a-bucket-with-a-rather-long-name-{number}/and/a/prefix/*"
        document["Statement"].append({"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn})


def event_target_without_role(templates: Templates) -> None:
    for each in every(templates, "AWS::Events::Rule"):
        for target in each["Properties"]["Targets"]:
            target.pop("RoleArn", None)


def renamed_outputs(templates: Templates) -> None:
    """The names of outputs stay as they are while what they give is replaced."""
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::EC2::Subnet":
                resource["Properties"]["CidrBlock"] = "10.0.255.240/28"


def bucket_keys_without_decrypt(templates: Templates) -> None:
    for bucket in every(templates, "AWS::S3::Bucket"):
        for each in bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]:
            each["BucketKeyEnabled"] = True
    without_action(KEY, "kms:Decrypt", "cloudtrail.amazonaws.com")(templates)


def notifying_without_key(templates: Templates) -> None:
    (name,) = (name for name in templates if name.endswith("-foundation"))
    (topic,) = (id for id, each in templates[name]["Resources"].items() if each["Type"] == "AWS::SNS::Topic")
    arn = f"arn:aws:sns:us-east-1:111122223333:{name}.{topic}"
    for group in every(templates, "AWS::AutoScaling::AutoScalingGroup"):
        group["Properties"]["NotificationConfigurations"] = [{"TopicARN": [arn]}]
    assert "GENAI_KEY_ADMITS_ITS_USERS" not in found(templates)
    without(KEY, "AutoScalingNotifications")(templates)


SENT_BY_NOBODY = {"aws:SourceAccount": "111122223333"}

BOTH = ["code", "client_credentials"]


def at_client(flow: str, **properties: Any) -> Plant:
    """Change an app client of this flow."""

    def plant(templates: Templates) -> None:
        for client in every(templates, "AWS::Cognito::UserPoolClient"):
            if client["Properties"]["AllowedOAuthFlows"] == [flow]:
                client["Properties"] |= properties

    return plant


def at_pool(**properties: Any) -> Plant:
    """Change the user pool, which has passkeys and requires a second factor."""

    def plant(templates: Templates) -> None:
        for pool in every(templates, "AWS::Cognito::UserPool"):
            pool["Properties"] |= properties

    return plant


#: Rule, what is planted.
CASES: dict[str, tuple[str, Plant]] = {
    # users and programs
    "a program without a secret": ("GENAI_MACHINE_CLIENT", at_client("client_credentials", GenerateSecret=False)),
    "a program that is a page too": ("GENAI_MACHINE_CLIENT", at_client("client_credentials", AllowedOAuthFlows=BOTH)),
    "refresh tokens that are used again": (
        "GENAI_ROTATED_TOKENS",
        at_client("code", ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]),
    ),
    "the flows of a client that names none": ("GENAI_ROTATED_TOKENS", at_client("code", ExplicitAuthFlows=[])),
    "a passkey of one factor": ("GENAI_PASSKEY_FACTORS", at_pool(WebAuthnFactorConfiguration="SINGLE_FACTOR")),
    "a passkey that need not verify": ("GENAI_PASSKEY_FACTORS", at_pool(WebAuthnUserVerification="preferred")),
    "passkeys of the Lite plan": ("GENAI_PASSKEY_FACTORS", at_pool(UserPoolTier="LITE")),
    # endpoints and subnets
    "private DNS for DynamoDB": (
        "GENAI_ENDPOINT_PRIVATE_DNS",
        in_foundation(
            "AWS::EC2::VPCEndpoint",
            {
                "ServiceName": "com.amazonaws.us-east-1.dynamodb",
                "VpcEndpointType": "Interface",
                "PrivateDnsEnabled": True,
                "VpcId": "vpc-0123456789abcdef0",
            },
        ),
    ),
    "a policy where none is taken": (
        "GENAI_ENDPOINT_POLICY_TAKEN",
        in_foundation(
            "AWS::EC2::VPCEndpoint",
            {
                "ServiceName": "com.amazonaws.us-east-1.oidc-eks",
                "VpcEndpointType": "Interface",
                "PolicyDocument": {"Statement": []},
                "VpcId": "vpc-0123456789abcdef0",
            },
        ),
    ),
    "a gateway for what has none": (
        "GENAI_ENDPOINT_OF_ITS_KIND",
        in_foundation(
            "AWS::EC2::VPCEndpoint",
            {
                "ServiceName": "com.amazonaws.us-east-1.sqs",
                "VpcEndpointType": "Gateway",
                "VpcId": "vpc-0123456789abcdef0",
            },
        ),
    ),
    "a gateway with subnets": (
        "GENAI_ENDPOINT_OF_ITS_KIND",
        setting("AWS::EC2::VPCEndpoint", "SubnetIds", ["subnet-0123456789abcdef0"], VpcEndpointType="Gateway"),
    ),
    "images that an endpoint leaves out": (
        "GENAI_IMAGES_GET_THROUGH",
        lambda templates: [
            each.update(Resource=[item for item in each["Resource"] if "AWS::AccountId" in json.dumps(item)])
            for _, each in statements(templates, "AWS::EC2::VPCEndpoint", ":repository/")
        ],
    ),
    "overlapping subnets": ("GENAI_SUBNETS_APART", overlapping_subnets),
    "a subnet outside": ("GENAI_SUBNETS_APART", setting("AWS::EC2::Subnet", "CidrBlock", "192.168.0.0/24")),
    # IAM's reference
    "no such service": ("GENAI_ACTION_EXISTS", statement(Action="sagemaker.runtime:InvokeEndpoint", Resource="*")),
    "no such action": ("GENAI_ACTION_EXISTS", statement(Action="bedrock:Converse", Resource="*")),
    "no such pattern": ("GENAI_ACTION_EXISTS", statement(Action="s3:Fetch*", Resource="*")),
    "no such action in an endpoint": (
        "GENAI_ACTION_EXISTS",
        lambda templates: statements(templates, "AWS::EC2::VPCEndpoint", "logs:")[0][1].update(Action="logs:Wrte*"),
    ),
    "no such action in a key": (
        "GENAI_ACTION_EXISTS",
        lambda templates: statements(templates, KEY, "kms:Decrypt")[0][1].update(Action="kms:Decipher"),
    ),
    "an object's action on a bucket": (
        "GENAI_ACTION_MEETS_RESOURCE",
        statement(Action="s3:GetObject", Resource="arn:aws:s3:::bucket"),
    ),
    "a bucket's action on objects": (
        "GENAI_ACTION_MEETS_RESOURCE",
        statement(Action=["s3:GetObject", "s3:ListBucket"], Resource="arn:aws:s3:::bucket/*"),
    ),
    "a resource for what takes none": (
        "GENAI_ACTION_MEETS_RESOURCE",
        statement(Action="cloudtrail:LookupEvents", Resource="arn:aws:cloudtrail:us-east-1:111122223333:trail/x"),
    ),
    "versions where the bare name is taken": (
        "GENAI_ACTION_MEETS_RESOURCE",
        statement(Action="sns:Publish", Resource="arn:aws:sqs:us-east-1:111122223333:queue"),
    ),
    "a key that the action does not know": (
        "GENAI_CONDITION_KEY_KNOWN",
        statement(
            Action="sagemaker:AddTags",
            Resource="arn:aws:sagemaker:us-east-1:111122223333:space/d-1/*",
            Condition={"StringEquals": {"sagemaker:SpaceSharingType": "Private"}},
        ),
    ),
    "a global key that there is not": (
        "GENAI_CONDITION_KEY_KNOWN",
        statement(
            Action="s3:GetObject", Resource="arn:aws:s3:::b/*", Condition={"StringEquals": {"aws:SourceOwner": "x"}}
        ),
    ),
    "another service's actions in a key": (
        "GENAI_POLICY_OF_ITS_SERVICE",
        lambda templates: statements(templates, KEY, "kms:Decrypt")[0][1].update(Action="s3:GetObject"),
    ),
    "another service's actions in an endpoint": (
        "GENAI_POLICY_OF_ITS_SERVICE",
        lambda templates: statements(templates, "AWS::EC2::VPCEndpoint", "logs:")[0][1].update(
            Action="sqs:SendMessage"
        ),
    ),
    "another service's actions in a trust": (
        "GENAI_POLICY_OF_ITS_SERVICE",
        lambda templates: statements(templates, ROLE, "sts:AssumeRole")[0][1].update(Action="iam:PassRole"),
    ),
    # events
    "events without a role": ("GENAI_TOPIC_HEARS_EVENTS", event_target_without_role),
    "a condition that EventBridge does not meet": (
        "GENAI_TOPIC_HEARS_EVENTS",
        lambda templates: one(templates, "AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"].append(
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": "*",
                "Condition": {"StringEquals": SENT_BY_NOBODY},
            }
        ),
    ),
    "a role that may not publish": ("GENAI_TARGET_ROLE_MAY_DELIVER", without(MANAGED, "sns:Publish")),
    "reads that are not seen": (
        "GENAI_RULE_SEES_READS",
        lambda templates: [
            each["Properties"].update(State="ENABLED")
            for each in every(templates, "AWS::Events::Rule")
            if "CloudTrail" in json.dumps(each)
        ],
    ),
    "a trail that records itself": (
        "GENAI_TRAIL_LEAVES_ITSELF_OUT",
        lambda templates: [
            field.pop("NotStartsWith")
            for trail in every(templates, "AWS::CloudTrail::Trail")
            for selector in trail["Properties"]["AdvancedEventSelectors"]
            for field in selector["FieldSelectors"]
            if "NotStartsWith" in field
        ],
    ),
    "a queue that nobody watches": (
        "GENAI_DEAD_LETTERS_WATCHED",
        lambda templates: [
            each["Properties"].update(MetricName="NumberOfMessagesSent")
            for each in every(templates, "AWS::CloudWatch::Alarm", Namespace="AWS/SQS")
        ],
    ),
    "any event that is not seen": (
        "GENAI_RULE_SEES_READS",
        in_foundation("AWS::Events::Rule", {"EventPattern": {"detail-type": ["AWS API Call via CloudTrail"]}}),
    ),
    "a trail that nobody reads": ("GENAI_TRAIL_READABLE", without(KEY, "TrailReaders")),
    # copies
    "locks that are not read": ("GENAI_REPLICATION_ALLOWED", without_action(MANAGED, "s3:GetObjectRetention")),
    "versions that are not read": (
        "GENAI_REPLICATION_ALLOWED",
        without_action(MANAGED, "s3:GetObjectVersionForReplication"),
    ),
    "copies without metrics": (
        "GENAI_REPLICATION_WATCHED",
        lambda templates: [
            each["Destination"].pop("Metrics")
            for bucket in every(templates, "AWS::S3::Bucket")
            for each in bucket["Properties"].get("ReplicationConfiguration", {}).get("Rules", ())
        ],
    ),
    "copies without an alarm": (
        "GENAI_REPLICATION_WATCHED",
        lambda templates: [
            each["Properties"].update(MetricName="BytesPendingReplication")
            for each in every(templates, "AWS::CloudWatch::Alarm", MetricName="OperationsFailedReplication")
        ],
    ),
    # names and references
    "kept under a name": (
        "GENAI_KEPT_WITHOUT_NAME",
        lambda templates: one(templates, "AWS::S3::Bucket").update(
            DeletionPolicy="RetainExceptOnCreate",
            Properties={"BucketName": "documents-us-east-1"},
        ),
    ),
    "replaced under a name": (
        "GENAI_REPLACED_UNDER_NAME",
        setting("AWS::Bedrock::KnowledgeBase", "Name", "handbook"),
    ),
    "a reader that does not notice": ("GENAI_READERS_NOTICE", lambda templates: renamed_outputs(templates)),
    "a reader of nothing": (
        "GENAI_READERS_NOTICE",
        lambda templates: [
            template["Outputs"].pop(name)
            for template in templates.values()
            for name in list(template.get("Outputs", {}))
            if name.startswith("PublishOutput")
        ],
    ),
    "a version that goes before its readers": (
        "GENAI_VERSIONS_OUTLIVE_READERS",
        lambda templates: one(templates, "AWS::Bedrock::GuardrailVersion").pop("DeletionPolicy"),
    ),
    "two owners of an account's setting": (
        "GENAI_ONE_OF_THE_ACCOUNT",
        in_foundation("AWS::ApiGateway::Account", {"CloudWatchRoleArn": "arn:aws:iam::111122223333:role/logs"}),
    ),
    "one name for two alarms": (
        "GENAI_NAME_UNIQUE",
        lambda templates: [
            each["Properties"].update(AlarmName="errors")
            for each, _ in zip(every(templates, "AWS::CloudWatch::Alarm"), range(2), strict=False)
        ],
    ),
    "a name of every Region": (
        "GENAI_GLOBAL_NAME_HAS_REGION",
        setting("AWS::CloudWatch::Dashboard", "DashboardName", "genai"),
    ),
    "a policy's name of every Region": (
        "GENAI_GLOBAL_NAME_HAS_REGION",
        setting("AWS::CloudFront::ResponseHeadersPolicy", "ResponseHeadersPolicyConfig.Name", "genai"),
    ),
    # regions
    "a web ACL of the wrong scope": (
        "GENAI_EDGE_IN_ITS_REGION",
        lambda templates: one(templates, "AWS::WAFv2::WebACL", Scope="CLOUDFRONT")["Properties"].update(
            Scope="REGIONAL"
        ),
    ),
    "a certificate of another Region": (
        "GENAI_EDGE_IN_ITS_REGION",
        setting(
            "AWS::CloudFront::Distribution",
            "DistributionConfig.ViewerCertificate.AcmCertificateArn",
            "arn:aws:acm:eu-west-1:111122223333:certificate/12345678-1234-1234-1234-123456789012",
        ),
    ),
    # routes
    "a guardrail in one Region only": (
        "GENAI_GUARDRAIL_IN_EACH_REGION",
        lambda templates: [
            each.update(Resource=[item for item in each["Resource"] if "us-east-2" not in json.dumps(item)])
            for _, each in statements(templates, MANAGED, "guardrail-profile")
        ],
    ),
    "reasoning that nobody may invoke": (
        "GENAI_GUARDRAIL_REASONING",
        enforced_with_reasoning,
    ),
    "a role without the enforced guardrail": (
        "GENAI_ENFORCED_GUARDRAIL_APPLIED",
        without_action(MANAGED, "bedrock:ApplyGuardrail"),
    ),
    "dimensions that a model does not take": (
        "GENAI_EMBEDDING_DIMENSIONS",
        setting(
            "AWS::Bedrock::KnowledgeBase",
            "KnowledgeBaseConfiguration.VectorKnowledgeBaseConfiguration.EmbeddingModelArn",
            "arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-english-v3",
        ),
    ),
    "calls that an endpoint denies": (
        "GENAI_ENDPOINT_LETS_THROUGH",
        conditioned("AWS::EC2::VPCEndpoint", "xray:", StringEquals={"aws:ResourceAccount": "111122223333"}),
    ),
    "a profile in one Region only": (
        "GENAI_PROFILE_IN_EACH_REGION",
        lambda templates: [
            each.update(Resource=[item for item in each["Resource"] if ":us-west-2:" not in json.dumps(item)])
            for _, each in statements(templates, MANAGED, "foundation-model/amazon.nova")
        ],
    ),
    "documents read in one Region only": (
        "GENAI_DATA_AUTOMATION_IN_EACH_REGION",
        lambda templates: [
            each.update(Resource=[item for item in each["Resource"] if "us-west-1" not in json.dumps(item)])
            for _, each in statements(templates, MANAGED, "data-automation-profile")
        ],
    ),
    # order
    "a knowledge base before its role": (
        "GENAI_WAITS_FOR_PERMISSIONS",
        without_dependency("AWS::Bedrock::KnowledgeBase"),
    ),
    "a queue's reader before its role": (
        "GENAI_WAITS_FOR_PERMISSIONS",
        lambda templates: [
            without_dependency(type)(templates) for type in ("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function")
        ],
    ),
    "a machine before its role": (
        "GENAI_WAITS_FOR_PERMISSIONS",
        without_dependency("AWS::StepFunctions::StateMachine"),
    ),
    "nodes before their role": ("GENAI_WAITS_FOR_PERMISSIONS", without_dependency("AWS::SageMaker::Cluster")),
    "a gateway before its role": (
        "GENAI_WAITS_FOR_PERMISSIONS",
        without_dependency("AWS::BedrockAgentCore::Gateway"),
    ),
    "a policy before its tool": ("GENAI_WAITS_FOR_OTHERS", without_dependency("AWS::BedrockAgentCore::Policy")),
    "a file system before its ports": ("GENAI_WAITS_FOR_OTHERS", without_dependency("AWS::FSx::FileSystem")),
    "a deployment before the API": ("GENAI_WAITS_FOR_OTHERS", without_dependency("AWS::ApiGateway::Deployment")),
    "a stage before the account": ("GENAI_WAITS_FOR_OTHERS", without_dependency("AWS::ApiGateway::Stage")),
    "a trail before its bucket's policy": ("GENAI_WAITS_FOR_OTHERS", without_dependency("AWS::CloudTrail::Trail")),
    "a collection before its policies": (
        "GENAI_WAITS_FOR_OTHERS",
        without_dependency("AWS::OpenSearchServerless::Collection"),
    ),
    # limits
    "a large policy": ("GENAI_POLICY_SIZE", many_statements),
    "many policies": (
        "GENAI_ROLE_POLICIES",
        setting(ROLE, "ManagedPolicyArns", [f"arn:aws:iam::aws:policy/Policy{number}" for number in range(11)]),
    ),
    "many resources": (
        "GENAI_STACK_SIZE",
        lambda templates: next(iter(templates.values()))["Resources"].update(
            {f"Parameter{number}": {"Type": "AWS::SSM::Parameter", "Properties": {}} for number in range(500)}
        ),
    ),
    "a large environment": (
        "GENAI_QUOTA",
        setting("AWS::Lambda::Function", "Environment", {"Variables": {"TEXT": "x" * 4100}}),
    ),
    "a large pattern": (
        "GENAI_QUOTA",
        setting("AWS::Events::Rule", "EventPattern", {"source": [f"aws.service{number}" for number in range(400)]}),
    ),
    "many actions": (
        "GENAI_QUOTA",
        setting(
            "AWS::CloudWatch::Alarm",
            "AlarmActions",
            [f"arn:aws:sns:us-east-1:111122223333:t{number}" for number in range(6)],
        ),
    ),
    "a tag that is not taken": ("GENAI_TAGS_TAKEN", setting("AWS::S3::Bucket", "Tags", [{"Key": "a", "Value": "R&D"}])),
    "a name that is too long": ("GENAI_NAME_TAKEN", setting("AWS::Lambda::Function", "FunctionName", "f" * 65)),
    "a name that is not ASCII": ("GENAI_NAME_TAKEN", setting(ROLE, "RoleName", "réseau")),
    "reserved beyond the account": (
        "GENAI_RESERVED_CONCURRENCY",
        setting("AWS::Lambda::Function", "ReservedConcurrentExecutions", 901),
    ),
    # roles
    "a condition of API Gateway's role": (
        "GENAI_ROLE_ADMITS_ITS_SERVICE",
        conditioned(ROLE, "apigateway.amazonaws.com", StringEquals=SENT_BY_NOBODY),
    ),
    "a condition of replication's role": (
        "GENAI_ROLE_ADMITS_ITS_SERVICE",
        conditioned(ROLE, "s3.amazonaws.com", StringEquals=SENT_BY_NOBODY),
    ),
    "another service in a trust": (
        "GENAI_ROLE_ADMITS_ITS_SERVICE",
        lambda templates: [
            each.update(Principal={"Service": "ec2.amazonaws.com"})
            for _, each in statements(templates, ROLE, "lambda.amazonaws.com")
        ],
    ),
    # single services
    "a strategy beside continuous": (
        "GENAI_HYPERPOD_PROVISIONING",
        lambda templates: [
            each["Properties"]["Orchestrator"].update(Slurm={"SlurmConfigStrategy": "Managed"})
            for each in every(templates, "AWS::SageMaker::Cluster")
        ],
    ),
    "keys without continuous": (
        "GENAI_HYPERPOD_VOLUMES",
        setting("AWS::SageMaker::Cluster", "NodeProvisioningMode", None),
    ),
    "a cluster's property on an instance": (
        "GENAI_AURORA_INSTANCE",
        setting("AWS::RDS::DBInstance", "CopyTagsToSnapshot", True),
    ),
    "a transform of a data source": ("GENAI_TRANSFORM_TAKES_MODEL", pipeline_from_data_source),
    "reasoning that is enforced": ("GENAI_ENFORCED_GUARDRAIL_KINDS", enforced_with_reasoning),
    "a budget of all environments": (
        "GENAI_BUDGET_OF_ONE_ENVIRONMENT",
        setting(
            "AWS::Budgets::Budget",
            "Budget.FilterExpression",
            {"Tags": {"Key": "project", "Values": ["genai"], "MatchOptions": ["EQUALS"]}},
        ),
    ),
    "an alarm of all environments": (
        "GENAI_ALARM_OF_ONE_ENVIRONMENT",
        lambda templates: [
            each["Properties"].update(Namespace="AwsGenAi", Dimensions=[{"Name": "service", "Value": "chat"}])
            for each in every(templates, "AWS::CloudWatch::Alarm")
        ],
    ),
    # customer keys
    "alarms under the key": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "cloudwatch.amazonaws.com")),
    "budgets under the key": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "budgets.amazonaws.com")),
    "events into queues under the key": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "events.amazonaws.com")),
    "logs under the key": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "CloudWatchLogs")),
    "callers of logs": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "AccountThroughLogs")),
    "logs of another account": (
        "GENAI_KEY_ADMITS_ITS_USERS",
        conditioned(KEY, "CloudWatchLogs", StringEquals=SENT_BY_NOBODY),
    ),
    "a trail under the key": (
        "GENAI_KEY_ADMITS_ITS_USERS",
        without_action(KEY, "kms:GenerateDataKey*", "cloudtrail.am"),
    ),
    "a trail and a Bucket Key": ("GENAI_KEY_ADMITS_ITS_USERS", bucket_keys_without_decrypt),
    "replication in the key's policy": (
        "GENAI_KEY_ADMITS_ITS_USERS",
        without_action(KEY, "kms:Encrypt", "Replication"),
    ),
    "vectors under the key": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "indexing.s3vectors.amazonaws.com")),
    "making vectors": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughS3Vectors")),
    "tables": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughDynamodb")),
    "file systems": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughFsx")),
    "endpoints": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughSagemaker")),
    "databases": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughRds")),
    "passwords": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughSecretsmanager")),
    "pages of a distribution": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "cloudfront.amazonaws.com")),
    "roles that rotate secrets": (
        "GENAI_KEY_ADMITS_ITS_USERS",
        lambda templates: [
            each.update(Action="kms:Encrypt") for _, each in statements(templates, MANAGED, "secretsmanager.")
        ],
    ),
    "collections": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughAoss")),
    "policy engines": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughBedrockAgentcore")),
    "gateways": ("GENAI_KEY_ADMITS_ITS_USERS", without_action(KEY, "kms:Decrypt", "ToolsdeskRole")),
    "grants of gateways": ("GENAI_KEY_ADMITS_ITS_USERS", gateway_without_grants),
    "state machines": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughStates")),
    "guardrails": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "ThroughBedrock")),
    "volumes": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "AutoScalingVolumes")),
    "grants for volumes": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "AutoScalingGrants")),
    "Auto Scaling's notifications": ("GENAI_KEY_ADMITS_ITS_USERS", notifying_without_key),
    "linked buckets": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "LinkedBuckets")),
    "logs of state machines": ("GENAI_KEY_ADMITS_ITS_USERS", without(KEY, "delivery.logs.amazonaws.com")),
    "nodes of clusters": ("GENAI_KEY_ADMITS_ITS_USERS", without_action(MANAGED, "kms:CreateGrant")),
    "roles that write": ("GENAI_KEY_ADMITS_ITS_USERS", without_action(MANAGED, "kms:GenerateDataKey")),
    "roles that read": ("GENAI_KEY_ADMITS_ITS_USERS", without_action(MANAGED, "kms:Decrypt")),
}


@pytest.fixture(scope="module")
def plain(reference: Synthesized) -> Callable[[], Templates]:
    texts = {name: json.dumps(template) for name, template in reference.templates.items()}
    return lambda: {name: json.loads(text) for name, text in texts.items()}


@pytest.mark.parametrize("kind", CASES)
def test_a_planted_mistake_is_told(plain: Callable[[], Templates], kind: str) -> None:
    rule, plant = CASES[kind]
    templates = plain()
    before = copy.deepcopy(templates)
    plant(templates)
    assert templates != before, "nothing was planted"
    hits = list(RULES[rule].check(emitted(templates)))
    assert hits
    assert all("Fix: " in RULES[rule].message(hit) for hit in hits)


@pytest.mark.parametrize("name", ["dev", "prod", "local", "reference"])
def test_the_shipped_environments_break_none(environment: Callable[[str], Synthesized], name: str) -> None:
    made = environment(name)
    said = found(made.templates, made.settings.region)
    accepted = {item.finding for item in made.acknowledgements}
    assert {rule: texts for rule, texts in said.items() if rule not in accepted} == {}


ALARM, PERMISSIONS = "AWS::CloudWatch::Alarm", "AWS::IAM::ManagedPolicy"
SCHEDULE, GROUP = "AWS::Scheduler::Schedule", "AWS::Cognito::UserPoolGroup"


@pytest.mark.parametrize(
    ("type", "one", "other", "places", "count"),
    [
        (ALARM, {"AlarmName": "a"}, {"AlarmName": "a"}, (("", "us-east-1"), ("", "us-east-1")), 1),
        (ALARM, {"AlarmName": "a"}, {"AlarmName": "b"}, (("", "us-east-1"), ("", "us-east-1")), 0),
        (ALARM, {"AlarmName": "a"}, {"AlarmName": "a"}, (("", "us-east-1"), ("", "us-east-2")), 0),
        (ALARM, {"AlarmName": "a"}, {"AlarmName": "a"}, (("1" * 12, "us-east-1"), ("2" * 12, "us-east-1")), 0),
        (ALARM, {}, {}, (("", "us-east-1"), ("", "us-east-1")), 0),
        # IAM is one service for all Regions, and ignores the case of names.
        (
            PERMISSIONS,
            {"ManagedPolicyName": "A"},
            {"ManagedPolicyName": "a"},
            (("", "us-east-1"), ("", "us-east-2")),
            1,
        ),
        # Names within a group, a pool or another resource.
        (SCHEDULE, {"Name": "a"}, {"Name": "a", "GroupName": "g"}, (("", "us-east-1"), ("", "us-east-1")), 0),
        (SCHEDULE, {"Name": "a"}, {"Name": "a"}, (("", "us-east-1"), ("", "us-east-1")), 1),
        (
            GROUP,
            {"GroupName": "a", "UserPoolId": {"Ref": "Pool"}},
            {"GroupName": "a", "UserPoolId": {"Ref": "Pool"}},
            (("", "us-east-1"), ("", "us-east-1")),
            0,
        ),
    ],
)
def test_names_that_meet_in_an_account(
    type: str, one: dict[str, Any], other: dict[str, Any], places: tuple[tuple[str, str], ...], count: int
) -> None:
    templates = [{"Resources": {"Planted": {"Type": type, "Properties": each}}} for each in (one, other)]
    app = Emitted(
        {
            name: Stack(name, name, f"{name}.template.json", region, template, account)
            for name, template, (account, region) in zip(("one", "other"), templates, places, strict=True)
        }
    )
    hits = list(RULES["GENAI_NAME_UNIQUE"].check(app))
    assert len(hits) == count
    assert all(hit.at.stack.name == "other" and "Planted of one" in hit.what for hit in hits)  # type: ignore[union-attr]


def test_resources_of_exclusive_conditions_share_a_name() -> None:
    templates = alone(ALARM, {"AlarmName": "a"}, Other={"Type": ALARM, "Properties": {"AlarmName": "a"}})
    assert "GENAI_NAME_UNIQUE" in found(templates)
    for each in every(templates, ALARM):
        each["Condition"] = "IsOther"
    assert "GENAI_NAME_UNIQUE" not in found(templates)


def test_accounts_are_read_from_the_manifest(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    places = {
        "one": cdk.Environment(account="1" * 12, region="us-east-1"),
        "other": cdk.Environment(region="us-east-1"),
    }
    for name, place in places.items():
        sns.CfnTopic(cdk.Stack(app, name, env=place), "Topic", topic_name="events")
    app.synth()
    made = read({str(tmp_path / f"{name}.template.json"): (name, "us-east-1") for name in places})
    assert {each.name: each.account for each in made.stacks.values()} == {"one": "1" * 12, "other": ""}


def test_what_changes_nothing_is_not_told(plain: Callable[[], Templates]) -> None:
    """Order of statements, one action without its list, a description: none of it is a mistake."""
    templates = plain()
    for template in templates.values():
        for resource in template["Resources"].values():
            for name in ("KeyPolicy", "PolicyDocument"):
                document = resource.get("Properties", {}).get(name)
                if isinstance(document, dict):
                    document["Statement"].reverse()
                    for each in document["Statement"]:
                        if isinstance(each["Action"], list) and len(each["Action"]) == 1:
                            each["Action"] = each["Action"][0]
    assert found(templates) == found(plain())


def test_a_type_that_the_region_lacks_is_told(plain: Callable[[], Templates]) -> None:
    said = found(plain(), "eu-central-2")
    assert any("AWS::Bedrock::IntelligentPromptRouter" in text for text in said["GENAI_TYPE_IN_REGION"])
    assert any("trn1.32xlarge" in text for text in said["GENAI_INSTANCE_IN_REGION"])


def test_what_cloudfront_uses_is_in_its_region(plain: Callable[[], Templates]) -> None:
    said = found(plain(), "eu-west-1")["GENAI_EDGE_IN_ITS_REGION"]
    assert len(said) == 2  # the web ACL, and the delivery of access logs
    assert all("The stack is in eu-west-1." in text for text in said)


def test_every_rule_has_a_case() -> None:
    rules = {each.id for each in RULES.values() if each.check.__module__.startswith(f"{deploys.__name__}.")}
    assert rules == {rule for rule, _ in CASES.values()} | ELSEWHERE


#: Rules whose cases stand in tests of their own.
ELSEWHERE = {"GENAI_TYPE_IN_REGION", "GENAI_INSTANCE_IN_REGION"}


@cache
def _pages() -> set[str]:
    return {use.page for use in USES}


def test_every_use_of_a_key_has_its_page() -> None:
    assert len(USES) >= 40
    assert all(page.startswith("https://docs.aws.amazon.com/") and page.endswith(".html") for page in _pages())

"""Resolution of the intrinsic functions of a template, as in a deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .undecidable import UndecidableError


@dataclass(frozen=True)
class Environment:
    """The assumed deployment environment of a template."""

    account: str = "111122223333"
    region: str = "us-east-1"
    partition: str = "aws"
    url_suffix: str = "amazonaws.com"


#: Values of resource attributes after deployment; {name} is the name, or the logical id if AWS generates the name.
_ARNS: Mapping[str, str] = {
    "AWS::S3::Bucket.RegionalDomainName": "{name}.s3.{region}.amazonaws.com",
    "AWS::S3::Bucket.Arn": "arn:{partition}:s3:::{name}",
    "AWS::KMS::Key.Arn": "arn:{partition}:kms:{region}:{account}:key/{name}",
    "AWS::IAM::Role.Arn": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::IAM::InstanceProfile.Arn": "arn:{partition}:iam::{account}:instance-profile/{name}",
    "AWS::Lambda::Function.Arn": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup.Arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    "AWS::Batch::JobQueue.JobQueueArn": "arn:{partition}:batch:{region}:{account}:job-queue/{name}",
    "AWS::DynamoDB::Table.Arn": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue.Arn": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::Bedrock::ApplicationInferenceProfile.InferenceProfileArn": "arn:{partition}:bedrock:{region}:{account}"
    ":application-inference-profile/{name}",
    "AWS::Bedrock::KnowledgeBase.KnowledgeBaseArn": "arn:{partition}:bedrock:{region}:{account}:knowledge-base/{name}",
    "AWS::Bedrock::KnowledgeBase.KnowledgeBaseId": "{name}",
    "AWS::S3Vectors::VectorBucket.VectorBucketArn": "arn:{partition}:s3vectors:{region}:{account}:bucket/{name}",
    "AWS::S3Vectors::Index.IndexArn": "arn:{partition}:s3vectors:{region}:{account}:bucket/vectors/index/{name}",
    "AWS::Bedrock::Guardrail.GuardrailArn": "arn:{partition}:bedrock:{region}:{account}:guardrail/{name}",
    "AWS::Bedrock::Guardrail.GuardrailId": "{name}",
    "AWS::Bedrock::GuardrailVersion.Version": "1",
    "AWS::CloudWatch::Alarm.Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::SageMaker::InferenceComponent.InferenceComponentArn": "arn:{partition}:sagemaker:{region}:{account}"
    ":inference-component/{name}",
    "AWS::SageMaker::ModelPackageGroup.ModelPackageGroupArn": "arn:{partition}:sagemaker:{region}:{account}"
    ":model-package-group/{name}",
    "AWS::SageMaker::Hub.HubArn": "arn:{partition}:sagemaker:{region}:{account}:hub/{name}",
    "AWS::SageMaker::Domain.DomainId": "d-{name}",
    "AWS::SageMaker::MlflowApp.Arn": "arn:{partition}:sagemaker:{region}:{account}:mlflow-app/{name}",
    "AWS::Cognito::UserPool.Arn": "arn:{partition}:cognito-idp:{region}:{account}:userpool/{name}",
    "AWS::SageMaker::Endpoint.EndpointName": "{name}",
    "AWS::SNS::Topic.TopicArn": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine.Arn": "arn:{partition}:states:{region}:{account}:stateMachine:{name}",
    "AWS::OpenSearchServerless::Collection.Arn": "arn:{partition}:aoss:{region}:{account}:collection/{name}",
    "AWS::NeptuneGraph::Graph.GraphArn": "arn:{partition}:neptune-graph:{region}:{account}:graph/{name}",
    "AWS::RDS::DBCluster.DBClusterArn": "arn:{partition}:rds:{region}:{account}:cluster:{name}",
    "AWS::RDS::DBCluster.MasterUserSecret.SecretArn": "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}",
    "AWS::BedrockAgentCore::CodeInterpreterCustom.CodeInterpreterArn": "arn:{partition}:bedrock-agentcore:{region}"
    ":{account}:code-interpreter-custom/{name}",
    "AWS::Bedrock::Prompt.Arn": "arn:{partition}:bedrock:{region}:{account}:prompt/{name}",
    "AWS::Bedrock::PromptVersion.Arn": "arn:{partition}:bedrock:{region}:{account}:prompt/{name}:1",
    "AWS::Bedrock::Flow.Arn": "arn:{partition}:bedrock:{region}:{account}:flow/{name}",
    "AWS::Bedrock::FlowAlias.Arn": "arn:{partition}:bedrock:{region}:{account}:flow/flow/alias/{name}",
    "AWS::Bedrock::IntelligentPromptRouter.PromptRouterArn": "arn:{partition}:bedrock:{region}:{account}"
    ":prompt-router/{name}",
    "AWS::WAFv2::RegexPatternSet.Arn": "arn:{partition}:wafv2:{region}:{account}:regional/regexpatternset/{name}/id",
    "AWS::BedrockAgentCore::Gateway.GatewayArn": "arn:{partition}:bedrock-agentcore:{region}:{account}:gateway/{name}",
    "AWS::BedrockAgentCore::Gateway.GatewayIdentifier": "{name}",
    "AWS::BedrockAgentCore::PolicyEngine.PolicyEngineArn": "arn:{partition}:bedrock-agentcore:{region}:{account}"
    ":policy-engine/{name}",
    "AWS::BedrockAgentCore::PolicyEngine.PolicyEngineId": "{name}",
    "AWS::WAFv2::WebACL.Arn": "arn:{partition}:wafv2:{region}:{account}:regional/webacl/{name}",
}
_REFS: Mapping[str, str] = {
    "AWS::SecretsManager::Secret": "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}",
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::SageMaker::Endpoint": "arn:{partition}:sagemaker:{region}:{account}:endpoint/{name}",
    "AWS::SageMaker::Model": "arn:{partition}:sagemaker:{region}:{account}:model/{name}",
    "AWS::IAM::ManagedPolicy": "arn:{partition}:iam::{account}:policy/{name}",
}
#: The ARN of a resource, by its type; keys of other attributes contain a dot.
_OWN_ARNS: Mapping[str, str] = {
    kind: form
    for kind, attribute, form in ((*name.split(".", 1), form) for name, form in _ARNS.items())
    if attribute.endswith("Arn") and "." not in attribute
}
_NAMES: Mapping[str, str] = {
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::IAM::Role": "RoleName",
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::SageMaker::Hub": "HubName",
    "AWS::SageMaker::InferenceComponent": "InferenceComponentName",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


class Resolver:
    """Values for the intrinsic functions of one or more templates that are deployed together.

    A resource without a fixed name has its logical id as name, prefixed with its stack and a dot if there are several.

    :param environment: The assumed deployment environment of the templates.
    :param environments: Different deployment environments, by stack.
    :param lenient: Whether to return a placeholder, ``<...>``, for a value that is known only at deployment, instead of
        an error.
    """

    def __init__(
        self,
        templates: Mapping[str, dict[str, Any]],
        environment: Environment,
        *,
        environments: Mapping[str, Environment] | None = None,
        lenient: bool = False,
    ) -> None:
        self._templates = templates
        self.environment = environment
        self._environments = environments or {}
        self._lenient = lenient

    def where(self, stack: str) -> Environment:
        """The assumed deployment environment of a stack."""
        return self._environments.get(stack, self.environment)

    def resources(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The stack, logical id and definition of every resource in the templates."""
        return [
            (stack, logical_id, resource)
            for stack, template in self._templates.items()
            for logical_id, resource in template.get("Resources", {}).items()
        ]

    def resolve(self, stack: str, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """``value`` with every intrinsic function replaced.

        :raises UndecidableError: for one whose value only a deployment knows.
        """
        if isinstance(value, str):  # most are, and a check against an abstract class is slow
            return value
        if isinstance(value, Mapping):
            if len(value) == 1:
                key, argument = next(iter(value.items()))
                if key == "Ref" or key.startswith("Fn::"):
                    return self._intrinsic(stack, key, argument)
            return {key: self.resolve(stack, item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self.resolve(stack, item) for item in value]
        return value

    def arn(self, stack: str, logical_id: str) -> str | None:
        """The ARN with which other resources refer to this one, if the ARN of its type is known."""
        kind = self._resource(stack, logical_id)["Type"]
        if kind in _REFS:
            return self._format(stack, logical_id, _REFS[kind])
        form = _OWN_ARNS.get(kind)
        return self._format(stack, logical_id, form) if form else None

    def _intrinsic(self, stack: str, key: str, argument: Any) -> Any:  # noqa: ANN401
        match key:
            case "Ref":
                return self._ref(stack, argument)
            case "Fn::GetAtt":
                logical_id, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._attribute(stack, logical_id, attribute)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(str(self.resolve(stack, part)) for part in parts)
            case "Fn::Sub":
                text, values = (argument, {}) if isinstance(argument, str) else argument
                return self._substitute(stack, text, values)
            case "Fn::Select":
                index, items = argument
                found = self.resolve(stack, items)
                if self._lenient and not (isinstance(found, list) and int(index) < len(found)):
                    return f"<{found}[{index}]>"
                return found[int(index)]
            case "Fn::Split":
                separator, text = argument
                return str(self.resolve(stack, text)).split(separator)
            case "Fn::ImportValue":
                return self._import(self.resolve(stack, argument))
            case "Fn::GetStackOutput":
                return self._output(argument)
            case _ if self._lenient:
                return f"<{stack}.{key}>"
            case _:
                raise UndecidableError(f"{stack}: {key} has a value that only a deployment knows")

    def _ref(self, stack: str, name: str) -> str | None:
        if name.startswith("AWS::"):
            return self._pseudo(stack, name)
        if self._lenient and name not in self._templates[stack].get("Resources", {}):
            return f"<{stack}.{name}>"
        kind = self._resource(stack, name)["Type"]
        return self._format(stack, name, _REFS.get(kind, "{name}"))

    def _pseudo(self, stack: str, name: str) -> str | None:
        environment = self.where(stack)
        pseudo = {
            "AWS::AccountId": environment.account,
            "AWS::Region": environment.region,
            "AWS::Partition": environment.partition,
            "AWS::URLSuffix": environment.url_suffix,
            "AWS::StackName": stack,
            "AWS::StackId": f"<{stack}>",
        }
        if name not in pseudo and not self._lenient:
            raise UndecidableError(f"{stack}: {name} has a value that only a deployment knows")
        return pseudo.get(name)

    def _attribute(self, stack: str, logical_id: str, attribute: str) -> str:
        if self._lenient and logical_id not in self._templates[stack].get("Resources", {}):
            return f"<{stack}.{logical_id}.{attribute}>"
        kind = self._resource(stack, logical_id)["Type"]
        form = _ARNS.get(f"{kind}.{attribute}")
        if form is None and self._lenient:
            return f"<{stack}.{logical_id}.{attribute}>"
        if form is None:
            raise UndecidableError(f"{stack}: {kind} {logical_id} has no known {attribute}")
        return self._format(stack, logical_id, form)

    def _format(self, stack: str, logical_id: str, form: str) -> str:
        resource = self._resource(stack, logical_id)
        made_up = logical_id if len(self._templates) == 1 else f"{stack}.{logical_id}"
        name = resource.get("Properties", {}).get(_NAMES.get(resource["Type"], ""), made_up)
        environment = self.where(stack)
        return form.format(
            name=self.resolve(stack, name),
            account=environment.account,
            region=environment.region,
            partition=environment.partition,
        )

    def _substitute(self, stack: str, text: str, values: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in values:
                return str(self.resolve(stack, values[name]))
            logical_id, _, attribute = name.partition(".")
            return self._attribute(stack, logical_id, attribute) if attribute else str(self._ref(stack, name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _import(self, export: str) -> Any:  # noqa: ANN401
        for stack, template in self._templates.items():
            for output in template.get("Outputs", {}).values():
                if "Export" in output and self.resolve(stack, output["Export"]["Name"]) == export:
                    return self.resolve(stack, output["Value"])
        if self._lenient:
            return f"<{export}>"
        raise UndecidableError(f"No template exports {export}; pass the template of the stack that does")

    def _output(self, argument: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name, output = argument["StackName"], argument["OutputName"]
        for stack, template in self._templates.items():
            if stack == name and output in template.get("Outputs", {}):
                return self.resolve(stack, template["Outputs"][output]["Value"])
        if self._lenient:
            return f"<{name}.{output}>"
        raise UndecidableError(f"No template of stack {name} has the output {output}; pass it too")

    def _resource(self, stack: str, logical_id: str) -> dict[str, Any]:
        template = self._templates[stack]
        found: dict[str, Any] | None = template.get("Resources", {}).get(logical_id)
        if found is None:
            raise UndecidableError(f"{stack}: {logical_id} is a parameter, whose value only a deployment knows")
        return found

"""SageMaker hosting as records: no model is loaded and endpoints do not respond, but invalid references fail."""

from __future__ import annotations

import json

from .base import Model, Resource, ServiceError, instances


class HostedModel(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html"""

    type = "AWS::SageMaker::Model"
    name = "ModelName"
    attributes = {"ModelArn": "arn:aws:sagemaker:{region}:{account}:model/{ModelName}"}

    def create(self, model: Model) -> Model:
        if not model.get("PrimaryContainer") and not model.get("Containers"):
            raise ServiceError("A model must have a PrimaryContainer or Containers (Service: SageMaker)")
        return super().create(model)


class EndpointConfig(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html"""

    type = "AWS::SageMaker::EndpointConfig"
    name = "EndpointConfigName"
    attributes = {"EndpointConfigArn": "arn:aws:sagemaker:{region}:{account}:endpoint-config/{EndpointConfigName}"}

    def create(self, model: Model) -> Model:
        known = {found["ModelName"] for found in instances(HostedModel.type)}
        known |= {found["ModelArn"] for found in instances(HostedModel.type)}
        for variant in model["ProductionVariants"]:
            name = variant.get("ModelName")
            # A Ref to a model is its ARN in the schema and its name in the service: both are accepted.
            if name is not None and name not in known:
                raise ServiceError(f'Could not find model "{name}" (Service: SageMaker, Status Code: 400)')
        return super().create(model)


class InferenceComponent(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html"""

    type = "AWS::SageMaker::InferenceComponent"
    name = "InferenceComponentName"
    attributes = {
        "InferenceComponentArn": "arn:aws:sagemaker:{region}:{account}:inference-component/{InferenceComponentName}",
        "InferenceComponentStatus": "InService",
        "FailureReason": "none",
        "CreationTime": "{now}",
        "LastModifiedTime": "{now}",
    }

    def create(self, model: Model) -> Model:
        if model["EndpointName"] not in {found["EndpointName"] for found in instances(Endpoint.type)}:
            raise ServiceError(f'Could not find endpoint "{model["EndpointName"]}" (Service: SageMaker)')
        return super().create(model)


class ModelPackageGroup(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackageGroup.html"""

    type = "AWS::SageMaker::ModelPackageGroup"
    name = "ModelPackageGroupName"
    attributes = {
        "ModelPackageGroupArn": "arn:aws:sagemaker:{region}:{account}:model-package-group/{ModelPackageGroupName}",
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": "{now}",
    }


class Pipeline(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html"""

    type = "AWS::SageMaker::Pipeline"
    name = "PipelineName"
    name_limit = 256

    def create(self, model: Model) -> Model:
        body = model["PipelineDefinition"].get("PipelineDefinitionBody")
        try:
            steps = json.loads(body)["Steps"]
        except (TypeError, ValueError, KeyError) as error:
            raise ServiceError(f"Invalid pipeline definition: {error} (Service: SageMaker)") from error
        names = [each["Name"] for each in steps]
        if len(set(names)) != len(names):
            raise ServiceError("Invalid pipeline definition: step names must be unique (Service: SageMaker)")
        return super().create(model)


class Hub(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHub.html"""

    type = "AWS::SageMaker::Hub"
    name = "HubName"
    attributes = {
        "HubArn": "arn:aws:sagemaker:{region}:{account}:hub/{HubName}",
        "HubStatus": "InService",
        "CreationTime": "{now}",
        "LastModifiedTime": "{now}",
    }


class Domain(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateDomain.html"""

    type = "AWS::SageMaker::Domain"
    name = "DomainName"
    attributes = {
        "DomainArn": "arn:aws:sagemaker:{region}:{account}:domain/d-{token}",
        "DomainId": "d-{token}",
        "Url": "https://d-{token}.studio.{region}.sagemaker.aws",
        "HomeEfsFileSystemId": "none",
        "SecurityGroupIdForDomainBoundary": "sg-{token}",
        "SingleSignOnApplicationArn": "none",
        "SingleSignOnManagedApplicationInstanceId": "none",
    }


class UserProfile(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateUserProfile.html"""

    type = "AWS::SageMaker::UserProfile"
    name = "UserProfileName"
    attributes = {"UserProfileArn": "arn:aws:sagemaker:{region}:{account}:user-profile/{DomainId}/{UserProfileName}"}
    needs = {"DomainId": Domain.type}


class MlflowApp(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateMlflowApp.html"""

    type = "AWS::SageMaker::MlflowApp"
    name = "Name"
    attributes = {
        "Arn": "arn:aws:sagemaker:{region}:{account}:mlflow-app/app-{token}",
        "MlflowAppId": "app-{token}",
        "MlflowVersion": "3.0",
        "Status": "Created",
        "CreationTime": "{now}",
        "LastModifiedTime": "{now}",
    }


class Endpoint(Resource):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html"""

    type = "AWS::SageMaker::Endpoint"
    name = "EndpointName"
    attributes = {"EndpointArn": "arn:aws:sagemaker:{region}:{account}:endpoint/{EndpointName}"}
    needs = {"EndpointConfigName": EndpointConfig.type}

"""AWS Batch and its queues as records: no job runs, but invalid references fail."""

from __future__ import annotations

from ministack.services import ec2

from .base import Model, Resource, ServiceError


class ComputeEnvironment(Resource):
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateComputeEnvironment.html"""

    type = "AWS::Batch::ComputeEnvironment"
    name = "ComputeEnvironmentName"
    attributes = {
        "ComputeEnvironmentArn": "arn:aws:batch:{region}:{account}:compute-environment/{ComputeEnvironmentName}"
    }

    def create(self, model: Model) -> Model:
        wanted = model.get("ComputeResources", {})
        for subnet in wanted.get("Subnets", []):
            if subnet not in ec2._subnets:
                raise ServiceError(f"Error executing request, Exception : The subnet ID '{subnet}' does not exist")
        template = (wanted.get("LaunchTemplate") or {}).get("LaunchTemplateId")
        if template is not None and template not in ec2._launch_templates:
            raise ServiceError(f"Launch template {template} does not exist (Service: Batch, Status Code: 400)")
        return super().create(model)


class SchedulingPolicy(Resource):
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateSchedulingPolicy.html"""

    type = "AWS::Batch::SchedulingPolicy"
    name = "Name"
    attributes = {"Arn": "arn:aws:batch:{region}:{account}:scheduling-policy/{Name}"}


class JobQueue(Resource):
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html"""

    type = "AWS::Batch::JobQueue"
    name = "JobQueueName"
    attributes = {"JobQueueArn": "arn:aws:batch:{region}:{account}:job-queue/{JobQueueName}"}
    needs = {
        "ComputeEnvironmentOrder.ComputeEnvironment": ComputeEnvironment.type,
        "SchedulingPolicyArn": SchedulingPolicy.type,
    }


class JobDefinition(Resource):
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html"""

    type = "AWS::Batch::JobDefinition"
    name = "JobDefinitionName"
    attributes = {"JobDefinitionArn": "arn:aws:batch:{region}:{account}:job-definition/{JobDefinitionName}:1"}
    #: A revision in the service, and an update in CloudFormation.
    ref = "JobDefinitionArn"

    def update(self, old: Model, new: Model) -> Model:
        """A change registers the next revision."""
        name, _, revision = str(old["JobDefinitionArn"]).rpartition(":")
        return {**new, "JobDefinitionArn": f"{name}:{int(revision) + 1}"}

"""Removes what prevents the deletion of a stack whose resources have been used.

Each entry names the type of resource and the page that documents the condition. If a call to a service fails, the
failure is reported, and the stack is deleted anyway.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .stacks import Deployed, Environment
from .staying import Clients, DestroyError, Told, absent

#: Maximum amount of time, in seconds, to wait until a service has stopped its jobs.
_LONGEST = 1800
#: Jobs of Bedrock that continue without the stack: kind, key of their list, and the states in which they run.
_JOBS = {
    "model_invocation_job": ("invocationJobSummaries", ("Submitted", "Validating", "Scheduled", "InProgress")),
    "model_customization_job": ("modelCustomizationJobSummaries", ("InProgress",)),
    "evaluation_job": ("jobSummaries", ("InProgress",)),
}


class Before:
    """Prepares the stacks of one environment for their deletion."""

    def __init__(
        self,
        clients: Clients,
        told: Told,
        *,
        pause: float = 10,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients, self._told, self._pause, self._sleep = clients, told, pause, sleep
        self._prepares: dict[str, Callable[[Environment, Deployed], None]] = {
            "AWS::Batch::JobQueue": self._queue,
            "AWS::Bedrock::KnowledgeBase": self._knowledge,
            "AWS::S3Vectors::VectorBucket": self._vectors,
            "AWS::SageMaker::Domain": self._domain,
            "AWS::SageMaker::Endpoint": self._endpoint,
            "AWS::SageMaker::Hub": self._hub,
            "AWS::SageMaker::ModelPackageGroup": self._versions,
            "AWS::SageMaker::Pipeline": self._pipeline,
            "AWS::StepFunctions::StateMachine": self._runs,
        }

    def check(self, stacks: Iterable[Environment]) -> None:
        """Check, before anything is changed, that no resource was protected manually.

        :raises DestroyError: with the first protected resource.
        """
        asks: dict[str, tuple[str, str, Callable[[dict[str, Any]], bool], str]] = {
            "AWS::Cognito::UserPool": (
                "cognito-idp",
                "describe_user_pool",
                lambda found: found["UserPool"].get("DeletionProtection") == "ACTIVE",
                "UserPoolId",
            ),
            "AWS::DynamoDB::Table": (
                "dynamodb",
                "describe_table",
                lambda found: bool(found["Table"].get("DeletionProtectionEnabled")),
                "TableName",
            ),
            "AWS::RDS::DBCluster": (
                "rds",
                "describe_db_clusters",
                lambda found: any(each.get("DeletionProtection") for each in found["DBClusters"]),
                "DBClusterIdentifier",
            ),
        }
        for stack in stacks:
            for each in stack.of(*asks):
                service, operation, is_protected, argument = asks[each.type]
                if each.kept:
                    continue
                try:
                    found = getattr(self._clients(service), operation)(**{argument: each.physical_id})
                except ClientError as error:
                    if absent(error):
                        continue
                    raise
                if is_protected(found):
                    raise DestroyError(
                        f"{each.physical_id} ({each.type} of {stack.name}) is protected from deletion, which the "
                        "settings do not ask for. Take its deletion protection off first. Nothing was touched."
                    )

    def prepare(self, stack: Environment) -> None:
        """Stop jobs and executions, and delete what prevents the deletion of the stack's resources."""
        for each in stack.resources:
            prepare = self._prepares.get(each.type)
            if prepare is None or each.kept or not each.physical_id:
                continue
            try:
                prepare(stack, each)
            except TimeoutError:
                self._told.note(
                    f"What uses {each.physical_id} ({each.type}) has not ended in {_LONGEST // 60} minutes."
                )
            except (ClientError, BotoCoreError) as error:
                if not (isinstance(error, ClientError) and absent(error)):
                    self._told.note(f"{each.physical_id} ({each.type}) could not be prepared: {error}")

    # One for each type.

    def _queue(self, _stack: Environment, queue: Deployed) -> None:
        """End the jobs of a queue: it can be deleted only without jobs.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteJobQueue.html
        """
        batch = self._clients("batch")
        for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"):
            for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue.physical_id, jobStatus=status):
                for job in page["jobSummaryList"]:
                    batch.terminate_job(jobId=job["jobId"], reason="The environment is destroyed")

    def _knowledge(self, _stack: Environment, base: Deployed) -> None:
        """Stop ingestion jobs: a data source cannot be deleted during one.

        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_StopIngestionJob.html
        """
        agent, known = self._clients("bedrock-agent"), base.physical_id
        for page in agent.get_paginator("list_data_sources").paginate(knowledgeBaseId=known):
            for source in page["dataSourceSummaries"]:
                which = {"knowledgeBaseId": known, "dataSourceId": source["dataSourceId"]}
                if any(True for _ in self._taking_in(which)):
                    for job in self._taking_in(which):
                        agent.stop_ingestion_job(**which, ingestionJobId=job["ingestionJobId"])
                    self._until(lambda which=which: not list(self._taking_in(which)))  # type: ignore[misc]

    def _taking_in(self, which: dict[str, str]) -> Iterator[dict[str, Any]]:
        pages = self._clients("bedrock-agent").get_paginator("list_ingestion_jobs").paginate(**which)
        for page in pages:
            for job in page["ingestionJobSummaries"]:
                if job["status"] in ("STARTING", "IN_PROGRESS", "STOPPING"):
                    yield job

    def _vectors(self, stack: Environment, bucket: Deployed) -> None:
        """Delete the indexes of a vector bucket: it can be deleted only without any. The stack deletes its own.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_DeleteVectorBucket.html
        """
        vectors, name = self._clients("s3vectors"), bucket.physical_id.rpartition("/")[2]
        own = {each.physical_id for each in stack.of("AWS::S3Vectors::Index")}
        for page in vectors.get_paginator("list_indexes").paginate(vectorBucketName=name):
            for index in page["indexes"]:
                if index["indexArn"] not in own:
                    vectors.delete_index(indexArn=index["indexArn"])

    def _endpoint(self, stack: Environment, endpoint: Deployed) -> None:
        """Delete inference components: an endpoint can be deleted only without any. The stack deletes its own.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
        """
        own = {each.physical_id.rpartition("/")[2] for each in stack.of("AWS::SageMaker::InferenceComponent")}
        sagemaker = self._clients("sagemaker")
        name = endpoint.physical_id.rpartition("/")[2]
        for page in sagemaker.get_paginator("list_inference_components").paginate(EndpointNameEquals=name):
            for component in page["InferenceComponents"]:
                if component["InferenceComponentName"] not in own:
                    sagemaker.delete_inference_component(InferenceComponentName=component["InferenceComponentName"])

    def _versions(self, _stack: Environment, group: Deployed) -> None:
        """Delete the model packages of a model package group: it can be deleted only without any.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteModelPackageGroup.html
        """
        sagemaker, name = self._clients("sagemaker"), group.physical_id.rpartition("/")[2]
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name)
        # List all before deleting: pages of a list that shrinks would skip some.
        for arn in [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]:
            sagemaker.delete_model_package(ModelPackageName=arn)

    def _pipeline(self, _stack: Environment, pipeline: Deployed) -> None:
        """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeletePipeline.html"""
        sagemaker, name = self._clients("sagemaker"), pipeline.physical_id.rpartition("/")[2]
        for page in sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=name):
            for run in page["PipelineExecutionSummaries"]:
                if run["PipelineExecutionStatus"] == "Executing":
                    sagemaker.stop_pipeline_execution(
                        PipelineExecutionArn=run["PipelineExecutionArn"], ClientRequestToken=uuid.uuid4().hex
                    )

    def _hub(self, _stack: Environment, hub: Deployed) -> None:
        """Delete the contents of a hub, which can be deleted only if it is empty. People may have added models to it.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteHub.html
        """
        sagemaker, name = self._clients("sagemaker"), hub.physical_id.rpartition("/")[2]
        for kind in ("ModelReference", "Model", "Notebook", "DataSet", "JsonDoc"):
            which = {"HubName": name, "HubContentType": kind}
            for content in self._every(sagemaker.list_hub_contents, "HubContentSummaries", **which):
                named = {**which, "HubContentName": content["HubContentName"]}
                if kind == "ModelReference":
                    sagemaker.delete_hub_content_reference(**named)
                    continue
                for version in self._every(sagemaker.list_hub_content_versions, "HubContentSummaries", **named):
                    sagemaker.delete_hub_content(**named, HubContentVersion=version["HubContentVersion"])

    def _every(self, listing: Callable[..., dict[str, Any]], listed: str, **request: str) -> list[dict[str, Any]]:
        """All items of a list operation that has no paginator."""
        found, more = [], dict[str, Any]()
        while True:
            page = listing(**request, **more)
            found += page[listed]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}

    def _domain(self, _stack: Environment, domain: Deployed) -> None:
        """Delete a Studio domain with its apps, spaces, user profiles and file system.

        CloudFormation would retain the file system, whose mount targets would prevent the deletion of the subnets.
        https://docs.aws.amazon.com/sagemaker/latest/dg/gs-studio-delete-domain.html
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteDomain.html
        """
        sagemaker, known = self._clients("sagemaker"), domain.physical_id
        sagemaker.describe_domain(DomainId=known)
        for app in self._apps(known):
            owner = {name: app[name] for name in ("SpaceName", "UserProfileName") if app.get(name)}
            if app["Status"] != "Deleting":
                sagemaker.delete_app(DomainId=known, AppType=app["AppType"], AppName=app["AppName"], **owner)
        self._until(lambda: not self._apps(known))
        for kind, listed, name in (
            ("space", "Spaces", "SpaceName"),
            ("user_profile", "UserProfiles", "UserProfileName"),
        ):
            pages = sagemaker.get_paginator(f"list_{kind}s")
            for each in [found for page in pages.paginate(DomainIdEquals=known) for found in page[listed]]:
                if each["Status"] != "Deleting":
                    getattr(sagemaker, f"delete_{kind}")(DomainId=known, **{name: each[name]})
            self._until(
                lambda pages=pages, listed=listed: (
                    not any(  # type: ignore[misc]
                        page[listed] for page in pages.paginate(DomainIdEquals=known)
                    )
                )
            )
        sagemaker.delete_domain(DomainId=known, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
        self._until(lambda: _is_gone(sagemaker.describe_domain, DomainId=known))

    def _apps(self, domain: str) -> list[dict[str, Any]]:
        pages = self._clients("sagemaker").get_paginator("list_apps").paginate(DomainIdEquals=domain)
        return [each for page in pages for each in page["Apps"] if each["Status"] not in ("Deleted", "Failed")]

    def _runs(self, stack: Environment, machine: Deployed) -> None:
        """Stop the executions of a state machine, so that it can be deleted, and the Bedrock jobs that they started.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
        """
        steps = self._clients("stepfunctions")
        pages = steps.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=machine.physical_id, statusFilter="RUNNING"):
            for run in page["executions"]:
                steps.stop_execution(executionArn=run["executionArn"], cause="The environment is destroyed")
        if machine == stack.of(machine.type)[-1]:
            self._jobs({each.physical_id for each in stack.of("AWS::IAM::Role")})

    def _jobs(self, roles: set[str]) -> None:
        """Stop jobs of Bedrock that use one of the stack's roles."""
        bedrock = self._clients("bedrock")
        for kind, (listed, states) in _JOBS.items():
            pages = bedrock.get_paginator(f"list_{kind}s")
            for state in states:
                for job in [each for page in pages.paginate(statusEquals=state) for each in page[listed]]:
                    which = {"jobIdentifier": job["jobArn"]}
                    if getattr(bedrock, f"get_{kind}")(**which)["roleArn"].rpartition("/")[2] in roles:
                        getattr(bedrock, f"stop_{kind}")(**which)

    def _until(self, done: Callable[[], bool]) -> None:
        waited = 0.0
        while not done():
            if waited >= _LONGEST:
                raise TimeoutError
            self._sleep(self._pause)
            waited += self._pause


def _is_gone(describe: Callable[..., Any], **request: str) -> bool:
    try:
        describe(**request)
    except ClientError as error:
        if absent(error):
            return True
        raise
    return False

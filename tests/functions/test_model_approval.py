"""Approvals: another person's deploys, once; one's own is taken back; what was deployed goes with the stack."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.custom_resource import serving
from aws_genai.functions.model_approval import handler
from aws_genai.functions.model_approval.deployment import Deployment
from aws_genai.functions.model_approval.environment import Plan
from aws_genai.functions.model_approval.people import person
from aws_genai.functions.model_approval.runs import Runs
from aws_genai.functions.model_approval.service import Approvals, NotYetKnownError

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EXECUTION = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/p/execution/1"
PACKAGE = "arn:aws:sagemaker:us-east-1:111122223333:model-package/genai-support/3"
PLAN: Plan = {
    "endpoint": "genai-support",
    "role": "arn:aws:iam::111122223333:role/r",
    "subnets": ["subnet-1"],
    "groups": ["sg-1"],
    "instance_type": "ml.g5.12xlarge",
    "instances": 1,
    "alarms": ["errors"],
    "tags": {"project": "genai"},
}


ARTIFACT = "s3://bucket/output/support/pipelines-1-Train-abc/output/model.tar.gz"
CONTAINER = {"Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/serve:1", "Environment": {"SM_NUM_GPUS": "4"}}
REGISTERED = {**CONTAINER, "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}}
REGISTER = {"Type": "RegisterModel", "Arguments": {"InferenceSpecification": {"Containers": [REGISTERED]}}}
FAIL = {"Type": "Fail", "Arguments": {}}
#: As FineTuning defines it: registration is one of two outcomes of a condition.
DEFINITION = {
    "Steps": [
        {"Type": "Training", "Arguments": {}},
        {"Type": "Condition", "Arguments": {"IfSteps": [REGISTER], "ElseSteps": [FAIL]}},
    ]
}


def identity(session: str, role: str = "Scientist") -> str:
    """A session of IAM Identity Center."""
    return f"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_{role}_0123456789abcdef/{session}"


def assumed(session: str, role: str = "Scientist") -> str:
    """A session whose name the caller chose."""
    return f"arn:aws:sts::111122223333:assumed-role/{role}/{session}"


def refused(message: str, operation: str = "x") -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, operation)


class SageMaker:
    """Endpoints, configurations, models and one version in memory."""

    def __init__(self) -> None:
        self.package: dict[str, Any] = {
            "ModelPackageArn": PACKAGE,
            "ModelPackageGroupName": "genai-support",
            "InferenceSpecification": {"Containers": [{**CONTAINER, "ModelDataUrl": ARTIFACT}]},
            "ModelApprovalStatus": "Approved",
            "ModelPackageVersion": 3,
            "CreationTime": NOW - timedelta(hours=1),
            "LastModifiedTime": NOW,
            "LastModifiedBy": {"IamIdentity": {"Arn": identity("ann", "Approver")}},
            "CustomerMetadataProperties": {"execution": EXECUTION},
        }
        self.models: dict[str, Any] = {}
        self.configs: dict[str, Any] = {}
        self.endpoint: str | None = None
        self.calls: list[str] = []
        self.updated: dict[str, Any] = {}
        #: What the steps of runs made.
        self.steps: dict[str, list[dict[str, Any]]] = {
            EXECUTION: [
                {"TrainingJob": {"Arn": "arn:aws:sagemaker:us-east-1:111122223333:training-job/pipelines-1-Train"}},
                {"Condition": {"Outcome": "True"}},
                {"RegisterModel": {"Arn": PACKAGE}},
            ]
        }
        #: When the run began that registered the version; None once its pipeline is gone.
        self.started: datetime | None = NOW - timedelta(hours=2)

    def describe_pipeline_execution(self, *, PipelineExecutionArn: str) -> dict[str, Any]:
        if self.started is None:
            raise ClientError({"Error": {"Code": "ResourceNotFound", "Message": PipelineExecutionArn}}, "x")
        return {"PipelineExecutionArn": PipelineExecutionArn, "CreationTime": self.started}

    def describe_pipeline_definition_for_execution(self, *, PipelineExecutionArn: str) -> dict[str, Any]:
        assert PipelineExecutionArn in self.steps
        return {"PipelineDefinition": json.dumps(DEFINITION)}

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        assert TrainingJobName == "pipelines-1-Train"
        return {"ModelArtifacts": {"S3ModelArtifacts": ARTIFACT}}

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        assert ModelPackageName == PACKAGE
        return self.package

    def update_model_package(self, **request: Any) -> None:
        self.package |= request

    def _make(self, kind: dict[str, Any], name: str, request: Any) -> None:
        if name in kind:
            raise refused(f'Cannot create already existing "{name}".')
        kind[name] = request

    def create_model(self, **request: Any) -> None:
        self._make(self.models, request["ModelName"], request)

    def create_endpoint_config(self, **request: Any) -> None:
        self._make(self.configs, request["EndpointConfigName"], request)

    def describe_endpoint(self, *, EndpointName: str) -> dict[str, Any]:
        if self.endpoint is None:
            raise refused(f'Could not find endpoint "{EndpointName}".')
        return {"EndpointConfigName": self.endpoint}

    def create_endpoint(self, *, EndpointName: str, EndpointConfigName: str, Tags: Any) -> None:
        self.calls.append("create")
        self.endpoint = EndpointConfigName

    def update_endpoint(self, **request: Any) -> None:
        self.calls.append("update")
        self.updated = request
        assert request["DeploymentConfig"]["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "errors"}]}
        self.endpoint = request["EndpointConfigName"]

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> dict[str, Any]:
        if EndpointConfigName not in self.configs:
            raise refused(f'Could not find endpoint configuration "{EndpointConfigName}".')
        return dict(self.configs[EndpointConfigName])

    def delete_endpoint(self, *, EndpointName: str) -> None:
        if self.endpoint is None:
            raise refused("Could not find endpoint.")
        self.endpoint = None

    def delete_endpoint_config(self, *, EndpointConfigName: str) -> None:
        del self.configs[EndpointConfigName]

    def delete_model(self, *, ModelName: str) -> None:
        del self.models[ModelName]

    def get_paginator(self, operation: str) -> Any:
        if operation == "list_pipeline_execution_steps":
            return Steps(self.steps)
        kind, listed, name = {
            "list_models": (self.models, "Models", "ModelName"),
            "list_endpoint_configs": (self.configs, "EndpointConfigs", "EndpointConfigName"),
        }[operation]

        class Pages:
            def paginate(self, *, NameContains: str) -> Any:
                yield {listed: [{name: each} for each in list(kind) if NameContains in each]}

        return Pages()


class Steps:
    """The steps of runs, two on a page."""

    def __init__(self, steps: dict[str, list[dict[str, Any]]]) -> None:
        self._steps = steps

    def paginate(self, *, PipelineExecutionArn: str) -> Any:
        found = [{"StepName": "s", "Metadata": each} for each in self._steps[PipelineExecutionArn]]
        for start in range(0, len(found), 2):
            yield {"PipelineExecutionSteps": found[start : start + 2]}


class Trail:
    """CloudTrail's history of who started pipelines."""

    def __init__(self, who: str | None) -> None:
        self.who = who
        self.source: str | None = None
        #: When the person started the pipeline.
        self.at = NOW - timedelta(hours=2)

    def get_paginator(self, _operation: str) -> Any:
        events = [{"userIdentity": {"arn": identity("zoe")}, "responseElements": None}]
        at = self.at
        if self.who:
            by = {"arn": self.who, "sessionContext": {"sourceIdentity": self.source} if self.source else {}}
            events.append({"userIdentity": by, "responseElements": {"pipelineExecutionArn": EXECUTION}})

        class Pages:
            def paginate(self, **request: Any) -> Any:
                assert request["LookupAttributes"][0]["AttributeValue"] == "StartPipelineExecution"
                found = events if request["StartTime"] <= at <= request["EndTime"] else events[:1]
                yield {"Events": [{"CloudTrailEvent": json.dumps(event)} for event in found]}

        return Pages()


class World:
    def __init__(self, trained_by: str | None = None) -> None:
        self.sagemaker = SageMaker()
        self.trail = Trail(trained_by or identity("bob"))
        self.told: list[str] = []
        self.now = NOW

    def hear(self) -> str:
        approvals = Approvals(
            self.sagemaker,
            self.trail,
            "genai-support",
            Runs(self.sagemaker, "p"),
            Deployment(self.sagemaker, PLAN),
            lambda subject, message: self.told.append(f"{subject}: {message}"),
            lambda: self.now,
        )
        return approvals.approved(PACKAGE)


def test_the_first_approval_makes_the_endpoint() -> None:
    world = World()
    assert world.hear() == "created"
    assert world.sagemaker.endpoint == "genai-support-v3"
    (model,) = world.sagemaker.models.values()
    assert model["Containers"] == [{"ModelPackageName": PACKAGE}]
    assert model["EnableNetworkIsolation"] is True
    assert world.told == ["Version 3 of genai-support is approved: The endpoint is created."]


def test_a_second_delivery_changes_nothing() -> None:
    world = World()
    world.hear()
    assert world.hear() == "unchanged"
    assert world.sagemaker.calls == ["create"]


def test_a_further_version_moves_over_with_rollback() -> None:
    world = World()
    world.sagemaker.endpoint = "genai-support-v2"
    assert world.hear() == "updating"
    assert world.sagemaker.calls == ["update"]


@pytest.mark.parametrize(("instances", "kept"), [(1, True), (2, False)])
def test_a_further_version_keeps_the_instances_that_there_are_unless_the_plan_changed(
    instances: int, kept: bool
) -> None:
    world = World()
    world.sagemaker.endpoint = "genai-support-v2"
    world.sagemaker.configs["genai-support-v2"] = {"ProductionVariants": [{"InitialInstanceCount": instances}]}
    world.hear()
    assert world.sagemaker.updated["RetainAllVariantProperties"] is True
    wanted = None if kept else [{"VariantPropertyType": "DesiredInstanceCount"}]
    assert world.sagemaker.updated.get("ExcludeRetainedVariantProperties") == wanted


def test_a_training_of_days_is_found_by_its_start() -> None:
    world = World()
    world.sagemaker.started = world.trail.at = NOW - timedelta(days=5)
    assert world.hear() == "created"


def test_a_version_whose_run_is_gone_is_taken_back() -> None:
    """Nothing shows what the run made."""
    world = World()
    world.sagemaker.started = None
    assert world.hear() == "rejected"
    assert "Its run is gone" in world.told[0]


def container(**changed: Any) -> dict[str, Any]:
    return {"InferenceSpecification": {"Containers": [{**CONTAINER, "ModelDataUrl": ARTIFACT, **changed}]}}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        # Another run, of the same pipeline or of another one, is not that of the version.
        ({"CustomerMetadataProperties": {"execution": EXECUTION.replace("/1", "/2")}}, "did not register it"),
        (
            {"CustomerMetadataProperties": {"execution": EXECUTION.replace("/p/", "/q/")}},
            "names no run of the pipeline p",
        ),
        (container(ModelDataUrl="s3://bucket/output/support/other/model.tar.gz"), "Its artifact is not the one"),
        (container(ModelDataUrl=None), "Its artifact is not the one"),
        (container(ModelDataSource={"S3DataSource": {"S3Uri": "s3://bucket/other/"}}), "Its artifact is not the one"),
        (container(AdditionalModelDataSources=[{"ChannelName": "x"}]), "Its artifact is not the one"),
        (container(Image="111122223333.dkr.ecr.us-east-1.amazonaws.com/other:1"), "Its container image"),
        (container(Environment={"SM_NUM_GPUS": "4", "OPTION_ENTRYPOINT": "x"}), "Its container image or environment"),
        ({"InferenceSpecification": {"Containers": []}}, "A version has one container"),
    ],
)
def test_a_version_that_is_not_what_its_run_made_is_taken_back(changed: dict[str, Any], word: str) -> None:
    """Whoever may update a version could point it at a run of somebody else, or at another model."""
    world = World()
    other = EXECUTION.replace("/1", "/2")
    world.sagemaker.steps[other] = [{"RegisterModel": {"Arn": PACKAGE.replace("/3", "/4")}}]
    world.sagemaker.package |= changed
    assert world.hear() == "rejected"
    assert word in world.told[0]
    assert world.sagemaker.endpoint is None


def test_the_name_of_a_session_that_its_caller_chose_shows_no_person() -> None:
    """Otherwise, who trained as ann could approve as zoe."""
    world = World(identity("ann"))
    world.sagemaker.package["LastModifiedBy"] = {"IamIdentity": {"Arn": assumed("zoe", "Approver")}}
    assert world.hear() == "rejected"
    assert "does not show which person approved it" in world.told[0]
    world = World(assumed("zoe"))
    assert world.hear() == "rejected"
    assert "started in a session that shows no person" in world.told[0]
    world = World(assumed("zoe"))
    world.trail.source = "bob"
    assert world.hear() == "created"


def test_one_who_died_halfway_is_finished_by_the_next() -> None:
    world = World()
    world.sagemaker.models["genai-support-v3"] = {}
    assert world.hear() == "created"


@pytest.mark.parametrize(
    ("trained", "approved"),
    [
        (identity("ann", "Scientist"), identity("Ann", "Approver")),
        ("arn:aws:iam::111122223333:user/ann", identity("ann", "Approver")),
    ],
)
def test_whoever_trained_cannot_approve(trained: str, approved: str) -> None:
    world = World(trained)
    world.sagemaker.package["LastModifiedBy"] = {"IamIdentity": {"Arn": approved}}
    assert world.hear() == "rejected"
    assert world.sagemaker.endpoint is None
    assert world.sagemaker.package["ModelApprovalStatus"] == "Rejected"
    assert "ann both trained and approved it" in world.told[0]
    # The rejection is heard of too, and is nothing to do.
    assert world.hear() == "not approved"


def test_an_approval_that_nobody_can_attribute_is_taken_back() -> None:
    world = World()
    world.sagemaker.package["LastModifiedBy"] = {}
    assert world.hear() == "rejected"
    world = World()
    world.sagemaker.package["CustomerMetadataProperties"] = {}
    assert world.hear() == "rejected"
    assert "It names no run of the pipeline p" in world.told[0]


def test_cloudtrail_has_its_time() -> None:
    world = World()
    world.trail.who = None
    with pytest.raises(NotYetKnownError):
        world.hear()
    assert world.sagemaker.package["ModelApprovalStatus"] == "Approved"
    world.now += timedelta(hours=2)
    assert world.hear() == "rejected"


def test_what_is_not_ours_is_left_alone() -> None:
    world = World()
    world.sagemaker.package["ModelPackageGroupName"] = "other"
    assert world.hear() == "of another model group"
    assert world.told == []


def test_all_that_was_deployed_goes_with_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.hear()
    world.sagemaker.models["genai-support-vip"] = {}
    world.sagemaker.configs["genai-support-v2"] = {}
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(serving._Answer, "_send", lambda _self, answer: answers.append(answer))
    monkeypatch.setattr(handler.boto3, "client", lambda _service: world.sagemaker)
    request = {
        "RequestType": "Delete",
        "ResponseURL": "https://nowhere.example",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "Deployed",
        "PhysicalResourceId": "genai-support",
        "ResourceProperties": {"Endpoint": "genai-support"},
    }
    context = type("Context", (), {"get_remaining_time_in_millis": lambda _self: 60_000})()
    for _ in range(2):
        handler.handler(request, context)
    assert [each["Status"] for each in answers] == ["SUCCESS", "SUCCESS"]
    assert world.sagemaker.endpoint is None
    assert world.sagemaker.configs == {}
    # A model of another name is none of ours.
    assert set(world.sagemaker.models) == {"genai-support-vip"}


def test_a_person_is_a_source_identity_a_session_of_identity_center_or_a_user() -> None:
    assert person(identity("Ann@Example.com")) == person("arn:aws:iam::1:user/team/ann") == "ann"
    assert person(assumed("SageMaker"), "ann") == "ann"
    # Every notebook's session has one name, and any other is chosen by the caller.
    assert person(assumed("SageMaker")) is None
    assert person(assumed("ann")) is None
    assert person("arn:aws:sts::1:assumed-role/NotAWSReservedSSO_x/ann") is None


def test_people_in_notebooks_are_told_apart_by_source_identity() -> None:
    world = World(assumed("SageMaker"))
    world.sagemaker.package["LastModifiedBy"] = {
        "UserProfileName": "ann",
        "IamIdentity": {"Arn": assumed("SageMaker", "Approver")},
    }
    assert world.hear() == "rejected"
    world = World(assumed("SageMaker"))
    world.trail.source = "bob"
    world.sagemaker.package["LastModifiedBy"] = {
        "IamIdentity": {"Arn": assumed("SageMaker", "Approver"), "SourceIdentity": "ann"}
    }
    assert world.hear() == "created"
    world = World(assumed("SageMaker"))
    world.trail.source = "ann"
    world.sagemaker.package["LastModifiedBy"] = {
        "IamIdentity": {"Arn": identity("ann@example.com", "Approver")},
    }
    assert world.hear() == "rejected"

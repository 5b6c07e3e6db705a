"""The sweeper of idle endpoints: a clock of our own, SageMaker, CloudWatch and DynamoDB in memory, and two at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from aws_genai.functions.idle_endpoints import handler
from aws_genai.functions.idle_endpoints.environment import Hours, Rules
from aws_genai.functions.idle_endpoints.hosting import Hosting
from aws_genai.functions.idle_endpoints.records import Records
from aws_genai.functions.idle_endpoints.service import Sweeper

NAME = "genai-prod-llama"
OWN = {"project": "genai", "environment": "prod"}


class World:
    """An account with a clock, in which components and calls are ours to say."""

    def __init__(self) -> None:
        self.region = {"region_name": "us-east-1"}
        self.sagemaker: Any = boto3.client("sagemaker", **self.region)
        self.dynamodb = boto3.client("dynamodb", **self.region)
        self.scaling = boto3.client("application-autoscaling", **self.region)
        self.dynamodb.create_table(
            TableName="idle",
            KeySchema=[{"AttributeName": "endpoint", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "endpoint", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.sagemaker.create_model(
            ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r", PrimaryContainer={"Image": "i"}
        )
        self.sagemaker.create_endpoint_config(
            EndpointConfigName="c",
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "m",
                    "InstanceType": "ml.g4dn.xlarge",
                    "InitialInstanceCount": 1,
                }
            ],
        )
        self.now = datetime.now(UTC) + timedelta(hours=24)
        self.called: dict[str, list[datetime]] = {}
        self.components: dict[str, dict[str, int]] = {}
        self.told: list[str] = []
        self.texts: list[str] = []
        #: The pages in which CloudWatch answers with some results.
        self.pages: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda results: [
            {"MetricDataResults": results}
        ]

    def tell(self, subject: str, text: str) -> None:
        self.told.append(subject)
        self.texts.append(text)

    def endpoint(self, name: str = NAME, **tags: str) -> str:
        listed = [{"Key": key, "Value": value} for key, value in {**OWN, **tags}.items()]
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c", Tags=listed)
        resource = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{name}/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        self.scaling.register_scalable_target(**resource, MinCapacity=1, MaxCapacity=3)
        self.scaling.put_scaling_policy(
            **resource,
            PolicyName=f"{name}-invocations",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 60},
        )
        self.scaling.put_scheduled_action(
            **resource,
            ScheduledActionName="warm",
            Schedule="cron(0 8 ? * MON *)",
            Timezone="Europe/Berlin",
            ScalableTargetAction={"MinCapacity": 2},
        )
        return name

    def call(self, name: str = NAME, ago: timedelta = timedelta()) -> None:
        self.called.setdefault(name, []).append(self.now - ago)

    def names(self) -> list[str]:
        return [each["EndpointName"] for each in self.sagemaker.list_endpoints()["Endpoints"]]

    def hosting(self, sagemaker: Any = None) -> Hosting:
        return Hosting(sagemaker or Service(self), Metrics(self), self.scaling)

    def sweeper(self, *, hosting: Hosting | None = None, **rules: Any) -> Sweeper:
        whole = Rules(prefix="genai-prod-", owner=OWN, **{"idle_hours": 6, "notice_hours": 2, **rules})
        return Sweeper(
            whole,
            hosting or self.hosting(),
            Records(self.dynamodb, "idle"),
            self.tell,
            lambda: self.now,
            "sweeper",
        )

    def later(self, hours: float) -> None:
        self.now += timedelta(hours=hours)


class Service:
    """SageMaker of moto, with inference components, which it lacks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.sagemaker, name)

    def get_paginator(self, name: str) -> Any:
        if name != "list_inference_components":
            return self._world.sagemaker.get_paginator(name)

        def paginate(*, EndpointNameEquals: str) -> Iterator[dict[str, Any]]:
            found = self._world.components.get(EndpointNameEquals, {})
            yield {"InferenceComponents": [{"InferenceComponentName": each} for each in found]}

        return SimpleNamespace(paginate=paginate)

    def describe_inference_component(self, *, InferenceComponentName: str) -> dict[str, Any]:
        copies = next(
            found[InferenceComponentName]
            for found in self._world.components.values()
            if InferenceComponentName in found
        )
        return {"RuntimeConfig": {"DesiredCopyCount": copies}}

    def update_inference_component_runtime_config(
        self, *, InferenceComponentName: str, DesiredRuntimeConfig: dict[str, int]
    ) -> None:
        for found in self._world.components.values():
            if InferenceComponentName in found:
                found[InferenceComponentName] = DesiredRuntimeConfig["CopyCount"]


class Metrics:
    """CloudWatch, with the calls that the test made."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_paginator(self, name: str) -> Any:
        assert name == "get_metric_data"
        return SimpleNamespace(paginate=self._pages)

    def _pages(
        self, *, MetricDataQueries: list[Any], StartTime: datetime, EndTime: datetime
    ) -> Iterator[dict[str, Any]]:
        results = []
        for query in MetricDataQueries:
            values = {each["Value"] for each in query["MetricStat"]["Metric"]["Dimensions"]}
            times = [
                t
                for name, times in self._world.called.items()
                if name in values
                for t in times
                if StartTime <= t <= EndTime
            ]
            found = [float(len(times))] if times else []
            results.append({"Id": query["Id"], "Values": found, "StatusCode": "Complete"})
        yield from self._world.pages(results)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield World()


def test_people_are_told_first_and_then_it_is_deleted(world: World) -> None:
    world.endpoint()
    assert world.sweeper().sweep() == {NAME: "warned"}
    assert world.told == [f"Endpoint {NAME} is idle"]
    world.later(1)
    assert world.sweeper().sweep() == {NAME: "warned"}
    assert len(world.told) == 1, "told once"
    world.later(1.1)
    assert world.sweeper().sweep() == {NAME: "swept"}
    assert world.names() == []
    assert world.told[1] == f"Endpoint {NAME} was stopped"
    assert f"make wake NAME={NAME} ENV=prod, or with aws lambda invoke --function-name sweeper " in world.texts[1]
    assert f"--payload '{json.dumps({'wake': NAME})}'" in world.texts[1]
    assert world.sagemaker.describe_endpoint_config(EndpointConfigName="c"), "the configuration stays"
    assert world.sagemaker.describe_model(ModelName="m"), "and so does the model"


def test_one_command_brings_it_back_as_it_was(world: World) -> None:
    world.endpoint(keep="false")
    world.sweeper().sweep()
    world.later(3)
    world.sweeper().sweep()
    resource = f"endpoint/{NAME}/variant/AllTraffic"
    world.scaling.delete_scheduled_action(
        ServiceNamespace="sagemaker",
        ScheduledActionName="warm",
        ResourceId=resource,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )
    world.scaling.deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension="sagemaker:variant:DesiredInstanceCount"
    )
    assert world.sweeper().wake(NAME) == "waking"
    assert world.names() == [NAME]
    found = world.hosting().endpoint(NAME)
    assert found is not None
    assert found.config == "c"
    assert dict(found.tags) == {**OWN, "keep": "false"}
    # Its scaling comes back once it is in service, at the next sweep.
    assert world.sweeper().sweep() == {NAME: "awake"}
    (target,) = world.scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    (policy,) = world.scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)[
        "ScalingPolicies"
    ]
    assert policy["PolicyName"] == f"{NAME}-invocations"
    (action,) = world.scaling.describe_scheduled_actions(ServiceNamespace="sagemaker", ResourceId=resource)[
        "ScheduledActions"
    ]
    assert (action["Schedule"], action["Timezone"]) == ("cron(0 8 ? * MON *)", "Europe/Berlin")
    assert action["ScalableTargetAction"]["MinCapacity"] == 2
    assert world.sweeper().wake(NAME) == "not swept"


def test_components_are_emptied_and_the_endpoint_stays(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {"llama": 2, "mistral": 1}
    world.sweeper().sweep()
    world.later(3)
    assert world.sweeper().sweep() == {NAME: "swept"}
    assert world.names() == [NAME]
    assert world.components[NAME] == {"llama": 0, "mistral": 0}
    world.later(5)
    assert world.sweeper().sweep() == {NAME: "scaled to zero"}
    assert len(world.told) == 2
    assert world.sweeper().wake(NAME) == "waking"
    assert world.components[NAME] == {"llama": 2, "mistral": 1}


def test_components_that_went_by_themselves_are_asleep_and_nobody_is_told(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {"llama": 0}
    assert world.sweeper().sweep() == {NAME: "scaled to zero"}
    world.later(9)
    assert world.sweeper().sweep() == {NAME: "scaled to zero"}
    assert world.told == []


def test_components_that_went_after_the_warning_are_left_to_themselves(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {"llama": 1}
    assert world.sweeper().sweep() == {NAME: "warned"}
    world.components[NAME] = {"llama": 0}
    world.later(3)
    assert world.sweeper().sweep() == {NAME: "scaled to zero"}
    world.components[NAME] = {"llama": 1}
    assert world.sweeper().sweep() == {NAME: "warned"}, "the notice begins anew"


def test_one_that_died_after_it_emptied_components_loses_no_count(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {"llama": 2}
    world.sweeper().sweep()
    world.later(3)

    class Dying(Service):
        def update_inference_component_runtime_config(
            self, *, InferenceComponentName: str, DesiredRuntimeConfig: dict[str, int]
        ) -> None:
            super().update_inference_component_runtime_config(
                InferenceComponentName=InferenceComponentName, DesiredRuntimeConfig=DesiredRuntimeConfig
            )
            raise SystemExit

    with pytest.raises(SystemExit):
        world.sweeper(hosting=world.hosting(Dying(world))).sweep()
    assert world.components[NAME] == {"llama": 0}
    world.later(1.1)
    world.sweeper().sweep()
    world.sweeper().wake(NAME)
    assert world.components[NAME] == {"llama": 2}


def test_a_failure_halfway_loses_no_count(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {"llama": 2, "mistral": 1}
    world.sweeper().sweep()
    world.later(3)

    class Failing(Service):
        def update_inference_component_runtime_config(
            self, *, InferenceComponentName: str, DesiredRuntimeConfig: dict[str, int]
        ) -> None:
            if InferenceComponentName == "mistral":
                raise RuntimeError("try later")
            super().update_inference_component_runtime_config(
                InferenceComponentName=InferenceComponentName, DesiredRuntimeConfig=DesiredRuntimeConfig
            )

    assert world.sweeper(hosting=world.hosting(Failing(world))).sweep() == {NAME: "failed"}
    assert world.components[NAME] == {"llama": 0, "mistral": 1}
    assert world.sweeper().sweep() == {NAME: "swept"}
    assert world.sweeper().wake(NAME) == "waking"
    assert world.components[NAME] == {"llama": 2, "mistral": 1}


def test_a_component_that_was_called_keeps_its_endpoint(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {"llama": 1}
    world.call("llama", ago=timedelta(hours=1))
    assert world.sweeper().sweep() == {NAME: "busy"}


def test_a_call_after_the_warning_saves_it(world: World) -> None:
    world.endpoint()
    world.sweeper().sweep()
    world.later(1)
    world.call()
    world.later(2)
    assert world.sweeper().sweep() == {NAME: "busy"}
    world.later(6)
    assert world.sweeper().sweep() == {NAME: "warned"}
    assert len(world.told) == 2, "and it is told anew when it is idle again"


def _with(**changed: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda results: [{"MetricDataResults": [{**each, **changed} for each in results]}]


@pytest.mark.parametrize(
    "pages",
    [
        _with(StatusCode="InternalError"),
        _with(StatusCode="PartialData"),
        _with(StatusCode="Forbidden", Messages=[{"Code": "Forbidden", "Value": "no permission"}]),
        _with(StatusCode=None),
        lambda _results: [{"MetricDataResults": []}],
        lambda results: [{"MetricDataResults": results, "Messages": [{"Code": "MaximumMetrics", "Value": "too many"}]}],
        lambda results: [
            {"MetricDataResults": results},
            {"MetricDataResults": [{**each, "StatusCode": "InternalError"} for each in results]},
        ],
    ],
)
def test_an_endpoint_of_which_cloudwatch_does_not_return_everything_is_never_deleted(
    world: World, caplog: pytest.LogCaptureFixture, pages: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    world.endpoint()
    world.sweeper().sweep()
    world.later(3)
    complete, world.pages = world.pages, pages
    assert world.sweeper().sweep() == {NAME: "failed"}
    assert world.names() == [NAME]
    assert "CloudWatch did not return all invocations of genai-prod-llama" in caplog.text
    world.pages = complete
    assert world.sweeper().sweep() == {NAME: "swept"}, "the next sweep tries again"


def test_an_answer_that_is_incomplete_only_before_it_deletes_keeps_the_endpoint(world: World) -> None:
    world.endpoint()
    world.sweeper().sweep()
    world.later(3)
    hosting, complete = world.hosting(), world.pages
    saved = hosting.save

    def save(endpoint: Any) -> dict[str, Any]:
        world.pages = _with(StatusCode="InternalError")
        return saved(endpoint)

    hosting.save = save  # type: ignore[method-assign]
    assert world.sweeper(hosting=hosting).sweep() == {NAME: "failed"}
    assert world.names() == [NAME]
    world.pages = complete
    assert world.sweeper().sweep() == {NAME: "swept"}


def test_calls_of_a_later_page_count(world: World) -> None:
    world.endpoint()
    world.pages = lambda results: [
        {"MetricDataResults": [{**each, "StatusCode": "PartialData"} for each in results]},
        {"MetricDataResults": [{**each, "Values": [1.0]} for each in results]},
    ]
    assert world.sweeper().sweep() == {NAME: "busy"}
    world.pages = lambda results: [
        {"MetricDataResults": [{**each, "StatusCode": "PartialData"} for each in results]},
        {"MetricDataResults": results},
    ]
    assert world.sweeper().sweep() == {NAME: "warned"}, "complete in the end, and without a call"


def test_an_endpoint_that_was_called_is_busy_whatever_is_missing(world: World) -> None:
    world.endpoint()
    world.call(ago=timedelta(hours=1))
    world.pages = _with(StatusCode="PartialData")
    assert world.sweeper().sweep() == {NAME: "busy"}


def test_no_request_has_more_queries_than_cloudwatch_takes(world: World) -> None:
    world.endpoint()
    world.components[NAME] = {f"model-{number}": 1 for number in range(1200)}
    sizes: list[int] = []
    whole = world.pages
    world.pages = lambda results: (sizes.append(len(results)), whole(results))[1]
    world.call("model-1199", ago=timedelta(hours=1))
    assert world.sweeper().sweep() == {NAME: "busy"}
    assert sizes == [500, 500, 201]


def test_every_scheduled_action_comes_back(world: World) -> None:
    world.endpoint()
    resource = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{NAME}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    for number in range(60):
        world.scaling.put_scheduled_action(
            **resource,
            ScheduledActionName=f"action-{number}",
            Schedule=f"cron({number} 8 ? * MON *)",
            ScalableTargetAction={"MinCapacity": 2},
        )
    found = world.hosting().endpoint(NAME)
    assert found is not None
    (scaling,) = world.hosting().save(found)["scaling"]
    assert len(scaling["scheduled"]) == 61


def test_a_sweep_that_failed_is_an_error_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("TABLE", "idle")
    monkeypatch.setenv("TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:alarms")
    handler.environment.cache_clear()
    monkeypatch.setenv("RULES", json.dumps({"prefix": "p", "owner": OWN, "idle_hours": 6, "notice_hours": 2}))
    done = {"one": "swept", "two": "failed"}
    monkeypatch.setattr(Sweeper, "sweep", lambda _self: done)
    context = SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=128,
        invoked_function_arn="arn:aws:lambda:x:1:function:f",
        aws_request_id="1",
    )
    with pytest.raises(handler.SweepError, match="two could not be examined"):
        handler.handler({}, context)
    done["two"] = "busy"
    assert handler.handler({}, context) == done


def test_a_young_endpoint_has_its_time(world: World) -> None:
    world.now = datetime.now(UTC) + timedelta(hours=5)
    world.endpoint()
    assert world.sweeper().sweep() == {NAME: "busy"}


@pytest.mark.parametrize(
    ("name", "tags", "said"),
    [
        (NAME, {"keep": "true"}, {NAME: "kept"}),
        (NAME, {"keep": ""}, {NAME: "kept"}),
        (NAME, {"project": "other"}, {NAME: "of another environment"}),
        (NAME, {"environment": "dev"}, {NAME: "of another environment"}),
        ("somebody-genai-prod-x", {}, {}),
    ],
)
def test_what_is_kept_or_not_ours_is_never_touched(
    world: World, name: str, tags: dict[str, str], said: dict[str, str]
) -> None:
    world.endpoint(name, **tags)
    for _ in range(4):
        assert world.sweeper().sweep() == said
        world.later(12)
    assert world.names() == [name]
    assert world.told == []


def test_a_dry_run_does_nothing(world: World) -> None:
    world.endpoint()
    for _ in range(3):
        assert world.sweeper(dry_run=True).sweep() == {NAME: "would be swept"}
        world.later(12)
    assert world.names() == [NAME]
    assert world.told == []


def test_working_hours_are_waited_for(world: World) -> None:
    hours = Hours(("MON", "TUE", "WED", "THU", "FRI"), 8, 18, "Europe/Berlin")
    assert hours.hold(datetime(2027, 1, 4, 7, 30, tzinfo=UTC)), "half past eight in Berlin on a Monday"
    assert not hours.hold(datetime(2027, 1, 4, 17, 0, tzinfo=UTC)), "six in the evening there"
    assert not hours.hold(datetime(2027, 1, 3, 10, 0, tzinfo=UTC)), "a Sunday"
    assert hours.hold(datetime(2027, 7, 5, 6, 30, tzinfo=UTC)), "summer time"
    world.endpoint()
    start = datetime(2027, 1, 4, 6, 0, tzinfo=UTC)
    world.now = start
    world.sweeper(working_hours=hours).sweep()
    world.now = start + timedelta(hours=4)
    assert world.sweeper(working_hours=hours).sweep() == {NAME: "waits for the end of working hours"}
    world.now = start + timedelta(hours=12)
    assert world.sweeper(working_hours=hours).sweep() == {NAME: "swept"}


def test_two_sweepers_at_once_act_once(world: World) -> None:
    for number in range(4):
        world.endpoint(f"{NAME}-{number}")
    world.sweeper().sweep()
    world.later(3)
    world.told.clear()
    barrier, done = threading.Barrier(4), []
    deleted: list[str] = []

    class Counting(Service):
        def delete_endpoint(self, *, EndpointName: str) -> None:
            deleted.append(EndpointName)
            world.sagemaker.delete_endpoint(EndpointName=EndpointName)

    def run() -> None:
        sweeper = world.sweeper(hosting=world.hosting(Counting(world)))
        barrier.wait(10)
        done.append(sweeper.sweep())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 4
    assert sorted(deleted) == sorted(f"{NAME}-{number}" for number in range(4)), "each once"
    assert sorted(world.told) == sorted(f"Endpoint {NAME}-{number} was stopped" for number in range(4))


def test_a_failure_is_tried_again(world: World) -> None:
    world.endpoint()
    other = world.endpoint("genai-prod-other")
    world.sweeper().sweep()
    world.later(3)
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "DeleteEndpoint")

    class Failing(Service):
        def delete_endpoint(self, *, EndpointName: str) -> None:
            if EndpointName == NAME:
                raise throttled
            world.sagemaker.delete_endpoint(EndpointName=EndpointName)

    done = world.sweeper(hosting=world.hosting(Failing(world))).sweep()
    assert done == {NAME: "failed", other: "swept"}, "one that fails does not keep the others"
    assert world.sweeper().sweep() == {NAME: "swept"}


def test_a_sweeper_that_died_leaves_what_brings_the_endpoint_back(world: World) -> None:
    world.endpoint()
    world.sweeper().sweep()
    world.later(3)

    class Dying(Service):
        def delete_endpoint(self, *, EndpointName: str) -> None:
            world.sagemaker.delete_endpoint(EndpointName=EndpointName)
            raise SystemExit

    with pytest.raises(SystemExit):
        world.sweeper(hosting=world.hosting(Dying(world))).sweep()
    assert world.names() == []
    assert world.sweeper().wake(NAME) == "waking"
    assert world.names() == [NAME]


def test_one_that_died_before_it_deleted_is_taken_over(world: World) -> None:
    world.endpoint()
    world.sweeper().sweep()
    world.later(3)

    class Dying(Service):
        def delete_endpoint(self, *, EndpointName: str) -> None:
            raise SystemExit

    with pytest.raises(SystemExit):
        world.sweeper(hosting=world.hosting(Dying(world))).sweep()
    assert world.sweeper().sweep() == {NAME: "another sweeper stops it"}
    assert world.sweeper().wake(NAME) == "not swept", "it still serves"
    world.later(1.1)
    assert world.sweeper().sweep() == {NAME: "swept"}


def test_a_call_in_the_last_moment_saves_it(world: World) -> None:
    world.endpoint()
    world.sweeper().sweep()
    world.later(3)
    hosting = world.hosting()
    saved = hosting.save
    hosting.save = lambda endpoint: (world.call(), saved(endpoint))[1]  # type: ignore[method-assign]
    assert world.sweeper(hosting=hosting).sweep() == {NAME: "busy"}
    assert world.names() == [NAME]


def test_an_asynchronous_endpoint_goes_by_itself(world: World) -> None:
    world.endpoint()
    world.later(30)

    class Queued(Service):
        def describe_endpoint(self, *, EndpointName: str) -> dict[str, Any]:
            found: dict[str, Any] = world.sagemaker.describe_endpoint(EndpointName=EndpointName)
            return {**found, "AsyncInferenceConfig": {"OutputConfig": {}}}

    assert world.sweeper(hosting=world.hosting(Queued(world))).sweep() == {NAME: "scales to zero by itself"}
    assert world.told == []

"""Destroying an environment: what AWS locks, holds, protects and leaves, beyond what the local account shows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from rich.console import Console

from operations import destroy
from operations.destroying import buckets, stacks
from operations.destroying.after import After
from operations.destroying.before import Before
from operations.destroying.stacks import Deployed, Environment, Failed
from operations.destroying.staying import DestroyError, Stays, Told, absent, usd_of
from settings import load


def error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "Operation")


class Service:
    """A service that answers as it is told, and notes what it was asked; lists come in pages of one."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.asked.append((operation, request))
            answer = self.answers.get(operation, {})
            if callable(answer):
                answer = answer(**request)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> Service.Pages:
        return Service.Pages(self, operation)

    class Pages:
        def __init__(self, service: Service, operation: str) -> None:
            self.service, self.operation = service, operation

        def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
            ((listed, members),) = getattr(self.service, self.operation)(**request).items()
            for member in members:
                yield {listed: [member]}

    def named(self, *beginnings: str) -> list[tuple[str, dict[str, Any]]]:
        return [each for each in self.asked if each[0].startswith(beginnings)]


def stack(*resources: Deployed, layer: str = "models", protected: bool = False) -> Environment:
    return Environment(f"genai-dev-{layer}", f"arn:{layer}", "CREATE_COMPLETE", protected, resources)


def one(kind: str, physical: str, **properties: Any) -> Deployed:
    return Deployed(physical.title(), kind, physical, properties)


def prepared(service: str, client: Service, *resources: Deployed, **others: Service) -> Told:
    told, known = Told(), {service: client, **others}
    Before(known.__getitem__, told, pause=1, sleep=lambda _seconds: None).prepare(stack(*resources))
    return told


# Buckets.


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="data", ObjectLockEnabledForBucket=True)

        def retention(**which: str) -> dict[str, Any]:
            # moto tells a retention in the head of an object only.
            return {"Retention": {"RetainUntilDate": client.head_object(**which).get("ObjectLockRetainUntilDate")}}

        monkeypatch.setattr(client, "get_object_retention", retention)
        yield client


def test_versions_markers_and_unfinished_uploads_go(s3: Any) -> None:
    for number in range(1_001):
        s3.put_object(Bucket="data", Key=f"{number}", Body=b"x")
    s3.put_object(Bucket="data", Key="1", Body=b"again")
    s3.delete_object(Bucket="data", Key="2")
    s3.create_multipart_upload(Bucket="data", Key="unfinished")
    assert buckets.empty(s3, "data") is None
    s3.delete_bucket(Bucket="data")
    # A later run meets no bucket.
    assert buckets.empty(s3, "data") is None
    assert buckets.close(s3, "data") is None


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_what_is_locked_stays_and_is_told_with_its_date_and_price(s3: Any, mode: str) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    lock = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
    s3.put_object(Bucket="data", Key="locked", Body=b"x" * 1024, **lock)
    s3.put_object(Bucket="data", Key="free", Body=b"x")
    rest = buckets.empty(s3, "data")
    assert rest is not None
    assert (rest.versions, rest.bytes, rest.held) == (1, 1024, False)
    told = rest.stays("data")
    assert told.what == "bucket data: 1 versions, 0.000 GiB"
    assert told.why == f"Object Lock, until {until:%Y-%m-%d %H:%M} UTC"
    assert told.usd_per_month == pytest.approx(1024 / 1024**3 * 0.023)
    assert [each["Key"] for each in s3.list_object_versions(Bucket="data")["Versions"]] == ["locked"]


def test_a_legal_hold_stays_until_somebody_lifts_it(s3: Any) -> None:
    s3.put_object(Bucket="data", Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")
    rest = buckets.empty(s3, "data")
    assert rest is not None
    assert rest.held
    assert rest.stays("data").why == "a legal hold, until somebody lifts it"


def test_no_lock_is_ever_bypassed(s3: Any) -> None:
    client = Service(
        list_object_versions={"Versions": [{"Key": "k", "VersionId": "1", "LastModified": 0}]},
        list_multipart_uploads={"Uploads": []},
        delete_objects={"Errors": [{"Key": "k", "VersionId": "1", "Code": "AccessDenied", "Message": "locked"}]},
        get_object_retention=error("AccessDenied"),
        get_object_legal_hold=error("AccessDenied"),
    )
    rest = buckets.empty(client, "data")
    assert rest is not None
    assert rest.stays("data").why == "AccessDenied: locked"
    assert len(client.named("delete_objects")) == 1
    assert "Bypass" not in str(client.asked)


def test_what_s3_could_not_delete_just_now_is_tried_again() -> None:
    answers = [{"Errors": [{"Key": "k", "VersionId": "1", "Code": "InternalError"}]}, {}]
    listed = iter([[{"Key": "k", "VersionId": "1"}], []])
    client = Service(
        list_object_versions=lambda **_request: {"Versions": next(listed)},
        list_multipart_uploads={"Uploads": []},
        delete_objects=lambda **_request: answers.pop(0),
    )
    assert buckets.empty(client, "data") is None
    assert answers == []


def test_keys_that_xml_cannot_hold_are_deleted_one_by_one() -> None:
    listed = iter([[{"Key": "\x01", "VersionId": "1"}], []])
    client = Service(
        list_object_versions=lambda **_request: {"Versions": next(listed)},
        list_multipart_uploads={"Uploads": []},
        delete_objects=error("MalformedXML"),
    )
    assert buckets.empty(client, "data") is None
    assert client.named("delete_object")[-1] == ("delete_object", {"Bucket": "data", "Key": "\x01", "VersionId": "1"})


def test_a_closed_bucket_takes_nothing_and_lets_files_go_but_keeps_its_locks(s3: Any) -> None:
    def deny(sid: str, *actions: str) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(actions),
            "Resource": "arn:aws:s3:::data/*",
        }

    statements = [
        {**deny("Reads", "s3:GetObject"), "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        deny("PublisherOnly", "s3:PutObject", "s3:DeleteObjectVersion"),
        deny("NobodyUnlocks", "s3:BypassGovernanceRetention"),
    ]
    s3.put_bucket_policy(Bucket="data", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    assert not buckets.is_closed(s3, "data")
    for _ in range(2):
        buckets.close(s3, "data")
    assert buckets.is_closed(s3, "data")
    policy = json.loads(s3.get_bucket_policy(Bucket="data")["Policy"])["Statement"]
    assert [each["Sid"] for each in policy] == ["NobodyUnlocks", buckets.CLOSED]
    assert {"s3:PutObject", "s3:ReplicateObject"} <= set(policy[1]["Action"])


def test_access_log_buckets_are_emptied_after_those_that_write_to_them() -> None:
    receiver = one("AWS::S3::Bucket", "logs")
    source = one("AWS::S3::Bucket", "data", LoggingConfiguration={"DestinationBucketName": {"Ref": "Logs"}})
    destruction = destroy.Destruction.__new__(destroy.Destruction)
    assert destruction._buckets(stack(receiver, source)) == ["data", "logs"]


# What holds a stack.


def test_a_studio_goes_from_the_inside_out_with_its_files() -> None:
    gone: set[str] = set()

    def living(listed: str, kind: str, **member: str) -> Any:
        return lambda **_request: {listed: [] if kind in gone else [{"Status": "InService", **member}]}

    def remember(kind: str) -> Any:
        return lambda **_request: gone.add(kind) or {}

    client = Service(
        describe_domain=lambda **_request: error("ResourceNotFound") if "domain" in gone else {},
        list_apps=living("Apps", "app", AppName="default", AppType="JupyterLab", SpaceName="mine"),
        list_spaces=living("Spaces", "space", SpaceName="mine"),
        list_user_profiles=living("UserProfiles", "profile", UserProfileName="ann"),
        delete_app=remember("app"),
        delete_space=remember("space"),
        delete_user_profile=remember("profile"),
        delete_domain=remember("domain"),
    )
    told = prepared("sagemaker", client, one("AWS::SageMaker::Domain", "d-1"))
    assert told == Told()
    assert [name for name, _ in client.named("delete_")] == [
        "delete_app", "delete_space", "delete_user_profile", "delete_domain",
    ]  # fmt: skip
    assert client.named("delete_app")[0][1]["SpaceName"] == "mine"
    assert client.named("delete_domain")[0][1]["RetentionPolicy"] == {"HomeEfsFileSystem": "Delete"}


def test_a_studio_that_is_gone_already_is_no_trouble() -> None:
    client = Service(describe_domain=error("ResourceNotFound"))
    assert prepared("sagemaker", client, one("AWS::SageMaker::Domain", "d-1")) == Told()
    assert not client.named("delete_")


def test_what_runs_is_stopped() -> None:
    batch = Service(
        list_jobs=lambda jobStatus, **_r: {"jobSummaryList": [{"jobId": jobStatus}] * (jobStatus == "RUNNING")}
    )
    prepared("batch", batch, one("AWS::Batch::JobQueue", "queue"))
    assert [request["jobId"] for _, request in batch.named("terminate_job")] == ["RUNNING"]

    steps = Service(list_executions={"executions": [{"executionArn": "run"}]})
    roles = {"mine": "arn:aws:iam::1:role/genai-dev-models-Role", "other": "arn:aws:iam::1:role/somebody"}
    bedrock = Service(
        list_model_invocation_jobs=lambda statusEquals: {
            "invocationJobSummaries": [{"jobArn": each} for each in roles] * (statusEquals == "InProgress")
        },
        list_model_customization_jobs={"modelCustomizationJobSummaries": []},
        list_evaluation_jobs={"jobSummaries": [{"jobArn": "mine"}]},
        get_model_invocation_job=lambda jobIdentifier: {"roleArn": roles[jobIdentifier]},
        get_evaluation_job=lambda jobIdentifier: {"roleArn": roles[jobIdentifier]},
    )
    role = one("AWS::IAM::Role", "genai-dev-models-Role")
    prepared("stepfunctions", steps, one("AWS::StepFunctions::StateMachine", "machine"), role, bedrock=bedrock)
    assert len(steps.named("stop_execution")) == 1
    stopped = bedrock.named("stop_")
    assert [(name, request["jobIdentifier"]) for name, request in stopped] == [
        ("stop_model_invocation_job", "mine"),
        ("stop_evaluation_job", "mine"),
    ]

    pipeline = Service(
        list_pipeline_executions={
            "PipelineExecutionSummaries": [
                {"PipelineExecutionArn": "one", "PipelineExecutionStatus": "Executing"},
                {"PipelineExecutionArn": "two", "PipelineExecutionStatus": "Succeeded"},
            ]
        }
    )
    prepared("sagemaker", pipeline, one("AWS::SageMaker::Pipeline", "tuning"))
    assert [request["PipelineExecutionArn"] for _, request in pipeline.named("stop_")] == ["one"]


def test_a_hub_is_emptied_of_what_people_put_into_it() -> None:
    client = Service(
        list_hub_contents=lambda HubContentType, **_request: {
            "HubContentSummaries": [{"HubContentName": "mine"}] * (HubContentType in ("Model", "ModelReference"))
        },
        list_hub_content_versions={"HubContentSummaries": [{"HubContentVersion": "1"}, {"HubContentVersion": "2"}]},
    )
    prepared("sagemaker", client, one("AWS::SageMaker::Hub", "hub"))
    assert len(client.named("delete_hub_content_reference")) == 1
    assert [request.get("HubContentVersion") for _, request in client.named("delete_hub_content")] == [None, "1", "2"]


def test_ingestion_is_stopped_before_its_data_source_goes() -> None:
    states = iter([["IN_PROGRESS"], ["IN_PROGRESS"], []])
    client = Service(
        list_data_sources={"dataSourceSummaries": [{"dataSourceId": "source"}]},
        list_ingestion_jobs=lambda **_request: {
            "ingestionJobSummaries": [{"ingestionJobId": "job", "status": each} for each in next(states)]
        },
    )
    prepared("bedrock-agent", client, one("AWS::Bedrock::KnowledgeBase", "base"))
    assert [request["ingestionJobId"] for _, request in client.named("stop_")] == ["job"]


def test_a_service_that_refuses_is_told_and_cloudformation_decides() -> None:
    client = Service(list_model_packages=error("AccessDeniedException", "no leave"))
    told = prepared("sagemaker", client, one("AWS::SageMaker::ModelPackageGroup", "group"))
    (note,) = told.notes
    assert note.startswith("group (AWS::SageMaker::ModelPackageGroup) could not be prepared")
    assert "no leave" in note


@pytest.mark.parametrize(
    ("service", "kind", "operation", "answer"),
    [
        ("cognito-idp", "AWS::Cognito::UserPool", "describe_user_pool", {"UserPool": {"DeletionProtection": "ACTIVE"}}),
        ("dynamodb", "AWS::DynamoDB::Table", "describe_table", {"Table": {"DeletionProtectionEnabled": True}}),
        ("rds", "AWS::RDS::DBCluster", "describe_db_clusters", {"DBClusters": [{"DeletionProtection": True}]}),
    ],
)
def test_what_somebody_protected_is_refused_before_anything_is_touched(
    service: str, kind: str, operation: str, answer: Any
) -> None:
    before = Before({service: Service(**{operation: answer})}.__getitem__, Told())
    with pytest.raises(DestroyError, match=r"Take its deletion protection off first\. Nothing was touched"):
        before.check([stack(one(kind, "thing"))])
    Before({service: Service(**{operation: error("ResourceNotFoundException")})}.__getitem__, Told()).check(
        [stack(one(kind, "thing"))]
    )


# What stacks leave.


def cleared(*resources: Deployed, **services: Service) -> tuple[Told, After]:
    told = Told()
    known = {name.replace("_", "-"): service for name, service in services.items()}
    tags = {"project": "genai", "environment": "dev"}
    return told, After(known.__getitem__, told, tags, pause=1, sleep=lambda _seconds: None)


def test_network_interfaces_of_functions_are_waited_for_and_a_studios_groups_go() -> None:
    endpoint = {"NetworkInterfaceId": "eni-e", "InterfaceType": "vpc_endpoint", "Status": "in-use"}
    function = {"NetworkInterfaceId": "eni-f", "InterfaceType": "lambda", "Status": "in-use"}
    rounds = iter([[endpoint, function], [endpoint, {**function, "Status": "available"}], [endpoint]])
    rule = [{"IpProtocol": "tcp"}]
    ec2 = Service(
        describe_network_interfaces=lambda **_request: {"NetworkInterfaces": next(rounds)},
        describe_security_groups={
            "SecurityGroups": [
                {"GroupId": "in", "GroupName": "security-group-for-inbound-nfs-d-1", "IpPermissions": rule},
                {"GroupId": "out", "GroupName": "security-group-for-outbound-nfs-d-1", "IpPermissionsEgress": rule},
                {"GroupId": "mine", "GroupName": "mine"},
            ]
        },
    )
    told, after = cleared(ec2=ec2)
    after.wait_for_interfaces(stack(one("AWS::EC2::VPC", "vpc-1"), layer="foundation"))
    assert told == Told()
    assert [request["NetworkInterfaceId"] for _, request in ec2.named("delete_network")] == ["eni-f"]
    assert [request["GroupId"] for _, request in ec2.named("delete_security")] == ["in", "out"]
    assert [name for name, _ in ec2.named("revoke_")] == [
        "revoke_security_group_ingress",
        "revoke_security_group_egress",
    ]


def test_log_groups_that_services_made_go_and_no_others() -> None:
    logs = Service(
        describe_log_groups=lambda logGroupNamePrefix: {
            "logGroups": [{"logGroupName": f"{logGroupNamePrefix}{end}"} for end in ("", "-2", "v1")]
        }
    )
    _, after = cleared(logs=logs)
    after._log_groups(
        stack(
            one("AWS::SageMaker::Endpoint", "arn:aws:sagemaker:r:1:endpoint/llama"),
            one("AWS::ApiGateway::RestApi", "a1"),
        )
    )
    assert [request["logGroupName"] for _, request in logs.named("delete_")] == [
        "/aws/sagemaker/Endpoints/llama",
        "API-Gateway-Execution-Logs_a1/",
        "API-Gateway-Execution-Logs_a1/-2",
        "API-Gateway-Execution-Logs_a1/v1",
    ]


@pytest.mark.parametrize("others", [False, True])
def test_the_log_role_of_the_account_goes_with_the_last_api(others: bool) -> None:
    gateway = Service(
        get_account={"cloudwatchRoleArn": "arn:aws:iam::1:role/ours"}, get_rest_apis={"items": ["api"] * others}
    )
    iam = Service(list_attached_role_policies={"AttachedPolicies": [{"PolicyArn": "push"}]})
    told, after = cleared(apigateway=gateway, apigatewayv2=Service(get_apis={"Items": []}), iam=iam)
    kept = Deployed("Role", "AWS::IAM::Role", "ours", {}, kept=True)
    after._log_role(stack(kept, one("AWS::ApiGateway::Account", "account"), layer="application"))
    assert bool(iam.named("delete_role")) is not others
    assert bool(gateway.named("update_account")) is not others
    assert bool(told.notes) is others


def test_models_that_jobs_made_go_and_copies_that_people_made_are_told() -> None:
    tags = {"mine": "dev", "other": "prod"}
    bedrock = Service(
        list_custom_models={"modelSummaries": [{"modelArn": each} for each in tags]},
        list_tags_for_resource=lambda resourceARN: {
            "tags": [{"key": "project", "value": "genai"}, {"key": "environment", "value": tags[resourceARN]}]
        },
    )
    rds = Service(describe_db_cluster_snapshots={"DBClusterSnapshots": [{"DBClusterSnapshotIdentifier": "by-hand"}]})
    told, after = cleared(bedrock=bedrock, rds=rds)
    after._models(stack(one("AWS::StepFunctions::StateMachine", "machine")))
    after._backups(stack(one("AWS::RDS::DBCluster", "cluster")))
    assert bedrock.named("delete_") == [("delete_custom_model", {"modelIdentifier": "mine"})]
    assert told.stays == [Stays("snapshot by-hand", "somebody made it; aws rds delete-db-cluster-snapshot deletes it")]


# Stacks.


def test_another_environments_stack_of_the_same_name_is_left_alone() -> None:
    tags = [{"Key": "project", "Value": "genai-dev"}, {"Key": "environment", "Value": "models"}]
    client = Service(
        describe_stacks={"Stacks": [{"StackName": "x", "StackId": "x", "StackStatus": "CREATE_COMPLETE"}]},
        get_template={"TemplateBody": {"Resources": {"Key": {"Type": "AWS::KMS::Key", "Properties": {"Tags": tags}}}}},
        list_stack_resources={
            "StackResourceSummaries": [
                {"LogicalResourceId": "Key", "ResourceType": "AWS::KMS::Key", "ResourceStatus": "CREATE_COMPLETE"}
            ]
        },
    )
    with pytest.raises(DestroyError, match="belongs to project genai-dev, environment models, not to dev of genai"):
        stacks.find(client, load("dev"))
    client.answers["describe_stacks"]["Stacks"][0]["StackStatus"] = "UPDATE_IN_PROGRESS"
    with pytest.raises(DestroyError, match="is being changed"):
        stacks.find(client, load("dev"))


def failing(failures: list[list[str]]) -> Service:
    """CloudFormation, whose deletions fail on these buckets, one list after the other."""
    state = {"round": -1}

    def delete_stack(**_request: Any) -> dict[str, Any]:
        state["round"] += 1
        return {}

    def events(**_request: Any) -> dict[str, Any]:
        event = {
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatus": "DELETE_FAILED",
            "ResourceStatusReason": "not empty",
        }
        found = [{**event, "LogicalResourceId": n, "PhysicalResourceId": n.lower()} for n in failures[state["round"]]]
        start = {"LogicalResourceId": "s", "PhysicalResourceId": "arn:models", "ResourceStatus": "DELETE_IN_PROGRESS"}
        return {
            "StackEvents": [*found, start, {**event, "LogicalResourceId": "Earlier", "PhysicalResourceId": "earlier"}]
        }

    def describe(**_request: Any) -> dict[str, Any]:
        ended = state["round"] >= len(failures) or not failures[state["round"]]
        return {"Stacks": [{"StackStatus": "DELETE_COMPLETE" if ended else "DELETE_FAILED"}]}

    return Service(delete_stack=delete_stack, describe_stack_events=events, describe_stacks=describe)


def test_a_bucket_that_was_written_to_meanwhile_is_emptied_again() -> None:
    client, mended = failing([["Logs"], []]), list[Failed]()
    left = stacks.delete(client, stack(), keep=lambda _f: False, mend=mended.append, pause=0)
    assert left == []
    assert [each.physical_id for each in mended] == ["logs"]
    assert "RetainResources" not in str(client.asked)


def test_what_is_locked_is_left_out_once_it_has_failed() -> None:
    client = failing([["Locked"], []])
    assert stacks.delete(client, stack(), keep=lambda _f: True, mend=lambda _f: None, pause=0) == []
    assert [request.get("RetainResources") for _, request in client.named("delete_stack")] == [None, ["Locked"]]


def test_what_never_goes_is_told_in_the_end() -> None:
    client = failing([["Stuck"]] * 10)
    (failed,) = stacks.delete(client, stack(), keep=lambda _f: False, mend=lambda _f: None, pause=0)
    assert failed == Failed("Stuck", "AWS::S3::Bucket", "stuck", "not empty")
    assert len(client.named("delete_stack")) == 4


def test_a_deletion_that_takes_too_long_says_so() -> None:
    client = Service(describe_stacks={"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]})
    with pytest.raises(DestroyError, match="goes on where it stopped"):
        stacks.delete(
            client, stack(), keep=lambda _f: False, mend=lambda _f: None, pause=600, sleep=lambda _seconds: None
        )


# What is told.


def test_prices_are_known_or_said_to_be_unknown() -> None:
    assert usd_of("AWS::KMS::Key", {}) == 1.0
    assert usd_of("AWS::IAM::Role", {}) == 0.0
    assert usd_of("AWS::RDS::DBCluster", {}) is None
    files = {"StorageCapacity": 1200, "LustreConfiguration": {"PerUnitStorageThroughput": 125}}
    assert usd_of("AWS::FSx::FileSystem", files) == pytest.approx(174)
    assert usd_of("AWS::FSx::FileSystem", {"StorageCapacity": 1200, "LustreConfiguration": {}}) is None
    text = io.StringIO()
    told = Told(stays=[Stays("key k", "locked", 1.0), Stays("cluster c", "kept")])
    destroy.report(told, Console(file=text, width=200))
    assert text.getvalue().splitlines()[:4] == [
        "What remains, with its cost in USD per month:",
        "       1.00  key k: locked",
        "  not known  cluster c: kept",
        "       1.00  all and more",
    ]


@pytest.mark.parametrize(
    "told",
    [
        ("ResourceNotFound", ""),
        ("ValidationException", 'Could not find endpoint "x".'),
        ("NoSuchEntity", ""),
        ("ValidationError", "Stack with id x does not exist"),
    ],
)
def test_what_is_not_there_is_known_by_its_answer(told: tuple[str, str]) -> None:
    assert absent(error(*told))
    assert not absent(error("AccessDeniedException", "not authorized to perform"))


def test_wrong_settings_and_another_account_end_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert destroy.main(["nowhere"]) == 2
    assert "there is no such environment" in capsys.readouterr().err
    identity = Service(get_caller_identity={"Account": "999999999999"})
    monkeypatch.setattr(destroy, "_clients", lambda _settings: {"sts": identity}.__getitem__)
    assert destroy.main(["reference"]) == 2
    assert "Your credentials are of account 999999999999" in capsys.readouterr().err


def test_no_credentials_end_in_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    identity = Service(get_caller_identity=error("ExpiredToken", "The security token is expired"))
    monkeypatch.setattr(destroy, "_clients", lambda _settings: {"sts": identity}.__getitem__)
    assert destroy.main(["dev"]) == 2
    told = capsys.readouterr().err
    assert "The security token is expired" in told
    assert "Sign in" in told

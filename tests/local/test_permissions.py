"""Least privilege, shown: what each action of a role is for, and that nothing beyond them is allowed.

Each flow works with the whole role. Each action is taken out of the role in turn, and a flow must then fail.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import chat
from tests.conftest import ROOT

from .conftest import Local
from .roles import Role, listed

#: Actions whose use the account cannot show, with the page that asks for them.
UNSHOWN = {
    "xray:PutTraceSegments": "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    "xray:PutTelemetryRecords": "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    # DynamoDB asks for the key in its own name and the caller's.
    "kms:DescribeKey": "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html",
    # Lambda assigns addresses in its own service; the account checks what Lambda checks on creation.
    "ec2:AssignPrivateIpAddresses": "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
    "ec2:UnassignPrivateIpAddresses": "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
}
DOCS = ROOT / "docs" / "local.md"
WAIT_SECONDS = 8.0


class Function(Role):
    """The chat's function, its role, and the flows that use it."""

    def __init__(self, local: Local) -> None:
        super().__init__(local, "application", "ChatFunction")
        self.name = local.resource("application", "AWS::Lambda::Function", "ChatFunction")
        self.configuration = local.client("lambda").get_function_configuration(FunctionName=self.name)

    # Each flow returns whether it went well.

    def answers(self) -> bool:
        """A question is answered."""
        reply = chat.ask(self.local.chat, self.local.token(), "Hello")
        denied = ("model_denied", "budget_unavailable", "knowledge_unavailable")
        assert reply.status == 200 or reply.body["error"]["code"] in denied, reply
        return reply.status == 200

    def logs(self) -> bool:
        """What the function says reaches its log group."""
        client, group = self.local.client("logs"), self.configuration["LoggingConfig"]["LogGroup"]

        def streams() -> int:
            pages = client.get_paginator("describe_log_streams").paginate(logGroupName=group)
            return sum(len(page["logStreams"]) for page in pages)

        before = streams()
        chat.ask(self.local.chat, self.local.token(), "Hello")
        return streams() > before

    def reports_failures(self) -> bool:
        """An event that the function fails to process reaches the topic of alarms."""
        said = len(self.local.home.log.read_text(encoding="utf-8"))
        functions, queues, topics = (self.local.client(name) for name in ("lambda", "sqs", "sns"))
        topic = self.configuration["DeadLetterConfig"]["TargetArn"]
        queue = queues.create_queue(QueueName="failures")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        let = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [let]})
        queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        subscription = topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        functions.put_function_event_invoke_config(FunctionName=self.name, MaximumRetryAttempts=0)
        functions.update_function_configuration(FunctionName=self.name, Handler="functions.chat.absent.handler")
        try:
            functions.invoke(FunctionName=self.name, InvocationType="Event", Payload=b"{}")
            # Without leave nothing ever comes: the account's log says so at once.
            return _until(lambda: self._outcome(queues, queue, said))
        finally:
            functions.update_function_configuration(FunctionName=self.name, Handler=self.configuration["Handler"])
            functions.delete_function_event_invoke_config(FunctionName=self.name)
            topics.unsubscribe(SubscriptionArn=subscription)
            queues.delete_queue(QueueUrl=queue)

    def _outcome(self, queues: Any, queue: str, said: int) -> bool | None:
        if queues.receive_message(QueueUrl=queue).get("Messages"):
            return True
        refused = "for the failed calls of" in self.local.home.log.read_text(encoding="utf-8")[said:]
        return False if refused else None

    def is_made(self) -> bool:
        """Lambda makes a function with this role, in the VPC and with a dead-letter topic."""
        template = {
            "Resources": {
                "Probe": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Role": self.configuration["Role"],
                        "Runtime": "python3.14",
                        "Handler": "index.handler",
                        "Code": {"ZipFile": "def handler(event, context): pass"},
                        "DeadLetterConfig": self.configuration["DeadLetterConfig"],
                        "VpcConfig": {
                            key: self.configuration["VpcConfig"][key] for key in ("SubnetIds", "SecurityGroupIds")
                        },
                    },
                }
            }
        }
        return _deployed(self.local, "probe", template)


def _until(outcome: Callable[[], bool | None]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        told = outcome()
        if told is not None:
            return told
        time.sleep(0.1)
    raise AssertionError("neither success nor refusal in time")


def _deployed(local: Local, stack: str, template: dict[str, Any]) -> bool:
    """Whether CloudFormation makes what a template says; it is gone afterwards."""
    client = local.client("cloudformation")
    client.create_stack(StackName=stack, TemplateBody=json.dumps(template), OnFailure="DELETE")

    def outcome() -> bool | None:
        status = client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return None if status.endswith("IN_PROGRESS") else bool(status == "CREATE_COMPLETE")

    try:
        return _until(outcome)
    except ClientError:
        return False  # already deleted
    finally:
        client.delete_stack(StackName=stack)


@pytest.fixture(scope="module")
def function(local: Local) -> Function:
    local.answers_by(local.model_url)
    # Documents are searched for people of a group only.
    pool = local.chat.pool
    local.client("cognito-idp").admin_add_user_to_group(UserPoolId=pool, Username=chat.EMAIL, GroupName="staff")
    local._tokens.clear()
    return Function(local)


def test_every_flow_works_with_the_whole_role(function: Function) -> None:
    assert function.answers()
    assert function.logs()
    assert function.reports_failures()
    assert function.is_made()


def test_every_action_is_needed(function: Function) -> None:
    flows = {
        "bedrock": function.answers,
        "dynamodb": function.answers,
        "logs": function.logs,
        "sns": function.reports_failures,
        "ec2": function.is_made,
        "xray": function.is_made,
    }
    unneeded = []
    for action, resource in function.actions():
        flow = flows.get(action.split(":")[0])
        if action.startswith("kms:"):
            # The models' key encrypts the guardrail, the foundation's the topic.
            guarded = any(
                resource in listed(each["Resource"]) and "bedrock." in json.dumps(each.get("Condition", {}))
                for each in function.document["Statement"]
            )
            flow = function.answers if guarded else function.reports_failures
        assert flow is not None, f"no flow shows what {action} is for"
        with function.without(action, resource):
            if flow():
                unneeded.append(action)
    assert set(unneeded) == set(UNSHOWN)
    documented = DOCS.read_text(encoding="utf-8")
    assert all(f"`{action}`" in documented and page in documented for action, page in UNSHOWN.items())


def test_a_role_that_may_not_publish_makes_no_function(function: Function) -> None:
    (topic,) = [resource for action, resource in function.actions() if action == "sns:Publish"]
    with function.without("sns:Publish", topic):
        assert not function.is_made()


@pytest.fixture(scope="module")
def session(function: Function) -> dict[str, str]:
    """Credentials of the function's role."""
    role = function.configuration["Role"]
    found = function.local.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def test_what_lies_outside_the_role_is_denied(function: Function, session: dict[str, str]) -> None:
    local, variables = function.local, function.configuration["Environment"]["Variables"]
    guardrail = {
        "guardrailIdentifier": variables["GUARDRAIL_ID"],
        "guardrailVersion": variables["GUARDRAIL_VERSION"],
    }
    question = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    offered, *_ = json.loads(variables["PROFILES"]).values()
    itself, *_ = json.loads(variables["MODELS"])
    keys = [each for each in local.client("kms").list_keys()["Keys"] if _is_enabled(local, each["KeyId"])]
    bucket = local.client("s3").list_buckets()["Buckets"][0]["Name"]

    def as_function(service: str) -> Any:
        return local.client(service, credentials=session)

    runtime = as_function("bedrock-runtime")
    assert runtime.converse(modelId=offered, guardrailConfig=guardrail, **question)["stopReason"] == "end_turn"
    calls: dict[str, Callable[[], Any]] = {
        "another model": lambda: runtime.converse(
            modelId="us.anthropic.claude-sonnet-4-6", guardrailConfig=guardrail, **question
        ),
        "the model under another name": lambda: runtime.converse(modelId=itself, guardrailConfig=guardrail, **question),
        "no guardrail": lambda: runtime.converse(modelId=offered, **question),
        "the draft of the guardrail": lambda: runtime.converse(
            modelId=offered, guardrailConfig={**guardrail, "guardrailVersion": "DRAFT"}, **question
        ),
        "a stream": lambda: runtime.converse_stream(modelId=offered, guardrailConfig=guardrail, **question),
        "InvokeModel without a guardrail": lambda: runtime.invoke_model(modelId=offered, body=b"{}"),
        "a bucket": lambda: as_function("s3").list_objects_v2(Bucket=bucket),
        "an object": lambda: as_function("s3").get_object(Bucket=bucket, Key="any"),
        "another log group": lambda: as_function("logs").create_log_stream(logGroupName="other", logStreamName="s"),
        "its own guardrail's policy": lambda: as_function("bedrock").get_guardrail(
            guardrailIdentifier=variables["GUARDRAIL_ID"]
        ),
        "its own role": lambda: as_function("iam").get_role(RoleName=function.configuration["Role"].split("/")[-1]),
        **{
            f"key {each['KeyId']}": lambda key=each["KeyId"]: _decrypts(local, as_function("kms"), key) for each in keys
        },
    }
    allowed = [name for name, call in calls.items() if not _is_denied(call)]
    assert allowed == []
    assert len(keys) >= 3


def _is_enabled(local: Local, key: str) -> bool:
    """Whether a key can be used: other tests leave keys that are to be deleted."""
    return bool(local.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled")


def _decrypts(local: Local, as_function: Any, key: str) -> None:
    """Use a key, whatever it is for."""
    if local.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyUsage"] == "SIGN_VERIFY":
        as_function.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
        return
    sealed = local.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    as_function.decrypt(CiphertextBlob=sealed)


def _is_denied(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return bool(error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"))
    return False

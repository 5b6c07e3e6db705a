"""Processes that are killed at work: what comes back, and what was acknowledged and kept."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from local import cdk, chat, emulator
from local.home import Home, LocalError
from tests import load
from tests.conftest import ROOT

from .conftest import environment_of, verb

MODELS = "genai-local-models"
_T = TypeVar("_T")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, synthesized: Callable[[Home], Home]) -> Iterator[Home]:
    """An account that keeps its state; the first test deploys into it."""
    home = synthesized(Home(tmp_path_factory.mktemp("faults") / "account"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_KEEP", "1")
        try:
            yield home
        finally:
            emulator.stop(home)


def _wait(found: Callable[[], _T | None], seconds: float = 90) -> _T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    raise AssertionError("it did not come")


def _kill(home: Home) -> None:
    """Kill the account's process as nothing can be prepared for."""
    account = emulator.find(home)
    assert account is not None
    os.kill(account.pid, signal.SIGKILL)
    _wait(lambda: None if emulator.is_alive(account) else True, 10)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(account.pid, os.WNOHANG)


def _restart(home: Home) -> emulator.Account:
    return emulator.start(home, emulator.ANY_ACCOUNT, "us-east-1")


def _up(home: Home) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "up"],
        cwd=ROOT,
        env=environment_of(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _made(home: Home, stack: str, count: int) -> emulator.Account | None:
    """The account, once so many resources of a stack are complete."""
    account = emulator.find(home)
    if account is None:
        return None
    try:
        pages = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [each for page in pages for each in page["StackResourceSummaries"]]
    except Exception:  # not there yet
        return None
    return account if len([e for e in found if e["ResourceStatus"].endswith("_COMPLETE")]) >= count else None


def _question(home: Home, account: emulator.Account) -> Callable[[], chat.Reply]:
    """A question of somebody who has signed in, to be asked."""
    found = chat.deployed(account, cdk.stack_names(home))
    assert found is not None
    token = chat.sign_in(home, account, found)
    return lambda: chat.ask(found, token, "Are you there?")


def _answers(home: Home, account: emulator.Account) -> chat.Reply:
    return _question(home, account)()


def test_a_first_deploy_whose_account_is_killed_is_rolled_back_and_done_again(kept: Home) -> None:
    running = _up(kept)
    try:
        _wait(lambda: _made(kept, MODELS, 20))
        _kill(kept)
        output, errors = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 2, output + errors
    assert errors == (
        "The local account ended during the deploy. Run make local ENV=local again: it goes on from what was kept.\n"
    )
    account = _restart(kept)
    described = account.client("cloudformation").describe_stacks()["Stacks"]
    status = {each["StackName"]: each["StackStatus"] for each in described}
    assert status["genai-local-foundation"] == "CREATE_COMPLETE"
    assert status[MODELS] == "ROLLBACK_COMPLETE"
    again = verb(kept, "up")
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"genai-local-foundation\s*│ unchanged", again.stdout)
    assert f"kept in {kept.state}" in again.stdout


def test_what_was_acknowledged_is_there_after_a_kill(kept: Home) -> None:
    account = emulator.find(kept)
    assert account is not None
    found = chat.deployed(account, cdk.stack_names(kept))
    assert found is not None
    token = chat.sign_in(kept, account, found)
    files, queues, tables = account.client("s3"), account.client("sqs"), account.client("dynamodb")
    identity, keys = account.client("cognito-idp"), account.client("kms")
    files.create_bucket(Bucket="what-is-kept")
    queue = queues.create_queue(QueueName="what-is-kept")["QueueUrl"]
    tables.create_table(
        TableName="what-is-kept",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    account.client("iam").create_user(UserName="what-is-kept")
    account.client("ssm").put_parameter(Name="/what/is/kept", Value="yes", Type="String")
    secret = account.client("secretsmanager").create_secret(Name="what-is-kept", SecretString="yes")["ARN"]
    key = keys.create_key(Description="what-is-kept")["KeyMetadata"]["KeyId"]
    sealed = keys.encrypt(KeyId=key, Plaintext=b"yes")["CiphertextBlob"]
    identity.admin_create_user(
        UserPoolId=found.pool,
        Username="kept@example.com",
        TemporaryPassword="Long-enough-1-for-any",
        MessageAction="SUPPRESS",
    )
    queues.send_message(QueueUrl=queue, MessageBody="yes")
    files.put_object(Bucket="what-is-kept", Key="folder/a file.txt", Body=b"yes", Metadata={"groups": "hr"})
    tables.put_item(TableName="what-is-kept", Item={"id": {"S": "last"}})
    _kill(kept)

    again = _restart(kept)
    assert again.port == account.port
    assert chat.ask(found, token, "Do you know me?").status == 200
    assert _answers(kept, again).status == 200
    read = again.client("s3").get_object(Bucket="what-is-kept", Key="folder/a file.txt")
    assert (read["Body"].read(), read["Metadata"]) == (b"yes", {"groups": "hr"})
    assert again.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "yes"
    assert again.client("dynamodb").scan(TableName="what-is-kept")["Items"] == [{"id": {"S": "last"}}]
    assert again.client("iam").get_user(UserName="what-is-kept")["User"]["UserName"] == "what-is-kept"
    assert again.client("ssm").get_parameter(Name="/what/is/kept")["Parameter"]["Value"] == "yes"
    assert again.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "yes"
    assert again.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"yes"
    user = again.client("cognito-idp").admin_get_user(UserPoolId=found.pool, Username="kept@example.com")
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    unchanged = verb(kept, "up")
    assert unchanged.returncode == 0, unchanged.stderr
    assert not re.search(r"\d (created|updated|deleted)", unchanged.stdout)


def test_nothing_of_the_state_is_left_out(kept: Home) -> None:
    """Every service says what it has, and all of it can be written."""
    log = kept.log.read_text(encoding="utf-8")
    assert "cannot be kept" not in log
    assert "Failed to restore" not in log
    assert "Traceback" not in log


SLOW = """
import json, time, urllib.request

def handler(event, context):
    if event["ResourceProperties"].get("Seconds") and event["RequestType"] != "Create":
        time.sleep(float(event["ResourceProperties"]["Seconds"]))
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "slow"}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    request.add_header("Content-Type", "")
    urllib.request.urlopen(request)
"""


def _slow_stack(value: str, seconds: str) -> str:
    """A parameter, and then a resource that takes its time over an update and a deletion."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    function = {
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Timeout": 60,
        "Code": {"ZipFile": SLOW},
    }
    resources = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Value": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/faults/value", "Type": "String", "Value": value},
        },
        "Slow": {
            "Type": "Custom::Slow",
            "DependsOn": "Value",
            "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Seconds": seconds, "Value": value},
        },
    }
    return json.dumps({"Resources": resources})


def test_an_update_and_a_deletion_that_are_cut_off_are_brought_to_rest(kept: Home) -> None:
    account = emulator.find(kept) or _restart(kept)
    stacks = account.client("cloudformation")
    slow = {"StackName": "slow", "Capabilities": ["CAPABILITY_IAM"]}
    stacks.create_stack(**slow, TemplateBody=_slow_stack("one", ""))
    _wait(lambda: True if _status(account, "slow") == "CREATE_COMPLETE" else None)
    stacks.update_stack(**slow, TemplateBody=_slow_stack("two", "8"))
    _wait(lambda: True if _value(account) == "two" else None, 20)
    time.sleep(1)
    assert _status(account, "slow") == "UPDATE_IN_PROGRESS"
    _kill(kept)
    again = _restart(kept)
    assert (_status(again, "slow"), _value(again)) == ("UPDATE_ROLLBACK_COMPLETE", "one")
    assert json.loads(_template(again, "slow"))["Resources"]["Value"]["Properties"]["Value"] == "one"
    # It takes an update as before, and a deletion that is cut off is done at the next start.
    stacks = again.client("cloudformation")
    stacks.update_stack(**slow, TemplateBody=_slow_stack("three", "3"))
    _wait(lambda: True if _status(again, "slow") == "UPDATE_COMPLETE" else None, 30)
    stacks.delete_stack(StackName="slow")
    time.sleep(0.5)
    _kill(kept)
    last = _restart(kept)
    listed = last.client("cloudformation").list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert "slow" in {each["StackName"] for each in listed}
    assert _value(last) is None


def test_a_question_during_a_kill_is_told_and_the_next_is_answered(kept: Home) -> None:
    account = emulator.find(kept)
    assert account is not None
    before, arrived = kept.read(kept.model), threading.Event()
    ask = _question(kept, account)
    try:
        with load.model(takes_seconds=3, asked=arrived) as url, ThreadPoolExecutor(1) as pool:
            kept.write(kept.model, {"url": url, "model": "", "timeout_seconds": 20})
            asked = pool.submit(ask)
            assert arrived.wait(30)
            _kill(kept)
            with pytest.raises(LocalError, match="does not answer"):
                asked.result(timeout=20)
            assert _answers(kept, _restart(kept)).status == 200
    finally:
        kept.write(kept.model, before)


def test_a_document_whose_intake_is_cut_off_is_taken_in_after_the_restart(kept: Home) -> None:
    account = emulator.find(kept)
    assert account is not None
    buckets = [each["Name"] for each in account.client("s3").list_buckets()["Buckets"]]
    (incoming,) = [name for name in buckets if "handbook" in name]
    account.client("s3").put_object(
        Bucket=incoming, Key="incoming/policies/parental.md", Body=b"# Parental leave\n\nSixteen weeks are paid."
    )
    _kill(kept)
    again = _restart(kept)

    def taken_in() -> bool | None:
        listed = again.client("s3").list_objects_v2(Bucket=incoming).get("Contents", [])
        return (
            True if any(each["Key"].startswith("accepted/") and "parental" in each["Key"] for each in listed) else None
        )

    try:
        assert _wait(taken_in, 60)
    except AssertionError as error:
        raise AssertionError(f"{incoming}\n" + kept.log.read_text(encoding="utf-8")[-6000:]) from error


def test_a_run_and_a_call_that_are_cut_off_are_done_after_the_restart(kept: Home) -> None:
    """What a batch is made of: a run of a state machine, and functions that nobody waits for."""
    account = emulator.find(kept) or _restart(kept)
    identity, functions = account.client("iam"), account.client("lambda")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = identity.create_role(RoleName="cut-off", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    identity.put_role_policy(RoleName="cut-off", PolicyName="files", PolicyDocument=json.dumps(allowed))
    account.client("s3").create_bucket(Bucket="cut-off")
    program = (
        "import boto3, time\n"
        "def handler(event, context):\n"
        "    time.sleep(4)\n"
        "    boto3.client('s3').put_object(Bucket='cut-off', Key='done', Body=b'yes')\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", program)
    functions.create_function(
        FunctionName="cut-off",
        Runtime="python3.13",
        Role=role,
        Handler="index.handler",
        Timeout=30,
        Code={"ZipFile": packed.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="cut-off")
    # Waits are shortened to a fiftieth.
    steps = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 200, "End": True}}}
    states = account.client("stepfunctions")
    machine = states.create_state_machine(name="cut-off", definition=json.dumps(steps), roleArn=role)
    run = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"a": 1}')["executionArn"]
    functions.invoke(FunctionName="cut-off", InvocationType="Event", Payload=b"{}")
    time.sleep(1)
    assert states.describe_execution(executionArn=run)["status"] == "RUNNING"
    _kill(kept)
    again = _restart(kept)
    states, files = again.client("stepfunctions"), again.client("s3")
    _wait(lambda: True if states.describe_execution(executionArn=run)["status"] == "SUCCEEDED" else None, 40)
    assert json.loads(states.describe_execution(executionArn=run)["output"]) == {"a": 1}
    _wait(lambda: True if files.list_objects_v2(Bucket="cut-off").get("KeyCount") else None, 40)


def test_stop_keeps_and_down_removes(kept: Home) -> None:
    stopped = verb(kept, "stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert emulator.find(kept) is None
    assert verb(kept, "status").returncode == 2
    account = _restart(kept)
    assert _answers(kept, account).status == 200
    other = verb(kept, "stop")
    assert other.returncode == 0
    with pytest.raises(LocalError, match="is kept here"):
        emulator.start(kept, "111122223333", "us-east-1")
    gone = verb(kept, "down")
    assert gone.returncode == 0
    assert not kept.folder.exists()


def test_an_account_that_keeps_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_KEEP", raising=False)
    home = Home(tmp_path / "forgets")
    try:
        account = _restart(home)
        account.client("s3").create_bucket(Bucket="forgotten")
        assert emulator.keeping(home) == "in memory: nothing is kept after its end (LOCAL_KEEP=1 keeps it)"
        refused = verb(home, "stop")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "keeps nothing over its end" in refused.stderr
        monkeypatch.setenv("LOCAL_KEEP", "1")
        with pytest.raises(LocalError, match=r"keeps nothing\. Run make local-down first"):
            _restart(home)
        monkeypatch.delenv("LOCAL_KEEP")
        _kill(home)
        assert _restart(home).client("s3").list_buckets()["Buckets"] == []
    finally:
        emulator.stop(home)


@pytest.mark.parametrize("what", ["CLI", "make local"])
def test_a_deploy_that_loses_what_drives_it_is_taken_up_again(
    tmp_path: Path, synthesized: Callable[[Home], Home], what: str
) -> None:
    home = synthesized(Home(tmp_path / "driverless"))
    running = _up(home)
    try:
        _wait(lambda: _made(home, MODELS, 10))
        if what == "CLI":
            (driver,) = [pid for pid, line in cdk._processes() if str(home.assembly) in line and " deploy " in line][:1]
            os.kill(driver, signal.SIGKILL)
            _, errors = running.communicate(timeout=60)
            assert running.returncode == 2
            assert "Traceback" not in errors
        else:
            running.kill()
            running.communicate(timeout=10)
        again = verb(home, "up", seconds=150)
        assert again.returncode == 0, again.stdout + again.stderr
        assert "no model answers for us.amazon.nova-lite-v1:0" in again.stdout
    finally:
        running.kill()
        verb(home, "down")


def _status(account: emulator.Account, stack: str) -> str:
    found = account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return str(found["StackStatus"])


def _value(account: emulator.Account) -> str | None:
    parameters = account.client("ssm")
    try:
        return str(parameters.get_parameter(Name="/faults/value")["Parameter"]["Value"])
    except parameters.exceptions.ParameterNotFound:
        return None


def _template(account: emulator.Account, stack: str) -> str:
    body = account.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)

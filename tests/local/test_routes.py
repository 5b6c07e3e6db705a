"""Every route that the emulator has is refused to whoever may not use it; what anybody may call is listed here.

The routes are read from the emulator's own tables, so that a route of a new version is walked too, and a new path fails
until somebody has looked at it and written ``emulator_paths.txt`` anew:

    .venv-local/bin/python tests/local/emulator_tables.py --paths > tests/local/emulator_paths.txt
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local import emulator
from tests.conftest import ROOT

from .conftest import Local

HERE = Path(__file__).parent

#: Services of the registry without an operation, and why none of their paths is walked as one.
NO_OPERATIONS = {
    "ecs-metadata": "credentials of containers: closed",
    "imds": "credentials of machines: closed",
}
#: What is answered without a credential, of all operations that AWS itself serves unsigned.
ANSWERED = {
    ("sns", "Unsubscribe"): "the link in a message, whose subscription is its secret",
}
#: Paths that are answered without a credential.
OPEN = {
    r"/_ministack/health": "says that the account runs",
    r"/_ministack/cfn-response/xxx": "the address of an answer to CloudFormation: taken, and dropped where none is awaited",
}
#: What any user may do: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
ANY_USER = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
#: Who is told before it is known who asks: a bucket or a tag's ARN of another form.
BEFORE = {("s3", "NoSuchBucket"), ("s3", ""), ("logs", "ValidationException")}
#: What a refusal is called, service by service.
REFUSALS = re.compile(
    r"MissingAuthenticationToken(Exception)?|AccessDenied(Exception)?|UnauthorizedOperation|AuthorizationError|"
    r"ForbiddenException:?|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|AuthFailure|"
    r"NotAuthorizedException|UnknownOperationException|IncompleteSignature(Exception)?|MissingParameter"
)


def run(script: str, given: str = "") -> str:
    done = subprocess.run(
        [str(emulator.PYTHON), str(HERE / script)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        input=given,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("emulator_tables.py"))
    return found


@pytest.fixture(scope="module")
def walked(tables: dict[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(run("route_walk.py", json.dumps(tables)))
    return found


def test_every_path_of_the_emulator_has_been_looked_at(tables: dict[str, Any]) -> None:
    known = set((HERE / "emulator_paths.txt").read_text(encoding="utf-8").splitlines())
    found = {f"{module} {path}" for module, listed in tables["paths"].items() for path in listed}
    assert found == known


def test_every_service_of_the_emulator_is_walked(tables: dict[str, Any], walked: dict[str, list[Any]]) -> None:
    empty = {
        service["name"] for service in tables["services"] if not any(model["operations"] for model in service["models"])
    }
    assert empty == NO_OPERATIONS.keys()
    count = sum(len(model["operations"]) for service in tables["services"] for model in service["models"])
    assert len(walked["operations"]) == 4 * count > 20_000


def test_no_operation_is_answered_without_credentials(tables: dict[str, Any], walked: dict[str, list[Any]]) -> None:
    unsigned = {
        (service["name"], name)
        for service in tables["services"]
        for model in service["models"]
        for name, facts in model["operations"].items()
        if facts["unsigned"]
    } | {("sns", "Unsubscribe"), ("sns", "ConfirmSubscription")}
    wrong = [
        (caller, service, name, status, code)
        for caller, service, name, (status, code, _) in walked["operations"]
        if caller in ("anonymous", "bearer")
        and not (
            (service, name) in ANSWERED
            or ((service, name) in unsigned and status >= 400)
            or (status in (400, 401, 403) and REFUSALS.fullmatch(code))
            or (service == "s3" and status == 403)
        )
    ]
    assert not wrong


def test_no_operation_takes_a_wrong_signature(walked: dict[str, list[Any]]) -> None:
    wrong = [
        (service, name, status, code)
        for caller, service, name, (status, code, _) in walked["operations"]
        if caller == "wrong signature"
        and not (status in (400, 401, 403) and (REFUSALS.fullmatch(code) or (service == "s3" and status == 403)))
    ]
    assert not wrong


def test_no_operation_is_answered_to_a_user_without_permissions(walked: dict[str, list[Any]]) -> None:
    wrong = [
        (service, name, status, code)
        for caller, service, name, (status, code, text) in walked["operations"]
        if caller == "nobody"
        and (service, name) not in ANY_USER
        and "not implemented in the local account" not in text
        and not (status >= 400 and (service, code) in BEFORE)
        and not (status in (400, 403) and REFUSALS.fullmatch(code))
    ]
    assert not wrong


def test_no_path_is_answered_without_credentials(walked: dict[str, list[Any]]) -> None:
    answered = {target for _, _, target, (status, _, _) in walked["paths"] if status < 400}
    assert answered == OPEN.keys()
    # A page of sign-in and an API say what is wrong with a request; nothing else looks into one.
    looked_into = {
        target for _, _, target, (status, code, _) in walked["paths"] if status >= 400 and not REFUSALS.fullmatch(code)
    }
    own = r"/oauth2/.*|/log(in|out)|/v1/apis/[^/]+/graphql|/_ministack/cfn-signal/xxx|/restapis/.*|/_aws/execute-api/.*"
    assert not [each for each in looked_into if not re.fullmatch(own, each)]


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/chat/completions", "/V1/Chat/Completions", "/v1/chat/completions/", "/openai/v1/chat/completions"),
        *("/openai/v1/responses", "/_ministack/reset", "/_ministack/config", "/_ministack/ses/messages", "/health"),
        *("/_ministack/lambda-code/chat", "/_ministack/rds/iam-auth", "/_localstack/health", "/v2/_catalog"),
        *("/latest/meta-data/iam/security-credentials/", "/v2/credentials/x", "/v4/abcdefgh/task", "/_alb/x/y"),
    ],
)
def test_tools_and_mock_routes_are_closed(local: Local, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = urllib3.request(method, local.account.url + path, body=b"{}", timeout=5, retries=False)
        assert answer.status == 404, method
        assert json.loads(answer.data)["__type"] == "UnknownOperationException"


CONVERSE = {"modelId": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
OLD = "AWS4-HMAC-SHA256 Credential={key}/20200101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Bearer x", "Basic eDp5", "AWS test:x", "AWS 000000000000:x", "AWS :x", "Digest x"),
        *(OLD.format(key=key) for key in ("", "test", "000000000000", "AKIAIOSFODNN7EXAMPLE")),
    ],
)
def test_no_form_of_credentials_is_taken_for_the_root_user(local: Local, authorization: str) -> None:
    headers = {"Host": "bedrock-runtime.us-east-1.amazonaws.com", "Authorization": authorization}
    body = json.dumps({"messages": CONVERSE["messages"]})
    url = f"{local.account.url}/model/amazon.nova-lite-v1%3A0/converse"
    named = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-Credential=000000000000/20260101/us-east-1"
    for query in ("", f"?{named}/s3/aws4_request", f"?{named}/bedrock/aws4_request"):
        answer = urllib3.request("POST", url + query, headers=headers, body=body, timeout=5, retries=False)
        assert answer.status in (400, 403), query
        assert b"output" not in answer.data


@pytest.mark.parametrize("key", ["test", "root", "000000000000"])
def test_the_root_key_needs_its_secret(local: Local, key: str) -> None:
    wrong = {"aws_access_key_id": key, "aws_secret_access_key": "guessed"}
    for service, operation, arguments in (
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
        ("bedrock-runtime", "converse", CONVERSE),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(local.account.client(service, wrong), operation)(**arguments)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_under_the_root_key_holds_for_what_was_signed(local: Local, version: str) -> None:
    s3 = local.client("s3", signature_version=version)
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    s3.put_object(Bucket=bucket, Key="signed", Body=b"here")
    try:
        signed = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed"}, ExpiresIn=60)
        assert urllib3.request("GET", signed, timeout=5).data == b"here"
        for wrong in (
            signed.replace("/signed?", "/other?"),
            re.sub(r"Signature=..", "Signature=00", signed),
            re.sub(r"Expires=(\d)", r"Expires=3\1", signed),
            signed.partition("?")[0],
        ):
            assert urllib3.request("GET", wrong, timeout=5, retries=False).status == 403, wrong
        guessed = boto3.client(
            "s3",
            endpoint_url=local.account.url,
            region_name="us-east-1",
            aws_access_key_id=local.account.account,
            aws_secret_access_key="guessed",  # noqa: S106
            config=Config(signature_version=version),
        ).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed"})
        assert urllib3.request("GET", guessed, timeout=5, retries=False).status == 403
    finally:
        s3.delete_object(Bucket=bucket, Key="signed")


@pytest.fixture(scope="module")
def user(local: Local) -> Iterator[Any]:
    """A client of a user whose one policy is given."""
    iam = local.client("iam")
    iam.create_user(UserName="routes")
    key = iam.create_access_key(UserName="routes")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def client(service: str, *allowed: tuple[str, str]) -> Any:
        pairs = [("sts:GetCallerIdentity", "*"), *allowed]
        statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in pairs]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="routes", PolicyName="p", PolicyDocument=policy)
        return local.account.client(service, keys)

    yield client
    iam.delete_user_policy(UserName="routes", PolicyName="p")
    iam.delete_access_key(UserName="routes", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="routes")


BEDROCK = "arn:aws:bedrock:us-east-1:000000000000"
QUESTION = {"text": "Where is it?"}


@pytest.mark.parametrize(
    ("operation", "arguments", "needed"),
    [
        (
            "retrieve",
            {"knowledgeBaseId": "ABSENT0000", "retrievalQuery": QUESTION},
            [("bedrock:Retrieve", f"{BEDROCK}:knowledge-base/ABSENT0000")],
        ),
        ("retrieve_and_generate", {"input": QUESTION}, [("bedrock:RetrieveAndGenerate", "*")]),
        ("retrieve_and_generate_stream", {"input": QUESTION}, [("bedrock:RetrieveAndGenerate", "*")]),
        (
            "invoke_agent",
            {"agentId": "AGENT00000", "agentAliasId": "ALIAS00000", "sessionId": "session", "inputText": "x"},
            [("bedrock:InvokeAgent", f"{BEDROCK}:agent-alias/AGENT00000/ALIAS00000")],
        ),
        (
            "invoke_inline_agent",
            {"sessionId": "session", "foundationModel": "amazon.nova-lite-v1:0", "instruction": "x" * 40},
            [("bedrock:InvokeInlineAgent", "*")],
        ),
        (
            "invoke_flow",
            {
                "flowIdentifier": "FLOW000000",
                "flowAliasIdentifier": "ALIAS00000",
                "inputs": [{"content": {"document": "x"}, "nodeName": "Input"}],
            },
            [("bedrock:InvokeFlow", f"{BEDROCK}:flow/FLOW000000/alias/ALIAS00000")],
        ),
        (
            "generate_query",
            {
                "queryGenerationInput": {"type": "TEXT", "text": "x"},
                "transformationConfiguration": {"mode": "TEXT_TO_SQL"},
            },
            [("bedrock:GenerateQuery", "*")],
        ),
        (
            "optimize_prompt",
            {"input": {"textPrompt": QUESTION}, "targetModelId": "amazon.nova-lite-v1:0"},
            [("bedrock:OptimizePrompt", "*")],
        ),
        ("list_sessions", {}, [("bedrock:ListSessions", "*")]),
    ],
)
def test_agents_and_knowledge_bases_ask_for_their_own_actions(
    user: Any, operation: str, arguments: Any, needed: list[tuple[str, str]]
) -> None:
    service = "bedrock-agent-runtime"
    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(user(service), operation)(**arguments)
    for action, resource in needed:
        other = f"{BEDROCK}:knowledge-base/OTHER00000" if resource != "*" else resource
        denied = [(action, other)] if resource != "*" else [(f"{action}X", "*")]
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(user(service, *denied), operation)(**arguments)
    try:
        answer = getattr(user(service, *needed), operation)(**arguments)
    except ClientError as error:
        # Allowed, and then told that it is not there, or that nobody answers it.
        assert error.response["Error"]["Code"] in ("ResourceNotFoundException", "UnknownOperationException")
        assert "is not authorized" not in str(error)
    else:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_no_answer_is_made_up_for_what_does_not_exist(local: Local) -> None:
    client = local.client("bedrock-agent-runtime")
    base = {
        "type": "KNOWLEDGE_BASE",
        "knowledgeBaseConfiguration": {
            "knowledgeBaseId": "ABSENT0000",
            "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        },
    }
    with pytest.raises(ClientError, match="Retrieve"):
        client.retrieve_and_generate(input=QUESTION, retrieveAndGenerateConfiguration=base)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client.retrieve(knowledgeBaseId="ABSENT0000", retrievalQuery=QUESTION)
    with pytest.raises(ClientError):
        client.invoke_agent(agentId="AGENT00000", agentAliasId="ALIAS00000", sessionId="session", inputText="x")
    jobs = local.client("bedrock-runtime")
    with pytest.raises(ClientError, match="does not answer"):
        jobs.list_async_invokes()
    with pytest.raises(ClientError, match="does not answer"):
        jobs.start_async_invoke(
            modelId="amazon.nova-reel-v1:0",
            modelInput={"x": 1},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://bucket/x"}},
        )


def test_an_operation_that_bedrock_does_not_have_is_unknown(local: Local) -> None:
    url = f"{local.account.url}/model/amazon.nova-lite-v1%3A0/dream"
    request = AWSRequest("POST", url, data=b"{}", headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(local.account.account, "local"), "bedrock", "us-east-1").add_auth(request)
    answer = urllib3.request("POST", url, headers=dict(request.headers), body=b"{}", timeout=5, retries=False)
    assert (answer.status, json.loads(answer.data)["__type"]) == (404, "UnknownOperationException")

"""The AWS CLI."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import account, check

AWS = str(Path(sys.executable).with_name("aws"))


def aws(*arguments):
    """What a command prints, read."""
    done = subprocess.run(
        [AWS, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.strip()
    return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout


def user(text):
    return json.dumps([{"role": "user", "content": [{"text": text}]}])


GUARDRAIL = f"guardrailIdentifier={account.guardrail},guardrailVersion={account.guardrail_version},trace=enabled"


@check("`sts get-caller-identity`")
def knows_itself():
    assert aws("sts", "get-caller-identity")["Arn"].startswith(account.principal)


@check("`cloudformation describe-stacks`")
def describes_stacks():
    (stack,) = aws("cloudformation", "describe-stacks", "--stack-name", account.stack)["Stacks"]
    assert stack["StackStatus"].endswith("_COMPLETE")


@check("`bedrock-runtime converse`, `apply-guardrail`, `invoke-model`")
def calls_models():
    converse = ("bedrock-runtime", "converse", "--model-id", account.model, "--guardrail-config", GUARDRAIL)
    reply = aws(*converse, "--messages", user("Hello"), "--inference-config", "maxTokens=20")
    assert reply["output"]["message"]["content"][0]["text"] == "I heard 1: Hello"
    assert aws(*converse, "--messages", user("project nightingale"))["stopReason"] == "guardrail_intervened"
    apply = ("bedrock-runtime", "apply-guardrail", "--guardrail-identifier", account.guardrail, "--source", "INPUT")
    version = ("--guardrail-version", account.guardrail_version)
    said = aws(*apply, *version, "--content", json.dumps([{"text": {"text": "project nightingale"}}]))
    assert said["action"] == "GUARDRAIL_INTERVENED"
    with tempfile.TemporaryDirectory() as folder:
        invoke = ("bedrock-runtime", "invoke-model", "--model-id", account.model, "--guardrail-identifier")
        body = json.dumps({"messages": json.loads(user("Hello"))})
        made = Path(folder) / "reply.json"
        aws(*invoke, account.guardrail, *version, "--body", body, str(made))
        assert json.loads(made.read_text())["output"]["message"]["content"][0]["text"] == "I heard 1: Hello"


@check("`bedrock get-guardrail`, `list-foundation-models`")
def looks_up():
    named = ("--guardrail-identifier", account.guardrail, "--guardrail-version", account.guardrail_version)
    guardrail = aws("bedrock", "get-guardrail", *named)
    assert [each["text"].lower() for each in guardrail["wordPolicy"]["words"]] == ["project nightingale"]
    asked = ("--by-output-modality", "EMBEDDING", "--query", "modelSummaries[].modelId")
    assert account.embedding in aws("bedrock", "list-foundation-models", *asked)


@check("`bedrock-agent-runtime retrieve`")
def retrieves():
    query = ("--retrieval-query", "text=What does the travel policy say of trains?")
    found = aws("bedrock-agent-runtime", "retrieve", "--knowledge-base-id", account.knowledge_base, *query)
    assert "trains are preferred" in found["retrievalResults"][0]["content"]["text"]


@check("`s3 cp`, `ls`, `rm`")
def copies():
    place = f"s3://{account.bucket}/{account.prefix}client.txt"
    with tempfile.TemporaryDirectory() as folder:
        sent, got = Path(folder) / "sent.txt", Path(folder) / "got.txt"
        sent.write_text("Visitors wear a badge.")
        aws("s3", "cp", str(sent), place)
        assert "client.txt" in aws("s3", "ls", f"s3://{account.bucket}/{account.prefix}")
        aws("s3", "cp", place, str(got))
        assert got.read_text() == sent.read_text()
        aws("s3", "rm", place)


@check("`s3vectors list-vector-buckets`")
def lists_vectors():
    names = aws("s3vectors", "list-vector-buckets", "--query", "vectorBuckets[].vectorBucketName")
    assert account.vector_bucket in names
    (index,) = aws("s3vectors", "list-indexes", "--vector-bucket-name", account.vector_bucket)["indexes"]
    assert index["indexArn"].endswith(f"index/{index['indexName']}")


@check("`cognito-idp describe-user-pool`, `list-users`")
def reads_users():
    pool = aws("cognito-idp", "describe-user-pool", "--user-pool-id", account.user_pool)["UserPool"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    users = aws("cognito-idp", "list-users", "--user-pool-id", account.user_pool)["Users"]
    assert users[0]["UserStatus"] == "CONFIRMED"


@check("`logs filter-log-events`")
def reads_logs():
    since = ("--start-time", str(int((time.time() - 3600) * 1000)), "--query", "events[].message")
    said = aws("logs", "filter-log-events", "--log-group-name", account.log_group, *since)
    assert any("START RequestId" in each or "platform.start" in each for each in said), said[:3]


@check("refusals: exit status 255 and the reason")
def is_refused():
    command = [AWS, "bedrock-runtime", "converse", "--model-id", account.model, "--messages", user("Hello")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 255, done.returncode
    assert "AccessDeniedException" in done.stderr
    assert "bedrock:InvokeModel" in done.stderr

"""The clients that people use, each as it is pinned, as a developer of an application and not as the account's owner."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

from . import clients_table
from .clients_table import SCRIPTS, Check, checks
from .conftest import Local
from .tool_server import serving

PYTHON = ROOT / ".venv-clients" / "bin" / "python"
SECONDS = 120
ROLE = "assistant-developer"
MODEL = "us.amazon.nova-lite-v1:0"
# Tokens are counted of few models, by their own ids whatever they are called by.
# https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
COUNTING = "anthropic.claude-sonnet-4-5-20250929-v1:0"
EMBEDDING = "amazon.titan-embed-text-v2:0"
DOCUMENT = "policies/trains.md"
TEXT = "Travel policy: trains are preferred, flights need approval by the team lead."


# Longer than what a guardrail holds back of a stream before it lets it through.
STORY = "Tell me what the trolls of the north did in winter. " * 12


@pytest.fixture(scope="module")
def world(local: Local) -> dict[str, str]:
    """What the checks use of the account."""
    guardrail, version = local.resource("models", "AWS::Bedrock::GuardrailVersion").split("|")
    account = local.account.account
    return {
        "model": MODEL,
        "story": STORY.strip(),
        "foundation_model": MODEL.removeprefix("us."),
        "counting_model": COUNTING,
        "embedding": EMBEDDING,
        "guardrail": guardrail.rpartition("/")[2],
        "guardrail_version": version,
        "knowledge_base": local.resource("models", "AWS::Bedrock::KnowledgeBase", "handbook"),
        "bucket": local.resource("models", "AWS::S3::Bucket", "handbookknowledgeBucket"),
        "prefix": "incoming/policies/",
        "document": DOCUMENT,
        "vector_bucket": local.resource("models", "AWS::S3Vectors::VectorBucket").rpartition("/")[2],
        "user_pool": local.resource("application", "AWS::Cognito::UserPool"),
        "stack": "genai-local-application",
        "log_group": local.client("lambda").get_function_configuration(
            FunctionName=local.resource("application", "AWS::Lambda::Function", "ChatFunction")
        )["LoggingConfig"]["LogGroup"],
        "principal": f"arn:aws:sts::{account}:assumed-role/{ROLE}/",
    }


def policy(local: Local, world: dict[str, str]) -> dict[str, Any]:
    """What a developer of an assistant may do: call its model through its guardrail, find documents, and look."""
    region, account = local.account.region, local.account.account
    bedrock = f"arn:aws:bedrock:{region}:{account}"
    guardrail = f"{bedrock}:guardrail/{world['guardrail']}"
    models = f"arn:aws:bedrock:{region}::foundation-model"
    guarded = {"StringEquals": {"bedrock:GuardrailIdentifier": f"{guardrail}:{world['guardrail_version']}"}}
    keys = {"StringEquals": {"kms:ViaService": [f"bedrock.{region}.amazonaws.com", f"s3.{region}.amazonaws.com"]}}
    called = [f"{bedrock}:inference-profile/{MODEL}", f"{models}/{world['foundation_model']}"]

    def allowed(actions: str, *resources: str, **more: Any) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": actions.split(), "Resource": list(resources), **more}

    return {
        "Version": "2012-10-17",
        "Statement": [
            allowed("bedrock:InvokeModel bedrock:InvokeModelWithResponseStream", *called, Condition=guarded),
            allowed("bedrock:InvokeModel", f"{models}/{EMBEDDING}"),
            allowed("bedrock:CountTokens", f"{models}/{COUNTING}"),
            allowed("bedrock:ApplyGuardrail bedrock:GetGuardrail", guardrail),
            allowed("bedrock:Retrieve", f"{bedrock}:knowledge-base/{world['knowledge_base']}"),
            allowed("bedrock:ListFoundationModels bedrock:ListInferenceProfiles", "*"),
            allowed("bedrock:GetFoundationModel", f"{models}/*"),
            allowed("bedrock:GetInferenceProfile", f"{bedrock}:inference-profile/*"),
            allowed("kms:Decrypt kms:GenerateDataKey", f"arn:aws:kms:{region}:{account}:key/*", Condition=keys),
            allowed("s3:ListBucket", f"arn:aws:s3:::{world['bucket']}"),
            allowed("s3:PutObject s3:GetObject s3:DeleteObject", f"arn:aws:s3:::{world['bucket']}/{world['prefix']}*"),
            allowed("s3vectors:ListVectorBuckets", "*"),
            allowed("s3vectors:ListIndexes", f"arn:aws:s3vectors:{region}:{account}:bucket/{world['vector_bucket']}"),
            allowed(
                "cognito-idp:DescribeUserPool cognito-idp:ListUsers",
                f"arn:aws:cognito-idp:{region}:{account}:userpool/{world['user_pool']}",
            ),
            allowed(
                "cloudformation:DescribeStacks", f"arn:aws:cloudformation:{region}:{account}:stack/{world['stack']}/*"
            ),
            allowed("logs:FilterLogEvents", f"arn:aws:logs:{region}:{account}:log-group:{world['log_group']}*"),
        ],
    }


@pytest.fixture(scope="module")
def developer(local: Local, world: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a session under the role, from which nothing but the account can be reached."""
    iam, account = local.client("iam"), local.account.account
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName=ROLE, PolicyName="Develop", PolicyDocument=json.dumps(policy(local, world)))
    given = local.client("sts").assume_role(RoleArn=role, RoleSessionName="ada")["Credentials"]
    # A port that nothing listens on.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{held.getsockname()[1]}"
        yield {
            "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "AWS_ENDPOINT_URL": local.account.url,
            "AWS_REGION": local.account.region,
            "AWS_DEFAULT_REGION": local.account.region,
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKS_ACCOUNT": json.dumps(world),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), nowhere),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        }
    iam.delete_role_policy(RoleName=ROLE, PolicyName="Develop")
    iam.delete_role(RoleName=ROLE)


@pytest.fixture(scope="module")
def document(local: Local, world: dict[str, str]) -> Iterator[None]:
    """One document in the knowledge base."""
    s3, runtime = local.client("s3"), local.client("bedrock-agent-runtime")
    s3.put_object(Bucket=world["bucket"], Key=f"incoming/{DOCUMENT}", Body=TEXT.encode())
    deadline = time.monotonic() + 90
    while True:
        found = runtime.retrieve(knowledgeBaseId=world["knowledge_base"], retrievalQuery={"text": TEXT})
        if any(each["location"]["s3Location"]["uri"].endswith(DOCUMENT) for each in found["retrievalResults"]):
            break
        assert time.monotonic() < deadline, "the document was not taken in in time"
        time.sleep(0.5)
    yield
    s3.delete_object(Bucket=world["bucket"], Key=f"incoming/{DOCUMENT}")


@pytest.fixture(scope="module")
def outcome(
    local: Local, developer: dict[str, str], document: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """The outcome of each check of a script, which runs once."""
    done: dict[str, dict[str, Any]] = {}
    with serving() as url:

        def run(script: str) -> dict[str, Any]:
            if script not in done:
                local.answers_by(url)
                home = tmp_path_factory.mktemp(script)
                ran = subprocess.run(
                    [str(PYTHON), str(SCRIPTS / "run.py"), str(SCRIPTS / f"{script}.py")],
                    cwd=home,
                    env={**developer, "HOME": str(home)},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
                assert ran.returncode == 0, ran.stdout + ran.stderr
                *lines, last = [
                    json.loads(line) for line in ran.stdout.splitlines() if line.startswith(('{"check"', '{"others"'))
                ]
                done[script] = {each["check"]: each for each in lines} | {"others": last["others"]}
            return done[script]

        yield run
    local.answers_by(local.model_url)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(
            each,
            id=f"{each.script.removeprefix('with_')}-{each.name}",
            marks=[pytest.mark.xfail(reason=each.fails, strict=True)] if each.fails else [],
        )
        for each in checks()
    ],
)
def test_what_people_do_with_a_client(outcome: Callable[[str], dict[str, Any]], check: Check) -> None:
    why = outcome(check.script)[check.name]["why"]
    assert not why, f"{check.script}, {check.name}, {why}"


@pytest.mark.parametrize("script", sorted(clients_table.PACKAGES))
def test_a_client_asks_no_other_host(outcome: Callable[[str], dict[str, Any]], script: str) -> None:
    assert outcome(script)["others"] == []


def test_another_host_would_be_told(tmp_path: Path) -> None:
    script = tmp_path / "with_gossip.py"
    script.write_text(
        "import socket\nfrom checks import check\n\n\n@check('talk')\ndef talks():\n"
        "    socket.create_connection(('192.0.2.1', 80), 1)\n"
    )
    ran = subprocess.run(
        [sys.executable, str(SCRIPTS / "run.py"), str(script)], capture_output=True, text=True, timeout=60, check=True
    )
    check, last = [json.loads(line) for line in ran.stdout.splitlines()]
    assert check["check"] == "talks"
    assert "192.0.2.1 is not this host" in check["why"]
    assert last == {"others": ["192.0.2.1"]}


def test_the_documentation_tells_of_each_check() -> None:
    assert clients_table.documented() == clients_table.DOCUMENT.read_text(encoding="utf-8"), "run make docs"


def test_documented_commands_work_as_pasted(local: Local) -> None:
    section = clients_table.DOCUMENT.read_text(encoding="utf-8").partition("## Clients")[2]
    commands = section.partition("```\n")[2].partition("```")[0].replace("<port>", str(local.account.port))
    done = subprocess.run(
        ["bash", "-euc", commands],
        env={"PATH": f"{PYTHON.parent}:/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"arn:aws:iam::{local.account.account}:root" in done.stdout
    # Another test may have updated it.
    found = re.search(r"genai-local-application\t(CREATE|UPDATE)(_ROLLBACK)?_COMPLETE", done.stdout)
    assert found, done.stdout
    assert "genai-local" in done.stdout[found.end() :]


def test_each_client_is_pinned_and_has_checks() -> None:
    named = re.findall(r"^([a-z][\w-]*)", (ROOT / "requirements-clients.in").read_text(encoding="utf-8"), re.MULTILINE)
    # That of OpenAI's form is tried against an assistant (test_assistants.py).
    tried = {name for packages in clients_table.PACKAGES.values() for name in packages} | {"langchain-openai"}
    assert set(named) <= tried
    assert {each.script for each in checks()} == set(clients_table.PACKAGES)
    known = {f"{each.script}.{each.name}" for each in checks()}
    assert set(clients_table.FAILING) <= known

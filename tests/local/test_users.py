"""Users of the deployed chat by the verbs that people call: made, put into groups, asking, and told why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import chat, users

from .conftest import Local, verb


def told(local: Local, *arguments: str) -> str:
    done = verb(local.home, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(local: Local, *arguments: str) -> str:
    done = verb(local.home, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_the_first_user_is_in_every_group(local: Local) -> None:
    assert users.groups_of_user(local.account, local.chat.pool, chat.EMAIL) == ["hr", "staff", "support"]


def test_somebody_is_made_asks_and_is_told_why_no_document_was_found(local: Local) -> None:
    local.answers_by(local.model_url)
    made = told(local, "user", "--email", "Eve@Example.com", "--groups", "")
    assert "eve@example.com of local" in made
    file = users.file(local.home, local.chat.pool, "eve@example.com")
    assert f"Password  in {file}\n" in made
    assert (file.stat().st_mode & 0o777, json.loads(file.read_text())["email"]) == (0o600, "eve@example.com")
    asked = told(local, "ask", "--as", "eve@example.com", "--question", "What is the salary band?")
    assert "tiny heard: What is the salary band?" in asked
    assert "eve@example.com is in no group" in asked
    assert "make local-user EMAIL=eve@example.com GROUPS=hr,staff,support ENV=local" in asked
    assert "Groups    hr, staff\n" in told(local, "user", "--email", "eve@example.com", "--groups", "staff, hr")
    assert "is in no group" not in told(local, "ask", "--as", "eve@example.com", "--question", "Hello")
    assert json.loads(file.read_text())["password"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "--email", "eve@example.com", "--groups", "stuff"), "stuff is no group of this chat. Did you mean staff?"),
        (("user", "--email", "eve", "--groups", "hr"), "'eve' is no email address"),
        (("user", "--email", ""), "Add EMAIL=ann@example.com"),
        (("ask", "--as", "nobody@example.org"), "Create one with make local-user EMAIL=nobody@example.org ENV=local"),
        (("ask", "--environment", "prod"), "No chat of prod is deployed here. There is one of local."),
        (("user", "--environment", "prd", "--email", "a@b.example"), "There is no environment prd. Did you mean prod?"),
        (("status", "--environment", "prod"), "prod is not deployed in this account; there is local."),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(local: Local, arguments: tuple[str, ...], said: str) -> None:
    error = refused(local, *arguments)
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_failure_comes_with_its_reason(local: Local) -> None:
    local.answers_by("http://127.0.0.1:9/v1")
    try:
        error = refused(local, "ask", "--question", "Hello")
        first, why = error.splitlines()
        assert first.startswith("503 model_unavailable: ")
        assert why.startswith("  why     ")
        assert "127.0.0.1:9" in why or "refused" in why
    finally:
        local.answers_by(local.model_url)


def test_what_is_printed_works_as_pasted(local: Local, tmp_path: Path) -> None:
    local.answers_by(local.model_url)
    alone = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ask = next(line for line in local.first_words.splitlines() if line.startswith("Ask ")).removeprefix("Ask").strip()
    for shell in ("bash", "sh"):
        done = subprocess.run([shell, "-c", ask], cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=40, check=True)  # fmt: skip
        assert json.loads(done.stdout)["text"] == "tiny heard: Hello"
    aws = next(line for line in told(local, "status").splitlines() if line.startswith("AWS ")).removeprefix("AWS")
    # The AWS CLI is made of the same library, which reads the same variables.
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    line = aws.strip().removesuffix("aws s3 ls") + f'"$PYTHON" -c "{code}"'
    poisoned = {**alone, "PYTHON": sys.executable, "AWS_REGION": "eu-west-1"}
    done = subprocess.run(["bash", "-c", line], env=poisoned, capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, local.account.account), done.stderr

"""One local account for all these tests, with the project's stacks in it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import cdk, chat, emulator, managed_login, stand_ins, users
from local.deploy import Changes, deploy
from local.home import Home
from operations.sign_in import Tokens
from settings import load
from tests.conftest import ROOT, Synthesized

from .model_server import serving

#: What one request of a test may take, in seconds.
MODEL_SECONDS = 1.5


@dataclass
class Local:
    """The account with everything deployed."""

    home: Home
    account: emulator.Account
    model_url: str
    first_words: str
    _tokens: dict[chat.Chat, str] = field(default_factory=dict)

    @property
    def chat(self) -> chat.Chat:
        found = chat.deployed(self.account, cdk.stack_names(self.home))
        assert found is not None
        return found

    def token(self) -> str:
        found = self.chat
        if found not in self._tokens:
            self._tokens[found] = chat.sign_in(self.home, self.account, found)
        return self._tokens[found]

    def tokens(self, user: users.User, client_id: str = "") -> Tokens:
        """What managed login gives a user of the chat, for its app client or another of its user pool."""
        found = replace(self.chat, client_id=client_id or self.chat.client_id)
        back = chat.callback(self.account, found)
        return managed_login.sign_in(self.account, found.pool, found.client_id, back, user)

    def answers_by(self, url: str) -> None:
        """Let another server answer, or none."""
        self.home.write(self.home.model, {"url": url, "model": "", "timeout_seconds": MODEL_SECONDS})

    def client(self, service: str, **options: Any) -> Any:
        return self.account.client(service, **options)

    def deploy(self, assembly: Path) -> dict[str, Changes]:
        """Deploy another assembly of the same stacks."""
        home = Home(self.home.folder)
        home.assembly = assembly
        if (assembly.parent / "local.yaml").is_file():
            stand_ins.prepare(self.account, load("local", assembly.parent))
        return deploy(home, self.account, "local", Console(file=io.StringIO(), force_terminal=True))

    def resource(self, layer: str, resource_type: str, logical_id: str = "") -> str:
        """The physical id of a deployed resource, by its type and how its logical id begins."""
        stack = f"genai-local-{layer}"
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [
            each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == resource_type and each["LogicalResourceId"].startswith(logical_id)
        ]
        assert len(found) == 1, (resource_type, found)
        return str(found[0])


def verb(home: Home, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a verb of the local account as the Makefile does."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=environment_of(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def environment_of(home: Home) -> dict[str, str]:
    """The environment of a user who works with a real account too."""
    # Credentials and endpoints of a real account, which nothing here may ever use.
    poison = {"AWS_PROFILE": "production", "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    return {**os.environ, **poison, "LOCAL_HOME": str(home.folder)}


@pytest.fixture(scope="session")
def synthesized(environment: Callable[[str], Synthesized]) -> Callable[[Home], Home]:
    """Puts the synthesis that all tests share into a home, so that ``make local`` need not make it again."""

    def put(home: Home) -> Home:
        shutil.copytree(environment("local").folder, home.assembly)
        cdk.note(home, "local")
        return home

    return put


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, synthesized: Callable[[Home], Home]) -> Iterator[Local]:
    """The account, after ``make local`` with a server of models."""
    # A path that a shell would cut, so that whatever is printed is quoted.
    home = synthesized(Home(tmp_path_factory.mktemp("account") / "it's here"))
    with serving() as model_url:
        try:
            done = verb(home, "up", "--model-url", model_url, "--question", "Are you there?")
            assert done.returncode == 0, done.stdout + done.stderr
            account = emulator.find(home)
            assert account is not None
            made = Local(home, account, model_url, done.stdout)
            made.answers_by(model_url)
            _RUNNING.append(made)
            yield made
        finally:
            _RUNNING.clear()
            emulator.stop(home)


#: The account of this process, once a test has asked for it.
_RUNNING: list[Local] = []


@pytest.fixture(scope="module", autouse=True)
def the_tests_own_model() -> None:
    """Each file begins with the same model, whatever the one before it has left."""
    for each in _RUNNING:
        each.answers_by(each.model_url)


@pytest.fixture
def ask(local: Local) -> Callable[..., chat.Reply]:
    """Puts a question to the chat as a user who has signed in."""
    local.answers_by(local.model_url)
    found, token = local.chat, local.token()

    def put(question: str | bytes | dict[str, Any]) -> chat.Reply:
        return chat.ask(found, token, question)

    return put


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory, environment: Callable[[str], Synthesized]) -> Callable[..., Path]:
    """Assemblies of the local environment with one line of its settings changed, each a copy that may be edited."""

    @cache
    def once(old: str, new: str) -> Path:
        folder = tmp_path_factory.mktemp("synthesized")
        text = (ROOT / "config" / "local.yaml").read_text(encoding="utf-8")
        changed, count = re.subn(re.escape(old), new, text) if old else (text, 1)
        assert count == 1, old
        (folder / "local.yaml").write_text(changed, encoding="utf-8")
        if old:
            Synthesized("local", folder / "cdk.out", folder)
        else:
            shutil.copytree(environment("local").folder, folder / "cdk.out")
        return folder

    def make(old: str = "", new: str = "") -> Path:
        folder = tmp_path_factory.mktemp("variant") / "copy"
        shutil.copytree(once(old, new), folder)
        return folder / "cdk.out"

    return make


def edit(assembly: Path, layer: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a synthesized template in place, as no settings could, and its hash, by which it is published."""
    file, assets = assembly / f"{layer}.template.json", assembly / f"{layer}.assets.json"
    template = json.loads(file.read_text(encoding="utf-8"))
    change(template)
    file.write_text(json.dumps(template), encoding="utf-8")
    files = json.loads(assets.read_text(encoding="utf-8"))["files"]
    (old,) = [name for name, each in files.items() if each["source"]["path"] == file.name]
    new = hashlib.sha256(file.read_bytes()).hexdigest()
    for each in (assets, assembly / "manifest.json"):
        each.write_text(each.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

"""The verbs of the local account: ``python -m local up|deploy|destroy|ask|status|down``; the Makefile calls them."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from settings import Settings, SettingsError, load, told

from . import cdk, chat, emulator, models
from .deploy import Changes, deploy
from .home import ROOT, Home, LocalError


class EndedError(Exception):
    """A program that was called said what there is to say, and ended with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


QUESTION = "Hello! Who answers me here?"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 if it did what it says, 2 with one message if the user has to do something first."""
    options = _options().parse_args(arguments)
    console, home = Console(highlight=False, soft_wrap=True), Home()
    verbs = {"up": up, "deploy": redeploy, "destroy": end, "ask": ask, "status": status, "down": down}
    try:
        verbs[options.verb](home, options, console)
    except EndedError as error:
        return error.code
    except (LocalError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Run make local to go on, make local-down to clear away.", file=sys.stderr)
        return 130
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("verb", choices=["up", "deploy", "destroy", "ask", "status", "down"])
    parser.add_argument("--environment", default="local", help="the settings to deploy, by their name in config/")
    parser.add_argument("--model-url", default="", help="an OpenAI-compatible server that answers, up to its /v1")
    parser.add_argument("--model", default="", help="one of the server's; without a server, smollm2 or script:<file>")
    parser.add_argument("--model-timeout", default="", help="seconds that a model has for an answer")
    parser.add_argument("--question", default=QUESTION, help="what to ask")
    return parser


def up(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Start the account, deploy into it, sign in, ask the first question."""
    began = time.monotonic()
    settings = load(options.environment)
    model = models.chosen(options.model_url, options.model, options.model_timeout)
    models.install(model, console)
    with _alone(home):
        with console.status(f"Synthesizing {options.environment}, starting the account"):
            account = _prepare(home, settings, options, model)
        changes = deploy(home, account, options.environment, console)
    console.print(_changes(settings, changes))
    if note := models.told(model):
        console.print(note)
    _greet(home, account, options, console)
    console.print(f"Ready after {time.monotonic() - began:.0f} s.")


def _prepare(home: Home, settings: Settings, options: argparse.Namespace, model: dict[str, Any]) -> emulator.Account:
    """A bootstrapped account and, made at the same time, the synthesized stacks."""
    synthesis = cdk.synthesize(home, options.environment)
    try:
        account = emulator.start(home, settings.account or emulator.ANY_ACCOUNT, settings.region)
        home.write(home.model, model)
        cdk.bootstrap(home, account)
        models.wait(home, model)
        cdk.finish(synthesis)
    finally:
        if synthesis.poll() is None:
            synthesis.kill()
            synthesis.wait()
    return account


def redeploy(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Deploy what changed in the settings or the code."""
    settings = load(options.environment)
    account = _running(home)
    if account.account != (settings.account or emulator.ANY_ACCOUNT) or account.region != settings.region:
        raise LocalError(f"The settings of {options.environment} name another account or Region. Run make local-down.")
    with _alone(home):
        with console.status(f"Synthesizing {options.environment}"):
            cdk.finish(cdk.synthesize(home, options.environment))
        changes = deploy(home, account, options.environment, console)
    console.print(_changes(settings, changes))


def end(home: Home, options: argparse.Namespace, _console: Console) -> None:
    """Remove an environment from the local account, by the calls that remove it from AWS."""
    account = _running(home)
    command = [sys.executable, "-m", "operations.destroy", options.environment, "--yes", "--pause", "0.2"]
    with _alone(home):
        done = subprocess.run(command, cwd=ROOT, env=account.environment(), check=False)
    if done.returncode:
        raise EndedError(done.returncode)


def ask(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Put a question to the deployed chat and print its answer."""
    account = _running(home)
    found = _chat(home, account)
    reply = chat.ask(found, _token(home, account, found), options.question)
    if reply.status != 200:
        raise LocalError(f"{reply.status} {reply.body.get('error', {}).get('code', '')}: {reply.text}")
    console.print(reply.text, markup=False)
    used = f"{reply.body['model']}, {reply.body['input_tokens']} + {reply.body['output_tokens']} tokens"
    console.print(used, style="dim", markup=False)


def status(home: Home, _options: argparse.Namespace, console: Console) -> None:
    """Say whether the account runs, what is deployed and who answers."""
    account = _running(home)
    console.print(f"{account.url}  account {account.account} in {account.region}, process {account.pid}")
    console.print(f"Models  {models.described(home)}", markup=False)
    table = Table("Stack", "Status", "Resources")
    client = account.client("cloudformation")
    for stack in client.describe_stacks()["Stacks"]:
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
        count = sum(len(page["StackResourceSummaries"]) for page in pages)
        table.add_row(stack["StackName"], stack["StackStatus"], str(count))
    console.print(table)
    found = chat.deployed(account, _stacks(home))
    if found:
        console.print(f"Chat    {found.url}")


def down(home: Home, _options: argparse.Namespace, console: Console) -> None:
    """End the account and remove its folder."""
    ended = emulator.stop(home)
    shutil.rmtree(home.folder, ignore_errors=True)
    console.print("The local account is gone." if ended else "No local account ran; its folder is clear.")


def _running(home: Home) -> emulator.Account:
    account = emulator.find(home)
    if account is None:
        raise LocalError("No local account runs. Start it with make local.")
    return account


def _stacks(home: Home) -> list[str]:
    try:
        return cdk.stack_names(home)
    except FileNotFoundError:
        return []


def _chat(home: Home, account: emulator.Account) -> chat.Chat:
    found = chat.deployed(account, _stacks(home))
    if found is None:
        raise LocalError("No chat is deployed. Settings with application: {chat: {}} have one; then make local-deploy.")
    return found


def _token(home: Home, account: emulator.Account, found: chat.Chat) -> str:
    token = chat.sign_in(home, account, found)
    home.write_text("token", token)
    return token


def _greet(home: Home, account: emulator.Account, options: argparse.Namespace, console: Console) -> None:
    """Ask the first question and say how to ask the next."""
    console.print(f"Account  {account.url}")
    found = chat.deployed(account, _stacks(home))
    if found is None:
        return
    reply = chat.ask(found, _token(home, account, found), options.question)
    user = home.read(home.user)
    console.print(f"Chat     {found.url}")
    console.print(f"User     {user['email']}, password in {home.user}")
    console.print(f"Ask      {chat.curl(found, home)}", markup=False)
    console.print(f"\n> {options.question}\n{reply.text}\n", markup=False)
    if reply.status != 200:
        raise LocalError(f"The chat answered {reply.status}. What happened stands in {home.log}.")


def _changes(settings: Settings, changes: dict[str, Changes]) -> Table:
    table = Table("Stack", "Resources", title=f"{settings.prefix}, local account", title_justify="left")
    for name, change in changes.items():
        table.add_row(name, str(change))
    return table


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Let one deploy run at a time."""
    home.folder.mkdir(parents=True, exist_ok=True)
    with (home.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError("Another make local is at work on this account. Wait until it is done.") from error
        yield


if __name__ == "__main__":
    sys.exit(told(main))

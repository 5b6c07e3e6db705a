"""The commands of the local account: ``python -m local up``, ``deploy``, ...; the Makefile calls them."""

from __future__ import annotations

import argparse
import fcntl
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.table import Table

from operations import answers
from settings import Settings, SettingsError, load, make, told

from . import cdk, chat, demo, emulator, environments, knowledge, models, stand_ins, users
from .changes import Changes
from .deploy import deploy
from .home import ROOT, Home, LocalError
from .reasons import why


class EndedError(Exception):
    """A called program has printed its error and exited with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


QUESTION = "Hello! Who answers me here?"


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0 on success, and 2 with one message if the user has to do something first."""
    return told(lambda: _run(arguments))


def _run(arguments: list[str] | None) -> int:
    options = _options().parse_args(arguments)
    console, home = Console(highlight=False, soft_wrap=True), Home()
    verbs = {
        "up": up,
        "demo": show,
        "deploy": redeploy,
        "destroy": end,
        "ask": ask,
        "user": user,
        "status": status,
        "stop": stop,
        "down": down,
    }
    try:
        verbs[options.verb](home, options, console)
    except EndedError as error:
        return error.code
    except (LocalError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = make("local", getattr(options, "environment", None) or "")
        print(f"Stopped. {again} goes on; make local-down removes everything.", file=sys.stderr)
        return 130
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("verb", choices=["up", "demo", "deploy", "destroy", "ask", "user", "status", "stop", "down"])
    parser.add_argument("--environment", help="the settings, by their name in config/; else local, or what is deployed")
    parser.add_argument("--model-url", default="", help="an OpenAI-compatible server that answers, up to its /v1")
    parser.add_argument("--model", default="", help="one of the server's; without a server, smollm2 or script:<file>")
    parser.add_argument("--model-timeout", default="", help="seconds that a model has for an answer")
    parser.add_argument("--question", default=QUESTION, help="what to ask")
    parser.add_argument("--assistant", default="", help="the assistant to ask, which streams its answer; else the chat")
    parser.add_argument("--as", dest="email", default=users.EMAIL, help="email of the user who asks")
    parser.add_argument("--email", dest="email", help="email of the user to create or update")
    parser.add_argument("--groups", help="the user's groups from now on, with commas or blanks between them")
    return parser


def up(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Start the account, deploy into it, sign in and send the first question."""
    began = time.monotonic()
    account, _ = _ready(home, options, console)
    _greet(home, account, options, console)
    console.print(f"Ready after {time.monotonic() - began:.0f} s.")


def show(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Start the account with a model in it, deploy, and show what the stacks do with documents."""
    began = time.monotonic()
    options.model = options.model or ("" if options.model_url else demo.MODEL)
    account, settings = _ready(home, options, console)
    demo.Tour(home, account, settings, console).run()
    console.print(f"Shown in {time.monotonic() - began:.0f} s.")


def _ready(home: Home, options: argparse.Namespace, console: Console) -> tuple[emulator.Account, Settings]:
    """The account, with an environment deployed into it and the requested model."""
    options.environment = options.environment or "local"
    settings = load(options.environment)
    model = models.chosen(options.model_url, options.model, options.model_timeout)
    _make_way(home, settings, options, console)
    models.install(model, console)
    with _alone(home):
        with console.status(f"Synthesizing {options.environment}, starting the account"):
            account = _prepare(home, settings, options, model)
        _deploy(home, account, settings, console)
    if note := models.told(model):
        console.print(note)
    return account, settings


def _make_way(home: Home, settings: Settings, options: argparse.Namespace, console: Console) -> None:
    """Check that the settings match the running account. If not, offer to stop the account, or say what to do."""
    running = emulator.find(home)
    if running is None or _fits(running, settings):
        return
    told = _other(home, running, settings)
    if not (sys.stdin.isatty() and console.is_terminal):
        raise LocalError(told)
    console.print(told, markup=False)
    answer = ""
    with suppress(EOFError):
        answer = console.input("End it now, with all that is in it, and go on? \\[y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise LocalError("Nothing was changed.")
    down(home, options, console)


def _other(home: Home, running: emulator.Account, settings: Settings) -> str:
    """What to do if the running account has another account id or Region than the settings name."""
    there = " and ".join(each.prefix for each in environments.environments(running)) or "nothing"
    beside = shlex.quote(str(home.folder.parent / f"{home.folder.name}-{settings.environment}"))
    return (
        f"The local account {running.account} in {running.region} runs, with {there} in it, and the settings of "
        f"{settings.environment} want {settings.account or 'any account'} in {settings.region}. Run make local-down "
        f"first, which removes all of that, or keep both: LOCAL_HOME={beside} {make('local', settings.environment)}"
    )


def _fits(account: emulator.Account, settings: Settings) -> bool:
    """Whether the settings can be deployed into an account. Settings that name no account fit any, as on AWS."""
    return settings.account in (None, account.account) and settings.region == account.region


def _deploy(home: Home, account: emulator.Account, settings: Settings, console: Console) -> None:
    """Deploy the synthesized stacks, and print the changes, the stand-ins and what else the account contains."""
    for place in stand_ins.prepare(account, settings):
        console.print(f"Stand-in  {place} for {place.setting}: trial is set, and you put nothing there", markup=False)
    changes = deploy(home, account, settings.environment, console)
    environments.remember(home, settings.environment)
    console.print(_changes(settings, changes))
    others = [each for each in environments.environments(account) if each.name != settings.environment]
    for each in others:
        console.print(f"Beside it {each.prefix}, which {make('local-destroy', each.name)} removes", markup=False)


def _prepare(home: Home, settings: Settings, options: argparse.Namespace, model: dict[str, Any]) -> emulator.Account:
    """A bootstrapped account and the synthesized stacks, which are prepared in parallel."""
    synthesis = cdk.synthesize(home, options.environment)
    try:
        running = emulator.find(home)
        account = running or emulator.start(home, settings.account or emulator.ANY_ACCOUNT, settings.region)
        home.write(home.model, model)
        cdk.bootstrap(home, account)
        models.wait(home, model)
        cdk.finish(home, synthesis)
    finally:
        if synthesis is not None and synthesis.poll() is None:
            synthesis.kill()
            synthesis.wait()
    return account


def redeploy(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Deploy changes of the settings or the code of the named environment. Default: the one that was deployed last."""
    if options.environment:
        load(options.environment)  # report an unknown name before anything else
    account = _running(home)
    settings = load(options.environment or environments.last(home) or "local")
    if not _fits(account, settings):
        raise LocalError(_other(home, account, settings))
    with _alone(home):
        with console.status(f"Synthesizing {settings.environment}"):
            cdk.finish(home, cdk.synthesize(home, settings.environment))
        _deploy(home, account, settings, console)


def end(home: Home, options: argparse.Namespace, _console: Console) -> None:
    """Remove an environment from the local account, by the same calls that remove it from AWS."""
    account = _running(home)
    name = options.environment or _only(account)
    command = [sys.executable, "-m", "operations.destroy", name, "--yes", "--pause", "0.2"]
    with _alone(home):
        done = subprocess.run(command, cwd=ROOT, env=account.environment(), check=False)
    if done.returncode:
        raise EndedError(done.returncode)


def _only(account: emulator.Account) -> str:
    """The deployed environment, if there is exactly that one: the target of a deletion is never guessed."""
    there = [each.name for each in environments.environments(account)]
    if len(there) > 1:
        raise LocalError(f"{' and '.join(there)} are deployed. Say which goes: {make('local-destroy', there[0])}")
    return there[0] if there else "local"


def ask(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Send a question to the deployed chat and print its answer."""
    account = _running(home)
    environment, found = environments.chosen(home, account, options.environment)
    email = users.address(options.email)
    token = _token(home, account, found, email)
    if options.assistant:
        used = _stream(account, found, token, options)
        console.print(f"{used}, asked {environment} as {email}", style="dim", markup=False)
        return
    began = time.time()
    reply = chat.ask(found, token, options.question)
    if reply.status != 200:
        raise LocalError(_refused(home, account, found, reply, began))
    console.print(reply.text, markup=False)
    for line in knowledge.told(account, found, environment, email, reply):
        console.print(line, style="dim", markup=False)
    used = f"{reply.body['model']}, {reply.body['input_tokens']} + {reply.body['output_tokens']} tokens"
    console.print(f"{used}, asked {environment} as {email}", style="dim", markup=False)


def _stream(account: emulator.Account, found: chat.Chat, token: str, options: argparse.Namespace) -> str:
    """Print the answer of an assistant as it arrives. Return what it used."""
    known = chat.assistants(account, found)
    if options.assistant not in known:
        there = f"Assistants: {', '.join(known)}" if known else "The settings name none: application.assistants"
        raise LocalError(f"There is no assistant {options.assistant}. {there}")
    model, sources, used = "", list[str](), "0 + 0"
    try:
        for event in answers.ask(found.url.removesuffix("/chat"), options.assistant, token, options.question):
            match event.name:
                case "meta":
                    model = event.data["model"]
                case "source":
                    sources.append(event.data["document"])
                case "delta":
                    print(event.data["text"], end="", flush=True)
                case "usage":
                    used = f"{event.data['input_tokens']} + {event.data['output_tokens']}"
                case "guardrail" | "error":
                    raise LocalError(f"\n{event.data['code']}: {event.data['message']}")
    except answers.AnswerError as error:
        raise LocalError(f"{error.status or ''} {error.code}: {error}".strip()) from error
    print("".join(f"\nFrom {each}" for each in sources))
    return f"{model}, {used} tokens"


def _refused(home: Home, account: emulator.Account, found: chat.Chat, reply: chat.Reply, began: float) -> str:
    """The text printed for an answer that is an error, with the reason if the chat does not return it."""
    error = reply.body.get("error", {})
    code = error.get("code", "") if isinstance(error, dict) else ""
    said = f"{reply.status} {code}: {reply.text}"
    if reply.status < 500:
        return said
    # The clocks of a log and of this process may round differently.
    reason = why(home, account, found, began - 1)
    return f"{said}\n  why     {reason or f'nothing is noted; read {home.log}'}"


def user(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Create or update a user of the chat, and print where the password is stored."""
    account = _running(home)
    environment, found = environments.chosen(home, account, options.environment)
    groups = None if options.groups is None else users.names(options.groups)
    made = chat.user(home, account, found, options.email, groups)
    there = users.groups_of_pool(account, found.pool)
    of_user = users.groups_of_user(account, found.pool, made["email"])
    console.print(f"User      {made['email']} of {environment}", markup=False)
    if of_user:
        console.print(f"Groups    {', '.join(of_user)}", markup=False)
    else:
        console.print(f"Groups    none; there are {', '.join(there) or 'none'}", markup=False)
    console.print(f"Password  in {users.file(home, found.pool, made['email'])}", markup=False)
    name = shlex.quote(made["email"])
    console.print(f"""Ask       make local-ask AS={name} ENV={environment} Q="What may I read?\"""", markup=False)


def status(home: Home, options: argparse.Namespace, console: Console) -> None:
    """Print whether the account runs, what is deployed and which model answers."""
    account = _running(home)
    there = environments.environments(account)
    if options.environment and options.environment not in [each.name for each in there]:
        raise LocalError(
            f"{options.environment} is not deployed in this account; there {_are([each.name for each in there])}."
        )
    console.print(f"{account.url}  account {account.account} in {account.region}, process {account.pid}")
    console.print(f"State   {emulator.keeping(home)}")
    console.print(f"Models  {models.described(home)}", markup=False)
    table = Table("Stack", "Status", "Resources")
    client = account.client("cloudformation")
    prefixes = [each.prefix for each in there if each.name == options.environment]
    for stack in client.describe_stacks()["Stacks"]:
        if prefixes and stack["StackName"].rpartition("-")[0] not in prefixes:
            continue
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
        count = sum(len(page["StackResourceSummaries"]) for page in pages)
        table.add_row(stack["StackName"], stack["StackStatus"], str(count))
    console.print(table)
    chats = environments.chats(account)
    asked = environments.chosen(home, account, None)[0] if chats else ""
    for name, found in chats.items():
        if options.environment in (None, name):
            console.print(f"Chat    {found.url}  of {name}", markup=False)
            console.print(f"        users {', '.join(users.known(home, found.pool)) or 'none yet'}", markup=False)
    if len(chats) > 1 and not options.environment:
        others = ", ".join(name for name in chats if name != asked)
        console.print(f"Asked   make local-ask asks {asked}; ENV= names another: {others}", markup=False)
    console.print(f"AWS     {account.shell()} aws s3 ls", markup=False)


def _are(names: list[str]) -> str:
    return f"are {', '.join(names)}" if len(names) > 1 else f"is {names[0]}" if names else "is none"


def stop(home: Home, _options: argparse.Namespace, console: Console) -> None:
    """Stop the account. At the next start, it resumes from the state that it stored."""
    if not home.keeps:
        raise LocalError(
            "The local account keeps nothing over its end. make local-down ends it and removes its folder."
        )
    emulator.stop(home)
    console.print("The local account has ended. make local goes on from what it kept; make local-down removes that.")


def down(home: Home, _options: argparse.Namespace, console: Console) -> None:
    """Stop the account and remove its folder."""
    ended = emulator.stop(home)
    shutil.rmtree(home.folder, ignore_errors=True)
    if home.folder.exists():
        shutil.rmtree(home.folder)  # report what prevents this
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


def _token(home: Home, account: emulator.Account, found: chat.Chat, email: str) -> str:
    token = chat.sign_in(home, account, found, email)
    home.write_text(users.token_file(home, found.pool, email), token)
    return token


def _greet(home: Home, account: emulator.Account, options: argparse.Namespace, console: Console) -> None:
    """Send the first question and print how to send the next."""
    console.print(f"Account  {account.url}, {emulator.keeping(home)}")
    console.print(f"AWS      {account.shell()} aws s3 ls", markup=False)
    found = chat.deployed(account, _stacks(home))
    if found is None:
        return
    token, began = _token(home, account, found, users.EMAIL), time.time()
    reply = chat.ask(found, token, options.question)
    console.print(f"Chat     {found.url}")
    console.print(f"User     {users.EMAIL}, password in {users.file(home, found.pool, users.EMAIL)}", markup=False)
    console.print(f"Ask      {chat.curl(found, home)}", markup=False)
    console.print(f"\n> {options.question}\n{reply.text}\n", markup=False)
    if reply.status != 200:
        raise LocalError(f"{_refused(home, account, found, reply, began)}\nWhat happened stands in {home.log}.")


def _changes(settings: Settings, changes: dict[str, Changes]) -> Table:
    table = Table("Stack", "Resources", title=f"{settings.prefix}, local account", title_justify="left")
    for name, change in changes.items():
        table.add_row(name, str(change))
    return table


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Allow only one deploy at a time."""
    home.folder.mkdir(parents=True, exist_ok=True)
    with (home.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError("Another make local is at work on this account. Wait until it is done.") from error
        yield


if __name__ == "__main__":
    sys.exit(told(main))

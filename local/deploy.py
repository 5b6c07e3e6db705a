"""Deploys the synthesized stacks, shows their progress, and reports the one event that failed a deployment."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from settings import make

from . import cdk
from .changes import CONSEQUENCES, Changes, counted
from .emulator import Account, is_alive, settle
from .home import Home, LocalError
from .sources import source_of

POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Failure:
    """The event that failed a deployment."""

    stack: str
    logical_id: str
    resource_type: str
    status: str
    reason: str


def deploy(home: Home, account: Account, environment: str, console: Console) -> dict[str, Changes]:
    """Deploy every synthesized stack and return the changes in each.

    :raises LocalError: with the event that failed, its reason, the resource and where the code defines it.
    """
    cdk.end_orphans(home)
    settle(account)  # what a killed CLI has started continues, as on AWS
    client = account.client("cloudformation")
    before = {name: _event_ids(client, name) for name in cdk.stack_names(home)}
    process = cdk.start(
        home, account, "deploy", "--require-approval", "never", "--progress", "events", "--concurrency", "3"
    )
    _watch(process, home, account, before, console)
    if process.returncode != 0:
        raise LocalError(_explain(home, account, client, before, environment, process.returncode))
    return {name: counted(_new_events(client, name, seen)) for name, seen in before.items()}


def destroy(home: Home, account: Account, console: Console) -> None:
    """Delete every synthesized stack, in reverse order of deployment.

    :raises LocalError: if a stack remains.
    """
    client = account.client("cloudformation")
    before = {name: _event_ids(client, name) for name in cdk.stack_names(home)}
    process = cdk.start(home, account, "destroy", "--force")
    _watch(process, home, account, before, console)
    if process.returncode != 0:
        raise LocalError(_explain(home, account, client, before, ""))


def _watch(
    process: subprocess.Popen[str], home: Home, account: Account, before: dict[str, set[str]], console: Console
) -> None:
    """Show the progress of each stack until the CLI ends, or the account does, for which the CLI would wait forever."""
    client, deadline = account.client("cloudformation"), time.monotonic() + cdk.DEPLOY_SECONDS
    with _progress(console) as progress:
        sizes = {name: len(cdk.template(home, name)["Resources"]) for name in before}
        tasks = {name: progress.add_task(name, total=size, now="") for name, size in sizes.items()}
        try:
            while process.poll() is None and is_alive(account):
                if time.monotonic() > deadline:
                    raise LocalError(f"The CDK CLI ran for more than {cdk.DEPLOY_SECONDS // 60} minutes; it was ended.")
                if not progress.disable:
                    _show(progress, tasks, client, before)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=10)


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}", style="dim"),
    )
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=3, disable=not console.is_terminal
    ) as progress:
        yield progress


def _show(progress: Progress, tasks: dict[str, TaskID], client: Any, before: dict[str, set[str]]) -> None:
    for name in _at_work(client):
        if name not in tasks:
            continue
        events = _new_events(client, name, before[name])
        done = {event["LogicalResourceId"] for event in events if event["ResourceStatus"].endswith("_COMPLETE")}
        now = events[-1]["ResourceType"] if events else ""
        progress.update(tasks[name], completed=len(done - {name}), now="" if name in done else now)


def _at_work(client: Any) -> set[str]:
    """The stacks in progress, whose events are read. Other stacks have many events, all of them old."""
    try:
        pages = client.get_paginator("describe_stacks").paginate()
        return {
            each["StackName"] for page in pages for each in page["Stacks"] if each["StackStatus"].endswith("_PROGRESS")
        }
    except (ClientError, BotoCoreError):
        return set()


def _new_events(client: Any, stack: str, seen: Collection[str]) -> list[dict[str, Any]]:
    """The new events of a stack, oldest first. None if the stack or the account does not exist."""
    found: list[dict[str, Any]] = []
    try:
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
            for event in page["StackEvents"]:  # the newest first
                if event["EventId"] in seen:
                    return found[::-1]
                found.append(event)
    except (ClientError, BotoCoreError):
        return []
    return found[::-1]


def _event_ids(client: Any, stack: str) -> set[str]:
    return {event["EventId"] for event in _new_events(client, stack, ())}


def first_failure(client: Any, before: dict[str, set[str]]) -> Failure | None:
    """The oldest new event that failed and is not a consequence of another failure."""
    failed = [
        (
            event["Timestamp"],
            Failure(name, event["LogicalResourceId"], event["ResourceType"], event["ResourceStatus"], why),
        )
        for name, seen in before.items()
        for event in _new_events(client, name, seen)
        if event["ResourceStatus"].endswith("_FAILED")
        and event["LogicalResourceId"] != name
        and (why := event.get("ResourceStatusReason", ""))
        and not why.startswith(CONSEQUENCES)
    ]
    return min(failed, key=lambda each: each[0])[1] if failed else None


def _explain(
    home: Home, account: Account, client: Any, before: dict[str, set[str]], environment: str, code: int = 1
) -> str:
    if not is_alive(account):
        then = "it goes on from what was kept" if home.keeps else "it starts anew"
        return f"The local account ended during the deploy. Run {make('local', environment)} again: {then}."
    failure = first_failure(client, before)
    if failure is None and code < 0:
        what = signal.Signals(-code).name
        again = make("local", environment)
        return f"The CDK CLI was ended ({what}) during the deploy. Run {again} again: it waits for what was begun."
    if failure is None:
        return f"The deploy failed before any resource was touched:\n  {_last_words(home)}"
    path = cdk.construct_path(home, failure.stack, failure.logical_id)
    return (
        f"{failure.stack}: {failure.status} {failure.resource_type}\n"
        f"  why     {failure.reason}\n"
        f"  at      {path or failure.logical_id}\n"
        f"  from    {source_of(environment, path) if path and environment else 'the template'}\n"
        "The stack was rolled back: what ran before runs on."
    )


def _last_words(home: Home) -> str:
    """The lines in which the CLI explains the failure."""
    lines = [line.strip() for line in home.cdk_log.read_text(encoding="utf-8", errors="replace").splitlines()]
    # Progress lines have bars between their parts, and may contain a resource named Error.
    words = ("❌", "failed", "error", "Error")
    told = [line for line in lines if any(word in line for word in words) and "ℹ" not in line and " | " not in line]
    return "\n  ".join(dict.fromkeys(told or lines[-5:]))

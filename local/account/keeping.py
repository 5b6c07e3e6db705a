"""Stores the account's state on disk, so that acknowledged changes survive if the process is killed.

Each service of the emulator defines its state. A call that may change it returns once that state is written:
the service's own and that of the services it passes work on to. Changes that services make outside of calls are
written within :data:`EVERY_SECONDS`, and all of it before a stack is reported as complete. Objects of buckets are files
already. A stack whose deployment or deletion was interrupted is rolled back, or deleted, at the next start, and events
in progress (:mod:`.unfinished`) are delivered again.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import hashlib
import importlib
import json
import logging
import os
import pickle
import pkgutil
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.core.responses import request_scope
from ministack.services import cloudformation, s3
from ministack.services.cloudformation import changesets, handlers, stacks

from . import unfinished

_log = logging.getLogger("account")

#: Maximum time until a change that no call acknowledged is written.
EVERY_SECONDS = 2.0
#: Maximum number of attempts to copy a state that changes during the copy.
_ATTEMPTS = 20
#: Read-only calls, by the beginning of their names. What they record (a message's visibility timeout, a count of
#: reads) may be lost, as queues deliver at least once.
_READS = re.compile(
    r"^(Get|List|Describe|Head|BatchGet|Query|Scan|Lookup|Simulate|Decrypt|Encrypt|Generate|Sign|Verify|Select|Test"
    r"|Validate|Estimate|Receive|Filter|Search|Poll|Converse|Invoke|Retrieve|Apply|Count|Assume|Check|ExecuteStatement)"
)
#: Services whose calls pass work on to others, which store it.
_HANDS_ON = {
    "s3": ("sqs", "sns"),
    "sns": ("sqs",),
    "eventbridge": ("sqs", "sns"),
    "dynamodb": ("dynamodb_streams",),
    "bedrock_agent": ("cloudcontrol",),
    "bedrock": ("cloudcontrol",),
    "cloudformation": ("cloudcontrol",),
}
#: The folder's file for the state of these modules beside the emulator.
_OWN = "local"
_ENDED = "The account ended during the operation"
Answer = Any


class Keeper:
    """Writes the state of services in rounds. A call that arrives during a round waits for the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, bytes] = {}
        self.asked: set[str] = set()
        self.round: asyncio.Future[None] | None = None
        self.unwritten = False
        self.running: list[asyncio.Task[None]] = []

    async def keep(self, names: Iterable[str]) -> None:
        """Return once the current state of these services is on disk.

        :raises OSError: if it cannot be written.
        """
        self.asked |= set(names)
        if self.round is None:
            self.round = asyncio.ensure_future(self._next())
        await asyncio.shield(self.round)

    async def _next(self) -> None:
        # The calls in progress now join this round.
        await asyncio.sleep(0)
        names, self.asked, self.round = self.asked, set(), None
        self.write(names)

    def write(self, names: Iterable[str]) -> None:
        """Write the state of services if it differs from what was written last, the stacks' last.

        The deletion of a stack ignores resources that do not exist. A resource that exists in no stack would remain.
        """
        for name in sorted(names, key=lambda each: (each == "cloudformation", each == _OWN, each)):
            content = _own_state() if name == _OWN else _state(name)
            if content is None:
                continue
            digest = hashlib.sha256(content).digest()
            if self.written.get(name) != digest:
                _replace(self.folder / (f"{name}.json" if name != _OWN else _OWN), content)
                self.written[name] = digest

    def all(self) -> list[str]:
        """The services that were used, and the state beside them."""
        return [*app._build_persistence_save_dict(), _OWN]

    async def run(self) -> None:
        """Write changes that no call waits for, until the process ends."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            if unfinished.forget() or self.unwritten or _under_way():
                self.unwritten = False
                began = time.perf_counter()
                await self.keep(self.all())
                _log.debug("Kept all in %.3f s", time.perf_counter() - began)


def install(folder: Path) -> Keeper:
    """Restore the state in the folder, and store every change in it from now on.

    :param folder: that of the state; the emulator's own persistence must be on (``PERSIST_STATE``, ``S3_PERSIST``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    keeper = Keeper(folder)
    for name, handler in list(app.SERVICE_HANDLERS.items()):
        module = app.SERVICE_REGISTRY.get(name, {}).get("module", name)
        app.SERVICE_HANDLERS[name] = _acknowledged(keeper, str(module), handler)
    # Addresses that begin with a bucket's name are dispatched by the table of handlers.
    s3.handle_request = _acknowledged(keeper, "s3", s3.handle_request)
    unfinished.install()
    noted = _noted(stacks._deploy_stack_async)
    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = noted
    app.save_all = lambda _services: keeper.write(keeper.all())
    restore = app._load_persisted_state

    def restored() -> None:
        _restore_own(folder)
        restore()
        unfinished.hand_back()
        loop = asyncio.get_running_loop()
        keeper.running = [loop.create_task(keeper.run())]
        for settle in _cut_off():
            keeper.running.append(loop.create_task(settle))
        # Functions call the account, which must be listening by then.
        loop.call_later(1, unfinished.resume)
        keeper.unwritten = True

    app._load_persisted_state = restored
    return keeper


def _acknowledged(keeper: Keeper, module: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return from a call that may have changed something once the change is written."""
    keys = [key for key, name in app._state_map.items() if name in _with_submodules(module)]
    keys += [key for key, name in app._state_map.items() if name in _HANDS_ON.get(module, ())]

    @functools.wraps(handler)
    async def handled(method: str, path: str, headers: Any, body: Any, query: Any, **more: Any) -> Answer:
        answer = await handler(method, path, headers, body, query, **more)
        if module == "cloudformation" and _finished() - _told:
            # A stack is reported as complete when all of its resources are stored.
            told = _finished()
            await keeper.keep(keeper.all())
            _told.update(told)
        elif not _reads(method, headers, body, query):
            keeper.unwritten = True
            await keeper.keep([*keys, _OWN])
        elif method != "GET":
            keeper.unwritten = True
        return answer

    return handled


def _with_submodules(module: str) -> set[str]:
    found = {module}
    for each in app.SERVICE_REGISTRY.values():
        if each["module"] == module:
            found |= set(each.get("sub_modules", ()))
    return found


def _reads(method: str, headers: Any, body: Any, query: Any) -> bool:
    """Whether a call is read-only, by its name, or by its HTTP method if it has none."""
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    if not target:
        form = body if isinstance(body, bytes) and len(body) < 1_000_000 else b""
        found = re.search(rb"(?:^|&)Action=(\w+)", form) if b"Action=" in form[:1_000_000] else None
        given = query.get("Action") if isinstance(query, dict) else None
        target = found[1].decode() if found else str(given[0] if isinstance(given, list) else given or "")
    return bool(_READS.match(target)) if target else method in ("GET", "HEAD", "OPTIONS")


# The state of services.


def _state(name: str) -> bytes | None:
    """A service's state as its file contains it. None if it has none to store."""
    get = app._build_persistence_save_dict().get(name)
    if get is None:
        return None
    for attempt in range(_ATTEMPTS):
        try:
            state = get()
            if state is None:
                return None
            whole = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
            return json.dumps(whole, default=persistence._json_default).encode()
        except TypeError as error:
            _log.error("The state of %s cannot be kept: %s", name, error)
            return None
        except RuntimeError:  # it changed during the copy
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.005)
    return None


@functools.cache
def _own_modules() -> tuple[ModuleType, ...]:
    import local.account as package

    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    found: list[ModuleType] = []
    for name in names:
        if not name.endswith(("__main__", "keeping")):
            # What runs a model is a process of another virtual environment, and stores nothing here.
            with contextlib.suppress(ModuleNotFoundError):
                found.append(importlib.import_module(name))
    return tuple(found)


def _registries() -> Iterator[tuple[str, str, Any]]:
    """The state of the account's own modules in memory: their dictionaries, sets and lists with lower-case names."""
    for module in _own_modules():
        for name, value in vars(module).items():
            if type(value) in (dict, set, list) and name.islower() and not name.startswith("__"):
                yield module.__name__, name, value


def _own_state() -> bytes:
    kept: dict[tuple[str, str], bytes] = {}
    for module, name, value in _registries():
        # Objects that contain functions or locks are not state.
        with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
            kept[module, name] = _pickled(value)
    return pickle.dumps(kept)


def _pickled(value: Any) -> bytes:
    for attempt in range(_ATTEMPTS):
        try:
            return pickle.dumps(value)
        except RuntimeError:  # it changed while it was written
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.005)
    return b""


def _restore_own(folder: Path) -> None:
    try:
        kept = pickle.loads((folder / _OWN).read_bytes())  # noqa: S301 - a file of the user's own
    except FileNotFoundError:
        return
    for module, name, value in _registries():
        content = kept.get((module, name))
        saved: Any = pickle.loads(content) if content else None  # noqa: S301 - as above
        if type(saved) is not type(value):
            continue
        value.clear()
        value.extend(saved) if isinstance(value, list) else value.update(saved)


def _replace(path: Path, content: bytes) -> None:
    """Write a file atomically, and flush it to disk before it replaces the other."""
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


# Stacks.

#: Stacks that have completed and were reported so, with all of their resources stored.
_told: set[tuple[str, str]] = set()


def _each_stack() -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield from list(cloudformation._stacks._data.items())


def _finished() -> set[tuple[str, str]]:
    return {
        (stack["StackId"], f"{stack['StackStatus']} {stack.get('LastUpdatedTime', '')}")
        for _, stack in _each_stack()
        if not stack["StackStatus"].endswith("_IN_PROGRESS")
    }


def _under_way() -> bool:
    return any(stack["StackStatus"].endswith("_IN_PROGRESS") for _, stack in _each_stack())


def _noted(deploy: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Record with a stack what its rollback needs, while it is deployed."""

    async def deploying(
        stack_name: str, stack_id: str, template: Any, params: Any, disable_rollback: bool, tags: Any, **more: Any
    ) -> None:
        stack = cloudformation._stacks[stack_name]
        previous = more.get("previous_stack")
        stack.setdefault("_resources", {})
        stack["_under_way"] = stacks._failed_operation(
            more.get("is_update", False), previous, [], None, None, [], False, template, params,
            more.get("retain_except_on_create", False), stack.get("Tags"), (previous or {}).get("Tags"),
        )  # fmt: skip
        try:
            await deploy(stack_name, stack_id, template, params, disable_rollback, tags, **more)
        finally:
            stack.pop("_under_way", None)

    return deploying


def _cut_off() -> Iterator[Coroutine[Any, Any, None]]:
    """Complete the stacks whose operations ended with the process."""
    for scope, stack in _each_stack():
        status = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            continue
        _log.warning("%s was %s when the account ended", stack["StackName"], status)
        yield _settle(scope, stack)


async def _settle(scope: tuple[str, ...], stack: dict[str, Any]) -> None:
    name, identifier, status = stack["StackName"], stack["StackId"], stack["StackStatus"]
    with request_scope(scope[0], scope[1]):
        if status == "DELETE_IN_PROGRESS":
            await stacks._delete_stack_async(name, identifier)
        elif "CLEANUP" in status:
            stack["StackStatus"] = status.removesuffix("_CLEANUP_IN_PROGRESS")
            stack.pop("_under_way", None)
        else:
            operation = copy.deepcopy(stack.pop("_under_way", None) or {"is_update": False})
            before = (operation.get("previous_stack") or {}).get("_resources", {})
            operation["created"] = [
                each
                for each, made in stack.get("_resources", {}).items()
                if before.get(each, {}).get("Timestamp") != made.get("Timestamp")
            ]
            await stacks._roll_back_operation(name, identifier, stack, operation, reason_override=_ENDED)

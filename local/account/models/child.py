"""The llama.cpp process that the account owns: started when its model is requested, monitored, stopped by its id."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

from .asked import ModelServerError
from .bundled import BUNDLED, Bundled

_ROOT = Path(__file__).resolve().parents[3]
#: Its own virtual environment: the functions of the account must not find its packages.
PYTHON = _ROOT / ".venv-model" / "bin" / "python"
_PROGRAM = Path(__file__).with_name("llama.py")
#: Interval at which the account checks whether another model is requested, and whether its process runs.
LOOK_SECONDS = 0.2
START_SECONDS = 60
STOP_SECONDS = 5
#: Beside the model file: {"name", "pid", "url", "state": starting | ready | failed, "why", "asked"}.
STATE_FILE = "model-server.json"
LOG_FILE = "model-server.log"


class Child:
    """Runs at most one model process at a time, as the model file requests."""

    def __init__(self, model_file: Path) -> None:
        self.model_file = model_file
        self.state_file = model_file.with_name(STATE_FILE)
        self.log_file = model_file.with_name(LOG_FILE)
        self._process: subprocess.Popen[bytes] | None = None
        #: The request that started the process: its name, and the number of the request in the file.
        self._asked: tuple[str, Any] = ("", None)
        self._url = ""
        self._why = ""
        self._changed = threading.Condition()
        self._ended = threading.Event()

    def start(self) -> None:
        """Follow the model file until :meth:`stop`."""
        self.state_file.unlink(missing_ok=True)
        threading.Thread(target=self._follow, name="model-server", daemon=True).start()

    def stop(self) -> None:
        """Stop the process, and stop following the file."""
        self._ended.set()
        process = self._process
        if process is not None:
            # A start that waits for the model to load holds the lock until it ends.
            with contextlib.suppress(OSError):
                process.terminate()
        with self._changed:
            self._end()
            self.state_file.unlink(missing_ok=True)

    def url(self, name: str, asked: Any) -> str:
        """The address of a model's server, once the model is loaded.

        :param asked: the request for it, as the model file says.
        :raises ModelServerError: if the server does not run.
        """
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            while not (self._asked == (name, asked) and (self._url or self._why)):
                left = deadline - time.monotonic()
                if left <= 0 or self._ended.is_set():
                    raise ModelServerError("ModelNotReadyException", 429, f"{name} is still being loaded")
                self._changed.wait(min(left, 1))
            if self._why:
                raise ModelServerError("ServiceUnavailableException", 503, self._why)
            return f"{self._url}/v1"

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            settings = read(self.model_file)
            wanted = (str(settings.get("run") or ""), settings.get("asked"))
            with self._changed:
                if self._ended.is_set():
                    return
                if wanted != self._asked:
                    self._change(wanted)
                elif self._process is not None and self._process.poll() is not None and not self._why:
                    self._fail(f"{self._asked[0]} has ended ({_how(self._process.returncode)})")

    def _change(self, wanted: tuple[str, Any]) -> None:
        name = wanted[0]
        # A process that already runs the same model continues.
        if name and name == self._asked[0] and self._url and not self._why and self._alive():
            self._asked = wanted
            self._tell("ready")
            self._changed.notify_all()
            return
        self._end()
        self._asked, self._url, self._why = wanted, "", ""
        if not name:
            self.state_file.unlink(missing_ok=True)
        elif name not in BUNDLED:
            self._fail(f"No model {name} is known; choose one of {', '.join(BUNDLED)}")
        elif not PYTHON.exists():
            self._fail(f"{name} is not installed")
        else:
            self._run(name, BUNDLED[name])

    def _run(self, name: str, model: Bundled) -> None:
        command = [str(PYTHON), str(_PROGRAM), "--package", model.package, "--name", name]
        command += ["--context", str(model.context), "--slots", str(model.slots), "--most", str(model.most)]
        kept = {each: os.environ[each] for each in ("PATH", "LANG", "LC_ALL") if each in os.environ}
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.model_file.parent,
                env=kept,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._tell("starting")
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._url = _first_line(self._process.stdout, START_SECONDS)
        if not self._url.startswith("http://127.0.0.1:"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)  # its output is closed shortly before it ends
            code = self._process.poll()
            how = f"not loaded in {START_SECONDS} s" if code is None else _how(code)
            self._end()
            self._fail(f"{name} did not start ({how})")
            return
        self._tell("ready")
        self._changed.notify_all()

    def _fail(self, why: str) -> None:
        words = self.log_file.read_text(errors="replace").splitlines()[-1:] if self.log_file.is_file() else []
        last = f"; its last words: {words[0].strip()[:300]}" if words and "not installed" not in why else ""
        self._url = ""
        self._why = f"{why}{last}. make local MODEL={self._asked[0]} starts it again; its log is {self.log_file}"
        self._tell("failed")
        self._changed.notify_all()

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _tell(self, state: str) -> None:
        pid = self._process.pid if self._process is not None else None
        name, asked = self._asked
        content = {"name": name, "pid": pid, "url": self._url, "state": state, "why": self._why, "asked": asked}
        draft = self.state_file.with_suffix(".draft")
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(self.state_file)


def read(file: Path) -> dict[str, Any]:
    """The content of the model file. Empty if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _first_line(stream: IO[bytes], seconds: float) -> str:
    ready, _, _ = select.select([stream], [], [], seconds)
    return stream.readline().decode(errors="replace").strip() if ready else ""


def _how(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with code {code}"

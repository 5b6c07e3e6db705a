"""Remove everything that was created in this clone: ``make clean``.

It removes the files that git ignores. A local account is stopped first, with every process that it started. The command
needs only the standard library, because the set-up may be missing or incomplete.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .set_up import LOCK, ROOT, alone

#: The cache that all clones of a user share.
CACHE = Path.home() / ".cache" / "aws-genai"
_STOP_SECONDS = 10


def main() -> int:
    """Stop local accounts, remove created files, and list what remains. Return 2 if a file cannot be removed."""
    try:
        with alone():
            told = [*end(homes()), *remove(ROOT)]
    except OSError as error:
        why = f"{error.filename or ROOT} cannot be removed: {error.strerror or error}"
        print(f"{why}. Change its owner, or remove it yourself; then run make clean again.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Run make clean again to continue.", file=sys.stderr)
        return 130
    print("\n".join(told) or "There is nothing to remove.")
    if CACHE.is_dir():
        size = sum(each.stat().st_size for each in CACHE.rglob("*") if each.is_file())
        print(f"{CACHE} stays ({size / 1e6:,.0f} MB), because other clones use it too. To remove it: rm -r {CACHE}")
    return 0


def homes() -> list[Path]:
    """The folders of local accounts that were started in this clone, and the folder that LOCAL_HOME names."""
    named = os.environ.get("LOCAL_HOME")
    return list(dict.fromkeys([*([Path(named)] if named else []), *sorted(ROOT.glob(".local*"))]))


def end(folders: list[Path]) -> Iterator[str]:
    """Stop the accounts of these folders and remove the folders; yield one line for each."""
    for folder in folders:
        # LOCAL_HOME may name any folder. Only a folder that make local created is removed.
        if not (folder / "account.json").is_file() and not (folder / "lock").is_file():
            continue
        ran = any(_runs(pid) for pid in _noted(folder))
        _down(folder)
        for pid in _noted(folder):
            _end(pid)
        _remove(folder)
        yield f"Stopped the local account of {folder}" if ran else f"Removed {folder}"


def _down(folder: Path) -> None:
    """Stop an account with the local account's command, which knows every process, if it is installed."""
    python = ROOT / ".venv" / "bin" / "python"
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [str(python), "-B", "-m", "local", "down"],
            cwd=ROOT,
            env={**os.environ, "LOCAL_HOME": str(folder.resolve())},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )


def _noted(folder: Path) -> list[int]:
    """The process ids in the files of an account's folder."""
    found: list[int] = []
    for file in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            content = json.loads(file.read_text(encoding="utf-8"))
            found += [value for key, value in content.items() if key.endswith("pid") and isinstance(value, int)]
    return [pid for pid in dict.fromkeys(found) if pid > 1]


def _runs(pid: int) -> bool:
    """Whether a local account started the process. Its id may have been reused for another process."""
    proc = Path(f"/proc/{pid}/cmdline")
    try:
        if proc.parent.parent.is_dir():
            command = proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        else:
            shown = ["ps", "-p", str(pid), "-o", "command="]
            command = subprocess.run(shown, capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return "local." in command or "llama" in command


def _end(pid: int) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while _runs(pid):
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.2)


def remove(root: Path) -> Iterator[str]:
    """Remove the files of a folder that git ignores. Yield one line for each path, and one for all caches of Python."""
    patterns = _patterns(root)
    quiet = 0
    for path in list(_ignored(root, patterns)):
        _remove(path)
        if path.name == LOCK:
            continue
        if path.parent == root or path.name == "node_modules":
            yield f"Removed {path.relative_to(root)}"
        else:
            quiet += 1
    if quiet:
        yield f"Removed {quiet} other folders and files"


def _patterns(root: Path) -> list[str]:
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    return [line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith(("#", "!"))]


def _ignored(folder: Path, patterns: list[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name == ".git":
            continue
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns):
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _ignored(path, patterns)


def _remove(path: Path) -> None:
    """Remove a file, a folder with its contents, or a symbolic link without its target."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


if __name__ == "__main__":
    sys.exit(main())

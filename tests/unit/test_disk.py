"""A disk that refuses is told in one line with what to do, whoever wrote: this project, or Node.js for it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import __main__ as verbs
from local.home import Home
from settings import told
from settings.disk import refused, replace
from tests.conftest import ROOT

KINDS = [
    (errno.ENOSPC, "no space is left on the disk. Free some"),
    (errno.EDQUOT, "the quota of the disk is spent. Free some"),
    (errno.EROFS, "the disk is read-only. Choose a folder that can be written"),
    (errno.EACCES, "permission is denied. Make it yours"),
    (errno.EPERM, "that is not permitted. Make it yours"),
    (errno.EIO, "the disk failed."),
    (errno.ENOTDIR, "a part of the path is no folder."),
    (errno.ENAMETOOLONG, "the name is too long for the disk."),
]


def failing(number: int, file: str | None = "/x/it's here") -> OSError:
    return OSError(number, os.strerror(number), file) if file else OSError(number, os.strerror(number))


@pytest.mark.parametrize(("number", "said"), KINDS)
@pytest.mark.parametrize("then", ["", "Nothing may be deployed."])
def test_each_refusal_is_one_line(number: int, said: str, then: str, capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> int:
        raise failing(number)

    assert told(write, then=then) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"/x/it's here: {said}")
    assert printed.err.endswith(f"{then}\n")
    assert len(printed.err.splitlines()) == 1
    assert "Errno" not in printed.err


def test_a_file_that_has_no_name_is_told_too() -> None:
    assert (
        refused(failing(errno.ENOSPC, None))
        == "No space is left on the disk. Free some, then run the same command again."
    )
    assert refused(failing(errno.ENOENT, "/x/y")).startswith("/x/y is not there.")
    assert refused(OSError(errno.ENOSPC, "x", "/from", None, "/to")).startswith("/to: no space")


@pytest.mark.parametrize(
    "error", [OSError("odd"), ConnectionRefusedError(111, "refused"), TimeoutError(), ValueError("no")]
)
def test_what_is_no_refusal_of_a_disk_is_left_to_others(error: Exception) -> None:
    assert refused(error) == ""


@pytest.mark.parametrize(
    ("said", "told_as"),
    [
        ("ENOSPC: no space left on device, write", "No space is left on the disk."),
        ("Error: EROFS: read-only file system, mkdir '/o/it's mine'", "/o/it's mine: the disk is read-only."),
        ("@jsii/kernel.RuntimeError: Error: ENOSPC: no space left on device, copyfile '/c/a.zip' -> '/o/a.zip'\n  at x", "/o/a.zip: no space"),
        ("EACCES: permission denied, open '/o/a'", "/o/a: permission is denied."),
    ],
)  # fmt: skip
def test_node_says_the_same(said: str, told_as: str) -> None:
    assert refused(RuntimeError(said)).startswith(told_as)


def test_output_that_cannot_be_written_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    code = "import sys; from settings import told; sys.exit(told(lambda: print('x' * 100_000) or 0))"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "No space is left on the disk. Free some, then run the same command again.\n"


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    code = "import sys; from settings import told; sys.exit(told(lambda: print('x\\n' * 1_000_000) or 0))"
    shown = f'"{sys.executable}" -c "{code}" | head -1'
    done = subprocess.run(["sh", "-c", shown], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("x\n", "")


def _full(*_arguments: Any, **_more: Any) -> Any:
    raise failing(errno.ENOSPC)


@pytest.mark.parametrize("method", ["mkdir", "touch", "write_text", "replace"])
def test_a_file_of_the_account_is_whole_or_as_it_was(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.write(home.user, {"email": "before"})
    with monkeypatch.context() as patched:
        patched.setattr(Path, method, _full)
        with pytest.raises(OSError, match="No space"):
            home.write(home.user, {"email": "after"})
    assert home.read(home.user) == {"email": "before"}
    assert [each.name for each in tmp_path.iterdir()] == ["user.json"]


def test_a_generated_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "data.json"
    replace(file, "before")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", _full)
        with pytest.raises(OSError, match="No space"):
            replace(file, b"after")
    assert (file.read_text(), [each.name for each in tmp_path.iterdir()]) == ("before", ["data.json"])


@pytest.mark.parametrize(("number", "said"), KINDS[:4])
def test_a_verb_of_the_account_ends_with_one_line(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, make = tmp_path / "home", Path.mkdir

    def mkdir(self: Path, *arguments: Any, **more: Any) -> None:
        if self == home:
            raise failing(number, str(home))
        make(self, *arguments, **more)

    monkeypatch.setenv("LOCAL_HOME", str(home))
    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert verbs.main(["up", "--environment", "dev"]) == 2
    assert capsys.readouterr().err.startswith(f"{home}: {said}")
    assert not home.exists()


def test_every_program_tells_what_goes_wrong() -> None:
    entries: Callable[[str], list[Path]] = lambda folder: sorted((ROOT / folder).glob("*.py"))  # noqa: E731
    for path in (*entries("operations"), ROOT / "local" / "__main__.py", ROOT / "app.py"):
        text = path.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in text and path.name not in ("set_up.py", "clean.py"):
            assert "sys.exit(told(main" in text, path

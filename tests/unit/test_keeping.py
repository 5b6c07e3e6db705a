"""What the local account keeps on disk, without an account: in its own environment, where the emulator is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local import emulator
from local.home import ROOT

SET_UP = """
import asyncio, os, pathlib, sys
from local.account import keeping, strict, sign_in
folder = pathlib.Path(sys.argv[1])
"""


def run(program: str, folder: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PERSIST_STATE": "1", "STATE_DIR": str(folder), "S3_DATA_DIR": str(folder)}
    done = subprocess.run(
        [str(emulator.PYTHON), "-c", SET_UP + program, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not emulator.PYTHON.exists():
        pytest.skip("the local account is not installed")


def test_what_the_modules_keep_in_memory_comes_back(tmp_path: Path) -> None:
    run(
        """
strict._taken.add(("000000000000", "us-east-1", "AWS::SQS::Queue", "mine"))
sign_in._enrolling["session"] = ("pool", "you")
keeping.Keeper(folder).write([keeping._OWN])
strict._taken.clear(); sign_in._enrolling.clear()
held = strict._taken
keeping._restore_own(folder)
assert held == {("000000000000", "us-east-1", "AWS::SQS::Queue", "mine")}
assert sign_in._enrolling == {"session": ("pool", "you")}
""",
        tmp_path,
    )


@pytest.mark.parametrize(
    ("call", "reads"),
    [
        ("'POST', {'x-amz-target': 'DynamoDB_20120810.GetItem'}, b'{}', {}", True),
        ("'POST', {'x-amz-target': 'DynamoDB_20120810.PutItem'}, b'{}', {}", False),
        ("'POST', {}, b'Action=DescribeStacks&Version=1', {}", True),
        ("'POST', {}, b'Version=1&Action=CreateStack', {}", False),
        ("'GET', {}, b'', {'Action': ['ListUsers']}", True),
        ("'GET', {}, b'', {'Action': ['DeleteUser']}", False),
        ("'GET', {}, b'', {}", True),
        ("'HEAD', {}, b'', {}", True),
        ("'PUT', {}, b'Action', {}", False),
        ("'DELETE', {}, b'', {}", False),
        ("'POST', {}, b'{}', {}", False),
    ],
)
def test_calls_that_change_something_are_told_from_others(tmp_path: Path, call: str, reads: bool) -> None:
    run(f"assert keeping._reads({call}) is {reads}", tmp_path)


def test_a_round_serves_all_who_asked_before_it_began(tmp_path: Path) -> None:
    run(
        """
async def many():
    keeper, rounds = keeping.Keeper(folder), []
    keeper.write = lambda names: rounds.append(set(names))
    await asyncio.gather(*(keeper.keep([name]) for name in ("s3", "sqs", "s3")))
    await keeper.keep(["iam"])
    assert rounds == [{"s3", "sqs"}, {"iam"}], rounds
asyncio.run(many())
""",
        tmp_path,
    )


def test_what_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    run(
        """
async def full():
    keeper = keeping.Keeper(folder / "absent")
    async def handler(*_): return 200, {}, b""
    acknowledged = keeping._acknowledged(keeper, "sqs", handler)
    await acknowledged("GET", "/", {}, b"", {})
    try:
        await acknowledged("POST", "/", {"x-amz-target": "AmazonSQS.SendMessage"}, b"{}", {})
    except OSError:
        return
    raise AssertionError("acknowledged")
asyncio.run(full())
""",
        tmp_path,
    )


def test_stacks_are_written_last(tmp_path: Path) -> None:
    """A stack that names what is not there is deleted well; what is there and no stack names would stay."""
    run(
        """
written = []
keeping._state = lambda name: written.append(name) or name.encode()
keeping._own_state = lambda: written.append("local") or b"own"
keeping.Keeper(folder).write({"sqs", "cloudformation", "local", "iam"})
assert written == ["iam", "sqs", "local", "cloudformation"], written
""",
        tmp_path,
    )

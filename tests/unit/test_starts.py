"""Environments of functions start one after the other, in the account's own environment."""

from __future__ import annotations

import subprocess

import pytest

from local import emulator
from local.home import ROOT

PROGRAM = """
import threading, time
from local.account import starts
now, most, lock = 0, 0, threading.Lock()
def start(number):
    global now, most
    with lock:
        now += 1; most = max(most, now)
    time.sleep(0.05)
    with lock:
        now -= 1
    if number == 3:
        raise RuntimeError("it does not start")
    return number
turned = starts.in_turn(start, threading.BoundedSemaphore(2))
def call(number):
    try: turned(number)
    except RuntimeError: pass
threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
assert most == 2, most
starts.MOST_SECONDS = 0.1
held = threading.BoundedSemaphore(1); held.acquire()
assert starts.in_turn(start, held)(7) == 7
"""


def test_few_start_at_a_time_and_none_waits_for_ever() -> None:
    if not emulator.PYTHON.exists():
        pytest.skip("the local account is not installed")
    done = subprocess.run(
        [str(emulator.PYTHON), "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr

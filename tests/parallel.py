"""Run the tests in two processes at a time: ``python -m tests.parallel``, as ``make test`` does.

What waits for a local account leaves a processor to what computes. Each part has one process of jsii and, if it needs
one, an account of its own. ``pytest`` alone runs all of it one after the other.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / "tests" / "local"
#: Tests of the local account that deploy, end and restart accounts, which take as long as all others.
DEPLOYING = ("customization", "deploy", "destroy", "faults", "model_import", "twins", "updates")
AT_ONCE = 2


def parts() -> dict[str, list[str]]:
    """The arguments of pytest for each part, the longest first."""
    files = sorted(LOCAL.glob("test_*.py"))
    deploying = [file for file in files if file.stem.removeprefix("test_") in DEPLOYING]
    asking = [file for file in files if file not in deploying]
    return {
        "deploys of the local account": [str(file) for file in deploying],
        "all but the local account": ["tests", f"--ignore={LOCAL}"],
        "the local account": [str(file) for file in asking],
    }


def main(options: list[str]) -> int:
    """Run every part and show what each said; 0 if all passed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda part: _run(part[0], [*part[1], *options]), parts().items()))
    return max(codes)


def _run(name: str, arguments: list[str]) -> int:
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        code = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
        _show(f"{name}: {'passed' if code == 0 else 'failed'} in {time.monotonic() - began:.0f} s", output)
    return code


def _show(title: str, output: IO[str]) -> None:
    output.seek(0)
    # One write, so that parts do not mix.
    print(f"\n=== {title}\n{output.read()}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Reads a document in a separate process, so that malicious content cannot block or crash the function.

The process has no credentials. The operating system limits its time and memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from .pieces import Extracted, Piece, SlowError, UnreadableError
from .reading import extract

#: Formats that are read in this process, with their maximum size in bytes: they do not expand.
_PLAIN = {"txt": 1 << 26, "csv": 1 << 26, "md": 1 << 16, "html": 1 << 16}
#: Exit codes of the process for a document that cannot be read.
REFUSED, TOO_SLOW = 3, 4
_LARGE = "it takes too much memory to read: split it, or save it in a simpler format"


def extract_apart(key: str, content: bytes, *, seconds: float = 60, mebibytes: int = 900) -> Extracted:
    """Returns the text of a document, like :func:`extract`, and always ends in time.

    :param seconds: maximum number of seconds.
    :param mebibytes: maximum address space of the process, in MiB.
    :raises UnreadableError: as :func:`extract` does.
    """
    if len(content) <= _PLAIN.get(key.rpartition(".")[2].lower(), -1):
        return extract(key, content, seconds=seconds)
    # Only variables that locate modules and libraries are passed on, and no credentials.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    kept |= {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", str(__package__), key, str(seconds), str(mebibytes)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the key is one argument
            command, input=content, capture_output=True, env=kept, timeout=seconds + 5, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SlowError from error
    except ValueError as error:
        raise UnreadableError("its name contains a character that is not valid in file names") from error
    if done.returncode == REFUSED:
        raise UnreadableError(done.stdout.decode("utf-8", errors="replace"))
    if done.returncode in (TOO_SLOW, -24, -9):
        raise SlowError
    if done.returncode:
        broken = b"ModuleNotFoundError" in done.stderr or b"No module named" in done.stderr
        if broken:
            # An error of the deployment, not of the document.
            raise RuntimeError(done.stderr.decode("utf-8", errors="replace")[-500:])
        raise UnreadableError(_LARGE if b"Memory" in done.stderr else "it cannot be processed: save it again")
    return Extracted(tuple(Piece(*each) for each in json.loads(done.stdout)))

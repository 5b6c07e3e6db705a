"""Reads a document in a process of its own, which hostile content can slow down, fill or end without harm.

The process has no credentials, and limits of time and memory that the operating system keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from .pieces import Extracted, Piece, SlowError, UnreadableError
from .reading import extract

#: Kinds that are read at once, up to so many bytes: nothing in them unfolds, or nothing that takes long.
_PLAIN = {"txt": 1 << 26, "csv": 1 << 26, "md": 1 << 16, "html": 1 << 16}
#: How the process says that a document cannot be read.
REFUSED, TOO_SLOW = 3, 4
_LARGE = "it takes too much memory to read: split it, or save it anew in a simpler form"


def extract_apart(key: str, content: bytes, *, seconds: float = 60, mebibytes: int = 900) -> Extracted:
    """As :func:`extract`, and it ends in time whatever the document is.

    :param seconds: how long it may take.
    :param mebibytes: address space that it may take.
    :raises UnreadableError: as :func:`extract` does.
    """
    if len(content) <= _PLAIN.get(key.rpartition(".")[2].lower(), -1):
        return extract(key, content, seconds=seconds)
    # Nothing of the environment goes along but where modules are.
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
        raise UnreadableError("its name holds a character that no file has") from error
    if done.returncode == REFUSED:
        raise UnreadableError(done.stdout.decode("utf-8", errors="replace"))
    if done.returncode in (TOO_SLOW, -24, -9):
        raise SlowError
    if done.returncode:
        broken = b"ModuleNotFoundError" in done.stderr or b"No module named" in done.stderr
        if broken:
            # The fault is ours, and not the document's.
            raise RuntimeError(done.stderr.decode("utf-8", errors="replace")[-500:])
        raise UnreadableError(_LARGE if b"Memory" in done.stderr else "it ends whoever reads it: save it anew")
    return Extracted(tuple(Piece(*each) for each in json.loads(done.stdout)))

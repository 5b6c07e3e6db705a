"""The process that a document is read in: its name, seconds and MiB as arguments, its content on the input."""

from __future__ import annotations

import json
import math
import sys

from .apart import REFUSED, TOO_SLOW
from .pieces import SlowError, UnreadableError
from .reading import extract


def main(key: str, seconds: float, mebibytes: int) -> int:
    """Read one document and tell its pieces as JSON."""
    _limit(seconds, mebibytes)
    try:
        found = extract(key, sys.stdin.buffer.read(), seconds=seconds)
        told = json.dumps([[each.text, each.hidden, each.where] for each in found.pieces])
    except SlowError:
        return TOO_SLOW
    except UnreadableError as error:
        sys.stdout.write(str(error))
        return REFUSED
    except MemoryError:
        sys.stdout.write("it takes too much memory to read: split it, or save it anew in a simpler form")
        return REFUSED
    sys.stdout.write(told)
    return 0


def _limit(seconds: float, mebibytes: int) -> None:
    try:
        import resource
    except ImportError:  # where there are no such limits, time is bounded from outside
        return
    for kind, most in ((resource.RLIMIT_AS, mebibytes * 1024 * 1024), (resource.RLIMIT_CPU, math.ceil(seconds) + 2)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or most < hard:
            try:
                resource.setrlimit(kind, (most, most))
            except (ValueError, OSError):
                # An operating system may know the limit and not keep it.
                continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))

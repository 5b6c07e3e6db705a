"""The process that reads a document. Arguments: name, seconds and MiB; the content is read from the standard input."""

from __future__ import annotations

import json
import math
import sys

from .apart import REFUSED, TOO_SLOW
from .pieces import SlowError, UnreadableError
from .reading import extract


def main(key: str, seconds: float, mebibytes: int) -> int:
    """Reads one document and writes its pieces as JSON."""
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
        sys.stdout.write("it takes too much memory to read: split it, or save it in a simpler format")
        return REFUSED
    sys.stdout.write(told)
    return 0


def _limit(seconds: float, mebibytes: int) -> None:
    try:
        import resource
    except ImportError:  # not available on Windows, where only the parent process limits the time
        return
    for kind, most in ((resource.RLIMIT_AS, mebibytes * 1024 * 1024), (resource.RLIMIT_CPU, math.ceil(seconds) + 2)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or most < hard:
            try:
                resource.setrlimit(kind, (most, most))
            except (ValueError, OSError):
                # An operating system may define the limit without enforcing it.
                continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))

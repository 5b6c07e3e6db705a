"""Run a client's script and its checks, with no host but this one in reach: ``python run.py with_boto3.py``."""

from __future__ import annotations

import json
import runpy
import sys
from typing import Any

import checks

#: Which hosts were asked for beside this one, by their names or addresses.
others: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every other host, at imports too. https://docs.python.org/3/library/audit_events.html"""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name not in ("localhost", "::1") and not name.startswith("127."):
        others.append(name)
        raise OSError(f"{name} is not this host")


sys.addaudithook(watch)
runpy.run_path(sys.argv[1])
checks.run()
print(json.dumps({"others": sorted(set(others))}), flush=True)

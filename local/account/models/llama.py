"""Serve a model from a Python package with llama.cpp on loopback. The account runs this with .venv-model's Python.

It prints its address once the model is loaded, and ends when its standard input does: the account holds the other end,
so that no process remains however the account ends. It imports nothing from the project.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import threading
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found]  # it is in .venv-model alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", required=True, help="the package that brings the weights")
    parser.add_argument("--name", required=True, help="the model's name in /v1/models")
    parser.add_argument("--context", type=int, required=True, help="tokens of a conversation")
    parser.add_argument("--slots", type=int, required=True, help="conversations at once; more wait")
    parser.add_argument("--most", type=int, required=True, help="tokens of an answer whose request sets no limit")
    options = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = str(_weights(options.package))
    params.model_alias = {options.name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.n_predict = options.most
    # Waiting threads spin: on a busy machine, one core less is faster. Reading a prompt uses all cores.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    params.cpuparams.n_threads = max(1, min(8, cores - 1))
    params.cpuparams_batch.n_threads = max(1, min(8, cores))
    # The values that the model card recommends. A request may set others.
    params.sampling.temp = 0.2
    params.sampling.top_p = 0.9
    params.cache_ram_mib = 0
    params.ui = False
    params.n_gpu_layers = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Thread(target=_follow, daemon=True).start()
    threading.Event().wait()
    return 0


def _weights(package: str) -> Path:
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found else None
    weights = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
    if not weights:
        sys.exit(f"{package} brings no weights")
    return weights[0]


def _follow() -> None:
    """Exit when the account does."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

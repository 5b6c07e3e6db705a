"""Vectors of texts, from the user's model server or from the bundled word vectors, and similarity of texts."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import words
from .models import configured
from .models.asked import ModelServerError

#: Number of texts in one request to a server.
_BATCH = 64
#: Seconds before a server without embeddings is tried again, and one that failed.
_LASTING_SECONDS, _REST_SECONDS = 600.0, 30.0


@dataclass(frozen=True)
class Vectors:
    """Vectors of texts, not yet in a model's dimension.

    :param space: the source of the vectors: those of two sources cannot be compared.
    :param rows: one vector per text, of length 1 unless the text is empty.
    """

    space: str
    rows: Any


_unserved: dict[tuple[str, str], float] = {}
_unserved_lock = threading.Lock()


def of_texts(texts: Sequence[str]) -> Vectors:
    """Vectors of texts, from the user's server if it supports embeddings."""
    np = words.numpy()
    found = _served(texts)
    if found is not None:
        return found
    rows = np.array([words.of_text(text) for text in texts], dtype="float32").reshape(len(texts), words.SIZE)
    return Vectors(words.source().name, words.unit(rows))


def _served(texts: Sequence[str]) -> Vectors | None:
    settings = configured.settings()
    url = str(settings.get("url") or "").rstrip("/")
    if not url or not texts:
        return None
    key = (url, str(settings.get("embedding_model") or settings.get("model") or ""))
    if _unserved.get(key, 0.0) > time.monotonic():
        return None
    wait = float(settings.get("timeout_seconds", 20))
    try:
        model = key[1] or configured.first_model(url, wait)
        batches = (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
        rows = [row for batch in batches for row in _ask(url, model, batch, wait)]
        return Vectors(f"{url} {model}", words.unit(_table(rows)))
    except (ModelServerError, KeyError, TypeError, ValueError) as error:
        # A server without embeddings returns an error at once; a busy one is tried again.
        lasting = not isinstance(error, ModelServerError) or error.code in _LASTING
        with _unserved_lock:
            _unserved[key] = time.monotonic() + (_LASTING_SECONDS if lasting else _REST_SECONDS)
        return None


#: Errors of a server without embeddings.
_LASTING = ("ResourceNotFoundException", "ModelErrorException", "ValidationException")


def _ask(url: str, model: str, texts: Sequence[str], wait: float) -> list[list[float]]:
    """https://platform.openai.com/docs/api-reference/embeddings"""
    answered = configured.call("POST", f"{url}/embeddings", wait, {"model": model, "input": list(texts)})
    data = sorted(answered["data"], key=lambda each: int(each["index"]))
    if len(data) != len(texts):
        raise ValueError("as many vectors as texts were expected")
    return [each["embedding"] for each in data]


def _table(rows: list[list[float]]) -> Any:
    np = words.numpy()
    table = np.array(rows, dtype="float32")
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError("vectors of one length were expected")
    return table


def relevance(query: str, texts: Sequence[str]) -> list[float]:
    """The score of each text for a query, from 0 to 1: as a whole, and word by word, weighted by rarity."""
    np = words.numpy()
    if not texts:
        return []
    rows = of_texts([query, *texts]).rows
    whole = rows[1:] @ rows[0]
    asked = list(dict.fromkeys(words.telling(words.split(query))))
    if not asked:
        return [_share(float(each)) for each in whole]
    wanted = np.array([words.of_word(word) for word in asked])
    weights = np.array([words.rarity(word) for word in asked]) + 1e-6
    scores = []
    for text, alike in zip(texts, whole, strict=True):
        held = list(dict.fromkeys(words.split(text)))
        known = np.array([words.of_word(word) for word in held]).reshape(-1, words.SIZE)
        best = (known @ wanted.T).max(axis=0, initial=0)
        scores.append((float(alike) + float((np.clip(best, 0, 1) ** 2 @ weights) / weights.sum())) / 2)
    return [_share(each) for each in scores]


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 6)

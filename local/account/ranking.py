"""Ranks chunks by how well they answer a question.

A static embedding represents words and not sentences, so three similarities have equal weight: of the unchanged texts,
of the texts with each word weighted by its rarity among the chunks, and of each word of the question with the most
similar one in the chunk. With the user's own embedding model, only the similarity of its vectors counts.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

from . import vectors, words

#: Vectors of chunks that are cached, so that a chunk is embedded once.
_KEPT = 20_000
_vectors: OrderedDict[tuple[str, str], Any] = OrderedDict()
_keeping = threading.Lock()
#: Weight of an exact word in a hybrid search, and BM25's constants:
#: https://docs.opensearch.org/latest/search-plugins/keyword-search/
_WORDS_SHARE, _SATURATION, _LENGTH = 0.3, 1.2, 0.75


def embedded(texts: Sequence[str]) -> vectors.Vectors:
    """Vectors of texts. Cached vectors are not computed again."""
    np = words.numpy()
    if not texts:
        return vectors.Vectors(words.source().name, np.zeros((0, words.SIZE), dtype="float32"))
    space = vectors.of_texts(texts[:1]).space
    known = {text: row for text in texts if (row := _vectors.get((space, text))) is not None}
    new = list(dict.fromkeys(text for text in texts if text not in known))
    if new:
        made = vectors.of_texts(new)
        if made.space != space:  # the server stopped meanwhile
            return vectors.of_texts(texts)
        known |= dict(zip(new, made.rows, strict=True))
        with _keeping:
            _vectors.update({(space, text): known[text] for text in new})
            while len(_vectors) > _KEPT:
                _vectors.popitem(last=False)
    return vectors.Vectors(space, np.array([known[text] for text in texts]))


class Ranking:
    """Chunks of one knowledge base, prepared for search."""

    def __init__(self, texts: Sequence[str]) -> None:
        np = words.numpy()
        found = embedded(texts)
        self.space, self.rows = found.space, found.rows
        counted = [Counter(words.telling(words.split(text))) for text in texts]
        self._held = [sum(each.values()) for each in counted]
        in_chunks = Counter(word for each in counted for word in each)
        self._rare = {word: _rare(len(texts), number) for word, number in in_chunks.items()}
        self._unknown = _rare(len(texts), 0)
        places = {word: place for place, word in enumerate(in_chunks)}
        self._vocabulary = np.array([words.of_word(word) for word in places]).reshape(-1, words.SIZE)
        # The rows of the vocabulary in each chunk.
        self._words = [[places[word] for word in each] for each in counted]
        self._counts = counted
        weighted = [
            sum(
                ((1 + math.log(number)) * self._rare[word] * words.of_word(word) for word, number in each.items()),
                np.zeros(words.SIZE),
            )
            for each in counted
        ]
        self._weighted = words.unit(np.array(weighted).reshape(-1, words.SIZE))

    def scores(self, question: str, *, hybrid: bool = False) -> list[float]:
        """The score of each chunk for a question, from 0 to 1.

        :param hybrid: whether exact keyword matches count beside similar meaning.
        """
        np = words.numpy()
        if not self._held:
            return []
        asked = vectors.of_texts([question])
        if asked.space != self.space:
            # Another server, or none any more: the chunks are embedded again.
            raise StaleError
        alike = np.clip(self.rows @ asked.rows[0], 0, 1)
        own = list(dict.fromkeys(words.telling(words.split(question))))
        if self.space in ("wordllama", "letters") and own:
            alike = (alike + self._by_weight(own, question) + self._by_word(own)) / 3
        if hybrid and own:
            alike = (1 - _WORDS_SHARE) * alike + _WORDS_SHARE * self._by_same_word(own)
        return [round(float(each), 6) for each in alike]

    def _weight(self, word: str) -> float:
        return self._rare.get(word, self._unknown)

    def _by_weight(self, own: Sequence[str], question: str) -> Any:
        np = words.numpy()
        counts = Counter(words.split(question))
        made = sum(
            ((1 + math.log(counts[word])) * self._weight(word) * words.of_word(word) for word in own),
            np.zeros(words.SIZE),
        )
        return np.clip(self._weighted @ words.unit(made), 0, 1)

    def _by_word(self, own: Sequence[str]) -> Any:
        np = words.numpy()
        wanted = np.array([words.of_word(word) for word in own])
        weights = np.array([self._weight(word) * words.rarity(word) for word in own]) + 1e-6
        near = np.clip(self._vocabulary @ wanted.T, 0, 1) ** 2
        best = np.array([near[places].max(axis=0) if places else np.zeros(len(own)) for places in self._words])
        return best @ weights / weights.sum()

    def _by_same_word(self, own: Sequence[str]) -> Any:
        np = words.numpy()
        usual = sum(self._held) / len(self._held) or 1.0
        found = []
        for counts, held in zip(self._counts, self._held, strict=True):
            long = _SATURATION * (1 - _LENGTH + _LENGTH * held / usual)
            found.append(
                sum(self._weight(word) * counts[word] * (_SATURATION + 1) / (counts[word] + long) for word in own)
            )
        most = sum(self._weight(word) for word in own) * (_SATURATION + 1)
        return np.array(found) / (most or 1.0)


class StaleError(Exception):
    """The chunks were embedded by another model than the question."""


def _rare(chunks: int, holding: int) -> float:
    return math.log(1 + (chunks - holding + 0.5) / (holding + 0.5))

"""The location of new documents."""

from __future__ import annotations

from dataclasses import dataclass

from .names import INCOMING


@dataclass(frozen=True)
class Incoming:
    """The location of documents before they are screened.

    :param bucket: the bucket of the knowledge base, or an existing bucket.
    :param prefix: prefix of their keys. The rest of a key is the name of the document.
    """

    bucket: str
    prefix: str = INCOMING

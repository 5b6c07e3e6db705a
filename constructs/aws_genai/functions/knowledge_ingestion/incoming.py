"""Where documents come from."""

from __future__ import annotations

from dataclasses import dataclass

from .names import INCOMING


@dataclass(frozen=True)
class Incoming:
    """The place of documents before they are screened.

    :param bucket: the knowledge base's own bucket, or an existing one.
    :param prefix: beginning of their keys; a document's name is the rest.
    """

    bucket: str
    prefix: str = INCOMING

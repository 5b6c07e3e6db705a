"""Extracts the text of documents, and separately the hidden text that people do not see but models read."""

from __future__ import annotations

from .apart import extract_apart
from .pieces import Extracted, Piece, SlowError, UnreadableError
from .reading import READ, extract

__all__ = ["READ", "Extracted", "Piece", "SlowError", "UnreadableError", "extract", "extract_apart"]

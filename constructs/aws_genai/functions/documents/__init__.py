"""Makes text of documents: what people see, and apart from it what they do not see and models read."""

from __future__ import annotations

from .apart import extract_apart
from .pieces import Extracted, Piece, UnreadableError
from .reading import READ, extract

__all__ = ["READ", "Extracted", "Piece", "UnreadableError", "extract", "extract_apart"]

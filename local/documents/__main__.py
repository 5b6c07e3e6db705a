"""Write the handbook's binary documents, with the same bytes each time: ``python -m local.documents``."""

from __future__ import annotations

from .files import FOLDER, made

if __name__ == "__main__":
    for name, content in made().items():
        (FOLDER / name).write_bytes(content)

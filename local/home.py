"""Where the local account keeps what it has to remember: ``.local`` in the project, gone with ``make local-down``."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class LocalError(Exception):
    """Something that the user can put right; its message says how."""


class Home:
    """The folder of one local account."""

    def __init__(self, folder: Path | None = None) -> None:
        # Absolute, for programs that run elsewhere read its files, and commands are pasted anywhere.
        self.folder = (folder or Path(os.environ.get("LOCAL_HOME") or ROOT / ".local")).absolute()
        self.account = self.folder / "account.json"
        self.log = self.folder / "account.log"
        self.model = self.folder / "model.json"
        self.user = self.folder / "user.json"
        self.users = self.folder / "users"
        self.deployed = self.folder / "deployed.json"
        self.temporary = self.folder / "tmp"
        self.state = self.folder / "state"
        self.kept = self.folder / "kept.json"
        self.assembly = self.folder / "cdk.out"
        self.cdk_log = self.folder / "cdk.log"

    @property
    def keeps(self) -> bool:
        """Whether the account keeps its state in the folder over its end: ``LOCAL_KEEP=1``."""
        return self.kept.exists()

    def read(self, file: Path) -> dict[str, Any]:
        """The content of one of the files above; empty if there is none."""
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return content

    def write(self, file: Path, content: dict[str, Any]) -> None:
        """Replace one of the files above whole, readable by its owner alone."""
        self.write_text(file, json.dumps(content, indent=2))

    def write_text(self, file: Path | str, content: str) -> None:
        """Replace a file below the folder whole, readable by its owner alone."""
        whole = self.folder / file
        whole.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = whole.with_name(f"{whole.name}.draft")
        draft.unlink(missing_ok=True)  # of a process that was killed, whoever may read it
        try:
            draft.touch(mode=0o600)
            draft.write_text(content, encoding="utf-8")
            draft.replace(whole)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

"""Where the local account stores its files: ``.local`` in the project, which ``make local-down`` removes."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class LocalError(Exception):
    """An error that the user can correct. Its message says how."""


class Home:
    """The folder of one local account."""

    def __init__(self, folder: Path | None = None) -> None:
        # Absolute, since programs that run elsewhere read its files, and users paste commands anywhere.
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
        """Whether the account stores its state in the folder beyond its end: ``LOCAL_KEEP=1``."""
        return self.kept.exists()

    def read(self, file: Path) -> dict[str, Any]:
        """The content of one of the files above. Empty if there is none."""
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return content

    def write(self, file: Path, content: dict[str, Any]) -> None:
        """Replace one of the files above atomically, readable by its owner only."""
        self.write_text(file, json.dumps(content, indent=2))

    def write_text(self, file: Path | str, content: str) -> None:
        """Replace a file below the folder atomically, readable by its owner only."""
        whole = self.folder / file
        whole.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = whole.with_name(f"{whole.name}.draft")
        draft.unlink(missing_ok=True)  # left by a killed process, with any permissions
        try:
            draft.touch(mode=0o600)
            draft.write_text(content, encoding="utf-8")
            draft.replace(whole)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

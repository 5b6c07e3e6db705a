"""Messages for errors of the file system: no space left, read-only, permission denied."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

#: The problem and what to do about it, by the name of the error.
_TOLD = {
    "EACCES": ("permission is denied", "Make it yours: it has to be readable and writable"),
    "EDQUOT": ("the quota of the disk is spent", "Free some space, then run the same command again"),
    "EFBIG": ("the file would be larger than the disk takes", "Choose another disk"),
    "EIO": ("the disk failed", "Look at the system's log, or choose another disk"),
    "EMFILE": ("too many files are open", "Raise the limit (ulimit -n), then run the same command again"),
    "ENAMETOOLONG": ("the name is too long for the disk", "Choose a shorter folder or name"),
    "ENFILE": ("too many files are open on this machine", "End other programs, then run the same command again"),
    "ENOENT": ("is not there", "Look at the name, or run make setup"),
    "ENOSPC": ("no space is left on the disk", "Free some, then run the same command again"),
    "ENOTDIR": ("a part of the path is no folder", "Choose another folder"),
    "EPERM": ("that is not permitted", "Make it yours: it has to be writable"),
    "EROFS": ("the disk is read-only", "Choose a folder that can be written, or mount the disk for writing"),
}
#: How Node.js reports the same errors: https://nodejs.org/api/errors.html#common-system-errors
_NODE = re.compile(rf"\b({'|'.join(_TOLD)}): [^,\n]*, \w+(?: '(.*?)'(?: -> '(.*?)')?(?=$|\n))?")


def refused(error: BaseException) -> str:
    """Return a message with the file, the problem and what to do; empty for any other error.

    Errors of Node.js are handled too, because the CDK writes files with it.
    """
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        name = errno.errorcode.get(error.errno or 0, "")
        files = [_path(each) for each in (error.filename, error.filename2) if each is not None]
        return _said(name, files[-1] if files else "")
    found = _NODE.search(str(error))
    return _said(found[1], found[3] or found[2] or "") if found else ""


def _path(file: object) -> str:
    return os.fsdecode(file) if isinstance(file, str | bytes) else str(file)


def _said(name: str, file: str) -> str:
    if name not in _TOLD:
        return ""
    # Node.js reports a folder that cannot be created as missing.
    if name == "ENOENT" and _read_only(file):
        name = "EROFS"
    what, helps = _TOLD[name]
    if name == "ENOENT":
        return f"{file or 'A file'} {what}. {helps}."
    return f"{f'{file}: ' if file else ''}{what if file else what[0].upper() + what[1:]}. {helps}."


def _read_only(file: str) -> bool:
    """Whether a file, or the folder in which it would be created, is on a read-only disk."""
    for folder in (Path(file), *Path(file).parents) if file else ():
        with suppress(OSError):
            return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return False


def replace(file: Path, content: str | bytes) -> None:
    """Write a file atomically: completely, or not at all.

    :raises OSError: if the file cannot be written.
    """
    draft = file.with_name(f"{file.name}.draft")
    try:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise

"""Names of jobs, which are unique in an account and Region."""

from __future__ import annotations

import hashlib

#: Maximum number of characters of the name in the name of a job. The digest distinguishes names that begin alike.
_SHOWN = 40


def job_name(name: str, *parts: object, digits: int = 16) -> tuple[str, str]:
    """Returns the name of a job and its client request token, which are unique for the arguments.

    Long names are truncated. The digest is of the full name, so that names that begin alike stay distinct.

    :param name: name of the batch, evaluation or customization.
    :param parts: values that distinguish its jobs, such as the id of the run.
    :param digits: hexadecimal digits of the digest. Default: 16.
    """
    token = hashlib.sha256(" ".join(map(str, (name, *parts))).encode()).hexdigest()[:digits]
    return f"{name[:_SHOWN].rstrip('-')}-{token}", token

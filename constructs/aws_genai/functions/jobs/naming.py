"""Names of jobs, which are unique in an account and Region."""

from __future__ import annotations

import hashlib

#: Characters of a name that a job shows; its digest tells apart what they have in common.
_SHOWN = 40


def job_name(name: str, *parts: object, digits: int = 16) -> tuple[str, str]:
    """The name of a job, and its client request token: the same for the same arguments, and for no others.

    The name is shortened, so the digest is of the whole of it: two names that begin alike stay two.

    :param name: name of the batch, evaluation or customization.
    :param parts: what tells its jobs apart, such as the run.
    :param digits: hexadecimal digits of the digest. Default: 16.
    """
    token = hashlib.sha256(" ".join(map(str, (name, *parts))).encode()).hexdigest()[:digits]
    return f"{name[:_SHOWN].rstrip('-')}-{token}", token

"""One sentence answers where no model stands behind the account, and says so."""

from __future__ import annotations

import hashlib
import json

from .asked import Question


def reply(question: Question, called: str) -> str:
    """The sentence; the same question gets the same.

    :param called: the model, as people know it.
    """
    asked = json.dumps([question.messages, question.system], sort_keys=True)
    # Letters only: digits in a row are taken for numbers of people by guardrails.
    digest = "".join(chr(ord("a") + each % 26) for each in hashlib.sha256(asked.encode()).digest()[:8])
    return (
        f"This is the local account, where no model answers for {called}. Your request ({digest}) arrived with "
        "permission and through the guardrail. To hear a real model, run: make local MODEL=smollm2, or with a server "
        "of yours: make local MODEL_URL=<server>/v1"
    )

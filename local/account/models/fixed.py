"""A fixed sentence that is the response if the account has no model, and says so."""

from __future__ import annotations

import hashlib
import json

from .asked import Question


def reply(question: Question, called: str) -> str:
    """The sentence; the same question results in the same one.

    :param called: the model id for display.
    """
    asked = json.dumps([question.messages, question.system], sort_keys=True)
    # Letters only: guardrails may take sequences of digits for personal data.
    digest = "".join(chr(ord("a") + each % 26) for each in hashlib.sha256(asked.encode()).digest()[:8])
    return (
        f"This is the local account, where no model answers for {called}. Your request ({digest}) arrived with "
        "permission and through the guardrail. To hear a real model, run: make local MODEL=smollm2, or with a server "
        "of yours: make local MODEL_URL=<server>/v1"
    )

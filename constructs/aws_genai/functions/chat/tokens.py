"""The most tokens that a request can use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Tokens that a request holds beside its texts: roles and separators, and what comes before the conversation.
_PER_MESSAGE, _PER_REQUEST = 16, 64


def most_tokens(request: Mapping[str, Any]) -> int:
    """The most tokens that a request of Converse can use: no tokenizer makes more of them than there are bytes."""
    parts = [part for message in request["messages"] for part in message["content"]]
    texts = [_text(part) for part in parts]
    texts += [part["text"] for part in request.get("system", ())]
    if tools := request.get("toolConfig"):
        texts.append(json.dumps(tools, ensure_ascii=False))
    written = sum(len(text.encode()) for text in texts) + _PER_MESSAGE * len(parts) + _PER_REQUEST
    return written + int(request["inferenceConfig"]["maxTokens"])


def _text(part: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    if "guardContent" in part:
        return str(part["guardContent"]["text"]["text"])
    return json.dumps(part, ensure_ascii=False, default=repr)

"""What people do with LangChain's chat model for the form of OpenAI: run by the environment of clients."""

from __future__ import annotations

import json
import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="helper", base_url=os.environ["BASE"], api_key=os.environ["TOKEN"], max_retries=0, timeout=60, max_tokens=50
)
asked = [("system", "Be kind."), ("human", os.environ["ASKED"])]
whole = model.invoke(asked)
parts = [each.content for each in model.stream(asked) if each.content]
print(
    json.dumps(
        {
            "whole": whole.content,
            "finish": whole.response_metadata["finish_reason"],
            "tokens": whole.usage_metadata["total_tokens"],
            "parts": parts,
        }
    )
)

"""What people do with the openai package: run by the environment of clients, against an assistant of the local account."""

from __future__ import annotations

import json
import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE"], api_key=os.environ["TOKEN"], max_retries=0, timeout=60)
messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": os.environ["ASKED"]}]
whole = client.chat.completions.create(model="helper", messages=messages, max_tokens=50)
options = {"include_usage": True}
stream = client.chat.completions.create(model="helper", messages=messages, stream=True, stream_options=options)
chunks = list(stream)
errors = {}
for name, more in {"model": {"model": "gpt-4o"}, "tools": {"model": "helper", "tools": [{"type": "function"}]}}.items():
    try:
        client.chat.completions.create(messages=messages, **more)
    except openai.APIStatusError as error:
        errors[name] = [type(error).__name__, error.code]
try:
    openai.OpenAI(base_url=os.environ["BASE"], api_key="nobody", max_retries=0).models.list()
except openai.APIStatusError as error:
    errors["nobody"] = [type(error).__name__, error.status_code]
print(
    json.dumps(
        {
            "models": [each.id for each in client.models.list()],
            "whole": whole.choices[0].message.content,
            "finish": whole.choices[0].finish_reason,
            "tokens": whole.usage.total_tokens,
            "parts": [
                each.choices[0].delta.content for each in chunks if each.choices and each.choices[0].delta.content
            ],
            "streamed": chunks[-1].usage.total_tokens,
            "errors": errors,
        }
    )
)

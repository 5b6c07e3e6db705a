"""What stands in the local account for things of yours that the templates only name."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from . import cdk
from .emulator import Account
from .home import Home

#: A model of one number: https://huggingface.co/docs/safetensors/index#format
_HEADER = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
_FILES = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    "model.safetensors": len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(4),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}


def put_weights(home: Home, account: Account) -> None:
    """Put a tiny model wherever the templates look for weights of yours; what lies there stays."""
    s3 = account.client("s3")
    for name in cdk.stack_names(home):
        for resource in cdk.template(home, name)["Resources"].values():
            properties = resource.get("Properties", {})
            if {"Bucket", "Prefix"} <= set(properties) and isinstance(properties["Bucket"], str):
                bucket, prefix = properties["Bucket"], properties["Prefix"]
                try:
                    s3.head_bucket(Bucket=bucket)
                except ClientError:
                    s3.create_bucket(Bucket=bucket)
                if not s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"):
                    for file, content in _FILES.items():
                        s3.put_object(Bucket=bucket, Key=f"{prefix}{file}", Body=content)

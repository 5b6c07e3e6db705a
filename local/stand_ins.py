"""Buckets and functions that the settings name and no template creates: they must exist, or a trial gets stand-ins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from settings import Settings

from . import stand_in_functions, tables
from .emulator import Account
from .home import LocalError
from .stand_in_functions import Function

#: A model with one parameter: https://huggingface.co/docs/safetensors/index#format
_HEADER = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
_FILES = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    "model.safetensors": len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(4),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}
#: Tags of a stand-in bucket and its files, by which each deploy recognizes them.
_MARK = "stand-in"
#: Part of the settings that name data of tables, whose stand-ins are tables.
_TABLES = ".insight."
_S3, _ARN = "s3://", "arn:aws:s3:::"


@dataclass(frozen=True)
class Place:
    """A bucket that the settings name, with the prefix in it and the setting's key path."""

    setting: str
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".removesuffix("/")


def places(settings: Settings) -> list[Place]:
    """Every S3 location that the settings name, in any section."""
    return list(_places(settings.model_dump(mode="json"), ""))


def _places(value: Any, path: str) -> Iterator[Place]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _places(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _places(each, path)
    elif isinstance(value, str) and value:
        name = path.rpartition(".")[2]
        for begin in (_S3, _ARN):
            if value.startswith(begin):
                bucket, _, prefix = value.removeprefix(begin).partition("/")
                below = prefix.rstrip("/*")
                yield Place(path, bucket, f"{below}/" if below else "")
                return
        if name == "bucket" or name.endswith(("_bucket", "bucket_name")):
            yield Place(path, value)


def prepare(account: Account, settings: Settings) -> list[Place | Function]:
    """Check before a deployment that what the settings name exists. Returns the stand-ins that replace it.

    :raises LocalError: with the setting, if something does not exist and the settings are not for a trial.
    """
    s3, named = account.client("s3"), places(settings)
    missing = [place for place in named if not _exists(s3, place.bucket)]
    absent = [] if settings.trial else stand_in_functions.missing(account, settings)
    if (missing and not settings.trial) or absent:
        raise LocalError(_refusal(account, settings, missing, absent))
    for bucket in dict.fromkeys(place.bucket for place in missing):
        region = account.region
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": _MARK, "Value": "true"}]})
    if settings.trial:
        tables.prepare(account, settings)
    found: list[Place | Function] = [
        place for place in named if _stands_in(s3, place, put=settings.trial and _TABLES not in place.setting)
    ]
    return [*found, *stand_in_functions.stand_in(account, settings)]


def _exists(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        # A bucket of another account exists, even if it cannot be read.
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) == 403
    return True


def _stands_in(s3: Any, place: Place, *, put: bool) -> bool:
    """Whether there is a stand-in: one that is created now because nothing exists, or an earlier one."""
    try:
        if not place.prefix:
            tags = s3.get_bucket_tagging(Bucket=place.bucket)["TagSet"]
            return any(tag["Key"] == _MARK for tag in tags)
        lies = s3.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix, MaxKeys=1).get("Contents")
        if put and not lies:
            for file, content in _FILES.items():
                s3.put_object(Bucket=place.bucket, Key=f"{place.prefix}{file}", Body=content, Metadata={_MARK: "true"})
        return any(_marked(s3, place.bucket, f"{place.prefix}{file}") for file in _FILES)
    except ClientError:
        return False  # no tags, or a bucket that another account owns


def _marked(s3: Any, bucket: str, key: str) -> bool:
    try:
        return _MARK in s3.head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError:
        return False


def _refusal(account: Account, settings: Settings, missing: list[Place], absent: list[Function]) -> str:
    file = f"config/{settings.environment}.yaml"
    buckets = dict.fromkeys(place.bucket for place in missing)
    return "\n".join(
        [
            *(
                f"{file}: {each.setting} = {each}: the bucket {each.bucket} does not exist in this local account."
                for each in missing
            ),
            *(
                f"{file}: {each.setting} = {each.arn}: the function {each.name} does not exist in this local account."
                for each in absent
            ),
            "Nothing was deployed. Make what is missing, as on AWS, and put your files there:",
            *(f"  {account.shell()} aws s3 mb s3://{bucket}" for bucket in buckets),
            *(f"  {account.shell()} aws lambda create-function --function-name {each.name} ..." for each in absent),
            f"Or set trial: true in {file}: then stand-ins are made, and told at each deploy.",
        ]
    )

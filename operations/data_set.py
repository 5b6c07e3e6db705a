"""Write the manifest of a data set, or sign it: ``make manifest DATA=support``, ``make sign DATA=support``.

The person who collects the data writes the manifest; an approver reviews and signs it. Training requires both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from aws_genai.functions.training_data.manifest import (
    ALGORITHM,
    NAME,
    SIGNATURE,
    Manifest,
    ManifestError,
    digest,
    parse,
    person,
    signature,
)
from settings import Settings, SettingsError, load, make, told

from .naming import UnnamedError, named

#: The folders of a data set: records for training, and records that are held out for evaluation.
PARTS = ("train", "held_out")


class DataSetError(Exception):
    """The data set cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """The bucket and signing key of an environment's data sets."""

    session: Any
    bucket: str
    key: str
    region: str
    environment: str

    @property
    def s3(self) -> Any:  # noqa: ANN401 - boto3 has no types
        """The S3 client."""
        return self.session.client("s3")


def place(environment: str) -> Place:
    """The bucket and the signing key of an environment.

    :raises DataSetError: if the environment has none.
    """
    settings = load(environment)
    session = boto3.Session(region_name=settings.region)
    stack = f"{settings.prefix}-hosting"
    outputs = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    found = {each["OutputKey"]: each["OutputValue"] for each in outputs}
    bucket = next((value for name, value in found.items() if name.startswith("DataSetsBucketName")), None)
    key = next((value for name, value in found.items() if name.startswith("DataSetsSigningKeyArn")), None)
    if bucket is None or key is None:
        raise DataSetError(f"The stack {stack} has no data sets. Add models.fine_tuning to its settings and deploy")
    return Place(session, bucket, key, settings.region, environment)


def write(where: Place, name: str) -> Manifest:
    """Write the manifest of the current files under ``data/<name>/train/`` and ``data/<name>/held_out/``.

    :raises DataSetError: if a folder is empty.
    """
    prefix = f"data/{name}/"
    files = {part: list(_files(where, f"{prefix}{part}/")) for part in PARTS}
    for part, found in files.items():
        if not found:
            raise DataSetError(f"s3://{where.bucket}/{prefix}{part}/ is empty: put files there first")
    who = where.session.client("sts").get_caller_identity()["Arn"]
    content: dict[str, Any] = {"data_set": name, "author": who, **files}
    content["template"] = _template(where, f"{prefix}template.json")
    text = json.dumps(content, indent=1).encode()
    where.s3.put_object(Bucket=where.bucket, Key=f"{prefix}{NAME}", Body=text)
    return parse(text, prefix)


def sign(where: Place, name: str) -> Manifest:
    """Sign the current manifest as the calling principal.

    :raises DataSetError: if there is no manifest, the caller wrote it, or a file has changed since.
    """
    prefix = f"data/{name}/"
    write_first = f"write the manifest first: {make('manifest', where.environment, DATA=name)}"
    text = _read(where, f"{prefix}{NAME}", write_first)
    who = where.session.client("sts").get_caller_identity()["Arn"]
    manifest = parse(text, prefix)
    if person(who) == person(manifest.author):
        raise DataSetError(f"{person(who)} wrote this manifest; another person has to sign it")
    for file in manifest.files:
        now = _hash(where, file.key, file.version)
        if now != (file.sha256, file.bytes):
            raise DataSetError(f"{file.key} differs from the manifest: write the manifest again")
    signed = where.session.client("kms").sign(
        KeyId=where.key, Message=digest(text, who), MessageType="DIGEST", SigningAlgorithm=ALGORITHM
    )["Signature"]
    where.s3.put_object(Bucket=where.bucket, Key=f"{prefix}{SIGNATURE}", Body=signature(who, signed))
    return manifest


def _unknown(name: str, settings: Settings) -> str:
    """A sentence to append to errors if no setting uses a data set of that name, which may be added later.

    :raises UnnamedError: if no name was given.
    """
    tuning = settings.models.fine_tuning if settings.models else None
    customized = tuning.customized.items() if tuning else ()
    known = {*(tuning.pipelines if tuning else ()), *(each.data_set or own for own, each in customized)}
    try:
        named(name, known, settings, what="data set", option="DATA", where="models.fine_tuning")
    except UnnamedError as error:
        if not name.strip() or not known:
            raise
        return f". {error}"
    return ""


def _files(where: Place, prefix: str) -> Iterator[dict[str, Any]]:
    for page in where.s3.get_paginator("list_objects_v2").paginate(Bucket=where.bucket, Prefix=prefix):
        for each in page.get("Contents", ()):
            if not each["Key"].endswith("/"):
                version = where.s3.head_object(Bucket=where.bucket, Key=each["Key"])["VersionId"]
                checksum, size = _hash(where, each["Key"], version)
                yield {"key": each["Key"], "version": version, "sha256": checksum, "bytes": size}


def _hash(where: Place, key: str, version: str) -> tuple[str, int]:
    found = where.s3.get_object(Bucket=where.bucket, Key=key, VersionId=version)
    checksum, size = hashlib.sha256(), 0
    for chunk in found["Body"].iter_chunks(1024**2):
        checksum.update(chunk)
        size += len(chunk)
    return checksum.hexdigest(), size


def _template(where: Place, key: str) -> dict[str, str] | None:
    try:
        content: dict[str, str] = json.loads(where.s3.get_object(Bucket=where.bucket, Key=key)["Body"].read())
    except where.s3.exceptions.NoSuchKey:
        return None
    if not isinstance(content, dict) or set(content) != {"prompt", "completion"}:
        raise DataSetError(f"{key} must contain a prompt and a completion, as JumpStart's template.json does")
    return content


def _read(where: Place, key: str, hint: str) -> bytes:
    try:
        return bytes(where.s3.get_object(Bucket=where.bucket, Key=key)["Body"].read())
    except where.s3.exceptions.NoSuchKey as error:
        raise DataSetError(f"s3://{where.bucket}/{key} is not there: {hint}") from error


def _table(manifest: Manifest) -> Table:
    table = Table("File", "Version", "SHA-256", "Bytes", title=f"Data set {manifest.data_set}", title_justify="left")
    for file in manifest.files:
        table.add_row(file.key, file.version[:12], file.sha256[:12], f"{file.bytes:,}")
    return table


def main(arguments: list[str] | None = None) -> int:
    """Write or sign one manifest. Return 0 on success, 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.data_set", description=__doc__)
    parser.add_argument("verb", choices=["manifest", "sign"])
    parser.add_argument("name", nargs="?", default="", help="name of the data set")
    parser.add_argument("--environment", default="dev")
    chosen = parser.parse_args(arguments)
    hint = ""
    try:
        hint = _unknown(chosen.name, load(chosen.environment))
        where = place(chosen.environment)
        manifest = write(where, chosen.name) if chosen.verb == "manifest" else sign(where, chosen.name)
    except (SettingsError, UnnamedError, DataSetError, ManifestError) as error:
        print(f"{error}{hint}", file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        told_so = f"AWS did not answer: {error}. Sign in with an account that has this environment"
        print(f"{told_so}{hint or '.'}", file=sys.stderr)
        return 2
    Console().print(_table(manifest))
    if chosen.verb == "manifest":
        print(f"Written. An approver signs it with {make('sign', chosen.environment, DATA=chosen.name)}")
    else:
        print("Signed. The data set can be used for training until one of its files changes.")
    return 0


if __name__ == "__main__":
    sys.exit(told(main))

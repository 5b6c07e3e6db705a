"""Release a document that the intake rejected: ``make release DOCUMENT=policies/x.md REASON="..."``, as a reviewer.

It shows why the document was rejected. The release applies to that version with that content; a changed document is
evaluated again. Without a document, it lists the rejected documents.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from aws_genai.errors import nearest
from aws_genai.functions.knowledge_ingestion.incoming import Incoming
from aws_genai.functions.knowledge_ingestion.names import INCOMING, QUARANTINE
from aws_genai.functions.knowledge_ingestion.release import Release, key_of
from settings import SettingsError, load, make, told

from .naming import UnnamedError, named

_WHY = ".why.json"


class ReleaseError(Exception):
    """The document cannot be released; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """The buckets of the documents of one knowledge base."""

    session: Any
    knowledge: str
    bucket: str
    #: The bucket that documents are uploaded to: the knowledge base's bucket, or an existing one.
    incoming: Incoming
    environment: str

    @property
    def s3(self) -> Any:  # noqa: ANN401 - boto3 has no types
        """The S3 client."""
        return self.session.client("s3")


@dataclass(frozen=True)
class Refused:
    """A rejected document, and the reasons."""

    name: str
    version: str
    sha256: str
    problems: tuple[str, ...]
    final: bool


def places(environment: str, knowledge: str = "", document: str = "") -> list[Place]:
    """The selected knowledge bases of an environment.

    :param knowledge: name of a knowledge base. Default: those with the document's data source, or all.
    :raises UnnamedError: if the settings have no such knowledge base.
    :raises ReleaseError: if no knowledge base has the document's data source, or it is not deployed.
    """
    settings = load(environment)
    known = settings.models.knowledge if settings.models else {}
    if knowledge:
        knowledge = named(
            knowledge, known, settings, what="knowledge base", option="KNOWLEDGE", where="models.knowledge"
        )
    source = document.partition("/")[0]
    names = [knowledge] if knowledge else [n for n, each in known.items() if not source or source in each.sources]
    if not names:
        sources = sorted({source for each in known.values() for source in each.sources})
        close = nearest(source, sources, cutoff=0.5) if sources else ""
        meant = f" {close}" if close.startswith("Did") else ""
        raise ReleaseError(
            f"No knowledge base has a source {source}.{meant} Sources are: {', '.join(sources) or 'none'}"
        )
    for name in names:
        if document and not known[name].reviewer_roles:
            raise ReleaseError(f"Nobody may release documents: name roles in models.knowledge.{name}.reviewer_roles")
    session = boto3.Session(region_name=settings.region)
    stack = f"{settings.prefix}-models"
    outputs = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    made = []
    for name in names:
        start = f"{re.sub('[^A-Za-z0-9]', '', f'{name}-knowledge')}BucketName"
        bucket = next((each["OutputValue"] for each in outputs if each["OutputKey"].startswith(start)), None)
        if bucket is None:
            raise ReleaseError(
                f"The stack {stack} has no knowledge base {name} yet. Deploy it with {make('deploy', environment)}"
            )
        documents = known[name].documents
        incoming = Incoming(documents.bucket, documents.prefix) if documents else Incoming(bucket)
        made.append(Place(session, name, bucket, incoming, environment))
    return made


def refused(where: Place) -> Iterator[Refused]:
    """All documents in quarantine."""
    for page in where.s3.get_paginator("list_objects_v2").paginate(Bucket=where.bucket, Prefix=QUARANTINE):
        for each in page.get("Contents", ()):
            if each["Key"].endswith(_WHY):
                yield _why(where, each["Key"].removeprefix(QUARANTINE).removesuffix(_WHY))


def release(where: Place, found: Refused, reason: str) -> Release:
    """Record the release of a document by the calling principal.

    :raises ReleaseError: if a reviewer cannot release it, or it has changed since.
    """
    if found.final:
        raise ReleaseError(f"{found.name} cannot be released: {found.problems[0]}")
    if not reason.strip():
        raise ReleaseError('Give a reason: REASON="..."')
    bucket, key = where.incoming.bucket, f"{where.incoming.prefix}{found.name}"
    try:
        now = where.s3.get_object(Bucket=bucket, Key=key)
    except where.s3.exceptions.NoSuchKey as error:
        raise ReleaseError(f"s3://{bucket}/{key} no longer exists: upload it again first") from error
    content, version = now["Body"].read(), str(now.get("VersionId", ""))
    if (hashlib.sha256(content).hexdigest(), version) != (found.sha256, found.version):
        raise ReleaseError(f"{found.name} changed since it was rejected: wait a minute, then check it again")
    who = where.session.client("sts").get_caller_identity()["Arn"]
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    made = Release(found.name, found.sha256, version, who, moment, reason.strip())
    try:
        where.s3.put_object(Bucket=where.bucket, Key=key_of(found.name), Body=made.text())
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        raise ReleaseError(
            f"{who} is not a reviewer: sign in with one of models.knowledge.{where.knowledge}.reviewer_roles"
        ) from error
    return made


def _why(where: Place, name: str) -> Refused:
    try:
        text = where.s3.get_object(Bucket=where.bucket, Key=f"{QUARANTINE}{name}{_WHY}")["Body"].read()
    except where.s3.exceptions.NoSuchKey as error:
        raise ReleaseError(
            f"{name} was not rejected, or has not been evaluated yet. {make('release', where.environment)} lists"
            " the rejected documents"
        ) from error
    told = json.loads(text)
    problems = tuple(str(each) for each in told.get("problems", ()))
    return Refused(name, str(told.get("version")), str(told.get("sha256")), problems, bool(told.get("final")))


def _listed(found: list[Refused]) -> Table:
    table = Table("Document", "Reason", title="Rejected documents", title_justify="left")
    for each in found:
        table.add_row(each.name, "\n".join(each.problems))
    return table


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise ReleaseError("There is no terminal to confirm the release: add YES=1")
    return input("Release it? Type yes: ").strip().lower() == "yes"


def main(arguments: list[str] | None = None) -> int:
    """Release one document, or list the rejected ones. Return 0 on success, 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.release", description=__doc__)
    parser.add_argument("document", help="name of the document, which begins with its source; empty lists them")
    parser.add_argument("--environment", default="dev")
    parser.add_argument("--knowledge", default="", help="the knowledge base, where several have the source")
    parser.add_argument("--reason", default="", help="reason for the release")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    chosen = parser.parse_args(arguments)
    name = chosen.document.removeprefix(INCOMING).removeprefix(QUARANTINE)
    console = Console()
    try:
        found = places(chosen.environment, chosen.knowledge, name)
        if not name:
            console.print(_listed([each for place in found for each in refused(place)]))
            return 0
        if len(found) > 1:
            names = ", ".join(each.knowledge for each in found)
            raise ReleaseError(f"Several knowledge bases have this source; add KNOWLEDGE= one of {names}")
        document = _why(found[0], name)
        print(f"{name} was rejected:")
        for each in document.problems:
            print(f"  {each}")
        if not document.final and chosen.reason.strip() and not chosen.yes and not _confirmed():
            print("Nothing was released.")
            return 0
        made = release(found[0], document, chosen.reason)
    except (SettingsError, UnnamedError, ReleaseError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not answer: {error}. Sign in with an account that has this environment.", file=sys.stderr)
        return 2
    print(f"Released by {made.person}. The intake accepts it within a minute. A changed document is evaluated again.")
    return 0


if __name__ == "__main__":
    sys.exit(told(main))

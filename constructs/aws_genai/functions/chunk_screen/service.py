"""Accepts the chunks that do not contain instructions for a model, and adds their groups and their source as metadata.

Web pages and documents that are ingested directly do not pass through the intake's bucket. A custom transformation is
the only step in which they can be evaluated before they are indexed.
https://docs.aws.amazon.com/bedrock/latest/userguide/kb-custom-transformation.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..knowledge_ingestion.names import GROUP, QUARANTINE
from ..knowledge_ingestion.scan import problems

#: Maximum number of characters of a request to a guardrail: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
_ASSESSED = 20_000


class Screen:
    """The chunks of one source.

    :param assess: returns whether the guardrail blocks a text. Default: there is no guardrail.
    """

    def __init__(
        self,
        s3: Any,  # noqa: ANN401 - boto3 has no types
        source: str,
        groups: Iterable[str],
        assess: Callable[[str], bool] | None = None,
    ) -> None:
        self._s3, self._source, self._groups, self._assess = s3, source, sorted(groups), assess

    def screened(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Screens the files of an invocation; returns the files that Bedrock ingests."""
        return {"outputFiles": [self._file(str(event["bucketName"]), each) for each in event["inputFiles"]]}

    def _file(self, bucket: str, file: Mapping[str, Any]) -> dict[str, Any]:
        document = _document(file)
        batches = [{"key": self._batch(bucket, str(each["key"]), document)} for each in file["contentBatches"]]
        kept = {name: file[name] for name in ("originalFileLocation", "fileMetadata") if name in file}
        return {**kept, "contentBatches": batches}

    def _batch(self, bucket: str, key: str, document: str) -> str:
        found = json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        let_in = []
        for chunk in found["fileContents"]:
            text = str(chunk.get("contentBody", ""))
            refused = list(self._refused(text))
            if refused:
                self._keep_apart(bucket, document, text, refused)
            else:
                # The author of a page does not decide which groups may read it.
                given = {k: v for k, v in chunk.get("contentMetadata", {}).items() if not k.startswith(GROUP)}
                told = {**given, **self._attributes(document, text)}
                let_in.append({**chunk, "contentMetadata": told})
        target = f"{key.removesuffix('.json')}-screened.json"
        self._s3.put_object(Bucket=bucket, Key=target, Body=json.dumps({"fileContents": let_in}).encode())
        return target

    def _refused(self, text: str) -> Iterator[str]:
        found = list(problems("chunk.md", text.encode()))
        yield from found
        if not found and self._assess is not None:
            parts = (text[start : start + _ASSESSED] for start in range(0, len(text), _ASSESSED))
            if any(self._assess(part) for part in parts):
                yield "the guardrail blocks it"

    def _attributes(self, document: str, text: str) -> dict[str, Any]:
        return {
            **{f"{GROUP}{group}": True for group in self._groups},
            "source": self._source,
            "document": document,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }

    def _keep_apart(self, bucket: str, document: str, text: str, refused: list[str]) -> None:
        name = hashlib.sha256(f"{document}\n{text}".encode()).hexdigest()[:32]
        content = {"document": document, "problems": refused, "text": text}
        self._s3.put_object(
            Bucket=bucket, Key=f"{QUARANTINE}{self._source}/{name}.json", Body=json.dumps(content).encode()
        )


def _document(file: Mapping[str, Any]) -> str:
    """Returns the address of a file, which each type of data source stores in a different field."""
    location = file.get("originalFileLocation", {})
    found = next((each for each in location.values() if isinstance(each, dict)), {})
    return str(found.get("uri") or found.get("url") or file.get("fileMetadata", {}).get("document") or "unknown")

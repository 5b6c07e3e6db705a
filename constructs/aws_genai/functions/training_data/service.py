"""Lets a data set train a model: the files that were signed off, unchanged, looked through, and put where jobs read."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import manifest as manifests
from .manifest import File, Manifest, ManifestError
from .personal import kinds
from .records import DEFAULT_TEMPLATE, MalformedError, Record, parse

#: What one run of the function can read in the ten minutes that a pipeline gives it:
#: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-lambda
MOST_BYTES = 2 * 1024**3
_CHUNK = 1024**2
_SHOWN = 20


@dataclass
class Findings:
    """What was found in the records."""

    records: dict[str, int] = field(default_factory=lambda: {"train": 0, "held_out": 0})
    malformed: list[str] = field(default_factory=list)
    duplicates: int = 0
    leaked: int = 0
    personal: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, Any]:
        """The same as JSON; of malformed records the first few."""
        return {
            "records": self.records,
            "malformed": {"count": len(self.malformed), "first": self.malformed[:_SHOWN]},
            "duplicates": self.duplicates,
            "in_both_parts": self.leaked,
            "personal_data": dict(sorted(self.personal.items())),
        }


@dataclass(frozen=True)
class Rules:
    """What may be in a data set."""

    method: str
    refuse_personal_data: bool = False
    most_duplicates_percent: float = 5


class DataSets:
    """Data sets in one bucket: files under ``data/<name>/``, what may train under ``verified/``, reports beside."""

    def __init__(self, s3: Any, kms: Any, bucket: str, key: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._s3, self._kms, self._bucket, self._key = s3, kms, bucket, key

    def admit(self, name: str, run: str, rules: Rules) -> dict[str, str]:
        """Check a data set and put it where the jobs of ``run`` read it; the answers are what a pipeline goes on with.

        :raises ManifestError: if it must not train a model.
        """
        prefix = f"data/{name}/"
        text, version = self._read(f"{prefix}{manifests.NAME}")
        signature, _ = self._read(f"{prefix}{manifests.SIGNATURE}")
        manifests.check_signature(self._kms, self._key, text, signature)
        manifest = manifests.parse(text, prefix)
        size = sum(each.bytes for each in manifest.files)
        if size > MOST_BYTES:
            raise ManifestError(
                f"The data set has {size:,} bytes, more than the {MOST_BYTES:,} that are looked through"
            )
        target = f"verified/{name}/{run}/"
        findings, asked = self._look_through(manifest, rules)
        report = f"reports/{name}/{run}/data.json"
        lineage = {
            "manifest": {
                "key": f"{prefix}{manifests.NAME}",
                "version": version,
                "sha256": manifests.digest(text).hex(),
            },
            "approver": manifest.approver,
            "files": [{"key": each.key, "version": each.version, "sha256": each.sha256} for each in manifest.files],
        }
        # The report is there for whoever asks why a run stopped.
        self._write(report, {**findings.report(), "lineage": lineage})
        self._refuse(findings, rules, report)
        for part, files in (("train", manifest.train), ("held_out", manifest.held_out)):
            for file in files:
                self._copy(file, f"{target}{part}/{file.key.removeprefix(prefix).replace('/', '-')}")
        if rules.method == "instruction":
            self._write(f"{target}train/template.json", manifest.template or DEFAULT_TEMPLATE)
        self._write_lines(f"{target}prompts/prompts.jsonl", [{"inputs": each.prompt} for each in asked])
        self._write_lines(f"{target}answers/answers.jsonl", [{"answer": each.answer} for each in asked])
        place = f"s3://{self._bucket}/{target}"
        return {
            "train": f"{place}train/",
            "held_out": f"{place}held_out/",
            "prompts": f"{place}prompts/prompts.jsonl",
            "answers": f"{target}answers/answers.jsonl",
            "report": f"s3://{self._bucket}/{report}",
            "manifest": f"{prefix}{manifests.NAME}",
            "manifest_version": version,
            "manifest_sha256": manifests.digest(text).hex(),
            "approver": manifest.approver,
        }

    def _look_through(self, manifest: Manifest, rules: Rules) -> tuple[Findings, list[Record]]:
        findings, asked = Findings(), []
        seen: dict[str, set[bytes]] = {"train": set(), "held_out": set()}
        for part, files in (("train", manifest.train), ("held_out", manifest.held_out)):
            for file in files:
                for number, line in enumerate(self._lines(file), start=1):
                    if not line.strip():
                        continue
                    findings.records[part] += 1
                    try:
                        record = parse(line, rules.method, manifest.template)
                    except MalformedError as error:
                        findings.malformed.append(f"{file.key}, line {number}: {error}")
                        continue
                    mark = hashlib.blake2b(record.text.strip().lower().encode(), digest_size=16).digest()
                    if mark in seen[part]:
                        findings.duplicates += 1
                    elif part == "held_out" and mark in seen["train"]:
                        findings.leaked += 1
                    seen[part].add(mark)
                    findings.personal.update(kinds(record.text))
                    if part == "held_out":
                        asked.append(record)
        return findings, asked

    def _refuse(self, findings: Findings, rules: Rules, report: str) -> None:
        where = f"the report is s3://{self._bucket}/{report}"
        if findings.malformed:
            first = findings.malformed[0]
            raise ManifestError(f"{len(findings.malformed)} records are malformed, the first: {first}; {where}")
        if findings.leaked:
            raise ManifestError(f"{findings.leaked} records both train and evaluate; {where}")
        total = sum(findings.records.values())
        if not all(findings.records.values()):
            raise ManifestError(f"A part of the data set has no record; {where}")
        if findings.duplicates * 100 > rules.most_duplicates_percent * total:
            raise ManifestError(
                f"{findings.duplicates} of {total} records stand twice, more than "
                f"{rules.most_duplicates_percent:g}%: repeating an example is a way to plant it; {where}"
            )
        if rules.refuse_personal_data and findings.personal:
            raise ManifestError(f"Personal data: {', '.join(sorted(findings.personal))}; {where}")

    def _lines(self, file: File) -> Iterator[str]:
        """The lines of exactly the version that was signed off.

        :raises ManifestError: if its content is another one than what was signed off.
        """
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=file.key, VersionId=file.version)
        except (self._s3.exceptions.NoSuchKey, self._s3.exceptions.ClientError) as error:
            raise ManifestError(f"{file.key} has no version {file.version} any more: sign the data set anew") from error
        checksum, size, rest = hashlib.sha256(), 0, ""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for chunk in found["Body"].iter_chunks(_CHUNK):
                checksum.update(chunk)
                size += len(chunk)
                *lines, rest = (rest + decoder.decode(chunk)).split("\n")
                yield from lines
            rest += decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise ManifestError(f"{file.key} is no text in UTF-8") from error
        if rest:
            yield rest
        if checksum.hexdigest() != file.sha256 or size != file.bytes:
            raise ManifestError(f"{file.key} is not the file that was signed off: its checksum differs")

    def _read(self, key: str) -> tuple[bytes, str]:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey as error:
            raise ManifestError(f"s3://{self._bucket}/{key} is not there: sign the data set off first") from error
        return found["Body"].read(), str(found.get("VersionId", ""))

    def _copy(self, file: File, target: str) -> None:
        source = {"Bucket": self._bucket, "Key": file.key, "VersionId": file.version}
        self._s3.copy_object(Bucket=self._bucket, Key=target, CopySource=source)

    def _write(self, key: str, content: object) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(content, indent=1).encode())

    def _write_lines(self, key: str, lines: list[dict[str, str]]) -> None:
        body = "".join(json.dumps(line) + "\n" for line in lines)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body.encode())

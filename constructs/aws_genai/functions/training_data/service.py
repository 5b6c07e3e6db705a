"""Admits a data set to training: verifies the signed files, validates their records, and copies them for the jobs."""

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

#: Number of bytes that the function can read in the ten minutes that a pipeline waits:
#: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-lambda
MOST_BYTES = 2 * 1024**3
_CHUNK = 1024**2
_SHOWN = 20


@dataclass
class Findings:
    """Findings about the records."""

    records: dict[str, int] = field(default_factory=lambda: {"train": 0, "held_out": 0})
    malformed: list[str] = field(default_factory=list)
    duplicates: int = 0
    leaked: int = 0
    personal: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, Any]:
        """Returns the findings as JSON, with the first malformed records."""
        return {
            "records": self.records,
            "malformed": {"count": len(self.malformed), "first": self.malformed[:_SHOWN]},
            "duplicates": self.duplicates,
            "in_both_parts": self.leaked,
            "personal_data": dict(sorted(self.personal.items())),
        }


@dataclass(frozen=True)
class Rules:
    """The rules for the contents of a data set."""

    method: str
    refuse_personal_data: bool = False
    most_duplicates_percent: float = 5


class DataSets:
    """Data sets in one bucket: files under ``data/<name>/``, admitted files under ``verified/``, and ``reports/``."""

    def __init__(self, s3: Any, kms: Any, bucket: str, key: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._s3, self._kms, self._bucket, self._key = s3, kms, bucket, key

    def admit(self, name: str, run: str, rules: Rules) -> dict[str, str]:
        """Verifies a data set and copies it for the jobs of ``run``; returns the output parameters of the step.

        :raises ManifestError: if it must not be used for training.
        """
        prefix = f"data/{name}/"
        text, version = self._read(f"{prefix}{manifests.NAME}")
        signature, _ = self._read(f"{prefix}{manifests.SIGNATURE}")
        approver = manifests.check_signature(self._kms, self._key, text, signature)
        manifest = manifests.parse(text, prefix)
        if manifests.person(manifest.author) == manifests.person(approver):
            raise ManifestError(
                f"{manifests.person(approver)} both wrote and signed the manifest: another person must sign it"
            )
        size = sum(each.bytes for each in manifest.files)
        if size > MOST_BYTES:
            raise ManifestError(f"The data set has {size:,} bytes, more than the limit of {MOST_BYTES:,}")
        target = f"verified/{name}/{run}/"
        findings, asked = self._look_through(manifest, rules)
        report = f"reports/{name}/{run}/data.json"
        lineage = {
            "manifest": {
                "key": f"{prefix}{manifests.NAME}",
                "version": version,
                "sha256": manifests.checksum(text),
            },
            "approver": approver,
            "files": [{"key": each.key, "version": each.version, "sha256": each.sha256} for each in manifest.files],
        }
        # The report is written before the checks, because it explains why a run failed.
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
            "manifest_sha256": manifests.checksum(text),
            "approver": approver,
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
            raise ManifestError(f"{findings.leaked} records are in both the training and the held-out part; {where}")
        total = sum(findings.records.values())
        if not all(findings.records.values()):
            raise ManifestError(f"The training or the held-out part has no records; {where}")
        if findings.duplicates * 100 > rules.most_duplicates_percent * total:
            raise ManifestError(
                f"{findings.duplicates} of {total} records are duplicates, more than "
                f"{rules.most_duplicates_percent:g}%: repeated examples can poison a model; {where}"
            )
        if rules.refuse_personal_data and findings.personal:
            raise ManifestError(f"The records contain personal data: {', '.join(sorted(findings.personal))}; {where}")

    def _lines(self, file: File) -> Iterator[str]:
        """Returns the lines of exactly the signed version.

        :raises ManifestError: if its content is not the signed content.
        """
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=file.key, VersionId=file.version)
        except (self._s3.exceptions.NoSuchKey, self._s3.exceptions.ClientError) as error:
            raise ManifestError(f"{file.key} no longer has version {file.version}: sign the data set again") from error
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
            raise ManifestError(f"{file.key} is not UTF-8 text") from error
        if rest:
            yield rest
        if checksum.hexdigest() != file.sha256 or size != file.bytes:
            raise ManifestError(f"{file.key} is not the signed file: its checksum differs")

    def _read(self, key: str) -> tuple[bytes, str]:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey as error:
            raise ManifestError(f"s3://{self._bucket}/{key} does not exist: sign the data set first") from error
        return found["Body"].read(), str(found.get("VersionId", ""))

    def _copy(self, file: File, target: str) -> None:
        source = {"Bucket": self._bucket, "Key": file.key, "VersionId": file.version}
        self._s3.copy_object(Bucket=self._bucket, Key=target, CopySource=source)

    def _write(self, key: str, content: object) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(content, indent=1).encode())

    def _write_lines(self, key: str, lines: list[dict[str, str]]) -> None:
        body = "".join(json.dumps(line) + "\n" for line in lines)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body.encode())

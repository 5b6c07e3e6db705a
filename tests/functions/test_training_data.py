"""Data sets: only what was signed off, unchanged and whole, gets to where training reads; a poisoned one stops the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_genai.functions.training_data import handler, service
from aws_genai.functions.training_data.manifest import ALGORITHM, ManifestError, digest, signature
from aws_genai.functions.training_data.personal import kinds
from aws_genai.functions.training_data.records import MalformedError, parse
from aws_genai.functions.training_data.service import DataSets, Rules

BUCKET = "data-sets"
PREFIX = "data/support/"


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def records(start: int, count: int) -> bytes:
    return lines(
        *(
            {"instruction": f"Question {n}?", "context": "", "response": f"Answer {n}."}
            for n in range(start, start + count)
        )
    )


class World:
    """A bucket with versions, and a key that signs."""

    def __init__(self) -> None:
        region = {"region_name": "us-east-1"}
        self.s3: Any = boto3.client("s3", **region)
        self.kms: Any = boto3.client("kms", **region)
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.key = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        self.data_sets = DataSets(self.s3, self.kms, BUCKET, self.key)

    def put(self, name: str, content: bytes) -> dict[str, Any]:
        version = self.s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}{name}", Body=content)["VersionId"]
        checksum = hashlib.sha256(content).hexdigest()
        return {"key": f"{PREFIX}{name}", "version": version, "sha256": checksum, "bytes": len(content)}

    def sign(self, approver: str = "ann", claimed: str = "", **content: Any) -> bytes:
        text = json.dumps({"data_set": "support", "author": "bob", **content}).encode()
        message = digest(text, approver)
        made = self.kms.sign(KeyId=self.key, Message=message, MessageType="DIGEST", SigningAlgorithm=ALGORITHM)
        self.s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}manifest.json", Body=text)
        named = signature(claimed or approver, made["Signature"])
        self.s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}manifest.json.sig", Body=named)
        return text

    def signed(self, train: bytes | None = None, held_out: bytes | None = None, **more: Any) -> dict[str, Any]:
        train = records(0, 40) if train is None else train
        held_out = records(100, 5) if held_out is None else held_out
        files = {"train": [self.put("train/a.jsonl", train)], "held_out": [self.put("held_out/b.jsonl", held_out)]}
        self.sign(**{**files, **more})
        return files

    def admit(self, run: str = "run1", **rules: Any) -> dict[str, str]:
        return self.data_sets.admit("support", run, Rules(**{"method": "instruction", **rules}))

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield World()


def test_what_was_signed_off_trains(world: World) -> None:
    files = world.signed()
    found = world.admit()
    assert found["train"] == f"s3://{BUCKET}/verified/support/run1/train/"
    assert world.keys("verified/support/run1/") == [
        f"verified/support/run1/{name}"
        for name in (
            "answers/answers.jsonl",
            "held_out/held_out-b.jsonl",
            "prompts/prompts.jsonl",
            "train/template.json",
            "train/train-a.jsonl",
        )
    ]
    prompts = world.read("verified/support/run1/prompts/prompts.jsonl").decode().splitlines()
    assert json.loads(prompts[0]) == {"inputs": "Question 100?"}
    answers = world.read(found["answers"]).decode().splitlines()
    assert len(answers) == len(prompts) == 5
    report = json.loads(world.read("reports/support/run1/data.json"))
    assert report["records"] == {"train": 40, "held_out": 5}
    # From the report back to every version that trains.
    assert report["lineage"]["files"][0]["version"] == files["train"][0]["version"]
    assert report["lineage"]["manifest"]["version"] == found["manifest_version"]
    assert found["approver"] == "ann"


def test_a_run_that_is_repeated_writes_the_same(world: World) -> None:
    world.signed()
    assert world.admit() == world.admit()


def test_the_signed_version_trains_though_the_file_was_replaced(world: World) -> None:
    world.signed()
    world.put("train/a.jsonl", lines({"instruction": "x", "context": "", "response": "POISON"}))
    world.admit()
    assert b"POISON" not in world.read("verified/support/run1/train/train-a.jsonl")


def test_a_manifest_that_changed_stops_the_run(world: World) -> None:
    files = world.signed()
    files["train"].append(world.put("train/more.jsonl", records(500, 5)))
    text = json.dumps({"data_set": "support", "author": "bob", **files}).encode()
    world.s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}manifest.json", Body=text)
    with pytest.raises(ManifestError, match="signature of the manifest is not valid"):
        world.admit()
    assert world.keys("verified/") == []


@pytest.mark.parametrize(
    "signature",
    [b"not JSON!", signature("ann", b"nonsense"), b"", b"{}", b"[]", b'{"approver": "", "signature": "AA=="}'],
)
def test_what_is_no_signature_stops_the_run(world: World, signature: bytes) -> None:
    world.signed()
    world.s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}manifest.json.sig", Body=signature)
    with pytest.raises(ManifestError, match="signature of the manifest is not valid"):
        world.admit()


def test_whoever_wrote_the_manifest_cannot_have_signed_it(world: World) -> None:
    files = world.signed()
    world.sign(approver="arn:aws:sts::1:assumed-role/Approver/Bob", author="arn:aws:sts::1:assumed-role/A/bob", **files)
    with pytest.raises(ManifestError, match="bob both wrote and signed the manifest"):
        world.admit()
    assert world.keys("verified/") == []


def test_a_signature_is_of_one_approver(world: World) -> None:
    """The name cannot be exchanged afterwards."""
    files = world.signed()
    world.sign(approver="bob", claimed="ann", **files)
    with pytest.raises(ManifestError, match="signature of the manifest is not valid"):
        world.admit()


def test_what_approvers_may_write_does_not_train(world: World) -> None:
    files = world.signed()
    world.sign(train=[*files["train"], world.put("train/manifest.json.sig", b"{}")], held_out=files["held_out"])
    with pytest.raises(ManifestError, match="has the name of a manifest or a signature"):
        world.admit()


def test_a_file_with_another_checksum_stops_the_run(world: World) -> None:
    files = world.signed()
    files["train"][0]["sha256"] = "0" * 64
    world.sign(**files)
    with pytest.raises(ManifestError, match="checksum differs"):
        world.admit()
    assert world.keys("verified/") == []


def test_a_version_that_is_gone_stops_the_run(world: World) -> None:
    files = world.signed()
    world.s3.delete_object(Bucket=BUCKET, Key=files["train"][0]["key"], VersionId=files["train"][0]["version"])
    with pytest.raises(ManifestError, match="sign the data set again"):
        world.admit()


@pytest.mark.parametrize("missing", ["manifest.json", "manifest.json.sig"])
def test_a_data_set_that_nobody_signed_stops_the_run(world: World, missing: str) -> None:
    world.signed()
    world.s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}{missing}")
    with pytest.raises(ManifestError, match="sign the data set first"):
        world.admit()


@pytest.mark.parametrize(
    ("train", "held_out", "rules", "word"),
    [
        (
            b"no json\n" + records(0, 9),
            None,
            {},
            "1 records are malformed, the first: data/support/train/a.jsonl, line 1",
        ),
        (lines({"instruction": "x"}), None, {}, "response is missing|context is missing"),
        (records(100, 5), records(100, 5), {}, "both the training and the held-out part"),
        (records(0, 5) + records(0, 5), None, {}, "5 of 15 records are duplicates"),
        (b"\n\n", None, {}, "has no record"),
        (b"\xff\xfe\x00", None, {}, "not UTF-8 text"),
        (
            lines({"instruction": "Who?", "context": "", "response": "ann@example.com"}),
            None,
            {"refuse_personal_data": True},
            "contain personal data: EMAIL",
        ),
    ],
)
def test_bad_data_stops_the_run(
    world: World, train: bytes, held_out: bytes | None, rules: dict[str, Any], word: str
) -> None:
    world.signed(train, held_out)
    with pytest.raises(ManifestError, match=word):
        world.admit(**rules)
    assert world.keys("verified/") == []


def test_the_report_of_a_stopped_run_says_why(world: World) -> None:
    world.signed(lines({"instruction": "Who?", "context": "", "response": "Call +1 415 555 0100, 78.4.1.9"}))
    with pytest.raises(ManifestError, match=r"the report is s3://data-sets/reports/support/run1/data.json"):
        world.admit(refuse_personal_data=True)
    found = json.loads(world.read("reports/support/run1/data.json"))["personal_data"]
    assert found == {"IP_ADDRESS": 1, "PHONE": 1}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"train": []}, "list both"),
        ({"train": "x"}, "is malformed"),
        ({"train": [{"key": "data/other/a", "version": "1", "sha256": "0" * 64, "bytes": 1}]}, "is not under"),
        ({"train": [{"key": f"{PREFIX}../a", "version": "1", "sha256": "0" * 64, "bytes": 1}]}, "is not under"),
        ({"train": [{"key": f"{PREFIX}a", "version": "null", "sha256": "0" * 64, "bytes": 1}]}, "no version"),
        ({"train": [{"key": f"{PREFIX}a", "version": "1", "sha256": "0" * 64, "bytes": 3 * 1024**3}]}, "more than"),
    ],
)
def test_a_manifest_that_cannot_be_is_explained(world: World, change: dict[str, Any], word: str) -> None:
    files = world.signed()
    world.sign(**{**files, **change})
    with pytest.raises(ManifestError, match=word):
        world.admit()


def test_the_same_file_never_trains_and_evaluates(world: World) -> None:
    files = world.signed()
    world.sign(train=files["train"], held_out=files["train"])
    with pytest.raises(ManifestError, match="lists a file twice"):
        world.admit()


def test_a_template_of_ones_own(world: World) -> None:
    template = {"prompt": "Q: {question}", "completion": "{answer}"}
    asked = lines(*({"question": f"{n}?", "answer": f"{n}!"} for n in range(3)))
    world.signed(lines({"question": "a", "answer": "b"}), asked, template=template)
    found = world.admit()
    assert json.loads(world.read("verified/support/run1/train/template.json")) == template
    assert json.loads(world.read(found["answers"]).splitlines()[2]) == {"answer": "2!"}


@pytest.mark.parametrize(
    ("line", "method", "word"),
    [
        ("[1]", "instruction", "not an object"),
        (json.dumps({"instruction": "a", "context": "", "response": " "}), "instruction", "empty"),
        (json.dumps({"dialog": [{"role": "user", "content": "a"}]}), "chat", "no answer"),
        (json.dumps({"dialog": [{"role": "assistant", "content": "a"}] * 2}), "chat", "do not alternate"),
        (
            json.dumps({"dialog": [{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}]}),
            "chat",
            "empty",
        ),
        (
            json.dumps(
                {
                    "dialog": [
                        {"role": "user", "content": "a"},
                        {"role": "assistant", "content": "b"},
                        {"role": "user", "content": "c"},
                    ]
                }
            ),
            "chat",
            "not the assistant's",
        ),
    ],
)
def test_a_record_that_cannot_train_is_malformed(line: str, method: str, word: str) -> None:
    with pytest.raises(MalformedError, match=word):
        parse(line, method, None)


def test_conversations_and_plain_text_are_records() -> None:
    dialog = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello, Ann."},
    ]
    assert parse(json.dumps({"dialog": dialog}), "chat", None).answer == "Hello, Ann."
    assert parse("Once upon a time", "domain", None).prompt == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to ann.lee+x@mail.example.org", {"EMAIL": 1}),
        ("4111 1111 1111 1111", {"CREDIT_DEBIT_CARD_NUMBER": 1}),
        ("4111 1111 1111 1112", {}),
        ("DE89 3704 0044 0532 0130 00", {"INTERNATIONAL_BANK_ACCOUNT_NUMBER": 1}),
        ("DE89 3704 0044 0532 0130 01", {}),
        ("078-05-1120", {"US_SOCIAL_SECURITY_NUMBER": 1}),
        ("AKIAIOSFODNN7EXAMPLE", {"AWS_ACCESS_KEY": 1}),
        ("version 1.2.3 of 2024-11-25 costs 1000 dollars", {}),
    ],
)
def test_personal_data_is_known_by_its_form(text: str, found: dict[str, int]) -> None:
    assert dict(kinds(text)) == found


def test_files_are_read_in_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_CHUNK", 7)
    world.signed(lines({"instruction": "Wie geht's, Jürgen? 日本", "context": "", "response": "Gut."}))
    world.admit()
    assert json.loads(world.read("reports/support/run1/data.json"))["records"]["train"] == 1


def test_the_handler_hands_the_rules_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    fake = SimpleNamespace(admit=lambda *args: asked.append(args) or {"train": "s3://x"})
    monkeypatch.setattr(handler, "data_sets", lambda: fake)
    event = {"data_set": "support", "run": "r", "method": "chat", "refuse_personal_data": "true"}
    assert handler.handler(event, None) == {"train": "s3://x"}
    assert asked == [("support", "r", Rules("chat", True, 5.0))]

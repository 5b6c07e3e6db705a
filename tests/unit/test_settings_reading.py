"""How files are read, and how whatever is wrong with them is told."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from aws_genai.data.bedrock import BedrockCatalogue
from aws_genai.errors import InvalidValueError
from settings import Settings, SettingsError, available, day, ended, ending, load, told
from settings.errors import readable, sentence
from settings.reading import parse
from tests.conftest import ROOT
from tests.settings_support import BASE, message, write

HEAD = "project: demo\nregion: us-east-1\nowner: team\ncost_center: '1'\n"
NOVA = "amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"),
        ("off", "off"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("2026-11-25", "2026-11-25"),
        ("=", "="),
        ("'~'", "~"),
        ("TRUE", True),
        ("false", False),
        ("0x10", 16),
        ("0o17", 15),
        ("-0", 0),
        ("+7", 7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.0", -0.0),
        ("'{{name}} ${X:-y} $X ${!x}'", "{{name}} ${X:-y} $X ${!x}"),
        ('"\\u00e9"', "é"),
        ("[1, x]", [1, "x"]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_values_are_what_the_core_schema_of_yaml_1_2_says(written: str, read: Any) -> None:
    found = parse(f"value: {written}\n", "a.yaml")["value"]
    assert found == read
    assert type(found) is type(read)


def test_aliases_are_written_out_and_shared_by_nothing() -> None:
    assert parse("a: &x [1, 2]\nb: *x\n", "a.yaml") == {"a": [1, 2], "b": [1, 2]}


LAUGHS = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: .inf", ["a.yaml:1: a:", ".inf", "finite"]),
        ("a: -.INF", ["finite"]),
        ("a: .nan", ["finite"]),
        ("a: 1e400", ["finite"]),
        ("a: 012", ["begins with a zero"]),
        ("a: 00.5", ["begins with a zero"]),
        ("a: " + "9" * 5000, ["5000 digits"]),
        ("a: &x [*x]", ["a.yaml:1: a.0:", "inside what it stands for"]),
        ("a: &x {b: {c: *x}}", ["a.b.c:", "inside what it stands for"]),
        ("b: &x {c: 1}\na: {<<: *x}", ["a.yaml:2: a:", "merge keys (<<)"]),
        ("<<: {a: 1}", ["merge keys (<<)"]),
        ("a: 1\na: 2", ["a.yaml:2:", "key 'a' stands twice"]),
        ("a: {b: 1, b: 2}", ["a: key 'b' stands twice"]),
        ("1: a", ["key 1 is not text"]),
        ("true: a", ["key true is not text"]),
        ("~: a", ["key ~ is not text"]),
        ("[a]: 1", ["a key is a list"]),
        ("a: !!python/object:os.system x", ["the tag", "is not read"]),
        ("a: !!str 1", ["the tag", "is not read"]),
        ("a: !x 1", ["the tag !x is not read"]),
        ("a:", ["a.yaml:1: a: is empty", "leave the key out"]),
        ("a: {b: , c: }\nd: ~", ["a.yaml:1: a.b: is empty", "a.yaml:1: a.c:", "a.yaml:2: d:"]),
        ("a: [null]", ["a.0: is empty"]),
        ("", ["is empty", "Start from a copy"]),
        ("# nothing", ["is empty"]),
        ("null", ["is empty"]),
        ("[a]", ["holds a list"]),
        ("text", ["holds a str"]),
        ("a: 1\n---\nb: 2", ["a.yaml:2", "is not YAML"]),
        ("a: [", ["is not YAML"]),
        ("a: *x", ["undefined alias"]),
        ("\ta: 1", ["is not YAML"]),
        ('a: "\\U99999999"', ["is not YAML"]),
        ('a: "\\ud800"', ["U+D800"]),
        ('a: "\\0"', ["U+0000", "Take it out"]),
        ('a: "x\\x1b[2J"', ["U+001B"]),
        ('a: "\\uffff"', ["U+FFFF"]),
        ("a: \x07", ["a.yaml:1:", "U+0007"]),
        ("a: '${AWS::Region}'", ["a.yaml:1: a: ${AWS::Region} is what CloudFormation", "without braces"]),
        ("a: [echo, '${HOME}']", ["a.1: ${HOME}"]),
        ("a: 'x{{resolve:ssm:/key}}y'", ["a: {{resolve:ssm:/key}} is what CloudFormation"]),
        ("'${a.b}': 1", ["${a.b}"]),
        ("a: '${ x }, {{ resolve:ssm:x}}'", ["${ x } is"]),
        ("a: " + "[" * 200 + "]" * 200, ["nested deeper"]),
        ("a: " + "[" * 20_000, ["nested deeper"]),
        (LAUGHS, ["aliases written out"]),
    ],
)
def test_what_could_be_taken_for_two_things_is_refused_with_its_line_and_key(text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text + "\n", "a.yaml")
    said = str(caught.value)
    assert all(each.startswith("a.yaml:") for each in said.splitlines())
    assert "Traceback" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEAD + "network: {zones: [us-east-1a], peering: pcx-1}\n", ["network.peering: unknown key", "cidr, "]),
        (HEAD + "networks: {}\n", ["unknown key. Did you mean network?"]),
        (HEAD + "models: &a {bedrock: *a}\n", ["models.bedrock: an alias"]),
        (HEAD + "budget: {monthly_usd: 1000000000000}\n", ["budget.monthly_usd", "at most 1000000000"]),
        (HEAD + "models:\n", ["test.yaml:5: models: is empty"]),
        (HEAD.replace("team", "R&D"), ['owner = "R&D"', "have ASCII letters"]),
        (HEAD.replace("team", "équipe"), ['owner = "équipe"', "ASCII"]),
        (HEAD.replace("team", '" team"'), ["owner", "spaces between them"]),
        (HEAD.replace("team", "aws:team"), ["owner", "AWS keeps for itself"]),
        (HEAD.replace("team", "no"), []),
        (HEAD.replace("team", "'a\u202eb'"), ["a\\u202eb"]),
        (HEAD.replace("'1'", "1"), ["cost_center = 1", "put it in quotes"]),
        (HEAD.replace("demo", "de-mo"), ['project = "de-mo"', "without the hyphen that joins names"]),
        (HEAD + "account: 111122223333\n", ["account = 111122223333", "put it in quotes"]),
        (HEAD + "account: '١١١١٢٢٢٢٣٣٣٣'\n", ["account", "have 12 digits"]),
        (HEAD + "environment: [test]\n", ["environment", "Use that name"]),
    ],
)
def test_mistakes_are_told_with_their_key_path(tmp_path: Path, content: str, words: list[str]) -> None:
    if not words:
        assert load("test", write(tmp_path, content)).owner == "no"
        return
    said = message(tmp_path, content)
    assert said.isprintable()
    for word in words:
        assert word in said


SOURCES = {"sources": {"reviewed": {"groups": ["staff"]}}}
SITE = {"urls": ["https://docs.example.com/"], "groups": ["staff"]}
ENDPOINT = {"model": "huggingface-sentencesimilarity-bge-m3"}


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (
            {"knowledge": {"a": {**SOURCES, "web": {"b-c": SITE, "bc": SITE}}}},
            ["models.knowledge.a.web.bc and models.knowledge.a.web.b-c", "of one name, a-bc. Rename one"],
        ),
        (
            {
                "knowledge": {
                    "a": {**SOURCES, "web": {"b-c": SITE}},
                    "a-b": {**SOURCES, "custom": {"d": {"groups": ["staff"]}}},
                }
            },
            [],
        ),
        (
            {"knowledge": {"a": {**SOURCES, "web": {"b-c": SITE}}, "a-b": {**SOURCES, "web": {"c": SITE}}}},
            ["models.knowledge.a-b.web.c and models.knowledge.a.web.b-c", "Rename one"],
        ),
        (
            {"knowledge": {"a": {**SOURCES, "web": {"knowledge": SITE}}}},
            ["models.knowledge.a.web.knowledge and models.knowledge.a", "Rename one"],
        ),
        (
            {"endpoints": {"a-prompt": ENDPOINT}, "prompts": {"a": {"text": "Hi", "model": NOVA}}},
            ["models.endpoints.a-prompt and models.prompts.a", "of one name, a-prompt"],
        ),
        ({"prompts": {"a-b": {"text": "Hi", "model": NOVA}, "ab": {"text": "Hi", "model": NOVA}}}, ["Rename one"]),
        ({"knowledge": {"a": {**SOURCES, "dimension": 1024}}}, []),
        ({"knowledge": {"a": {**SOURCES, "embedding": "cohere.embed-english-v3", "dimension": 1024}}}, []),
        (
            {"knowledge": {"a": {**SOURCES, "embedding": "cohere.embed-english-v3", "dimension": 512}}},
            ["models.knowledge.a.dimension", "returns vectors of 1024 dimensions, not 512"],
        ),
        (
            {
                "provisioned": {
                    "a": {
                        "model": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-light-v1:0",
                        "units": 1,
                        "usd_per_hour": 1,
                    }
                }
            },
            ["models.provisioned.a.model", "amazon.nova-light-v1:0 is not a", "Did you mean amazon.nova-lite-v1:0?"],
        ),
    ],
)
def test_names_that_make_one_of_two_things_and_models_that_differ(
    tmp_path: Path, models: dict[str, Any], words: list[str]
) -> None:
    bedrock = {"models": [NOVA, TITAN, "cohere.embed-english-v3"]}
    content = {**BASE, "network": {"zones": ["us-east-1a"]}, "models": {"bedrock": bedrock, **models}}
    if not words:
        load("test", write(tmp_path, yaml.safe_dump(content)))
        return
    said = message(tmp_path, content)
    for word in words:
        assert word in said


def test_customization_is_refused_where_bedrock_has_none(tmp_path: Path) -> None:
    models = {"bedrock": {"models": ["us.amazon.nova-lite-v1:0"]}, "fine_tuning": {"customized": {"a": {"base": NOVA}}}}
    content = {**BASE, "network": {"zones": ["us-west-2a"]}, "region": "us-west-2", "models": models}
    said = message(tmp_path, content)
    assert "models.fine_tuning.customized.a.base: Bedrock customizes no model that is known here in us-west-2" in said
    assert "It does in us-east-1" in said


def test_two_clusters_of_one_eks_cluster_are_refused(tmp_path: Path) -> None:
    eks = {"cluster_arn": "arn:aws:eks:us-east-1:111122223333:cluster/research"}
    cluster = {"eks": eks, "groups": {"some": {"instance_type": "ml.g5.12xlarge", "instances": 1}}}
    compute = {"clusters": {"one": cluster, "two": cluster}, "storage": {}}
    said = message(tmp_path, {**BASE, "network": {"zones": ["us-east-1a"]}, "compute": compute})
    assert "compute.clusters.two.eks.cluster_arn: two and one have the same EKS cluster" in said


def test_an_application_without_anything_is_refused(tmp_path: Path) -> None:
    said = message(tmp_path, {**BASE, "application": {"dashboard": False}})
    assert "application.dashboard: application has neither a chat nor a dashboard" in said
    watched = {"bedrock": {"models": [NOVA], "watch": {}}}
    assert "models.bedrock.watch: Layer 3 creates the alarms" in message(tmp_path, {**BASE, "models": watched})
    load("test", write(tmp_path, yaml.safe_dump({**BASE, "models": watched, "application": {"dashboard": False}})))


# --- models that end ---------------------------------------------------------------------------------------------------


def _using(tmp_path: Path, model: str) -> Settings:
    return load("test", write(tmp_path, yaml.safe_dump({**BASE, "models": {"bedrock": {"models": [model]}}})))


def test_an_end_of_life_is_told_on_the_day_that_is_given_and_changes_no_settings(tmp_path: Path) -> None:
    settings = _using(tmp_path, "ai21.jamba-1-5-mini-v1:0")
    assert ended(settings, date(2026, 11, 25)) == []
    assert ending(settings, date(2026, 11, 25)) == [
        "models.bedrock.models: ai21.jamba-1-5-mini-v1:0 reaches its end of life on 2026-11-26; replace it before"
    ]
    assert ending(settings, date(2026, 1, 1)) == []
    (said,) = ended(settings, date(2026, 11, 26))
    assert "ai21.jamba-1-5-mini-v1:0 reached its end of life on 2026-11-26, and every call of it fails. Did you" in said
    assert ending(settings, date(2026, 11, 26)) == []


@pytest.mark.parametrize("environment", available())
def test_no_model_of_the_shipped_settings_ends_within_a_year(environment: str) -> None:
    assert ended(load(environment), date(2027, 11, 25)) == []


def test_a_day_is_the_one_of_the_context_or_the_present_one() -> None:
    assert day("2027-03-30") == date(2027, 3, 30)
    assert day() >= date(2026, 1, 1)
    with pytest.raises(SettingsError, match=r"today = soon is no day\. Write it as"):
        day("soon")


def test_hints_say_until_when_a_model_can_be_called() -> None:
    from aws_genai.data.bedrock import proposed

    last = [
        (profile, region, facts.ends(region))
        for facts in map(BedrockCatalogue.get, BedrockCatalogue.names())
        for profile, sources in facts.routes.items()
        for region in sources
        if facts.ends(region) and not facts.ended(date(2026, 11, 25), region)
    ]
    assert last
    for profile, region, ends in last:
        assert proposed(profile, region, today=date(2026, 11, 25)).endswith(f", until {ends}?")


# --- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("日本 é 😀", "日本 é 😀"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("a\u202eb\u200bc\u2028", "a\\u202eb\\u200bc\\u2028"),
        ("\ud800\x00\x1b[2J", "\\ud800\\x00\\x1b[2J"),
        ("\ue000\U000e0001", "\\ue000\\U000e0001"),
    ],
)
def test_any_text_is_shown_as_one_printable_line(text: str, shown: str) -> None:
    assert readable(text) == shown


@pytest.mark.parametrize("text", ["x" * 5_000, "\n" * 5_000, "a: " + "\ud800" * 900 + " Write b"])
def test_long_texts_keep_their_beginning_and_end(text: str) -> None:
    found = readable(text)
    assert len(found) <= 1_000
    assert "..." in found
    assert found.endswith(readable(text[-8:]))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SettingsError("config/a.yaml: bad"), 2, "config/a.yaml: bad\n"),
        (InvalidValueError("Bad", hint="Do"), 2, "Bad. Do\n"),
        (RuntimeError("Error: jsii broke\n    at Foo (bar.js:1)"), 2, "jsii broke. Set AWS_GENAI_DEBUG=1"),
        (KeyError("x"), 2, "'x'. Set AWS_GENAI_DEBUG=1"),
        (RecursionError(), 2, "RecursionError. Set AWS_GENAI_DEBUG=1"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
    ],
)
def test_whatever_goes_wrong_in_a_command_is_one_message_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def command() -> int:
        raise error

    assert told(command) == code
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert len(shown.splitlines()) == 1
    if code == 2:
        monkeypatch.setenv("AWS_GENAI_DEBUG", "1")
        assert told(command) == 2
        assert "Traceback" in capsys.readouterr().err


def test_sentences_drop_names_of_errors_and_stacks() -> None:
    assert sentence(ValueError("JSIIError: ValidationError: Name is bad\n\n    at x")) == "Name is bad"


def test_any_exception_of_a_check_is_told_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("settings.environment.check_unique", broken)
    assert message(tmp_path, BASE) == "config/test.yaml: cannot be understood: division by zero"


#: Verbs that read settings, and what each is asked.
VERBS = {
    "wake": ["x", "--environment"],
    "prompts": ["--environment"],
    "evaluate": ["x", "--environment"],
    "redteam": ["--environment"],
    "data_set": ["sign", "x", "--environment"],
    "organization": ["--models-of"],
    "summary": [],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_mistakes_of_settings_as_the_entry_does(verb: str) -> None:
    command = [sys.executable, "-m", f"operations.{verb}", *VERBS[verb], "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("config/nowhere.yaml: there is no such environment. Choose one of: dev, ")
    assert len(done.stderr.splitlines()) == 1


def test_every_command_that_reads_settings_tells_whatever_goes_wrong() -> None:
    entries = [ROOT / "app.py", *(ROOT / "operations").glob("*.py"), ROOT / "local" / "__main__.py"]
    texts = {path: path.read_text(encoding="utf-8") for path in entries}
    reading = {
        path for path, text in texts.items() if "__main__" in text and re.search("^from settings import", text, re.M)
    }
    assert len(reading) >= len(VERBS) + 2
    for path in reading:
        assert "sys.exit(told(main" in texts[path], path


# --- every setting -----------------------------------------------------------------------------------------------------


def _fields(node: Any, path: str, found: Callable[[str, dict[str, Any]], Iterator[str]]) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _fields(each, path, found)
    elif isinstance(node, dict):
        yield from found(path, node)
        for key, each in node.items():
            if key not in ("enum", "default", "description", "required"):
                yield from _fields(
                    each, path if key in ("properties", "anyOf", "items", "$defs") else f"{path}.{key}", found
                )


def test_every_number_is_bounded_and_every_pattern_is_of_ascii() -> None:
    def problems(path: str, node: dict[str, Any]) -> Iterator[str]:
        if (
            node.get("type") in ("integer", "number")
            and not (
                {"minimum", "exclusiveMinimum", "const"} & set(node) and {"maximum", "exclusiveMaximum"} & set(node)
            )
            and "enum" not in node
        ):
            yield f"{path} has no bounds"
        for pattern in [node.get("pattern", "^$"), *node.get("patternProperties", {})]:
            if isinstance(pattern, str) and (
                re.search(r"\\[dwsDWS]", pattern) or not pattern.startswith("^") or not pattern.endswith("$")
            ):
                yield f"{path}: {pattern} takes digits and letters of any script, or a part of a text"

    assert list(_fields(Settings.model_json_schema(), "", problems)) == []

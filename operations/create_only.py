"""Update the table of create-only properties and identifiers: ``python -m operations.create_only`` (``make facts``).

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
        "Athena",
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
        "Glue",
        "GuardDuty",
        "IAM",
        "KMS",
        "Lambda",
        "Logs",
        "OpenSearchServerless",
        "RDS",
        "Route53",
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
    parser.add_argument("--check", action="store_true", help="write nothing; check whether the file is up to date")
    options = parser.parse_args(arguments)
    folder = _folder()
    if folder is None:
        print("This needs cfn-lint. Run make facts, which installs it.", file=sys.stderr)
        return 2
    text = render(folder)
    if options.check:
        same = FILE.exists() and FILE.read_text(encoding="utf-8") == text
        print(f"{FILE.name} is {'up to date' if same else 'outdated: run make facts'}")
        return 0 if same else 1
    replace(FILE, text)
    print(f"{FILE.name}: {len(json.loads(text)['types'])} types")
    return 0


def render(folder: Path) -> str:
    """The text of the file, with one line for each type."""
    schemas = {name: _schema(folder, file) for name, file in sorted(_index(folder).items())}
    types = _lines({name: _paths(schema, _REPLACING) for name, schema in schemas.items()})
    identifiers = _lines({name: found for name, schema in schemas.items() if (found := _identifier(schema))})
    source = json.dumps(
        f"CloudFormation's schemas of resource types ({REGION}) in the PyPI package cfn-lint {_version()}"
    )
    return f'{{\n "source": {source},\n "types": {{\n{types}\n }},\n "identifiers": {{\n{identifiers}\n }}\n}}\n'


def _lines(types: dict[str, list[str]]) -> str:
    return ",\n".join(f"  {json.dumps(name)}: {json.dumps(paths)}" for name, paths in types.items())


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


def _schema(folder: Path, file: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((folder / "resources" / f"{file}.json").read_text(encoding="utf-8"))
    return schema


def _paths(schema: dict[str, Any], keyword: str) -> list[str]:
    return sorted({path.removeprefix("/properties/") for path in schema.get(keyword) or []})


def _identifier(schema: dict[str, Any]) -> list[str]:
    """The properties that identify a resource in its account, if templates can set them; otherwise none.

    That is the primary identifier, or an additional one where the primary identifier is an ARN or an id that the
    service generates. https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """
    generated = {*schema.get("readOnlyProperties", ()), "/properties/Id", "/properties/Arn"}
    candidates = [schema.get("primaryIdentifier") or [], *(schema.get("additionalIdentifiers") or [])]
    for each in candidates:
        if each and generated.isdisjoint(each) and all(path.split("/")[2] in schema["properties"] for path in each):
            return [path.removeprefix("/properties/") for path in each]
    return []


if __name__ == "__main__":
    sys.exit(told(main))

"""What the emulator says that it routes, as JSON: run by the account's own Python, for its tables are read there."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

#: A folder of nobody's, and the account with all that it adds to the emulator.
FOLDER = tempfile.mkdtemp()
os.environ |= {
    **{"AUTH": "true", "MINISTACK_ACCOUNT_ID": "000000000000", "MINISTACK_REGION": "us-east-1", "SFTP_ENABLED": "0"},
    **{"HOME": FOLDER, "STATE_DIR": FOLDER, "S3_DATA_DIR": FOLDER, "IOT_MTLS_ENABLED": "0", "LOG_LEVEL": "ERROR"},
}

from local.account.__main__ import application  # noqa: E402 - the emulator reads the environment when it is imported

APPLICATION = application()

from ministack import app  # noqa: E402
from ministack.core import iam_actions, router  # noqa: E402

#: Names of botocore's models where they are not the emulator's; a service in no table has to be put into one.
MODELS = {
    "apigateway": ("apigateway", "apigatewayv2"),
    "appsync-events": ("appsync",),
    "bedrock-agentcore": ("bedrock-agentcore", "bedrock-agentcore-control"),
    "documentdb": ("docdb",),
    "elasticloadbalancing": ("elbv2",),
    "elasticmapreduce": ("emr",),
    "lambda-core": ("lambda-core",),
    "monitoring": ("cloudwatch",),
    "s3": ("s3", "s3control"),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
    "ses": ("ses", "sesv2"),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}


def services() -> list[dict[str, Any]]:
    """Every service of the emulator's, and of the account's own, with all operations of its models."""
    return [
        {"name": name, "models": [_model(each) for each in names]}
        for name in {**app.SERVICE_REGISTRY, **app.SERVICE_HANDLERS}
        for names in [MODELS.get(name) or iam_actions._BOTOCORE_SERVICE_MAP.get(name) or (name,)]
    ]


def _model(name: str) -> dict[str, Any]:
    model = iam_actions._load_botocore_model(name)
    meta = model.get("metadata", {})
    return {
        "name": name,
        "protocol": meta.get("protocol"),
        "host": f"{meta.get('endpointPrefix')}.us-east-1.amazonaws.com",
        "scope": meta.get("signingName") or meta.get("endpointPrefix"),
        "target": meta.get("targetPrefix", ""),
        "version": meta.get("apiVersion", ""),
        "json": meta.get("jsonVersion", "1.1"),
        "operations": {
            operation: {
                "method": facts["http"].get("method", "POST"),
                "path": facts["http"].get("requestUri", "/"),
                "unsigned": facts.get("authtype") == "none" or facts.get("auth") == ["smithy.api#noAuth"],
            }
            for operation, facts in model.get("operations", {}).items()
        },
    }


def paths() -> dict[str, list[str]]:
    """Every text of the application and of its router that begins like a path, or is an expression for one."""
    return {each.__name__: sorted(_paths(Path(str(each.__file__)))) for each in (app, router)}


def _paths(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in told
        and re.match(r"\^?/.", node.value)
        and " " not in node.value
        and not re.match(r"/\w+/\.", node.value)  # a file, and no route
    }


if __name__ == "__main__":
    if "--paths" in sys.argv:
        print(*(f"{module} {path}" for module, listed in paths().items() for path in listed), sep="\n")
    else:
        json.dump({"services": services(), "paths": paths()}, sys.stdout)

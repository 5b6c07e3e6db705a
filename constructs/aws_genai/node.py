"""Flags of the Node.js process that the CDK for Python starts."""

from __future__ import annotations

import os
from pathlib import Path


def tune_node() -> None:
    """Start the CDK's Node.js with the flags of ``node_flags.cjs``, after those that ``NODE_OPTIONS`` has.

    Call it before the first import of ``aws_cdk``, which starts Node.js. Templates and findings stay the same.
    https://nodejs.org/api/cli.html#node_optionsoptions
    """
    flags = Path(__file__).with_name("node_flags.cjs").as_posix()
    os.environ["NODE_OPTIONS"] = f'{os.environ.get("NODE_OPTIONS", "")} --require "{flags}"'.strip()

"""``python -m aws_genai.packaging`` downloads the libraries of the functions before the first synthesis."""

from __future__ import annotations

import sys

from .dependencies import DependenciesError, bundle

try:
    bundle()
except DependenciesError as error:
    print(error, file=sys.stderr)
    sys.exit(2)

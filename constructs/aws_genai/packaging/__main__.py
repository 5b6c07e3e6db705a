<<<<<<< HEAD
"""``python -m aws_genai.packaging`` fetches the libraries of the functions ahead of the first synthesis."""
=======
"""``python -m aws_genai.functions`` downloads the libraries of the functions before the first synthesis."""
>>>>>>> wt-pa

from __future__ import annotations

import sys

from .dependencies import DependenciesError, bundle

try:
    bundle()
except DependenciesError as error:
    print(error, file=sys.stderr)
    sys.exit(2)

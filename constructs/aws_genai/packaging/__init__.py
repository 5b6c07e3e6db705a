"""AWS Lambda functions in Python, with their libraries and custom resources, packaged without Docker."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .files import BucketFiles as BucketFiles
    from .python_function import PythonFunction as PythonFunction, reserve_concurrency as reserve_concurrency

__all__, __getattr__ = exports(__name__)

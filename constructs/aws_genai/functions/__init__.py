"""Code that runs in AWS Lambda, one folder per function, and the constructs that deploy it."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .files import BucketFiles
    from .python_function import PythonFunction, reserve_concurrency

__all__ = ["BucketFiles", "PythonFunction", "reserve_concurrency"]

__getattr__ = exports(
    __name__,
    {
        ".files": ("BucketFiles",),
        ".python_function": ("PythonFunction", "reserve_concurrency"),
    },
)

"""Code that runs in AWS Lambda, one folder per function, and the construct that deploys it."""

from .python_function import PythonFunction

__all__ = ["PythonFunction"]

"""Turns errors in a settings file into messages that say what to do."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from aws_genai.errors import InvalidValueError
from aws_genai.explain import readable as readable

from .disk import refused


class SettingsError(Exception):
    """A settings file is invalid; the message says what to do."""


#: The environment variable that turns on tracebacks. By default, an error prints a message only.
DEBUG = "AWS_GENAI_DEBUG"


def told(command: Callable[[], int], *, then: str = "") -> int:
    """Run a command; any error becomes one message on stderr and the exit code 2.

    :param then: a sentence about the consequence of an unexpected error. Default: no sentence.
    """
    try:
        code = command()
        sys.stdout.flush()  # otherwise the interpreter reports a full disk when it exits
        return code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()  # the reader has closed the pipe
        return 141
    except Exception as error:
        if os.environ.get(DEBUG):
            traceback.print_exc()
        elif isinstance(error, SettingsError | InvalidValueError):
            print(error, file=sys.stderr)
        elif said := refused(error):
            print(" ".join([readable(said), *([then] if then else [])]), file=sys.stderr)
            _drop_output()
        else:
            shown = [_ended(sentence(error)), *([then] if then else []), f"Set {DEBUG}=1 to see where it went wrong."]
            print(*shown, file=sys.stderr)
        return 2


def _drop_output() -> None:
    """Discard output that could not be written, so that the interpreter does not try again on exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ended(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."


def sentence(error: BaseException) -> str:
    """The message of an error in one line, without the stack trace that jsii appends."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    while (begin := said.partition(": "))[1] and begin[0].endswith("Error") and begin[0].isidentifier():
        said = begin[2]
    return readable(said)

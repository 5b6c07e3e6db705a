"""Turning what is wrong with a settings file into a message that says what to do."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from aws_genai.errors import InvalidValueError
from aws_genai.explain import readable

from .disk import refused


class SettingsError(Exception):
    """A settings file cannot be used; the message is for the person who wrote it."""


#: With it set, whatever goes wrong shows where; a message is all that there is without.
DEBUG = "AWS_GENAI_DEBUG"


def told(command: Callable[[], int], *, then: str = "") -> int:
    """Run a command; whatever goes wrong in it becomes one message on stderr and the exit code 2.

    :param then: what follows from a failure that nobody foresaw, as a sentence. Default: nothing is said of it.
    """
    try:
        code = command()
        sys.stdout.flush()  # or a full disk would be told by the interpreter, on its way out
        return code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()  # whoever read has seen enough
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
    """Let nothing be written on the way out that could not be written before."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ended(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."


def sentence(error: BaseException) -> str:
    """What an error says, in one line, without the stack that jsii puts below."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    while (begin := said.partition(": "))[1] and begin[0].endswith("Error") and begin[0].isidentifier():
        said = begin[2]
    return readable(said)

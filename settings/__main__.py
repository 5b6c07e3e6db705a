"""Check a settings file without starting the CDK: ``python -m settings check reference``.

Exits with 0 if the file can be synthesized, 2 if it cannot be used, and 1 if it names a model that has ended, as
``app.py`` does.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Check one environment, and return the exit code."""
    from . import available, day, ended, ending, load

    parser = argparse.ArgumentParser(prog="python -m settings", description=__doc__)
    parser.add_argument("verb", choices=["check"])
    parser.add_argument("environment", help=f"name of a file in config/: {', '.join(available())}")
    environment = parser.parse_args(arguments).environment
    settings, today = load(environment), day(None)
    if gone := ended(settings, today):
        print(*gone, sep="\n", file=sys.stderr)
        return 1
    print(*(f"Warning: {each}\n" for each in ending(settings, today)), sep="", end="", file=sys.stderr)
    print(f"config/{environment}.yaml: OK")
    return 0


if __name__ == "__main__":
    # Before the settings are imported, which is most of the work: the process ends before collecting garbage would pay,
    # and pydantic would look for plug-ins in the metadata of each installed package.
    # https://docs.pydantic.dev/latest/concepts/plugins/
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from . import told

    sys.exit(told(main))

"""Runs code in one session: ``python -I sandbox_child.py``, which reads requests and writes responses as lines of JSON.

Variables last from one run to the next, and the value of a last expression is shown, as in a notebook.
"""

import ast
import json
import os
import resource
import sys
import traceback
from pathlib import Path

#: Bytes of memory, of a file, and of each of the two outputs; open files; processes.
_MEMORY, _FILE, _SHOWN, _FILES, _PROCESSES = 1 << 30, 50 << 20, 1 << 20, 256, 64
#: Events of the interpreter that are refused where no namespace of the kernel does it.
_REFUSED = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "ctypes.")


def main() -> None:
    """Serve until the end of the input."""
    folder, guarded, seconds = sys.argv[1], sys.argv[2] == "guarded", int(sys.argv[3])
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin:/bin"})
    requests, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    outputs = []
    for number in (1, 2):
        # A file without a name, because code may print more than a pipe holds.
        place = Path(folder, f".{number}")
        outputs.append(os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        place.unlink()
        os.dup2(outputs[-1], number)
    limits = {"AS": _MEMORY, "FSIZE": _FILE, "NOFILE": _FILES, "CPU": seconds, "CORE": 0}
    if not guarded:
        # Counted by user namespace: elsewhere the limit would be that of the user.
        limits["NPROC"] = _PROCESSES
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    if guarded:
        _guard(folder)
    variables = {"__name__": "__main__"}
    for line in requests:
        for output in outputs:
            os.ftruncate(output, 0)
            os.lseek(output, 0, os.SEEK_SET)
        code = _run(json.loads(line)["code"], variables)
        sys.stdout.flush()
        sys.stderr.flush()
        texts = [os.pread(output, _SHOWN, 0).decode(errors="replace") for output in outputs]
        print(json.dumps({"stdout": texts[0], "stderr": texts[1], "exitCode": code}), file=answers, flush=True)


def _run(code: str, variables: dict) -> int:  # type: ignore[type-arg]
    try:
        parsed = ast.parse(code)
        last = parsed.body.pop() if parsed.body and isinstance(parsed.body[-1], ast.Expr) else None
        exec(compile(parsed, "<code>", "exec"), variables)  # noqa: S102 - what it is for
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<code>", "eval"), variables)  # noqa: S307
            if value is not None:
                print(repr(value))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        kind, raised, where = sys.exc_info()
        # Without the frames of this file.
        while where is not None and where.tb_frame.f_code.co_filename == __file__:
            where = where.tb_next
        traceback.print_exception(kind, raised, where)
        return 1
    return 0


def _guard(folder: str) -> None:
    """Refuse network, processes, and files outside of the folder and of the interpreter."""
    allowed = tuple(
        os.path.realpath(each) + os.sep for each in (folder, sys.prefix, sys.base_prefix, Path(os.__file__).parent)
    )

    def hook(event: str, arguments: tuple) -> None:  # type: ignore[type-arg]
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is not permitted here")
        if event in ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.symlink", "os.link"):
            path = arguments[0]
            if isinstance(path, str | bytes) and not (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(allowed):
                raise PermissionError(f"{os.fsdecode(path)} is outside of the session")

    sys.addaudithook(hook)


if __name__ == "__main__":
    main()

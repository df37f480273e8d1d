"""A conda whose start is paid once: each command runs in a fork, and can be killed at a given step.

Run by the interpreter of a base that has the plugin. Reads one request per line, as JSON, and
answers each with one line; see `tests.bed.forks`, which talks to it. A step is a call that
changes a file system, as Python's audit hooks tell, below the directory that the request names;
the process kills itself just before it, as no signal from outside could.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

Conda = Callable[..., Any]

PROGRAMS = ("conda_overlay.activation.", "conda_overlay.resolve.pip_child")
"""What runs in processes of its own, and does something when it is imported."""

STEPS = {
    "os.rename": (1, 3),
    "os.link": (1, 3),
    "os.symlink": (1, 2),
    "os.mkdir": (0, 2),
    "os.rmdir": (0, 1),
    "os.remove": (0, 1),
    "os.chmod": (0, 2),
    "open": (0, None),
}
"""Where the arguments of each audit event have the path, and the directory it is relative to."""

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER = 38, 22, 36
_CALLS: dict[str, dict[str, tuple[int, ...]]] = {
    "x86_64": {"link": (86, 265), "symlink": (88, 266), "renameat2": (316,)},
    "aarch64": {"link": (37,), "symlink": (36,), "renameat2": (276,)},
}
_EPERM = 1


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answers = os.fdopen(os.dup(1), "w")
    from conda.cli.main import main as conda

    for module in (*imported_by(conda, "overlay", "--help"), *ours()):
        with suppress(ImportError):  # what an extension module has made up
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # or each fork looks through all that is here, and so copies the pages of it
    for line in sys.stdin:
        answers.write(json.dumps(serve(json.loads(line), conda)) + "\n")
        answers.flush()


def ours() -> Iterator[str]:
    """Our modules, which commands import when they need them; but not the programs."""
    import conda_overlay

    for module in pkgutil.walk_packages(conda_overlay.__path__, "conda_overlay."):
        if not module.name.startswith(PROGRAMS) and not module.name.endswith("__main__"):
            yield module.name


def imported_by(conda: Conda, *argv: str) -> list[str]:
    """The modules that a command imports, which this process does not run itself."""
    receiver, sender = os.pipe()
    if not os.fork():
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        with suppress(SystemExit):
            conda(*argv)
        with os.fdopen(sender, "w") as names:
            names.write("\n".join(sys.modules))
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as names:
        found = names.read().splitlines()
    os.wait()
    return [name for name in found if not name.startswith("__")]


def serve(request: dict[str, Any], conda: Conda) -> list[dict[str, Any]]:
    """Run commands at once, wait for them and for all that they have started."""
    files = [[os.memfd_create(name) for name in ("out", "err", "steps")] for _ in request["argvs"]]
    reached, at_step = os.pipe()
    pids = []
    for argv, (out, err, steps) in zip(request["argvs"], files, strict=True):
        pid = os.fork()
        if not pid:
            os.setsid()
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.close(reached)
            run(argv, request, (steps, at_step), conda)
        pids.append(pid)
    begin = time.monotonic()
    os.close(at_step)
    if request.get("kill_after") is not None:
        if request.get("from_step"):
            os.read(reached, 1)  # or the end of all commands
        while request.get("kill_when") and not os.path.exists(request["kill_when"]):
            time.sleep(0.01)
        time.sleep(request["kill_after"])
        for pid in pids:
            kill(pid, bool(request.get("with_children")))
    os.close(reached)
    codes: dict[int, int] = {}
    took: dict[int, float] = {}
    while not (request.get("leave_children") and codes.keys() >= set(pids)):
        try:
            pid, status = os.wait()
        except ChildProcessError:
            break
        codes[pid] = os.waitstatus_to_exitcode(status)
        took[pid] = time.monotonic() - begin
    return [
        {
            "code": codes[pid],
            "took": took[pid],
            **{name: read(file) for name, file in zip(("out", "err", "steps"), each, strict=True)},
        }
        for pid, each in zip(pids, files, strict=True)
    ]


def kill(pid: int, with_children: bool) -> None:
    """Kill a command, which has not been waited for, so its number is its own still."""
    if with_children:
        try:
            os.killpg(pid, signal.SIGKILL)
            return
        except ProcessLookupError:
            pass  # it has not come to have a session of its own, so it has no children either
    os.kill(pid, signal.SIGKILL)


def read(file: int) -> str:
    with os.fdopen(file, "rb") as content:
        content.seek(0)
        return content.read().decode(errors="replace")


def run(argv: list[str], request: dict[str, Any], files: tuple[int, int], conda: Conda) -> NoReturn:
    """Be a command of conda."""
    code: Any = 70
    try:
        os.environ.clear()
        os.environ.update(request["environ"])
        os.chdir(request["cwd"])
        give_input(request.get("input") or "")
        sys.argv = [request["conda"], *argv]
        if request.get("forbidden"):
            forbid(request["forbidden"])
        if request.get("watch"):
            sys.addaudithook(watcher(request, *files))
        try:
            code = conda(*argv)
        except SystemExit as exit:
            code = exit.code
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code if isinstance(code, int) else int(bool(code)))


def give_input(text: str) -> None:
    """Let a command read this text, and not the requests."""
    content = os.memfd_create("in")
    os.write(content, text.encode())
    os.lseek(content, 0, os.SEEK_SET)
    os.dup2(content, 0)
    sys.stdin = os.fdopen(0)


def watcher(
    request: dict[str, Any], steps: int, at_step: int
) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook that notes the steps below a directory, and tells of one or kills before one."""
    directory, count = request["watch"], 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in STEPS or (event == "open" and not _writes(arguments[2])):
            return
        path, base = STEPS[event]
        place = os.fsdecode(arguments[path]) if not isinstance(arguments[path], int) else ""
        if not place.startswith("/"):
            handle = arguments[base] if base is not None else -1
            if not isinstance(handle, int) or handle < 0:
                return
            place = os.path.join(os.readlink(f"/proc/self/fd/{handle}"), place)
        if not place.startswith(directory):
            return
        count += 1
        if count == request.get("kill_before"):
            os.kill(os.getpid(), signal.SIGKILL)
        if count == request.get("from_step"):
            os.write(at_step, b"x")
        line = f"{time.monotonic()} {event} {place[len(directory) :]}\n"
        os.write(steps, line.encode(errors="replace"))

    return hook


def _writes(flags: Any) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def forbid(calls: list[str]) -> None:
    """Let the kernel refuse system calls with EPERM, as file systems do that have no links."""
    numbers = [number for call in calls for number in _CALLS[os.uname().machine][call]]
    # Classic BPF: load the number of the call; if it is one of these, EPERM, else go on.
    program = [struct.pack("HBBI", 0x20, 0, 0, 0)]
    for index, number in enumerate(numbers):
        program.append(struct.pack("HBBI", 0x15, len(numbers) - index, 0, number))
    program.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    program.append(struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | _EPERM))
    code = ctypes.create_string_buffer(b"".join(program))
    head = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    )
    libc = ctypes.CDLL(None, use_errno=True)
    for words in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, 2, head, 0, 0)):
        if libc.prctl(*words):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    main()

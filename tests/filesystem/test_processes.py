"""Programs that keep the old code are named after a change, and no others."""

from __future__ import annotations

import calendar
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from conda_overlay.filesystem.processes import _is_ours
from tests.bench import Bench


@contextmanager
def waiting(bench: Bench, *, name: str | None = None, mine: bool = True) -> Iterator[int]:
    """A Python of a host that waits for the end of its input, the user's own or root's."""
    host = bench.host if name is None else bench.conda.env(name)
    user = {"user": bench.user.uid, "group": bench.user.gid} if mine and not os.geteuid() else {}
    argv = [str(host / "bin" / "python"), "-c", "import sys; print(flush=True); sys.stdin.read()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, cwd="/", **pipes, **user) as process:  # type: ignore[call-overload]
        assert process.stdout.readline()
        yield process.pid


def test_after_a_change_the_users_programs_of_this_host_are_named(quick: Bench) -> None:
    before = time.time()
    with (
        waiting(quick) as pid,
        waiting(quick, name="daq") as other,
        waiting(quick, mine=False) as roots,
    ):
        after = time.time()
        printed = quick.change("install", "new")
        assert "use the old code until you restart them" in printed
        assert f"  {pid}  " in printed and "sys.stdin.read()" in printed
        assert f"  {other}  " not in printed
        assert f"  {roots}  " not in printed or os.geteuid() != 0
        [program] = quick.json("remove", "new")["running"]
        assert (program["pid"], program.keys()) == (pid, {"pid", "command", "started"})
        started = calendar.timegm(time.strptime(program["started"], "%Y-%m-%dT%H:%M:%SZ"))
        # Cut to whole seconds, as is the start of the machine, from which the kernel counts.
        assert before - 2 <= started <= after + 1
    assert "keep what they have loaded" not in quick.change("install", "new")


def test_other_commands_of_ours_are_not_named() -> None:
    words = [b"python", b"-I", b"/base/lib/conda_overlay/resolve/pip_child.py"]
    commands = [b"python", b"/base/bin/conda", b"overlay", b"edit", b"tool"]
    assert _is_ours(words) and _is_ours(commands)
    assert not _is_ours([b"python", b"overlay", b"/base/bin/conda"])
    assert not _is_ours([b"python", b"conda-overlay.py"])


def test_five_programs_are_named_at_most(quick: Bench) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(waiting(quick))
        printed = quick.change("install", "new")
    assert printed.count("sys.stdin.read()") == 5
    assert "and 2 more" in printed

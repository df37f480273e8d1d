"""Nobody waits for somebody else's question or build; who does wait is told for whom."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from tests import sources
from tests.bench import PATIENCE, Bench
from tests.lifecycle import patches
from tests.lifecycle.running import Running, running, wait_for_file
from tests.long import LONG


def run_meanwhile(first: Running, bench: Bench, command: str, *words: str) -> None:
    """Run a command to its end while another one waits, which ends later and is not waited for."""
    argv: list[str | Path] = [bench.conda.executable, "overlay", command, *bench.where, *words]
    done = bench.user.run(argv, env=bench.environ, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "Waiting" not in done.stdout + done.stderr
    assert not first.ended


def install_meanwhile(first: Running, bench: Bench, *words: str) -> None:
    """The same, of an installation."""
    run_meanwhile(first, bench, "install", "--yes", *words)


@LONG
def test_who_waits_at_a_question_hinders_nobody_and_is_made_again(quick: Bench) -> None:
    with running(quick, "install", "alpha==2.0") as first:
        first.wait_for("Proceed")
        install_meanwhile(first, quick, "new")
        assert quick.version("new") == "1.0"
        first.answer("y")
        assert first.end() == 0, first.err
    assert quick.see("alpha", "beta", "new") == {"alpha": "2.0", "beta": "2.0", "new": "1.0"}
    assert first.out.count("Proceed") == 1  # the plan was the same, so it was not asked again
    assert patches.revision(quick) == 2


@LONG
def test_who_would_now_do_something_else_is_asked_again(quick: Bench) -> None:
    for answer, version in (("n", "1.5"), ("y", "2.0")):
        with running(quick, "install", "alpha==2.0") as first:
            first.wait_for("Proceed")
            install_meanwhile(first, quick, "alpha==1.5")
            first.answer("y")
            first.wait_for("Proceed", times=2)
            assert "1.5 -> 2.0" in first.out
            first.answer(answer)
            first.end()
        assert quick.version("alpha") == version
        quick.change("undo", "0")


@LONG
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_who_builds_hinders_nobody(quick: Bench, option: str) -> None:
    directory = patches.source(quick.user, "mine", "1.0", "slow", slow=True)
    with running(quick, "install", option, directory) as first:
        wait_for_file(directory / "building")
        install_meanwhile(first, quick, "new")
        sources.write(quick.user, directory / "go", "")
        assert first.end() == 0, first.err
    built = {"mine": None if option == "--dry-run" else "1.0", "new": "1.0"}
    assert quick.see("mine", "new") == built


@LONG
def test_what_is_read_does_not_wait_either(quick: Bench) -> None:
    quick.given("install", "new")
    with running(quick, "remove", "new") as first:
        first.wait_for("Proceed")
        for command in ("status", "history"):
            run_meanwhile(first, quick, command)


def test_who_waits_for_the_lock_is_told_for_whom_and_since_when(quick: Bench) -> None:
    quick.given("install", "new")
    lock = quick.state / "lock"
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate()
        file.write("bob on daq17, process 4711, since 2026-01-02T03:04:05Z\n")
        file.flush()
        with running(quick, "install", "--yes", "alpha==1.5") as waiting:
            waiting.wait_for("bob")
            assert not waiting.ended
            assert "bob" in waiting.err
            assert "daq17" in waiting.err
            assert "2026" in waiting.err
            fcntl.flock(file, fcntl.LOCK_UN)
            assert waiting.end() == 0, waiting.err
    assert quick.version("alpha") == "1.5"


# -- what a command leaves behind that was killed, or failed


def everything(bench: Bench) -> set[str]:
    """The paths of all that is in the overlay directory, directories included."""
    top = bench.overlay.parent
    return {
        str(path.relative_to(top))
        for path in top.rglob("*")
        if path.name != "__pycache__" and path.suffix != ".pyc"
    }


@LONG
@pytest.mark.parametrize("words", [[], ["--keep", "5"]], ids=["all", "keep"])
def test_clean_with_nothing_to_drop_tidies_what_a_killed_command_left(
    quick: Bench, words: list[str]
) -> None:
    quick.given("install", "new")
    before = everything(quick)
    directory = patches.source(quick.user, "mine", "1.0", "slow", slow=True)
    # Where pip leaves its own directories.
    temporary = sources.write(quick.user, quick.user.home / "tmp" / "mine", "").parent
    env = {"TMPDIR": str(temporary)}
    with running(quick, "install", "--yes", directory, env=env) as killed:
        wait_for_file(directory / "building")
        killed.kill()
    assert everything(quick) > before
    quick.change("clean", *words)
    assert everything(quick) <= before
    assert quick.version("new") == "1.0"


def test_a_command_that_fails_leaves_no_process_behind(quick: Bench) -> None:
    conda = quick.user.home / "slow" / "bin" / "conda"
    python, noted = conda.parent / "python", quick.user.home / "pid"
    sources.write(quick.user, python, f"#!/bin/sh\necho $$ > '{noted}'\nexec sleep 30\n")
    quick.user.run(["chmod", "+x", python])
    quick.given("install", "new")
    done = quick.run("remove", *quick.where, "--yes", "nosuch", env={"CONDA_EXE": str(conda)})
    assert done.returncode == 1
    pid = read_pid(noted)
    if pid is not None and Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGKILL)
        pytest.fail("it left a process behind")


def read_pid(path: Path) -> int | None:
    """The number that a script notes, if it was started, as soon as it comes to it."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    return None

"""Locks that end with their process: who waits is told for whom, and never waits for the dead."""

from __future__ import annotations

import calendar
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conda_overlay.core.errors import LockedError
from conda_overlay.core.progress import Progress
from conda_overlay.filesystem import lock
from tests.bed import place

HOLDER = """
import sys, time
from pathlib import Path
from conda_overlay.filesystem import lock
with lock.hold(Path(sys.argv[1]), 5, "it"):
    print("ready", flush=True)
    sys.stdin.readline()
    Path(sys.argv[1]).with_name("let go").touch()
"""

Holder = subprocess.Popen[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lock"


@pytest.fixture
def holder(path: Path) -> Iterator[Holder]:
    """Another process, which holds the lock until it reads a line."""
    argv = [sys.executable, "-c", HOLDER, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, cwd=place.CHECKOUT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def let_go(process: Holder, after: float = 0.0) -> None:
    def write() -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    threading.Timer(after, write).start()


class Heard(Progress):
    """Keeps the messages."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def tell(self, text: str) -> None:
        self.told.append(text)


def hold(path: Path, timeout: float, told: list[str] | None = None) -> None:
    """Take and leave a lock."""
    with lock.hold(path, timeout, "/the/overlay", Heard(told if told is not None else [])):
        pass


def test_holder_is_written_into_the_file(path: Path) -> None:
    with lock.hold(path, 0, "it"):
        who = path.read_text()
    assert who.startswith(f"{lock.user()} on ")
    assert f", process {os.getpid()}, since 20" in who
    hold(path, 0)
    assert path.read_text().count("\n") == 1


def test_second_one_waits_for_the_first(path: Path, holder: Holder) -> None:
    let_go(holder, after=0.3)
    hold(path, 60)
    assert path.with_name("let go").exists()


def test_who_waits_is_told_for_whom_and_once(path: Path, holder: Holder) -> None:
    told: list[str] = []

    class LettingGo(Progress):
        def tell(self, text: str) -> None:
            told.append(text)
            let_go(holder, after=0.2)

    with lock.hold(path, 60, "/the/overlay", LettingGo()):
        pass
    assert len(told) == 1
    assert "/the/overlay" in told[0]
    assert f"process {holder.pid}, since 20" in told[0]


def test_who_does_not_wait_for_long_is_told_nothing(
    path: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock._PATIENCE == 1.0, "as its docstring says"
    monkeypatch.setattr(lock, "_PATIENCE", 60.0)  # or a busy machine would wait for long
    told: list[str] = []
    let_go(holder, after=0.3)
    hold(path, 60, told)
    assert path.with_name("let go").exists()
    assert told == []


def test_who_gets_it_at_once_is_told_nothing(path: Path, holder: Holder) -> None:
    told: list[str] = []
    let_go(holder)
    holder.wait()
    hold(path, 60, told)
    assert told == []


def test_who_gives_up_names_the_holder(path: Path, holder: Holder) -> None:
    with pytest.raises(LockedError, match=f"process {holder.pid}, since 20") as caught:
        hold(path, 0.1)
    assert "/the/overlay is being changed by" in str(caught.value)
    assert lock.user() in str(caught.value)
    assert "waited 0.1 s" in str(caught.value)
    with pytest.raises(LockedError):
        hold(path, 0)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe" * 10_000, None])
def test_holder_that_cannot_be_told_is_waited_for_all_the_same(
    path: Path, holder: Holder, content: bytes | None
) -> None:
    if content is not None:
        path.write_bytes(content)
    else:
        path.chmod(0)
    with pytest.raises(LockedError) as caught:
        hold(path, 0)
    assert len(str(caught.value)) < 1000


def test_lock_goes_with_its_process(path: Path, holder: Holder) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    hold(path, 0)


def test_program_that_the_holder_has_started_does_not_hold_it(path: Path) -> None:
    """What a killed command started, as pip, may live on."""
    with lock.hold(path, 0, "it"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        hold(path, 0)
    finally:
        child.kill()
        child.wait()


def test_file_that_its_holder_has_removed_locks_nothing(path: Path, holder: Holder) -> None:
    path.unlink()
    path.parent.rmdir()
    hold(path, 0)
    assert path.exists()


def test_file_that_is_removed_while_its_lock_is_taken_is_left_for_a_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder removes it between the opening and the locking, as at the end of a deletion."""
    flock, removed = fcntl.flock, list[int]()

    def late(handle: int, operation: int) -> None:
        if not removed:
            removed.append(os.fstat(handle).st_ino)
            path.unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock.hold(path, 5, "it"):
        assert path.exists()
        assert lock.is_held(path)
        assert removed


def test_only_one_at_a_time_although_each_removes_the_file(path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with lock.hold(path, 60, "it"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                path.unlink()
                with suppress(OSError):  # a waiting one may have made its own already
                    path.parent.rmdir()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 200
    assert max(most) == 1


def test_link_in_its_place_is_never_followed(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        hold(path, 0)
    assert not path.with_name("elsewhere").exists()
    path.with_name("elsewhere").touch()
    assert not lock.is_held(path)


def test_lock_that_was_taken_is_held_until_it_is_closed(path: Path) -> None:
    path.parent.mkdir()
    assert not lock.is_held(path)
    handle = lock.lock_own(path)
    assert lock.is_held(path)
    os.close(handle)
    assert not lock.is_held(path)


MAKES: dict[str, Callable[[Path], object]] = {
    "directory": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", MAKES)
def test_what_is_no_lock_is_held_by_nobody(path: Path, kind: str) -> None:
    path.parent.mkdir()
    MAKES[kind](path)
    assert not lock.is_held(path)


def test_time_is_utc_to_the_second() -> None:
    before = int(time.time())
    seconds = calendar.timegm(time.strptime(lock.now(), "%Y-%m-%dT%H:%M:%SZ"))
    assert before <= seconds <= time.time()


@pytest.mark.parametrize(
    ("sudo", "told"), [("sci1", " (sudo: sci1)"), ("", ""), ("a\nb", ""), (None, "")]
)
def test_user_is_the_account_of_the_process_and_says_who_became_it(
    monkeypatch: pytest.MonkeyPatch, sudo: str | None, told: str
) -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody")
    monkeypatch.delenv("SUDO_USER", raising=False)
    if sudo is not None:
        monkeypatch.setenv("SUDO_USER", sudo)
    assert lock.user() == name + told
    monkeypatch.setenv("SUDO_USER", name)
    assert lock.user() == name

"""One writer at a time, and whole states alone, whatever happens to the writer."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conda_overlay import manifest, store
from conda_overlay.exceptions import LockedError, StateError
from conda_overlay.models import Revision
from conda_overlay.store import Store
from tests.bed import place

HOST = Path("/host")


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "overlays" / "science")


def revision(number: int) -> Revision:
    plan = {"host": "/host", "overlay": "x", "changes": [], "conflicts": []}
    host: dict[str, object] = {
        "prefix": "/host",
        "python": "3.11.7",
        "abi": None,
        "distributions": {},
    }
    return Revision(number, "2026-01-01T00:00:00Z", "me", "here", (), None, host, plan)


def change(kept: Store, text: str) -> None:
    """Commit a revision whose one file has this text, as the operations do."""
    with kept.lock(60, HOST):
        tree = kept.staging / "tree"
        tree.mkdir(parents=True)
        (tree / "file").write_text(text)
        if kept.exists and not kept.managed:
            kept.adopt(revision(kept.next_number()), manifest.take(kept.overlay))
        kept.commit(tree, revision(kept.next_number()), manifest.take(tree), "")


def by_hand(kept: Store) -> None:
    kept.overlay.mkdir(parents=True)
    (kept.overlay / "file").write_text("by hand")


def current_text(kept: Store) -> str | None:
    return (kept.overlay / "file").read_text() if kept.exists else None


def settle(kept: Store) -> None:
    """What the next command does first."""
    with kept.lock(1, HOST):
        pass


def numbers(kept: Store) -> tuple[list[int], list[str], str]:
    """The records, the trees, and the text that is current."""
    trees = sorted(path.name for path in (kept.state / "revisions").iterdir())
    return kept.numbers(), trees, (kept.overlay / "file").read_text()


def test_commit_makes_a_tree_the_current_one(kept: Store) -> None:
    for text in ("one", "two"):
        change(kept, text)
    assert numbers(kept) == ([1, 2], ["1", "2"], "two")
    assert kept.current() == 2
    assert kept.revision(1) == revision(1)
    assert kept.overlay.readlink() == Path(".science/revisions/2")
    assert not (kept.state / "staging").exists()


def test_adoption_makes_a_directory_the_first_revision(kept: Store) -> None:
    by_hand(kept)
    change(kept, "two")
    assert numbers(kept) == ([1, 2], ["1", "2"], "two")
    assert (kept.state / "revisions" / "1" / "file").read_text() == "by hand"


TOUCHES = {
    *("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link"),
    *("os.chmod", "os.truncate", "shutil.rmtree"),
}
"""The audit events of what changes a file system."""


def dies(step: int, work: Callable[[], None]) -> bool:
    """Work in a process that is gone at its n-th touch of the file system, if it gets there."""
    child = os.fork()
    if child == 0:
        count = itertools.count()

        def watch(event: str, arguments: object) -> None:
            if event in TOUCHES and next(count) == step:
                os._exit(9)

        sys.addaudithook(watch)
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def one(kept: Store) -> None:
    change(kept, "one")


@pytest.mark.parametrize(
    ("begin", "old"),
    [(one, "one"), (by_hand, "by hand"), (lambda kept: None, None)],
    ids=["commit", "adoption", "first commit"],
)
def test_command_cut_short_at_any_step_leaves_the_old_state_or_the_new(
    tmp_path: Path, begin: Callable[[Store], None], old: str | None
) -> None:
    seen = set()
    for step in itertools.count():
        kept = Store(tmp_path / str(step) / "science")
        begin(kept)
        if not dies(step, lambda kept=kept: change(kept, "new")):  # type: ignore[misc]
            break
        before = current_text(kept)
        settle(kept)
        after = current_text(kept)
        assert after == before or (before, after) in {(None, old), (None, "new")}, step
        assert after in {old, "new"}, step
        assert [p.name for p in kept.overlay.parent.glob(".science/staging")] == [], step
        known = kept.numbers()
        assert known == list(range(1, len(known) + 1)), step
        assert all(kept.revision(n).number == n and kept.tree(n) for n in known), step
        change(kept, "next")
        assert current_text(kept) == "next", step
        seen.add(after)
    assert step > 20
    assert seen == {old, "new"}


WRITER = """
import sys
from pathlib import Path
from conda_overlay.store import Store
from tests.test_store import change
kept = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(100000):
    change(kept, str(number) * 1000)
"""

HOLDER = """
import sys, time
from pathlib import Path
from conda_overlay.store import Store
overlay = Path(sys.argv[1])
with Store(overlay).lock(5, Path("/host")):
    print("ready", flush=True)
    time.sleep(float(sys.argv[2]))
    overlay.with_name("let go").touch()
"""


@pytest.fixture
def start(kept: Store) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a program of ours in another process, and waits until it is at work."""
    started = []

    def start(program: str, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", program, str(kept.overlay), *words]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=place.CHECKOUT)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("delay", [0.005, 0.03, 0.08])
def test_state_is_whole_after_a_kill_at_any_moment(
    kept: Store, start: Callable[..., subprocess.Popen[str]], delay: float
) -> None:
    change(kept, "first" * 1000)
    writer = start(WRITER)
    time.sleep(delay)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    before = (kept.overlay / "file").read_text()
    number = kept.current()
    settle(kept)
    records, trees, text = numbers(kept)
    assert text == before
    assert records == list(range(1, (number or 0) + 1))
    assert sorted(map(int, trees)) == records
    assert all(kept.revision(n).number == n for n in records)


def test_second_writer_waits_for_the_first(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    start(HOLDER, "0.4")
    with kept.lock(60, HOST):
        assert kept.overlay.with_name("let go").exists()


def test_second_writer_gives_up_and_names_the_first(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = start(HOLDER, "60")
    with (
        pytest.raises(LockedError, match=f"process {holder.pid}, since 20") as caught,
        kept.lock(0.1, HOST),
    ):
        pass
    assert store.user() in str(caught.value)
    assert "waited 0.1 s" in str(caught.value)


def test_second_writer_outlives_a_discarded_state(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """The lock's file goes with a state that never had a revision; the next one makes its own."""
    start(HOLDER, "0.3")
    shutil.rmtree(kept.state)
    change(kept, "one")
    assert numbers(kept) == ([1], ["1"], "one")


def test_lock_goes_with_its_process(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = start(HOLDER, "60")
    holder.kill()
    holder.wait()
    change(kept, "one")
    assert kept.current() == 1


def test_nothing_is_left_of_a_state_without_revisions(kept: Store) -> None:
    settle(kept)
    assert list(kept.overlay.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ('{"format": 1, "ti', "cannot be read"),
        ("[]", "cannot be read"),
        ("null", "cannot be read"),
        ('{"format": 1}', "cannot be read"),
        ('{"format": "new"}', "cannot be read"),
        ('{"format": 2}', "newer version of conda-overlay"),
        ("\udcff", "cannot be read"),
    ],
)
def test_record_that_cannot_be_read_stops_everything(kept: Store, text: str, says: str) -> None:
    change(kept, "one")
    (kept.state / "history" / "1.json").write_text(text, errors="surrogateescape")
    (kept.state / "staging").mkdir()
    with pytest.raises(StateError, match=says):
        kept.revision(1)
    with pytest.raises(StateError, match=says):
        settle(kept)
    assert (kept.state / "staging").exists()


@pytest.mark.parametrize("target", ["/nowhere", ".other/revisions/1", ".science/revisions/x", "."])
def test_link_that_leads_elsewhere_is_an_error(kept: Store, target: str) -> None:
    kept.overlay.parent.mkdir()
    kept.overlay.symlink_to(target)
    with pytest.raises(StateError, match="no revision of it"):
        kept.current()


def test_current_tree_that_is_gone_is_an_error(kept: Store) -> None:
    change(kept, "one")
    change(kept, "two")
    shutil.rmtree(kept.state / "revisions" / "2")
    with pytest.raises(StateError, match=r"Revision 2 of .* is gone") as caught:
        settle(kept)
    assert caught.value.hint is not None
    kept.overlay.unlink()  # as the hint says
    settle(kept)
    assert numbers(kept)[1:] == (["1"], "one")


def test_overlay_of_another_host_is_not_touched(kept: Store) -> None:
    change(kept, "one")
    with pytest.raises(StateError, match="overlay of /host"), kept.lock(1, Path("/other")):
        pass
    assert (kept.state / "host").read_text() == "/host\n"


def test_clone_leaves_the_original_untouched(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "a" / "b").mkdir(parents=True)
    (old / "a" / "file").write_text("text")
    (old / "a" / "file").chmod(0o755)
    (old / "link").symlink_to("a/file")
    (old / "directory").symlink_to("a")
    (old / "dangling").symlink_to("/nowhere")
    store.clone(old, new)
    assert sorted(str(p.relative_to(new)) for p in new.rglob("*")) == sorted(
        str(p.relative_to(old)) for p in old.rglob("*")
    )
    assert (new / "directory").is_symlink()
    assert (new / "a" / "file").stat().st_mode == (old / "a" / "file").stat().st_mode
    (tmp_path / "fresh" / "a").mkdir(parents=True)
    (tmp_path / "fresh" / "a" / "file").write_text("new")
    store.move_in(new, tmp_path / "fresh")
    store.remove(new, [new / "link"])
    assert ((old / "a" / "file").read_text(), (new / "a" / "file").read_text()) == ("text", "new")
    assert (old / "link").is_symlink()


def test_clone_copies_where_nothing_can_be_shared(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    old, new = tmp_path / "old", other / f"clone-{os.getpid()}"
    old.mkdir()
    (old / "file").write_text("text")
    try:
        store.clone(old, new)
        assert (new / "file").read_text() == "text"
    finally:
        shutil.rmtree(new)


def test_remove_takes_bytecode_and_empty_directories_along(tmp_path: Path) -> None:
    cache = tmp_path / "tree" / "pkg" / "__pycache__"
    cache.mkdir(parents=True)
    for name in ("a.cpython-311.pyc", "a.cpython-311.opt-1.pyc", "b.cpython-311.pyc"):
        (cache / name).touch()
    for name in ("a.py", "b.py"):
        (tmp_path / "tree" / "pkg" / name).touch()
    tree = tmp_path / "tree"
    store.remove(tree, [tree / "pkg" / "a.py", tree / "pkg" / "absent.py"])
    assert sorted(path.name for path in tree.rglob("*.py*")) == ["b.cpython-311.pyc", "b.py"]
    store.remove(tree, [tree / "pkg" / "b.py"])
    assert list(tree.iterdir()) == []


def test_record_is_json_for_others_to_read(kept: Store) -> None:
    change(kept, "one")
    data = json.loads((kept.state / "history" / "1.json").read_text())
    assert (data["format"], data["number"], data["user"]) == (1, 1, "me")

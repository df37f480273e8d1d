"""One writer at a time, whole states alone whatever happens to the writer, and no lost draft."""

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

from conda_overlay.core.errors import LockedError, StateError
from conda_overlay.core.models import Plan, Revision
from conda_overlay.filesystem.manifest import differences, take_manifest
from conda_overlay.layer.index import Index
from conda_overlay.layer.store import Store
from conda_overlay.layer.timeline import timeline, timeline_in
from tests.bed import place
from tests.long import first

HOST = Path("/host")


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "overlays" / "science")


def revision(number: int, parent: int | None = None) -> Revision:
    plan = Plan("/host", "x")
    host: dict[str, object] = {
        "prefix": "/host",
        "python": "3.11.7",
        "abi": None,
        "distributions": {},
    }
    return Revision(
        number, "2026-01-01T00:00:00Z", "me", "here", (), None, host, plan, parent=parent
    )


def change(kept: Store, text: str) -> None:
    """Commit a revision whose one file has this text, as a draft does."""
    with kept.new_draft(HOST) as draft:
        base = kept.current()
        tree = draft / "revision" / "tree"
        tree.mkdir(parents=True)
        (tree / "file").write_text(text)
        adopted = kept.exists and not kept.managed
        number = kept.next_number() + adopted
        parent = number - 1 if adopted else base
        kept.prepare(
            tree.parent, revision(number, parent), take_manifest(tree), "notice", Index(), {}
        )
        with kept.lock():
            if adopted:
                kept.adopt(draft, revision(number - 1), take_manifest(kept.overlay))
            kept.commit(tree.parent, number)


def by_hand(kept: Store) -> None:
    kept.overlay.mkdir(parents=True)
    (kept.overlay / "file").write_text("by hand")


def current_text(kept: Store) -> str | None:
    return (kept.overlay / "file").read_text() if kept.exists else None


def settle(kept: Store) -> None:
    """What the next command does first."""
    with kept.lock():
        pass


def numbers(kept: Store) -> tuple[list[int], str]:
    """The revisions, each with its record, tree and manifest, and the text that is current."""
    for number in kept.numbers():
        assert kept.revision(number).number == number
        tree, recorded = kept.tree(number), kept.manifest(number)
        assert tree is not None
        assert recorded is not None
        assert not differences(recorded, take_manifest(tree))
    return kept.numbers(), (kept.overlay / "file").read_text()


def record(kept: Store, number: int) -> Path:
    return kept.state / "revisions" / str(number) / "record.json"


def drafts(kept: Store) -> list[Path]:
    return list((kept.state / "drafts").glob("*"))


def test_commit_makes_a_tree_the_current_one(kept: Store) -> None:
    for text in ("one", "two"):
        change(kept, text)
    assert numbers(kept) == ([1, 2], "two")
    assert kept.current() == 2
    assert kept.revision(1) == revision(1)
    assert kept.revision(2) == revision(2, 1)
    assert kept.overlay.readlink() == Path(".science/revisions/2/tree")
    assert (kept.real.parent / "notice").read_text() == "notice"
    assert {path.name for path in kept.state.iterdir()} == {"host", "lock", "revisions"}


def test_committed_files_are_read_only(kept: Store) -> None:
    """An editor that writes in place would reach into older revisions."""
    change(kept, "one")
    assert (kept.overlay / "file").stat().st_mode & 0o777 == 0o444


def test_adoption_makes_a_directory_the_first_revision(kept: Store) -> None:
    by_hand(kept)
    change(kept, "two")
    assert numbers(kept) == ([1, 2], "two")
    assert (kept.state / "revisions" / "1" / "tree" / "file").read_text() == "by hand"


def test_line_leads_from_the_first_revision_to_the_current_one(kept: Store) -> None:
    assert kept.line() == []
    for text in ("one", "two", "three"):
        change(kept, text)
    assert [each.number for each in kept.line()] == [1, 2, 3]


@pytest.fixture
def impatience() -> Iterator[None]:
    """What takes five seconds fails; it would go on for ever."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize(
    ("parent", "line"),
    [(3, [3]), (4, [3]), (99, [3]), (1, [1, 3]), (None, [3]), (0, [3]), (-1, [3])],
)
def test_line_ends_at_a_record_whose_parent_is_not_an_older_revision(
    kept: Store, impatience: None, parent: int | None, line: list[int]
) -> None:
    for text in ("one", "two", "three", "four"):
        change(kept, text)
    data = json.loads(record(kept, 3).read_text())
    record(kept, 3).unlink()
    record(kept, 3).write_text(json.dumps({**data, "parent": parent}))
    assert [each.number for each in kept.line()] == [*line, 4]


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}'])
def test_line_ends_at_a_record_that_cannot_be_read(kept: Store, text: str) -> None:
    for word in ("one", "two", "three"):
        change(kept, word)
    record(kept, 2).unlink()
    record(kept, 2).write_text(text)
    assert [each.number for each in kept.line()] == [3]


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


@first(2)
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
        assert drafts(kept) == [], step
        if after is None:
            assert not kept.state.exists() or kept.numbers() == [], step
        else:
            known = numbers(kept)[0]
            assert known == list(range(1, len(known) + 1)), step
        change(kept, "next")
        assert current_text(kept) == "next", step
        seen.add(after)
    assert step > 20
    assert seen == {old, "new"}


WRITER = """
import sys
from pathlib import Path
from conda_overlay.layer.store import Store
from tests.layer.test_store import change
kept = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(100000):
    change(kept, str(number) * 1000)
"""

HOLDER = """
import sys, time
from pathlib import Path
from conda_overlay.layer.store import Store
overlay = Path(sys.argv[1])
with Store(overlay).lock():
    print("ready", flush=True)
    time.sleep(float(sys.argv[2]))
    overlay.with_name("let go").touch()
"""

DRAFTER = """
import sys
from pathlib import Path
from conda_overlay.layer.store import Store
with Store(Path(sys.argv[1])).new_draft(Path("/host")) as draft:
    (draft / "work").write_text("at work")
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start(kept: Store) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a program of ours in another process, and waits until it is at work."""
    started = []

    def start(program: str, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", program, str(kept.overlay), *words]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place.CHECKOUT
        )
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
    before, number = (kept.overlay / "file").read_text(), kept.current()
    assert number is not None
    settle(kept)
    known, text = numbers(kept)
    assert text == before
    # The one that was complete, but not current yet, stays.
    assert known in ([*range(1, number + 1)], [*range(1, number + 2)])
    assert kept.current() == number
    assert drafts(kept) == []


def test_second_writer_waits_for_the_first(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    start(HOLDER, "0.4")
    with kept.lock():
        assert kept.overlay.with_name("let go").exists()


def test_second_writer_gives_up_and_names_the_first(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = start(HOLDER, "60")
    with (
        pytest.raises(LockedError, match=f"process {holder.pid}, since 20") as caught,
        Store(kept.overlay).lock(0.1),
    ):
        pass
    assert str(kept.overlay) in str(caught.value)


def test_second_writer_outlives_a_discarded_state(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """The lock's file goes with a state that never had a revision; the next one makes its own."""
    start(HOLDER, "0.3")
    shutil.rmtree(kept.state)
    change(kept, "one")
    assert numbers(kept) == ([1], "one")


def test_lock_goes_with_its_process(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = start(HOLDER, "60")
    holder.kill()
    holder.wait()
    change(kept, "one")
    assert kept.current() == 1


# -- drafts


def test_draft_hinders_nobody_and_lives_as_long_as_its_process(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    drafter = start(DRAFTER)
    [draft] = drafts(kept)
    for text in ("one", "two"):
        change(kept, text)
        settle(kept)
        assert drafts(kept) == [draft]
        assert (draft / "work").read_text() == "at work"
    drafter.kill()
    drafter.wait()
    assert drafts(kept) == [draft]
    settle(kept)
    assert drafts(kept) == []
    assert numbers(kept) == ([1, 2], "two")


def test_draft_goes_at_its_end_whatever_happens_in_it(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    with pytest.raises(ZeroDivisionError), kept.new_draft(HOST) as draft:
        (draft / "closed").mkdir(mode=0)
        raise ZeroDivisionError
    assert list(kept.overlay.parent.iterdir()) == []
    drafter = start(DRAFTER)
    drafter.communicate("\n")
    assert drafter.returncode == 0
    assert list(kept.overlay.parent.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_state_can_be_read_by_those_who_can_read_its_directory(kept: Store, mode: int) -> None:
    kept.overlay.parent.mkdir(parents=True)
    kept.overlay.parent.chmod(mode)
    previous = os.umask(0)
    try:
        with kept.new_draft(HOST) as draft:
            assert draft.stat().st_mode & 0o777 == 0o700
            for directory in (kept.state, draft.parent):
                assert directory.stat().st_mode & 0o7777 == mode & 0o755
    finally:
        os.umask(previous)


def test_drafts_side_by_side_have_names_of_their_own(kept: Store) -> None:
    with kept.new_draft(HOST) as one, kept.new_draft(HOST) as other:
        assert one != other
        assert {one, other} == {*drafts(kept)}
    assert list(kept.overlay.parent.iterdir()) == []


def test_draft_of_an_overlay_of_another_host_is_refused(kept: Store) -> None:
    change(kept, "one")
    with pytest.raises(StateError, match="overlay of /host"), kept.new_draft(Path("/other")):
        pass
    assert (kept.state / "host").read_text() == "/host\n"
    assert drafts(kept) == []


# -- what is there


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
    record(kept, 1).write_text(text, errors="surrogateescape")
    (kept.state / "drafts" / "old").mkdir(parents=True)
    with pytest.raises(StateError, match=says):
        kept.revision(1)
    with pytest.raises(StateError, match=says):
        settle(kept)
    assert (kept.state / "drafts" / "old").exists(), "what cannot be read is not put right"


@pytest.mark.parametrize(
    "target",
    [
        *("/nowhere", ".", ".other/revisions/1/tree", ".science/revisions/x/tree"),
        *(".science/revisions/1", ".science/revisions/01/tree", ".science/revisions/\u00b2/tree"),
    ],
)
def test_link_that_leads_elsewhere_is_an_error(kept: Store, target: str) -> None:
    kept.overlay.parent.mkdir()
    kept.overlay.symlink_to(target)
    with pytest.raises(StateError, match="not one of its revisions"):
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
    assert numbers(kept) == ([1], "one")


def test_file_in_the_place_of_an_overlay_is_an_error(kept: Store) -> None:
    kept.overlay.parent.mkdir()
    kept.overlay.touch()
    with pytest.raises(StateError, match="neither a directory nor a link"):
        kept.current()


def test_record_is_json_for_others_to_read(kept: Store) -> None:
    change(kept, "one")
    data = json.loads(record(kept, 1).read_text())
    assert (data["format"], data["number"], data["user"]) == (1, 1, "me")


def test_number_of_a_revision_is_that_of_its_directory(kept: Store) -> None:
    change(kept, "one")
    data = json.loads(record(kept, 1).read_text())
    record(kept, 1).chmod(0o644)
    record(kept, 1).write_text(json.dumps({**data, "number": 7}))
    assert kept.revision(1).number == 1


@pytest.mark.parametrize("content", [b"", b"[]", b'{"file": 1}', b"\xff", b"[" * 100_000, None])
def test_manifest_that_cannot_be_read_is_known_to_nobody(
    kept: Store, content: bytes | None
) -> None:
    change(kept, "one")
    path = record(kept, 1).with_name("manifest.json")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert kept.manifest(1) is None
    assert kept.manifest(None) is None
    settle(kept)
    assert kept.current() == 1


# -- what goes


def test_dropped_tree_leaves_its_record(kept: Store) -> None:
    for text in ("one", "two"):
        change(kept, text)
    with kept.lock():
        kept.drop_trees([1])
    settle(kept)
    assert kept.tree(1) is None
    assert kept.numbers() == [1, 2]
    assert kept.revision(1) == revision(1)
    assert drafts(kept) == []


def test_the_current_tree_is_never_dropped(kept: Store) -> None:
    """It may have the number of one that was to go when a command asked."""
    change(kept, "one")
    with kept.lock():
        kept.drop_trees([1])
    assert kept.tree(1) is not None


def test_record_of_a_dropped_tree_stays_although_its_manifest_is_lost(kept: Store) -> None:
    for text in ("one", "two"):
        change(kept, text)
    record(kept, 1).with_name("manifest.json").unlink()
    with kept.lock():
        kept.drop_trees([1])
    settle(kept)
    assert kept.numbers() == [1, 2]


@pytest.mark.parametrize("begin", [one, by_hand], ids=["managed", "by hand"])
def test_deletion_leaves_nothing(kept: Store, begin: Callable[[Store], None]) -> None:
    begin(kept)
    kept.overlay.chmod(0o555)
    with kept.lock():
        kept.delete()
    assert list(kept.overlay.parent.iterdir()) == []


def test_deletion_cut_short_at_any_step_leaves_all_or_nothing_of_it(tmp_path: Path) -> None:
    def delete(kept: Store) -> None:
        with kept.lock():
            kept.delete()

    for step in itertools.count():
        kept = Store(tmp_path / str(step) / "science")
        one(kept)
        change(kept, "two")
        if not dies(step, lambda kept=kept: delete(kept)):  # type: ignore[misc]
            break
        settle(kept)
        if kept.exists:
            assert numbers(kept) == ([1, 2], "two"), step
        else:
            assert list(kept.overlay.parent.iterdir()) == [], step
    assert step > 5


def test_deletion_waits_for_no_draft_and_takes_none_away(
    kept: Store, start: Callable[..., subprocess.Popen[str]]
) -> None:
    one(kept)
    start(DRAFTER)
    [draft] = drafts(kept)
    with kept.lock():
        kept.delete()
    assert (draft / "work").exists()
    assert not kept.exists
    assert kept.numbers() == []


def test_what_somebody_has_put_beside_the_state_is_in_nobodys_way(kept: Store) -> None:
    change(kept, "one")
    (kept.state / ".git").mkdir()
    (kept.state / ".notes.txt").touch()
    (kept.state / ".a1b2c3_d").touch()  # as a killed command leaves it
    change(kept, "two")
    there = {path.name for path in kept.state.iterdir() if path.name.startswith(".")}
    assert there == {".git", ".notes.txt"} and current_text(kept) == "two"


def test_timeline_is_that_of_the_line_as_far_as_it_can_be_read(kept: Store) -> None:
    for text in ("one", "two", "three"):
        change(kept, text)
    assert timeline_in(kept) == timeline(kept.line())
    assert timeline_in(kept).done == [0, 1, 2, 3]
    record(kept, 1).chmod(0o644)
    record(kept, 1).write_text("{}")
    assert timeline_in(kept).done == [0, 2, 3]

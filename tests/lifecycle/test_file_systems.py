"""What a file system lacks, or has no more of, ends in a right result or in one clear error."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import VISIBLE, Bench
from tests.long import LONG
from tests.observed import state
from tests.server import KILLED, Server, served

Mount = Callable[..., Path]

LEVELS = (0, 1, 3, 6, 12, 24, 40)
"""How many pages, or inodes, are left."""


@pytest.fixture
def mount(quick: Bench) -> Iterator[Mount]:
    """Mounts a file system at a directory of the user."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    with ExitStack() as exits:

        def mount(place: Path, *options: str) -> Path:
            for directory in (*reversed(place.parents), place):
                if not directory.exists():
                    directory.mkdir()
                    os.lchown(directory, quick.user.uid, quick.user.gid)
            argv = ["mount", *options, str(place)]
            if subprocess.run(argv, capture_output=True).returncode:
                pytest.skip("no file system can be mounted here")
            exits.callback(lambda: subprocess.run(["umount", place], check=True))
            return place

        yield mount


@pytest.fixture
def small(mount: Mount, server: Server) -> Path:
    """The overlay directory, of three revisions, on a small file system of its own."""
    user = server.bench.user
    options = f"size=4m,nr_inodes=3000,mode=755,uid={user.uid},gid={user.gid}"
    place = mount(server.bench.overlays, "-t", "tmpfs", "-o", options, "tmpfs")
    for words in (["alpha==1.5"], ["new"], ["-I", "delta==1.0"]):
        server.done("install", *words)
    return place


def leave_pages(place: Path, count: int) -> None:
    facts = os.statvfs(place)
    with (place / "filler").open("wb") as filler:
        filler.write(b"x" * facts.f_bsize * (facts.f_bavail - count))


def leave_inodes(place: Path, count: int) -> None:
    (place / "filler").mkdir()
    for number in range(os.statvfs(place).f_ffree - count):
        (place / "filler" / str(number)).touch()


def make_room(place: Path) -> None:
    subprocess.run(["rm", "-rf", place / "filler"], check=True)


@LONG
@pytest.mark.parametrize("leave", [leave_pages, leave_inodes])
@pytest.mark.parametrize("words", [("undo",), ("install", "alpha==1.0", "-I")], ids=" ".join)
def test_disk_that_gets_full_at_any_step_leaves_the_old_state(
    server: Server,
    small: Path,
    words: tuple[str, ...],
    leave: Callable[[Path, int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench, failed = server.bench, 0
    levels = LEVELS if words == ("undo",) else LEVELS[::3]
    for level in levels:
        before, committed = state(bench), bench.numbers
        leave(small, level)
        ended = server.change(*words)
        there = state(bench)
        make_room(small)
        if ended.code == 0:
            assert bench.numbers == [*committed, committed[-1] + 1]
            assert there.revision == committed[-1] + 1
            if words == ("undo",):
                server.done("redo")  # or soon there is nothing to undo
        else:
            failed += 1
            # What was full may have room again when the error is made, as the draft is gone.
            assert "No space left" in ended.told or "No inode left" in ended.told, ended
            assert ended.err.count("Hint: ") == 1
            assert there == before
            server.change("remove", "absent")
            assert bench.numbers == committed
        assert not bench.leftovers
    server.done(*words)
    assert failed
    with capsys.disabled():
        print(f"\n{' '.join(words)}, {leave.__name__}: {failed} of {len(levels)} failed", end=" ")


@LONG
@pytest.mark.parametrize("leave", [leave_pages, leave_inodes])
def test_full_disk_can_be_cleaned(
    server: Server, small: Path, leave: Callable[[Path, int], None]
) -> None:
    before = state(server.bench)
    leave(small, 1 if leave is leave_inodes else 0)
    told = server.done("clean").told
    assert "Dropped the files of revisions 1, 2" in told
    assert state(server.bench) == before
    server.done("delete")
    assert not server.bench.state.exists()


@LONG
def test_where_there_are_no_hard_links_files_are_copied(server: Server) -> None:
    bench = server.bench
    server.done("install", "alpha==1.5")
    first = bench.files(1)
    server.done("install", "new", forbidden=["link"])
    copied = bench.tree(2) / "bin" / "alpha"
    assert copied.stat().st_nlink == 1
    assert copied.read_bytes() == first["bin/alpha"]
    server.done("undo", forbidden=["link"])
    assert bench.files(3) == first == bench.files(1)
    assert bench.see("alpha", "new") == {"alpha": "1.5", "new": None}
    assert json.loads(server.run("status", "--json").out)["overlays"][0]["findings"] == []


def test_where_there_are_no_symbolic_links_no_overlay_can_be(server: Server) -> None:
    ended = server.change("install", "new", forbidden=["link", "symlink"])
    assert ended.code == 1
    assert "cannot be written: Operation not permitted" in ended.told
    assert ended.err.count("Hint: ") == 1
    assert not server.bench.state.exists()


@LONG
def test_files_of_another_owner_are_copied_where_the_kernel_protects_hard_links(
    server: Server,
) -> None:
    protects = Path("/proc/sys/fs/protected_hardlinks")
    if os.geteuid() != 0 or protects.read_text().strip() != "1":
        pytest.skip("only root can give files away, and the kernel must protect hard links")
    bench = server.bench
    server.done("install", "alpha==1.5")
    os.lchown(bench.tree(1) / "bin" / "alpha", 0, 0)
    server.done("install", "new")
    assert bench.files(2).items() >= {"bin/alpha": bench.files(1)["bin/alpha"]}.items()
    assert bench.script("alpha") == "alpha 1.5"


@LONG
def test_cache_of_pip_may_be_on_another_file_system(
    server: Server, mount: Mount, links: Path
) -> None:
    user = server.bench.user
    options = f"size=20m,mode=755,uid={user.uid},gid={user.gid}"
    cache = mount(user.home / "cache", "-t", "tmpfs", "-o", options, "tmpfs")
    dists.sdist(links, "source", "1.0")
    env = {"PIP_CACHE_DIR": str(cache)}
    for _ in range(2):  # the second time from the cache
        server.done("install", "--find-links", links, "source", env=env)
        assert server.bench.see("source") == {"source": "1.0"}
        server.done("undo", "0", env=env)
    assert list(cache.rglob("source-1.0-*.whl"))


def test_read_only_overlay_directory_is_used_and_never_changed(
    server: Server, mount: Mount
) -> None:
    bench, place = server.bench, server.bench.overlays
    server.done("install", "alpha==1.5")
    before = state(bench)
    mount(place, "--bind", str(place))
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    for words in (("install", "new"), ("undo",), ("remove", "alpha"), ("delete",)):
        ended = server.change(*words)
        assert ended.code == 1, words
        assert f"The overlay directory {place} cannot be written: Read-only" in ended.told
    assert state(bench) == before
    [listed] = server.at_once([["list", "--json"]])
    assert json.loads(listed.out)["overlays"][0]["state"] == "ok"


@LONG
def test_clock_that_runs_backwards_does_not_change_the_order(server: Server) -> None:
    bench = server.bench
    for words in (["alpha==1.5"], ["new"]):
        server.done("install", *words)
    for number in (1, 2):
        path = bench.record_path(number)
        path.write_text(path.read_text().replace(bench.record(number)["time"], f"209{9 - number}"))
    for path in [*bench.state.rglob("*")]:
        os.utime(path, (4e9, 4e9), follow_symlinks=False)
    server.done("install", "-I", "delta==1.0")
    assert bench.revision == 3
    history = json.loads(server.run("history", "--json").out)
    assert [each["number"] for each in history["revisions"]] == [3, 2, 1]
    server.done("undo")
    assert bench.record(4)["restores"] == 2
    assert bench.see("alpha", "new") == {"alpha": "1.5", "new": "1.0"}


@LONG
def test_two_machines_share_a_directory_and_one_dies(server: Server) -> None:
    bench, user = server.bench, server.bench.user
    if os.geteuid() != 0 or subprocess.run(["unshare", "--uts", "true"]).returncode:
        pytest.skip("no second machine name can be had here")
    become = f"exec setpriv --reuid={user.uid} --regid={user.gid} --clear-groups"
    launcher = ["unshare", "--uts", "sh", "-c", f'hostname elsewhere && {become} "$@"', "sh"]
    with served(bench, launcher) as other:
        other.done("install", "alpha==1.5")
        assert bench.record()["hostname"] == "elsewhere"
        watch = f"{bench.overlays}/"
        steps = server.done("install", "new", watch=watch).steps
        server.done("undo")
        before = state(bench)
        commit = next(i for i, s in enumerate(steps, 1) if s == VISIBLE.format(2))
        ended = other.change("install", "new", watch=watch, kill_before=commit)
        assert ended.code == KILLED
        assert "on elsewhere, process" in bench.lock.read_text()
        assert state(bench) == before
        server.done("install", "-I", "delta==1.0")
        assert not bench.leftovers
        assert bench.numbers == [1, 2, 3, 4]
        assert bench.record()["hostname"] == os.uname().nodename

"""State files in any condition: a clear error or a repair, and no tree is ever lost."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conda_overlay.activation import locate, notice
from conda_overlay.core.errors import StateError
from conda_overlay.layer.store import Store
from tests.bed.users import User
from tests.bench import FACTOR, Bench
from tests.long import LONG, few
from tests.observed import save, state
from tests.server import Server

FILES: dict[str, Callable[[Bench], Path]] = {
    "record 3": lambda bench: bench.record_path(3),
    "record 2": lambda bench: bench.record_path(2),
    "manifest 3": lambda bench: bench.manifest_path(3),
    "index 3": lambda bench: bench.manifest_path(3).with_name("index.json"),
    "host facts 3": lambda bench: bench.manifest_path(3).with_name("host.json"),
    "host": lambda bench: bench.host_path,
    "lock": lambda bench: bench.lock,
    "notice": lambda bench: bench.notice,
    "told": lambda bench: bench.told,
}

KINDS: dict[str, Callable[[Path, Path], object]] = {
    "a directory": lambda path, aim: path.mkdir(),
    "a pipe": lambda path, aim: os.mkfifo(path),
    "a link": lambda path, aim: path.symlink_to(aim),
    "a device": lambda path, aim: device(path),
    "zeros": lambda path, aim: subprocess.run(["truncate", "-s", "100M", path], check=True),
    "another's": lambda path, aim: path.touch(),
}
"""What may be in the place of a file."""

_SHORT = [(name, kind) for name in ("record 3", "lock", "told") for kind in ("a pipe", "a link")]
_EVERY = [
    *((name, kind) for name in ("record 3", "lock", "told") for kind in ("a pipe", "a link")),
    *((name, ("a pipe", "a link")[index % 2]) for index, name in enumerate(FILES)),
    *((("record 3", "lock")[index % 2], kind) for index, kind in enumerate(KINDS)),
]
PLACES = [
    pytest.param(*pair, marks=[] if pair in _SHORT else LONG) for pair in dict.fromkeys(_EVERY)
]
"""The files, and what may be in their places."""

CUTS = 1 * FACTOR
"""At how many bytes each file is cut for whole commands; its readers see it cut at every one."""


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this machine makes no devices")


def unknown_fields(content: bytes) -> bytes:
    """Fields that a later version may add, at every level of JSON."""

    def extend(value: object) -> object:
        if isinstance(value, dict) and not value.keys() & {"alpha", "new", "delta"}:
            return {**{k: extend(v) for k, v in value.items()}, "later": {"x": [1]}}
        if isinstance(value, dict):
            return {k: extend(v) for k, v in value.items()}
        return value

    try:
        return json.dumps(extend(json.loads(content))).encode()
    except ValueError:
        return content + b"later x y z\n"


def newer_format(content: bytes) -> bytes:
    return content.replace(b'"format": 1', b'"format": 2')


def empty_mappings(content: bytes) -> bytes:
    try:
        return json.dumps({k: {} if isinstance(v, dict) else v for k, v in
                           json.loads(content).items()}).encode()  # fmt: skip
    except ValueError:
        return b"{}"


def wrong_types(content: bytes) -> bytes:
    try:
        return json.dumps({k: [v] for k, v in json.loads(content).items()}).encode()
    except ValueError:
        return b"\0" * len(content)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "noise": lambda content: random.Random(0).randbytes(len(content)),
    "brackets": lambda content: b"[" * 200_000,
    "text": lambda content: b'"\x1b[31m%s %(x)d \xe2\x80\xae"\n',
    "number": lambda content: b"-1e999",
    "list": lambda content: b"[[], {}, null]",
    "unknown fields": unknown_fields,
    "newer format": newer_format,
    "empty mappings": empty_mappings,
    "wrong types": wrong_types,
}
FIELDS = ("unknown fields", "newer format", "empty mappings", "wrong types")
"""Those that can be read, which each file meets; of the others each meets every second one."""


class Life:
    """An overlay of three revisions, to be damaged and restored."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bench = server.bench
        for words in (["alpha==1.5"], ["new"], ["-I", "delta==1.0"]):
            server.done("install", *words)
        self.elsewhere = self.bench.user.home / "elsewhere"
        self.elsewhere.mkdir()
        os.lchown(self.elsewhere, self.bench.user.uid, self.bench.user.gid)
        told = self.bench.told
        told.write_text("2020-01-01\nnews")
        os.lchown(told, self.bench.user.uid, self.bench.user.gid)
        save(self.bench.overlays, self.bench.user.home / "kept")
        self.trees = {number: self.bench.files(number) for number in (1, 2, 3)}
        self.whole = state(self.bench)

    def restore(self) -> None:
        save(self.bench.user.home / "kept", self.bench.overlays)

    def check(self, change: str = "undo", *words: str) -> list[int]:
        """Run every command; each says what is wrong or does it right, and the trees stay.

        Returns:
            The exit codes of status, history, list, and of the command that changes.
        """
        where = self.bench.where
        read = [["status", *where], ["history", *where], ["list"]]
        ended = [*self.server.at_once(read), self.server.change(change, *words)]
        for each in ended:
            assert each.code in (0, 1), each.told
            assert each.code == 0 or each.told.count("Hint: ") == 1, each
        for number, files in self.trees.items():
            assert self.bench.files(number) == files, number
        return [each.code for each in ended]


@pytest.fixture(scope="module")
def life(lasting: Server) -> Life:
    return Life(lasting)


@pytest.fixture
def damaged(life: Life) -> Iterator[Life]:
    life.restore()
    yield life
    life.restore()


@pytest.mark.parametrize("number", few([1, 3], 3))
def test_record_cut_at_any_byte_is_an_error_that_names_it(damaged: Life, number: int) -> None:
    store, path = Store(damaged.bench.overlay), damaged.bench.record_path(number)
    content = path.read_bytes()
    whole = store.revision(number)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(StateError, match=f"The record {path} of the overlay cannot be read"):
            store.revision(number)
    path.write_bytes(unknown_fields(content))
    assert store.revision(number) == dataclasses.replace(
        whole, host=store.revision(number).host, plan=store.revision(number).plan
    )


@LONG
def test_any_byte_of_a_record_may_be_another(damaged: Life) -> None:
    store, path = Store(damaged.bench.overlay), damaged.bench.record_path(3)
    content, source = path.read_bytes(), random.Random(0)
    read = refused = 0
    for position in range(len(content)):
        path.write_bytes(content[:position] + source.randbytes(1) + content[position + 1 :])
        try:
            assert store.revision(3).number == 3
            read += 1
        except StateError:
            refused += 1
    assert read and refused


def test_manifest_cut_at_any_byte_is_known_to_nobody(damaged: Life) -> None:
    store, path = Store(damaged.bench.overlay), damaged.bench.manifest_path(3)
    content = path.read_bytes()
    assert store.manifest(3)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert store.manifest(3) is None


def test_what_activation_reads_may_be_cut_at_any_byte(damaged: Life) -> None:
    bench = damaged.bench
    overlay, host = str(bench.overlay), str(bench.host)
    for path in (bench.notice, bench.told, bench.host_path):
        content = path.read_bytes()
        for length in range(len(content)):
            path.write_bytes(content[:length])
            told = notice.news(overlay, host, "2020-01-02")
            assert [text for text in told if "has changed" not in text] == []
            assert len(told) <= 1
            owners = {0, bench.user.uid}
            assert set(locate.find_layers(host, [str(bench.overlays)], owners)) <= {(overlay, None)}
        path.write_bytes(content)


@LONG
@pytest.mark.parametrize("name", few(FILES, "record 3", "notice"))
def test_damaged_file_is_said_or_does_no_harm(
    damaged: Life,
    name: str,
    capsys: pytest.CaptureFixture[str],
    tried: Callable[[int], None],
) -> None:
    path = FILES[name](damaged.bench)
    content = path.read_bytes()
    source = random.Random(name)
    cuts = [content[: source.randrange(len(content))] for _ in range(CUTS)]
    turn = [*FILES].index(name) % 2
    damages = [
        damage
        for index, (kind, damage) in enumerate(DAMAGES.items())
        if name == "record 3" or kind in FIELDS or index % 2 == turn
    ]
    contents = dict.fromkeys([*cuts, *(damage(content) for damage in damages)])
    tried(4 * len(contents))
    codes = []
    for damage in contents:
        path.write_bytes(damage)
        codes.append(damaged.check())
        damaged.restore()
    harmless = {"lock", "notice", "told", "manifest 3"}
    assert name not in harmless or codes == [[0, 0, 0, 0]] * len(contents)
    if name == "record 3":
        readable = [damage for damage in contents if damage == unknown_fields(content)]
        assert codes.count([0, 0, 0, 0]) == len(readable) == 1
    with capsys.disabled():
        print(f"\n{name}, damaged in {len(contents)} ways", end=" ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices and be two users")
@pytest.mark.parametrize(("name", "kind"), PLACES)
def test_something_else_in_the_place_of_a_file_is_said_or_does_no_harm(
    damaged: Life, name: str, kind: str, mallory: User, tried: Callable[[int], None]
) -> None:
    tried(5)  # commands and activation
    bench = damaged.bench
    path, precious = FILES[name](bench), bench.user.home / "precious"
    precious.write_text("precious\n")
    os.lchown(precious, bench.user.uid, bench.user.gid)
    content = path.read_bytes()
    path.unlink()
    KINDS[kind](path, precious)
    if kind == "another's":
        path.write_bytes(content)
        path.chmod(0o600)
        os.lchown(path, mallory.uid, mallory.gid)
    else:
        os.lchown(path, bench.user.uid, bench.user.gid)
    codes = damaged.check()
    assert name not in ("notice", "told", "manifest 3") or codes == [0, 0, 0, 0], codes
    script = f". '{bench.conda.prefix}/etc/profile.d/conda.sh'; conda activate science"
    done = bench.user.run(["sh", "-euc", script])
    assert done.returncode == 0 and "Traceback" not in done.stderr, done
    assert precious.read_text() == "precious\n"
    precious.unlink()


def test_record_of_a_newer_format_says_what_to_update(damaged: Life) -> None:
    path = damaged.bench.record_path(3)
    path.write_bytes(newer_format(path.read_bytes()))
    ended = damaged.server.change("undo")
    assert ended.code == 1
    assert (
        "was written by a newer version of conda-overlay (format 2, this one reads 1)" in ended.err
    )
    assert "conda update -n base conda-overlay" in ended.err


def test_damaged_record_of_an_old_revision_hinders_no_change(damaged: Life) -> None:
    bench = damaged.bench
    bench.record_path(1).write_bytes(b"{")
    damaged.server.done("undo")
    damaged.server.done("remove", "new")
    assert bench.revision == 5
    ended = damaged.server.change("undo", "1")
    assert ended.code == 1
    assert f"{bench.record_path(1)} of the overlay cannot be read" in ended.told


LINKS: dict[str, Callable[[Path], object]] = {
    "to nothing": lambda path: path.symlink_to("nowhere"),
    "to another place": lambda path: path.symlink_to("../../elsewhere"),
    "to itself": lambda path: path.symlink_to(path.name),
    "to no number": lambda path: path.symlink_to(".science/revisions/\u00b2/tree"),
    "to the directory of the current one": lambda path: path.symlink_to(".science/revisions/3"),
    "to a number that is none": lambda path: path.symlink_to(".science/revisions/03/tree"),
    "to what is to come": lambda path: path.symlink_to(".science/revisions/9/tree"),
    "to an older revision": lambda path: path.symlink_to(".science/revisions/1/tree"),
    "a file": lambda path: path.write_text(""),
    "an empty directory": lambda path: path.mkdir(),
    "gone": lambda path: None,
}


@LONG
@pytest.mark.parametrize("kind", few(LINKS, "a file", "gone", "to an older revision"))
def test_link_to_the_current_revision_may_be_anything(damaged: Life, kind: str) -> None:
    bench, whole = damaged.bench, ("to an older revision", "an empty directory", "gone")
    bench.overlay.unlink()
    LINKS[kind](bench.overlay)
    if os.path.lexists(bench.overlay):
        os.lchown(bench.overlay, bench.user.uid, bench.user.gid)
    codes = damaged.check("install", "-I", "gamma==1.0")
    assert codes[-1] == (0 if kind in whole else 1)
    assert not list(damaged.elsewhere.iterdir())
    if kind in whole:
        assert bench.revision == (5 if kind == "an empty directory" else 4)
        damaged.server.done("undo", "3")
        assert state(bench).files == damaged.whole.files


def test_lost_link_is_put_back_by_the_next_command(damaged: Life) -> None:
    damaged.bench.overlay.unlink()
    damaged.server.change("remove", "absent")
    assert state(damaged.bench) == damaged.whole


def test_directory_that_was_lost_is_said(damaged: Life) -> None:
    for name in ("revisions", "revisions/3", "revisions/3/tree"):
        shutil.rmtree(damaged.bench.state / name)
        ended = damaged.server.change("undo")
        assert ended.code == 1
        assert ended.told.count("Hint: ") == 1
        damaged.restore()


def test_trees_stay_when_all_that_tells_of_them_is_lost(damaged: Life) -> None:
    bench = damaged.bench
    bench.overlay.unlink()
    for path in (*bench.records, *map(bench.manifest_path, (1, 2, 3))):
        path.unlink()
    damaged.server.change("remove", "absent")
    assert {number: bench.files(number) for number in (1, 2, 3)} == damaged.trees


def test_activation_goes_on_with_damaged_files(damaged: Life) -> None:
    bench = damaged.bench
    script = f"source {bench.conda.prefix}/etc/profile.d/conda.sh; conda activate science"
    script += (
        "; echo ${PYTHONPATH-}; python -c 'import alpha'; conda deactivate; echo ${PYTHONPATH-none}"
    )
    for name in ("notice", "told", "host"):
        for kind in ("nothing", "noise", "text"):
            FILES[name](bench).write_bytes(DAMAGES[kind](b"x" * 100))
            done = bench.user.run(["bash", "--norc", "-eu", "-o", "pipefail", "-c", script])
            assert done.returncode == 0, done
            wired, unwired = done.stdout.splitlines()
            assert wired == ("" if name == "host" else str(bench.site))
            assert unwired == "none"
            lines = done.stderr.splitlines()
            assert all(line.startswith("conda-overlay: ") for line in lines), lines
            damaged.restore()


def test_files_left_by_a_command_that_died_long_ago_are_removed(damaged: Life) -> None:
    bench = damaged.bench
    for path in ("drafts/a/revision/tree/bin/x", "drafts/b/lock", "drafts/c/tree-1/x", ".tmp1a2b3"):
        file = bench.state / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (bench.state / "link").symlink_to(".science/revisions/4/tree")
    for directory in (bench.drafts / "a" / "revision" / "tree", bench.drafts / "c" / "tree-1"):
        directory.chmod(0o555)
    subprocess.run(["chown", "-hR", bench.user.name, bench.state], check=True)
    assert json.loads(damaged.server.run("history", "--json").out)["current"] == 3
    damaged.server.change("remove", "absent")
    assert not bench.leftovers
    assert bench.numbers == [1, 2, 3]
    assert state(bench) == damaged.whole


def test_revision_that_was_complete_and_not_current_yet_stays(damaged: Life) -> None:
    """Its command died between the two renames of a commit."""
    bench = damaged.bench
    bench.overlay.unlink()
    bench.overlay.symlink_to(".science/revisions/2/tree")
    os.lchown(bench.overlay, bench.user.uid, bench.user.gid)
    damaged.server.done("install", "-I", "gamma==1.0")
    assert (bench.revision, bench.numbers) == (4, [1, 2, 3, 4])
    assert bench.record(4)["parent"] == 2
    assert bench.files(3) == damaged.trees[3]
    damaged.server.done("undo", "3")
    assert state(bench).files == damaged.whole.files


@pytest.mark.parametrize("content", ["", "/nowhere\n", "science\n", None], ids=str)
def test_an_overlay_whose_host_file_is_damaged_is_not_started_again(
    damaged: Life, content: str | None
) -> None:
    bench = damaged.bench
    host = bench.host_path.read_text()
    bench.host_path.unlink()
    if content is not None:
        bench.host_path.write_text(content)
        os.lchown(bench.host_path, bench.user.uid, bench.user.gid)
    assert json.loads(damaged.server.run("history", "--json").out)["current"] == 3
    damaged.server.done("undo")
    assert [path.name for path in bench.overlays.glob("science*")] == ["science"]
    assert bench.host_path.read_text() == host

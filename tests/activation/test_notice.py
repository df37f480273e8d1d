"""What activation tells of a host that has changed, and of what is overdue; and when."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conda_overlay.activation import locate, notice
from tests.activation.made import Overlay, give
from tests.activation.run import Shell
from tests.bed import users

CHANGED = "the environment has changed since revision 3"


class Scene:
    """A host and the state of its overlay, reduced to what a notice looks at."""

    def __init__(self, root: Path) -> None:
        self.prefix = root / "host"
        self.site = self.prefix / "lib" / "python3.11" / "site-packages"
        self.meta = self.prefix / "conda-meta"
        self.state = root / "overlays" / ".science"
        self.current = self.state / "revisions" / "3"
        for directory in (self.site / "alpha-1.0.dist-info", self.meta, self.current / "tree"):
            directory.mkdir(parents=True)
        self.state.with_name("science").symlink_to(".science/revisions/3/tree")

    def write(self, *dates: tuple[str, str]) -> None:
        state = notice.state_of(str(self.prefix), str(self.site))
        text = notice.content(3, state, str(self.site), list(dates))
        (self.current / "notice").write_text(text, encoding="utf-8", errors="surrogateescape")

    def news(self, today: str = "2026-01-01") -> list[str]:
        overlay = str(self.state.with_name("science"))
        return notice.news(overlay, str(self.prefix), today)

    def tick(self) -> None:
        """Wait until the clock of the file system, which is coarse, shows another time."""
        probe, last = self.state / "probe", max(map(_time, (self.site, self.meta)))
        probe.touch()
        while _time(probe) <= last:
            time.sleep(0.001)
            probe.touch()
        probe.unlink()

    def install(self, name: str) -> None:
        self.tick()
        (self.site / f"{name}.dist-info").mkdir()


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.write()
    return made


def test_nothing_is_told_when_nothing_changed(scene: Scene) -> None:
    assert scene.news() == []
    assert not (scene.state / "told").exists()


def test_a_change_is_told_once(scene: Scene) -> None:
    scene.install("beta-1.0")
    assert scene.news("2026-01-01") == [CHANGED]
    assert scene.news("2026-01-01") == []
    assert scene.news("2026-01-02") == []


def test_a_further_change_is_told(scene: Scene) -> None:
    scene.install("beta-1.0")
    assert scene.news() == [CHANGED]
    scene.install("beta-2.0")
    assert scene.news() == [CHANGED]
    assert scene.news() == []


def test_a_change_by_conda_is_told(scene: Scene) -> None:
    scene.tick()
    (scene.meta / "alpha-1.0-0.json").touch()
    assert scene.news() == [CHANGED]


def test_bytecode_that_root_leaves_is_no_change(scene: Scene) -> None:
    before = scene.site.stat().st_mtime_ns
    scene.tick()
    (scene.site / "__pycache__").mkdir()
    assert scene.site.stat().st_mtime_ns != before
    assert scene.news() == []


def test_a_host_of_another_python_is_told(scene: Scene) -> None:
    os.rename(scene.site.parent, scene.site.parent.with_name("python3.12"))
    assert scene.news() == [CHANGED]


def test_what_a_new_revision_was_made_for_is_no_news(scene: Scene) -> None:
    scene.install("beta-1.0")
    scene.write()
    assert scene.news() == []


def test_what_is_overdue_is_told_after_its_day(scene: Scene) -> None:
    scene.write(("2026-03-01", "alpha"), ("2026-04-01", "beta"))
    assert scene.news("2026-03-01") == []
    assert scene.news("2026-03-02") == ["alpha has been overdue since 2026-03-01"]
    assert scene.news("2026-03-03") == []
    scene.install("gamma-1.0")
    assert scene.news("2026-04-02") == [CHANGED, "beta has been overdue since 2026-04-01"]
    assert scene.news("2026-04-02") == []


@pytest.mark.parametrize("name", ["a b", "\u2028", "\x85", "\udcff", "é"])
def test_paths_of_any_bytes_are_compared(tmp_path: Path, name: str) -> None:
    scene = Scene(tmp_path / name)
    scene.write()
    assert scene.news() == []
    scene.install("beta-1.0")
    assert scene.news() == [CHANGED]


@given(st.binary(max_size=60) | st.text().map(lambda t: f"host {t}\nuntil {t}".encode()))
@settings(deadline=None, database=None, max_examples=80)
def test_garbage_never_raises(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    state = tmp_path_factory.getbasetemp() / ".garbage"
    state.mkdir(exist_ok=True)
    overlay, current = state.with_name("garbage"), state / "revisions" / "1"
    if not overlay.is_symlink():
        current.mkdir(parents=True)
        overlay.symlink_to(".garbage/revisions/1/tree")
    (current / "notice").write_bytes(garbage)
    (state / "told").write_bytes(garbage)
    told = notice.news(str(overlay), str(state), "2026-01-01")
    assert isinstance(told, list)


def to_something_else(path: Path, kind: str) -> None:
    """Put something in a file's place that must not be opened as a file."""
    if path.exists():
        path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        path.with_name("precious").write_text("precious")
        path.symlink_to("precious")
    elif kind == "large":
        with path.open("w") as file:
            file.truncate(2**33)


KINDS = ("gone", "directory", "pipe", "endless", "link", "large")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_notice_tells_nothing(scene: Scene, kind: str) -> None:
    scene.install("beta-1.0")
    to_something_else(scene.current / "notice", kind)
    assert scene.news() == []


@pytest.mark.parametrize("name", ["told", "told.new"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_through_what_is_there(scene: Scene, name: str, kind: str) -> None:
    scene.install("beta-1.0")
    to_something_else(scene.state / name, kind)
    assert scene.news() == ([] if kind == "directory" else [CHANGED])
    assert scene.news() == []
    if kind == "link":
        assert (scene.state / "precious").read_text() == "precious"


def test_nothing_is_read_or_written_in_a_state_directory_that_is_a_link(scene: Scene) -> None:
    scene.install("beta-1.0")
    project = scene.state.with_name("project")
    scene.state.rename(project)
    (project / "told").write_text("precious")
    scene.state.symlink_to(project)
    assert scene.news() == []
    assert (project / "told").read_text() == "precious"


@pytest.mark.parametrize("kind", KINDS)
def test_what_records_no_host_is_no_overlay_of_it(scene: Scene, kind: str) -> None:
    overlay = scene.state.with_name("science")
    overlay.unlink()
    overlay.mkdir()
    (scene.state / "host").write_text(f"{scene.prefix}\n")
    assert locate.recorded_host(str(overlay)) == str(scene.prefix)
    to_something_else(scene.state / "host", kind)
    assert locate.recorded_host(str(overlay)) is None


def test_no_control_character_reaches_the_terminal(bash: Shell, over_science: Overlay) -> None:
    current = over_science.path.with_name(".science") / "revisions" / "1"
    current.mkdir(parents=True)
    over_science.path.rename(current / "tree")
    over_science.path.symlink_to(".science/revisions/1/tree")
    (current / "notice").write_text("until 2020-01-01 x\x1b]0;y\x07\u202ez\n")
    give([over_science.path.with_name(".science")], bash.user)
    assert bash.run(["conda activate science"]).stderr == (
        f"conda-overlay: {over_science.path}: x\\x1b]0;y\\x07\\u202ez has been "
        "overdue since 2020-01-01; "
        "see: conda overlay status\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_the_news_of_another_users_overlay_are_not_told() -> None:
    from tests.bed import cpython, place, plugin

    alice = users.user("overlay-alice")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from conda_overlay.activation import notice; "
        "print(notice.news(*sys.argv[2:]))"
    )
    with place.scratch() as directory:
        scene = Scene(directory)
        scene.write()
        scene.install("beta-1.0")
        overlay = str(scene.state.with_name("science"))
        python = cpython.prefix() / "bin" / "python"
        words = ["-c", script, str(plugin.modules()), overlay, str(scene.prefix), "2026-01-01"]
        done = alice.run([python, *words])
        assert (done.stdout, done.stderr) == ("[]\n", "")
        os.lchown(scene.state, alice.uid, alice.gid)
        assert alice.run([python, *words]).stdout == f"[{CHANGED!r}]\n"


class Fork:
    """A fork reduced to what its notice looks at, and its baseline: an environment and a list."""

    def __init__(self, root: Path) -> None:
        self.prefix, self.baseline = root / "fork", root / "baseline"
        self.list = root / "list.txt"
        (self.prefix / notice.FORK).mkdir(parents=True)
        (self.baseline / "conda-meta").mkdir(parents=True)
        self.list.write_text("@EXPLICIT\n")

    def write(self, text: str) -> None:
        (self.prefix / notice.FORK / "notice").write_text(text)

    def news(self) -> list[str]:
        return notice.news_of_fork(str(self.prefix))


@pytest.fixture
def fork(tmp_path: Path) -> Fork:
    return Fork(tmp_path)


DRIFT = ["its baseline has changed since it was made"]


def test_a_changed_baseline_is_told_once(fork: Fork) -> None:
    fork.write(notice.content_of_fork(str(fork.baseline), "-"))
    assert fork.news() == []
    (fork.baseline / "conda-meta" / "alpha-1.0-0.json").touch()
    assert fork.news() == DRIFT
    assert fork.news() == []
    (fork.baseline / "conda-meta" / "beta-1.0-0.json").touch()
    assert fork.news() == DRIFT


def test_a_list_of_other_content_is_told_once_and_a_touched_one_is_not(fork: Fork) -> None:
    fork.write(notice.content_of_fork(str(fork.list)))
    os.utime(fork.list, ns=(1, 1))
    assert fork.news() == []
    fork.list.write_text("@EXPLICIT\n\n")
    assert fork.news() == DRIFT
    assert fork.news() == []
    fork.list.unlink()
    assert fork.news() == DRIFT


@pytest.mark.parametrize(
    "text", ["", "baseline\n", "file x/y/z \n", "baseline a\0b\nfile 1/2/3 \n"]
)
def test_a_damaged_notice_of_a_fork_raises_nothing(fork: Fork, text: str) -> None:
    fork.write(text)
    assert fork.news() in ([], DRIFT, ["the environment has changed since the last change"])


def test_an_environment_that_is_no_fork_costs_one_look(tmp_path: Path) -> None:
    seen: list[object] = []
    sys.addaudithook(lambda event, facts: seen.append(facts[0]) if event == "open" else None)
    assert notice.news_of_fork(str(tmp_path)) == []
    assert [path for path in seen if str(tmp_path) in str(path)] == [str(tmp_path / notice.FORK)]

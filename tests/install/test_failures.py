"""Whatever goes wrong is said in a sentence, and leaves the old state current."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import dists, environment
from tests.bed.command import interruptible
from tests.bench import PATIENCE, Bench, Done, revision_of
from tests.long import LONG, first

SLOW = """
import os, tempfile, time
def build_wheel(*_):
    with open(os.environ["STARTED"], "w") as started:
        started.write(os.getcwd() + " " + tempfile.gettempdir())
    time.sleep(600)
"""

METADATA = """
import os
def prepare_metadata_for_build_wheel(directory, *_):
    os.mkdir(os.path.join(directory, "fails-1.0.dist-info"))
    with open(os.path.join(directory, "fails-1.0.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: fails\\nVersion: 1.0\\n")
    return "fails-1.0.dist-info"
"""

EXITS = "def {0}(*_):\n    raise SystemExit('the flux capacitor is missing')\n"

DEEP = """
def deep(number):
    other(number)
def other(number):
    if number == 0:
        raise ValueError("the flux capacitor is missing")
    deep(number - 1)
def build_wheel(*_):
    print("harmless")
    deep(60)
"""

BUILDS = {
    "requirements": EXITS.format("get_requires_for_build_wheel"),
    "metadata": EXITS.format("prepare_metadata_for_build_wheel"),
    "wheel alone": EXITS.format("build_wheel"),
    "wheel": METADATA + EXITS.format("build_wheel"),
    "deep": DEEP,
}


def sdist(links: Path, name: str, backend: str) -> Path:
    return dists.sdist(links, name, "1.0", backend=backend)


class Running:
    """An install that runs in a session of its own, with a terminal's worth of patience."""

    def __init__(self, bench: Bench, pool: ThreadPoolExecutor, *words: str | Path) -> None:
        home = bench.user.home
        self.bench, self.started, self.out = bench, home / "started", home / "out"
        os.mkfifo(home / "in", 0o666)
        self._input = os.open(home / "in", os.O_RDWR)
        argv = [bench.conda.executable, "overlay", "install", *bench.where, *words]
        line = 'exec setsid sh -c \'echo $$ >pid; exec "$0" "$@"\' '
        line += f"{shlex.join(map(str, argv))} <in >out 2>&1"
        env = {**bench.environ, "STARTED": str(self.started), "PYTHONUNBUFFERED": "1"}
        shell = interruptible(["bash", "-c", line])
        self._done: Future[Done] = pool.submit(bench.user.run, shell, env=env)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert not self._done.done(), self.out.read_text()
            assert time.monotonic() < end, self.out.read_text()
            time.sleep(0.02)

    def until_building(self) -> None:
        self.until(lambda: self.started.exists() and bool(self.started.read_text()))

    def until_asking(self) -> None:
        self.until(lambda: self.out.exists() and "Proceed" in self.out.read_text())

    def kill(self, number: int) -> None:
        """Send a signal to the whole session, as a terminal does."""
        os.killpg(self.pid, number)

    @property
    def building(self) -> bool:
        """Whether the directory is there in which it builds."""
        return all(Path(place).is_dir() for place in self.started.read_text().split())

    @property
    def pid(self) -> int:
        return int((self.bench.user.home / "pid").read_text())

    def end(self) -> tuple[int, str]:
        """The exit code, and all that was printed."""
        done = self._done.result()
        os.close(self._input)
        (self.bench.user.home / "in").unlink()
        return done.returncode, self.out.read_text()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def old(quick: Bench) -> Bench:
    """With a first revision."""
    quick.given("install", "new")
    return quick


@pytest.mark.parametrize("moment", ["pip", "prompt"])
def test_interrupt_leaves_the_old_state(
    bench: Bench, pool: ThreadPoolExecutor, links: Path, moment: str
) -> None:
    bench.given("install", "new")
    before = bench.content()
    if moment == "pip":
        running = Running(bench, pool, "--yes", sdist(links, "slow", SLOW))
        running.until_building()
    else:
        running = Running(bench, pool, "alpha==1.5")
        running.until_asking()
    running.kill(signal.SIGINT)
    code, printed = running.end()
    assert "Interrupted. Nothing was changed." in printed
    assert code == 1
    assert "Traceback" not in printed
    assert bench.content() == before


@LONG
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_next_command_tidies_up_after_one_that_was_killed(
    old: Bench, pool: ThreadPoolExecutor, links: Path, number: int
) -> None:
    before = old.content()
    running = Running(old, pool, "--yes", sdist(links, "slow", SLOW))
    running.until_building()
    for place in running.started.read_text().split():
        assert old.state in Path(place).parents  # and nothing is left in /tmp
    running.kill(number)
    running.end()
    assert old.revision == 1
    assert old.version("new") == "1.0"
    assert "Nothing to do" in old.install("new")
    assert old.content() == before


@LONG
def test_nobody_waits_for_the_build_of_another_command(
    old: Bench, pool: ThreadPoolExecutor, links: Path
) -> None:
    running = Running(old, pool, "--yes", sdist(links, "slow", SLOW))
    running.until_building()
    done = old.try_install_by_api("alpha==1.5", timeout=1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert old.revision == 2
    assert running.building  # what it is at was not taken away from it
    running.kill(signal.SIGKILL)
    running.end()
    old.install("alpha==2.0")
    assert not old.leftovers


def test_lock_says_who_holds_it(old: Bench) -> None:
    with old.lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        holder = f"{old.user.name} on elsewhere, process 7, since 2026-01-01T00:00:00Z"
        held.write(f"{holder}\n")
        held.truncate()
        held.flush()
        before = old.content()
        done = old.try_install_by_api("alpha==1.5", timeout=2)
        assert old.content() == before
    told = json.loads(done.stdout)
    assert done.returncode == 1
    sentence, hint = told["message"].splitlines()
    assert sentence == f"{old.overlay} is being changed by {holder}; waited 2 s."
    assert hint.startswith("Hint: ")
    assert told["holder"] == holder
    assert f"Waiting for another command that changes {old.overlay}: {holder}\n" in done.stderr


def test_two_at_once_come_one_after_the_other(quick: Bench, pool: ThreadPoolExecutor) -> None:
    first = pool.submit(quick.install, "alpha==1.5")
    second = pool.submit(quick.install, "new")
    assert f"Revision {1}" in first.result() + second.result()
    assert quick.revision == 2
    assert quick.distributions() == ["alpha-1.5", "new-1.0"]
    assert not quick.drafts.exists()


def test_wheel_whose_record_lists_what_is_not_there(old: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "liar", "1.0")
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["liar-1.0.dist-info/RECORD"] += b"liar/absent.py,,\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    told = old.refused(wheel)
    assert "Verification failed; the overlay is unchanged." in told
    assert "liar lacks lib/python3" in told
    assert "liar/absent.py" in told


def test_wheel_with_a_sitecustomize_would_replace_the_guard(old: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "bad", "1.0", top_level="", files={"sitecustomize.py": ""})
    assert "ships its own sitecustomize.py" in old.refused(wheel)


def test_unknown_requirement(bench: Bench) -> None:
    told = bench.refused("nosuch")
    assert "No matching distribution found for nosuch" in told
    assert "Hint: check" in told
    assert "Resolving again" not in told


def test_requirements_that_exclude_each_other(bench: Bench) -> None:
    told = bench.refused("alpha==1.5", "beta==2.0")
    assert "The user requested alpha==1.5" in told
    assert "beta 2.0 depends on alpha>=2" in told
    assert "Hint: relax the versions" in told
    assert "(constraint)" not in told


@first(1)
@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_account_of_a_conflict_is_told_even_to_programs(quick: Bench, quiet: list[str]) -> None:
    done = quick.try_install("--json", *quiet, "alpha==1.5", "beta==2.0")
    told = json.loads(done.stdout)
    assert "    beta 2.0 depends on alpha>=2" in told["output"]
    assert told["requirements"] == ["alpha==1.5", "beta==2.0"]


@pytest.fixture(params=["host", "base"])
def each_pip(request: pytest.FixtureRequest, quick: Bench, scratch: Path, wheels: Path) -> Bench:
    """A host whose own pip serves, and one that has none."""
    if request.param == "host":
        return quick
    template = environment.template(wheels=[wheels / "alpha-1.0-py3-none-any.whl"])
    return replace(quick, name=str(environment.clone(template, scratch / "host")))


@pytest.mark.parametrize(
    ("each_pip", "step"),
    [
        pytest.param(pip, step, marks=[] if step == "requirements" else LONG)
        for pip, steps in (("host", [*BUILDS]), ("base", [*BUILDS][:2]))
        for step in steps
    ],
    indirect=["each_pip"],
)
def test_failing_build_is_named_and_quoted(each_pip: Bench, links: Path, step: str) -> None:
    done = each_pip.try_install("--yes", sdist(links, "fails", BUILDS[step]))
    told = done.stderr
    assert done.returncode == 1
    assert not each_pip.state.exists()
    assert "Building fails 1.0 failed; the overlay is unchanged.\n" in told
    assert "the flux capacitor is missing\n" in told
    [log] = re.findall(r"Hint: for all of its output: cat ([^;\s]+)", told)
    assert "flux capacitor" in each_pip.user.run(["cat", log]).stdout
    assert told.count("\n") < 12 and "Traceback" not in told
    each_pip.user.run(["rm", log])


@LONG
def test_failing_build_of_a_dependency(each_pip: Bench, links: Path) -> None:
    dists.wheel(links, "top", "1.0", requires=["fails"])
    sdist(links, "fails", BUILDS["wheel"])
    told = each_pip.refused("--find-links", links, "top")
    assert "Building fails 1.0 failed; the overlay is unchanged.\n" in told
    assert "try another version, or --only-binary :all: for any that has one" in told
    shown = each_pip.try_install("-v", "--find-links", links, "top")
    assert "Building fails 1.0 failed; the overlay is unchanged.\n" in shown.stderr
    assert "the flux capacitor is missing\n" in shown.stderr


@LONG
def test_failing_build_for_want_of_what_it_requires(each_pip: Bench, links: Path) -> None:
    """Which is no conflict of versions, and not the name that was asked for."""
    pyproject = dists.own_backend("fails", "1.0")
    pyproject = pyproject.replace("requires = []", 'requires = ["nosuch>=3"]')
    source = dists.sdist(links, "fails", "1.0", pyproject=pyproject, files={"backend.py": ""})
    told = each_pip.refused("alpha==1.0", source)
    assert "Building fails 1.0 failed" in told
    assert "No matching distribution found for nosuch>=3" in told
    assert "for all of its output" in told
    assert "ERROR: ERROR:" not in told


def test_failing_build_of_a_directory(quick: Bench) -> None:
    source = quick.user.home / "my project"
    source.mkdir()
    (source / "pyproject.toml").write_text(dists.own_backend("fails", "1.0"))
    (source / "backend.py").write_text(BUILDS["requirements"])
    told = quick.refused("./my project")
    assert "project failed; the overlay is unchanged." in told


def test_repository_that_is_not_there_is_no_failing_build(quick: Bench) -> None:
    told = quick.refused("git+file:///nonexistent/repository")
    assert "pip failed; the overlay is unchanged." in told
    assert "/nonexistent/repository" in told


@first(1)
@pytest.mark.parametrize("words", [["-r", "absent.txt"], ["./absent"], ["=="], ["alpha @ x"]])
def test_words_that_pip_rejects(quick: Bench, words: list[str]) -> None:
    assert "pip failed; the overlay is unchanged." in quick.refused(*words)


def lost_link(bench: Bench) -> None:
    bench.overlay.unlink()
    bench.overlay.symlink_to("/nowhere")


def lost_record(bench: Bench) -> None:
    bench.record_path(1).unlink()


def lost_tree(bench: Bench) -> None:
    (bench.revisions / "1").rename(bench.revisions / "x")


def record(text: str) -> Callable[[Bench], None]:
    def write(bench: Bench) -> None:
        bench.record_path(1).write_text(text)

    return write


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (record(""), "cannot be read"),
        (record('{"format": 1, "time"'), "cannot be read"),
        (record("[]"), "cannot be read"),
        (record('{"format": "x"}'), "cannot be read"),
        (record('{"format": 99}'), "was written by a newer version of conda-overlay (format 99"),
        (lost_record, "cannot be read"),
        (lost_tree, "Revision 1 of"),
        (lost_link, "is a link to /nowhere, which is not one of its revisions"),
    ],
    ids=["empty", "cut", "list", "format", "newer", "record", "tree", "link"],
)
def test_state_that_cannot_be_read(old: Bench, damage: Callable[[Bench], None], says: str) -> None:
    damage(old)
    told = old.refused("alpha==1.5")
    assert says in told
    assert "Hint: " in told


def test_overlay_directory_that_cannot_be_written(bench: Bench, scratch: Path) -> None:
    told = bench.refused("new", env={"CONDA_PLUGINS_OVERLAY_DIRS": str(scratch / "x")})
    assert f"No overlay directory can be written: {scratch}/x." in told
    assert "Hint: export CONDA_PLUGINS_OVERLAY_DIRS=" in told


@pytest.mark.parametrize("inside", ["", "overlays", "../science/x"])
def test_overlay_directory_inside_the_host(quick: Bench, scratch: Path, inside: str) -> None:
    host = environment.clone(quick.host, scratch / "science")
    (host / "overlays").mkdir()
    for directory in (host, host / "overlays"):
        os.lchown(directory, quick.user.uid, quick.user.gid)
    bench = replace(quick, name=str(host))
    told = bench.refused("new", env={"CONDA_PLUGINS_OVERLAY_DIRS": str(host / inside)})
    assert "is inside the environment" in told
    assert not (host / ".science").exists()


def test_overlay_directory_that_everybody_can_write(quick: Bench) -> None:
    place = quick.user.home / "shared"
    place.mkdir()
    os.lchown(place, quick.user.uid, quick.user.gid)
    place.chmod(0o777)
    told = quick.refused("new", env={"CONDA_PLUGINS_OVERLAY_DIRS": str(place)})
    assert f"{place} is writable by everybody" in told
    assert "Hint: chmod go-w" in told
    assert not list(place.iterdir())


@pytest.mark.parametrize("name", ["a:b", "a\nb"])
def test_overlay_directory_that_path_cannot_carry(quick: Bench, name: str) -> None:
    (quick.user.home / ".condarc").write_text(
        f"plugins:\n  overlay_dirs:\n    - {json.dumps(str(quick.user.home / name))}\n"
    )
    assert "contains a colon or a newline" in quick.refused("new")


def test_home_that_does_not_exist(bench: Bench) -> None:
    told = bench.refused("new", env={"HOME": "/nonexistent"})
    assert "No overlay directory can be written: /nonexistent/.conda/overlays." in told


def test_home_that_cannot_be_written(bench: Bench) -> None:
    bench.user.home.chmod(0o555)
    os.lchown(bench.user.home, 0, 0)
    told = bench.refused("new")
    assert f"No overlay directory can be written: {bench.overlay.parent}." in told


def test_home_that_cannot_be_written_does_not_matter_to_an_overlay_elsewhere(
    quick: Bench,
) -> None:
    elsewhere = quick.user.fresh_home()
    quick.user.home.chmod(0o555)
    os.lchown(quick.user.home, 0, 0)
    quick.install("new", env={"CONDA_PLUGINS_OVERLAY_DIRS": str(elsewhere)})
    assert (elsewhere / "science" / "bin" / "new").exists()


@pytest.fixture
def small(quick: Bench) -> Iterator[Path]:
    """A file system of 1 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    place = quick.user.home / "small"
    place.mkdir()
    options = f"size=1m,mode=755,uid={quick.user.uid},gid={quick.user.gid}"
    argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@first(1)
@pytest.mark.parametrize("room", ["little", "none"])
def test_no_space_left(quick: Bench, small: Path, links: Path, room: str) -> None:
    env = {"CONDA_PLUGINS_OVERLAY_DIRS": str(small)}
    quick.install("new", env=env)
    big = dists.wheel(links, "big", "1.0", files={"big/data": os.urandom(2 << 20)})
    if room == "none":
        with suppress(OSError), (small / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
    before = files(small)
    done = quick.try_install("--yes", big, env=env)
    assert done.returncode == 1
    assert "No space left" in done.stderr, done
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert files(small) == before
    assert revision_of(small / "science") == 1


def test_overlay_made_by_hand_is_adopted(bench: Bench, wheels: Path) -> None:
    prefix = ["install", "-I", "--no-deps", "--no-index", "--prefix", str(bench.overlay)]
    wheel = str(wheels / "alpha-1.5-py3-none-any.whl")
    python = str(bench.host / "bin" / "python")
    done = bench.user.run(
        [python, "-m", "pip", *prefix, wheel], env={"PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert done.returncode == 0, done.stderr
    by_hand = {p.relative_to(bench.overlay): c for p, c in files(bench.overlay).items()}
    printed = bench.install("--dry-run", "alpha==1.5")
    assert "alpha  1.5, other content  its programs now work from anywhere" in printed
    assert bench.revision is None
    bench.given("install", "new")
    assert bench.revision == 2
    assert "Nothing to do" in bench.install("alpha==1.5")
    assert bench.record(1)["reason"] == "adopted: made by hand"
    adopted, entry = bench.record(1)["distributions"]["alpha"], bench.record()["distributions"]
    assert (adopted["version"], adopted["reason"]) == ("1.5", "made by hand")
    assert (entry["alpha"]["requirement"], entry["alpha"]["intent"]) == ("alpha==1.5", "hold")
    assert bench.record()["distributions"].keys() == {"alpha", "new"}
    kept = bench.tree(1)
    assert {p.relative_to(kept): content for p, content in files(kept).items()} == by_hand
    assert bench.see("alpha", "new") == {"alpha": "1.5", "new": "1.0"}
    assert bench.script("alpha") == "alpha 1.5"


@LONG
def test_old_revisions_stay_as_they_were(quick: Bench) -> None:
    """Revisions share files: none is written into."""
    quick.given("install", "alpha==1.5")
    first = quick.tree(1)
    before = files(first)
    quick.given("install", "alpha==2.0")
    quick.given("install", "alpha==1.0")
    assert files(first) == before


def files(tree: Path) -> dict[Path, bytes]:
    """All but bytecode, which a Python that runs writes at any time."""
    found = (path for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: path.read_bytes() for path in found if path.name != "lock"}

"""Nothing of an overlay that is not trusted is read, run or written by any command."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conda_overlay.activation import locate
from tests.bed.users import User
from tests.bench import Bench
from tests.long import LONG, first

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")

COMMANDS: Sequence[Sequence[str]] = [
    ("install", "--yes", "new"),
    ("install", "--dry-run", "new"),
    ("install", "--yes", "--force", "delta==1.0"),
    ("remove", "--yes", "alpha"),
    ("undo", "--yes"),
    ("undo", "--yes", "0"),
    ("redo", "--yes"),
    ("rebase", "--yes"),
    ("clean", "--yes"),
    ("delete", "--yes"),
    ("status",),
    ("status", "--json"),
    ("history",),
    ("diff",),
    ("export",),
    ("list",),
    ("activate",),
]


@pytest.fixture
def shared(scratch: Path) -> Path:
    """A directory for the overlays of everybody, as /tmp is one for files."""
    directory = scratch / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    return directory


def plant(user: User, script: str, *words: str | Path) -> None:
    """Run what an attacker types."""
    done = user.run(["sh", "-euc", script, "sh", *words])
    assert done.returncode == 0, done.stderr


def attempt(bench: Bench, words: Sequence[str], *directories: Path) -> str:
    """Run a command, or activate, with these overlay directories; it ends, and nothing crashes."""
    where = [] if words[0] == "list" else list(bench.where)
    env = {"CONDA_PLUGINS_OVERLAY_DIRS": os.pathsep.join(map(str, directories))}
    command, *rest = words
    if command == "activate":
        script = f". '{bench.conda.prefix}/etc/profile.d/conda.sh'; conda activate {bench.name}; "
        script += "python -c 'import sys'; conda deactivate"
        done = bench.user.run(["sh", "-c", script], env=env)
    else:
        done = bench.run(command, *where, *rest, env=env)
    text = done.stdout + done.stderr
    assert done.returncode in (0, 1, 2), text
    assert "Traceback" not in text and "unexpected error" not in text.lower(), text
    return text


TRAP = """
site="$1/lib/$2/site-packages"
mkdir -p "$site" "$1/bin"
printf 'open(%s, "w")\\n' "'$3'" > "$site/sitecustomize.py"
cp "$site/sitecustomize.py" "$site/alpha.py"
printf 'import alpha\\n' > "$site/trap.pth"
mkdir "$site/alpha-2.0.dist-info"
printf 'Name: alpha\\nVersion: 2.0\\n' > "$site/alpha-2.0.dist-info/METADATA"
"""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_code_of_another_users_layer_never_runs(
    bench: Bench, mallory: User, words: Sequence[str]
) -> None:
    sprung = bench.user.home / "sprung"
    layer = mallory.home / "pub" / "science"
    plant(mallory, TRAP, layer, bench.site.parent.name, sprung)
    told = attempt(bench, words, bench.overlays, layer.parent)
    assert not sprung.exists()
    if words[0] in ("status", "list"):
        assert str(layer) in told and "belongs to" in told


@LONG
def test_what_another_users_layer_has_does_not_count_as_installed(
    bench: Bench, mallory: User
) -> None:
    layer = mallory.home / "pub" / "science"
    plant(mallory, TRAP, layer, bench.site.parent.name, bench.user.home / "sprung")
    attempt(bench, ("install", "--yes", "alpha==2.0"), bench.overlays, layer.parent)
    assert "alpha-2.0" in bench.distributions()


LINKS: dict[str, Callable[[Path, Path], str]] = {
    "lock": lambda state, aim: f"mkdir {state}; ln -s {aim} {state}/lock",
    "host": lambda state, aim: (
        f"mkdir {state}; ln -s {aim} {state}/host; ln -s {aim} {state}/host.new"
    ),
    "told": lambda state, aim: f"mkdir {state}; ln -s {aim} {state}/told",
    "state": lambda state, aim: f"ln -s {aim.parent} {state}",
    "fifo": lambda state, aim: f"mkdir {state}; mkfifo {state}/host {state}/lock",
    "zero": lambda state, aim: f"mkdir {state}; ln -s /dev/zero {state}/host",
}
"""What is planted in the place of state, by what is planted."""


@first(1)
@pytest.mark.parametrize(
    ("planted", "name"),
    [*((planted, "plain") for planted in LINKS), ("lock", "hashed"), ("state", "hashed")],
)
def test_state_that_another_user_has_planted_is_neither_followed_nor_written(
    bench: Bench, mallory: User, shared: Path, planted: str, name: str
) -> None:
    aim = bench.user.home / "project" / "precious"
    plant(bench.user, 'mkdir "$1"; echo precious > "$1/precious"; mkdir "$1/drafts"', aim.parent)
    names = {"plain": "science", "hashed": locate.hashed_name("science", str(bench.host))}
    overlay = shared / names[name]
    if name == "hashed":
        plant(mallory, 'mkdir "$1"', shared / ".science")
    plant(mallory, LINKS[planted](Path(locate.state_dir(str(overlay))), aim))
    for words in (*COMMANDS[:3], *COMMANDS[-9:]):
        attempt(bench, words, shared)
    assert aim.read_text() == "precious\n"
    assert sorted(path.name for path in aim.parent.iterdir()) == ["drafts", "precious"]


def test_a_name_that_another_user_has_taken_is_left_to_them(
    bench: Bench, mallory: User, shared: Path
) -> None:
    plant(mallory, 'mkdir "$1/.science" "$1/science"', shared)
    attempt(bench, ("install", "--yes", "new"), shared)
    assert (shared / locate.hashed_name("science", str(bench.host))).is_symlink()
    assert list((shared / "science").iterdir()) == []


OPEN = ["", "bin", "lib", "lib/{python}", "lib/{python}/site-packages",
        "lib/{python}/site-packages/pack", "lib/{python}/site-packages/pack/deep",
        "bin/tool", "lib/{python}/site-packages/a.pth"]  # fmt: skip


@first(2)
@pytest.mark.parametrize("path", OPEN)
def test_an_overlay_made_by_hand_that_others_can_write_is_refused(bench: Bench, path: str) -> None:
    script = 'mkdir -p "$1/bin" "$2/pack/deep"; touch "$1/bin/tool" "$2/a.pth" "$2/pack/x.py"'
    plant(bench.user, script, bench.overlay, bench.site)
    assert "not used" not in bench.ask("status")
    writable = bench.overlay / path.format(python=bench.site.parent.name)
    writable.chmod(0o777)
    real = os.path.realpath(writable)
    assert f"it is not used: {real} is writable by everybody" in bench.ask("status")
    assert "is writable by everybody" in bench.refuse("install", "--yes", "new")
    assert f"chmod go-w {real}" in bench.refuse("history")
    assert not Path(locate.state_dir(str(bench.overlay))).exists()


@LONG
def test_status_says_what_its_owner_has_opened_in_a_managed_one(bench: Bench) -> None:
    bench.given("install", "new")
    assert "writable" not in bench.ask("status")
    script = 'mkdir "$1/pack"; chmod 777 "$1/pack"'
    plant(bench.user, script, bench.site)
    told = bench.ask("status")
    assert f"{bench.site.resolve() / 'pack'} is writable by everybody" in told
    bench.given("install", "beta==2.0")
    assert "is writable by everybody" not in bench.ask("status")

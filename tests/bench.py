"""Runs the commands of an overlay's life as a user does, and looks at what is there afterwards.

All that the tests know of the places on disk is in `Bench`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conda_overlay.activation import locate
from tests import prepared
from tests.bed import forks
from tests.bed.condas import Conda
from tests.bed.users import User

Done = subprocess.CompletedProcess[str]

FACTOR = int(os.environ.get("CONDA_OVERLAY_TEST_FACTOR", "1"))
"""How many times as many cases as usual where chance chooses them."""
COMMIT = ("os.rename .science/revisions/", "os.rename science")
"""How the first and the last step of a commit begin, below the overlay directory."""
CLEANING = ("os.mkdir .science/drafts", "os.rename .science/drafts/")
"""The same, of what drops revisions."""
DELETION = ("os.remove science", "os.rename .science/drafts/")
"""The same, of what deletes an overlay."""
REMOVAL = ("os.remove .science/drafts/", "os.rmdir .science/drafts/")
"""How the steps begin that remove what was moved away already."""
VISIBLE = "os.rename .science/revisions/{}"
"""The step that moves a revision to its place."""
PATIENCE = 600.0
"""Seconds for a command: long, for a busy machine."""

_SEE = """
import importlib, importlib.metadata as metadata, json, sys
seen = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name.replace("-", "_").lower())
        seen[name] = module.__version__
        assert metadata.version(name) == seen[name], [name, metadata.version(name), seen]
    except ImportError:
        seen[name] = None
print(json.dumps(seen))
"""


_INSTALL = """
import json, sys
from conda_overlay import Overlay, OverlayError
from conda_overlay.core.progress import Progress
class Heard(Progress):
    def tell(self, text):
        print(text, file=sys.stderr)
prefix, timeout, *requirements = sys.argv[1:]
overlay = Overlay.open(prefix, Heard())
try:
    done = overlay.change(lambda draft: draft.install(*requirements), timeout=float(timeout))
    print(json.dumps({"revision": done.revision}))
except OverlayError as error:
    print(json.dumps({"message": str(error), **error.dump_map()}, default=str))
    sys.exit(1)
"""


def revision_of(overlay: Path) -> int | None:
    """The number of the revision that an overlay's link names; None if it is no link."""
    return int(overlay.readlink().parent.name) if overlay.is_symlink() else None


@dataclass(frozen=True)
class Bench:
    """One user, one conda, one host."""

    conda: Conda
    user: User
    environ: Mapping[str, str]
    """Variables on top of the user's clean ones."""
    name: str = "science"
    """The host's name, or its prefix."""
    network: bool = False
    anew: bool = FACTOR > 1
    """Whether each command starts a conda of its own, as a user's does, or is a fork of one."""

    # -- places on disk

    @property
    def host(self) -> Path:
        """Its prefix."""
        return Path(self.name) if self.name.startswith("/") else self.conda.env(self.name)

    @property
    def overlays(self) -> Path:
        """The overlay directory."""
        return self.user.home / ".conda" / "overlays"

    @property
    def overlay(self) -> Path:
        """The path of policy."""
        return self.overlays / self.host.name

    @property
    def state(self) -> Path:
        """Where the revisions and the records are."""
        return Path(locate.state_dir(str(self.overlay)))

    @property
    def revisions(self) -> Path:
        """The directory of all revisions."""
        return self.state / "revisions"

    def tree(self, number: int) -> Path:
        """Where the files of a revision are."""
        return self.revisions / str(number) / "tree"

    def record_path(self, number: int) -> Path:
        """Where the record of a revision is."""
        return self.revisions / str(number) / "record.json"

    def manifest_path(self, number: int) -> Path:
        """Where what is known of the files of a revision is."""
        return self.revisions / str(number) / "manifest.json"

    @property
    def records(self) -> list[Path]:
        """The records of all revisions."""
        return sorted(self.revisions.glob("*/record.json"))

    @property
    def lock(self) -> Path:
        """The file that is locked, and says by whom."""
        return self.state / "lock"

    @property
    def host_path(self) -> Path:
        """The file that says of which host this is."""
        return self.state / "host"

    @property
    def notice(self) -> Path:
        """The file that activation compares the host with."""
        return self.overlay.resolve().parent / "notice"

    @property
    def told(self) -> Path:
        """The file that says what activation has told already."""
        return self.state / "told"

    @property
    def drafts(self) -> Path:
        """Where what is to become a revision is made; not there when no command runs."""
        return self.state / "drafts"

    @property
    def revision(self) -> int | None:
        """The number of the current one."""
        return revision_of(self.overlay)

    @property
    def numbers(self) -> list[int]:
        """The revisions of which there are records; each has its manifest, too."""
        found = sorted(int(path.name) for path in self.revisions.glob("*"))
        for number in found:
            assert self.manifest_path(number).exists()
            assert json.loads(self.record_path(number).read_text())["number"] == number
        return found

    @property
    def kept(self) -> list[int]:
        """The revisions of which there are the files."""
        return [number for number in self.numbers if self.tree(number).is_dir()]

    @property
    def leftovers(self) -> set[str]:
        """What is in the overlay directory that belongs to no revision."""
        expected = {"host", "lock", "revisions", "told"}
        found = {path.name for path in self.state.glob("*")} - expected
        hosts = {name for host in ("science", "daq") for name in (host, f".{host}")}
        found |= {path.name for path in self.overlays.glob("*")} - hosts
        return found

    @property
    def site(self) -> Path:
        """The overlay's site-packages."""
        [python] = (self.host / "lib").glob("python3.*")
        return self.overlay / "lib" / python.name / "site-packages"

    # -- commands

    def environ_of(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """All variables that a command gets."""
        return self.user.environ({**self.environ, **(changes or {})}, network=self.network)

    def run(
        self,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        input: str | None = None,
    ) -> Done:
        """Run ``conda overlay``."""
        argv = ["overlay", *map(str, words)]
        # What an interpreter reads at its start, a fork would not see.
        if self.anew or any(name.startswith(("PYTHON", "LANG", "LC_")) for name in env or {}):
            return self.user.run(
                [self.conda.executable, *argv],
                env={**self.environ, **(env or {})},
                cwd=cwd,
                input=input,
                network=self.network,
                timeout=PATIENCE,
            )
        [ended] = forks.shared(self.conda, self.user).run(
            [argv], environ=self.environ_of(env), cwd=str(cwd or self.user.home), input=input
        )
        return Done(argv, ended.code, ended.out, ended.err)

    def try_install(
        self,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        input: str | None = None,
    ) -> Done:
        """Install, whatever comes of it; as is, without ``--yes``."""
        return self.run("install", *self.where, *words, env=env, cwd=cwd, input=input)

    def try_install_by_api(self, *requirements: str, timeout: float) -> Done:
        """Install as a program does that waits for other commands so long; it prints JSON."""
        argv: list[str | Path] = [self.conda.prefix / "bin" / "python", "-c", _INSTALL]
        argv += [self.host, str(timeout), *requirements]
        return self.user.run(argv, env=self.environ, network=self.network, timeout=PATIENCE)

    @property
    def where(self) -> tuple[str, str]:
        """The options that choose the host."""
        return ("-p" if self.name.startswith("/") else "-n", self.name)

    def install(
        self,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Install without being asked, and return what was printed."""
        done = self.try_install("--yes", *words, env=env, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def given(self, command: str, *words: str | Path) -> None:
        """Have run a changing command, which sets the scene: see `prepared`."""
        environ = sorted(self.environ.items())
        step = (self.conda, self.name, prepared.installed(self.host), *environ, command, *words)
        prepared.lead(self.user.home, step, lambda: self.change(command, *words))

    def plan(self, *words: str | Path) -> dict[str, Any]:
        """Install with ``--json``, and return what was printed."""
        done = self.try_install("--json", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        plan: dict[str, Any] = json.loads(done.stdout)
        return plan

    def refused(
        self,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        code: int = 1,
    ) -> str:
        """Fail to install: nothing has changed, and the error is said, without a traceback.

        Returns:
            What was printed to stderr.
        """
        before = self.content()
        done = self.try_install("--yes", *words, env=env, cwd=cwd)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert "unexpected error" not in done.stderr.lower(), done.stderr
        assert self.content() == before
        return done.stderr

    def record(self, number: int | None = None) -> dict[str, Any]:
        """The history's record of a revision; of the current one if no number is given."""
        number = number or self.revision
        assert number
        record: dict[str, Any] = json.loads(self.record_path(number).read_text())
        return record

    def change(
        self, command: str, *words: str | Path, env: Mapping[str, str | None] | None = None
    ) -> str:
        """Run a changing command without being asked, and return what was printed."""
        return self._succeed(self.run(command, *self.where, "--yes", *words, env=env))

    def ask(
        self, command: str, *words: str | Path, env: Mapping[str, str | None] | None = None
    ) -> str:
        """Run a command that changes nothing, and return what was printed."""
        return self._succeed(self.run(command, *self.where, *words, env=env))

    def json(
        self, command: str, *words: str | Path, env: Mapping[str, str | None] | None = None
    ) -> Any:
        """Run a command with ``--json``; stdout is one value and nothing else."""
        return json.loads(self._succeed(self.run(command, *self.where, "--json", *words, env=env)))

    def refuse(
        self,
        command: str,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        code: int = 1,
    ) -> str:
        """Fail to run a command: nothing has changed, and the error is said, without a traceback.

        Returns:
            What was printed to stderr.
        """
        before = self.content()
        done = self.run(command, *self.where, *words, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert "unexpected error" not in done.stderr.lower(), done.stderr
        assert self.content() == before
        return done.stderr

    def export(self, name: str = "overlay.toml") -> Path:
        """Export to a file in the home."""
        file = self.user.home / name
        self.ask("export", "-f", file)
        return file

    # -- what is there

    def see(self, *names: str) -> dict[str, str | None]:
        """The versions of modules, as the host's interpreter and their metadata have them.

        Returns:
            None for what cannot be imported.
        """
        done = self.python("-c", _SEE, *names)
        assert done.returncode == 0, done.stderr
        seen: dict[str, str | None] = json.loads(done.stdout)
        return seen

    def version(self, name: str) -> str | None:
        """The version of one of them."""
        return self.see(name)[name]

    def python(self, *words: str | Path, cwd: Path | None = None) -> Done:
        """Run the host's interpreter with the overlay on PYTHONPATH."""
        env = {"PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1"}
        return self.user.run([self.host / "bin" / "python", *words], env=env, cwd=cwd)

    def script(self, name: str, *words: str) -> str:
        """Run a script of the overlay from outside, with next to no environ."""
        done = self.user.run(["/usr/bin/env", "-i", self.overlay / "bin" / name, *words])
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def distributions(self) -> list[str]:
        """The names of the overlay's dist-infos, and versions."""
        infos = self.site.glob("*.dist-info")
        return sorted(path.name.removesuffix(".dist-info") for path in infos)

    def content(self) -> dict[str, bytes | str]:
        """Every file of the overlay, the history included, but for the lock and for bytecode."""
        found: dict[str, bytes | str] = {}
        for path in self.overlays.rglob("*"):
            name = str(path.relative_to(self.overlays))
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file() and path.suffix != ".pyc" and path != self.lock:
                found[name] = path.read_bytes()
        return found

    def files(self, number: int) -> dict[str, bytes]:
        """The files of a revision and what is in them, but for bytecode."""
        tree = self.tree(number)
        return {
            str(path.relative_to(tree)): path.read_bytes()
            for path in tree.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

    def edit(self, path: Path, text: str) -> None:
        """Change a file as an editor does that writes a new one in its place."""
        script = 'printf %s "$2" > "$1.new" && mv -f "$1.new" "$1"'
        self._succeed(self.user.run(["sh", "-c", script, "sh", path, text]))

    def make_by_hand(self, *wheels: Path) -> None:
        """Lay an overlay as people did before there were commands for it."""
        command: list[str | Path] = [self.host / "bin" / "python", "-m", "pip", "install", "-I"]
        command += ["--no-deps", "--no-index", "--prefix", self.overlay, *wheels]
        self._succeed(self.user.run(command, env={"PYTHONDONTWRITEBYTECODE": "1"}))

    def _succeed(self, done: Done) -> str:
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

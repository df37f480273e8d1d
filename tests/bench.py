"""Runs ``conda overlay install`` as a user does, and looks at what is there afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conda_overlay.activation import locate
from tests.bed.condas import Conda
from tests.bed.users import User

Done = subprocess.CompletedProcess[str]

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

    @property
    def host(self) -> Path:
        """Its prefix."""
        return Path(self.name) if self.name.startswith("/") else self.conda.env(self.name)

    @property
    def overlay(self) -> Path:
        """The path of policy."""
        return self.user.home / ".conda" / "overlays" / self.host.name

    @property
    def state(self) -> Path:
        """Where the revisions and the records are."""
        return Path(locate.state_dir(str(self.overlay)))

    @property
    def site(self) -> Path:
        """The overlay's site-packages."""
        [python] = (self.host / "lib").glob("python3.*")
        return self.overlay / "lib" / python.name / "site-packages"

    def run(
        self,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        input: str | None = None,
    ) -> Done:
        """Run ``conda overlay``."""
        return self.user.run(
            [self.conda.executable, "overlay", *words],
            env={**self.environ, **(env or {})},
            cwd=cwd,
            input=input,
            network=self.network,
        )

    def try_install(
        self,
        *words: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        input: str | None = None,
    ) -> Done:
        """Install, whatever comes of it; as is, without ``--yes``."""
        return self.run("install", *self.where, *words, env=env, cwd=cwd, input=input)

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
        assert "\nTraceback" not in done.stderr, done.stderr
        assert "unexpected error" not in done.stderr.lower(), done.stderr
        assert self.content() == before
        return done.stderr

    @property
    def revision(self) -> int | None:
        """The number of the current one."""
        return int(self.overlay.readlink().parent.name) if self.overlay.is_symlink() else None

    def record(self, number: int | None = None) -> dict[str, Any]:
        """The history's record of a revision; of the current one if no number is given."""
        path = self.state / "revisions" / str(number or self.revision) / "record.json"
        record: dict[str, Any] = json.loads(path.read_text())
        return record

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
        for path in [*self.overlay.parent.glob("*"), *self.overlay.parent.rglob("*")]:
            name = str(path.relative_to(self.overlay.parent))
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file() and path.suffix != ".pyc" and path.name != "lock":
                found[name] = path.read_bytes()
        return found

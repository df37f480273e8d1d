"""What the benchmarks run on: copies of one conda, hosts, and users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.bed import base, cpython, environment, place, pypi, users
from tests.bed.users import User

PINS = ("pip", "flask==2.3.0", "werkzeug==2.3.0", "click==8.1.3", "requests==2.31.0")
"""What is in the hosts."""


@dataclass(frozen=True)
class Scene:
    """Three copies of a conda, which serve the same two protected hosts."""

    root: Path
    """A directory of its own."""
    bare: Path
    """A base without the plugin."""
    plugin: Path
    """A base with the plugin."""
    official: Path
    """A base with the plugin, less its start-up hook: conda's post-command hook is alone."""
    host: Path
    """A host, over which `overlaid` has an overlay."""
    other: Path
    """A host, over which nobody has."""
    nobody: User
    """A user who has no overlay at all."""
    overlaid: User
    """A user who has one, with `cowsay` in it."""

    @cached_property
    def version(self) -> str:
        """The version of conda."""
        return ran(self.nobody, [self.bare / "bin" / "conda", "--version"]).split()[-1]

    @property
    def overlay(self) -> Path:
        """The overlay."""
        return self.overlaid.home / ".conda" / "overlays" / self.host.name

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.overlay / "lib" / f"python{cpython.default().xy}" / "site-packages"


@contextmanager
def scene(conda: Path) -> Iterator[Scene]:
    """Make a scene out of a base prefix, which stays as it is."""
    xy = cpython.default().xy
    template = environment.template(wheels=pypi.wheels(PINS, xy))
    with place.scratch() as root:
        bare, plugin, official = (
            base.clone(conda, root / name) for name in ("bare", "plugin", "official")
        )
        for prefix in (plugin, official):
            base.install_plugin(prefix)
            pypi.put_uv(prefix)
        [hook] = official.glob("lib/python*/site-packages/__conda_overlay.pth")
        hook.unlink()
        host, other = (environment.clone(template, root / name) for name in ("science", "daq"))
        for prefix in (bare, plugin, official):
            environment.protect(prefix)
        nobody = users.user("overlay-alice")
        overlaid = replace(nobody, home=nobody.fresh_home())
        made = Scene(root, bare, plugin, official, host, other, nobody, overlaid)
        argv: list[str | Path] = [plugin / "bin" / "conda", "overlay", "install", "--yes"]
        links = wheels_for("cowsay")
        ran(overlaid, [*argv, "-p", host, "--no-index", "--find-links", links, "cowsay"])
        yield made


def wheels_for(*requirements: str) -> Path:
    """Return a directory for `--find-links` with these and what they need: no network in a race."""
    return pypi.wheels(requirements, cpython.default().xy)[0].parent


def ran(user: User, argv: Sequence[str | Path], **environ: str) -> str:
    """Run a command as a user, and return what it printed.

    Raises:
        RuntimeError: It failed.
    """
    done = user.run(argv, env=environ, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout

"""Random worlds to resolve in: an index, a host, an overlay, and a request."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from conda_overlay.core.pip_options import Options
from conda_overlay.core.request import Request
from conda_overlay.distributions.site import read_site
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.resolver import Resolver
from conda_overlay.resolve.stage import origins
from tests.bed import cpython, dists, pypi

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
VERSIONS = (
    *("0.9", "1.0", "1.0.post1", "1.1", "1.5", "2.0", "2.1", "3.0"),
    *("1.0+local", "2.0+local", "2.0rc1", "3.0a1", "3.0.dev1", "4.0b2"),
)
SPECIFIERS = (
    *("", "", "", ">=1", ">=1.0", ">=1.1", "<2", "<3", "<2.1", ">=1,<3", "==1.0", "==2.0", "==1.*"),
    *("~=1.0", "!=1.5", "!=2.0", ">=2", ">0.9", "<2.0a0", ">=2.0rc1", ">=3.0a1", "==1.0+local"),
)

Installed = Mapping[str, tuple[str, str | None, str | None]]
"""Version, URL and sha256 of each distribution that was installed."""


@dataclass
class World:
    """What is there, and what is requested."""

    place: Path
    index: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """The requirements of each version."""
    yanked: set[tuple[str, str]] = field(default_factory=set)
    extras: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    later: set[tuple[str, str]] = field(default_factory=set)
    """Versions for a later Python."""
    sdists: set[tuple[str, str]] = field(default_factory=set)
    """Versions of which there is no wheel."""
    host: dict[str, str] = field(default_factory=dict)
    overlay: dict[str, str] = field(default_factory=dict)
    origins: dict[str, object] = field(default_factory=dict)
    """Where installed distributions come from that are not from an index (PEP 610)."""
    request: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, place: Path) -> World:
        """Make the world of a seed."""
        random = Random(seed)
        world = cls(place)
        wild = random.choice((0.2, 0.5, 1.0))

        def some(likely: float) -> bool:
            return random.random() < likely

        def needed(names: tuple[str, ...]) -> str:
            name = random.choice(names)
            extra = "[more]" if some(0.1) else ""
            marker = random.choice(['; python_version<"3"', '; os_name=="posix"'])
            specifier = random.choice(SPECIFIERS) if some(wild) else random.choice(("", ">=0.9"))
            return f"{name}{extra}{specifier}{marker if some(0.15) else ''}"

        for number, name in enumerate(NAMES):
            versions = VERSIONS if some(wild) else VERSIONS[:8]
            for version in random.sample(versions, random.randint(1, 5)):
                key = name, version
                others = NAMES if some(0.15 * wild) else NAMES[number + 1 :] or NAMES[:1]
                count = random.choice((0, 0, 1, 1, 2, 3))
                world.index[key] = [needed(others) for _ in range(count)]
                if some(0.2):
                    world.extras[key] = [needed(others)]
                for chosen in (world.yanked, world.later, world.sdists):
                    if some(0.07 * wild):
                        chosen.add(key)
        for there, likely in ((world.host, 0.5), (world.overlay, 0.2)):
            for name in NAMES:
                if some(likely):
                    there[name] = random.choice([v for n, v in world.index if n == name])
        editable = {"url": "file:///work/mine", "dir_info": {"editable": True}}
        commit = {"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}}
        world.origins = {name: random.choice((editable, commit)) for name in NAMES if some(0.1)}
        named = random.sample(NAMES[:4], random.choice((1, 1, 2)))
        loose = [f"{name}{random.choice(SPECIFIERS) if some(0.3) else ''}" for name in named]
        if some(0.1):
            loose[0] = f"{named[0]}[more]"
        world.request = [*(["--upgrade"] if some(0.4) else []), *loose]
        return world

    def make(self) -> None:
        """Write the index, the host and the overlay."""
        files = self.place / "files"
        for (name, version), requires in self.index.items():
            if (name, version) in self.sdists:
                dists.sdist(files, name, version, requires=requires)
                continue
            extra = self.extras.get((name, version))
            python = ">=3.99" if (name, version) in self.later else None
            dists.wheel(
                files,
                name,
                version,
                requires=requires,
                extras={"more": extra} if extra else None,
                requires_python=python,
            )
        simple = dists.index(files)
        for name, version in self.yanked:
            page = simple / name / "index.html"
            start = f">{name}-{version}"
            page.write_text(page.read_text().replace(start, f' data-yanked="broken"{start}'))
        for there, prefix in ((self.host, "host"), (self.overlay, "over")):
            site = _prefix(self.place / prefix)
            for name, version in there.items():
                wheel = files / f"{name}-{version}-py3-none-any.whl"
                if wheel.exists():
                    pypi.unpack([wheel], site)
            for info in site.glob("*.dist-info"):
                (info / "INSTALLER").write_text("pip\n")
                if origin := self.origins.get(info.name.split("-")[0]):
                    (info / "direct_url.json").write_text(json.dumps(origin))

    @property
    def simple(self) -> Path:
        """The index."""
        return self.place / "files" / "simple"

    @property
    def host_prefix(self) -> Path:
        """The host."""
        return self.place / "host"

    def resolve(self, pip: Pip) -> Installed:
        """Resolve the request.

        Raises:
            OverlayError: There is no answer.
        """
        over = _prefix(self.place / "over")
        options = [word for word in self.request if word.startswith("-")]
        names = [word for word in self.request if not word.startswith("-")]
        request = Request.parse(names, Options.parse(options))
        place = Path(tempfile.mkdtemp(dir=self.place))
        layers = {over: read_site(over)}
        found = Resolver(pip, request, layers, place, place / "src", False).resolve()
        where = origins(found.stage)
        return {key: (one[0].version, *where[key][:2]) for key, one in found.staged.items()}


def _prefix(prefix: Path) -> Path:
    """Make an environment whose standard library is linked; return its site-packages."""
    of = cpython.prefix()
    [library] = of.glob("lib/python*")
    site = prefix / library.relative_to(of) / "site-packages"
    if not site.exists():
        for directory in (site, prefix / "conda-meta", prefix / "bin"):
            directory.mkdir(parents=True)
        for entry in library.iterdir():
            if entry.name != site.name:
                (site.parent / entry.name).symlink_to(entry)
        (prefix / "bin" / "python").symlink_to((of / "bin" / "python").resolve())
    return site

"""Makes a channel of small conda packages, and an environment of some of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bed import base, cpython, environment, place, pypi
from tests.bed import channel as channels
from tests.bed.command import checked

MANY = 10_000
"""Files of the package ``many``, for benchmarks."""

_SOURCES = (*cpython.SOURCES, "packages.py")
_BINARY = f"\x7fELF\0{channels.PLACEHOLDER}/lib\0\0the end\0"
_POST_LINK = """\
#!/bin/sh
echo "$PREFIX/lib" > "$PREFIX/lib/paths.cache"
printf '%s/lib\\0end' "$PREFIX" > "$PREFIX/lib/paths.bin"
ln -s "$PREFIX/lib" "$PREFIX/lib/here"
"""


def channel() -> Path:
    """Return a channel: CPython, noarch and compiled packages, two versions of some.

    ``gui`` needs lib<2 and ``app``, which is noarch, gui; ``extra`` needs lib; ``newer`` needs
    tool>=2, where the environment has 1.0; ``clash`` needs lib>=2, which gui rules out. ``cache``
    has a script of its own that writes the path of the prefix when it is installed, and ``openssl``
    is what conda updates on its own account.
    """

    def build(target: Path) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for number, (name, version, depends, files) in enumerate(_packages()):
                tree = Path(directory, str(number))
                for path, text in files.items():
                    (tree / path).parent.mkdir(parents=True, exist_ok=True)
                    (tree / path).write_text(text)
                    (tree / path).chmod(0o755 if path.startswith("bin/") else 0o644)
                points = ["app = app:main"] if name == "app" else None
                about = {"name": name, "version": version, "depends": depends}
                channels.pack(tree, target, **about, entry_points=points)  # type: ignore[arg-type]
        for package in (cpython.channel() / channels.subdir()).glob("*.tar.bz2"):
            os.link(package, target / package.parent.name / package.name)
        channels.index(target)

    return place.built("packages", (place.sources(*_SOURCES), cpython.default()), build)


def template(specs: Sequence[str], wheels: Sequence[Path] = ()) -> Path:
    """Return an environment of root's from the channel, built once, with what pip installs."""
    contents = [wheel.read_bytes() for wheel in wheels]
    inputs = (place.sources(*_SOURCES), *specs, *wheels, *contents)
    return place.built("lab", inputs, lambda target: _create(target, specs, wheels))


def _create(prefix: Path, specs: Sequence[str], wheels: Sequence[Path]) -> None:
    argv: list[str | Path] = [base.floor_base() / "bin" / "conda", "create", "--quiet", "--yes"]
    argv += ["--prefix", prefix, "--override-channels", "--channel", channel().as_uri()]
    with place.locked("packages.lock"), tempfile.TemporaryDirectory() as home:
        cache = str(channel().with_name(f"cache-of-{channel().name}"))
        checked([*argv, *specs], env={"HOME": home, "CONDA_PKGS_DIRS": cache})
    if wheels:
        pypi.install(prefix, wheels)
    if (prefix / "bin" / "python").exists():
        cpython.precompile(prefix)
    environment.protect(prefix)


def _packages() -> Sequence[tuple[str, str, Sequence[str], Mapping[str, str]]]:
    info = "site-packages/app-1.0.dist-info"
    app = {
        "site-packages/app/__init__.py": "def main():\n    print(__file__)\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: app\nVersion: 1.0\n",
        f"{info}/RECORD": f"app/__init__.py,,\napp-1.0.dist-info/METADATA,,\n{info}/RECORD,,\n",
    }
    lib = {"lib/liblib.so": _BINARY, "etc/lib.conf": f"home = {channels.PLACEHOLDER}/lib\n"}
    many = {f"share/many/{n // 100}/{n}": f"{n}\n" for n in range(MANY)}
    tool = f"#!/bin/sh\necho {channels.PLACEHOLDER}\n"
    return [
        ("lib", "1.0", [], lib),
        ("lib", "2.0", [], lib),
        ("gui", "1.0", ["lib >=1,<2"], {"share/gui": "gui\n"}),
        ("app", "1.0", ["python", "gui"], app),
        ("tool", "1.0", [], {"bin/tool": tool}),
        ("tool", "2.0", [], {"bin/tool": tool}),
        ("extra", "1.0", ["lib"], {"share/extra": "extra\n"}),
        ("newer", "1.0", ["tool >=2"], {"share/newer": "newer\n"}),
        ("many", "1.0", [], many),
        ("clash", "1.0", ["lib >=2"], {"share/clash": "clash\n"}),
        ("openssl", "1.0", [], {"share/openssl": "1\n"}),
        ("openssl", "2.0", [], {"share/openssl": "2\n"}),
        ("cache", "1.0", ["lib"], {"bin/.cache-post-link.sh": _POST_LINK}),
    ]

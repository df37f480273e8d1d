"""Every kind of distribution does what it does in an ordinary environment."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import dists, environment
from tests.bench import Bench
from tests.long import LONG, few, first

SETUP = """
from setuptools import Extension, setup
setup(name="legacy", version="1.0", packages=["legacy"], ext_modules=[{extension}],
      entry_points={{"console_scripts": ["legacy = legacy:main"]}},
      data_files=[("share/legacy", ["data.txt"]), ("etc/legacy", ["data.txt"])])
"""

EXTENSION = """
#include <Python.h>
static struct PyModuleDef m = {PyModuleDef_HEAD_INIT, "_fast", 0, -1, 0};
PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&m); }
"""


def test_added_wheel_lands_whole(quick: Bench, links: Path) -> None:
    """E1: modules, scripts of all sorts, and data files."""
    data = {
        "scripts/plain": "#!python\nimport tool; print(tool.__version__)\n",
        "scripts/shell": "#!/bin/sh\necho shell\n",
        "data/share/tool/x": "x",
        "data/etc/tool.conf": "y",
        "headers/tool.h": "z",
    }
    dists.wheel(links, "tool", "1.0", scripts={"tool": "tool:main"}, data=data)
    quick.install("--find-links", links, "tool")
    assert [quick.script(name) for name in ("tool", "plain", "shell")] == [
        *("tool 1.0", "1.0", "shell")
    ]
    assert (quick.overlay / "share" / "tool" / "x").read_text() == "x"
    assert (quick.overlay / "etc" / "tool.conf").read_text() == "y"
    assert list(quick.overlay.rglob("tool.h"))


def test_upgrade_of_what_the_host_has_leaves_the_host_alone(quick: Bench) -> None:
    """E2: pip alone tries to remove the host's copy."""
    quick.given("install", "alpha==1.5")
    assert quick.version("alpha") == "1.5"
    own = quick.user.run([quick.host / "bin" / "python", "-m", "alpha", "--version"])
    assert "1.5" not in own.stdout
    assert list(quick.host.rglob("alpha-1.0.dist-info"))


def test_data_files_go_with_their_distribution(quick: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0", data={"data/share/tool/deep/x": "x"})
    dists.wheel(links, "tool", "2.0")
    quick.install("--find-links", links, "tool==1.0")
    quick.install("--find-links", links, "tool==2.0")
    assert not (quick.overlay / "share").exists()


def test_backport_does_not_hide_the_standard_library(quick: Bench, links: Path) -> None:
    """E9: and can be replaced like anything else."""
    for version in ("1.0", "1.1"):
        dists.wheel(links, "pathlib", version, top_level="", files={"pathlib.py": "1 / 0\n"})
    for version in ("1.0", "1.1"):
        quick.install("--find-links", links, f"pathlib=={version}")
        assert quick.distributions() == [f"pathlib-{version}"]
        done = quick.python("-c", "import pathlib; print(pathlib.__file__)")
        assert str(quick.site) not in done.stdout


@first(1)
@pytest.mark.parametrize("style", ["native", "pkgutil"])
def test_namespace_is_shared_with_the_host(
    quick: Bench, links: Path, scratch: Path, style: str
) -> None:
    init = {
        "native": {},
        "pkgutil": {
            "ns/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
        },
    }[style]
    for name in ("one", "two", "three"):
        files = {**init, f"ns/{name}.py": f"name = {name!r}\n"}
        dists.wheel(links, f"ns.{name}", "1.0", top_level="", files=files)
    host = environment.clone(quick.host, scratch / "copy")
    wheel = links / "ns_one-1.0-py3-none-any.whl"
    done = quick.user.run(["unzip", "-q", wheel, "-d", quick.user.home / "x"])
    assert done.returncode == 0
    [site] = (host / "lib").glob("python3.*/site-packages")
    shutil.copytree(quick.user.home / "x", site, dirs_exist_ok=True)
    bench = replace(quick, name=str(host))
    bench.install("--find-links", links, "ns.two", "ns.three")
    done = bench.python("-c", "import ns.one, ns.two, ns.three; print(ns.one.name, ns.two.name)")
    assert done.stdout == "one two\n", done.stderr


def test_sdist_with_a_backend_of_its_own(quick: Bench, links: Path) -> None:
    dists.sdist(links, "built", "1.0", requires=["alpha>=1.5"])
    quick.install("--find-links", links, "built")
    assert quick.distributions() == ["alpha-1.5", "built-1.0"]


@LONG
@pytest.mark.network
@pytest.mark.parametrize("pyproject", [None, '[build-system]\nrequires = ["setuptools"]\n'])
def test_sdist_of_setuptools_with_an_extension(
    online: Bench, links: Path, pyproject: str | None
) -> None:
    """Isolated even without pyproject.toml: a setuptools of the overlay does not matter."""
    dists.wheel(links, "setuptools", "58.0", top_level="", files={"setuptools.py": "1 / 0\n"})
    extension = "Extension('legacy._fast', ['fast.c'])" if shutil.which("gcc") else ""
    files = {
        "legacy/__init__.py": "__version__ = '1.0'\ndef main():\n    print('legacy 1.0')\n",
        "fast.c": EXTENSION,
        "data.txt": "data",
    }
    setup = SETUP.format(extension=extension)
    sdist = dists.sdist(links, "legacy", "1.0", setup_py=setup, pyproject=pyproject, files=files)
    online.install(links / "setuptools-58.0-py3-none-any.whl")
    online.install(sdist)
    assert online.version("legacy") == "1.0"
    assert online.script("legacy") == "legacy 1.0"
    assert (online.overlay / "share" / "legacy" / "data.txt").read_text() == "data"
    assert (online.overlay / "etc" / "legacy" / "data.txt").read_text() == "data"
    if extension:
        assert online.python("-c", "import legacy._fast").returncode == 0


EDITABLES = [
    *(("setuptools", layout, mode) for layout in ("src", "flat") for mode in ("", "compat")),
    ("setuptools", "src", "strict"),
    ("hatchling", "src", ""),
    ("flit_core", "src", ""),
    ("pdm.backend", "src", ""),
]


@pytest.mark.network
@pytest.mark.parametrize("kind", few(EDITABLES, ("setuptools", "src", "strict")), ids="-".join)
def test_editable_runs_what_is_in_the_source(online: Bench, kind: tuple[str, str, str]) -> None:
    """E6, and E7: also of a distribution that the host has, and from within the source."""
    backend, layout, mode = kind
    for name in ("dev-tool", "alpha"):
        source = dists.project(online.user.home / name, name, "1.9", backend, layout)
        own(source, online)
    settings = ["-C", f"editable_mode={mode}"] if mode else []
    online.install("-e", "../alpha", *settings, "-e", ".", cwd=online.user.home / "dev-tool")
    assert online.see("dev-tool", "alpha") == {"dev-tool": "1.9", "alpha": "1.9"}
    changes = {change["name"]: change for change in online.record()["plan"]["changes"]}
    assert changes["alpha"]["editable"] == str(online.user.home / "alpha")
    for module in online.user.home.glob("*/**/__init__.py"):
        if "build" not in module.parts:
            module.write_text(module.read_text().replace("1.9", "edited"))
    done = online.python("-c", "import dev_tool, alpha; dev_tool.main(); alpha.main()")
    assert done.stdout == "dev-tool edited\nalpha edited\n", done.stderr
    assert online.script("dev-tool") == "dev-tool edited"


def own(tree: Path, bench: Bench) -> None:
    """Make what the test has written the user's."""
    for path in [tree, *tree.rglob("*")]:
        os.lchown(path, bench.user.uid, bench.user.gid)


@LONG
@pytest.mark.network
def test_editable_gives_way_to_a_release(online: Bench, wheels: Path) -> None:
    source = dists.project(online.user.home / "alpha", "alpha", "1.2")
    own(source, online)
    online.install("-e", source)
    online.install("--no-index", "--find-links", wheels, "alpha==1.5")
    assert online.version("alpha") == "1.5"
    assert online.distributions() == ["alpha-1.5"]
    assert not [path for path in online.site.iterdir() if "editable" in path.name]


@LONG
@pytest.mark.network
def test_editable_from_version_control_keeps_its_checkout(online: Bench, wheels: Path) -> None:
    source = dists.project(online.user.home / "repo", "dev-tool", "1.9", "hatchling", "src")
    own(source, online)
    identity = ["-c", "user.name=x", "-c", "user.email=x@y"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "x"]):
        done = online.user.run(["git", *words], cwd=source)
        assert done.returncode == 0, done.stderr
    online.install("-e", f"git+{source.as_uri()}#egg=dev-tool")
    online.install("--no-index", "--find-links", wheels, "new")
    assert online.version("dev-tool") == "1.9"
    assert online.script("dev-tool") == "dev-tool 1.9"

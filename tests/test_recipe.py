"""The recipe makes a conda package that a real conda installs and an unprivileged user runs."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bed import base, conda, cpython, environment, place, plugin, pypi
from tests.bed import channel as channels
from tests.bed.command import checked
from tests.bed.users import User
from tests.long import LONG

pytestmark = LONG


FILL = place.CHECKOUT / "recipe" / "fill.py"
PYPI = "https://pypi.org/packages/source/c/conda-overlay/"
RATTLER = "py-rattler-build>=0.60"
CONDAS = ["floor", *filter(None, os.environ.get("CONDA_OVERLAY_TEST_CONDAS", "").split(os.pathsep))]

BUILD = """
import sys
from rattler_build import Stage0Recipe, VariantConfig
recipe, python, output, channel = sys.argv[1:]
[built] = Stage0Recipe.from_file(recipe).run_build(
    VariantConfig({"python_min": [python]}), output_dir=output, channels=[channel]
)
print(*built.packages)
"""
TEST = """
import sys
from rattler_build import Package
package, channel = sys.argv[1:]
results = Package.from_file(package).run_tests(channel=[channel])
print(*(line for result in results for line in result.output), sep="\\n")
sys.exit(not results or not all(result.success for result in results))
"""


@dataclass(frozen=True)
class Built:
    """What rattler-build made of the recipe, and of what."""

    sdist: Path
    """What ``python -m build`` made of the checkout."""
    wheel: Path
    """What it made of the sdist."""
    recipe: str
    """The recipe of the sdist, as conda-forge wants it."""
    package: Path
    """The noarch package, in a channel of its own."""
    own: str
    """The URL of that channel."""
    dependencies: str
    """The URL of the channel with all that the recipe names."""
    cache: Path
    """A directory for rattler-build."""


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    with place.scratch() as scratch:
        output, dependencies = scratch / "output", f"file://{dependencies_channel()}"
        python = cpython.prefix() / "bin" / "python"
        argv: list[str | Path]
        argv = [python, "-m", "build", "--no-isolation", "--outdir", scratch, place.CHECKOUT]
        checked(argv, env={"PYTHONPATH": str(plugin.backend())})
        [sdist], [wheel] = scratch.glob("*.tar.gz"), scratch.glob("*.whl")
        argv = [python, FILL, sdist, "--repository", "https://example.org/conda-overlay"]
        recipe = checked([*argv, "--maintainer", "alice", "--maintainer", "bob"])
        assert PYPI in recipe
        local = scratch / "recipe.yaml"  # what PyPI will have is still here
        local.write_text(recipe.replace(PYPI, f"file://{scratch}/"))
        printed = rattler(BUILD, scratch, local, cpython.default().xy, output, dependencies)
        package = Path(printed.strip())
        yield Built(sdist, wheel, recipe, package, f"file://{output}", dependencies, scratch)


@pytest.fixture(scope="module", params=CONDAS, ids=os.path.basename)
def prefix(request: pytest.FixtureRequest, built: Built, science: Path) -> Iterator[Path]:
    """A base into which its own conda has installed the package, with the host ``science``."""
    floor = request.param == "floor"
    source = base.floor_base() if floor else Path(request.param)
    with place.scratch() as scratch:
        prefix = base.clone(source, scratch / "base")
        argv: list[str | Path] = [prefix / "bin" / "conda", "install", "--yes", "--offline"]
        if floor:
            argv += ["--override-channels", "-c", built.own, "-c", built.dependencies]
            argv += ["conda-overlay"]
        else:  # which may be made by other means than conda, so its solver would find no Python
            record_python(prefix)
            argv += [built.package]
        checked(argv, env={"HOME": str(scratch)})
        environment.clone(science, prefix / "envs" / "science")
        environment.protect(prefix)
        yield prefix


@pytest.mark.network
def test_recipe_says_what_the_project_says(built: Built) -> None:
    recipe, metadata = loaded(built), project(built.wheel).metadata
    assert recipe["package"]["name"] == metadata["Name"]
    assert recipe["context"]["version"] == metadata["Version"]
    assert recipe["source"]["sha256"] == hashlib.sha256(built.sdist.read_bytes()).hexdigest()
    assert recipe["about"]["license"] == metadata["License-Expression"] == "BSD-3-Clause"
    assert [recipe["about"]["license_file"]] == metadata.get_all("License-File") == ["LICENSE"]
    assert {*recipe["requirements"]["run"]} == {
        "__linux",
        "python >=${{ python_min }}",
        f"conda >={'.'.join(conda.VERSION.split('.')[:2])}",
        *(unconditional(text, " ") for text in project(built.wheel).requires),
    }
    pyproject = (place.CHECKOUT / "pyproject.toml").read_text()
    for text in recipe["requirements"]["host"][2:]:
        assert f'"{text.replace(" ", "")}"' in pyproject


@pytest.mark.network
def test_recipe_is_as_the_linter_of_conda_forge_wants_it(built: Built) -> None:
    """conda-smithy, which has the linter, is not on PyPI; these are its rules that apply."""
    recipe = loaded(built)
    assert [*recipe] == [
        *("schema_version", "context", "package", "source", "build", "requirements", "tests"),
        *("about", "extra"),
    ]
    assert recipe["build"] | {"script": None} == {"number": 0, "noarch": "python", "script": None}
    assert recipe["about"].keys() >= {"homepage", "license", "license_file", "summary"}
    assert recipe["extra"] == {"recipe-maintainers": ["alice", "bob"]}
    needs = recipe["requirements"]
    assert [*needs] == ["host", "run"]
    assert needs["host"][:2] == ["python ${{ python_min }}.*", "pip"]
    assert all(need.count(" ") < 2 for need in needs["run"] + needs["host"][1:] if "{" not in need)
    assert recipe["tests"][0]["python"]["python_version"] == ["${{ python_min }}.*", "*"]
    assert "python_min" not in recipe["context"]  # that is conda-forge's own
    assert built.recipe.endswith("\n") and not built.recipe.endswith("\n\n")
    assert built.recipe.count(recipe["context"]["version"]) == 1
    assert "@" not in built.recipe


@pytest.mark.network
def test_package_passes_the_tests_of_its_recipe(built: Built) -> None:
    printed = rattler(TEST, built.cache, built.package, built.dependencies)
    assert "No broken requirements found." in printed
    assert f"conda-overlay {version(built)}\n" in printed
    assert "usage: conda overlay " in printed


@pytest.mark.network
def test_conda_lists_the_package(built: Built, prefix: Path, alice: User) -> None:
    [found] = json.loads(ran(alice, prefix, "list", "--json", "conda-overlay"))
    assert (found["name"], found["version"]) == ("conda-overlay", version(built))
    assert found["channel"] != "pypi"


@pytest.mark.network
def test_user_runs_the_command_of_the_package(built: Built, prefix: Path, alice: User) -> None:
    assert ran(alice, prefix, "overlay", "--version") == f"conda-overlay {version(built)}\n"
    assert ran(alice, prefix, "overlay", "--help").startswith("usage: conda overlay ")
    status = ran(alice, prefix, "overlay", "status", "-n", "science")
    assert "conda overlay install -n science NAME" in status
    assert "Start one with: conda overlay install" in status


@pytest.mark.network
def test_activation_wires_an_overlay_that_the_package_made(
    prefix: Path, alice: User, hermetic: dict[str, str]
) -> None:
    ran(alice, prefix, "overlay", "install", "-n", "science", "--yes", "new", env=hermetic)
    script = f"""
        eval "$({prefix}/bin/conda shell.bash hook)"
        conda activate science
        new
        conda deactivate
        type -P new || echo gone
    """
    done = alice.run(["bash", "--norc", "-eu", "-o", "pipefail", "-c", script])
    assert (done.stdout, done.stderr) == ("new 1.0\ngone\n", "")


@pytest.mark.network
def test_start_up_hook_is_in_site_packages_and_pip_finds_nothing_broken(prefix: Path) -> None:
    assert [*prefix.glob("lib/python*/site-packages/__conda_overlay.pth")]
    python = prefix / "bin" / "python"
    assert "No broken requirements" in checked([*pypi.pip(prefix), "--python", python, "check"])


def loaded(built: Built) -> Any:
    return importlib.import_module("ruamel.yaml").YAML(typ="safe").load(built.recipe)


def version(built: Built) -> str:
    return str(project(built.wheel).version)


def project(wheel: Path) -> Any:
    """Return what a wheel of the project says of it."""
    info = "-".join(wheel.name.split("-")[:2]) + ".dist-info/"
    return importlib.metadata.PathDistribution(zipfile.Path(wheel, info))


def unconditional(text: str, space: str = "") -> str:
    """Return a requirement without its marker, since a noarch package serves every Python."""
    requirement = Requirement(text)
    return f"{requirement.name}{space}{requirement.specifier}"


def rattler(script: str, cache: Path, *arguments: str | Path) -> str:
    """Run a script that imports ``rattler_build``, and return what it printed."""
    python = cpython.default()

    def unpack(target: Path) -> None:
        pypi.unpack(pypi.wheels([RATTLER], python.xy), target)

    environ = {
        "PYTHONPATH": str(place.built("rattler", (RATTLER, python.xy), unpack)),
        "RATTLER_CACHE_DIR": str(cache / "cache"),
        "HOME": str(cache),
    }
    return checked([cpython.prefix() / "bin" / "python", "-c", script, *arguments], env=environ)


def dependencies_channel() -> Path:
    """Return a channel with Python, conda, pip, the build backend, and what all of them need."""
    python = cpython.default()
    own = list(map(unconditional, project(plugin.wheel()).requires))
    wheels = {
        wheel.name: wheel
        for requirements in (own, plugin.BACKEND, [*conda.DEPENDENCIES, "pip"])
        for wheel in pypi.wheels(requirements, python.xy)
    }

    def build(target: Path) -> None:
        shutil.copytree(conda.channel(python), target)
        for wheel in wheels.values():
            with tempfile.TemporaryDirectory(dir=target.parent) as tree:
                pack(wheel, Path(tree), target)
        channels.index(target)
        # In the bed pip brings what conda needs, so its package names Python alone.
        repodata = target / channels.subdir() / "repodata.json"
        index = json.loads(repodata.read_text())
        for record in index["packages"].values():
            if record["name"] == "conda":
                record["depends"] += map(conda_name, map(Requirement, conda.DEPENDENCIES))
        repodata.write_text(json.dumps(index))

    sources = place.sources(*conda.SOURCES, f"../{Path(__file__).name}")
    return place.built("recipe", (sources, python, *wheels), build)


def pack(wheel: Path, tree: Path, channel: Path) -> None:
    """Make a conda package of a wheel."""
    xy = cpython.default().xy
    site = tree / "lib" / f"python{xy}" / "site-packages"
    pypi.unpack([wheel], site)
    [info] = site.glob("*.dist-info")
    distribution: Any = importlib.metadata.Distribution.at(info)
    for entry in distribution.entry_points:
        if entry.group == "console_scripts":
            (tree / "bin").mkdir(exist_ok=True)
            script = tree / "bin" / entry.name
            script.write_text(
                f"#!{channels.PLACEHOLDER}/bin/python\n"
                f"from {entry.module} import {entry.attr}\n\nraise SystemExit({entry.attr}())\n"
            )
            script.chmod(0o755)
    needs = [
        conda_name(requirement)
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    channels.pack(
        tree,
        channel,
        name=canonicalize_name(distribution.metadata["Name"]),
        version=distribution.version,
        depends=[f"python {xy}.*", *needs],
    )


def conda_name(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)


def record_python(prefix: Path) -> None:
    """Let conda know which Python a base has, in case that its Python is from no package."""
    found = cpython.inspect(prefix / "bin" / "python")
    assert found is not None
    if not any((prefix / "conda-meta").glob("python-3*.json")):
        name = f"python-{found.version}-0"
        record = {
            "name": "python",
            "version": found.version,
            "build": "0",
            "build_number": 0,
            "channel": "",
            "subdir": channels.subdir(),
            "fn": f"{name}.tar.bz2",
            "files": [],
            "depends": [],
        }
        (prefix / "conda-meta" / f"{name}.json").write_text(json.dumps(record))


def ran(user: User, prefix: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run the conda of a base as a user, which must go well, and return what it printed."""
    done = user.run([prefix / "bin" / "conda", *arguments], env=env)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout

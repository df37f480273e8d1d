"""uv installs where pip would install the same; what is not certain is left to pip."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from conda_overlay.core.errors import OverlayError
from conda_overlay.host.host import Host
from conda_overlay.resolve.pip import Pip
from conda_overlay.resolve.uv import Uv
from tests.bed import cpython, dists, pypi
from tests.long import LONG
from tests.resolve.worlds import Installed, World


@pytest.fixture(scope="session")
def program() -> Path:
    return pypi.uv()


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is configured, whatever is on this machine."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@dataclass
class Rivals:
    """The two installers over one world."""

    world: World
    program: Path
    capfd: pytest.CaptureFixture[str]
    printed: str = ""

    def pip(self) -> Installed | str:
        return self._tried(Pip(self._host()))

    def uv(self) -> tuple[Installed | str, str]:
        """The answer, and why pip has given it; empty if uv has."""
        self.capfd.readouterr()
        answer = self._tried(Uv(self._host(), 1, to_stderr=True, program=self.program))
        self.printed = self.capfd.readouterr().err
        said = re.findall(r"^pip installs: (.*)", self.printed, re.M)
        return answer, " ".join(said)

    def _host(self) -> Host:
        return Host(self.world.host_prefix, "science")

    def _tried(self, pip: Pip) -> Installed | str:
        try:
            return self.world.resolve(pip)
        except OverlayError as error:
            return type(error).__name__


@pytest.fixture
def rivals(tmp_path: Path, program: Path, capfd: pytest.CaptureFixture[str]) -> Rivals:
    """An index with the tool 1.0, 2.0 and 3.0, which requires some lib, of which there is 1 and 2.

    The host has lib 1.
    """
    world = World(tmp_path)
    world.index = {("tool", f"{number}.0"): ["lib>=1"] for number in (1, 2, 3)}
    world.index |= {("lib", "1.0"): [], ("lib", "2.0"): []}
    world.extras["lib", "1.0"] = ["tool"]
    world.host = {"lib": "1.0"}
    world.request = ["tool"]
    world.make()
    os.environ["PIP_INDEX_URL"] = world.simple.as_uri()  # `clean` takes it away
    return Rivals(world, program, capfd)


def versions(installed: Installed | str) -> Mapping[str, str]:
    assert isinstance(installed, dict)
    return {name: version for name, (version, *_) in installed.items()}


@pytest.mark.parametrize(
    "seeds",
    [
        *(range(10), (1161, 2099)),  # the last two were different once
        *(pytest.param(range(seed, seed + 10), marks=LONG) for seed in range(10, 30, 10)),
    ],
)
def test_answer_is_that_of_pip_in_random_worlds(
    tmp_path: Path,
    program: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    seeds: Sequence[int],
) -> None:
    alone = 0
    for seed in seeds:
        world = World.of(seed, tmp_path / str(seed))
        world.make()
        monkeypatch.setenv("PIP_INDEX_URL", world.simple.as_uri())
        rivals = Rivals(world, program, capfd)
        answer, reason = rivals.uv()
        assert answer == rivals.pip(), (seed, world.request)
        alone += not reason
        shutil.rmtree(world.place)
    assert alone >= len(seeds) // 4


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("tool", {"tool": "3.0"}),
        ("tool<3", {"tool": "2.0"}),
        ("tool==1.0 lib", {"tool": "1.0"}),
        ("--upgrade tool lib", {"tool": "3.0", "lib": "2.0"}),
        ("lib", {}),
        ("lib[more]", {"tool": "3.0"}),
        ("lib>1", {"lib": "2.0"}),
    ],
)
def test_request_for_names_is_answered_by_uv(
    rivals: Rivals, request_: str, expected: dict[str, str]
) -> None:
    rivals.world.request = request_.split()
    answer, reason = rivals.uv()
    assert "warning" not in rivals.printed
    assert (versions(answer), reason) == (expected, "")
    assert answer == rivals.pip()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--pre", "tool"], "uv has no equivalent of --pre"),
        (["--force-reinstall", "tool"], "uv has no equivalent of --force-reinstall"),
        (["--no-deps", "tool"], "uv has no equivalent of --no-deps"),
        (["--editable={files}"], "uv has no equivalent of --editable"),
        (["--require-hashes", "tool"], "uv has no equivalent of --require-hashes"),
        (["git+file:///nowhere"], "not only names"),
        (['tool; python_version > "3"'], "not only names"),
        (["tool @ {files}/tool-2.0-py3-none-any.whl"], "not only names"),
        (["{files}/tool-2.0-py3-none-any.whl"], "not only names"),
        (["tool>4"], "uv failed: No solution found"),
    ],
)
def test_request_that_cannot_be_translated_or_met_is_left_to_pip(
    rivals: Rivals, words: list[str], reason: str
) -> None:
    files = rivals.world.simple.parent.as_uri()
    rivals.world.request = [word.format(files=files) for word in words]
    answer, said = rivals.uv()
    assert reason in said
    assert answer == rivals.pip()


@pytest.mark.parametrize(
    ("index", "host", "request_", "reason"),
    [
        # pip takes the newest beta first, and so perhaps an older alpha.
        ({"alpha 1": ["beta<2"], "beta 1": [], "beta 2": []}, {}, "alpha beta", "newer versions"),
        # The same, where beta is first met through gamma.
        (
            {"alpha 1": ["beta<2", "gamma"], "gamma 1": ["beta"], "beta 1": [], "beta 2": []},
            *({}, "alpha", "pip may try beta 2"),
        ),
        # The installed beta, which gamma accepts, requires a delta that alpha excludes.
        (
            {"alpha 1": ["gamma", "beta>1", "delta>1"], "gamma 1": ["beta"], "beta 2": []}
            | {"beta 1": ["delta<2"], "delta 1": [], "delta 2": []},
            *({"beta": "1", "delta": "1"}, "alpha", "pip may try what does not go with delta 2"),
        ),
        # Nobody but another one that may stay excludes the installed version.
        (
            {"alpha 1": ["beta", "gamma"], "beta 1": ["gamma>1"], "gamma 1": [], "gamma 2": []}
            | {"gamma 3": ["beta"]},
            *({"beta": "1", "gamma": "1"}, "--upgrade alpha beta", ""),
        ),
        ({"alpha 1": ["beta>=2rc1"], "beta 1": [], "beta 2rc1": [], "beta 2": []}, {}, "alpha", ""),
        (
            {"alpha 1": ["beta>=2a1"], "beta 2": [], "beta 3rc1": []},
            {},
            "alpha",
            "pip may try beta",
        ),
        # pip takes beta 1 first, if it does not meet gamma before.
        (
            {"alpha 1": ["beta>=1", "gamma"], "gamma 1": ["beta>=2rc1"], "beta 1": []}
            | {"beta 2rc1": []},
            *({}, "alpha", "a prerelease is not requested"),
        ),
        ({"alpha 1rc1": []}, {}, "alpha>=1a0", ""),
        ({"alpha 1rc1": []}, {}, "alpha", "a prerelease is not requested"),
        ({"alpha 1": ["beta @ {beta}"], "beta 1": []}, {}, "alpha", "uv failed: Failed to resolve"),
        (
            {"alpha 1": [], "alpha 2": ["beta>=1.*"], "beta 1": []},
            {},
            "alpha",
            "a requirement is not valid",
        ),
    ],
)
def test_answer_that_is_not_certain_is_left_to_pip(
    tmp_path: Path,
    program: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    index: dict[str, list[str]],
    host: dict[str, str],
    request_: str,
    reason: str,
) -> None:
    world = World(tmp_path)
    beta = (world.simple.parent / "beta-1-py3-none-any.whl").as_uri()
    for label, requires in index.items():
        name, version = label.split()
        world.index[name, version] = [text.format(beta=beta) for text in requires]
    world.host, world.request = host, request_.split()
    world.make()
    monkeypatch.setenv("PIP_INDEX_URL", world.simple.as_uri())
    rivals = Rivals(world, program, capfd)
    answer, said = rivals.uv()
    assert reason in said
    assert bool(reason) == bool(said)
    assert answer == rivals.pip()


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (("py3-none-any", "py2.py3-none-any"), "pip may take another wheel of tool"),
        (("py3-none-any", "{cp}-none-any"), ""),
        (("{cp}-abi3-{linux}", "{cp}-{cp}-{linux}", "py3-none-{linux}"), ""),
        (("{cp}-{cp}-{linux}", "{cp}-{cp}-{many}"), "pip may take another wheel of tool"),
    ],
)
def test_wheel_of_a_version_is_the_one_that_pip_takes(
    rivals: Rivals, tags: Sequence[str], reason: str
) -> None:
    python, machine = cpython.default().xy.replace(".", ""), os.uname().machine
    names = {"cp": f"cp{python}", "linux": f"linux_{machine}", "many": f"manylinux2014_{machine}"}
    files = rivals.world.simple.parent
    for tag in tags:
        dists.wheel(files, "tool", "4.0", tag=tag.format(**names))
    dists.index(files)
    answer, said = rivals.uv()
    assert said == reason
    assert versions(answer) == {"tool": "4.0"}
    assert answer == rivals.pip()


def test_distributions_with_the_same_file_are_installed_by_pip(rivals: Rivals) -> None:
    files = rivals.world.simple.parent
    dists.wheel(files, "tool", "4.0", files={"shared.py": "tool"}, requires=["other"])
    dists.wheel(files, "other", "1.0", files={"shared.py": "other"})
    dists.index(files)
    answer, reason = rivals.uv()
    assert "the same file" in reason
    assert answer == rivals.pip()


def test_modes_are_those_of_the_umask_whoever_has_filled_the_cache(
    rivals: Rivals, tmp_path: Path
) -> None:
    modes = []
    for mask in (0o077, 0o022):
        before = os.umask(mask)
        try:
            assert rivals.uv()[1] == ""
        finally:
            os.umask(before)
        [module] = tmp_path.glob("tmp*/stage0/lib/python*/site-packages/tool/__init__.py")
        modes.append(oct(module.stat().st_mode))
        module.unlink()
    assert modes == ["0o100600", "0o100644"]


def test_newer_archive_of_source_is_built_by_pip(rivals: Rivals) -> None:
    world = rivals.world
    dists.sdist(world.simple.parent, "tool", "4.0", requires=["lib"])
    dists.index(world.simple.parent)
    answer, reason = rivals.uv()
    assert "newer versions of tool" in reason
    assert versions(answer) == {"tool": "4.0"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"TIMEOUT": "7", "NO_INPUT": "1", "NO_CACHE_DIR": "1", "TARGET": "/nowhere"}, ""),
        ({"CONSTRAINT": "{place}/constraints.txt"}, "uv has no equivalent of constraint"),
        ({"EXTRA_INDEX_URL": "{files}/simple"}, "uv has no equivalent of extra-index-url"),
        ({"INDEX_URL": "http://127.0.0.1:9/", "RETRIES": "0"}, "the index is not secure"),
        ({"NO_BINARY": "tool"}, "uv has no equivalent of no-binary"),
        ({"OPTION_OF_A_LATER_PIP": "1"}, "uv has no equivalent of option-of-a-later-pip"),
    ],
)
def test_configuration_is_translated_or_left_to_pip(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], reason: str
) -> None:
    where = rivals.world.place
    (where / "constraints.txt").write_text("# ours\ntool<3  # 3 is broken\n")
    for name, value in options.items():
        files = where / "files"
        monkeypatch.setenv(f"PIP_{name}", value.format(files=files, place=where))
    answer, said = rivals.uv()
    assert reason in said
    assert bool(reason) == bool(said)
    assert answer == rivals.pip()
    if not reason:
        assert versions(answer) == {"tool": "3.0"}


def test_configuration_of_uv_does_not_count(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (
        *(("INDEX_URL", "file:///nowhere"), ("EXCLUDE_NEWER", "2001-01-01"), ("OFFLINE", "1")),
        *(("RESOLUTION", "lowest"), ("LINK_MODE", "hardlink"), ("TARGET", "elsewhere")),
    ):
        monkeypatch.setenv(f"UV_{name}", value)
    text = 'resolution = "lowest"\n'
    (tmp_path / "home" / ".config" / "uv").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "uv" / "uv.toml").write_text(text)
    (tmp_path / "uv.toml").write_text(text)
    (tmp_path / "pyproject.toml").write_text(f"[tool.uv]\n{text}")
    monkeypatch.chdir(tmp_path)
    answer, reason = rivals.uv()
    assert (versions(answer), reason) == ({"tool": "3.0"}, "")


def test_file_that_differs_from_its_hash_is_refused_by_pip(rivals: Rivals) -> None:
    dists.wheel(rivals.world.simple.parent, "tool", "3.0", files={"other.py": ""})
    answer, reason = rivals.uv()
    assert "Hash mismatch" in reason
    assert answer == "PipError"


def test_files_are_copies_of_those_in_the_cache_of_uv(rivals: Rivals, tmp_path: Path) -> None:
    rivals.uv()
    rivals.uv()  # from the cache
    modules = [*tmp_path.glob("tmp*/stage0/lib/python*/site-packages/tool/__init__.py")]
    cached = [*tmp_path.glob("home/.cache/conda-overlay/uv-*/**/tool/__init__.py")]
    assert (len(modules), len(cached)) == (2, 1)
    assert [file.stat().st_nlink for file in (*modules, *cached)] == [1, 1, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory to another user")
def test_cache_that_another_user_can_write_is_not_used(rivals: Rivals, tmp_path: Path) -> None:
    os.chown(tmp_path / "home", 65534, 65534)
    answer, reason = rivals.uv()
    assert (versions(answer), reason) == ({"tool": "3.0"}, "")
    assert not [*(tmp_path / "home").iterdir()]


def test_password_of_the_index_is_for_the_user_alone(rivals: Rivals, tmp_path: Path) -> None:
    assert rivals.uv()[1] == ""
    [file] = tmp_path.glob("tmp*/stage0.work/uv.toml")
    assert rivals.world.simple.as_uri() in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

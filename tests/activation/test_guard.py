"""The guard: an overlay acts in its host's interpreter alone, there as a site directory does."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conda_overlay.activation import wiring
from conda_overlay.layer import scaffolding
from tests.bed import cpython, dists, place, pypi, relocate
from tests.bed.condas import Conda
from tests.bed.cpython import Interpreter
from tests.bed.users import User
from tests.long import LONG, few, first

DEFAULT = cpython.default()
SYSTEM = Path("/usr/bin/python3")  # Debian's has a sitecustomize of its own
INTERPRETERS = [interpreter.executable for interpreter in cpython.interpreters()]
if SYSTEM.exists() and SYSTEM.resolve() not in INTERPRETERS:
    INTERPRETERS.append(SYSTEM)

BACKPORTS = ("typing", "enum", "dataclasses", "pathlib", "argparse", "asyncio")
BROKEN = (
    *("pluggy", "requests", "urllib3", "frozendict", "boltons", "typing", "enum", "dataclasses"),
    *("packaging", "ruamel", "conda"),
)
RAISES = "raise RuntimeError('broken ' + __name__)\n"

OBSERVE = """
import sys
modules = sorted(sys.modules)
import json
files = sorted(str(getattr(m, "__file__", "")) for m in list(sys.modules.values()))
finders = [getattr(f, "__name__", type(f).__name__) for f in sys.meta_path]
print(json.dumps({"path": sys.path, "modules": modules, "files": files, "finders": finders}))
"""
ALPHA = "import alpha; print(alpha.__version__)"


class Host(NamedTuple):
    """An environment's interpreter, and its own site-packages."""

    python: Path
    site: Path

    @classmethod
    def at(cls, prefix: Path, xy: str = DEFAULT.xy) -> Host:
        return cls(prefix / "bin" / "python", prefix / "lib" / f"python{xy}" / "site-packages")


def run(
    python: Path,
    *argv: str | Path,
    overlays: Sequence[Path | str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | str = "/",
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter with overlays on PYTHONPATH in an environ that is otherwise clean."""
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(env or {}),
    }
    if overlays:
        environ["PYTHONPATH"] = ":".join(map(str, overlays))
    return subprocess.run(
        [python, *argv],
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


def output(python: Path, *argv: str | Path, **options: Any) -> str:
    """What a command prints, which succeeds and has nothing to complain about."""
    done = run(python, *argv, **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.rstrip("\n")


def observe(python: Path, *argv: str, **options: Any) -> dict[str, Any]:
    """The state that an interpreter has started with."""
    observed: dict[str, Any] = json.loads(output(python, *argv, "-c", OBSERVE, **options))
    return observed


def fill(site: Path, files: Mapping[str, str]) -> Path:
    """Write files into a site-packages directory."""
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(content)
    return site


def overlay(site: Path, host: Host, files: Mapping[str, str] | None = None) -> Path:
    """Make an overlay's site-packages: files, and the guard for a host."""
    scaffolding.write_guard(site, host.site)
    return fill(site, files or {})


def broken(names: Sequence[str]) -> dict[str, str]:
    """Packages that raise when they are imported."""
    return {f"{name}/__init__.py": RAISES for name in names}


def finder(name: str, source: Path) -> dict[str, str]:
    """What a setuptools editable of flat layout consists of: a ``.pth`` file and a finder."""
    module = f"""
import os, sys
from importlib.util import spec_from_file_location

class Finder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        top, *rest = fullname.split(".")
        if top == {name!r}:
            base = os.path.join({str(source / name)!r}, *rest)
            for file in (base + "/__init__.py", base + ".py"):
                if os.path.exists(file):
                    return spec_from_file_location(fullname, file)

def install():
    sys.meta_path.append(Finder)
"""
    pth = f"import __editable___{name}; __editable___{name}.install()\n"
    return {f"__editable__.{name}.pth": pth, f"__editable___{name}.py": module}


@pytest.fixture(scope="session")
def hosts() -> Iterator[Callable[[Interpreter], Host]]:
    """Copies of interpreters, of each one, with empty site-packages."""
    with place.scratch() as directory:

        def get(python: Interpreter) -> Host:
            prefix = directory / python.xy
            if not prefix.exists():
                relocate.copy(cpython.prefix(python), prefix)
            host = Host.at(prefix, python.xy)
            place.remove(host.site)
            host.site.mkdir()
            return host

        yield get


@pytest.fixture(params=[DEFAULT, *cpython.available()], ids=lambda python: str(python.xy))
def host(request: pytest.FixtureRequest, hosts: Callable[[Interpreter], Host]) -> Host:
    """A host of every X.Y that the machine has, which a test may change."""
    return hosts(request.param)


@pytest.fixture
def other(scratch: Path) -> Host:
    """Another host of the default X.Y."""
    relocate.copy(cpython.prefix(), scratch / "other")
    return Host.at(scratch / "other")


@pytest.fixture
def elsewhere() -> Host:
    """A host that is not on this machine."""
    return Host.at(Path("/nowhere/envs/elsewhere"))


@pytest.fixture
def protected(science: Path) -> Host:
    """A protected conda environment, in which alpha is 1.0."""
    return Host.at(science)


@pytest.fixture
def upgraded(scratch: Path, protected: Host, wheels: Path) -> Path:
    """An overlay of it, in which alpha is 2.0."""
    site = overlay(scratch / "upgraded", protected)
    pypi.unpack([wheels / "alpha-2.0-py3-none-any.whl"], site)
    return site


# In any other interpreter


@pytest.mark.parametrize("python", INTERPRETERS, ids=str)
def test_any_other_python_starts_as_it_does_without_the_overlay(
    python: Path, elsewhere: Host, scratch: Path
) -> None:
    trap = {"trap.pth": "import sys; sys.stderr.write('a .pth file was read')\n"}
    site = overlay(scratch / "overlay", elsewhere, {"module.py": "", **trap})
    without = observe(python)
    within = observe(python, overlays=[site])
    assert {*within["modules"]} ^ {*without["modules"]} <= {"imp"}  # which Python 2 needs
    assert {*within["files"]} == {*without["files"]}
    assert (within["path"], within["finders"]) == (without["path"], without["finders"])


@first(4)
@pytest.mark.parametrize("python", INTERPRETERS, ids=str)
def test_backports_in_the_overlay_do_not_reach_any_other_python(
    python: Path, elsewhere: Host, scratch: Path
) -> None:
    # A start-up file of its own runs before the guard, so what one imports has to be left out.
    names = [name for name in BACKPORTS if name not in observe(python)["modules"]]
    site = overlay(scratch / "overlay", elsewhere, broken(names))
    code = (
        "import sys\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        print(__import__(name).__file__)\n"
        "    except ImportError:\n        print('none')"
    )
    plain = output(python, "-c", code, *names)
    assert output(python, "-c", code, *names, overlays=[site]) == plain


@pytest.mark.parametrize("python", INTERPRETERS, ids=str)
def test_guard_raises_no_warning_in_any_python(
    python: Path, elsewhere: Host, scratch: Path
) -> None:
    site = overlay(scratch / "overlay", elsewhere)
    assert output(python, "-W", "error", "-c", "print(1)", overlays=[site]) == "1"


@pytest.mark.parametrize("python", INTERPRETERS, ids=str)
def test_any_other_python_still_loads_the_sitecustomize_behind(
    python: Path, elsewhere: Host, scratch: Path
) -> None:
    own = fill(scratch / "own", {"sitecustomize.py": "import sys; sys.stdout.write('loaded ')\n"})
    site = overlay(scratch / "overlay", elsewhere)
    code = "import sitecustomize; print(sitecustomize.__file__)"
    expected = f"loaded {own}/sitecustomize.py"
    assert output(python, "-c", code, overlays=[site, own]).removesuffix("c") == expected


def test_other_python_forgets_what_a_start_up_file_of_its_own_took_from_the_overlay(
    host: Host, elsewhere: Host, scratch: Path
) -> None:
    hook = "import sys\nclass Hook:\n    find_spec = lambda *a: None\nsys.meta_path.append(Hook)\n"
    fill(host.site, {"early.pth": "import hook, package.part\n"})
    without = observe(
        host.python, overlays=[fill(scratch / "x", {"hook.py": "", "package/part.py": ""})]
    )
    files = {"hook.py": hook, "package/__init__.py": "", "package/part.py": ""}
    within = observe(host.python, overlays=[overlay(scratch / "overlay", elsewhere, files)])
    assert {"hook", "package", "package.part"} <= set(without["modules"])
    assert not {"hook", "package", "package.part"} & set(within["modules"])
    assert within["finders"] == without["finders"]


def test_venv_of_the_host_is_another_python(protected: Host, upgraded: Path, scratch: Path) -> None:
    make = ("-m", "venv", "--without-pip")
    output(protected.python, *make, scratch / "venv", overlays=[upgraded])
    done = run(scratch / "venv" / "bin" / "python", "-c", ALPHA, overlays=[upgraded])
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'alpha'\n")


# In the host's own interpreter


def test_overlay_is_between_the_standard_library_and_the_hosts_site_packages(
    host: Host, scratch: Path
) -> None:
    (scratch / "source").mkdir()
    pth = {"project.pth": f"{scratch}/source\n"}
    site = overlay(scratch / "overlay", host, pth)
    mine = fill(scratch / "mine", {"module.py": ""})
    plain = observe(host.python, overlays=[mine])["path"]
    at = plain.index(str(host.site))
    assert at > max(i for i, entry in enumerate(plain) if entry.endswith("lib-dynload"))
    expected = [*plain[:at], str(site), str(scratch / "source"), *plain[at:]]
    assert observe(host.python, overlays=[mine, site])["path"] == expected


def test_directories_behind_the_overlay_on_pythonpath_stay_behind_it(
    host: Host, scratch: Path
) -> None:
    """Those before it stay before it, and so do several overlays among them."""
    one, two = (
        overlay(scratch / name, host, {"tool.py": f"is_in = '{name}'"}) for name in ("one", "two")
    )
    mine, front = (fill(scratch / n, {"tool.py": f"is_in = '{n}'"}) for n in ("mine", "front"))
    fill(mine, {"json.py": "raise SystemExit('not of the standard library')"})
    named = [f"{mine}/", "relative", one]
    say = "import json, tool; print(tool.is_in)"
    for overlays, found in (
        ([one, mine], "one"),
        ([one, "relative", f"{mine}/", two], "one"),
        ([two, *named], "two"),
        ([front, one, mine], "front"),
    ):
        assert output(host.python, "-c", say, overlays=overlays) == found, overlays
    path = observe(host.python, overlays=[front, one, mine, two])["path"]
    behind = [str(directory) for directory in (one, mine, two, host.site)]
    assert path[-4:] == behind and path.index(str(front)) < path.index(str(host.site.parent))


def test_overlay_is_before_the_user_site_and_never_before_the_standard_library(
    host: Host, scratch: Path
) -> None:
    site = overlay(scratch / "overlay", host)
    users = scratch.joinpath("home/.local/lib", host.site.parent.name, "site-packages")
    users.mkdir(parents=True)
    env = {"HOME": str(scratch / "home")}
    path = observe(host.python, overlays=[site], env=env)["path"]
    assert path[-3:] == [str(site), str(users), str(host.site)]
    path = observe(host.python, overlays=[users, site], env=env)["path"]
    assert [path[1], *path[-2:]] == [str(users), str(site), str(host.site)]


@pytest.mark.parametrize("name", BACKPORTS)
def test_backport_in_the_overlay_does_not_hide_the_standard_library(
    name: str, host: Host, scratch: Path
) -> None:
    site = overlay(scratch / "overlay", host, broken([name]))
    code = f"import {name}; print({name}.__file__)"
    assert output(host.python, "-c", code, overlays=[site]) == output(host.python, "-c", code)


def test_backport_that_a_start_up_file_imported_does_not_stay(host: Host, scratch: Path) -> None:
    fill(host.site, {"early.pth": "import statistics, helper\n"})
    files = {"statistics.py": "", "helper.py": ""}
    site = overlay(scratch / "overlay", host, files)
    code = "import statistics, helper; print(statistics.__file__, helper.__file__)"
    expected = f"{host.site.parent}/statistics.py {site}/helper.py"
    assert output(host.python, "-c", code, overlays=[site]) == expected


def test_finder_of_the_overlay_comes_before_the_hosts_copy(host: Host, scratch: Path) -> None:
    fill(host.site, {"project/__init__.py": "", "project/part.py": ""})
    source = fill(scratch / "source", {"project/__init__.py": "", "project/part.py": ""})
    site = overlay(scratch / "overlay", host, finder("project", source))
    code = "import project.part as p; print(p.__file__)"
    assert output(host.python, "-c", code, overlays=[site]) == f"{source}/project/part.py"


@pytest.mark.parametrize("layout", ["src", "flat"])
def test_code_in_the_current_directory_comes_before_an_editable(
    layout: str, host: Host, scratch: Path
) -> None:
    files = {"project/__init__.py": "", "project/part.py": ""}
    source = fill(scratch / "source", files)
    here = fill(scratch / "here", files)
    editable = {
        "src": {"project.pth": f"{source}\n"},
        "flat": finder("project", source),
    }
    site = overlay(scratch / "overlay", host, editable[layout])
    code = "import project.part as p; print(p.__file__)"
    found = output(host.python, "-c", code, overlays=[site], cwd=here)
    assert Path(found).resolve() == here / "project" / "part.py"


def test_editable_part_of_a_namespace_joins_the_hosts(host: Host, scratch: Path) -> None:
    fill(host.site, {"names/one.py": "", "names/both.py": ""})
    source = fill(scratch / "source", {"names/both.py": "", "names/two.py": ""})
    front = fill(scratch / "front", {"names/three.py": ""})
    site = overlay(scratch / "overlay", host, {"names.pth": f"{source}\n"})
    code = "from names import one, two, three, both; print(both.__file__)"
    found = output(host.python, "-c", code, overlays=[site, front])
    assert found == f"{source}/names/both.py"


def test_pth_files_work_as_in_the_hosts_own_site_packages(host: Host, scratch: Path) -> None:
    (scratch / "first").mkdir()
    files = {
        "front.pth": f"import sys; sys.path.insert(0, {str(scratch / 'first')!r})\n",
        "hook.pth": "import hook\n",
        "hook.py": "import sys\nsys.meta_path.insert(0, type('Hook', (), {'find_spec': print}))\n",
        "late.pth": "late\n",
        "late/module.py": "",
    }
    site = overlay(scratch / "overlay", host, {**files, "hook.py": files["hook.py"]})
    (site / "hook.py").write_text(files["hook.py"].replace("print", "lambda *a, **k: None"))
    seen = observe(host.python, overlays=[site])
    assert seen["path"][0:2] == ["", str(scratch / "first")]
    at = seen["path"].index(str(site))
    assert seen["path"][at : at + 3] == [str(site), f"{site}/late", str(host.site)]
    assert seen["finders"][0] == "Hook"


def test_pth_file_that_cannot_be_decoded_is_reported_and_the_rest_works(
    host: Host, scratch: Path
) -> None:
    site = overlay(scratch / "overlay", host, {"module.py": ""})
    (site / "bad.pth").write_bytes(b"\xff\xfe\n")
    done = run(host.python, "-c", "import module; print(module.__file__)", overlays=[site])
    assert (done.returncode, done.stdout) == (0, f"{site}/module.py\n")
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 1


def test_host_is_known_through_a_symlinked_prefix(protected: Host, upgraded: Path) -> None:
    with place.scratch() as directory:
        (directory / "envs").symlink_to(protected.python.parents[2])
        through = Host.at(directory / "envs" / protected.python.parents[1].name)
        assert output(through.python, "-c", ALPHA, overlays=[upgraded]) == "2.0"
        assert scaffolding.has_intact_guard(upgraded, through.site)
        scaffolding.write_guard(upgraded, through.site)
        assert scaffolding.has_intact_guard(upgraded, protected.site)
        assert output(protected.python, "-c", ALPHA, overlays=[upgraded]) == "2.0"


def test_venv_with_the_hosts_site_packages_has_the_overlay_behind_its_own(
    protected: Host, upgraded: Path, scratch: Path
) -> None:
    make = ("-m", "venv", "--without-pip", "--system-site-packages")
    output(protected.python, *make, scratch / "venv")
    venv = Host.at(scratch / "venv")
    assert observe(venv.python, overlays=[upgraded])["path"][-3:] == [
        *(str(venv.site), str(upgraded), str(protected.site))
    ]
    assert output(venv.python, "-c", ALPHA, overlays=[upgraded]) == "2.0"


@pytest.mark.parametrize(
    "name",
    ["with space", "it's", 'say "so"', "b\\a\\n", "$HOME", "`id`", "ünï€", "\udcff", "{0}%s", "u'"],
    ids=ascii,
)
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"], ids=["utf-8", "ascii"])
def test_host_is_known_by_any_name(
    name: str, locale: str, protected: Host, upgraded: Path, scratch: Path
) -> None:
    (scratch / name).mkdir()
    for part in ("bin", "lib"):
        (scratch / name / part).symlink_to(protected.python.parents[1] / part)
    hostile = Host.at(scratch / name)
    scaffolding.write_guard(upgraded, hostile.site)
    env = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert output(hostile.python, "-c", ALPHA, overlays=[upgraded], env=env) == "2.0"
    assert str(upgraded) not in observe(DEFAULT.executable, overlays=[upgraded])["path"]


# With others beside it


@first(2)
def test_each_python_keeps_its_own_of_two_overlays(host: Host, other: Host, scratch: Path) -> None:
    theirs = overlay(scratch / "theirs", host, {"mine.py": ""})
    ours = overlay(scratch / "ours", other, {"mine.py": ""})
    code = "import mine, sys; print(mine.__file__, [p for p in sys.path if p in sys.argv])"
    for overlays in ([theirs, ours], [ours, theirs]):
        for known, site in ((host, theirs), (other, ours)):
            found = output(known.python, "-c", code, theirs, ours, overlays=overlays)
            assert found == f"{site}/mine.py ['{site}']"


def test_first_of_two_layers_of_a_host_wins(host: Host, scratch: Path) -> None:
    sources = [fill(scratch / f"source{i}", {f"project{i}.py": ""}) for i in (1, 2)]
    layers = [
        overlay(scratch / f"layer{i}", host, {"module.py": "", "p.pth": f"{source}\n"})
        for i, source in zip((1, 2), sources, strict=True)
    ]
    code = "import module, sys; print(module.__file__, *sys.path[-5:])"
    expected = [layers[0] / "module.py", layers[0], sources[0], layers[1], sources[1], host.site]
    assert output(host.python, "-c", code, overlays=layers).split() == [*map(str, expected)]


def test_editable_of_a_later_layer_does_not_outrank_an_earlier_layer(
    host: Host, scratch: Path
) -> None:
    files = {"project/__init__.py": "", "project/part.py": ""}
    source = fill(scratch / "source", files)
    first = overlay(scratch / "first", host, files)
    second = overlay(scratch / "second", host, finder("project", source))
    code = "import project.part as p; print(p.__file__)"
    assert output(host.python, "-c", code, overlays=[first, second]) == f"{first}/project/part.py"
    found = output(host.python, "-c", code, overlays=[second, first])
    assert found == f"{source}/project/part.py"


@pytest.mark.parametrize(
    "text",
    [
        "print('own')",
        "import sys; sys.path.append('/added'); print(__file__, __name__, __spec__.origin)",
        "import not_there",
        "raise ImportError('by itself')",
        "1 / 0",
        "syntax error",
        "import sys; sys.exit(3)",
        "raise KeyboardInterrupt",
    ],
)
def test_hosts_own_sitecustomize_acts_as_without_the_overlay(
    text: str, host: Host, scratch: Path
) -> None:
    fill(host.site, {"sitecustomize.py": text + "\n"})
    site = overlay(scratch / "overlay", host, {"extra.py": ""})
    code = "import sys; print('/added' in sys.path, 'sitecustomize' in sys.modules)"
    without = run(host.python, "-c", code)
    within = run(host.python, "-c", code, overlays=[site])
    assert (within.returncode, within.stdout) == (without.returncode, without.stdout)
    if "Traceback" in without.stderr:  # which names the guard, of course
        assert within.stderr.splitlines()[-1] == without.stderr.splitlines()[-1]
    else:
        assert within.stderr == without.stderr
        done = run(host.python, "-c", "import extra; print(extra.__file__)", overlays=[site])
        assert done.stdout.endswith(f"{site}/extra.py\n")


def test_debugger_that_brings_a_sitecustomize_and_loads_the_next_keeps_the_guard(
    protected: Host, upgraded: Path, scratch: Path
) -> None:
    chaining = (
        "import os, sys\n"
        "sys.path.remove(os.path.dirname(__file__))\n"
        "me = sys.modules.pop('sitecustomize')\n"
        "try:\n    import sitecustomize\n"
        "except ImportError:\n    sys.modules['sitecustomize'] = me\n"
    )
    debugger = fill(scratch / "debugger", {"sitecustomize.py": chaining})
    assert output(protected.python, "-c", ALPHA, overlays=[debugger, upgraded]) == "2.0"
    path = observe(DEFAULT.executable, overlays=[debugger, upgraded])["path"]
    assert not {str(debugger), str(upgraded)} & set(path)


# Ways to start an interpreter


@pytest.mark.parametrize(
    ("options", "version"),
    [
        (["-s"], "2.0"),
        (["-X", "utf8"], "2.0"),
        (["-W", "error", "-X", "dev"], "2.0"),
        (["-O"], "2.0"),
        (["-I"], "1.0"),
        (["-E"], "1.0"),
        pytest.param(
            ["-P"],
            "2.0",
            marks=pytest.mark.skipif(DEFAULT.number < (3, 11), reason="-P is of 3.11"),
        ),
    ],
    ids=" ".join,
)
def test_host_runs_the_overlays_code_unless_told_to_heed_no_variables(
    options: list[str], version: str, protected: Host, upgraded: Path
) -> None:
    assert output(protected.python, *options, "-c", ALPHA, overlays=[upgraded]) == version


@pytest.mark.parametrize("python", INTERPRETERS, ids=str)
def test_guard_does_not_run_without_site(python: Path, elsewhere: Host, scratch: Path) -> None:
    site = overlay(scratch / "overlay", elsewhere)
    code = "import sys; print(sys.argv[1] in sys.path)"
    assert output(python, "-S", "-c", code, site, overlays=[site]) == "True"


def test_guard_works_where_the_current_directory_is_gone(
    protected: Host, upgraded: Path, scratch: Path
) -> None:
    shell = 'mkdir "$1"; cd "$1"; rmdir "$1"; exec "$2" -c "$3"'
    for python, code, expected in (
        (protected.python, ALPHA, "2.0"),
        (DEFAULT.executable, f"import sys; print({str(upgraded)!r} in sys.path)", "False"),
    ):
        argv = ("-c", shell, "sh", scratch / "gone", python, code)
        assert output(Path("/bin/sh"), *argv, overlays=[upgraded]) == expected


CHILDREN = {
    "subprocess": "subprocess.run([sys.executable, '-c', {alpha!r}], check=True)",
    "spawn": "process(multiprocessing.get_context('spawn'))",
    "forkserver": "process(multiprocessing.get_context('forkserver'))",
    "fork": "process(multiprocessing.get_context('fork'))",
    "pool": "concurrent.futures.ProcessPoolExecutor(1).submit(show).result()",
}


@pytest.mark.parametrize("way", CHILDREN)
def test_child_processes_run_the_overlays_code(
    way: str, protected: Host, upgraded: Path, scratch: Path
) -> None:
    script = scratch / "script.py"
    script.write_text(
        "import concurrent.futures, multiprocessing, subprocess, sys\n"
        f"def show():\n    {ALPHA}\n    sys.stdout.flush()\n"
        "def process(context):\n"
        "    child = context.Process(target=show)\n    child.start()\n    child.join()\n"
        f"if __name__ == '__main__':\n    {CHILDREN[way].format(alpha=ALPHA)}\n"
    )
    assert output(protected.python, script, overlays=[upgraded]) == "2.0"


def test_pdb_runs_the_overlays_code(protected: Host, upgraded: Path, scratch: Path) -> None:
    script = scratch / "script.py"
    script.write_text(ALPHA + "\n")
    printed = output(
        protected.python, "-m", "pdb", "-c", "continue", "-c", "quit", script, overlays=[upgraded]
    )
    assert printed.splitlines()[0] == "2.0"


def test_pip_sees_the_overlays_versions(protected: Host, upgraded: Path) -> None:
    def pip(*argv: str) -> subprocess.CompletedProcess[str]:
        return run(protected.python, "-m", "pip", *argv, overlays=[upgraded])

    found = json.loads(pip("list", "--format", "json", "--disable-pip-version-check").stdout)
    assert [d["version"] for d in found if d["name"] == "alpha"] == ["2.0"]
    assert "Version: 2.0\n" in pip("show", "alpha").stdout
    assert f"Location: {upgraded}\n" in pip("show", "alpha").stdout
    assert "beta 1.0 has requirement alpha<2, but you have alpha 2.0." in pip("check").stdout


@pytest.mark.parametrize(("option", "seen"), [("", "none"), ("--no-build-isolation", "2.0")])
def test_pip_isolates_builds_from_the_overlay(
    option: str, seen: str, protected: Host, upgraded: Path, scratch: Path
) -> None:
    fill(upgraded, broken(["setuptools"]))
    built = dists.wheel(scratch / "project", "probe", "1.0")
    backend = (
        "import shutil\n"
        "def build_wheel(directory, config_settings=None, metadata_directory=None):\n"
        f"    try:\n        import alpha\n    except ImportError:\n        alpha = None\n"
        f"    with open({str(scratch / 'seen')!r}, 'w') as file:\n"
        "        file.write(alpha.__version__ if alpha else 'none')\n"
        f"    shutil.copy({str(built)!r}, directory)\n"
        f"    return {built.name!r}\n"
    )
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    fill(scratch / "project", {"backend.py": backend, "pyproject.toml": pyproject})
    argv = ["-m", "pip", "wheel", "-q", "--no-index", "--no-deps", *filter(None, [option])]
    argv += ["--disable-pip-version-check", "-w", str(scratch / "out"), str(scratch / "project")]
    env = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_NO_CACHE_DIR": "1"}
    done = run(protected.python, *argv, overlays=[upgraded], env=env)
    assert done.returncode == 0, done
    assert (scratch / "seen").read_text() == seen


MODULES = {
    "install": "install",
    "uninstall -y name": "uninstall -y name",
    "-q --timeout 5 install name": "-q --timeout 5 install name",
    "list": "",
    "--log install list": "",
    "install --target=x name": "install --target=x name",
    "--python x install name": "--python x install name",
}
"""The words of ``python -m pip``, and those that the overlay's pip gets."""


def programs(tree: Path, host: Host) -> Path:
    """Make an overlay whose own pip prints its words; its site-packages."""
    fill(tree, {"bin/pip": "#!/bin/sh\nprintf '[%s]' \"$@\"\nexit 7\n"})
    (tree / "bin" / "pip").chmod(0o755)
    return overlay(tree / "lib" / host.site.parent.name / "site-packages", host)


def test_python_m_pip_is_handed_to_the_overlays_own_pip(host: Host, scratch: Path) -> None:
    site = programs(scratch / "overlay", host)
    fill(host.site, {"pip.py": "import sys; sys.stdout.write('hosts')\n", "other.py": ""})
    starts = [("-mpip", words) for words in MODULES]
    starts += [("-u -Bmpip", "install"), ("-W ignore -m pip", "install")]
    for start, words in starts:
        done = run(host.python, *start.split(), *words.split(), overlays=[site])
        handed = "".join(f"[{word}]" for word in MODULES[words].split())
        assert (done.stdout, done.returncode) == ((handed, 7) if handed else ("hosts", 0)), done
    odd = os.fsdecode(b"\xff 'n\n\"")
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    argv: list[Any] = [host.python, "-m", "pip", "install", odd, ""]
    environ = {**env, "PYTHONPATH": str(site)}
    printed = subprocess.run(argv, env=environ, check=False, capture_output=True).stdout
    assert printed == b"[install][" + os.fsencode(odd) + b"][]"
    for line in ("-E -m pip install", "-m other -m pip install", "-c 0 -m pip install"):
        assert "[" not in run(host.python, *line.split(), overlays=[site]).stdout


def test_python_m_pip_is_handed_to_the_first_layer_of_its_host(
    host: Host, elsewhere: Host, scratch: Path
) -> None:
    bare = overlay(scratch / "bare/lib/python3/site-packages", host)
    stranger = overlay(scratch / "stranger/lib/python3/site-packages", elsewhere)
    site = programs(scratch / "overlay", host)
    done = run(host.python, "-m", "pip", "install", overlays=[stranger, bare, site])
    assert done.stdout == "[install]" and "bare/bin/pip: No such file" in done.stderr


@LONG
@pytest.mark.network
def test_coverage_in_the_overlay_measures_child_processes(
    protected: Host, upgraded: Path, scratch: Path
) -> None:
    pypi.unpack(pypi.wheels(["coverage"], DEFAULT.xy), upgraded)
    fill(upgraded, {"coverage.pth": "import coverage; coverage.process_startup()\n"})
    fill(scratch, {"rc": f"[run]\nparallel = True\ndata_file = {scratch}/data\n"})
    script = fill(scratch, {"script.py": "import alpha\nprint(alpha.__version__)\n"}) / "script.py"
    code = f"import subprocess, sys; subprocess.run([sys.executable, {str(script)!r}])"
    env = {"COVERAGE_PROCESS_START": str(scratch / "rc")}
    assert output(protected.python, "-c", code, overlays=[upgraded], env=env) == "2.0"
    rc = f"--rcfile={scratch}/rc"
    combine = ("-m", "coverage", "combine", "--quiet", rc, scratch)
    output(protected.python, *combine, overlays=[upgraded])
    report = output(protected.python, "-m", "coverage", "report", rc, overlays=[upgraded])
    assert "script.py" in report


@LONG
@pytest.mark.network
def test_ipython_in_the_overlay_runs_the_overlays_code(
    protected: Host, upgraded: Path, scratch: Path
) -> None:
    pypi.unpack(pypi.wheels(["ipython"], DEFAULT.xy), upgraded)
    argv = ("-m", "IPython", "--colors=NoColor", "-c", ALPHA)
    printed = output(protected.python, *argv, overlays=[upgraded], env={"HOME": str(scratch)})
    assert printed == "2.0"


# Editable installs of a distribution that the host has

EDITABLES = {
    "setuptools-flat": ("setuptools", "flat", ()),
    "setuptools-src": ("setuptools", "src", ()),
    "setuptools-flat-strict": ("setuptools", "flat", ("-C", "editable_mode=strict")),
    "setuptools-src-strict": ("setuptools", "src", ("-C", "editable_mode=strict")),
    "setuptools-flat-compat": ("setuptools", "flat", ("-C", "editable_mode=compat")),
    "setuptools-src-compat": ("setuptools", "src", ("-C", "editable_mode=compat")),
    "hatchling": ("hatchling", "flat", ()),
    "hatchling-src": ("hatchling", "src", ()),
    "flit": ("flit_core", "flat", ()),
    "pdm": ("pdm.backend", "src", ()),
}


@pytest.fixture(scope="session")
def backends() -> Path:
    """A directory with the modules of the build backends."""
    names = ("setuptools", "wheel", "hatchling", "flit_core", "pdm-backend", "editables")

    def build(target: Path) -> None:
        pypi.unpack(pypi.wheels(names, DEFAULT.xy), target)

    return place.built("editable-backends", (DEFAULT.xy, *names), build)


@LONG
@pytest.mark.network
@pytest.mark.parametrize("kind", few(EDITABLES, "setuptools-flat-strict", "hatchling"))
def test_editable_is_what_runs_and_not_the_hosts_copy(
    kind: str, protected: Host, backends: Path, alice: User
) -> None:
    backend, layout, options = EDITABLES[kind]
    project = dists.project(alice.home / "project", "alpha", "9.0", backend, layout)
    for path in (project, *project.rglob("*")):
        os.lchown(path, alice.uid, alice.gid)
    prefix = alice.home / "overlay"
    site = prefix / "lib" / f"python{DEFAULT.xy}" / "site-packages"
    argv: list[str | Path] = [protected.python, "-m", "pip", "install", "-q", "--prefix", prefix]
    argv += ["-I", "--no-index", "--no-deps", "--no-build-isolation", "--use-pep517", *options]
    env = {"PYTHONPATH": str(backends), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = alice.run([*argv, "-e", project], env=env)
    assert done.returncode == 0, done
    scaffolding.write_guard(site, protected.site)
    code = (
        "import alpha, importlib.metadata as m, json\n"
        "print(json.dumps([alpha.__version__, alpha.__file__, m.version('alpha')]))"
    )
    done = alice.run([protected.python, "-c", code], env={"PYTHONPATH": str(site)})
    version, file, metadata = json.loads(done.stdout)
    assert (version, metadata, done.stderr) == ("9.0", "9.0", "")
    source = project / ("src" if layout == "src" else "") / "alpha" / "__init__.py"
    assert Path(file).samefile(source)


# conda itself

COMMANDS = {
    "activate": ["shell.posix", "activate", "daq"],
    "deactivate": ["shell.posix", "deactivate"],
    "info": ["info"],
    "list": ["list"],
    "config": ["config", "--show"],
    "status": ["overlay", "status"],
}


def wired(
    conda: Conda, alice: User, names: Sequence[str], protection: str
) -> dict[str, str | None]:
    """The environ of a shell that is wired for an overlay which holds broken packages."""
    prefix = conda.prefix if "base" in protection else conda.env("science")
    name = "base" if prefix == conda.prefix else prefix.name
    [host_site] = prefix.glob("lib/python3.*/site-packages")
    tree = alice.home / ".conda" / "overlays" / name
    site = fill(tree / host_site.relative_to(prefix), broken(names))
    if "guard" in protection:
        scaffolding.write_guard(site, host_site)
    for path in (alice.home / ".conda", *(alice.home / ".conda").rglob("*")):
        os.lchown(path, alice.uid, alice.gid)
    layer = wiring.Layer(
        str(prefix), str(tree), {"PATH": "bin", "PYTHONPATH": str(site.relative_to(tree))}
    )
    return {
        "PATH": f"{tree}/bin:{prefix}/bin:{conda.prefix}/condabin:/usr/bin:/bin",
        "PYTHONPATH": str(site),
        "CONDA_PREFIX": str(prefix),
        "CONDA_DEFAULT_ENV": name,
        "CONDA_SHLVL": "1",
        wiring.STATE: wiring.Wiring([layer]).encode() if "hook" in protection else None,
    }


@pytest.mark.parametrize(
    ("command", "protection"),
    [
        pytest.param(command, protection, marks=[] if command in ("activate", "status") else LONG)
        for index, command in enumerate(COMMANDS)
        for protection in ("guard", ("hook", "guard and hook over base")[index % 2])
    ],
)
def test_no_broken_package_in_an_overlay_stops_conda(
    command: str, protection: str, conda: Conda, alice: User
) -> None:
    env = wired(conda, alice, BROKEN, protection)
    done = alice.run([conda.executable, *COMMANDS[command]], env=env)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout
    if command in ("list", "config"):
        bare = alice.run([conda.executable, *COMMANDS[command]], env={**env, "PYTHONPATH": None})
        assert done.stdout == bare.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_overlay_of_base_without_a_guard_cannot_replace_what_conda_imports(
    command: str, conda: Conda, alice: User
) -> None:
    env = wired(conda, alice, sorted({*BROKEN} - {*BACKPORTS}), "hook over base")
    done = alice.run([conda.executable, *COMMANDS[command]], env=env)
    assert (done.returncode, done.stderr) == (0, ""), done


@pytest.mark.parametrize("command", COMMANDS)
def test_unprotected_conda_would_stop_working(command: str, conda: Conda, alice: User) -> None:
    env = wired(conda, alice, BROKEN, "nothing")
    assert alice.run([conda.executable, *COMMANDS[command]], env=env).returncode != 0


# The file


def test_writing_the_guard_leaves_a_hard_linked_older_one_alone(
    elsewhere: Host, protected: Host, scratch: Path
) -> None:
    older = overlay(scratch / "older", elsewhere)
    newer = scratch / "newer"
    newer.mkdir()
    os.link(older / scaffolding.GUARD, newer / scaffolding.GUARD)
    scaffolding.write_guard(newer, protected.site)
    assert scaffolding.has_intact_guard(older, elsewhere.site)
    assert scaffolding.has_intact_guard(newer, protected.site)
    assert not scaffolding.has_intact_guard(newer, elsewhere.site)


def test_guard_that_was_removed_or_altered_is_not_intact(elsewhere: Host, scratch: Path) -> None:
    site = overlay(scratch / "overlay", elsewhere)
    assert scaffolding.has_intact_guard(site, elsewhere.site)
    (site / scaffolding.GUARD).write_text("altered")
    assert not scaffolding.has_intact_guard(site, elsewhere.site)
    (site / scaffolding.GUARD).unlink()
    assert not scaffolding.has_intact_guard(site, elsewhere.site)


SHIM = """
import sys
class Finder:
    own = "{}"
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None
def add_shim():
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)
"""
PRECEDENCE = "import os; True and __import__('_distutils_hack').add_shim()\n"


@pytest.mark.parametrize(
    "python", [python for python in INTERPRETERS if "python2" not in python.name], ids=str
)
def test_a_start_up_file_of_another_python_gets_its_own_shim(
    python: Path, elsewhere: Host, scratch: Path
) -> None:
    """As the distutils-precedence.pth of setuptools, with an overlay that has setuptools, too."""
    made = run(python, "-m", "venv", "--without-pip", scratch / "venv")
    assert made.returncode == 0, made.stderr
    [own] = (scratch / "venv" / "lib").glob("python*/site-packages")
    pths = {"distutils-precedence.pth": PRECEDENCE, "other.pth": "import sys; sys.seen = 1\n"}
    fill(own, {"_distutils_hack/__init__.py": SHIM.format("venv"), **pths})
    hack = {"_distutils_hack/__init__.py": SHIM.format("overlay"), **pths}
    site = overlay(scratch / "overlay", elsewhere, hack)
    code = "import sys; print([getattr(finder, 'own', '') for finder in sys.meta_path])"
    inside = scratch / "venv" / "bin" / "python"
    plain = output(inside, "-c", code)
    assert "venv" in plain
    assert output(inside, "-c", code, overlays=[site]) == plain

"""The test bed keeps what it promises."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bed import (
    base,
    cpython,
    dists,
    environment,
    forks,
    place,
    plugin,
    pypi,
    shells,
)
from tests.bed.terminal import on_terminal
from tests.bed.users import User, user
from tests.long import LONG

CI_RUN = place.CHECKOUT / ".ci" / "run"
PRINT = "echo {}:$CONDA_SHLVL; python -c 'import sys; print(sys.prefix)'"


@pytest.fixture
def alice() -> User:
    return user("overlay-alice")


@pytest.fixture
def science(scratch: Path) -> Path:
    """Return a protected host, whose name is hostile."""
    return environment.clone(environment.template(), scratch / "sci ence")


def output(argv: list[str | Path], cwd: str | Path = "/") -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)


def ran(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_floor_conda_runs_as_unprivileged_user(alice: User) -> None:
    floor = base.floor_base()
    assert ran(alice.run([floor / "bin" / "conda", "--version"])) == "conda 24.7.1\n"
    probe = "import conda, importlib.metadata as m; print(m.version('conda'), conda.__file__)"
    assert ran(alice.run([floor / "bin" / "python", "-c", probe])).startswith(
        f"24.7.1 {floor}/lib/"
    )


@LONG
@pytest.mark.parametrize("shell", shells.ACTIVATING)
def test_activates_and_deactivates(shell: str, alice: User, science: Path) -> None:
    started = shells.started(shell)
    floor = base.floor_base()
    lines = [
        shells.loading(shell, floor),
        f"conda activate '{science}'",
        PRINT.format("one"),
        "conda activate base",
        PRINT.format("two"),
        "conda deactivate",
        PRINT.format("three"),
        "conda deactivate",
        "echo end:$CONDA_SHLVL",
    ]
    script = alice.fresh_home() / "script"
    script.write_text("\n".join(lines) + "\n")
    assert ran(alice.run([*started, script])).splitlines() == [
        *("one:1", str(science), "two:2", str(floor), "three:1", str(science), "end:0")
    ]


def test_prompt_changes_and_changes_back(alice: User, science: Path) -> None:
    lines = [
        f". {base.floor_base()}/etc/profile.d/conda.sh",
        "PS1='$ '",
        f"conda activate '{science}'",
        'echo "$PS1"',
        "conda deactivate",
        'echo "$PS1"',
    ]
    printed = ran(alice.run([*shells.started("dash"), "-c", "\n".join(lines)]))
    assert printed == f"({science}) $ \n$ \n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"])
def test_hook_defines_the_same_functions(shell: str, alice: User, science: Path) -> None:
    conda = base.floor_base() / "bin" / "conda"
    name = "posix" if shell == "dash" else shell
    hook = f'eval "$({conda} shell.{name} hook)"'
    script = f"{hook}; conda activate '{science}'; echo $CONDA_PREFIX"
    assert ran(alice.run([*shells.started(shell), "-c", script])) == f"{science}\n"


def test_fish_hook(alice: User, science: Path) -> None:
    conda = base.floor_base() / "bin" / "conda"
    script = f"{conda} shell.fish hook | source; conda activate '{science}'; echo $CONDA_PREFIX"
    assert ran(alice.run([*shells.started("fish"), "-c", script])) == f"{science}\n"


@pytest.mark.parametrize("name", shells.KINDS)
def test_missing_shell_skips_its_tests_but_fails_them_in_ci(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shells, "PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="is not installed"):
        shells.started(name)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="is not installed"):
        shells.started(name)
    program = tmp_path / shells.KINDS[name].argv[0]
    program.touch(0o755)
    assert shells.started(name)[0] == program.name


def test_ci_installs_all_programs_without_which_tests_are_skipped() -> None:
    [line] = re.findall("^for program in (.*); do$", CI_RUN.read_text(), re.MULTILINE)
    assert {*line.split()} == {kind.argv[0] for kind in shells.KINDS.values()} | {
        "strace",
        "sudo",
        "chromium",
    }


def test_conda_run(alice: User, science: Path) -> None:
    argv: list[str | Path] = [base.floor_base() / "bin" / "conda", "run", "-p", science, "python"]
    assert ran(alice.run([*argv, "-c", "import sys; print(sys.prefix)"])).strip() == str(science)


def test_environment_was_made_by_conda(alice: User, science: Path) -> None:
    listed = ran(alice.run([base.floor_base() / "bin" / "conda", "list", "-p", science]))
    [line] = [line for line in listed.splitlines() if line.startswith("python ")]
    assert line.split()[1] == cpython.default().version
    assert line.split()[3].startswith("file://")
    assert "conda create" in (science / "conda-meta" / "history").read_text()


def test_host_is_what_upstreams_python_is(science: Path) -> None:
    probe = (
        "import os, site, sys, sysconfig; print(sysconfig.get_path('purelib'));"
        "print(os.path.normpath(site.getsitepackages()[0]));"
        "print(*[path for path in sys.path if path.endswith('-packages')])"
    )
    purelib = f"{science}/lib/python{cpython.default().xy}/site-packages"
    assert ran(output([science / "bin" / "python", "-I", "-c", probe])) == f"{purelib}\n" * 3


def test_user_cannot_write_the_host(alice: User, science: Path) -> None:
    for place_in_host in ("", "bin", "conda-meta"):
        assert alice.run(["touch", science / place_in_host / "x"]).returncode != 0


def test_tree_hash_notices_changes(science: Path) -> None:
    before = environment.tree_hash(science)
    assert environment.tree_hash(science) == before
    history = science / "conda-meta" / "history"
    status, content = history.stat(), history.read_bytes()
    history.chmod(0o644)
    history.write_bytes(b"!" + content[1:])
    os.utime(history, ns=(status.st_atime_ns, status.st_mtime_ns))
    history.chmod(status.st_mode)
    assert environment.tree_hash(science) != before
    history.chmod(0o644)
    history.write_bytes(content)
    os.utime(history, ns=(status.st_atime_ns, status.st_mtime_ns))
    history.chmod(0o600)
    assert environment.tree_hash(science) != before
    history.chmod(status.st_mode)
    assert environment.tree_hash(science) == before


def test_running_the_host_does_not_change_it(science: Path) -> None:
    before = environment.tree_hash(science)
    ran(output([science / "bin" / "python", "-c", "import ssl, json, venv, email.parser"]))
    assert environment.tree_hash(science) == before


def test_clone_of_an_environment_is_independent(science: Path) -> None:
    template = environment.template()
    before = environment.tree_hash(template)
    for text in science.glob("conda-meta/*"):
        assert str(template) not in text.read_text()
    place.remove(science)
    assert environment.tree_hash(template) == before


@LONG
def test_clone_of_a_base_is_independent(scratch: Path, alice: User) -> None:
    floor = base.floor_base()
    before = environment.tree_hash(floor)
    copy = base.clone(floor, scratch / "base")
    wheel = dists.wheel(scratch, "Bed-Added", "1.0", scripts={"bed-added": "bed_added:main"})
    pypi.install(copy, [wheel])
    assert ran(alice.run([copy / "bin" / "bed-added"])) == "Bed-Added 1.0\n"
    info = ran(alice.run([copy / "bin" / "conda", "info", "--base"]))
    assert info.strip() == str(copy)
    created = alice.run([copy / "bin" / "conda", "create", "-y", "-q", "-n", "own", "python"])
    assert created.returncode == 0, created
    assert environment.tree_hash(floor) == before
    for text in (*copy.glob("bin/*"), *copy.glob("etc/**/conda.*"), *copy.glob("conda-meta/*")):
        if text.is_file():
            assert str(floor).encode() not in text.read_bytes(), text


@LONG
def test_any_base_can_be_cloned(scratch: Path, alice: User) -> None:
    for number, original in enumerate(base.bases()):
        copy = base.clone(original, scratch / f"base-{number}")
        version = ran(alice.run([original / "bin" / "conda", "--version"]))
        assert ran(alice.run([copy / "bin" / "conda", "--version"])) == version
        host = environment.create(copy, scratch / f"host-{number}")
        lines = [f". '{copy}/etc/profile.d/conda.sh'", f"conda activate '{host}'", "which python"]
        printed = ran(alice.run(["bash", "--norc", "-c", "\n".join(lines)]))
        assert printed == f"{host}/bin/python\n"


@LONG
@pytest.mark.network
def test_pips(scratch: Path) -> None:
    for pip in ("ensurepip", "23.0.1"):
        prefix = environment.create(base.floor_base(), scratch / pip, pip=pip)
        printed = ran(output([prefix / "bin" / "pip", "--version"]))
        assert printed.startswith("pip " if pip == "ensurepip" else f"pip {pip} ")
        assert str(prefix) in printed


@LONG
def test_wheels_install(scratch: Path) -> None:
    wheel = dists.wheel(
        scratch / "wheels",
        "Some.Thing",
        "2.1",
        requires=["other>=1"],
        extras={"more": ["extra; python_version > '3'"]},
        files={"some_thing/data.txt": "data\n"},
        scripts={"something": "some_thing:main"},
        data={"scripts/tool": "#!python\nprint('tool')\n", "data/share/x": b"x", "headers/x.h": ""},
        requires_python=">=3.8",
    )
    host = environment.create(base.floor_base(), scratch / "host", wheels=[wheel])
    assert ran(output([host / "bin" / "something"])) == "Some.Thing 2.1\n"
    assert ran(output([host / "bin" / "tool"])) == "tool\n"
    probe = (
        "import importlib.metadata as m; d = m.distribution('some-thing');"
        "assert all(f.locate().exists() for f in d.files); print(d.version, *d.requires, sep='|')"
    )
    more = "extra ; (python_version > '3') and extra == \"more\""
    assert ran(output([host / "bin" / "python", "-c", probe])) == f"2.1|other>=1|{more}\n"
    assert (host / "share" / "x").exists()


@LONG
def test_index_and_sdist_install_offline(scratch: Path, alice: User) -> None:
    dists.wheel(scratch / "files", "above", "1.0", requires=["beneath>1"], requires_python=">=3.8")
    dists.wheel(scratch / "files", "above", "2.0", requires_python=">=99")
    dists.sdist(scratch / "files", "beneath", "1.5")
    simple = dists.index(scratch / "files")
    home = alice.fresh_home()
    argv: list[str | Path] = [base.floor_base() / "bin" / "python", "-m", "pip", "install"]
    argv += ["--quiet"]
    argv += ["--index-url", simple.as_uri(), "--target", home / "target", "above"]
    done = alice.run(argv)
    assert done.returncode == 0, done
    assert sorted(path.name for path in (home / "target").glob("*.dist-info")) == [
        "above-1.0.dist-info",
        "beneath-1.5.dist-info",
    ]


@LONG
@pytest.mark.parametrize(
    "python",
    [*cpython.available()[:1], *cpython.available()[1:][-1:]],  # the oldest, and the newest
    ids=lambda python: str(python.xy),
)
def test_hosts_of_other_versions(python: cpython.Interpreter, alice: User) -> None:
    host = environment.template(python=python)
    argv: list[str | Path] = [
        host / "bin" / "python",
        "-c",
        "import sys, ssl, zlib; print(sys.version.split()[0])",
    ]
    assert ran(alice.run(argv)) == f"{python.version}\n"


@LONG
def test_extension_modules_build(scratch: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("there is no compiler")
    host = environment.clone(environment.template(), scratch / "host")
    (scratch / "ext.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef m = {PyModuleDef_HEAD_INIT, "ext", 0, -1, 0};\n'
        "PyMODINIT_FUNC PyInit_ext(void) { return PyModule_Create(&m); }\n"
    )
    probe = "from sysconfig import *; print(get_path('include'), get_config_var('INCLUDEPY'))"
    include, variable = ran(output([host / "bin" / "python", "-c", probe])).split()
    assert include == variable
    assert include.startswith(str(host))
    if not (Path(include) / "Python.h").exists():
        pytest.skip("this Python has no headers")
    argv: list[str | Path] = ["gcc", "-shared", "-fPIC", f"-I{include}", scratch / "ext.c"]
    ran(output([*argv, "-o", scratch / "ext.so"]))
    ran(output([host / "bin" / "python", "-c", "import ext"], cwd=scratch))


@LONG
def test_a_killed_build_is_done_again(scratch: Path) -> None:
    def fail(part: Path) -> None:
        part.mkdir()
        (part / "half").touch()
        raise KeyboardInterrupt

    inputs = (scratch, os.getpid())
    with pytest.raises(KeyboardInterrupt):
        place.built("selftest", inputs, fail)
    part = place.built("selftest", inputs, Path.mkdir)
    assert not list(part.iterdir())
    assert place.built("selftest", inputs, fail) == part
    place.remove(part)
    part.with_name(f"{part.name}.built").unlink()


@pytest.mark.parametrize("disposition", [signal.SIG_IGN, signal.default_int_handler])
def test_ctrl_c_reaches_a_command_whatever_this_process_does_with_it(
    disposition: Any, alice: User
) -> None:
    wait = "n=0; while [ $n -lt 600 ]; do sleep 0.1; n=$((n + 1)); done"
    script = f"trap 'echo interrupted; exit 1' INT; touch started; {wait}"
    before = signal.signal(signal.SIGINT, disposition)
    try:
        shown = on_terminal(["sh", "-c", script], alice.environ(), alice, alice.home / "started")
    finally:
        signal.signal(signal.SIGINT, before)
    assert "interrupted" in shown


def test_other_users_read_the_program_and_the_modules_of_the_tests(alice: User) -> None:
    """The checkout may be below a directory that is closed to them."""
    for part in (forks.program(), plugin.modules() / "conda_overlay" / "plugin.py"):
        assert place.root() in part.parents
        assert ran(alice.run(["cat", part])) == part.read_text()


@LONG
def test_users_environ_is_clean(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PIP_CACHE_DIR", "/cache")
    home = alice.fresh_home()
    printed = ran(alice.run(["env"], env={"HOME": str(home), "LANG": None, "A": "b"}, cwd=home))
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert names == {"HOME", "TMPDIR", "USER", "LOGNAME", "PATH", "TERM", "A"}
    assert "PIP_CACHE_DIR=/cache" in ran(alice.run(["env"], network=True))
    assert ran(alice.run(["id", "-u"])) == f"{alice.uid}\n"
    assert ran(alice.run(["cat"], input="hello")) == "hello"
    assert list(home.iterdir()) == []

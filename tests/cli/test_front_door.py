"""What people type first: no command, a wrong one, conda's own lists."""

from __future__ import annotations

import json

import pytest

from tests.bench import Bench


def test_without_a_command_the_help_is_printed(quick: Bench) -> None:
    done = quick.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: conda overlay ") and "install" in done.stdout


def test_the_version_is_that_of_the_package(quick: Bench) -> None:
    done = quick.run("--version")
    name, number = done.stdout.split()
    assert (done.returncode, name) == (0, "conda-overlay") and number[0].isdigit()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("instal", "install"), ("unistall", "uninstall"), ("stauts", "status"), ("zzz", "--help")],
)
def test_a_mistyped_command_is_answered_with_those_spelled_alike(
    quick: Bench, typed: str, meant: str
) -> None:
    done = quick.run(typed)
    assert done.returncode == 2 and done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert f"there is no command {typed!r}" in last and meant in last
    assert "choose from" not in done.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (
            ["status", "-n", "sciense"],
            "There is no environment named sciense. Did you mean science?",
        ),
        (["remove", "nev", "--yes"], "nev is not in the overlay. Did you mean new?"),
        (["repair", "nev"], "nev is not in the overlay. Did you mean new?"),
        (["note", "nev", "--reason", "x"], "nev is not in the overlay. Did you mean new?"),
        (["why", "gama"], " Did you mean gamma?"),
        (["edit", "gama", "--no-editor"], " Did you mean gamma?"),
    ],
)
def test_a_mistyped_name_is_answered_with_those_spelled_alike(
    quick: Bench, words: list[str], meant: str
) -> None:
    quick.given("install", "new")
    where = [] if "-n" in words else quick.where
    done = quick.run(*words, *where)
    assert done.returncode == 1 and meant in done.stderr
    assert "Did you mean" not in quick.run("why", *quick.where, "nothing_like_it").stderr


@pytest.mark.parametrize("spec", ["conda-forge::gdal", "conda-forge/linux-64::gdal>=3"])
def test_a_conda_package_is_answered_with_the_command_that_adds_it(quick: Bench, spec: str) -> None:
    told = quick.refused(spec, code=2)
    assert "Overlays cannot hold conda packages; they need an environment of your own." in told
    assert "conda overlay fork --from science -n mine --conda " in told and "gdal" in told
    told = quick.refused("nosuch")
    assert "conda overlay fork --from science -n mine --conda nosuch" in told


@pytest.mark.parametrize("command", ["list", "export"])
def test_condas_lists_say_that_the_overlay_is_not_in_them(bench: Bench, command: str) -> None:
    bench.given("install", "new")
    source = f"source {bench.conda.prefix}/etc/profile.d/conda.sh; conda activate science"
    line = "conda-overlay: 1 package of your overlay is not listed; see: conda overlay status\n"

    def typed(text: str) -> tuple[str, str]:
        script = f"{source}; {text}"
        done = bench.user.run(["bash", "--norc", "-c", script], env=bench.environ)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    out, err = typed(f"conda {command}")
    assert err.endswith(line) and line not in out
    assert line not in typed(f"conda {command} -n daq")[1]
    out, err = typed(f"conda {command} --json")
    assert json.loads(out) and line not in err


USES = """
import warnings, conda.plugins
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    import conda_overlay.plugin as plugin
    for name, hook in vars(plugin).copy().items():
        if name.startswith("conda_") and name != "conda_error_hints":
            [*hook()]
print(*{str(one.message) for one in found if "conda_overlay" in one.filename}, sep="\\n")
"""


def test_the_plugin_uses_nothing_that_conda_will_remove(bench: Bench) -> None:
    python = bench.conda.prefix / "bin" / "python"
    done = bench.user.run([python, "-c", USES])
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr

"""What pip prints when it fails, and the error that a user reads: recorded outputs of real pips."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.resolve.pip_output import PipRun

# -- no set of versions

NOSUCH = """
ERROR: Could not find a version that satisfies the requirement nosuch>=2 (from versions: none)
ERROR: No matching distribution found for nosuch>=2
"""

OTHER_VERSIONS = """
ERROR: Could not find a version that satisfies the requirement Al_pha==9 (from versions: 1.0, 2.0)
ERROR: No matching distribution found for Al_pha==9
"""

IMPOSSIBLE = """
ERROR: Cannot install beta==1.0 and gamma==1.0 because these package versions have conflicting \
dependencies.
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-\
resolution/#dealing-with-dependency-conflicts
"""

TWO_DEPENDENTS = """
The conflict is caused by:
    beta 1.0 depends on alpha<2
    Gamma.X 1.0 depends on alpha>=2

Additionally, some packages in these conflicts have no matching distributions available for your \
environment:
    alpha
"""

UNDER_A_CONSTRAINT = """
The conflict is caused by:
    gamma 1.0 depends on alpha>=2
    The user requested (constraint) Al.pha<2
"""

ASKED_FOR_UNDER_A_CONSTRAINT = """
The conflict is caused by:
    The user requested beta
    The user requested (constraint) beta==9
"""

HASHES_DIFFER = """
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the \
package versions, please update the hashes. Otherwise, examine the package contents carefully; \
someone may have tampered with them.
    alpha==1.0 from file:///links/alpha-1.0-py3-none-any.whl (from -r h.txt (line 1)):
        Expected sha256 0000000000000000000000000000000000000000000000000000000000000000
             Got        9798a4d00a61b38cdf2a1a7c49e42ba4e26ca7cf5ff84eb554c99e2738e19e1b

"""

HASHES_ARE_MISSING = """
ERROR: Hashes are required in --require-hashes mode, but they are missing from some requirements. \
Here is a list of those requirements along with the hashes their downloaded archives actually had.
    alpha==1.0 --hash=sha256:9798a4d00a61b38cdf2a1a7c49e42ba4e26ca7cf5ff84eb554c99e2738e19e1b
"""

NO_REPOSITORY = """
  Running command git clone --filter=blob:none --quiet file:///nowhere/x /tmp/pip-req-build-fpd945va
  fatal: '/nowhere/x' does not appear to be a git repository
  fatal: Could not read from remote repository.
  error: subprocess-exited-with-error
\x20\x20
  \u00d7 git clone --filter=blob:none --quiet file:///nowhere/x /tmp/pip-req-build-fpd945va did \
not run successfully.
  │ exit code: 128
  ╰─> No available output.
\x20\x20
  note: This error originates from a subprocess, and is likely not a problem with pip.
ERROR: Failed to build 'git+file:/nowhere/x' when git clone --filter=blob:none --quiet \
file:///nowhere/x /tmp/pip-req-build-fpd945va
"""

# -- builds

METADATA = """
  error: subprocess-exited-with-error
\x20\x20
  \u00d7 Preparing metadata (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [2 lines of output]
      compiling
      error: the flux capacitor is missing
      [end of output]
\x20\x20
  note: This error originates from a subprocess, and is likely not a problem with pip.
error: metadata-generation-failed

\u00d7 Encountered error while generating package metadata.
╰─> See above for output.

note: This is an issue with the package mentioned above, not pip.
hint: See above for details.
"""
"""Of pip 24.0; the name of the distribution is in no line."""

WHEEL = """
  error: subprocess-exited-with-error
\x20\x20
  \u00d7 Building wheel for late (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [3 lines of output]
      compiling late/core.c
      late/core.c:1:10: fatal error: flux.h: No such file or directory
      error: command gcc failed with exit code 1
      [end of output]
\x20\x20
  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for late
"""

WHEEL_22 = (
    WHEEL
    + """\
ERROR: Could not build wheels for late, which is required to install pyproject.toml-based projects
"""
)

WHEEL_26 = (
    WHEEL
    + """\
error: failed-wheel-build-for-install

\u00d7 Failed to build installable wheels for some pyproject.toml based projects
╰─> late
"""
)

_NESTED = """
  error: subprocess-exited-with-error
\x20\x20
  \u00d7 {step} did not run successfully.
  │ exit code: 1
  ╰─> [15 lines of output]
      Looking in links: /links
      Processing ./links/late-1.0.tar.gz
      Building wheels for collected packages: late
        Building wheel for late (pyproject.toml): finished with status 'error'
        error: subprocess-exited-with-error
\x20\x20\x20\x20\x20\x20
        \u00d7 Building wheel for late (pyproject.toml) did not run successfully.
        │ exit code: 1
        ╰─> [3 lines of output]
            compiling late/core.c
            late/core.c:1:10: fatal error: flux.h: No such file or directory
            error: command gcc failed with exit code 1
            [end of output]
\x20\x20\x20\x20\x20\x20
        ERROR: Failed building wheel for late
      Failed to build late
      [end of output]
\x20\x20
  note: This error originates from a subprocess, and is likely not a problem with pip.
"""

NESTED_22 = (
    _NESTED.format(step="pip subprocess to install build dependencies")
    + """\
error: subprocess-exited-with-error

\u00d7 pip subprocess to install build dependencies did not run successfully.
│ exit code: 1
╰─> See above for output.

note: This error originates from a subprocess, and is likely not a problem with pip.
"""
)

NESTED_26 = (
    _NESTED.format(step="installing build dependencies for deep")
    + """\
ERROR: Failed to build 'deep' when installing build dependencies for deep
"""
)

BUILDS = {
    "metadata": METADATA,
    "wheel, pip 22": WHEEL_22,
    "wheel, pip 26": WHEEL_26,
    "its own requirements, pip 22": NESTED_22,
    "its own requirements, pip 26": NESTED_26,
}


def run(said: str, explanation: str = "", links: str = "", arguments: str = "") -> PipRun:
    """A run of pip that failed, as `Pip.install` hands it on: without blank lines."""
    output = tuple(line for line in said.splitlines() if line.strip())
    return PipRun(
        False,
        tuple(arguments.split()),
        output,
        tuple(explanation.strip().splitlines()),
        tuple(links.strip().splitlines()),
    )


@pytest.mark.parametrize(
    ("failed", "impossible", "unknown", "requiring", "blamed"),
    [
        (run(NOSUCH), True, True, set(), {"nosuch"}),
        (run(OTHER_VERSIONS), True, True, set(), {"al-pha"}),
        (run(IMPOSSIBLE, TWO_DEPENDENTS), True, False, {"beta", "gamma-x"}, {"beta", "gamma-x"}),
        (run(IMPOSSIBLE, UNDER_A_CONSTRAINT), True, False, {"gamma"}, {"gamma", "al-pha"}),
        (run(IMPOSSIBLE, ASKED_FOR_UNDER_A_CONSTRAINT), True, False, set(), {"beta"}),
        (run(HASHES_DIFFER), False, False, set(), set()),
        (run(HASHES_ARE_MISSING), True, False, set(), set()),
        (run(NO_REPOSITORY), False, False, set(), set()),
        (run("no such option: --bogus"), False, False, set(), set()),
        *[(run(said), False, False, set(), set()) for said in BUILDS.values()],
    ],
    ids=[
        *("no such name", "no such version", "two dependents", "dependent and constraint"),
        *("request and constraint", "hashes differ", "hashes are missing", "no repository"),
        *("no such option", *BUILDS),
    ],
)
def test_each_failure_is_told_from_the_others(
    failed: PipRun, impossible: bool, unknown: bool, requiring: set[str], blamed: set[str]
) -> None:
    assert not failed.ok
    assert (failed.impossible, failed.unknown) == (impossible, unknown)
    assert (failed.requiring, failed.blamed) == (requiring, blamed)


def test_build_that_lacks_a_requirement_of_its_own_is_a_failed_build() -> None:
    """No constraint of ours is to blame: those do not hold for what a build requires."""
    said = NESTED_26.replace("Failed to build late\n", NOSUCH.strip().splitlines()[1] + "\n")
    failed = run(said)
    assert "No matching distribution found" in said
    assert not failed.unknown and not failed.impossible


def test_run_that_succeeded_has_no_fault() -> None:
    done = PipRun(True)
    assert not (done.impossible or done.unknown or done.requiring or done.blamed)


# -- the error


def test_error_quotes_pip_and_its_explanation_but_not_its_help_page() -> None:
    error = run(IMPOSSIBLE, TWO_DEPENDENTS).error(["beta", "gamma"])
    lines = str(error).splitlines()
    assert lines[0] == "pip failed; the overlay is unchanged."
    assert lines[1].startswith("  ERROR: Cannot install beta==1.0 and gamma==1.0")
    assert lines[2] == "  The conflict is caused by:"
    assert "      beta 1.0 depends on alpha<2" in lines
    assert not any("ResolutionImpossible" in line for line in lines)
    assert lines[-1] == "Hint: relax the versions"
    assert vars(error)["requirements"] == ["beta", "gamma"]
    assert vars(error)["output"][0].startswith("ERROR: Cannot install")


@pytest.mark.parametrize("said", [NOSUCH, OTHER_VERSIONS])
def test_error_of_an_unknown_name_or_version_tells_where_to_look(said: str) -> None:
    error = run(said).error()
    assert str(error).splitlines()[1:-1] == [f"  {line}" for line in said.split("\n") if line]
    assert error.hint is not None and error.hint.startswith("check the name and version")


@pytest.mark.parametrize("said", [HASHES_DIFFER, NO_REPOSITORY])
def test_error_without_a_known_cure_leads_to_all_that_pip_says(said: str) -> None:
    error = run(said).error()
    assert error.hint == "run it again with -v to see all that pip says"
    assert said.split("\n")[1] in str(error)


def test_error_quotes_the_end_of_a_long_output() -> None:
    said = [f"line {number}" for number in range(100)]
    assert vars(run("\n".join(said)).error())["output"] == said[-25:]


SDIST = (
    "Processing /links/alpha-1.0-py3-none-any.whl\nCollecting late\n  Using cached late-1.0.tar.gz"
)


@pytest.mark.parametrize("said", [WHEEL_22, WHEEL_26])
def test_error_of_a_build_names_the_distribution_and_quotes_the_build(
    said: str, logs: Path
) -> None:
    error = run(said, links=SDIST).error(["late"])
    assert str(error).splitlines()[:-1] == [
        "Building late 1.0 failed: the header flux.h is missing; the overlay is unchanged.",
        "  late/core.c:1:10: fatal error: flux.h: No such file or directory",
        "  error: command gcc failed with exit code 1",
    ]
    [log] = logs.iterdir()
    assert "compiling late/core.c" in log.read_text()
    assert error.hint == (
        f"for all of its output: cat {log}; no wheel fits this Python: try another version, "
        "or --only-binary :all: for any that has one"
    )
    assert vars(error)["requirements"] == ["late"]


NO_BACKEND_23 = """
ERROR: Exception:
Traceback (most recent call last):
  File "/pip/_internal/cli/base_command.py", line 180, in exc_logging_wrapper
    status = run_func(*args)
pip._vendor.pyproject_hooks._impl.BackendUnavailable: Traceback (most recent call last):
  File "/pip/_vendor/pyproject_hooks/_in_process/_in_process.py", line 77, in _build_backend
    obj = import_module(mod_path)
AttributeError: module 'pkgutil' has no attribute 'ImpImporter'
"""

NO_BACKEND_26 = """
  error: backend-unavailable

  \u00d7 Cannot import build backend 'setuptools.build_meta'.
  \u2570\u2500> AttributeError: module 'pkgutil' has no attribute 'ImpImporter'

  note: This is likely not a problem with pip.
ERROR: Failed to build 'late' when calling build backend hook get_requires_for_build_wheel
"""


@pytest.mark.parametrize("said", [NO_BACKEND_23, NO_BACKEND_26])
def test_error_of_a_build_that_cannot_begin_is_one_line_and_not_a_traceback_of_pip(
    said: str,
) -> None:
    error = run(said, links=SDIST).error()
    assert error.message == (
        "Building late 1.0 failed; the overlay is unchanged.\n  AttributeError: module 'pkgutil' "
        "has no attribute 'ImpImporter'"
    )
    assert error.hint and "no wheel fits this Python" in error.hint
    assert not run(said).impossible


def test_error_of_a_fault_in_pip_is_its_last_line() -> None:
    said = "ERROR: Exception:\nTraceback (most recent call last):\n  File x\nKeyError: 'x'"
    error = run(said).error()
    assert error.message == "pip failed; the overlay is unchanged.\n  KeyError: 'x'"
    assert error.hint and "-v" in error.hint


def test_error_of_a_build_without_a_name_is_about_the_distribution_prepared_last() -> None:
    links = "Processing ./links/alpha-1.0.tar.gz\nProcessing ./links/flux_x-2.1.zip (from alpha)"
    error = run(METADATA, links=links).error()
    assert str(error).splitlines()[:2] == [
        "Building flux_x 2.1 failed; the overlay is unchanged.",
        "  error: the flux capacitor is missing",
    ]


@pytest.mark.parametrize(
    ("links", "name"),
    [
        ("Processing /home/alice/mine", "/home/alice/mine"),
        ("Obtaining file:///home/alice/mine", "file:///home/alice/mine"),
        ("Processing /home/alice/mine (from beta)", "/home/alice/mine"),
        ("", "a distribution"),
    ],
)
def test_error_of_a_build_of_a_directory_names_it_and_does_not_suggest_a_wheel(
    links: str, name: str
) -> None:
    error = run(METADATA, links=links).error()
    assert str(error).startswith(f"Building {name} failed; ")
    assert error.hint and "wheel" not in error.hint


def test_error_of_a_build_of_a_file_that_the_user_names_does_not_suggest_a_wheel() -> None:
    error = run(WHEEL_26, links="Processing ./late-1.0.tar.gz", arguments="./late-1.0.tar.gz")
    assert "wheel" not in (error.error().hint or "")


@pytest.mark.parametrize("said", [NESTED_22, NESTED_26])
def test_error_of_a_build_requirement_quotes_the_inner_build_too(said: str) -> None:
    error = run(said, links="Processing ./links/deep-1.0.tar.gz").error()
    lines = str(error).splitlines()
    assert lines[0] == (
        "Building deep 1.0 failed: the header flux.h is missing; the overlay is unchanged."
    )
    assert lines[1:-1] == [
        "        late/core.c:1:10: fatal error: flux.h: No such file or directory",
        "  Failed to build late",
    ]


def test_error_of_a_build_is_about_the_last_of_several_blocks() -> None:
    first = METADATA.replace("the flux capacitor is missing", "a warning, and no more")
    error = run(first + WHEEL_26, links=SDIST).error()
    assert str(error).startswith("Building late 1.0 failed: ")
    assert "a warning, and no more" not in str(error)


def built(*lines: str) -> list[str]:
    """The lines that the error of a build quotes, at most two, if the build prints these."""
    indented = "\n".join(f"      {line}" for line in lines)
    said = (
        f"  \u00d7 Building wheel for late did not run successfully.\n  ╰─> [{len(lines)} lines of "
    )
    quoted: list[str] = vars(run(f"{said}output]\n{indented}\n      [end of output]").error())[
        "output"
    ]
    return quoted


def test_a_long_build_is_quoted_with_its_error_and_its_last_line() -> None:
    noise = [f"step {number}" for number in range(200)]
    told = ["Traceback (most recent call last):", "  in setup.py", "ValueError: no flux"]
    assert built(*noise, *told) == told[-1:]
    assert built("core.c:1: error: no flux", *noise) == ["core.c:1: error: no flux", noise[-1]]
    fatal = "core.c:2: fatal error: flux.h: No such file or directory"
    assert built("error: one thing", fatal, *noise) == [fatal, noise[-1]]
    assert built(*noise) == noise[-1:]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        (
            "core.c:1:10: fatal error: sub/flux.h: No such file or directory",
            "the header sub/flux.h",
        ),
        ("error: command 'gcc' failed: No such file or directory", "gcc"),
        ("unable to execute 'g++': No such file or directory", "g++"),
        ("/bin/sh: 1: cmake: not found", "cmake"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cargo'", "cargo"),
        ("error: can't find Rust compiler", "the Rust compiler"),
        ("CMake Error: No CMAKE_C_COMPILER could be found.", "a compiler"),
        ("../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc']]", "a compiler"),
    ],
)
def test_what_a_build_lacks_is_said(line: str, missing: str) -> None:
    said = WHEEL.replace("late/core.c:1:10: fatal error: flux.h: No such file or directory", line)
    error = run(said, links=SDIST).error()
    assert error.message.startswith(f"Building late 1.0 failed: {missing} is missing; ")


def test_a_module_that_a_build_lacks_is_said() -> None:
    said = METADATA.replace(
        "error: the flux capacitor is missing", "ModuleNotFoundError: No module named 'numpy'"
    )
    assert ": its build needs the module numpy; " in run(said, links=SDIST).error().message


def test_a_name_that_no_index_has_may_be_one_of_condas_packages() -> None:
    fork = "conda overlay fork --from science -n mine --conda nosuch"
    error = run(NOSUCH).error(["nosuch>=2"], "science")
    assert error.hint == f"check the name; if it is a conda package: {fork}"
    assert "fork" not in (run(NOSUCH).error(["other"], "science").hint or "")
    assert "fork" not in (run(OTHER_VERSIONS).error(["Al_pha==9"], "science").hint or "")


def test_build_that_prints_nothing_has_no_lines_to_show(logs: Path) -> None:
    said = "  \u00d7 Building wheel for late did not run successfully.\n  ╰─> No available output."
    error = run(f"{said}\n  ERROR: Failed building wheel for late").error()
    assert str(error).splitlines() == [
        "Building late failed; the overlay is unchanged.",
        f"Hint: for all of its output: cat {next(logs.iterdir())}",
    ]

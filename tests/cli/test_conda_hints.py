"""conda points to the overlay where it cannot change an environment, and checks it."""

from __future__ import annotations

from typing import Any

import pytest
from conda.base.context import context
from conda.exceptions import EnvironmentNotWritableError
from packaging.version import Version

from conda_overlay.cli import conda_hints
from tests.bench import Bench


@pytest.mark.parametrize(
    ("spec", "requirement"),
    [
        ("flask", "flask"),
        ("flask>=3", "flask>=3"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("conda-forge::numpy>=1.20,<2", "numpy<2,>=1.20"),
        ("numpy 1.26.4 py312_0", "numpy==1.26.4"),
        ("numpy=1.2|1.3", "numpy"),
        ("python=3.12", None),
        ("*[track_features=x]", None),
        ("/tmp/flask-3.0-py_0.conda", None),
    ],
)
def test_a_package_of_conda_is_translated_for_pip_as_far_as_it_can_be(
    spec: str, requirement: str | None
) -> None:
    assert conda_hints.pip_requirement(spec) == requirement


def test_an_error_of_a_protected_environment_ends_with_the_command_to_type(quick: Bench) -> None:
    """On a conda that asks for hints; others say what they always do."""
    argv = [str(quick.conda.executable), "install", "-y", "--freeze-installed", "-n", "science"]
    done = quick.user.run([*argv, "python", "flask>=3"], env={"CONDA_OFFLINE": "1"})
    assert done.returncode == 1 and "Traceback" not in done.stderr
    if Version(quick.conda.version) >= Version("26.7"):
        assert "conda overlay install -n science 'flask>=3'" in done.stderr


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ({"cmd": "install", "packages": ["flask"], "name": "science"}, "install -n science flask"),
        ({"cmd": "install", "packages": ["python"], "prefix": "/a b"}, "install -p '/a b' NAME"),
        ({"cmd": "update", "packages": ["flask"]}, "install --upgrade flask"),
        ({"cmd": "update", "packages": [], "name": "science"}, "update -n science"),
        ({"cmd": "remove", "packages": ["flask"]}, None),
    ],
)
def test_the_command_is_that_of_what_was_typed(typed: dict[str, Any], command: str | None) -> None:
    context.__init__(argparse_args=typed)
    protected = type("EnvironmentIsFrozenError", (Exception,), {})()
    wanted = command and f"Use your own overlay of it: conda overlay {command}"
    assert conda_hints.for_error(protected) == wanted
    assert conda_hints.for_error(EnvironmentNotWritableError("/x")) == wanted
    assert conda_hints.for_error(ValueError()) is None
    context.__init__()


def test_doctor_says_what_is_wrong_with_the_overlay_and_fixes_it_where_it_can(
    quick: Bench,
) -> None:
    doctor = [str(quick.conda.executable), "doctor", "-n", "science"]
    said = quick.user.run(doctor, env=quick.environ).stdout
    assert "overlay" not in said.replace(str(quick.host), "")
    quick.given("install", "alpha==1.5")
    said = quick.user.run(doctor, env=quick.environ).stdout
    assert f"✅ The overlay {quick.overlay} holds together." in said
    module = quick.site / "alpha" / "__init__.py"
    quick.given("install", "new")
    module.unlink()
    said = quick.user.run(doctor, env=quick.environ).stdout
    assert f"❌ The overlay {quick.overlay} has findings." in said
    assert "alpha lacks" in said
    if Version(quick.conda.version) >= Version("26.5"):
        done = quick.user.run([*doctor, "--fix", "--yes", "overlay"], env=quick.environ)
        assert done.returncode == 0, done
        assert module.exists() and quick.revision == 3

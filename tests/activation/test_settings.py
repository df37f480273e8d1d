"""The settings are conda's, in commands and in activation, and no change of conda's goes unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.activation.settings import Settings
from tests.activation.made import overlay
from tests.activation.run import Dump, Shell
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.long import first

READ = """
from conda.base.context import reset_context
from conda_overlay.activation import settings
reset_context()
print(tuple(settings.{}()))
"""
CONDARC = """\
plugins:
  overlay_dirs: [/a, ~/b]
  overlay_trusted_owners: [daemon]
  overlay_keep_revisions: 3
"""
TAKEN_AWAY = {
    "PluginConfig": "from conda.base import context as c; c.__dict__.pop('PluginConfig', 0)\n"
    "import conda.plugins; sys.modules['conda.plugins.config'] = None",
    "ParameterLoader": "import conda.common.configuration as c; del c.ParameterLoader",
    "raw_data": "import conda.base.context as c; c.context = None",
    "_set_name": "import conda.common.configuration as c; del c.ParameterLoader._set_name",
}


def read(conda: Conda, user: User, function: str, **environ: str) -> tuple[str, str]:
    python = conda.prefix / "bin" / "python"
    done = user.run([python, "-c", READ.format(function)], env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_a_condarc_and_a_variable_are_read(conda: Conda, alice: User) -> None:
    (alice.home / ".condarc").write_text(CONDARC)
    own = Settings(("/c", "/a", "~/b"), ("daemon",), 3)
    where = {"CONDA_PLUGINS_OVERLAY_DIRS": "/c"}
    assert read(conda, alice, "observe", **where) == (str(tuple(own)), "")
    part = Settings(own.overlay_dirs, own.overlay_trusted_owners)
    assert read(conda, alice, "at_activation", **where) == (str(tuple(part)), "")


def test_there_are_defaults(conda: Conda, alice: User) -> None:
    for function in ("observe", "at_activation"):
        assert read(conda, alice, function) == (str(tuple(Settings())), "")


def test_activation_does_not_mind_a_fault_in_what_it_does_not_need(
    conda: Conda, alice: User
) -> None:
    (alice.home / ".condarc").write_text(CONDARC.replace(": 3", ": soon"))
    assert "/a" in read(conda, alice, "at_activation")[0]


@first(1)
@pytest.mark.parametrize("name", TAKEN_AWAY)
def test_without_a_name_of_condas_the_default_is_wired_and_a_line_says_so(
    conda: Conda, alice: User, name: str
) -> None:
    overlay(alice.home / "other", conda.env("science"), alice)
    science = overlay(alice.home / ".conda" / "overlays", conda.env("science"), alice)
    (alice.home / ".condarc").write_text(f"plugins:\n  overlay_dirs: [{alice.home}/other]\n")
    assert activated(conda, alice)[0] == [alice.home / "other" / "science"]
    # What is registered after the start-up hook's function runs before it.
    site = Path(alice.run([conda.prefix / "bin" / "python", "-m", "site", "--user-site"]).stdout)
    custom = Path(str(site).strip()) / "usercustomize.py"
    alice.run(["mkdir", "-p", custom.parent])
    body = "".join(f"    {line}\n" for line in TAKEN_AWAY[name].splitlines())
    custom.write_text(f"import atexit, sys\n\n\ndef take():\n{body}\n\natexit.register(take)\n")
    layers, stderr = activated(conda, alice)
    assert layers == [science.path]
    [line] = stderr.splitlines()
    assert line.startswith("conda-overlay: conda's settings cannot be read (")
    assert line.endswith("), so ~/.conda/overlays is used; see: conda overlay status")


def activated(conda: Conda, alice: User) -> tuple[list[Path], str]:
    """The overlays that are wired for science, and what activation says on stderr."""
    ran = Shell("bash", conda, alice).run(["conda activate science", Dump("active")])
    assert ran.returncode == 0
    sites = ran.environs["active"].get("PYTHONPATH", "").split(":")
    return [Path(site).parents[2] for site in filter(None, sites)], ran.stderr

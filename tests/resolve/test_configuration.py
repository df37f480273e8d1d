"""Which configuration of pip changes the meaning of a request that is satisfied."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from conda_overlay.resolve.configuration import files_in, in_effect, is_plain, settings

PLACES = {
    "user": ("HOME", ".config/pip/pip.conf"),
    "legacy": ("HOME", ".pip/pip.conf"),
    "XDG": ("XDG_CONFIG_HOME", "pip/pip.conf"),
    "system": ("XDG_CONFIG_DIRS", "pip/pip.conf"),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is configured, whatever is on this machine."""
    for name in ("XDG_CONFIG_HOME", *(name for name in os.environ if name.startswith("PIP_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("variable", "plain"),
    [
        *(("INDEX_URL", True), ("NO_INDEX", True), ("PRE", True), ("CONSTRAINT", False)),
        *(("UPGRADE", False), ("NO_DEPS", False), ("OPTION_OF_A_LATER_PIP", False)),
    ],
)
def test_each_variable_counts_by_what_it_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, plain: bool
) -> None:
    assert is_plain(tmp_path)
    monkeypatch.setenv(f"PIP_{variable}", "1")
    assert is_plain(tmp_path) is plain


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("[global]\nindex-url = http://x\n[list]\nformat = json\n", True),
        ("[install]\nconstraint = /c.txt\n", False),
        ("[global]\n--upgrade = yes\n", False),
        ("[global]\nforce_reinstall = 1\n", False),
        ("no section\n", False),
        ("[global]\nindex-url = \xff\n", False),
    ],
)
def test_each_file_counts_by_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, text: str, plain: bool
) -> None:
    variable, name = PLACES[place]
    file = tmp_path / place / name
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv(variable, str(tmp_path / place))
    assert is_plain(tmp_path) is plain


def test_file_of_the_environment_counts_and_so_does_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nupgrade = true\n")
    assert not is_plain(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")  # no file is read
    assert is_plain(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert not is_plain(tmp_path / "elsewhere")


def test_of_several_values_the_one_that_pip_uses_is_in_effect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable before the section of the command, and that before the other, in any file."""

    def found(prefix: Path) -> dict[str, str]:
        names = ("user", "target", "root", "prefix")  # this machine may configure others
        return {name: value for name, value in in_effect(prefix).items() if name in names}

    mine = tmp_path / "home/.config/pip/pip.conf"
    mine.parent.mkdir(parents=True)
    mine.write_text("[install]\nuser = yes\nroot =\n[list]\nprefix = /x\n")
    (tmp_path / "pip.conf").write_text("[global]\nuser = no\ntarget = /there\n")
    assert found(tmp_path) == {"user": "yes", "target": "/there"}
    monkeypatch.setenv("PIP_USER", "0")
    assert found(tmp_path)["user"] == "0"
    named = tmp_path / "named.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(named))
    assert found(tmp_path / "elsewhere") == {"user": "0"}
    monkeypatch.delenv("PIP_USER")
    named.write_text("[global]\nroot = /mine\n")  # then pip does not read the user's own
    assert found(tmp_path / "elsewhere") == {"root": "/mine"}


def test_files_that_options_name_count_by_their_content(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also those that a file of constraints names, relative to it; but not a log."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "more").mkdir()
    written = {"c.txt": "-c more/c.txt\n", "more/c.txt": "a<2\n", "log": "", "wheels/a.whl": ""}
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    for variable, value in (
        ("CONSTRAINT", "c.txt gone.txt"),
        ("FIND_LINKS", (tmp_path / "wheels").as_uri()),
        ("LOG", "log"),
        ("INDEX_URL", "https://localhost/simple"),
    ):
        monkeypatch.setenv(f"PIP_{variable}", value)
    (tmp_path / "wheels" / ".#a").symlink_to("nobody@nowhere")  # as editors lock a file
    seen = [files_in(settings(tmp_path))]
    assert [path for path, _ in seen[0]] == [
        str(tmp_path / name) for name in ("c.txt", "more/c.txt", "wheels")
    ]
    for name in written:
        (tmp_path / name).write_text("other\n")
        seen.append(files_in(settings(tmp_path)))
    assert [one != other for one, other in pairwise(seen)] == [True, False, False, True]

"""Which configuration of pip changes the meaning of a request that is satisfied."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.resolve.configuration import is_plain

PLACES = {
    "user": ("HOME", ".config/pip/pip.conf"),
    "legacy": ("HOME", ".pip/pip.conf"),
    "XDG": ("XDG_CONFIG_HOME", "pip/pip.conf"),
    "system": ("XDG_CONFIG_DIRS", "pip/pip.conf"),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is configured, whatever is on this machine."""
    for name in ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_TRUSTED_HOST", "XDG_CONFIG_HOME"):
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

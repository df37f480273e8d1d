"""What the host's interpreter finds is compared with the plan, and each file with RECORD."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_overlay.change.verify import started, verify
from conda_overlay.core.errors import VerificationError
from conda_overlay.core.models import Change, Plan
from conda_overlay.host.host import Host
from conda_overlay.layer.state import read_state
from tests.host.small import install, small_host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """With ``tool`` 1.0."""
    host = small_host(tmp_path / "host")
    install(host, host.prefix, "tool", "1.0")
    return host


@pytest.fixture
def tree(tmp_path: Path, host: Host) -> Path:
    """With ``tool`` 2.0."""
    install(host, tmp_path / "tree", "tool", "2.0", {"tool/__init__.py": "", "tool/a.txt": ""})
    return tmp_path / "tree"


def change(after: str | None, host_version: str | None = "1.0", *differs: str) -> Change:
    return Change("Tool", "x", host_version, None, after, differs or ("version",), "asked")


def verified(host: Host, tree: Path, *changes: Change) -> list[str]:
    after = read_state(tree, host.site_below_prefix, {})
    plan = Plan("/host", "/overlay", changes)
    sites = [tree / host.site_below_prefix]
    with started(host, sites) as interpreter:
        return verify(interpreter, host, sites, after, plan)


def faults(host: Host, tree: Path, *changes: Change) -> list[str]:
    with pytest.raises(VerificationError) as caught:
        verified(host, tree, *changes)
    assert str(caught.value).startswith("Verification failed; the overlay is unchanged.\n")
    found: list[str] = vars(caught.value)["faults"]
    return found


def info(host: Host, tree: Path) -> Path:
    return tree / host.site_below_prefix / "tool-2.0.dist-info"


def test_tree_that_is_as_planned_passes(host: Host, tree: Path) -> None:
    assert verified(host, tree, change("2.0")) == []
    assert verified(host, tree) == []


def test_other_version_than_planned_is_a_fault(host: Host, tree: Path) -> None:
    assert faults(host, tree, change("3.0")) == ["Tool is 2.0, not 3.0"]


def test_distribution_that_is_not_there_is_a_fault(host: Host, tree: Path) -> None:
    other = Change("Other", "add", None, None, "1.0", ("version",), "asked")
    assert faults(host, tree, other) == ["Other is None, not 1.0", "Other is installed 0 times"]


def test_file_that_record_lists_and_is_not_there_is_a_fault(host: Host, tree: Path) -> None:
    (tree / host.site_below_prefix / "tool" / "a.txt").unlink()
    assert faults(host, tree, change("2.0")) == [f"Tool lacks {host.site_below_prefix}/tool/a.txt"]


def test_broken_link_and_bytecode_that_is_not_there_are_no_faults(host: Host, tree: Path) -> None:
    path = tree / host.site_below_prefix / "tool" / "a.txt"
    path.unlink()
    path.symlink_to("nowhere")
    with (info(host, tree) / "RECORD").open("a") as record:
        record.write("tool/__pycache__/__init__.cpython-311.pyc,,\n")
    assert verified(host, tree, change("2.0")) == []


def test_distribution_without_a_record_is_a_fault(host: Host, tree: Path) -> None:
    (info(host, tree) / "RECORD").unlink()
    assert faults(host, tree, change("2.0")) == ["Tool has no RECORD"]


def test_distribution_that_is_installed_twice_is_a_fault(host: Host, tree: Path) -> None:
    install(host, tree, "tool", "1.5", {"old.py": ""})
    assert "Tool is installed 2 times" in faults(host, tree, change("2.0"))


def test_distribution_that_another_place_hides_is_a_fault(host: Host, tree: Path) -> None:
    """A ``.pth`` file or a customization of the host may put another place first."""
    above = install(host, tree.parent / "above", "tool", "2.0")
    text = f"import sys\nsys.path.insert(0, {str(above)!r})\n"
    (tree / host.site_below_prefix / "sitecustomize.py").write_text(text)
    assert faults(host, tree, change("2.0")) == [f"Tool comes from {above}"]


def test_overlay_that_does_not_come_before_the_host_is_a_fault(host: Host, tree: Path) -> None:
    site = tree / host.site_below_prefix
    where = f"the overlay does not come before {host.site_packages}"
    move = f"import sys\nsys.path.remove({str(site)!r})\n"
    (site / "sitecustomize.py").write_text(move)
    assert where in faults(host, tree, change("2.0"))
    (site / "sitecustomize.py").write_text(f"{move}sys.path.append({str(site)!r})\n")
    assert where in faults(host, tree, change("2.0"))


def test_metadata_that_cannot_be_read_is_a_fault(host: Host, tree: Path) -> None:
    (info(host, tree) / "METADATA").write_bytes(b"Name: tool\nVersion: \x9c\n")
    [fault] = faults(host, tree, change("2.0"))
    assert fault.startswith(f"the metadata of tool in {tree / host.site_below_prefix}: ")


def test_current_directory_does_not_matter(
    host: Host, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project of the same name may be there, as ``-c`` would find it."""
    monkeypatch.chdir(install(host, tmp_path / "project", "tool", "9.0"))
    assert verified(host, tree, change("2.0")) == []


def test_removed_distribution_shows_that_of_the_host(host: Host, tree: Path) -> None:
    assert faults(host, tree, change(None)) == ["Tool is 2.0, not 1.0"]
    bare = tree.with_name("bare")
    (bare / host.site_below_prefix).mkdir(parents=True)
    assert verified(host, bare, change(None)) == []


def test_removed_distribution_that_is_elsewhere_too_is_a_note(host: Host, tree: Path) -> None:
    """As in ``~/.local``, which comes before the host."""
    elsewhere = install(host, tree.parent / "elsewhere", "tool", "9.0")
    bare = tree.with_name("bare")
    (bare / host.site_below_prefix).mkdir(parents=True)
    text = f"import sys\nsys.path.insert(0, {str(elsewhere)!r})\n"
    (bare / host.site_below_prefix / "sitecustomize.py").write_text(text)
    assert verified(host, bare, change(None)) == [f"Tool 9.0 of {elsewhere} is in effect now"]


def test_change_of_the_history_alone_is_not_looked_at(host: Host, tree: Path) -> None:
    assert verified(host, tree, change("7.0", "1.0", "reason")) == []


@pytest.mark.parametrize("differs", ["version", "origin", "content"])
def test_change_of_files_is_looked_at(host: Host, tree: Path, differs: str) -> None:
    assert faults(host, tree, change("7.0", "1.0", "reason", differs))


def test_what_a_customization_prints_does_not_matter(host: Host, tree: Path) -> None:
    text = "print('hello')\n"
    (tree / host.site_below_prefix / "sitecustomize.py").write_text(text)
    assert verified(host, tree, change("2.0")) == []


def test_interpreter_that_fails_is_told_by_its_last_lines(host: Host, tree: Path) -> None:
    text = "import os, sys\nsys.stderr.write('1\\n2\\n3\\n4\\n5\\n6\\n')\nsys.stderr.flush()\n"
    (tree / host.site_below_prefix / "sitecustomize.py").write_text(f"{text}os._exit(1)\n")
    assert faults(host, tree, change("2.0")) == ["2", "3", "4", "5", "6"]

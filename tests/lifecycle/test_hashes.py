"""Hashes that a user gives with a requirement belong to it, also in later commands."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench

LINES = {
    "name": "mine==1.0 --hash=sha256:{sha256}",
    "one of two": "mine==1.0 --hash=sha256:" + "0" * 64 + " \\\n    --hash sha512:{sha512}  # ours",
    "URL alone": "{uri}#sha256={sha256}",
    "URL with an option": "mine @ {uri} --hash=sha512:{sha512}",
    "path": "{path} --hash=sha256:{sha256}",
}


@pytest.fixture
def wheel(links: Path) -> Path:
    return dists.wheel(links, "mine", "1.0")


def filled(line: str, wheel: Path) -> str:
    whole = wheel.read_bytes()
    digests = {name: hashlib.new(name, whole).hexdigest() for name in ("sha256", "sha512")}
    return line.format(uri=wheel.as_uri(), path=wheel, **digests)


def requirements(scratch: Path, wheel: Path, line: str = "name") -> Path:
    """A requirements file with one of the lines, and where the wheel is."""
    file = scratch / "r.txt"
    file.write_text(f"--find-links {wheel.parent}\n{filled(LINES[line], wheel)}\n")
    return file


def check(bench: Bench, wheel: Path) -> None:
    exported = bench.export()
    text = exported.read_text()
    bench.change("undo", "0")
    bench.change("apply", exported)
    assert bench.distributions() == ["mine-1.0"]
    assert bench.export().read_text() == text
    bench.change("undo", "0")
    dists.wheel(wheel.parent, "mine", "1.0", files={"mine/other.py": "other = True\n"})
    assert "DO NOT MATCH THE HASHES" in bench.refuse("apply", exported)
    assert bench.distributions() == []


@pytest.mark.parametrize("line", LINES)
def test_apply_installs_no_other_file_than_that_of_the_hash(
    quick: Bench, wheel: Path, scratch: Path, line: str
) -> None:
    file = requirements(scratch, wheel, line)
    quick.install("-r", file)
    check(quick, wheel)


@pytest.mark.parametrize("line", ["mine @ {uri}#sha256={sha256}", "{uri}#egg=mine&sha256={sha256}"])
def test_the_hash_of_a_typed_url_stays(quick: Bench, wheel: Path, line: str) -> None:
    quick.install(filled(line, wheel))
    check(quick, wheel)


def test_a_url_without_a_hash_may_have_another_file_later(quick: Bench, wheel: Path) -> None:
    quick.install(wheel.as_uri())
    exported = quick.export()
    quick.change("undo", "0")
    dists.wheel(wheel.parent, "mine", "1.0", files={"mine/other.py": "other = True\n"})
    quick.change("apply", exported)
    assert (quick.site / "mine/other.py").exists()


def test_requirements_without_hashes_stay_beside_those_that_have_them(
    quick: Bench, wheel: Path, scratch: Path
) -> None:
    file = requirements(scratch, wheel)
    dists.wheel(wheel.parent, "other", "1.0", requires=["mine"])
    quick.install("-r", file)
    quick.install("--find-links", wheel.parent, "other")
    exported = quick.export()
    quick.change("undo", "0")
    quick.change("apply", exported)
    assert quick.distributions() == ["mine-1.0", "other-1.0"]
    options = {key: one["options"] for key, one in quick.record()["distributions"].items()}
    assert [key for key in options if any("--hash" in option for option in options[key])] == [
        "mine"
    ]


def test_installing_again_with_a_hash_adds_it(quick: Bench, wheel: Path, scratch: Path) -> None:
    quick.install("--find-links", wheel.parent, "mine")
    file = scratch / "r.txt"
    file.write_text(filled(LINES["name"], wheel))
    quick.install("-r", file)
    assert filled("--hash=sha256:{sha256}", wheel) in quick.export().read_text()


def test_update_by_name_gives_up_the_hash(quick: Bench, wheel: Path, scratch: Path) -> None:
    file = requirements(scratch, wheel)
    quick.install("-r", file)
    dists.wheel(wheel.parent, "mine", "2.0")
    quick.change("update", "mine")
    assert quick.distributions() == ["mine-2.0"]
    assert "--hash" not in quick.export().read_text()


def test_a_build_setting_behind_a_requirement_is_recorded(
    quick: Bench, links: Path, scratch: Path
) -> None:
    dists.sdist(links, "mine", "1.0")
    file = scratch / "r.txt"
    file.write_text(f"--find-links {links}\nmine --config-settings=editable_mode=strict\n")
    quick.install("-r", file)
    options = quick.record()["distributions"]["mine"]["options"]
    assert "--config-settings=editable_mode=strict" in options


@pytest.mark.parametrize("how", ["apply", "install"])
def test_no_other_file_keeps_running_under_a_hash(
    quick: Bench, wheel: Path, scratch: Path, how: str
) -> None:
    """Of the same name and version."""
    file = requirements(scratch, wheel)
    quick.install("-r", file)
    exported = quick.export()
    quick.change("undo", "0")
    dists.wheel(wheel.parent, "mine", "1.0", files={"mine/other.py": "other = True\n"})
    quick.install("--find-links", wheel.parent, "mine==1.0")
    words = ["-r", file] if how == "install" else [exported]
    assert "DO NOT MATCH THE HASHES" in quick.refuse(how, "--yes", *words)


def test_the_hash_of_a_version_does_not_stay_with_another_requirement(
    quick: Bench, wheel: Path, scratch: Path
) -> None:
    file = requirements(scratch, wheel)
    quick.install("-r", file)
    dists.wheel(wheel.parent, "mine", "2.0")
    quick.install("--find-links", wheel.parent, "mine>=1")
    assert "--hash" not in quick.export().read_text()

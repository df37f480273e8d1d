"""Options of pip belong to the requirements that they were typed for, also in later commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG, few

BROKEN = "def build_wheel(*_):\n    raise SystemExit('it cannot be built')\n"


@pytest.fixture
def found(quick: Bench, wheels: Path, links: Path) -> Bench:
    """Whose pip finds foo 1.0b1; bar 1.0 and 2.0b1, which cannot be built; and aaa."""
    dists.wheel(links, "foo", "1.0b1")
    for version in ("1.0", "2.0b1"):
        dists.wheel(links, "bar", version)
    dists.sdist(links, "bar", "1.0", backend=BROKEN)
    dists.sdist(links, "foo", "0.9")
    dists.wheel(links, "aaa", "1.0", requires=["zzz"])
    return replace(quick, environ={**quick.environ, "PIP_FIND_LINKS": f"{wheels} {links}"})


def again(bench: Bench, how: str) -> None:
    """Update, or export and apply."""
    if how == "update":
        bench.change("update")
        return
    exported = bench.export()
    bench.change("undo", "0")
    bench.change("apply", exported, *how.split()[1:])


@LONG
@pytest.mark.parametrize("how", few(["update", "apply", "apply --locked"], "apply"))
def test_prereleases_of_one_are_none_of_another(found: Bench, how: str) -> None:
    found.install("--pre", "foo")
    found.install("bar")
    again(found, how)
    assert found.distributions() == ["bar-1.0", "foo-1.0b1"]
    assert {key: entry["options"] for key, entry in found.record()["distributions"].items()} == {
        "foo": ["--pre"],
        "bar": [],
    }


@LONG
@pytest.mark.parametrize("how", few(["update", "apply"], "update"))
def test_what_is_built_for_one_is_not_built_for_another(found: Bench, how: str) -> None:
    found.install("--no-binary", ":all:", "foo")
    found.install("bar")
    again(found, how)
    assert found.distributions() == ["bar-1.0", "foo-0.9"]


def test_options_of_one_command_are_of_all_its_requirements(found: Bench) -> None:
    found.install("--pre", "foo", "bar")
    assert found.distributions() == ["bar-2.0b1", "foo-1.0b1"]
    again(found, "apply")
    assert found.distributions() == ["bar-2.0b1", "foo-1.0b1"]


def test_options_of_a_repeated_request_count_from_then_on(found: Bench, links: Path) -> None:
    found.install("--find-links", links, "foo==1.0b1")
    assert "other options for pip" in found.install("--pre", "foo")
    entry = found.record()["distributions"]["foo"]
    assert sorted(entry["options"]) == [f"--find-links={links}", "--pre"]
    assert "Nothing to do" in found.install("--pre", "foo")
    dists.wheel(links, "foo", "2.0b1")
    found.change("note", "foo", "--intent", "fix")
    found.install("foo>=1.0b1")
    found.change("update", "foo")
    assert found.distributions() == ["foo-2.0b1"]


def test_an_option_that_is_repeated_is_recorded_once(found: Bench, links: Path) -> None:
    found.install("-f", links, "-f", links, "bar")
    found.change("update", "-f", links)
    entry = found.record()["distributions"]["bar"]
    assert (entry["options"], found.revision) == ([f"--find-links={links}"], 1)
    index = [f"--extra-index-url={one.as_uri()}" for one in (links, links / "more")]
    for _ in range(2):
        found.change("update", *index)
        entry = found.record()["distributions"]["bar"]
        assert (entry["options"], found.revision) == ([f"--find-links={links}", *index], 2)


def test_what_one_needs_of_the_places_of_another_is_there_in_any_order(
    found: Bench, scratch: Path
) -> None:
    elsewhere = scratch / "elsewhere"
    dists.wheel(elsewhere, "zzz", "1.0")
    found.install("--find-links", elsewhere, "zzz")
    found.install("aaa")
    again(found, "apply")
    assert found.distributions() == ["aaa-1.0", "zzz-1.0"]


def test_requirements_name_what_is_to_be_built(found: Bench) -> None:
    found.install("--no-binary", ":all:", "--pre", "foo==0.9")
    found.install("bar")
    lines = found.ask("export", "--format", "requirements.txt").splitlines()
    assert "--no-binary=foo" in lines
    assert not [line for line in lines if line.startswith("--pre") or ":all:" in line]
    assert [line.partition(" ")[0] for line in lines if "==" in line] == ["bar==1.0", "foo==0.9"]


@pytest.mark.parametrize(
    ("line", "how"),
    [
        *(("--index-url {uri}", how) for how in ("update", "apply")),
        *(("--find-links ../lab", how) for how in ("update", "apply")),
        ("-i {uri}", "update"),
        ("--constraint=c.txt", "apply"),
        ("-r i.txt", "update"),
    ],
)
def test_options_in_a_requirements_file_are_recorded_as_if_typed(
    quick: Bench, links: Path, scratch: Path, line: str, how: str
) -> None:
    """Elsewhere there is a newer one of the same name."""
    for directory, version in ((scratch / "lab", "1.0"), (links, "1.0"), (links, "2.0")):
        dists.wheel(directory, "mine", version)
    uri = dists.index(scratch / "lab").as_uri()
    project = scratch / "project"
    project.mkdir()
    (project / "c.txt").write_text("mine<2\n")
    (project / "i.txt").write_text(f"--index-url={uri}\n")
    (project / "r.txt").write_text(f"# ours\n{line.format(uri=uri)}  # of the lab\nmine\n")
    elsewhere = dists.index(links).as_uri()
    environ = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": elsewhere}
    if "find-links" in line:
        environ = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1"}
    bench = replace(quick, environ=environ)
    bench.install("-r", project / "r.txt")
    assert bench.distributions() == ["mine-1.0"]
    again(bench, how)
    assert bench.distributions() == ["mine-1.0"]
    assert bench.record()["distributions"]["mine"]["options"]


def test_constraints_whose_file_is_gone_are_named(found: Bench, links: Path, scratch: Path) -> None:
    file = scratch / "c.txt"
    file.write_text("bar<2\n")
    found.install("-c", file, "bar")
    file.unlink()
    dists.wheel(links, "tool", "1.0")
    found.install("tool")
    dists.wheel(links, "tool", "2.0")
    lost = f"it was requested with -c {file}, which does not exist"
    told = found.change("update")
    assert f"bar is not updated: {lost}; conda overlay install -n science bar, which" in told
    assert "tool-2.0" in found.distributions()
    for command in (["update", "bar"], ["rebase"]):
        assert f"bar: {lost}.\nHint: put it" in found.refuse(*command, "--yes")
    assert f"bar: {lost}.\nHint: put it" in found.refuse("apply", found.export(), "--yes")
    other = scratch / "d.txt"
    other.write_text("bar<2\n")
    for words, options in (("-c", str(other), "bar"), [f"--constraint={other}"]), (("bar",), None):
        if options is None:
            other.unlink()
        found.install(*words)
        assert found.record()["distributions"]["bar"]["options"] == (options or [])
    assert "it was requested" not in found.change("update")

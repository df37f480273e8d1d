"""``conda overlay why``: which copy runs, where from, what it hides, and who put it there."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.activation.settings import Settings
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import HistoryEntry
from conda_overlay.distributions.site import read_distribution
from conda_overlay.edits.originals import files_of, keep_originals
from conda_overlay.filesystem.manifest import take_manifest
from conda_overlay.layer.index import Index
from conda_overlay.layer.stack import Stack
from conda_overlay.report.why import Explanation, InstalledCopy
from conda_overlay.report.why import why as explain
from tests import sources
from tests.bed import dists, place
from tests.bench import Bench
from tests.host.small import install, small_host
from tests.layer.test_store import revision
from tests.lifecycle import edited
from tests.report.test_status import in_user_site, user_site_of

KEYS = {
    *("name", "module", "file", "namespace", "script", "runs", "editable", "edited", "hides"),
    *(
        "revision",
        "since",
        "by",
        "command",
        "reason",
        "required_by",
        "own",
        "differences",
        "isolated",
    ),
}


def why(bench: Bench, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bench.json("why", name)
    assert found.keys() == KEYS
    return found


def test_a_distribution_of_the_overlay_is_explained_in_full(quick: Bench) -> None:
    quick.given("install", "alpha==2.0", "--reason", "ticket 12")
    quick.given("install", "new")
    host = next(quick.host.glob("lib/python3.*/site-packages"))
    for name in ("alpha", "Alpha"):
        found = why(quick, name)
        place = str(quick.overlay)
        mine = {"version": "2.0", "where": "overlay", "place": place, "layer": None}
        assert found["runs"] == mine
        assert found["file"] == str(quick.site / "alpha/__init__.py")
        hidden = {"version": "1.0", "where": "host", "place": str(host), "layer": None}
        assert found["hides"] == [hidden]
        assert (found["revision"], found["reason"]) == (1, "ticket 12")
        assert (found["by"], found["since"][:2]) == (quick.user.name, "20")
        assert found["command"][:3] == ["conda", "overlay", "install"]
        assert "new" in found["required_by"]
        assert found["differences"] == []
        assert found["isolated"] == str(host / "alpha" / "__init__.py")
    printed = quick.ask("why", "alpha")
    there = "from the overlay, instead of 1.0 from the environment"
    assert printed.startswith(f"alpha 2.0 runs {there}.\n")
    assert "revision 1, " in printed and "ticket 12" in printed
    assert str(host) not in printed
    assert f"  hides:       1.0, in {host}\n" in quick.ask("why", "alpha", "-v")


def test_a_module_and_a_script_lead_to_their_distribution(quick: Bench, links: Path) -> None:
    files = {"some_thing/part.py": ""}
    dists.wheel(links, "some-thing", "1.0", files=files, scripts={"run-it": "some_thing:main"})
    quick.install("--find-links", links, "some-thing")
    assert why(quick, "some.thing")["module"] == "some_thing"
    for name in ("some_thing.part", "run-it"):
        found = why(quick, name)
        assert (found["name"], found["revision"]) == ("some-thing", 1)
    assert why(quick, "some_thing.part")["file"] == str(quick.site / "some_thing/part.py")
    assert why(quick, "run-it")["script"] == str(quick.overlay / "bin/run-it")
    found = why(quick, "json")
    assert found["runs"] is None and found["file"].endswith("json/__init__.py")


def test_a_module_that_a_newer_version_dropped_is_told_from_it(quick: Bench, links: Path) -> None:
    dists.wheel(links, "gamma", "9.0", top_level="gamma_9")
    quick.install("--find-links", links, "gamma==9.0")
    found = why(quick, "gamma.__init__")
    assert (found["runs"]["where"], found["runs"]["version"]) == ("host", "1.0")
    said = "gamma 9.0 (overlay) does not contain gamma.__init__, so Python uses this copy"
    assert said in found["differences"]
    shown = why(quick, "gamma")
    assert (shown["runs"]["version"], shown["module"]) == ("9.0", "gamma_9")
    assert "gamma of the hidden 1.0 (environment) can still be imported" in shown["differences"]


def test_a_copy_without_a_file_of_the_package_is_not_said_to_lack_the_module(
    quick: Bench, science: Path, links: Path
) -> None:
    with place.scratch() as directory:
        own = replace(quick, name=str(edited.host(science, directory, links)))
        own.given("edit", "tool", "--no-editor")
        (own.site / "tool" / "__init__.py").unlink()
        assert (own.site / "tool" / "core.py").exists()
        said = "tool 1.0 (overlay) lacks an __init__.py above tool.core, so Python uses this copy"
        assert said in why(own, "tool.core")["differences"]


def test_a_copy_without_the_file_is_not_what_runs(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    shutil.rmtree(quick.site / "alpha")
    found = why(quick, "alpha")
    assert (found["runs"]["where"], found["runs"]["version"]) == ("host", "1.0")
    assert (
        "alpha 2.0 (overlay) does not contain alpha, so Python uses this copy"
        in found["differences"]
    )


def test_what_pythonpath_names_is_of_no_distribution(quick: Bench) -> None:
    place = sources.write(quick.user, quick.user.home / "mine/gamma/__init__.py", "").parents[1]
    done = quick.run("why", *quick.where, "gamma", "--json", env={"PYTHONPATH": str(place)})
    found = json.loads(done.stdout)
    assert (found["runs"], found["file"]) == (None, f"{place}/gamma/__init__.py")
    assert [copy["version"] for copy in found["hides"]] == ["1.0"]
    assert found["differences"][0] == f"PYTHONPATH names {place} first"


OWN = "alpha runs from your own file in the overlay, which no package has"


@pytest.mark.parametrize("name", ["alpha/__init__.py", "alpha.py", "link"])
def test_an_own_file_that_shadows_a_package_is_what_runs(quick: Bench, name: str) -> None:
    quick.given("install", "new")
    if name == "link":
        source = sources.write(quick.user, quick.user.home / "alpha/__init__.py", "").parent
        (quick.site / "alpha").symlink_to(source)
    else:
        sources.write(quick.user, quick.site / name, "")
    for step in ("by hand", "recorded"):
        found = why(quick, "alpha")
        assert found["own"] and found["runs"] is found["revision"] is None, step
        assert found["file"].startswith(f"{quick.site}/alpha")
        assert [copy["version"] for copy in found["hides"]] == ["1.0"]
        assert f"{OWN}, instead of 1.0 from the environment.\n" in quick.ask("why", "alpha")
        quick.change("record")


def test_own_files_without_a_package_below_are_named_so_too(quick: Bench, links: Path) -> None:
    dists.wheel(links, "some-thing", "1.0")
    quick.given("install", "--find-links", str(links), "some-thing")
    sources.write(quick.user, quick.site / "mine.py", "")
    assert quick.ask("why", "mine").startswith("mine runs from your own file in the overlay")
    sources.write(quick.user, quick.site / "mine/part.py", "")
    assert why(quick, "some-thing")["own"] is False


def test_an_overlay_that_is_refused_runs_nothing_and_is_named(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    quick.overlay.resolve().chmod(0o777)
    found = why(quick, "alpha")
    assert found["runs"]["where"] == "host"
    [said] = found["differences"]
    assert said.startswith(f"the overlay {quick.overlay} is not used: ")


def test_what_a_parent_prints_does_not_hide_its_modules(quick: Bench, links: Path) -> None:
    noise = "import atexit\nprint('hello', end='')\natexit.register(print, 'bye')\n"
    dists.wheel(links, "noisy", "1.0", files={"noisy/__init__.py": noise, "noisy/part.py": ""})
    quick.install("--find-links", links, "noisy")
    assert why(quick, "noisy.part")["file"] == str(quick.site / "noisy/part.py")


def test_a_distribution_of_the_host_or_the_user_site_is_explained_too(quick: Bench) -> None:
    found = why(quick, "gamma")
    assert (found["runs"]["where"], found["revision"], found["hides"]) == ("host", None, [])
    in_user_site(quick, "gamma", "9.0")
    found = why(quick, "gamma")
    assert found["runs"] == {
        "version": "9.0",
        "where": "user site",
        "place": str(user_site_of(quick)),
        "layer": None,
    }
    assert found["hides"][0]["version"] == "1.0"


def test_an_editable_and_a_namespace_are_named(quick: Bench, links: Path) -> None:
    dists.wheel(links, "space-one", "1.0", files={"space/one.py": ""})
    quick.install("--find-links", links, "space-one")
    found = why(quick, "space")
    assert (found["file"], found["namespace"]) == (None, [str(quick.site / "space")])
    told = quick.ask("why", "space")
    assert told.startswith("space is a namespace, which packages share; its parts are in:\n")
    assert told.count(str(quick.site / "space")) == 1
    source = sources.project(quick.user, "mine")
    quick.install("-e", source)
    found = why(quick, "mine")
    assert (found["editable"], found["file"]) == (str(source), f"{source}/mine.py")
    assert found["runs"]["where"] == "overlay"


def test_a_shell_that_runs_something_else_is_told_why(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    active = {
        "CONDA_PREFIX": str(quick.host),
        "CONDA_SHLVL": "1",
        "CONDA_DEFAULT_ENV": "science",
        "PATH": f"{quick.host}/bin:/usr/bin:/bin",
    }
    host = next(quick.host.glob("lib/python3.*/site-packages"))
    stale = quick.json("why", "alpha", env=active)["differences"]
    assert stale[-1] == (
        f"this shell runs {host}/alpha/__init__.py: it is not wired as it should be; "
        "to activate it: conda activate science"
    )


@pytest.mark.parametrize(
    "name",
    ["nosuch", "no such; $(x)", "../x", "nosuch.part", "lib", "json.decoder.x", "json.no.such", ""],
)
def test_what_is_nowhere_is_one_sentence(quick: Bench, name: str) -> None:
    done = quick.run("why", *quick.where, name)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    what = f"There is no package, module or program {name or repr(name)} in science"
    assert f"{what}, nor in an overlay of it.\n" in done.stderr


def test_a_package_that_fails_is_said_to_hide_its_modules(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    quick.edit(quick.site / "alpha/__init__.py", "import nosuch\n")
    assert why(quick, "alpha")["runs"]["version"] == "2.0"
    for name in ("alpha.part", "alpha.part.of.it"):
        told = quick.run("why", *quick.where, name).stderr
        why_not = "alpha fails: ModuleNotFoundError: No module named 'nosuch'."
        assert f"{name} cannot be imported, because {why_not}\n" in told
        assert "Hint: conda overlay why -n science alpha\n" in told


# -- without a command, on a small host

TOOL = HistoryEntry("2.0", "tool", "2026-01-02T00:00:00Z", "me", "ticket 1", requested=True)
FILES = {"tool/__init__.py": "", "tool/part.py": ""}


@pytest.fixture
def stack(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A host with ``tool`` 1.0 and ``user``, which requires it; no overlay yet."""
    for name in ("CONDA_PREFIX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    host = small_host(scratch / "host")
    install(host, host.prefix, "tool", "1.0", {**FILES, "dropped.py": ""})
    install(host, host.prefix, "user", requires=("tool>=1",))
    return Stack(host, Settings(overlay_dirs=(str(scratch / "overlays"),)))


def commit(stack: Stack, entry: HistoryEntry, user: str = "me") -> None:
    """Commit a revision that has ``tool`` 2.0, as a copy for editing."""
    store, base, number = stack.store, stack.store.current(), stack.store.next_number()
    with store.new_draft(stack.host.real) as draft:
        tree = draft / "revision" / "tree"
        site = install(stack.host, tree, "tool", "2.0", FILES)
        copy = read_distribution(site / "tool-2.0.dist-info")
        assert copy is not None
        keep_originals(copy, files_of(copy) or ())
        if entry.patch:
            (site / "tool" / "part.py").write_text("x = 1\n")
        record = replace(
            revision(number, base),
            time=f"2026-02-0{number}T00:00:00Z",
            user=user,
            command=("conda", "overlay", str(number)),
            distributions={"tool": entry},
        )
        store.prepare(tree.parent, record, take_manifest(tree), "", Index(), {})
        with store.lock():
            store.commit(tree.parent, number)


def facts(found: Explanation) -> tuple[int | None, str | None, str | None, str | None]:
    return found.revision, found.since, found.by, found.reason


def test_copy_of_the_overlay_is_of_the_revision_that_installed_it(stack: Stack) -> None:
    for _ in range(2):
        commit(stack, TOOL)
    found = explain(stack, "Tool")
    overlay, host = str(stack.store.overlay), str(stack.host.site_packages)
    assert found.runs == InstalledCopy("2.0", "overlay", overlay)
    assert found.hides == (InstalledCopy("1.0", "host", host),)
    assert facts(found) == (1, TOOL.since, "me", "ticket 1")
    assert (found.command, found.required_by) == (("conda", "overlay", "1"), ("user",))
    assert found.differences[0] == "dropped of the hidden 1.0 (environment) can still be imported"


def test_edited_copy_is_of_the_revision_that_edited_it_last(stack: Stack) -> None:
    commit(stack, TOOL)
    commit(stack, replace(TOOL, patch="a patch"), "she")
    commit(stack, replace(TOOL, patch="a patch"), "he")
    found = explain(stack, "tool.part")
    assert found.edited == ("part.py +1 -0",)
    assert facts(found) == (2, "2026-02-02T00:00:00Z", "she", "ticket 1")


def test_copy_that_the_history_does_not_know_so_has_no_revision(stack: Stack) -> None:
    commit(stack, replace(TOOL, version="1.9"))
    found = explain(stack, "tool")
    assert found.runs is not None and found.runs.version == "2.0"
    assert facts(found) == (None, None, None, None)


def test_copy_of_the_host_has_no_revision(stack: Stack) -> None:
    found = explain(stack, "tool")
    assert found.runs == InstalledCopy("1.0", "host", str(stack.host.site_packages))
    assert (found.hides, facts(found), found.command) == ((), (None, None, None, None), ())


def test_place_on_pythonpath_is_told_from_one_that_begins_alike(
    stack: Stack, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = scratch / "mine" / "tool"
    mine.mkdir(parents=True)
    (mine / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{scratch}/min:{scratch}/mine")
    found = explain(stack, "tool")
    assert (found.runs, found.file) == (None, str(mine / "__init__.py"))
    assert found.differences[0] == f"PYTHONPATH names {scratch}/mine first"
    assert [copy.where for copy in found.hides] == ["host"]


@pytest.mark.parametrize("way", ["a .pth file of the host", "PYTHONPATH"])
def test_distribution_in_another_directory_on_the_path_is_named(
    stack: Stack, scratch: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    site = install(
        stack.host, scratch / "mine", "tool", "3.0", {"tool/__init__.py": "", "own.py": ""}
    )
    if way == "PYTHONPATH":
        monkeypatch.setenv("PYTHONPATH", str(site))
    else:
        (stack.host.site_packages / "facility.pth").write_text(f"{site}\n")
    found = explain(stack, "own")
    assert (found.name, found.runs) == ("tool", InstalledCopy("3.0", "path", str(site)))
    hides = [copy.where for copy in explain(stack, "tool").hides]
    assert hides == (["host"] if way == "PYTHONPATH" else [])


def test_name_that_is_nowhere_and_package_that_fails_are_told_apart(stack: Stack) -> None:
    with pytest.raises(OverlayError, match="There is no package, module or program nosuch in"):
        explain(stack, "nosuch")
    (stack.host.site_packages / "tool" / "__init__.py").write_text("import nosuch\n")
    with pytest.raises(OverlayError, match=r"tool\.x cannot be imported, because tool fails: Mod"):
        explain(stack, "tool.x")

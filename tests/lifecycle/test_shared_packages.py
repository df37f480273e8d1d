"""Whose a file is where several distributions have files in one package, or in one namespace."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import edited
from tests.sources import administrate, write


@pytest.fixture
def spaced(own: Bench, links: Path) -> Bench:
    """Over a host with two distributions in the namespace `ns`, both of them copied."""
    _wheel(own, links, "nsa", "1.0", {"ns/a.py": "A = 1\n"})
    _wheel(own, links, "nsb", "1.0", {"ns/b/__init__.py": "B = 1\n", "ns/b/c.py": "C = 1\n"})
    own.given("edit", "nsa", "--no-editor")
    own.given("edit", "nsb", "--no-editor")
    return own


def _wheel(own: Bench, links: Path, name: str, version: str, files: dict[str, str]) -> None:
    wheel = dists.wheel(links, name, version, top_level="", files={**files})
    administrate(own.host, wheel)


def test_a_new_file_belongs_to_the_copy_with_the_nearest_directory(spaced: Bench) -> None:
    edited.edit(spaced, spaced.site / "ns/b/new.py", "N = 2\n")
    [change] = spaced.json("record")["changes"]
    assert (change["name"], change["why"]) == ("nsb", "edited: b/new.py +1 -0")
    for words in (["repair", "nsa"], ["remove", "nsa"]):
        spaced.change(*words)
        assert (spaced.site / "ns/b/new.py").exists()
    spaced.change("remove", "nsb", "--force")
    assert not (spaced.site / "ns").exists()


def test_rebase_leaves_the_edits_of_one_copy_to_that_one(spaced: Bench, links: Path) -> None:
    edited.edit(spaced, spaced.site / "ns/a.py", "A = 2\n")
    edited.edit(spaced, spaced.site / "ns/b/__init__.py", "B = 2\n")
    edited.edit(spaced, spaced.site / "ns/b/new.py", "N = 2\n")
    spaced.given("record")
    _wheel(spaced, links, "nsa", "1.2", {"ns/a.py": "A = 2\n"})
    [change] = spaced.json("rebase")["changes"]
    assert (change["name"], change["after"]) == ("nsa", None)
    _wheel(spaced, links, "nsb", "2.0", {"ns/b/__init__.py": "B = 2\n", "ns/b/c.py": "C = 2\n"})
    [change] = spaced.json("rebase")["changes"]
    assert (change["name"], change["why"]) == ("nsb", "edited: b/new.py +1 -0")
    code = "import ns.a, ns.b.c, ns.b.new; print(ns.a.A, ns.b.B, ns.b.c.C, ns.b.new.N)"
    assert spaced.python("-c", code).stdout == "2 2 2 2\n"


def test_a_patch_does_not_replace_a_file_of_another_distribution(own: Bench, links: Path) -> None:
    administrate(own.host, edited.wheel(links))
    plug = dists.wheel(links, "plug", "1.0", top_level="", files={"tool/plug.py": "PLUG = 1\n"})
    own.install(plug)
    text = edited.new_file("tool/plug.py")
    fix = write(own.user, own.user.home / "fix.patch", edited.FIX.replace("src/", "") + text)
    told = own.refuse("patch", "tool", fix, "--force", "--yes")
    assert (
        "tool/plug.py belongs to plug 1.0" in told
        and f"conda overlay edit -p {own.host} plug" in told
    )
    script = 'echo "PLUG = 3" > "$(dirname "$1")/plug.py"'
    shown = edited.typed(own, "edit", *own.where, "tool", EDITOR=str(edited.editor(own, script)))
    assert "tool/plug.py belongs to plug 1.0" in shown and "code=1" in shown, shown


def test_a_file_of_two_distributions_stays_with_the_other(own: Bench, links: Path) -> None:
    """As of the `tests/__init__.py` that many wheels have by mistake."""
    for name in ("one", "two"):
        files: dict[str, str | bytes] = {f"{name}.py": "", "common.py": f"OF = {name!r}\n"}
        own.install(dists.wheel(links, name, "1.0", top_level="", files=files))
    rows = own.json("status")["overlays"][0]["distributions"]
    assert not any(row["edited"] for row in rows)
    own.change("remove", "one")
    assert own.python("-c", "import common, two; print(common.OF)").stdout == "two\n"
    own.change("remove", "two")
    assert not (own.site / "common.py").exists()


def test_what_a_package_hides_of_another_distribution_is_named(own: Bench, links: Path) -> None:
    """Also where it replaces, or is a copy of, the package that the other has its modules in."""
    administrate(own.host, edited.wheel(links))
    files = {"tool/plug2.py": "P = 1\n", "tool/data/plug2.txt": ""}
    _wheel(own, links, "plug", "1.0", files)
    hides = "hides the module tool.plug2 of plug 1.0 (environment)"
    assert own.plan(edited.wheel(links, "2.0"))["notes"] == [f"tool 2.0 {hides}"]
    own.change("undo")
    assert own.json("edit", "tool", "--no-editor")["notes"] == [f"tool 1.0 {hides}"]
    edited.edit(own, own.site / "tool/core.py", edited.FIXED)
    assert own.json("record")["notes"] == []
    shown = own.run("why", *own.where, "tool.plug2").stderr
    assert f"There is no tool.plug2: tool 1.0 {hides}." in shown
    assert f"conda overlay edit -p {own.host} --no-editor plug" in shown
    assert f"tool 1.0 {hides}" in own.json("why", "plug")["differences"]
    [finding] = own.json("status")["overlays"][0]["findings"]
    assert (finding["kind"], finding["text"]) == ("hidden", f"tool 1.0 {hides}")
    assert own.json("edit", "plug", "--no-editor")["notes"] == []
    assert own.python("-c", "import tool.plug2").returncode == 0
    assert own.json("status")["overlays"][0]["findings"] == []


@pytest.mark.parametrize("how", ["record", "patch"])
def test_modules_deleted_from_a_copy_that_the_environment_still_has_are_named(
    own: Bench, links: Path, how: str
) -> None:
    gone = ["alone.py", "whole/__init__.py", "whole/part.py"]
    files: dict[str, str | bytes] = {name: "X = 1\n" for name in gone}
    files["kept/part.py"] = "X = 1\n"
    administrate(own.host, dists.wheel(links, "kept", "1.0", files=files))
    own.change("edit", "kept", "--no-editor")
    (own.site / "kept/part.py").unlink()
    assert own.json("record")["notes"] == []  # nothing is behind that
    if how == "record":
        for name in gone:
            (own.site / name).unlink()
        plan = own.json("record")
    else:
        text = "".join(edited.new_file(name) for name in gone)
        fix = write(own.user, own.user.home / "fix.patch", text)
        plan = own.json("patch", "kept", fix, "--reverse", "--force")
    told = "modules alone, whole deleted from the copy of kept: those of the environment can still "
    assert plan["notes"] == [f"{told}be imported"]
    assert own.python("-c", "import alone, whole.part").returncode == 0
    [finding] = own.json("status")["overlays"][0]["findings"]
    assert (finding["kind"], finding["text"].startswith(told)) == ("deleted", True)
    [remedy] = finding["remedies"]
    own.run(*remedy.split()[2:], "--yes")
    assert own.json("status")["overlays"][0]["findings"] == []
    edited.edit(own, own.site / "alone.py", "raise ImportError\n")
    own.change("record")
    assert own.python("-c", "import alone").returncode == 1
    assert own.json("status")["overlays"][0]["findings"] == []


def test_modules_that_a_package_has_itself_are_hidden_but_not_missing(
    own: Bench, links: Path
) -> None:
    """In a namespace, too; a part of a namespace hides nothing beside it."""
    _wheel(own, links, "plug", "1.0", {"ns/tool/plug.py": "", "ns/other.py": ""})
    files: dict[str, str | bytes] = {"ns/tool/__init__.py": "", "ns/tool/plug.py": ""}
    tool = dists.wheel(links, "ns-tool", "1.0", top_level="", files=files)
    assert own.plan(tool)["notes"] == [
        "ns-tool 1.0 hides the module ns.tool.plug of plug 1.0 (environment)"
    ]
    assert own.json("status")["overlays"][0]["findings"] == []


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("words", [["remove", "{}"], ["install", "{}==2.0"]], ids=" ".join)
def test_files_that_stay_as_the_last_owner_had_them_are_named_with_the_remedy(
    quick: Bench, links: Path, words: list[str], together: bool
) -> None:
    def wheel(name: str) -> Path:
        files = {"shared/__init__.py": f"WHOSE = '{name}'\n"}
        return dists.wheel(links, name, "1.0", top_level="", files={**files})

    def whose() -> str:
        return quick.python("-c", "import shared; print(shared.WHOSE)").stdout.strip()

    made = [wheel("aa"), wheel("bb")]
    for wheels in [made] if together else [made[:1], made[1:]]:
        quick.install(*wheels)
    last = whose()
    other = "ab".replace(last[0], "") * 2
    dists.wheel(links, last, "2.0")
    environ = {**quick.environ, "PIP_FIND_LINKS": f"{quick.environ['PIP_FIND_LINKS']} {links}"}
    quick = replace(quick, environ=environ)
    said = quick.change(*(word.format(last) for word in words))
    assert f"shared/__init__.py of {other} as {last} had it" in said
    [key] = re.findall(r"conda overlay repair -n science (\S+)", said)
    quick.change("repair", key)
    assert whose() == other
    assert "conda overlay repair" not in quick.change("remove", other)


def test_a_part_of_a_package_that_is_not_one_itself_is_hidden_by_the_package(
    own: Bench, links: Path
) -> None:
    """Python finds a regular package before the parts of a namespace, wherever they are."""
    administrate(own.host, edited.wheel(links))
    _wheel(own, links, "other", "1.0", {"ns/other.py": ""})
    files: dict[str, str | bytes] = {"tool/plug.py": "P = 1\n", "ns/mine.py": ""}
    plug = dists.wheel(links, "plug", "1.0", top_level="", files=files)
    hides = "tool 1.0 (environment) hides the module tool.plug of plug 1.0"
    assert own.plan(plug)["notes"] == [hides]
    assert own.python("-c", "import ns.mine, ns.other").returncode == 0
    assert own.python("-c", "import tool.plug").returncode == 1
    shown = own.run("why", *own.where, "tool.plug").stderr
    assert f"There is no tool.plug: {hides}." in shown
    assert f"conda overlay edit -p {own.host} --no-editor tool" in shown
    assert hides in own.json("why", "plug")["differences"]
    [finding] = own.json("status")["overlays"][0]["findings"]
    assert (finding["kind"], finding["text"]) == ("hidden", hides)
    [remedy] = finding["remedies"]
    assert remedy.endswith("--no-editor tool")
    assert own.json(*remedy.split()[2:])["notes"] == []
    assert own.python("-c", "import tool.plug").returncode == 0
    assert own.json("status")["overlays"][0]["findings"] == []


def test_a_package_that_looks_for_its_parts_hides_none(own: Bench, links: Path) -> None:
    """As those with `pkgutil.extend_path`, from before there were namespaces without a file."""
    init = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    _wheel(own, links, "below", "1.0", {"old/__init__.py": init, "old/below.py": ""})
    for files in ({"old/part.py": ""}, {"old/__init__.py": init, "old/part.py": ""}):
        part = dists.wheel(links, "part", "1.0", top_level="", files={**files})
        assert own.plan("--force-reinstall", part)["notes"] == []
        assert own.python("-c", "import old.part, old.below").returncode == 0
        assert own.json("status")["overlays"][0]["findings"] == []

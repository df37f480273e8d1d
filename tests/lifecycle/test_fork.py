"""A fork is an ordinary environment that matches its baseline, but for what was said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import cpython, dists, environment, packages, place, pypi
from tests.lifecycle.edited import new_file
from tests.lifecycle.forks import Forker, listed, url
from tests.long import LONG

PATCH = """\
--- a/alpha/__init__.py
+++ b/alpha/__init__.py
@@ -1,6 +1,6 @@
 \"\"\"The module of alpha.\"\"\"
\x20
-__version__ = "1.0"
+__version__ = "1.0-fixed"
\x20
\x20
 def main():
"""
LIB = {"lib": "1.0"}


@pytest.fixture(scope="module")
def lab(wheels: Path) -> Path:
    """The baseline: CPython, gui and app over lib 1.0, tool 1.0, and alpha 1.0 by pip."""
    pips = pypi.wheels(["pip"], cpython.default().xy, dependencies=False)
    specs = [f"python={cpython.default().xy}", "app", "tool=1.0", "cache"]
    return packages.template(specs, [*pips, wheels / "alpha-1.0-py3-none-any.whl"])


@pytest.fixture(scope="module")
def forker(forker: Forker, lab: Path) -> Forker:
    return Forker(replace(forker.bench, name=str(lab)))


@pytest.fixture(scope="module")
def whole(forker: Forker) -> Path:
    """A fork of all of it."""
    told = forker.fork("--from", forker.bench.host, "-n", "whole")
    assert (told["packages"], told["dropped"], told["added"]) == (6, [], [])
    assert told["channels"] == [packages.channel().as_uri()]
    return forker.env("whole")


@pytest.fixture
def own(forker: Forker, lab: Path) -> Iterator[Forker]:
    """Of an environment that the test may change, as its administrator."""
    with place.scratch() as directory:
        host = environment.clone(lab, directory / "lab")
        yield Forker(replace(forker.bench, name=str(host)))


def test_a_fork_has_what_its_baseline_has(forker: Forker, whole: Path, lab: Path) -> None:
    rows = re.compile(r"^(?!#)\S+ .*", re.M)
    told, expected = (rows.findall(forker.conda("list", "-p", env)) for env in (whole, lab))
    assert told == expected != []
    assert forker.python("whole", "-c", "import alpha; print(alpha.__version__)") == "1.0"


def test_every_path_in_a_fork_is_its_own(forker: Forker, whole: Path) -> None:
    """Though it was made elsewhere, its scripts, texts and binaries name the place where it is."""
    for name in ("app", "alpha"):
        assert (whole / "bin" / name).read_text().startswith(f"#!{whole}/bin/python")
    done = forker.bench.user.run([whole / "bin" / "app"])
    assert done.stdout.startswith(f"{whole}/lib/python")
    assert (whole / "etc/lib.conf").read_text() == f"home = {whole}/lib\n"
    assert f"{whole}/lib\0".encode() in (whole / "lib/liblib.so").read_bytes()
    assert (whole / "lib/paths.cache").read_text() == f"{whole}/lib\n"
    content = (whole / "lib/paths.bin").read_bytes()  # which is as long as before
    assert content.startswith(f"{whole}/lib\0".encode()) and content.endswith(b"\0end")
    assert (whole / "lib/here").readlink() == whole / "lib"
    texts = (p for p in whole.rglob("*") if p.is_file() and p.suffix != ".pyc")
    assert [path for path in texts if b".whole.fork" in path.read_bytes()] == []
    assert str(whole) in forker.conda("env", "list")
    assert [p.name for p in whole.parent.glob(".*")] == [".conda_envs_dir_test"]


def test_a_fork_is_a_regular_environment(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "regular")
    forker.conda("install", "--yes", "-n", "regular", "extra")
    assert forker.packages("regular") == {"lib": "1.0", "extra": "1.0"}
    forker.conda("env", "remove", "--yes", "-n", "regular")
    assert not forker.env("regular").exists()


def test_activation_of_a_fork_sets_no_pythonpath(forker: Forker, whole: Path) -> None:
    script = f". {forker.bench.conda.prefix}/etc/profile.d/conda.sh; conda activate {whole}"
    done = forker.bench.user.run(["bash", "-euc", f"{script}; echo ${{PYTHONPATH-unset}}; app"])
    assert (done.stdout.split("\n")[0], done.stderr) == ("unset", "")


def test_a_clone_of_a_fork_is_no_fork(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "original")
    forker.conda("create", "--yes", "--clone", "original", "-n", "cloned")
    assert "is not a fork" in forker.refused("--recreate", "-n", "cloned")


def test_what_needs_the_dropped_goes_too_when_asked(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), url("gui-1.0"), url("tool-1.0"))
    words = ("--from", spec, "--drop", "lib", "-n", "dropped")
    told = forker.refused(*words)
    assert "Other packages depend on these:\n  gui 1.0 needs lib\n" in told
    assert "--allow-conflicts" in told
    done = forker.run(*words, input="n\n")
    assert "also dropped" in done.stdout and "gui 1.0 needs lib" in done.stdout
    assert not forker.env("dropped").exists()
    assert forker.run(*words, input="y\n").returncode == 0
    assert forker.packages("dropped") == {"tool": "1.0"}
    told = json.loads(forker.run(*words[:-1], "again", "--json", "--allow-conflicts").stdout)
    assert told["dependents"] == {"gui": "gui 1.0 needs lib"}
    assert forker.packages("again") == {"tool": "1.0"}
    forker.fork("--recreate", "-n", "again")  # its file names both


def test_what_is_added_leaves_the_rest_as_it_is(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), url("gui-1.0"), url("tool-1.0"))
    told = forker.fork("--from", spec, "--conda", "extra", "-n", "added")
    assert (told["added"], told["changed"]) == (["extra 1.0-0"], [])
    expected = {"lib": "1.0", "gui": "1.0", "tool": "1.0", "extra": "1.0"}
    assert forker.packages("added") == expected


def test_a_change_of_what_is_pinned_is_refused_or_allowed(forker: Forker) -> None:
    words = ("--from", forker.spec(url("tool-1.0")), "--conda", "newer", "-n", "newer")
    told = forker.refused(*words)
    assert "Adding newer would change what is pinned: tool 1.0-0 -> 2.0-0." in told
    assert forker.fork(*words, "--allow-changes")["changed"] == ["tool 1.0-0 -> 2.0-0"]
    assert forker.packages("newer") == {"newer": "1.0", "tool": "2.0"}


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("clash", "--drop packages in the way"),
        ("nowhere", "check the name"),
        ("tool>=9", "version"),
    ],
)
def test_what_cannot_be_added_is_refused(forker: Forker, spec: str, hint: str) -> None:
    baseline = forker.spec(url("lib-1.0"), url("gui-1.0"))
    told = forker.refused("--from", baseline, "--conda", spec, "-n", "clash")
    assert f"conda cannot add {spec} to the pinned packages:" in told
    assert hint in told.partition("Hint: ")[2]


@LONG
def test_requirements_are_resolved_as_for_an_overlay(forker: Forker, lab: Path) -> None:
    told = forker.refused("--from", lab, "-n", "resolved", "beta==2.0", "alpha==1.0")
    assert "alpha" in told
    forker.fork("--from", lab, "-n", "resolved", "beta==2.0")
    look = "import alpha, beta; print(alpha.__version__, beta.__version__)"
    assert forker.python("resolved", "-c", look) == "2.0 2.0"
    site = next(forker.env("resolved").glob("lib/python3.*/site-packages"))
    assert sorted(p.name for p in site.glob("alpha-*")) == ["alpha-2.0.dist-info"]


@LONG
def test_the_overlay_of_the_baseline_comes_along_with_its_edits(own: Forker) -> None:
    own.bench.install("new")
    patch = own.write("fix.patch", PATCH)
    own.bench.change("patch", "alpha", patch)
    own.bench.edit(own.bench.site / "alpha/more.bin", "\udcff")
    own.bench.change("record")
    own.bench.edit(own.bench.site / "alpha/new.py", "")  # not recorded
    [note] = own.fork("--from", own.bench.host, "-n", "overlaid")["notes"]
    assert note.startswith("alpha: alpha/more.bin was edited")
    look = "import alpha, alpha.new; print(alpha.__version__, alpha.main.__name__)"
    assert own.python("overlaid", "-c", look) == "1.0-fixed main"
    assert own.python("overlaid", "-c", "import new; print(new.__file__)").startswith(
        str(own.env("overlaid"))
    )
    own.bench.change("delete", "--force")


def test_a_file_without_a_baseline_gets_that_of_from(own: Forker) -> None:
    """As an exported overlay has none; its edits are made once."""
    own.bench.install("new")
    own.bench.change("patch", "alpha", own.write("fix.patch", PATCH))
    file = own.home / "exported.toml"
    own.bench.ask("export", "-f", str(file))
    words = ("--from", own.bench.host, "-n", "from-file", file)
    own.fork(*words)
    own.bench.change("delete", "--force")
    look = "import alpha, new; print(alpha.__version__)"
    assert own.python("from-file", "-c", look) == "1.0-fixed"
    own.fork("--recreate", "-n", "from-file")  # from its own copy, which names the baseline
    assert own.python("from-file", "-c", look) == "1.0-fixed"
    own.fork("--recreate", *words)
    kept = own.env("from-file") / "conda-meta/overlay-fork"
    assert not (kept / "origin").exists()
    told = own.refused(
        *words[:2], "-n", "twice", own.write("base.toml", (kept / "overlay.toml").read_text())
    )
    assert "Name the baseline or a file that names it, not both." in told


def test_a_requirement_of_what_is_edited_keeps_the_edits(own: Forker) -> None:
    own.bench.change("patch", "alpha", own.write("fix.patch", PATCH))
    look = "import alpha; print(alpha.__version__)"
    for words in (["--from", own.bench.host], ["--recreate"]):
        own.fork(*words, "-n", "required", "alpha<1.5")
        assert own.python("required", "-c", look) == "1.0-fixed"
    own.bench.change("delete", "--force")
    own.fork("--from", "required", "-n", "of-a-fork")
    assert own.python("of-a-fork", "-c", look) == "1.0-fixed"


def test_what_the_edits_add_is_uninstalled_with_its_package(own: Forker) -> None:
    for name in ("alpha", "app"):  # of pip, and of a conda package with a RECORD
        patch = own.write(f"{name}.patch", new_file(f"{name}/plug.py"))
        own.bench.change("patch", name, patch)
    own.fork("--from", own.bench.host, "-n", "plugged")
    own.bench.change("delete", "--force")
    place = own.env("plugged")
    [site] = place.glob("lib/python3.*/site-packages")
    for name in ("alpha", "app"):
        rows = (site / f"{name}-1.0.dist-info/RECORD").read_text().splitlines()
        [row] = [row for row in rows if row.startswith(f"{name}/plug.py")]
        assert re.fullmatch(r"[^,]+,sha256=[\w-]{43},6", row), row
    assert own.fork("--recreate", "-n", "plugged", "--dry-run")["notes"] == []
    over = replace(own.bench, name="plugged")
    copied = over.json("edit", "alpha.plug", "--no-editor", "--dry-run", "--force")
    assert [change["name"] for change in copied["changes"]] == ["alpha"]
    assert not [note for note in copied["notes"] if "copied along" in note]
    own.fork("--recreate", "-n", "plugged")
    own.bench.edit(site / "app/plug.py", "X = 2\n")
    told = own.refused("--recreate", "-n", "plugged")
    assert "app/plug.py\nHint" in told and "alpha" not in told
    own.python("plugged", "-m", "pip", "uninstall", "--yes", "alpha")
    assert not (site / "alpha").exists()


def test_edits_that_no_longer_apply_are_left_out_of_the_file_that_is_named(
    own: Forker, links: Path
) -> None:
    own.bench.change("patch", "alpha", own.write("fix.patch", PATCH))
    own.fork("--from", own.bench.host, "-n", "refused")
    own.bench.change("delete", "--force")
    new = {"alpha/__init__.py": "__version__ = 'other'\n"}
    sources.administrate(own.bench.host, dists.wheel(links, "alpha", "1.1", files=new))
    file = own.env("refused") / "conda-meta" / "overlay-fork" / "overlay.toml"
    told = own.refused("--recreate", "-n", "refused")
    command = "conda overlay fork --recreate -n refused"
    assert f"Hint: take the edits of alpha out of {file}, then: {command}\n" in told
    text = file.read_text()
    mine = re.search(r"^patch = ('''|\"\"\").*?\1\n", text, re.MULTILINE | re.DOTALL)
    assert mine, text
    own.bench.edit(file, text.replace(mine[0], ""))
    own.fork("--recreate", "-n", "refused", "--force")


def test_the_plan_names_no_version_of_a_copy_but_what_the_baseline_has(
    own: Forker, links: Path
) -> None:
    own.bench.change("patch", "alpha", own.write("fix.patch", PATCH))
    own.fork("--from", own.bench.host, "-n", "moved-on")
    old = next(own.bench.host.glob("lib/python3.*/site-packages/alpha/__init__.py")).read_text()
    sources.administrate(
        own.bench.host, dists.wheel(links, "alpha", "1.1", files={"alpha/__init__.py": old})
    )
    words = ("--recreate", "-n", "moved-on")
    for told in (own.fork(*words, "--dry-run"), own.fork(*words)):
        [named] = [line for line in told["distributions"] if "alpha" in line]
        assert "1.1" in named
    look = "import alpha, importlib.metadata as m; print(alpha.__version__, m.version('alpha'))"
    assert own.python("moved-on", "-c", look) == "1.0-fixed 1.1"
    own.bench.change("delete", "--force")


def test_a_copy_of_what_is_dropped_is_left_out_with_a_note(own: Forker) -> None:
    own.bench.change("edit", "app", "--no-editor")
    own.bench.edit(own.bench.site / "app/__init__.py", "MINE = 1\n")
    own.bench.change("record")
    words = ("--from", own.bench.host, "-n", "dropped-copy", "--dry-run")
    assert "app==1.0" not in own.fork(*words)["distributions"]  # conda has it there
    for dropped in (["--drop", "APP"], ["--drop", "gui", "--allow-conflicts"]):  # app needs gui
        told = own.fork(*words, *dropped)
        assert "app" in told["dropped"] and "app==1.0" not in told["distributions"]
        said = "app is dropped, and so is your copy of app with its edits"
        assert told["notes"] == [said]
    assert "app==1.0" in own.fork(*words, "--drop", "app", "app==1.0")["distributions"]
    own.bench.change("delete", "--force")


def test_a_pin_holds_for_requests_with_other_options(own: Forker, links: Path) -> None:
    for version, needed in (("0.5", "alpha"), ("1.0", "alpha>=2")):
        dists.wheel(links, "need", version, requires=[needed])
    own.bench.given("install", "alpha==1.5")
    own.bench.given("install", "need", "--find-links", links)
    assert own.bench.see("alpha", "need") == {"alpha": "1.5", "need": "0.5"}
    own.fork("--from", own.bench.host, "-n", "pinned")
    code = "from importlib.metadata import version as v; print(v('alpha'), v('need'))"
    assert own.python("pinned", "-c", code) == "1.5 0.5"
    own.bench.change("delete", "--force")


def test_edits_in_the_baseline_itself_are_named(own: Forker) -> None:
    [module] = own.bench.host.glob("lib/python3.*/site-packages/alpha/__init__.py")
    module.write_text("")
    [note] = own.fork("--from", own.bench.host, "-n", "lacks", "--dry-run")["notes"]
    edited = "alpha/__init__.py of the baseline's alpha was edited there"
    assert note == f"{edited}, so the fork does not have it"
    for closed in (module, module.parent):
        mode = closed.stat().st_mode
        closed.chmod(0o600)
        assert own.fork("--from", own.bench.host, "-n", "lacks", "--dry-run")["notes"] == []
        closed.chmod(mode)


def test_edits_in_a_fork_beside_those_that_it_was_made_with_are_named(own: Forker) -> None:
    own.bench.change("patch", "alpha", own.write("fix.patch", PATCH))
    own.fork("--from", own.bench.host, "-n", "folded")
    words = ("--from", "folded", "-n", "of-folded", "--dry-run")
    assert own.fork(*words)["notes"] == []
    [module] = own.env("folded").glob("lib/python3.*/site-packages/alpha/__init__.py")
    own.bench.edit(module, module.read_text() + "MINE = 1\n")
    [note] = own.fork(*words)["notes"]
    edited = "alpha/__init__.py of the baseline's alpha was edited there"
    assert note == f"{edited}, so the fork does not have it"
    own.bench.change("delete", "--force")


def test_an_edit_that_a_fork_was_made_with_and_that_is_reverted_by_hand_is_named(
    own: Forker,
) -> None:
    own.bench.change("patch", "alpha", own.write("fix.patch", PATCH))
    own.fork("--from", own.bench.host, "-n", "reverted")
    assert own.fork("--recreate", "-n", "reverted")["notes"] == []
    [module] = own.env("reverted").glob("lib/python3.*/site-packages/alpha/__init__.py")
    fixed = module.read_text()
    own.bench.edit(module, fixed.replace("1.0-fixed", "1.0"))
    assert f"\n  {module}\n" in own.refused("--recreate", "-n", "reverted")
    own.bench.edit(module, fixed)
    assert own.fork("--recreate", "-n", "reverted")["notes"] == []
    own.bench.change("delete", "--force")


def test_own_files_of_the_overlay_that_no_package_has_are_named(own: Forker) -> None:
    own.bench.install("new")
    own.bench.edit(own.bench.site / "mine.py", "MINE = 1\n")
    [note] = own.fork("--from", own.bench.host, "-n", "lacks", "--dry-run")["notes"]
    assert note == "no package has mine.py, so the fork does not have it"
    own.bench.change("delete", "--force")


def test_files_of_the_administrators_own_are_named(own: Forker) -> None:
    host, words = own.bench.host, ("--from", own.bench.host, "-n", "lacks", "--dry-run")
    assert own.fork(*words)["notes"] == []
    [site] = host.glob("lib/python3.*/site-packages")
    files = [site / "beamline.py", site / "extra.pth", site / "station/__init__.py"]
    for file in (*files, host / "etc/conda/activate.d/lab.sh", host / "conda-meta/pinned"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    [note] = own.fork(*words)["notes"]
    named = "conda-meta/pinned, etc/conda/activate.d/lab.sh, beamline.py, extra.pth, station"
    assert note == f"no package has the baseline's {named}, so the fork does not have it"


def test_an_own_file_in_the_place_of_a_packages_is_named_with_that(own: Forker) -> None:
    """Of conda, and of pip."""
    own.bench.install("new")
    for program in ("app", "alpha", "mine"):
        own.bench.edit(own.bench.overlay / "bin" / program, "#!/bin/sh\n")
    notes = own.fork("--from", own.bench.host, "-n", "lacks", "--dry-run")["notes"]
    edited = "of the baseline's {0} was edited in your overlay, so the fork does not have it"
    assert notes == [
        f"bin/alpha {edited.format('alpha')}",
        f"bin/app {edited.format('app')}",
        "no package has bin/mine, so the fork does not have it",
    ]
    own.bench.change("delete", "--force")


def test_a_requirement_keeps_the_options_and_extras_of_the_overlays(
    own: Forker, links: Path
) -> None:
    dists.wheel(links, "ex", "1.0", extras={"plot": ["near"]})
    dists.wheel(links, "near", "1.0")
    own.bench.install("ex[plot]", "--find-links", links)
    own.fork("--from", own.bench.host, "-n", "with-extras", "ex")
    assert own.python("with-extras", "-c", "import ex, near; print(ex.__version__)") == "1.0"
    own.bench.change("delete", "--force")


def test_local_directories_are_named_as_not_repeatable(own: Forker) -> None:
    source = sources.project(own.bench.user, "mine")
    own.bench.user.run(["chmod", "-R", "a+rX", source])
    site = next(own.bench.host.glob("lib/python3.*/site-packages"))
    info = site / "mine-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 0.1\n")
    (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {}}))
    told = own.fork("--from", own.bench.host, "-n", "local", "--dry-run")
    note = f"mine 0.1 from {source.as_uri()} was installed from a local directory, so the fork "
    note += "does not have it"
    assert told["notes"] == [note]
    assert not [line for line in told["distributions"] if line.startswith("mine")]


@pytest.mark.parametrize("from_file", [False, True])
def test_a_copy_of_what_is_from_a_local_directory_gets_no_original_from_an_index(
    own: Forker, links: Path, from_file: bool
) -> None:
    ours = dists.wheel(links, "mine", "1.0", files={"mine/__init__.py": "OURS = 1\n"})
    sources.administrate(own.bench.host, ours)
    dists.wheel(links, "mine", "1.0", files={"mine/__init__.py": "OURS = 0\n"})  # a stranger's
    [info] = own.bench.host.glob("lib/python3.*/site-packages/mine-1.0.dist-info")
    rows = re.sub("(?m)^.*direct_url.*\n", "", (info / "RECORD").read_text())
    (info / "RECORD").write_text(rows)
    url = (own.home / "src").as_uri()
    (info / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))
    own.bench.change("edit", "mine", "--no-editor")
    own.bench.edit(own.bench.site / "mine/new.py", "N = 1\n")
    own.bench.change("record")
    file = own.home / "mine.toml"
    own.bench.ask("export", "-f", file)
    name = f"local-copy-{from_file}"
    words: list[str | Path] = ["--from", own.bench.host, "-n", name, *[file] * from_file]
    env = {"PIP_FIND_LINKS": f"{own.bench.environ['PIP_FIND_LINKS']} {links}"}
    for told in (own.fork(*words, "--dry-run", env=env), own.fork(*words, env=env)):
        assert told["notes"] == [
            f"mine 1.0 from {url} was installed from a local directory, so the fork does not have "
            "it, nor your copy of it with its edits, which stays where it is"
        ]
        assert not [line for line in told["distributions"] if line.startswith("mine")]
    assert not [*own.env(name).glob("lib/python3.*/site-packages/mine*")]
    own.bench.change("delete", "--force")


def test_a_distribution_with_the_name_of_a_dropped_program_stays_with_its_edits(
    own: Forker, links: Path
) -> None:
    sources.administrate(
        own.bench.host, dists.wheel(links, "tool", "5.0", files={"tool/__init__.py": "T = 1\n"})
    )
    own.bench.change("edit", "tool", "--no-editor")
    own.bench.edit(own.bench.site / "tool/__init__.py", "T = 2\n")
    own.bench.change("record")
    env = {"PIP_FIND_LINKS": f"{own.bench.environ['PIP_FIND_LINKS']} {links}"}
    file = own.home / "next.txt"
    own.bench.ask("export", "--baseline", "-f", file)
    own.bench.ask("export", "-f", own.home / "mine.toml")
    own.fork("--from", own.bench.host, "-n", "dropped-program", "--drop", "tool", env=env)
    words = ("--from", file, own.home / "mine.toml", "-n", "dropped-of-list", "--drop", "tool")
    own.fork(*words, env=env)
    for name in ("dropped-program", "dropped-of-list"):
        assert "tool" not in own.packages(name)
        assert own.python(name, "-c", "import tool; print(tool.T)") == "2"
    own.bench.change("delete", "--force")


@LONG
def test_what_pip_has_in_the_baseline_may_need_the_dropped(own: Forker, links: Path) -> None:
    sources.administrate(own.bench.host, dists.wheel(links, "above", "1.0", requires=["app"]))
    words = ("--from", own.bench.host, "--drop", "app", "-n", "above")
    told = own.refused(*words)
    assert "Packages that pip installed in the baseline depend on these:\n  above 1.0" in told
    own.fork(*words, "--allow-conflicts")


@LONG
def test_what_pip_has_in_the_baseline_may_need_a_distribution_with_another_name_than_its_package(
    own: Forker, links: Path
) -> None:
    inner = dists.wheel(links, "inner", "1.0")
    sources.administrate(
        own.bench.host, inner, dists.wheel(links, "over", "1.0", requires=["inner"])
    )
    [info] = own.bench.host.glob("lib/python3.*/site-packages/inner-1.0.dist-info")
    meta = own.bench.host / "conda-meta" / "tool-1.0-0.json"
    record = json.loads(meta.read_text())
    record["files"].append(str((info / "METADATA").relative_to(own.bench.host)))
    meta.write_text(json.dumps(record))
    told = own.refused("--from", own.bench.host, "--drop", "tool", "-n", "over")
    assert "Packages that pip installed in the baseline depend on these:\n  over 1.0" in told


def test_without_python_pip_adds_nothing(forker: Forker) -> None:
    told = forker.refused("--from", forker.spec(url("lib-1.0")), "-n", "python", "alpha")
    assert "Without Python, pip cannot add anything." in told


def test_a_dry_run_and_a_no_change_nothing(forker: Forker) -> None:
    words = ("--from", forker.spec(url("lib-1.0")), "-n", "dry")
    before = forker.content()
    told = forker.fork(*words, "--dry-run")
    assert (told["dry_run"], told["packages"]) == (True, 1)
    shown = forker.run(*words, "--dry-run").stdout
    assert f"conda packages are from:\n  {packages.channel().as_uri()}\n" in shown
    assert "Dry run: nothing was created." in shown
    assert "Nothing was created." in forker.run(*words, input="n\n").stdout
    assert forker.content() == before


def test_a_directory_of_the_users_own_beside_the_fork_stays(forker: Forker) -> None:
    mine = forker.env("next").with_name(".next.fork")
    for name in ("old/bin/python", "notes.txt"):
        forker.bench.user.run(["mkdir", "-p", (mine / name).parent])
        forker.bench.edit(mine / name, "mine")
    words = ("--from", forker.spec(url("lib-1.0")), "-n", "next")
    for more in ((), ("--dry-run",)):
        told = forker.refused(*words, *more)
        assert f"{mine} is not used: conda-overlay did not create it" in told
    assert (mine / "old/bin/python").read_text() == (mine / "notes.txt").read_text() == "mine"
    assert not forker.env("next").exists()


@LONG
def test_the_file_is_written_if_there_is_none_and_serves_again(forker: Forker) -> None:
    file = forker.home / "overlay.toml"
    spec = forker.spec(url("lib-1.0"), url("tool-1.0"))
    forker.fork("--from", spec, "--drop", "tool", "--conda", "extra", "-n", "first", file)
    assert 'drop = ["tool"]\nconda = ["extra"]\n' in file.read_text()
    forker.fork(file, "-n", "second")
    assert forker.packages("first") == forker.packages("second") == {"lib": "1.0", "extra": "1.0"}
    told = forker.refused("--from", spec, file, "-n", "third")
    assert "Name the baseline or a file that names it, not both." in told


@LONG
def test_a_typed_relative_path_of_the_baseline_is_written_from_the_file_on(forker: Forker) -> None:
    """And kept from the root on: the file may be elsewhere in each checkout of a repository."""
    sources.write(forker.bench.user, forker.home / "lists/b.txt", listed(url("lib-1.0")))
    forker.bench.user.run(["mkdir", forker.home / "forks"])
    for source, path in (("lists/b.txt", "../lists/b.txt"), ("./lists/b.txt", "./lists/b.txt")):
        file = "forks/moved.toml" if path.startswith("..") else "forks/../moved.toml"
        forker.run("--from", source, "-n", "moved", file, "--yes")
        assert f'[baseline]\nspec = "{path}"\n' in (forker.home / file).read_text()
        kept = forker.env("moved") / "conda-meta/overlay-fork"
        expected = str(forker.home / file.replace("forks/../", ""))  # wherever others go
        for _ in range(2):
            assert f'spec = "{forker.home}/lists/b.txt"\n' in (kept / "overlay.toml").read_text()
            assert (kept / "origin").read_text() == expected
            told = forker.fork("--recreate", "-n", "moved")
            assert told["baseline"] == f"{forker.home}/lists/b.txt"
        forker.conda("env", "remove", "--yes", "-n", "moved")
    forker.fork("--from", forker.home / "lists/b.txt", "-n", "moved", "absolute.toml")
    assert f'"{forker.home}/lists/b.txt"' in (forker.home / "absolute.toml").read_text()


def test_one_file_serves_a_thin_layer_and_a_fork(forker: Forker, lab: Path) -> None:
    """A list lies beside the file, and relative paths in it are meant from there."""
    (forker.home / "cycle").mkdir()
    forker.spec(url("lib-1.0"), name="baseline.txt")
    text = f'[baseline]\nenv = "{lab}"\n[[wanted]]\nrequirement = "new"\n'
    file = forker.write("both.toml", text)
    assert "new" in forker.bench.ask("apply", "--dry-run", file)
    assert "new" in forker.fork(file, "-n", "both", "--dry-run")["distributions"]


def test_a_list_is_found_beside_the_file_that_names_it(forker: Forker) -> None:
    forker.spec(url("lib-1.0"), name="2026-3.txt")
    file = forker.write("cycle.toml", '[baseline]\nspec = "2026-3.txt"\n')
    forker.fork(file, "-n", "cycle", env={"HOME": str(forker.home)})
    assert forker.packages("cycle") == LIB


def test_a_list_may_be_at_a_url(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"))
    forker.fork("--from", spec.as_uri(), "-n", "remote")
    assert forker.packages("remote") == LIB


def test_what_was_exported_makes_the_environment_again(forker: Forker, lab: Path) -> None:
    file = forker.home / "exported.txt"
    forker.bench.ask("export", "--baseline", "-f", file)
    told = forker.fork("--from", file, "-n", "exported", "--dry-run")
    expected = forker.fork("--from", lab, "-n", "exported", "--dry-run")
    assert told == {**expected, "baseline": str(file)}
    assert forker.bench.ask("export", "--baseline") == file.read_text()
    report = forker.bench.json("export", "--baseline")
    assert (report["text"], report["packages"]) == (file.read_text(), 6)
    forker.conda("create", "--yes", "-n", "by-conda", "--file", file)
    assert forker.packages("by-conda").keys() >= {"app", "gui", "lib", "python", "tool"}


def test_distributions_are_those_of_the_baseline_by_their_hashes(
    forker: Forker, links: Path
) -> None:
    wheel = dists.wheel(links, "alpha", "1.5")
    line = f"# pip alpha @ {wheel.as_uri()}#sha256={'0' * 64}"
    spec = forker.spec(*Path(forker.home / "exported.txt").read_text().split("\n")[2:-3], line)
    told = forker.refused("--from", spec, "-n", "hashed")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in told or "hash" in told.lower()


def test_what_is_added_moves_nothing_that_conda_likes_to_update(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), url("openssl-1.0"), name="openssl.txt")
    own = forker.write("condarc", "aggressive_update_packages: [openssl]\n")
    env = {"CONDARC": str(own)}
    told = forker.fork("--from", spec, "-n", "openssl", "--conda", "extra", env=env)
    assert told["changed"] == [] and told["added"] == ["extra 1.0-0"]
    assert forker.packages("openssl") == {"lib": "1.0", "openssl": "1.0", "extra": "1.0"}


def test_the_default_packages_of_the_user_are_left_out(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"))
    env = {"CONDA_CREATE_DEFAULT_PACKAGES": "tool"}
    forker.fork("--from", spec, "-n", "default", env=env)
    assert forker.packages("default") == {"lib": "1.0"}

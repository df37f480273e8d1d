"""``conda overlay edit`` and ``record``: a copy of what the host has, and what was edited in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conda_overlay.edits.patch import NO_TEXT
from tests import sources
from tests.bed import dists, place
from tests.bench import Bench
from tests.lifecycle import edited
from tests.lifecycle.edited import CORE, FIXED, modes, steps, typed
from tests.lifecycle.patches import PLAN
from tests.long import LONG
from tests.report.test_status import in_user_site
from tests.sources import administrate


def core(bench: Bench) -> Path:
    return bench.site / "tool" / "core.py"


def test_what_the_editor_changed_becomes_a_revision(tool: Bench) -> None:
    editor = edited.editor(tool, "sed -i 's/return 4$/return 44/' \"$1\"")
    words = ("edit", *tool.where, "tool.core", "--reason", "ticket 1234")
    shown = typed(tool, *words, VISUAL=str(editor), EDITOR="false")
    assert "code=0" in shown and "edited: core.py +1 -1" in shown, shown
    assert "Proceed" not in shown  # to save is to agree
    assert steps(tool) == [44, 7]
    entry = tool.record()["distributions"]["tool"]
    assert entry["reason"] == "ticket 1234" and entry["intent"] == "hold"
    assert entry["version"] == "1.0"


def test_a_reason_that_is_given_later_is_recorded(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    tool.change("edit", "tool", "--no-editor", "--reason", "ticket 2")
    assert tool.record()["distributions"]["tool"]["reason"] == "ticket 2"


@pytest.mark.parametrize("how", ["edit", "patch"])
def test_a_copy_that_hides_another_version_of_the_users_own_site_says_so(
    tool: Bench, how: str
) -> None:
    in_user_site(tool, "tool", "1.5")
    patch = sources.write(tool.user, tool.user.home / "f.patch", edited.FIX)
    words = ["tool", "--no-editor"] if how == "edit" else ["tool", patch]
    [note] = tool.json(how, *words)["notes"][-1:]
    assert note == "tool 1.5 of ~/.local is hidden by this copy of 1.0"


def test_a_file_that_the_editor_has_closed_is_an_edit_all_the_same(tool: Bench) -> None:
    editor = edited.editor(tool, 'sed -i "s/return 4$/return 44/" "$1"; chmod 0 "$1"')
    shown = typed(tool, "edit", *tool.where, "tool.core", EDITOR=str(editor))
    assert "code=0" in shown, shown
    assert steps(tool) == [44, 7]


def test_a_copy_has_no_privileges_of_the_original(own: Bench) -> None:
    [module] = own.host.glob("lib/python*/site-packages/alpha/__init__.py")
    module.chmod(0o6755)
    own.given("edit", "alpha", "--no-editor")
    own.given("install", "new")
    found = [path for path in own.state.rglob("*") if path.lstat().st_mode & 0o6000]
    assert found == [] and (own.site / "alpha/__init__.py").is_file()


def test_a_copy_is_edited_once_something_is_edited_in_it(tool: Bench) -> None:
    def is_edited() -> bool:
        [row] = tool.json("status")["overlays"][0]["distributions"]
        edited: bool = row["edited"]
        return edited

    tool.given("edit", "tool", "--no-editor")
    assert not is_edited()
    edited.edit(tool, core(tool), FIXED)
    assert is_edited()


def kept(shown: str, name: str) -> str:
    """What was written of a file that could not be committed."""
    [line] = [line for line in shown.splitlines() if "are kept in" in line]
    directory = Path(line.rpartition(" ")[2].rstrip("."))
    [file] = directory.rglob(name)
    text = file.read_text()
    shutil.rmtree(directory)
    return text


def test_nothing_changed_is_no_revision(tool: Bench) -> None:
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR="true")
    assert "Nothing to " in shown and "code=0" in shown, shown
    assert "code --wait" in shown
    assert tool.revision is None


@pytest.mark.parametrize("script", ['echo >> "$1"; exit 3', "sh -c 'kill -TERM $$'"])
def test_an_editor_that_fails_changes_nothing(tool: Bench, script: str) -> None:
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(edited.editor(tool, script)))
    assert "code=1" in shown and "The editor" in shown and "Traceback" not in shown, shown
    assert ("kept in" in shown) == ("echo" in script)  # what it had saved is not lost
    assert "kept in" not in shown or kept(shown, "tool/__init__.py").endswith("\n\n")
    assert tool.revision is None


def test_a_terminal_that_is_closed_loses_nothing_that_was_saved(tool: Bench) -> None:
    script = "echo '# mine' >> \"$1\"; kill -HUP $PPID; exec sleep 60"
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(edited.editor(tool, script)))
    assert "The terminal was closed" in shown and "code=1" in shown, shown
    assert kept(shown, "tool/__init__.py").endswith("# mine\n")
    assert tool.revision is None


@pytest.mark.parametrize("left", ['ln -sf ~/secret "$1"', 'ln -s ~/secret "${1%/*}/beside.py"'])
def test_a_link_that_an_editor_leaves_is_refused(tool: Bench, left: str) -> None:
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(edited.editor(tool, left)))
    assert "is now a link" in shown and "code=1" in shown and "Traceback" not in shown, shown
    assert tool.revision is None


def test_an_editor_that_is_not_there_is_named(tool: Bench) -> None:
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR="nosuch --wait")
    assert "The editor nosuch does not run" in shown and "code=1" in shown, shown
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR="vim '")
    assert "is not a command" in shown and "code=2" in shown, shown


def test_without_a_variable_the_editor_is_that_of_the_machine(tool: Bench) -> None:
    editor = edited.editor(tool, 'sed -i "s/return 4$/return 44/" "$1"')
    assert tool.user.run(["mv", editor, editor.with_name("sensible-editor")]).returncode == 0
    path = f"{editor.parent}:{tool.environ_of()['PATH']}"
    shown = typed(tool, "edit", *tool.where, "tool.core", PATH=path)
    assert "code=0" in shown, shown
    assert steps(tool) == [44, 7]


@LONG
def test_the_overlay_changed_meanwhile_and_the_edit_is_there_still(tool: Bench) -> None:
    """Another command commits while the editor is open, which is opened once."""
    command = f"{tool.conda.executable} overlay install --yes {' '.join(tool.where)} new"
    script = f"echo x >> {tool.user.home}/opened; {command} >/dev/null; echo '# mine' >> \"$1\""
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(edited.editor(tool, script)))
    assert "code=0" in shown, shown
    assert (tool.user.home / "opened").read_text() == "x\n"
    assert (tool.site / "tool/__init__.py").read_text().endswith("# mine\n")
    assert tool.see("new", "tool") == {"new": "1.0", "tool": "1.0"}
    assert tool.numbers == [1, 2]


def test_two_edits_of_one_file_at_once_do_not_hide_each_other(tool: Bench) -> None:
    """The first to save wins, and the other one is told, and keeps what was written."""
    tool.given("edit", "tool", "--no-editor")
    script = f"echo '# theirs' >> {tool.site}/tool/__init__.py; echo '# mine' >> \"$1\""
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(edited.editor(tool, script)))
    assert "Another command has changed tool/__init__.py" in shown and "code=1" in shown, shown
    assert kept(shown, "tool/__init__.py").endswith("# mine\n")
    assert (tool.site / "tool/__init__.py").read_text().endswith("# theirs\n")


def test_what_cannot_be_committed_is_kept_in_a_directory(tool: Bench) -> None:
    script = 'echo \'# mine\' >> "$1"; rm -r "$(dirname "$1")"/../tool-1.0.dist-info'
    shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(edited.editor(tool, script)))
    assert "code=1" in shown and "Traceback" not in shown, shown
    assert kept(shown, "tool/__init__.py").endswith("# mine\n")
    assert tool.revision is None


@LONG
def test_what_an_editor_writes_elsewhere_is_no_part_of_the_edit(tool: Bench) -> None:
    script = 'echo \'# mine\' >> "$1"; echo \'raise SystemExit\' > "$(dirname "$1")/../{}"'
    for name in ("sitecustomize.py", "other.py"):
        program = edited.editor(tool, script.format(name))
        shown = typed(tool, "edit", *tool.where, "tool", EDITOR=str(program))
        assert f"no part of tool, so left out: {name}" in shown and "code=0" in shown, shown
        assert not (tool.site / "other.py").exists()


def test_a_copy_has_all_files_of_the_distribution_in_site_packages(tool: Bench) -> None:
    shown = tool.ask("edit", "tool", "--no-editor", "--yes")
    assert shown.splitlines()[-1] == str(tool.site / "tool/__init__.py")
    [hosts] = (tool.host / "lib").glob("python3*/site-packages")
    names = [p.relative_to(hosts) for p in (hosts / "tool").rglob("*") if p.suffix != ".pyc"]
    assert len([name for name in names if (hosts / name).is_file()]) == 6
    for name in (name for name in names if (hosts / name).is_file()):
        assert (tool.site / name).read_bytes() == (hosts / name).read_bytes()
    assert not (tool.overlay / "share" / "tool").exists()
    assert tool.script("tool") == "tool 1.0"
    assert tool.json("status")["overlays"][0]["findings"] == []


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tool", "tool/__init__.py"),
        ("TOOL", "tool/__init__.py"),
        ("tool.core", "tool/core.py"),
        ("tool-step", "tool/core.py"),
        ("tool/core.py", "tool/core.py"),
    ],
)
def test_a_name_a_module_a_script_or_a_path_leads_to_its_file(
    tool: Bench, name: str, file: str
) -> None:
    shown = tool.ask("edit", name, "--no-editor", "--yes")
    assert shown.splitlines()[-1] == str(tool.site / file)


@LONG
def test_a_compiled_module_is_found_before_the_source_that_it_hides(
    quick: Bench, science: Path, links: Path
) -> None:
    with place.scratch() as directory:
        own = replace(quick, name=str(edited.host(science, directory, links)))
        files: dict[str, str | bytes] = {"fast/md.py": "", "fast/md.abi3.so": b"\0"}
        files |= {"fast/part/__init__.py": "", "fast/part.py": ""}
        administrate(own.host, dists.wheel(links, "fast", "1.0", files=files))
        shown = typed(own, "edit", *own.where, "fast.md", EDITOR="true")
        assert "fast/md.abi3.so is not a text file" in shown
        shown = own.ask("edit", "fast/md.py", "--no-editor", "--yes")
        assert "fast/md.py does not run: Python imports fast/md.abi3.so" in shown
        for module, file in (("fast.md", "md.abi3.so"), ("fast.part", "part/__init__.py")):
            shown = own.ask("edit", module, "--no-editor", "--yes")
            assert shown.splitlines()[-1] == str(own.site / "fast" / file)


def test_a_path_out_of_a_traceback_leads_to_the_same_file(tool: Bench) -> None:
    [file] = tool.host.glob("lib/python3*/site-packages/tool/core.py")
    shown = tool.ask("edit", file, "--no-editor", "--yes")
    assert shown.splitlines()[-1] == str(core(tool))
    assert "Nothing to " in tool.ask("edit", core(tool), "--no-editor", "--yes")


@pytest.mark.parametrize("name", ["nosuch", "os", "../../etc/passwd", "tool/../../../etc/passwd"])
def test_what_belongs_to_no_distribution_is_named(tool: Bench, name: str) -> None:
    told = tool.refuse("edit", name, "--no-editor", "--yes")
    assert name in told and "Hint:" in told


def test_only_the_current_revision_can_be_written(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    text = [path for path in modes(tool.tree(1)) if path.endswith(".py") and "latin" not in path]
    assert {modes(tool.tree(1))[path] for path in text} == {0o644}
    edited.edit(tool, core(tool), FIXED)
    tool.given("record")
    assert {modes(tool.tree(2))[path] for path in text} == {0o644}
    assert not any(mode & 0o222 for mode in modes(tool.tree(1)).values())
    edited.edit(tool, core(tool), "# another one\n")
    assert (tool.tree(1) / core(tool).relative_to(tool.overlay)).read_text() == CORE
    tool.given("undo", "1", "--force")
    edited.edit(tool, core(tool), "# a third one\n")
    assert (tool.tree(1) / core(tool).relative_to(tool.overlay)).read_text() == CORE


def test_later_edits_are_seen_and_recorded_with_a_reason(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, core(tool), FIXED)
    [overlay] = tool.json("status")["overlays"]
    [finding] = overlay["findings"]
    assert finding["kind"] == "by-hand"
    assert f"conda overlay record -p {tool.host}" in finding["remedies"]
    plan = tool.json("record", "--reason", "ticket 77")
    assert plan.keys() == PLAN and plan["lost"] == []
    [change] = plan["changes"]
    assert change["why"] == "edited: core.py +1 -1"
    assert {"content", "reason"} <= {*change["differs"]}
    assert tool.record()["distributions"]["tool"]["reason"] == "ticket 77"
    edited.edit(tool, core(tool), FIXED + "MINE = 1\n")
    tool.given("record", "--reason", "ticket 78")
    assert tool.record()["distributions"]["tool"]["reason"] == "ticket 77; ticket 78"
    assert "Nothing to " in tool.ask("record")
    assert tool.json("status")["overlays"][0]["findings"] == []
    tool.given("install", "new")
    found = tool.json("why", "tool")
    assert (found["revision"], found["reason"]) == (3, "ticket 77; ticket 78")
    assert found["command"][:3] == ["conda", "overlay", "record"]


def test_each_revision_has_the_edits_that_were_recorded_in_it(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    table = tool.site / "tool" / "data" / "table.bin"
    content = table.read_bytes()
    edited.edit(tool, core(tool), FIXED)
    assert tool.user.run(["sh", "-c", 'chmod u+w "$1"; : >"$1"', "sh", table]).returncode == 0
    tool.given("record")
    edited.edit(tool, core(tool), FIXED + "MINE = 1\n")
    tool.given("record")
    first, second = (tool.ask("diff", "--text", "tool", n, str(int(n) + 1)) for n in "12")
    assert "return 44" in first and "MINE" not in first
    assert "MINE" in second and "-    return 4\n" not in second
    for expected in ([44, 7], b""), ([4, 7], content):
        tool.change("undo")
        assert (steps(tool), table.read_bytes()) == expected


def test_any_next_change_makes_edits_a_part_of_its_revision(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, core(tool), FIXED)
    tool.given("install", "new")
    assert steps(tool) == [44, 7]
    assert "+    return 44" in tool.record()["distributions"]["tool"]["patch"]


def test_a_file_that_was_added_or_removed_is_part_of_the_edit(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool" / "more.py", "MORE = 1\n")
    (tool.site / "tool" / "latin.py").unlink()
    core(tool).unlink()
    assert tool.user.run(["mkdir", core(tool)]).returncode == 0
    change = tool.json("record")["changes"][0]
    assert change["why"] == "edited: core.py +0 -32, more.py +1 -0, latin.py"
    patch = tool.record()["distributions"]["tool"]["patch"]
    assert "deleted file mode" in patch and "+MORE = 1" in patch
    assert tool.json("status")["overlays"][0]["findings"] == []
    assert tool.user.run(["mkdir", tool.site / "tool" / "sub"]).returncode == 0
    edited.edit(tool, tool.site / "tool" / "sub" / "one.py", f"# {NO_TEXT}\r\n\f\n")
    edited.edit(tool, tool.site / "tool" / "a\tb.py", "")
    tool.given("record")
    text = tool.ask("export", "--format", "patch")
    assert "+\f\n" in text and "not included in this patch: tool/a\\tb.py" in text
    tool.given("undo")
    tool.given("redo")
    assert tool.json("repair", "tool")["changes"][0]["why"] == "repaired"
    assert not (tool.site / "tool" / "sub").exists() and (tool.site / "tool/latin.py").exists()
    assert tool.record()["distributions"]["tool"]["patch"] == ""
    assert (steps(tool), (tool.site / "tool" / "more.py").exists()) == ([4, 7], False)
    assert tool.json("status")["overlays"][0]["findings"] == []
    tool.given("remove", "tool", "--force")
    assert not (tool.site / "tool").exists()


def test_new_files_beside_its_modules_are_part_of_the_edit_in_any_change(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool" / "sub.py", "SUB = 1\n")
    assert tool.user.run(["mkdir", tool.site / "tool" / "deep"]).returncode == 0
    edited.edit(tool, tool.site / "tool" / "deep" / "__init__.py", "DEEP = 1\n")
    edited.edit(tool, tool.site / "tool" / "core.py~", "# of emacs\n")
    edited.edit(tool, tool.site / "tool" / ".core.py.swp", "# of vim\n")
    for left in ("core.py.bak", "core.py.orig", "core.py.rej"):
        edited.edit(tool, tool.site / "tool" / left, "# of patch, and of sed -i\n")
    edited.edit(tool, tool.site / "alone.py", "ALONE = 1\n")
    plan = tool.json("install", "new")
    assert plan["files"]["added"] == []
    patch = tool.record()["distributions"]["tool"]["patch"]
    names = [line for line in patch.splitlines() if line.startswith("+++ ")]
    assert names == ["+++ b/tool/deep/__init__.py", "+++ b/tool/sub.py"]


@LONG
def test_a_file_of_one_distribution_is_not_recorded_as_of_another(
    quick: Bench, science: Path, links: Path
) -> None:
    with place.scratch() as directory:
        own = replace(quick, name=str(edited.host(science, directory, links)))
        for name in ("moda", "modb"):
            files = {f"{name}.py": "A = 1\n"}
            administrate(own.host, dists.wheel(links, name, "1.0", files=files, top_level=""))
            own.ask("edit", name, "--no-editor", "--yes")
        edited.edit(own, own.site / "modb.py", "A = 2\n")
        assert own.json("record")["changes"][0]["name"] == "modb"
        own.change("remove", "moda")
        assert own.python("-c", "import modb; print(modb.A)").stdout == "2\n"


def test_a_program_of_the_package_stays_executable(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    assert (tool.site / "tool" / "run.sh").stat().st_mode & 0o777 == 0o755


def test_an_edited_copy_is_shown_as_edited(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, core(tool), FIXED)
    tool.given("record", "--reason", "ticket 77")
    [overlay] = tool.json("status")["overlays"]
    [row] = overlay["distributions"]
    assert row["edited"] and row["intent"] == "hold" and row["meaning"] != "redundant"
    assert "edited" in tool.ask("status")
    assert tool.json("why", "tool")["edited"] == ["core.py +1 -1"]
    assert "core.py +1 -1" in tool.ask("why", "tool")
    assert "edited: core.py +1 -1" in tool.ask("history")


def test_new_files_are_not_lost_without_force_and_go_with_undo(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, tool.site / "tool" / "more.py", "MORE = 1\n")
    tool.edit(tool.site / "tool" / "more.bin", "\udcff")
    tool.given("record")
    assert "more.bin was edited" in tool.run("export", *tool.where).stderr
    told = tool.refuse("remove", "tool", "--yes")
    assert "tool/more.py" in told and "tool/more.bin" in told
    tool.given("undo")
    assert not list((tool.site / "tool").glob("more.*"))
    tool.given("redo")
    assert len(list((tool.site / "tool").glob("more.*"))) == 2


def test_an_edit_is_undone_and_redone_without_force(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, core(tool), FIXED)
    tool.given("record")
    tool.given("undo")
    assert steps(tool) == [4, 7]
    tool.given("redo")
    assert steps(tool) == [44, 7]
    told = tool.refuse("remove", "tool", "--yes")
    assert "core.py" in told and "--force" in told


def test_repair_of_a_copy_takes_its_edits_back(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, core(tool), FIXED)
    tool.given("record")
    (tool.site / "tool" / "latin.py").unlink()
    tool.given("repair")
    assert (tool.site / "tool" / "latin.py").exists() and steps(tool) == [44, 7]
    tool.given("repair", "tool")
    assert steps(tool) == [4, 7]
    tool.given("undo")
    assert steps(tool) == [44, 7]


def test_a_copy_that_pip_has_removed_is_made_again_with_its_edits(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    edited.edit(tool, core(tool), FIXED)
    tool.given("record")
    shutil.rmtree(tool.site / "tool")
    [info] = tool.site.glob("tool-*.dist-info")
    shutil.rmtree(info)
    [finding] = tool.json("status")["overlays"][0]["findings"]
    assert finding["remedies"] == [f"conda overlay repair -p {tool.host}"]  # with its edits
    tool.given("repair")
    assert steps(tool) == [44, 7]
    shutil.rmtree(tool.site / "tool")
    tool.given("repair", "tool")
    assert steps(tool) == [4, 7]


def test_a_distribution_of_the_overlay_is_edited_where_it_is(tool: Bench) -> None:
    tool.given("install", "alpha==1.5")
    before = tool.record()["distributions"]["alpha"]
    editor = edited.editor(tool, "echo 'MINE = 1' >> \"$1\"")
    shown = typed(tool, "edit", *tool.where, "alpha", EDITOR=str(editor))
    assert "code=0" in shown, shown
    assert tool.python("-c", "import alpha; print(alpha.MINE)").stdout == "1\n"
    entry = tool.record()["distributions"]["alpha"]
    assert entry["sha256"] == before["sha256"] and entry["intent"] == "hold"
    assert tool.distributions() == ["alpha-1.5"]


def test_a_distribution_of_the_overlay_keeps_its_files_outside_of_site_packages(
    quick: Bench, links: Path
) -> None:
    names = ["bin/solo-tool", "bin/solo/more", "etc/solo.conf", "share/solo/table.bin"]
    data = {f"data/{name}": "#!/bin/sh\n\0" for name in names}
    quick.given("install", dists.wheel(links, "solo", "1.0", data=data))

    def outside() -> dict[str, tuple[bytes, int]]:
        paths = [quick.overlay / name for name in names]
        there = [path for path in paths if path.exists()]
        return {p.name: (p.read_bytes(), p.stat().st_mode & 0o111) for p in there}

    before = outside()
    assert len(before) == 4
    quick.change("edit", "solo", "--no-editor")
    assert outside() == before
    quick.edit(quick.site / "solo/__init__.py", "MINE = 1\n")
    quick.edit(quick.overlay / "etc/solo.conf", "mine")
    why = quick.json("record")["changes"][0]["why"]
    assert why.startswith("edited: __init__.py +1 ") and why.endswith(", solo.conf")
    quick.change("repair", "solo")
    assert outside() == before
    (quick.overlay / "share/solo/table.bin").unlink()
    quick.change("repair")
    assert outside() == before
    quick.change("remove", "solo")
    assert outside() == {}


@LONG
def test_a_distribution_without_record_is_copied_by_the_list_of_its_conda_package(
    quick: Bench, science: Path, links: Path
) -> None:
    with place.scratch() as directory:
        own = replace(quick, name=str(edited.host(science, directory, links)))
        [record] = own.host.glob("lib/python3*/site-packages/tool-1.0.dist-info/RECORD")
        site = record.parents[1]
        files = [*(site / "tool").rglob("*"), *record.parent.glob("*"), own.host / "bin/tool"]
        names = [str(p.relative_to(own.host)) for p in files if p.is_file() and p != record]
        record.unlink()
        told = own.refuse("edit", "tool", "--no-editor", "--yes")
        assert "no RECORD" in told
        meta = own.host / "conda-meta" / "tool-1.0-0.json"
        meta.write_text(json.dumps({"name": "tool", "version": "1.0", "files": names}))
        own.ask("edit", "tool", "--no-editor", "--yes")
        assert steps(own) == [4, 7] and own.script("tool") == "tool 1.0"
        assert own.json("status")["overlays"][0]["findings"] == []


def test_a_namespace_package_is_copied_by_its_own_part(
    quick: Bench, science: Path, links: Path
) -> None:
    with place.scratch() as directory:
        own = replace(quick, name=str(edited.host(science, directory, links)))
        for name in ("one", "two"):
            files = {f"space/{name}/__init__.py": f"NAME = '{name}'\n"}
            administrate(
                own.host, dists.wheel(links, f"space-{name}", "1.0", files=files, top_level="")
            )
        refused = own.refuse("edit", "space", "--no-editor")
        assert "space is a namespace, which space-one, space-two share.\n" in refused
        shown = own.ask("edit", "space.one", "--no-editor", "--yes")
        assert shown.splitlines()[-1].endswith("space/one/__init__.py")
        assert sorted(p.name for p in (own.site / "space").glob("*")) == ["one"]
        code = "import space.one, space.two; print(space.one.__file__, space.two.NAME)"
        assert own.python("-c", code).stdout.split() == [
            str(own.site / "space/one/__init__.py"),
            "two",
        ]


@LONG
def test_an_egg_info_is_copied_as_it_is_or_as_a_dist_info(
    quick: Bench, science: Path, links: Path
) -> None:
    with place.scratch() as directory:
        own = replace(quick, name=str(edited.host(science, directory, links)))
        [site] = own.host.glob("lib/python3*/site-packages")
        [info] = site.glob("tool-1.0.dist-info")
        egg = site / "tool-1.0-py3.egg-info"
        metadata = (info / "METADATA").read_bytes()
        names = [f"{site.relative_to(own.host)}/{n}" for n in ("tool/__init__.py", egg.name)]
        shutil.rmtree(info)
        egg.write_bytes(metadata)
        meta = {"name": "tool", "version": "1.0", "files": names}
        (own.host / "conda-meta" / "tool-1.0-0.json").write_text(json.dumps(meta))
        own.ask("edit", "tool", "--no-editor", "--yes")
        assert own.version("tool") == "1.0" and own.distributions() == ["tool-1.0"]
        own.change("delete")
        egg.unlink()
        egg.mkdir()
        (egg / "PKG-INFO").write_bytes(metadata)
        meta["files"] = [names[0], f"{names[1]}/PKG-INFO"]
        (own.host / "conda-meta" / "tool-1.0-0.json").write_text(json.dumps(meta))
        own.ask("edit", "tool", "--no-editor", "--yes")
        assert own.version("tool") == "1.0"
        assert own.json("status")["overlays"][0]["findings"] == []


def test_a_dry_run_and_json_open_no_editor(tool: Bench) -> None:
    tool.ask("edit", "tool", "--dry-run")
    assert tool.revision is None
    assert tool.json("edit", "tool").keys() == PLAN
    assert tool.revision == 1


def test_a_file_that_is_no_text_is_edited_too_but_is_in_no_patch(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    tool.edit(tool.site / "tool" / "data" / "table.bin", "other")
    change = tool.json("record")["changes"][0]
    assert change["why"] == "edited: table.bin" and "content" in change["differs"]
    assert tool.json("status")["overlays"][0]["distributions"][0]["edited"]
    assert tool.record()["distributions"]["tool"]["patch"] == (
        "# edited, not included in this patch: tool/data/table.bin\n"
    )
    assert "table.bin was edited" in tool.run("export", *tool.where).stderr
    assert tool.json("repair", "tool")["changes"][0]["differs"] == ["content"]
    [original] = tool.host.glob("lib/python3*/site-packages/tool/data/table.bin")
    assert (tool.site / "tool/data/table.bin").read_bytes() == original.read_bytes()
    assert tool.record()["distributions"]["tool"]["patch"] == ""


def test_an_overlay_made_by_hand_is_recorded_as_it_is(tool: Bench, wheels: Path) -> None:
    assert "has no revision yet" in tool.refuse("record")
    tool.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    tool.given("record")
    assert tool.revision is not None and tool.version("alpha") == "1.5"


def test_a_broken_list_of_originals_is_no_traceback(tool: Bench) -> None:
    tool.given("edit", "tool", "--no-editor")
    [originals] = tool.site.glob("tool-*/originals.zip")
    originals.chmod(0o644)
    originals.write_bytes(b"no zip")
    for command in ("status", "history", "diff", "export"):
        tool.ask(command)
    tool.given("install", "new")
    shutil.rmtree(tool.overlays)

"""A repository that the user makes in a copy: no part of its edits, which stay as recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sources
from tests.bench import Bench
from tests.lifecycle import edited

_GIT = "git -c user.name=a -c user.email=a@localhost"
_INIT = f"git init -q . && git add -A && {_GIT} commit -qm one"


def sh(bench: Bench, script: str) -> str:
    """Run a script in the directory of the copy."""
    done = bench.user.run(["sh", "-ec", script], cwd=bench.site / "tool")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(tool: Bench) -> Bench:
    """Revision 2 has a repository and an edit, revision 3 another edit."""
    tool.given("edit", "tool", "--no-editor")
    sh(tool, f"{_INIT}; sed -i 's/return 4/return 44/' core.py")
    tool.given("record")
    sh(tool, "sed -i 's/return 44/return 444/' core.py")
    tool.given("record")
    return tool


def steps(bench: Bench, number: int) -> bool:
    """Whether the tree of a revision has the edit that it has recorded."""
    path = bench.tree(number) / (bench.site / "tool" / "core.py").relative_to(bench.overlay)
    return f"return {'4' * number}\n" in path.read_text()


def test_edits_of_each_revision_stay_and_come_back(repository: Bench) -> None:
    assert steps(repository, 2) and steps(repository, 3)
    for number in (2, 1, 3):
        repository.given("undo", str(number))
        assert edited.steps(repository)[0] == int("4" * number)


def test_it_is_no_part_of_the_patch_but_a_file_of_the_user_that_git_can_write(
    repository: Bench,
) -> None:
    patch = repository.ask("export", "-f", "/dev/stdout", "--format", "patch")
    assert "core.py" in patch and ".git" not in patch
    sh(repository, f"{_GIT} commit -qam two; git fsck")
    repository.given("note", "tool", "--reason", "ticket 7")
    sh(repository, f"{_GIT} commit -q --allow-empty -m three")
    assert "tool" in repository.refuse("delete", "--yes")
    [overlay] = repository.json("status")["overlays"]
    said = [one for one in overlay["findings"] if one["kind"] == "by-hand"]
    assert said and all("no package has this" in one["text"] for one in said)
    assert not any(way.startswith("rm ") for one in said for way in one["remedies"])


def test_edits_are_made_again_elsewhere(repository: Bench, own: Bench, links: Path) -> None:
    sources.administrate(own.host, edited.wheel(links))
    file = repository.user.home / "exported.toml"
    repository.ask("export", "-f", file)
    assert "edited: core.py +1 -1, kept" in own.change("apply", file)


def test_a_recorded_patch_that_has_one_still_applies(
    tool: Bench, fix: Path, own: Bench, links: Path
) -> None:
    tool.given("patch", "tool", fix)
    sources.administrate(own.host, edited.wheel(links))
    file = tool.user.home / "exported.toml"
    tool.ask("export", "-f", file)
    text = file.read_text()
    added = edited.new_file("tool/.git/HEAD")
    mark = "diff --git a/tool/core.py"
    assert text.count(mark) == 1
    sources.write(tool.user, file, text.replace(mark, added + mark))
    assert "edited: core.py +1 -1, kept" in own.change("apply", file)


def test_a_revision_that_cannot_be_brought_back_to_its_record_is_named(
    tool: Bench, fix: Path
) -> None:
    tool.given("patch", "tool", fix)
    record = tool.record_path(1)
    text = record.read_text()
    assert text.count("-    return 4") == 1
    record.write_text(text.replace("-    return 4", "-    return 5"))
    done = tool.run("note", *tool.where, "tool", "--reason", "ticket 7", "--yes")
    assert done.returncode == 0, done
    assert "revision 1 is not as it was recorded: " in done.stdout + done.stderr

"""Where one stands among the revisions, as in an editor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.core.models import FileChanges, Plan, Revision
from conda_overlay.layer.timeline import Timeline, timeline

NEW = -1
"""Stands for a change that is none of undo and redo."""


def revisions(*restores: int) -> list[Revision]:
    """Revisions from 1 on; each makes a state (`NEW`), or brings back that of another one."""
    return [
        Revision(
            number, "", "", "", (), None, {}, Plan("", ""), {},
            parent=number - 1 or None,
            restores=None if old == NEW else old,
        )
        for number, old in enumerate(restores, 1)
    ]  # fmt: skip


def at(*restores: int) -> Timeline:
    return timeline(revisions(*restores))


def test_host_alone_is_where_it_begins() -> None:
    assert at() == Timeline([0], [])
    assert at().position == 0


def test_each_change_goes_one_further() -> None:
    assert at(NEW, NEW, NEW) == Timeline([0, 1, 2, 3], [])


def test_undo_again_goes_one_further_back_and_redo_forward_again() -> None:
    line = (NEW, NEW, NEW)
    assert at(*line, 2) == Timeline([0, 1, 2], [3])
    assert at(*line, 2, 1) == Timeline([0, 1], [3, 2])
    assert at(*line, 2, 1, 0) == Timeline([0], [3, 2, 1])
    assert at(*line, 2, 1, 2) == Timeline([0, 1, 2], [3])
    assert at(*line, 2, 1, 2, 3) == Timeline([0, 1, 2, 3], [])


def test_revision_that_only_accepts_the_host_makes_no_state() -> None:
    accepted = [
        replace(one, plan=Plan("", "", accepts_host=True)) if one.number in (2, 4) else one
        for one in revisions(NEW, NEW, NEW, NEW, 2, 4)
    ]
    assert timeline(accepted[:4]) == Timeline([0, 1, 3], [])
    assert timeline(accepted[:5]) == Timeline([0, 1], [3])
    assert timeline(accepted) == Timeline([0, 1, 3], [])


def test_revision_that_also_has_edits_by_hand_makes_a_state() -> None:
    one, two = revisions(NEW, NEW)
    edits = FileChanges(changed=("alpha.py",))
    edited = replace(two, plan=Plan("", "", accepts_host=True), edits=edits)
    assert timeline([one, edited]) == Timeline([0, 1, 2], [])


def test_new_change_leaves_nothing_to_redo() -> None:
    assert at(NEW, NEW, 1, NEW) == Timeline([0, 1, 4], [])


def test_undo_of_many_at_once_is_redone_one_by_one() -> None:
    line = (NEW, NEW, NEW, NEW)
    assert at(*line, 1) == Timeline([0, 1], [4, 3, 2])
    assert at(*line, 1, 2) == Timeline([0, 1, 2], [4, 3])
    assert at(*line, 0) == Timeline([0], [4, 3, 2, 1])


def test_forward_over_many_at_once_is_a_redo() -> None:
    assert at(NEW, NEW, NEW, 0, 3) == Timeline([0, 1, 2, 3], [])


def test_revision_that_brought_back_a_state_stands_for_it() -> None:
    # 3 brought back the state of 1, so to go to 3 is to go to that.
    assert at(NEW, NEW, 1, 2, 3) == Timeline([0, 1], [2])


def test_jump_off_the_line_is_a_change_like_any_other() -> None:
    # 2 was undone and then overtaken by 4: nothing leads there but its number.
    line = (NEW, NEW, 1, NEW, 2)
    assert at(*line) == Timeline([0, 1, 4, 2], [])
    assert at(*line, 4) == Timeline([0, 1, 4], [2])
    assert at(*line, 4, NEW) == Timeline([0, 1, 4, 7], [])


def test_jump_to_a_revision_that_nobody_knows_is_a_state_of_its_own() -> None:
    """Its command died before it was current, so no line leads to it."""
    line = revisions(NEW, NEW, 2)
    del line[1]
    assert timeline(line) == Timeline([0, 1, 3], [])


def test_restoring_where_one_stands_changes_nothing() -> None:
    assert at(NEW, NEW, 2) == at(NEW, NEW)
    assert at(NEW, NEW, 1, 1) == at(NEW, NEW, 1)


@dataclass
class Editor:
    """What an editor does, told by the texts and not by numbers."""

    texts: list[str] = field(default_factory=lambda: [""])
    """The text of each revision; of the host first."""
    before: list[str] = field(default_factory=lambda: [""])
    after: list[str] = field(default_factory=list)

    def change(self, text: str) -> None:
        self.before.append(text)
        self.after.clear()

    def restore(self, number: int) -> None:
        text = self.texts[number]
        if text in self.before:
            while self.before[-1] != text:
                self.after.append(self.before.pop())
        elif text in self.after:
            while self.before[-1] != text:
                self.before.append(self.after.pop())
        else:
            self.change(text)


STEPS = st.lists(st.sampled_from(("change", "undo", "redo")) | st.integers(0, 30), max_size=30)


@given(STEPS)
def test_it_is_as_in_an_editor(steps: list[str | int]) -> None:
    editor, restores = Editor(), list[int]()
    for step in steps:
        line = at(*restores)
        number = NEW
        if step == "undo" and len(line.done) > 1:
            number = line.done[-2]
        elif step == "redo" and line.undone:
            number = line.undone[-1]
        elif isinstance(step, int):
            number = step % (len(restores) + 1)
        if number == NEW:
            editor.change(f"text {len(restores)}")
        else:
            editor.restore(number)
        restores.append(number)
        editor.texts.append(editor.before[-1])
        line = at(*restores)
        assert [editor.texts[n] for n in line.done] == editor.before
        assert [editor.texts[n] for n in line.undone] == editor.after
        assert editor.texts[line.position] == editor.texts[-1]


@given(st.lists(st.integers(NEW, 5), max_size=8))
def test_no_state_is_twice_on_the_line(restores: list[int]) -> None:
    line = at(*restores)
    both = [*line.done, *line.undone]
    assert len(both) == len({*both})
    assert line.done[0] == 0 or 0 in line.undone


def test_at_either_end_there_is_nothing_more() -> None:
    assert len(at(NEW, 0).done) == 1
    assert at(NEW, 0, 1).undone == at(NEW).undone == []

"""Prints changes of distributions: as rows in groups, as items of a line, or as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from conda_overlay.cli.render.output import BOLD, GREEN, RED, YELLOW, say, table, whose
from conda_overlay.core.models import COPIED, EDITED, LEFT, Change, Plan
from conda_overlay.core.text import few

_GROUPS = {
    "added": ("+", GREEN, "added"),
    "instead of the environment's": ("~", YELLOW, "replaced"),
    "instead of a layer's": ("~", YELLOW, "replaced"),
    "changed": ("~", YELLOW, "changed"),
    "noted": ("=", "", "noted"),
    "removed": ("-", RED, "removed"),
    "back to the environment's": ("-", RED, "back to the environment's"),
    "back to a layer's": ("-", RED, "back to a layer's"),
}
"""For each group of changes its sign, the style of the sign, and a verb."""

_OTHER = {"origin": "another source", "content": "other content"}
"""The differences within one version, in words."""

_STAYS = {
    "fix": "until the environment has it",
    "hold": "kept until removed",
    "dev": "kept forever",
}
"""The intents, in words."""

_FEW, _FEW_ITEMS = 3, 2  # names in a sentence, changes in a line


def show_changes(changes: Sequence[Change], *, why: bool = True) -> None:
    """Print the change of each distribution, and the reason for it."""
    for title, group in _grouped(changes).items():
        sign, style, _ = _GROUPS[title]
        say(f"{title}:", style=BOLD)
        rows = [[f"  {sign} {one.name}", versions(one), _notes(one, why)] for one in group]
        table(rows, style)
        say()


def _item(change: Change) -> str:
    """Describe a change in a few words, behind its sign: ``~ flask 2.3.0 -> 3.1.3``."""
    title = _group(change)
    if title == "noted":
        return f"= {change.name}: {'; '.join(_recorded(change))}"
    if change.after and change.why.startswith(EDITED):
        return f"~ {change.name} {change.after} {change.why}"
    return f"{_GROUPS[title][0]} {change.name} {versions(change)}"


def sentence(plan: Plan) -> str:
    """Describe a plan in one sentence, as in ``humanize and 2 dependencies added``."""
    whys = {change.why for change in plan.changes}
    if len(whys) == 1 and min(whys).startswith("back to "):
        return f"{min(whys)}."
    parts = [
        f"{_listed(group, attrgetter('name'), _FEW)} {_verb(group, title)}"
        for title, group in _grouped(plan.changes).items()
    ]
    if not parts and plan.files:
        parts = [f"{few(plan.files.all, _FEW)} changed"]
    return "; ".join(parts or ["your overlay stays, over the environment as it is now"]) + "."


def items(changes: Sequence[Change]) -> str:
    """Describe changes in a line: the requested ones, and how many others there are."""
    return _listed(changes, _item, _FEW_ITEMS)


def versions(change: Change) -> str:
    """The versions in effect before and after; for the same version, what differs."""
    before = change.before or change.host_version
    after = change.after or change.host_version
    if before is None or after is None:
        return after or before or ""
    if before != after:
        return f"{before} -> {after}"
    if change.after is None:
        return after  # that of the environment
    if change.before is None or change.why == COPIED:
        return f"{after}, your copy"
    other = [_OTHER[name] for name in change.differs if name in _OTHER]
    return f"{after}, {' and '.join(other)}" if other else after


def _grouped(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """The changes of each group that has any."""
    groups: dict[str, list[Change]] = {title: [] for title in _GROUPS}
    for change in changes:
        groups[_group(change)].append(change)
    return {title: group for title, group in groups.items() if group}


def _group(change: Change) -> str:
    below, owner = change.host_version, whose(change.hides)
    if change.after is None:
        back = below and not change.why.startswith(LEFT)
        return f"back to {owner}" if back else "removed"
    if change.before is None:
        return f"instead of {owner}" if below else "added"
    return "changed" if change.files_differ else "noted"


def _listed(changes: Sequence[Change], describe: Callable[[Change], str], most: int) -> str:
    """Describe the changes that the user requested, and count the others; or all if none is."""
    shown = [one for one in changes if _is_requested(one)] or changes
    count = len(changes) - len(shown)
    others = f" and {count} {'dependency' if count == 1 else 'dependencies'}" if count else ""
    return few([*map(describe, shown)], most) + others


def _is_requested(change: Change) -> bool:
    """Whether the user named a distribution, perhaps to remove it."""
    return change.requested or change.why == "requested"


def _verb(group: Sequence[Change], title: str) -> str:
    if all(one.after and one.why.startswith(EDITED) for one in group):
        return "edited"
    if all(one.why == COPIED for one in group):
        return "copied"
    if title == "changed" and all("version" in one.differs for one in group):
        return "updated"
    return _GROUPS[title][2]


def _notes(change: Change, why: bool) -> str:
    """The reason for a change, and what the history records of it."""
    notes = [change.why] if why else []
    if _group(change) == "noted":
        return "; ".join(_recorded(change))
    if not why:
        return ""
    if change.editable:
        notes.append(f"editable from {change.editable}")
    usual = "dev" if change.editable else "fix"
    stays = _STAYS[change.intent or "fix"]
    if was := change.was.get("intent"):
        notes.append(f"intent {was} -> {change.intent} ({stays})")
    elif change.after and change.intent != usual:
        notes.append(stays)
    if change.until:
        notes.append(f"until {change.until}")
    if "reason" in change.differs and change.reason:
        notes.append(change.reason)
    return ", ".join(notes)


def _recorded(change: Change) -> list[str]:
    """The recorded facts that change, and nothing else does."""
    found = []
    for name in change.differs:
        old, new = change.was.get(name), getattr(change, name, None)
        if name == "requested":
            found.append("now requested" if new else "no longer requested")
        elif name == "options":
            found.append("other options for pip")
        elif name == "requirement":
            found.append(f"the requirement is now {new}" if new else f"not required as {old}")
        else:
            texts = [f"'{text}'" if name == "reason" else text for text in (old, new) if text]
            found.append(f"{name} {' -> '.join(texts)}{'' if new else ' removed'}")
    return found

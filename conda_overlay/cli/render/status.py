"""Prints the results of status, why and doctor."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from conda_overlay.cli.render.output import YELLOW, local, say, size, state, table

_MEANINGS = {"redundant": "host has it", "not needed": "nothing needs it"}
"""The words for people, if they differ from those of the report."""


def show_status(report: Mapping[str, Any]) -> None:
    """Print a host, its wiring, and each of its overlays."""
    host, wiring = report["host"], report["wiring"]
    protected = host["protected"] or "no, you can write to it"
    say(f"host:      {host['name']} ({host['prefix']}), Python {host['python']}")
    say(f"protected: {protected}")
    show_fork(report["fork"])
    if not report["overlays"]:
        say("overlay:   none")
        _show_user_site(report["user_site"], can_install=bool(host["protected"]))
        if host["protected"]:
            start = ["conda", "overlay", "install", "-p", host["prefix"], "NAME"]
            say(f"\nStart one with: {shlex.join(start)}")
        return
    say(f"wiring:    {wiring['state']}, {wiring['detail']}")
    show_trigger(wiring["trigger"])
    for overlay in report["overlays"]:
        _show_overlay(overlay)
    for kernel in report["kernels"]:
        words = ["-p", kernel["host"], "--kernel-name", kernel["name"], "--force"]
        say(f"\nThe Jupyter kernel {kernel['name']} starts without the overlay. With it:")
        say(f"  conda overlay kernel install {shlex.join(words)}")
    hide = "conda config --set plugins.overlay_hide_user_site true"
    _show_user_site(report["user_site"], hide)


def show_fork(fork: Mapping[str, Any] | None) -> None:
    """Print the baseline of a fork, and the changes of the baseline since then."""
    if not fork:
        return
    say(f"fork of:   {fork['baseline']}")
    if fork["unknown"]:
        say(f"drift:     unknown: {fork['unknown']}")
    changes, file = fork["changes"], fork["changed_file"]
    if changes:
        say("\ndrift:", end=" ", style=YELLOW)
        say("the baseline has changed since:", *(f"  {change}" for change in changes))
    if file:
        say("\ndrift:", end=" ", style=YELLOW)
        say(f"the file that it was made from has changed since: {file}")
    if changes or file:
        say(f"To follow it: {shlex.join(['conda', 'overlay', *fork['remedy']])}\n")


def _show_user_site(
    found: Sequence[Mapping[str, Any]],
    hide: str = "export PYTHONNOUSERSITE=1",
    *,
    can_install: bool = True,
) -> None:
    """Print distributions in ``~/.local`` that the host or an overlay also has, and remedies."""
    if not found:
        return
    say("\nin ~/.local, which every environment of this Python sees:")
    rows = []
    for row in found:
        hides = f"hides {row['host_version']} of the host"
        hidden = f"hidden by {row['overlay_version']} of the overlay"
        rows.append(
            [f"  {row['name']}", row["version"], hidden if row["overlay_version"] else hides]
        )
    table(rows)
    names = [f"{row['name']}=={row['version']}" for row in found if not row["overlay_version"]]
    if names and can_install:
        say(f"To have it in the overlay instead: conda overlay install {shlex.join(names)}")
    say(f"To hide all of ~/.local: {hide}")


def show_merged(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print every distribution in effect."""
    lines = [["# name", "version", "from", "hides"]]
    for row in rows:
        hidden = [f"{copy['version']} ({copy['place']})" for copy in row["hides"]]
        lines.append([row["name"], row["version"], row["place"], ", ".join(hidden)])
    table(lines)


def show_answer(answer: Mapping[str, Any]) -> None:
    """Print which copy of something runs, and why."""
    runs, editable = answer["runs"], answer["editable"]
    if runs:
        say(f"{answer['name']} {runs['version']}, from {_place(runs)}")
    else:
        say(f"{answer['name']}, of no distribution")
    put = [f"revision {answer['revision']}"] if answer["revision"] else []
    put += [local(answer["since"])] if answer["since"] else []
    put += [f"by {answer['by']}"] if answer["by"] else []
    put += [shlex.join(answer["command"])] if answer["command"] else []
    facts = {
        "module": answer["module"] and f"{answer['module']}, {answer['file'] or 'a namespace'}",
        "parts": answer["namespace"],
        "script": answer["script"],
        "editable": editable and f"from {editable}",
        "edited": ", ".join(answer["edited"]),
        "hides": [f"{copy['version']}, in {_place(copy)}" for copy in answer["hides"]],
        "put there": ", ".join(put),
        "reason": answer["reason"],
        "required by": ", ".join(answer["required_by"]),
        "elsewhere": answer["differences"],
    }
    for title, fact in facts.items():
        for line in fact if isinstance(fact, list) else [fact]:
            if line:
                say(f"  {title + ':':<12} {line}")


def _place(copy: Mapping[str, Any]) -> str:
    return f"the {copy['where']} ({copy['place']})"


def _show_overlay(overlay: Mapping[str, Any]) -> None:
    revision = overlay["revision"] if overlay["managed"] else "unmanaged, made by hand"
    if overlay["position"] not in (None, overlay["revision"]):
        revision = f"{revision} (the state of {state(overlay['position'])})"
    count = len(overlay["distributions"])
    plural = "" if count == 1 else "s"
    say(f"\noverlay:   {overlay['overlay']}")
    say(f"revision:  {revision}, {count} distribution{plural}, {size(overlay['size'])}")
    if overlay["distributions"]:
        say()
        rows = [["# name", "host", "overlay", "kind", "since", "by", "meaning", "reason"]]
        for title, asked in (("asked for:", True), ("came along:", False)):
            part = [row for row in overlay["distributions"] if row["requested"] is asked]
            rows += [[title, *[""] * 7], *map(_status_row, part)] if part else []
        table(rows)
    for finding in overlay["findings"]:
        say(f"\n{finding['kind']}:", end=" ", style=YELLOW)
        say(finding["text"])


def _status_row(row: Mapping[str, Any]) -> list[str]:
    kind = f"editable {row['editable']}" if row["editable"] else row["kind"]
    notes = [row["reason"]] if row["reason"] else []
    notes += [row["intent"]] if row["intent"] != ("dev" if row["editable"] else "fix") else []
    notes += [f"until {row['until']}"] if row["until"] else []
    return [
        "  " + row["name"],
        row["host_version"] or "-",
        row["version"],
        f"{kind}, edited" if row["edited"] else kind,
        local(row["since"]) if row["since"] else "-",
        row["by"] or "-",
        _MEANINGS.get(row["meaning"], row["meaning"]),
        ", ".join(notes),
    ]


def show_health(overlays: Sequence[Mapping[str, Any]]) -> None:
    """Print the problems of an environment's overlays in the format of ``conda doctor``."""
    for overlay in overlays:
        findings = overlay["findings"]
        mark = "❌" if findings else "✅"
        state = "has findings" if findings else "holds together"
        say(f"{mark} The overlay {overlay['overlay']} {state}.\n")
        for finding in findings:
            say(f"  {finding['kind']}: {finding['text']}")
        if findings:
            say()


def show_trigger(trigger: Mapping[str, str | None]) -> None:
    """Print a warning if nothing will wire the overlay."""
    if trigger["name"] is None:
        say(f"\nconda activate will not use the overlay: {trigger['reason']}.")
        say(f"Hint: {trigger['remedy']}")


def show_overlays(found: Sequence[Mapping[str, Any]]) -> None:
    """Print all overlays, one line each."""
    if not found:
        say("No overlays. Start one with: conda overlay install -n ENVIRONMENT NAME")
        return
    rows = [["# overlay", "host", "revision", "size", "state"]]
    for one in found:
        host, revision = one["host"] or "not recorded", str(one["revision"] or "-")
        rows.append([one["overlay"], host, revision, size(one["size"]), one["state"]])
    table(rows)

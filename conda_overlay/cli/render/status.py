"""Prints the results of status, list and doctor."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conda_overlay.cli.render.output import YELLOW, local, say, size, state, table
from conda_overlay.core.text import few

if TYPE_CHECKING:
    from conda_overlay.core.models import Finding
    from conda_overlay.fork.origin import ForkDrift
    from conda_overlay.host.user_site import UserDistribution
    from conda_overlay.report.merged import MergedDistribution
    from conda_overlay.report.overlays import Overlays
    from conda_overlay.report.shell import Trigger
    from conda_overlay.report.status import DistributionStatus, LayerStatus, Status

_MEANINGS = {"redundant": "host has it", "not needed": "nothing needs it"}
"""The words for people, if they differ from those of the report."""


def show_status(report: Status) -> None:
    """Print a host, its wiring, and each of its overlays."""
    host, wiring = report.host, report.wiring
    say(f"host:      {host.name} ({host.prefix}), Python {host.python}")
    say(f"protected: {host.protected or 'no, you can write to it'}")
    show_drift(report.fork)
    if not report.overlays:
        say("overlay:   none")
        _show_findings(report.relatives)
        _show_user_site(report.user_site, can_install=bool(host.protected))
        if host.protected:
            start = ["conda", "overlay", "install", "-p", host.prefix, "NAME"]
            say(f"\nStart one with: {shlex.join(start)}")
        return
    say(f"wiring:    {wiring.state}, {wiring.detail}")
    show_trigger(wiring.trigger)
    for overlay in report.overlays:
        _show_overlay(overlay)
    for kernel in report.kernels:
        words = ["conda", "overlay", "kernel", "install", "-p", kernel.host]
        words += ["--kernel-name", kernel.name, "--force"]
        say(f"\nThe Jupyter kernel {kernel.name} starts without the overlay. With it:")
        say(f"  {shlex.join(words)}")
    hide = "conda config --set plugins.overlay_hide_user_site true"
    _show_user_site(report.user_site, hide)


def show_drift(fork: ForkDrift | None) -> None:
    """Print the baseline of a fork, and the changes since it was made."""
    if not fork:
        return
    say(f"fork of:   {fork.baseline}")
    if fork.unknown:
        say(f"drift:     unknown: {fork.unknown}")
    if fork.changes:
        say("\ndrift:", end=" ", style=YELLOW)
        say("the baseline has changed since:", *(f"  {change}" for change in fork.changes))
    if fork.changed_file:
        say("\ndrift:", end=" ", style=YELLOW)
        say(f"the file that it was made from has changed since: {fork.changed_file}")
    if fork.changes or fork.changed_file:
        say(f"To follow it: {shlex.join(['conda', 'overlay', *fork.remedy])}\n")


def _show_user_site(
    found: Sequence[UserDistribution],
    hide: str = "export PYTHONNOUSERSITE=1",
    *,
    can_install: bool = True,
) -> None:
    """Print the distributions in ``~/.local``, and remedies."""
    if not found:
        return
    say("\nin ~/.local, which every environment of this Python sees:")
    rows, only = [], []
    for row in found:
        meaning = f"hides {row.host_version} of the host"
        if row.overlay_version:
            meaning = f"hidden by {row.overlay_version} of the overlay"
        elif not row.host_version:
            only.append(f"{row.name} {row.version}")
            continue
        rows.append([f"  {row.name}", row.version, meaning])
    table(rows)
    if only:
        say(f"  {'also ' if rows else ''}in effect: {few(only)}")
    hiding = [row for row in found if row.host_version and not row.overlay_version]
    names = [f"{row.name}=={row.version}" for row in hiding]
    if names and can_install:
        say(f"To have it in the overlay instead: conda overlay install {shlex.join(names)}")
    say(f"To hide all of ~/.local: {hide}")


def show_merged(rows: Sequence[MergedDistribution]) -> None:
    """Print every distribution in effect."""
    lines = [["# name", "version", "from", "hides"]]
    for row in rows:
        hidden = ", ".join(f"{copy.version} ({copy.place})" for copy in row.hides)
        lines.append([row.name, row.version, row.place, hidden])
    table(lines)


def _show_overlay(overlay: LayerStatus) -> None:
    revision = str(overlay.revision) if overlay.managed else "unmanaged, made by hand"
    if overlay.position not in (None, overlay.revision):
        revision = f"{revision} (the state of {state(overlay.position or 0)})"
    count = len(overlay.distributions)
    plural = "" if count == 1 else "s"
    label = f" ({overlay.label}, for everybody)" if overlay.label else ""
    say(f"\noverlay:   {overlay.overlay}{label}")
    say(f"revision:  {revision}, {count} distribution{plural}, {size(overlay.size)}")
    if overlay.distributions:
        say()
        rows = [["# name", "host", "overlay", "kind", "since", "by", "meaning", "reason"]]
        for title, asked in (("asked for:", True), ("came along:", False)):
            part = [row for row in overlay.distributions if row.requested is asked]
            rows += [[title, *[""] * 7], *map(_status_row, part)] if part else []
        table(rows)
    _show_findings(overlay.findings)


def _show_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(f"\n{finding.kind}:", end=" ", style=YELLOW)
        say(finding.text, *(f"  {command}" for command in finding.remedies))


def _hidden(row: DistributionStatus) -> str:
    """The version that a distribution hides, and where that is unless in the host."""
    place = "" if row.hides in (None, "host") else f" ({row.hides})"
    return f"{row.host_version or '-'}{place}"


def _status_row(row: DistributionStatus) -> list[str]:
    kind = f"editable {row.editable}" if row.editable else row.kind
    notes = [row.reason] if row.reason else []
    notes += [row.intent] if row.intent != ("dev" if row.editable else "fix") else []
    notes += [f"until {row.until}"] if row.until else []
    return [
        "  " + row.name,
        _hidden(row),
        row.version,
        f"{kind}, edited" if row.edited else kind,
        local(row.since) if row.since else "-",
        row.by or "-",
        _MEANINGS.get(row.meaning, row.meaning),
        ", ".join(notes),
    ]


def show_health(overlays: Sequence[LayerStatus], relatives: Sequence[Finding]) -> None:
    """Print the problems of an environment's overlays in the format of ``conda doctor``."""
    for finding in relatives:
        say(f"❌ {finding.text}.", *(f"    {command}" for command in finding.remedies))
    for overlay in overlays:
        mark = "❌" if overlay.findings else "✅"
        verdict = "has findings" if overlay.findings else "holds together"
        say(f"{mark} The overlay {overlay.overlay} {verdict}.\n")
        for finding in overlay.findings:
            say(f"  {finding.kind}: {finding.text}")
            say(*(f"    {command}" for command in finding.remedies))
        if overlay.findings:
            say()


def show_trigger(trigger: Trigger) -> None:
    """Print a warning if nothing will wire the overlay."""
    if trigger.name is None:
        say(f"\nconda activate will not use the overlay: {trigger.reason}.")
        say(f"Hint: {trigger.remedy}")


def show_overlays(found: Overlays) -> None:
    """Print all overlays, one line each."""
    if not found.overlays:
        say("No overlays. Start one with: conda overlay install -n ENVIRONMENT NAME")
        if os.geteuid() == 0:
            say("Those of all users: conda overlay audit")
        return
    rows = [["# overlay", "host", "revision", "size", "state"]]
    for one in found.overlays:
        host, revision = one.host or "not recorded", str(one.revision or "-")
        rows.append([one.overlay, host, revision, size(one.size), one.state])
    table(rows)
    for one in found.overlays:
        if one.remedies:
            say(f"{one.overlay}: {one.state}:", *(f"  {command}" for command in one.remedies))

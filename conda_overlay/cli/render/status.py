"""Prints the results of status, list and doctor."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from conda_overlay.cli.render.output import (
    BOLD,
    YELLOW,
    line_width,
    local,
    say,
    size,
    state,
    table,
    whose,
    with_environment,
)
from conda_overlay.core.text import few, user_base
from conda_overlay.filesystem.lock import user

if TYPE_CHECKING:
    from conda_overlay.core.models import Finding
    from conda_overlay.fork.origin import ForkDrift
    from conda_overlay.host.user_site import UserDistribution
    from conda_overlay.report.merged import MergedDistribution, Place
    from conda_overlay.report.overlays import Overlays
    from conda_overlay.report.shell import Trigger
    from conda_overlay.report.status import DistributionStatus, LayerStatus, Status

_ACTIVE = {"on": "yes", "off": "no; ", "stale": "outdated; "}
_NOTES = {
    "redundant": "not needed: the environment has it",
    "not needed": "not needed: nothing depends on it",
    "older than host": "older than the environment's",
    "broken": "broken",
    "stale": "built for another Python",
}
"""The meanings that need to be said, in words."""

_NORMAL = ("newer than host", "in place of host", "not in host", "older than host", "")
"""The meanings of a distribution that needs no attention; empty: of one without a host."""


def show_status(report: Status, *, every: bool = False, details: bool = False) -> None:
    """Print the problems of a host's overlays, and what they hold.

    Args:
        report: the status.
        every: also list the dependencies.
        details: also print paths, dates and authors, and all of long lines.
    """
    host, wiring = report.host, report.wiring
    say(f"environment:  {host.name}, Python {host.python}")
    if details:
        say(f"prefix:       {host.prefix}")
        say(f"protected:    {host.protected or 'no, you can write to it'}")
    show_drift(report.fork)
    if not report.overlays:
        say("overlay:      none")
        _show_findings(report.relatives)
        _show_user_site(report.user_site, can_install=bool(host.protected))
        if host.protected:
            where = ["-p", host.prefix] if "/" in host.name else ["-n", host.name]
            say(f"\nStart one with: {shlex.join(['conda', 'overlay', 'install', *where, 'NAME'])}")
        return
    say(f"active here:  {_ACTIVE[wiring.state]}{wiring.detail.removeprefix('in this shell')}")
    show_trigger(wiring.trigger)
    places = {one.overlay: one.label or one.overlay for one in report.overlays}
    for overlay in report.overlays:
        _show_overlay(overlay, places, every=every, details=details)
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
    say(f"fork of:      {fork.baseline}")
    if fork.unknown:
        say(f"drift:        unknown: {fork.unknown}")
    if fork.unread_file:
        say("\nnote:", end=" ", style=YELLOW)
        say(fork.unread_file)
    if fork.changes:
        say("\ndrift:", end=" ", style=YELLOW)
        say("the baseline has changed since:", *(f"  {change}" for change in fork.changes))
    if fork.changed_file:
        say("\ndrift:", end=" ", style=YELLOW)
        say(f"its file has changed since: {fork.changed_file}")
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
    say(f"\nin {user_base()} (visible in every environment with this Python):")
    rows, only = [], []
    for row in found:
        meaning = f"hides the environment's {row.host_version}"
        if row.overlay_version:
            meaning = f"hidden by the overlay's {row.overlay_version}"
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
        install = with_environment(f"conda overlay install {shlex.join(names)}")
        say(f"To install it into the overlay instead: {install}")
    say(f"To hide all of {user_base()}: {hide}")


def show_merged(rows: Sequence[MergedDistribution], places: Sequence[Place]) -> None:
    """Print every distribution in effect, below the places that they are in."""
    names = {place.path: place.name for place in places}
    say(*(f"# {name}: {path}" for path, name in names.items() if name != path), "#")
    lines = [["# name", "version", "from", "hides"]]
    for row in rows:
        hidden = ", ".join(f"{copy.version} ({names[copy.place]})" for copy in row.hides)
        lines.append([row.name, row.version, names[row.place], hidden])
    table(lines)


def _show_overlay(
    overlay: LayerStatus, places: Mapping[str, str], *, every: bool, details: bool
) -> None:
    count = len(overlay.distributions)
    facts = [f"{count} distribution{'' if count == 1 else 's'}", size(overlay.size)]
    facts.insert(0, f"revision {overlay.revision}" if overlay.managed else "made by hand")
    if overlay.managed and overlay.revision is None:  # refused, or without its link
        facts = ["not used"]
    if overlay.position not in (None, overlay.revision):
        facts[0] += f" (the state of {state(overlay.position or 0)})"
    label = f" ({overlay.label}, for everybody)" if overlay.label else ""
    if len(places) > 1 or details:
        say(f"\noverlay:      {overlay.overlay}{label}", f"              {', '.join(facts)}")
    else:
        say(f"overlay:      {', '.join(facts)}{label}")
    _show_findings(overlay.findings)
    shown: list[DistributionStatus] = []
    others: list[DistributionStatus] = []
    for one in overlay.distributions:
        (shown if every or _is_of_interest(one) else others).append(one)
    for title in ("instead of the environment's", "instead of a layer's", "added"):
        part = [one for one in shown if _title(one) == title]
        part.sort(key=lambda one: not one.requested)
        if part:
            say()
            say(f"{title}:", style=BOLD)
            table(
                [_row(one, details, places) for one in part],
                width=None if details else line_width(),
            )
    if others:
        hiding = sum(one.host_version is not None for one in others)
        number = f" {hiding}" if hiding < len(others) else ""
        also = f",{number} instead of the environment's" if hiding else ""
        say(f"\nand {len(others)} that these need{also} (--all)")


def _title(one: DistributionStatus) -> str:
    """The group of a distribution: by what it hides."""
    if one.host_version is None:
        return "added"
    return f"instead of {whose(one.hides)}"


def _is_of_interest(one: DistributionStatus) -> bool:
    """Whether a distribution was requested, or is not simply what these need."""
    return one.requested or one.edited or one.meaning not in _NORMAL


def _show_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(f"\n{finding.kind}:", end=" ", style=YELLOW)
        say(finding.text, *(f"  {command}" for command in finding.remedies))


def _row(one: DistributionStatus, details: bool, places: Mapping[str, str]) -> list[str]:
    """The name, the versions, and why a distribution is there, by whom unless by the caller."""
    versions = one.version
    if one.host_version is not None:
        versions = f"{one.host_version} -> {one.version}"
        if one.host_version == one.version:
            versions = f"{one.version}, your copy"
        if one.hides != "host":
            versions = f"{versions} (over {places.get(one.hides or '', one.hides)})"
    notes = [_NOTES[one.meaning]] if one.meaning in _NOTES else []
    if one.editable:
        notes.append(f"editable from {one.editable}" if details else "editable")
    notes += ["edited"] if one.edited else []
    notes += [one.intent] if one.intent != ("dev" if one.editable else "fix") else []
    notes += [f"until {one.until}"] if one.until else []
    notes += [f"by {one.by}"] if one.by and (details or one.by != user()) else []
    notes += ["" if one.requested else "dependency"]
    text = "; ".join(filter(None, [", ".join(filter(None, notes)), one.reason]))
    since = local(one.since) if one.since else "-"
    return [f"  {one.name}", versions, since if details else since[:10], text]


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
            say("For the overlays of all users: conda overlay audit")
        return
    rows = [["# overlay", "host", "revision", "size", "state"]]
    for one in found.overlays:
        host, revision = one.host or "not recorded", str(one.revision or "-")
        rows.append([one.overlay, host, revision, size(one.size), one.state])
    table(rows)
    for one in found.overlays:
        if one.remedies:
            say(f"{one.overlay}: {one.state}:", *(f"  {command}" for command in one.remedies))

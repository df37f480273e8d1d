"""``conda overlay status``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conda_overlay.overlay import Overlay, Status


def configure_parser(parser: ArgumentParser) -> None:
    """Add conda's usual options."""
    from conda.cli.helpers import add_parser_help, add_parser_json, add_parser_prefix

    add_parser_help(parser)
    add_parser_prefix(parser)
    add_parser_json(parser)
    parser.epilog = "examples: conda overlay status; conda overlay status -n science --json"


def execute(arguments: Namespace) -> int:
    """Print what there is, and what is wrong with it."""
    from conda.base.context import context

    from conda_overlay import triggers
    from conda_overlay.cli import output
    from conda_overlay.overlay import Overlay

    overlay = Overlay.open(context.target_prefix)
    report = _report(overlay, overlay.status(), triggers.find())
    if context.json:
        output.show_json(report)
    else:
        _show(report)
    return 0


def _report(overlay: Overlay, statuses: list[Status], trigger: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from conda_overlay.wired import wired

    host = overlay.host
    return {
        "host": {
            "name": host.name,
            "prefix": str(host.prefix),
            "owner": host.owner,
            "protected": host.protection,
            "python": host.markers["python_full_version"],
        },
        "wiring": {**wired(host, overlay.settings).to_json(), "trigger": trigger.to_json()},
        "overlays": [
            {
                "overlay": status.overlay,
                "managed": status.managed,
                "revision": status.revision,
                "size": status.size,
                "distributions": [asdict(row) for row in status.rows],
                "findings": [finding.to_json() for finding in status.findings],
            }
            for status in statuses
        ],
    }


def _show(report: dict[str, Any]) -> None:
    from conda_overlay.cli import output

    host, wiring = report["host"], report["wiring"]
    protected = host["protected"] or "no, you may write it"
    print(f"host:      {host['name']} ({host['prefix']}), Python {host['python']}")
    print(f"protected: {protected}")
    if not report["overlays"]:
        print("overlay:   none")
        print(f"\nStart one with: conda overlay install -p {host['prefix']} NAME")
        return
    print(f"wiring:    {wiring['state']}, {wiring['detail']}")
    trigger = wiring["trigger"]
    if trigger["name"]:
        print(f"trigger:   {trigger['name']}")
    else:
        print(f"trigger:   none: {trigger['reason']}; type: {trigger['remedy']}")
    for overlay in report["overlays"]:
        revision = overlay["revision"] if overlay["managed"] else "unmanaged, made by hand"
        count = len(overlay["distributions"])
        print(f"\noverlay:   {overlay['overlay']}")
        print(
            f"revision:  {revision}, {count} distribution{'' if count == 1 else 's'}, "
            f"{output.size(overlay['size'])}"
        )
        if overlay["distributions"]:
            rows = [["\n# name", "host", "overlay", "kind", "since", "by", "reason"]]
            for row in overlay["distributions"]:
                kind = f"editable {row['editable']}" if row["editable"] else row["kind"]
                rows.append(
                    [
                        row["name"],
                        row["host_version"] or "-",
                        row["version"],
                        kind,
                        row["since"] or "-",
                        row["by"] or "-",
                        row["reason"] or "",
                    ]
                )
            output.table(rows)
        for finding in overlay["findings"]:
            print(f"\n{finding['kind']}: {finding['text']}")

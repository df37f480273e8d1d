"""``conda overlay audit``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from conda.cli.helpers import add_parser_help, add_parser_json

from conda_overlay.activation.settings import observe
from conda_overlay.cli import options
from conda_overlay.cli.render import output

if TYPE_CHECKING:
    from conda_overlay.report.audit import AuditedOverlay, Place, Unreadable
    from conda_overlay.report.audit_summary import Next, Summary

EXAMPLES = """\
    conda overlay audit                               as root: of all users
    conda overlay audit -n science --by user
    conda overlay audit --against science-2027        for the next environment
    conda overlay audit --recipe wanted.yml --patches fixes
    conda overlay audit --html overlays.html
    conda overlay audit '/data/*/overlays' other-machine.json
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    options.show_examples(parser, EXAMPLES)
    add_parser_help(parser)
    add_parser_json(parser)
    meaning = ("Directories of overlays, patterns of them, or files that audit --json wrote. "
               "Default: overlay_dirs; for root, those of all homes.")  # fmt: skip
    parser.add_argument("places", metavar="DIR|GLOB|FILE", nargs="*", help=meaning)
    meaning = "Look in the homes of all accounts."
    parser.add_argument("--homes", action="store_true", help=meaning)
    meaning = "Only overlays of this environment, by its name or prefix."
    parser.add_argument("-n", "--name", dest="environment", metavar="ENV", help=meaning)
    meaning = "One table for each environment (default) or user, or one for all."
    parser.add_argument("--by", choices=("name", "env", "user"), default="env", help=meaning)
    meaning = "Also say what would become of each over this environment or explicit list."
    parser.add_argument("--against", metavar="ENV|LIST", help=meaning)
    for option, what in (
        ("--html", "Write a page for a browser."),
        ("--recipe", "Write lines for the recipe of the next environment."),
    ):
        parser.add_argument(option, metavar="FILE", help=what)
    parser.add_argument("--patches", metavar="DIR", help="Write the patches; equal ones once.")


def execute(arguments: Namespace) -> int:
    """Read all records, and print what is in them; 1 if something needs attention."""
    from conda.base.context import context

    from conda_overlay.cli.render.audit import print_json, show_audit, show_outcomes
    from conda_overlay.report.audit_summary import Summary, next_environment

    keeps = bool(arguments.html or arguments.patches)
    summary = Summary(arguments.by, keeps_patches=keeps)
    target = next_environment(arguments.against) if arguments.against else None
    found: Iterator[Any] = _counted(_chosen(arguments), summary)
    undecided = 0
    if context.json:
        print_json(found, target)
    else:
        outcomes = [*_outcomes(found, target)]
        show_audit(summary)
        undecided = show_outcomes(arguments.against, outcomes) if target else 0
    _write(arguments, summary)
    return int(bool(summary.counts or undecided))


def _counted(
    found: Iterable[AuditedOverlay | Unreadable], summary: Summary
) -> Iterator[AuditedOverlay | Unreadable]:
    for one in found:
        summary.add(one)
        yield one


def _outcomes(found: Iterable[AuditedOverlay | Unreadable], target: Next | None) -> Iterator[Any]:
    """What becomes of each distribution; nothing without a target."""
    from conda_overlay.report.audit import AuditedOverlay

    for one in found:
        if target is not None and isinstance(one, AuditedOverlay):
            yield from target.outcomes(one)


def _chosen(arguments: Namespace) -> Iterator[AuditedOverlay | Unreadable]:
    """What was read, of one environment if it is named."""
    import os

    from conda_overlay.host.host import prefix_of
    from conda_overlay.report.audit import Unreadable, audit, written

    named = arguments.environment and os.path.realpath(prefix_of(arguments.environment))
    places, files = _places(arguments)
    for one in (*map(written, files), audit(places, _known())):
        for found in one:
            if isinstance(found, Unreadable) or not named or found.host == named:
                yield found


def _places(arguments: Namespace) -> tuple[Iterator[Place], list[str]]:
    """The directories to read, and the files that were written elsewhere."""
    import glob
    import os
    from itertools import chain

    from conda.base.context import context

    from conda_overlay.activation.locate import expand, path_of
    from conda_overlay.core.errors import OverlayError
    from conda_overlay.report.audit import Place, homes

    settings, named, files = observe(), [], []
    for pattern in arguments.places:
        matches = sorted(glob.glob(os.path.expanduser(pattern)))
        if not matches:
            raise OverlayError(f"There is nothing at {pattern}.", f"ls -ld {pattern}", path=pattern)
        named += [Place(os.path.abspath(path)) for path in matches if os.path.isdir(path)]
        files += [path for path in matches if not os.path.isdir(path)]
    if arguments.homes or (os.geteuid() == 0 and not arguments.places):
        every = homes([*map(path_of, settings.overlay_dirs)], context.envs_dirs)
        return chain(named, every), files
    if not arguments.places:
        named = [Place(path) for path in expand(settings.overlay_dirs, os.environ)]
    return iter(named), files


def _known() -> dict[str, dict[str, str]]:
    """The versions in the environments of the caller and of root, by their real prefixes."""
    import os
    from contextlib import suppress
    from pathlib import Path

    from conda.core.envs_manager import list_all_known_prefixes

    from conda_overlay.report.audit_summary import versions_in

    found = {}
    for prefix in {os.path.realpath(prefix) for prefix in list_all_known_prefixes()}:
        with suppress(OSError):  # some may be where nobody else can read
            if os.stat(prefix).st_uid in (0, os.geteuid()):
                found[prefix] = versions_in(Path(prefix))
    return found


def _write(arguments: Namespace, summary: Summary) -> None:
    """Write the files that the command line names."""
    from pathlib import Path

    from conda_overlay.cli import files
    from conda_overlay.filesystem.lock import now
    from conda_overlay.report.audit_files import page, recipe, write_patches

    if arguments.recipe:
        files.write(arguments.recipe, recipe(summary))
    if arguments.html:
        files.write(arguments.html, page(summary, now()))
    if arguments.patches:
        names = write_patches(summary.patches.values(), Path(arguments.patches))
        output.tell(f"Patches in {arguments.patches}: {len(names)}.")

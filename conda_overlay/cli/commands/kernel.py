"""``conda overlay kernel``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda.base.context import context

from conda_overlay.activation.settings import observe
from conda_overlay.cli import common
from conda_overlay.cli.render import output
from conda_overlay.core.errors import UsageError
from conda_overlay.core.serialize import encode

EXAMPLES = """\
    conda overlay kernel install -n science          a kernel "science (overlay)" for any Jupyter
    conda overlay kernel install --kernel-name fix --display-name 'science, with the fix'
    conda overlay kernel list
    conda overlay kernel remove overlay-science
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("action", choices=("install", "list", "remove"), help="What to do.")
    parser.add_argument("kernel", nargs="?", metavar="NAME", help="The kernel to remove.")
    common.add_reading_options(parser, EXAMPLES)
    meaning = "The name of the kernel (--name is conda's, for the environment)."
    parser.add_argument("--kernel-name", metavar="NAME", help=meaning)
    parser.add_argument("--display-name", metavar="TEXT", help="What notebooks show.")
    common.add_force(parser, "Replace or remove a kernel that conda-overlay has not made.")


def execute(arguments: Namespace) -> int:
    """Write, list or remove kernelspecs."""
    from conda_overlay.report import status
    from conda_overlay.run import kernels

    if arguments.action == "remove" and arguments.kernel is None:
        raise UsageError("Name the kernel to remove.", "conda overlay kernel list")
    if arguments.action != "remove" and arguments.kernel is not None:
        hint = "conda overlay kernel install --kernel-name NAME"
        raise UsageError("Only remove takes the name of a kernel.", hint)
    if arguments.action == "list":
        found = encode(list(kernels.kernels(status.hosts(observe()))))
        output.show_json(found) if context.json else output.show_kernels(found)
        return 0
    force = arguments.force_overlay
    if arguments.action == "install":
        names = arguments.kernel_name, arguments.display_name
        place, what = kernels.install(common.opened(), *names, force=force), "Installed"
    else:
        place, what = kernels.remove(arguments.kernel, force), "Removed"
    if context.json:
        output.show_json({"success": True, "kernel": place.name, "path": str(place)})
    else:
        output.say(f"{what} the kernel {place.name}: {place}")
    return 0

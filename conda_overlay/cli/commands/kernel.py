"""``conda overlay kernel``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from conda_overlay.activation import switch, wiring
from conda_overlay.cli import options, select
from conda_overlay.cli.render import output

EXAMPLES = """\
    conda overlay kernel install -n science     named "science (overlay)"
    conda overlay kernel install --kernel-name fix --display-name 'fixed'
    jupyter kernelspec list                         all kernels
    jupyter kernelspec remove overlay-science
"""


def configure_parser(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("action", choices=("install",), help="Install a kernel.")
    options.add_reading_options(parser, EXAMPLES)
    meaning = "The name of the kernel (--name selects the environment)."
    parser.add_argument("--kernel-name", metavar="NAME", help=meaning)
    parser.add_argument("--display-name", metavar="TEXT", help="The name that notebooks show.")
    options.add_force(parser, "Replace a kernel, a command or a link that is yours.")


def execute(arguments: Namespace) -> int:
    """Write a kernelspec."""
    from conda_overlay.run import kernels

    names = arguments.kernel_name, arguments.display_name
    stack = select.opened(arguments).stack
    place = kernels.install_kernel(stack, *names, force=arguments.force_overlay)
    told = f"Installed the kernel {place.name}; choose it in Jupyter. It is in\n  {place}"
    if switch.is_off_by(prefix := str(stack.host.prefix)):
        told += f"\nIt starts without the overlay: {wiring.DISABLE} is set for {prefix}."
    done = {"success": True, "kernel": place.name, "path": place}
    output.show(done, lambda _: output.say(told))
    return 0

"""The options of ``pip install``, passed to pip in the order in which they were given."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Action, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from conda_overlay.core.errors import CondaPackageError, UsageError
from conda_overlay.core.pip_options import ELSEWHERE, NONE, OPTIONS, Options

OF_CONDA = ("--channel", "--override-channels", "--freeze-installed", "--solver")
"""Options of ``conda install`` that users may try; they are refused."""


class ForwardedOption(Action):
    """Appends an option, under its first long name, to those for pip, or refuses it."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Append the option in order, which matters for ``--no-binary`` and ``--only-binary``.

        Raises:
            UsageError: the option does not apply to overlays.
        """
        if option_string in ELSEWHERE:
            sentence = f"{option_string} would install outside the overlay."
            hint = "choose the environment with -n or -p, the directory with overlay_dirs"
            raise UsageError(sentence, hint, option=option_string)
        if option_string in OF_CONDA or (option_string == "-c" and _is_channel(str(values))):
            raise CondaPackageError(option=option_string)
        words = [str(option_string), *([str(values)] if self.nargs is None else [])]
        setattr(namespace, self.dest, getattr(namespace, self.dest) + Options.parse(words))


def add_pip_options(parser: ArgumentParser) -> None:
    """Add all options of ``pip install`` to a parser, as ``pip_options``."""
    group = parser.add_argument_group(
        "Options of pip install",
        "All work as in pip: -r -c -e -U --pre --no-deps --index-url --find-links\n"
        "--no-binary --config-settings and every other; see pip install --help.\n"
        "Those that choose where to install are refused, and --prefix is conda's.",
    )
    common: dict[str, Any] = {"action": ForwardedOption, "dest": "pip_options", "default": NONE}
    for option in OPTIONS:
        nargs = None if option.has_value else 0
        group.add_argument(*option.names, **common, nargs=nargs, help=SUPPRESS)
    for refused in (ELSEWHERE, OF_CONDA):
        group.add_argument(*refused, **common, nargs="?", help=SUPPRESS)


def _is_channel(text: str) -> bool:
    """Whether the value of ``-c`` looks like the name of a conda channel, and is not a file."""
    known = ("bioconda", "defaults", "main", "anaconda", "nvidia", "pytorch")
    named = text in known or ("-" in text[1:] and text.replace("-", "").isalnum())
    return named and not text.startswith("-") and not os.path.exists(text)

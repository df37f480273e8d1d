"""The options of ``pip install``, and what each of them means to us: the only list of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

RECORDED = "recorded"
"""Says where a distribution comes from or how it is built: kept to repeat an installation."""
PLACE = "place"
"""Says where files are."""
BUILD = "build"
"""Chooses between wheels and archives of source."""
INDEX = "index"
"""Selects indexes and files, so that ``pip index`` needs it, too."""
HARMLESS = "harmless"
"""Does not matter to a request that is satisfied already."""
GLOBAL = "global"
"""May come before the command, as in ``pip --timeout 5 install``."""


@dataclass(frozen=True)
class PipOption:
    """One option of pip."""

    names: tuple[str, ...]  # all spellings
    has_value: bool
    uses: frozenset[str]

    @property
    def name(self) -> str:
        """The long name."""
        return next(name for name in self.names if name.startswith("--"))


def _options(has_value: bool, text: str) -> Iterator[PipOption]:
    """Read lines of spellings and uses."""
    for line in text.strip().splitlines():
        words = line.split()
        names = tuple(word for word in words if word.startswith("-"))
        yield PipOption(names, has_value, frozenset(words[len(names) :]))


_WITH_VALUE = """
-r --requirement
-c --constraint                                 recorded
-e --editable
-i --index-url --pypi-url                       recorded place index harmless
--extra-index-url                               recorded place index harmless
-f --find-links                                 recorded place index harmless
--no-binary                                     recorded build index harmless
--only-binary                                   recorded build index harmless
-C --config-settings --config-setting           recorded harmless
--upgrade-strategy
--platform
--python-version
--implementation
--abi
--src --source --source-dir --source-directory  harmless
--global-option
--build-option
--install-option
--build-constraint
--group
--progress-bar                                  harmless
--report
--root-user-action                              harmless
--log --log-file --local-log                    global harmless
--keyring-provider                              global index harmless
--proxy                                         global index harmless
--retries                                       global index harmless
--resume-retries                                global harmless
--timeout --default-timeout                     global index harmless
--exists-action                                 global harmless
--trusted-host                                  global index harmless
--cert                                          global index harmless
--client-cert                                   global index harmless
--cache-dir                                     global index harmless
--use-feature                                   global
--use-deprecated                                global
--uploaded-prior-to
--all-releases
--only-final
--requirements-from-script
"""
_FLAGS = """
-U --upgrade
-I --ignore-installed
--force-reinstall
--no-deps --no-dependencies
--pre                                           recorded index harmless
--no-index                                      recorded place index harmless
--prefer-binary                                 harmless
--require-hashes
--no-build-isolation                            recorded harmless
--use-pep517                                    harmless
--no-use-pep517
--check-build-dependencies
--ignore-requires-python                        recorded index
--compile                                       harmless
--no-compile                                    harmless
--no-clean
--no-warn-script-location                       harmless
--no-warn-conflicts
--break-system-packages                         harmless
--isolated                                      global index
--require-virtualenv --require-venv             global harmless
--no-input                                      global harmless
--no-cache-dir                                  global index harmless
--disable-pip-version-check                     global harmless
--no-color                                      global harmless
--no-python-version-warning                     global
"""

OPTIONS = (*_options(True, _WITH_VALUE), *_options(False, _FLAGS))
"""All that ``conda overlay install`` accepts; their order is that of the help."""

FLAGS = frozenset(option.name for option in OPTIONS if not option.has_value)
"""The long names of those without a value."""

ELSEWHERE = ("-t", "--target", "--root", "--python", "--home", "--user", "--install-option-prefix")
"""Options that choose another place than the overlay; they are refused."""


@cache
def used(use: str) -> frozenset[str]:
    """The long names of the options with a use."""
    return frozenset(option.name for option in OPTIONS if use in option.uses)


def before_command() -> list[str]:
    """All spellings of the options that may come before the command, with their value."""
    return [name for o in OPTIONS if GLOBAL in o.uses and o.has_value for name in o.names]

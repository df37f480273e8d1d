"""The options of ``pip install``, and what each of them means to us: the only list of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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
ASKS = "asks"
"""Requests a distribution, or to install it again: in the configuration it counts as if typed."""
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
-r --requirement                                asks
-c --constraint                                 recorded
-e --editable                                   asks
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
--group                                         asks
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
--requirements-from-script                      asks
--refresh-package                               index harmless
"""
_IN_LINES = """
--hash                                          recorded
"""
"""Only behind a requirement in a requirements file."""
_FLAGS = """
-U --upgrade                                    asks
-I --ignore-installed                           asks
--force-reinstall                               asks
--no-deps --no-dependencies
--only-deps --only-dependencies
--pre                                           recorded index harmless
--no-index                                      recorded place index harmless
--prefer-binary                                 harmless
--require-hashes
--no-require-hashes
--no-build-isolation                            recorded harmless
--use-pep517                                    harmless
--no-use-pep517
--check-build-dependencies
--ignore-requires-python                        recorded index
--compile                                       harmless
--no-compile                                    harmless
--no-clean
--no-user                                       harmless
--no-warn-script-location                       harmless
--no-warn-conflicts
--break-system-packages                         harmless
--isolated                                      global index
--require-virtualenv --require-venv             global harmless
--no-input                                      global harmless
--no-cache-dir                                  global index harmless
--no-proxy-env                                  global index harmless
--disable-pip-version-check                     global harmless
--no-color                                      global harmless
--no-python-version-warning                     global
"""

OPTIONS = (*_options(True, _WITH_VALUE), *_options(False, _FLAGS))
"""All that ``conda overlay install`` accepts; their order is that of the help."""

FLAGS = frozenset(option.name for option in OPTIONS if not option.has_value)
"""The long names of those without a value."""

_ALL = (*OPTIONS, *_options(True, _IN_LINES))
_BY_NAME = {name: option for option in _ALL for name in option.names}

ELSEWHERE = ("-t", "--target", "--root", "--python", "--home", "--user", "--install-option-prefix")
"""Options that choose another place than the overlay; they are refused."""

_BEFORE = (
    *(name for option in OPTIONS if GLOBAL in option.uses for name in option.names),
    *("--python", "--help", "--debug", "--verbose", "--version", "--quiet"),
)
"""All long options that may come before the command."""

_OF_UNINSTALL = ("--requirement", "--yes", "--root-user-action", "--break-system-packages")
"""All long options that ``pip uninstall`` has besides."""
_DROPPED = {"--root-user-action", "--break-system-packages", "--debug"}
"""Those of ``pip uninstall`` that mean nothing to us, as those before the command."""

_BUILDS = ("PIP_BUILD_TRACKER", "PEP517_BUILD_BACKEND", "_PYPROJECT_HOOKS_BUILD_BACKEND")
"""Variables that a build sets."""
_PLACES = ("target", "prefix", "root", "python")
"""Options in pip's configuration that name another place."""
_MAY_BE_FALSE = ("user", "dry-run")
"""Those that can be false."""
FALSE = ("", "0", "n", "no", "f", "false", "off")
"""The values of flags that pip takes for false."""


@cache
def used(use: str) -> frozenset[str]:
    """The long names of the options with a use."""
    return frozenset(option.name for option in _ALL if use in option.uses)


def before_command() -> list[str]:
    """All spellings of the options that may come before the command with a value, also short."""
    long = [name for o in OPTIONS if GLOBAL in o.uses and o.has_value for name in o.names]
    starts = {name[:end] for name in (*long, "--python") for end in range(3, len(name))}
    return sorted({*long, "--python", *(s for s in starts if len(_fitting(s, _BEFORE)) == 1)})


def is_build(environ: Mapping[str, str]) -> bool:
    """Whether variables show that a build runs pip."""
    of_conda = environ.get("CONDA_BUILD", "").lower() not in FALSE
    return of_conda or any(environ.get(name) for name in _BUILDS)


def is_elsewhere(configured: Mapping[str, str]) -> bool:
    """Whether pip's configuration, as options with values, keeps it from the environment.

    It names another place, or a dry run. pip does not read VIRTUAL_ENV.
    """
    flags = (configured.get(name, "").lower() not in FALSE for name in _MAY_BE_FALSE)
    return any(flags) or any(configured.get(name) for name in _PLACES)


def _fitting(start: str, every: Iterable[str]) -> list[str]:
    """The options that begin so; pip takes any beginning that fits one option only."""
    return sorted(one for one in every if one.startswith(start))


def spelled_out(word: str, *, before_command: bool = False, uninstall: bool = False) -> str:
    """A word behind or before the command with its long option in full, as pip takes it."""
    name, equals, value = word.partition("=")
    behind = (*_BEFORE, *_OF_UNINSTALL) if uninstall else (*_BY_NAME, *ELSEWHERE, "--prefix")
    every = _BEFORE if before_command else behind
    if name in every or name[:2] != "--" or name == "--":
        return word
    fits = _fitting(name, every)
    options = {_BY_NAME[one].name if one in _BY_NAME else one for one in fits}
    return f"{fits[0]}{equals}{value}" if len(options) == 1 else word


def joined(words: Iterable[str], spelled: Callable[[str], str] = str) -> Iterator[str]:
    """The words, with a value that begins with ``-`` in the word of its option.

    pip takes whatever is behind an option for its value, as in ``-C --x``; argparse does not.

    Args:
        words: options and arguments.
        spelled: spells out an option.
    """
    rest = iter(words)
    for word in map(spelled, rest):
        option = _BY_NAME.get(word)
        if word == "--":
            yield from (word, *rest)
        elif option is None or not option.has_value or (value := next(rest, None)) is None:
            yield word
        else:
            yield from [f"{option.name}={value}"] if value[:1] == "-" != value else [word, value]


def for_removal(words: Iterable[str]) -> Iterator[str]:
    """The words of ``pip uninstall`` without the options that mean nothing to us."""
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        option = _BY_NAME.get(name)
        if word == "--":
            yield from (word, *rest)
        elif name not in _DROPPED and (option is None or GLOBAL not in option.uses):
            yield word
        elif option is not None and option.has_value and not equals:
            next(rest, None)


def names_in(word: str) -> list[str]:
    """The options in a word: one long one, or short ones up to that with a value."""
    if word[:1] != "-" or word[:2] == "--":
        return [word.partition("=")[0]]
    found = []
    for letter in word[1:]:
        found.append(f"-{letter}")
        if (option := _BY_NAME.get(found[-1])) and option.has_value:
            break
    return found


def apart(word: str) -> list[str]:
    """A word with ``-v`` apart from the short options behind it, such as ``-vU``.

    conda looks for its own ``-v`` first, and refuses others in the same word.
    """
    found = re.fullmatch(r"(-v+)([^v-].*)", word, re.DOTALL)
    return [found[1], f"-{found[2]}"] if found else [word]


PATHS = ("--find-links", "--constraint")
"""The recorded options whose values may be local paths."""

_LATER = ("--index-url", "--no-binary", "--only-binary")
"""Those of which pip lets a later one override an earlier one."""

FILES = ("--requirement", "--constraint", "--build-constraint", "--requirements-from-script")
"""The options whose values are files that may be pipes."""


@dataclass(frozen=True)
class Options:
    """Options of pip, in the order in which they were given."""

    given: tuple[tuple[str, str | None], ...] = ()
    """The long name and the value of each."""

    @classmethod
    def parse(cls, words: Iterable[str]) -> Options:
        """Read options as they are typed, such as ``-U``, ``-i URL`` and ``--index-url=URL``.

        Raises:
            ValueError: one is not in `OPTIONS`, or has a value that it does not take.
        """
        given, rest = [], iter(words)
        for word in rest:
            name, equals, value = word.partition("=")
            if word[:1] == "-" != word[1:2]:  # the value of a short option may follow at once
                name, value = word[:2], word[2:]
            option = _BY_NAME.get(name)
            if option is None or (not option.has_value and (equals or value)):
                raise ValueError(f"{word} is not an option of pip install that overlays take")
            if option.has_value and not (equals or value):
                value = next(rest, "")
            given.append((option.name, value if option.has_value else None))
        return cls(tuple(given))

    @classmethod
    def from_json(cls, texts: object) -> Options:
        """The reverse of `to_json`; unknown options stay.

        Raises:
            TypeError: these are not options.
        """
        if not isinstance(texts, (list, tuple)):
            raise TypeError(f"{texts!r} is of the wrong type")
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"{text!r} is of the wrong type")
        parts = (text.partition("=") for text in texts)
        return cls(tuple((name, value if equals else None) for name, equals, value in parts))

    def to_json(self) -> list[str]:
        """The options for the history and for files, each as ``--name=value`` or ``--name``."""
        return [name if value is None else f"{name}={value}" for name, value in self.given]

    @property
    def words(self) -> tuple[str, ...]:
        """The options as words for pip."""
        return tuple(word for pair in self.given for word in pair if word is not None)

    def __add__(self, other: Options) -> Options:
        return Options(self.given + other.given)

    def __bool__(self) -> bool:
        return bool(self.given)

    def has(self, *names: str) -> bool:
        """Whether one of these options is given, by its long name."""
        return any(name in names for name, _ in self.given)

    def values(self, name: str) -> list[str]:
        """The values of an option."""
        return [value for given, value in self.given if given == name and value is not None]

    def without(self, *names: str) -> Options:
        """The other options."""
        return Options(tuple(pair for pair in self.given if pair[0] not in names))

    def only(self, *names: str) -> Options:
        """These options, by their long names."""
        return Options(tuple(pair for pair in self.given if pair[0] in names))

    def distinct(self) -> Options:
        """The options without repetitions, which mean the same to pip."""
        at: dict[tuple[str, str | None], int] = {}
        for place, (name, value) in enumerate(self.given):
            pair = name, None if name == "--index-url" else value
            at[pair] = place if name in _LATER else at.get(pair, place)
        return Options(tuple(self.given[place] for place in sorted(at.values())))

    def located(self, directory: str) -> Options:
        """The options with local paths that are relative to a directory made absolute."""

        def absolute(name: str, value: str | None) -> str | None:
            if name not in PATHS or not value or "://" in value:
                return value
            return os.path.normpath(os.path.join(directory, os.path.expanduser(value)))

        return Options(tuple((name, absolute(name, value)) for name, value in self.given))

    def missing(self, name: str) -> Options:
        """Those of an option whose values are local files that do not exist."""
        there = (value for value in self.values(name) if "://" not in value)
        return Options(tuple((name, one) for one in there if not os.path.exists(one)))

    def used(self, use: str) -> Options:
        """The options with a use."""
        return self.only(*used(use))


NONE = Options()
"""No option."""

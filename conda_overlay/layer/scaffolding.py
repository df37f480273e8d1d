"""Our own files in the tree of an overlay: the guard, the interpreter of its scripts, and pip.

The guard, ``sitecustomize.py``, keeps the overlay out of other Pythons. The interpreter,
``bin/.python``, is a small ``sh`` script that starts the host's Python with the overlay on
PYTHONPATH. The programs ``pip`` and ``pip3`` forward installations to ``conda overlay pip``; the
guard hands those of ``python -m pip`` to them.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from conda_overlay.activation import files, locate, reconcile, shells, startup, wiring
from conda_overlay.core.errors import OverlayError
from conda_overlay.core.pip_options import before_command
from conda_overlay.filesystem.atomic import replace_file
from conda_overlay.filesystem.tree import make_own
from conda_overlay.host.host import Host
from conda_overlay.layer.scripts import with_head

GUARD = locate.GUARD
INTERPRETER = ".python"

_TEMPLATE = Path(__file__).parents[1] / "activation" / "sitecustomize_template.py"

RUN_PIP = """\
try:
    from pip._internal.cli.main import main
except ImportError:
    try:
        from pip._internal import main
    except ImportError:
        sys.exit("pip: this environment has no pip; see: conda overlay install --help")
sys.exit(main())
"""
"""The code that runs any version of pip; ``sys`` must have been imported."""

_PIP = """\
import glob
import os
import sys

words = %s
rest = sys.argv[1:]
while rest and rest[0][:1] == "-":
    del rest[: 2 if rest[0] in %s else 1]
command = (rest + [""])[0]
if command in ("install", "uninstall"):
    encode = getattr(os, "fsencode", lambda word: word)
    homes = os.path.dirname(os.path.dirname(words[0])), os.path.expanduser(b"~/.local")
    site = os.path.join(b"lib", b"python3*", b"site-packages", b"conda_overlay*")
    if not os.access(words[0], os.X_OK):
        why = "the conda of this overlay is gone"
    elif not any(glob.glob(os.path.join(home, site)) for home in homes):
        why = "conda-overlay is not installed any more"
    else:
        os.execv(words[0], words + [encode(word) for word in sys.argv[1:]])
    sys.stderr.write("pip: %%s, so pip does not use the overlay\\n" %% why)
    os.environ.pop("PYTHONPATH", None)
    os.execv(sys.executable, [sys.executable, "-m", "pip"] + sys.argv[1:])
"""


Around = tuple[Sequence[Path], Sequence[Path]]
"""The layers in front of an overlay, and those behind it."""

_START = b'#!/bin/sh\ncase ":${PYTHONPATH-}:" in *'
"""How the interpreter begins; older versions of conda-overlay wrote another one."""

_EXPORT = "export PYTHONPATH="
"""How its line begins that adds the overlay: after that for the layers behind it."""


def add_to_tree(tree: Path, overlay: Path, host: Host, around: Around) -> None:
    """Write all of our own files to a tree, replacing existing ones.

    Args:
        tree: of a draft.
        overlay: the public path that will lead to the tree.
        host: the environment below the overlay.
        around: the layers in front of the overlay, and those behind it.
    """
    for directory in (Path("bin"), host.site_below_prefix):
        make_own(tree, directory)
    write_guard(tree / host.site_below_prefix, host.site_packages)
    for name, content in _programs(overlay, host, around, host.real).items():
        _put(tree / "bin" / name, content, 0o755)


def _put(place: Path, content: bytes, mode: int = 0o644) -> None:
    """Write one of our own files, replacing what is in its place.

    Raises:
        OverlayError: that is a directory that is not empty.
    """
    if place.is_dir() and not place.is_symlink():
        try:
            place.rmdir()
        except OSError as error:
            sentence = f"A directory is in the place of our own file {place.name}."
            raise OverlayError(sentence, f"move it away: {shlex.quote(str(place))}") from error
    replace_file(place, content, mode)


def is_current(tree: Path, overlay: Path, host: Host, around: Around) -> bool:
    """Whether a tree has our own files as `add_to_tree` writes them."""
    site = tree / host.site_below_prefix
    named = _recorded(site, host.site_packages)
    programs = _programs(overlay, host, around, named.parents[2]).items()
    return files.read(str(site / GUARD)) == guard(named) and all(
        files.read(str(tree / "bin" / name)) == content for name, content in programs
    )


def renew(tree: Path, overlay: Path, host: Host, around: Around) -> None:
    """Replace our own files in the tree of a revision, whose files are read-only."""
    add_to_tree(tree, overlay, host, around)
    for path in paths(host.site_below_prefix):
        os.chmod(tree / path, os.stat(tree / path).st_mode & 0o555)


def is_of_this_version(tree: Path, host: Host) -> bool:
    """Whether a tree has our own files with their present code, whichever conda wrote them."""
    codes = [_code(files.read(str(tree / "bin" / n))) for n in pips(host.site_below_prefix)]
    mine = _code(pip(Path(INTERPRETER), Path(), Path()))
    guarded = has_intact_guard(tree / host.site_below_prefix, host.site_packages)
    python = tree / "bin" / INTERPRETER
    starts = os.access(python, os.X_OK) and (files.read(str(python)) or b"").startswith(_START)
    return guarded and starts and codes == [mine] * len(codes)


def layers_of_scripts(tree: Path) -> tuple[list[str], list[str]]:
    """The layers in front of an overlay, and behind it, that its scripts use without wiring."""
    text = os.fsdecode(files.read(str(tree / "bin" / INTERPRETER)) or b"")
    behind, _, front = text.partition(f"\n{_EXPORT}")
    return _named_in(front), _named_in(behind)


def _named_in(text: str) -> list[str]:
    """The layers in the line that runs the engine, if there is one."""
    with suppress(ValueError):
        line = next((one for one in text.split("\n") if f"'{reconcile.LAYERS}'" in one), "")
        words = shlex.split(line.partition("$(")[2].rpartition(")")[0])
        return [*map(shells.percent_decode, words[words.index(reconcile.LAYERS) + 3 :])]
    return []


def _code(content: bytes | None) -> bytes:
    """The code of a program that stands in for pip, without its head and the words of conda."""
    return (content or b"").partition(b"\nrest = ")[2]


def _programs(overlay: Path, host: Host, around: Around, real: Path) -> dict[str, bytes]:
    """The content of our own programs, by name, for a host with this real path."""
    conda = Path(sys.executable).with_name("conda")
    text = pip(overlay / "bin" / INTERPRETER, conda, real)
    site = overlay / host.site_below_prefix
    python = interpreter(real / "bin" / "python", site, around)
    return {INTERPRETER: python, **dict.fromkeys(pips(host.site_below_prefix), text)}


def paths(site_below_prefix: Path) -> set[str]:
    """The paths of our own files, relative to the tree."""
    programs = [INTERPRETER, *pips(site_below_prefix)]
    return {str(site_below_prefix / GUARD), *(os.path.join("bin", p) for p in programs)}


def check_for_intruders(site: Path) -> None:
    """Refuse a distribution that would replace the guard, or run before it.

    Raises:
        OverlayError: the site-packages contains such a file.
    """
    if intruder := locate.intruder(str(site), guard=""):
        raise OverlayError(
            f"A distribution ships its own {os.path.relpath(intruder, site)}, which "
            "would disable the guard that keeps the overlay out of other Pythons.",
            "install it without that file, or ask for it to be installed in the environment",
        )


def guard(host_site: Path) -> bytes:
    """The content of the guard for a host's site-packages, given its real path."""
    # Bytes, because decoding depends on the interpreter and its locale.
    here = os.fsencode(host_site)
    given = {"HOST": here, "PIP_VALUES": before_command()}
    lines = _TEMPLATE.read_text(encoding="utf-8").splitlines()
    values = {f"{name} = ": f"{name} = {value!r}" for name, value in given.items()}
    return "".join(values.get(line[: line.find("= ") + 2], line) + "\n" for line in lines).encode()


def write_guard(site: Path, host_site: Path) -> None:
    """Write the guard into an overlay's site-packages, replacing any existing file."""
    site.mkdir(parents=True, exist_ok=True)
    _put(site / GUARD, guard(_real(host_site)))


def has_intact_guard(site: Path, host_site: Path) -> bool:
    """Whether the guard exists and is unchanged, if the path of the host in it leads there."""
    return files.read(str(site / GUARD)) == guard(_recorded(site, host_site))


def _real(host_site: Path) -> Path:
    """The real path of a host with its site-packages, whichever path leads to it."""
    prefix = host_site.parents[2]
    return Path(os.path.realpath(prefix), host_site.relative_to(prefix))


def _recorded(site: Path, host_site: Path) -> Path:
    """The site-packages of the host as the guard names it, if that leads there; else as it is."""
    real = _real(host_site)
    with suppress(ValueError, SyntaxError):
        line = re.search(rb"^HOST = (b['\"].*)$", files.read(str(site / GUARD)) or b"", re.M)
        named = Path(os.fsdecode(ast.literal_eval(line[1].decode()))) if line else real
        if named.parts[-3:] == real.parts[-3:] and _real(named) == real:
            return named
    return real


def interpreter(python: Path, site: Path, around: Around = ((), ())) -> bytes:
    """The content of ``bin/.python``: it runs the host's Python with an overlay.

    Where the overlay is wired, nothing changes: entries in front of it stay there, such as the
    user's own overlay. Elsewhere the engine says which of the other layers are trusted now.
    Like activation, it also sets the variables for data, such as MANPATH, if an overlay has the
    directory when the script runs.

    Args:
        python: the host's.
        site: the overlay's site-packages.
        around: the layers in front of it, and those behind it.
    """
    own = shlex.quote(f":{site}:")
    front, behind = (_engine_lines(python.parents[1], layers) for layers in around)
    lines = [f"{os.fsdecode(_START)}{own}*) ;; *)", *behind]
    lines.append(f'{_EXPORT}{shlex.quote(str(site))}"${{PYTHONPATH:+:$PYTHONPATH}}"')
    for name, place in wiring.DATA.items():
        directory = shlex.quote(str(site.parents[2] / place))
        rest = f"${{{name}:+:${name}}}" if name != "MANPATH" else ":${MANPATH-}"
        lines.append(f'[ ! -d {directory} ] || export {name}={directory}"{rest}"')
    exec_ = f'exec {shlex.quote(str(python))} "$@"'
    return os.fsencode("\n".join([*lines, *front, "esac", exec_, ""]))


def _engine_lines(prefix: Path, layers: Sequence[Path]) -> list[str]:
    """The line that puts layers to the front, as far as they are trusted then."""
    if not layers:
        return []
    owners = {one.lstat().st_uid for one in layers if os.path.lexists(one)}
    given = [prefix, ",".join(map(str, sorted(owners))), *layers]
    words = startup.engine_command(reconcile.LAYERS)
    words += [shells.percent_encode(str(one)) for one in given]
    return [shells.SHELLS["posix"].line(words)]


def pips(site_below_prefix: Path) -> list[str]:
    """The names of the programs that stand in for pip: ``pip``, ``pip3``, ``pip3.12``."""
    version = site_below_prefix.parent.name[len("python") :]
    return ["pip", "pip" + version.partition(".")[0], "pip" + version]


def pip(interpreter: Path, conda: Path, prefix: Path) -> bytes:
    """The content of the programs that stand in for pip.

    They forward ``install`` and ``uninstall`` to ``conda overlay pip``, other commands to pip.

    Args:
        interpreter: the overlay's.
        conda: the executable of the conda that has this plugin.
        prefix: the host's.
    """
    words = [os.fsencode(word) for word in (conda, "overlay", "pip", "-p", prefix, "--")]
    code = _PIP % (repr(words), repr(before_command()))
    return with_head(interpreter, b"", (code + RUN_PIP).encode())

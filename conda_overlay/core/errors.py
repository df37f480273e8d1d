"""The errors. Their data are public attributes, which conda includes in its ``--json`` output."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any

from conda import CondaError

from conda_overlay.activation.shells import visible
from conda_overlay.core.serialize import encode
from conda_overlay.core.text import did_you_mean, user_base

if TYPE_CHECKING:
    from conda_overlay.core.models import Conflict

_SHOWN = 10  # details of an error

FULL = {errno.ENOSPC, errno.EDQUOT}

_BLOCKED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOLCK,
            errno.ELOOP, errno.ENXIO}  # fmt: skip

ELSEWHERE = "export CONDA_PLUGINS_OVERLAY_DIRS=/path/to/your/directory"
"""The hint for an overlay directory that cannot be used."""


class OverlayError(CondaError):
    """An error that a user can cause: one sentence, details, a hint, and data for ``--json``."""

    def __init__(
        self, sentence: str, hint: str | None = None, details: Sequence[object] = (), **data: Any
    ) -> None:
        super().__init__(visible("\n  ".join([sentence, *map(str, details)])))
        self.hint = hint and visible(hint)
        for name, value in data.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        # conda before 26.7 formats the message with %, so a %20 in it would fail.
        return self.message + (f"\nHint: {self.hint}" if self.hint else "")


class UsageError(OverlayError):
    """Invalid arguments."""

    return_code = 2


class HostError(OverlayError):
    """The host environment cannot have an overlay."""


class NoSuchEnvironmentError(HostError):
    """There is no conda environment at a prefix, or of a name."""

    def __init__(self, environment: str, names: Iterable[str] = ()) -> None:
        """Take its name or prefix, and for a name those of the environments that there are."""
        is_path = "/" in environment
        sentence = f"There is no environment {'at' if is_path else 'named'} {environment}."
        data = {"prefix" if is_path else "name": environment}
        super().__init__(sentence + did_you_mean(environment, names), "conda env list", **data)


class NoPythonError(HostError):
    """The environment has no Python."""

    def __init__(self, prefix: str) -> None:
        sentence = f"There is no Python in {prefix}, so there is nothing to overlay."
        super().__init__(sentence, "name an environment that has one: -n ENV", prefix=prefix)


class NotProtectedError(HostError):
    """The user can write to the host and needs no overlay."""

    def __init__(self, prefix: str) -> None:
        sentence = f"You can write to {prefix}, so it needs no overlay."
        hint = "install with conda install or pip, or create an overlay anyway with --force"
        super().__init__(sentence, hint, prefix=prefix)


class StateError(OverlayError):
    """The state files of an overlay cannot be read."""


class OverlayDirError(OverlayError):
    """No overlay directory is writable."""


def way_to_trust(reason: str, otherwise: str) -> str:
    """The command after which a directory would be trusted, if its permissions are the reason."""
    path, writable, _ = reason.partition(" is writable by ")
    return shlex.join(["chmod", "go-w", path]) if writable else otherwise


def way_to_read(path: Path) -> str:
    """The command after which a file or directory can be read; of another user, to look at it."""
    status = path.lstat()
    if status.st_uid != os.geteuid():
        return shlex.join(["ls", "-ld", str(path)])
    return shlex.join(["chmod", "u+rwx" if S_ISDIR(status.st_mode) else "u+rw", str(path)])


def way_to_move_back(link: Path) -> str:
    """The commands that put a copy of its target in place of a link to a directory.

    The target stays, as it may be anything; if it is no directory: the command to look at the link.
    """
    target = os.path.realpath(link)
    if not os.path.isdir(target) or link.lstat().st_uid != os.geteuid():
        return shlex.join(["ls", "-ld", str(link)])
    commands = ["rm", str(link)], ["cp", "-a", target, str(link)]
    return " && ".join(map(shlex.join, commands))


class RefusedError(OverlayError):
    """An overlay is not trusted, so it is neither read nor changed."""

    def __init__(self, overlay: str, reason: str) -> None:
        """Take the path of the overlay, and the reason why it is not trusted."""
        hint = way_to_trust(reason, shlex.join(["ls", "-ld", overlay]))
        super().__init__(f"{overlay} is not used: {reason}.", hint, overlay=overlay)


def while_changing(overlay: Path, tree: Path, error: OSError) -> OverlayError | None:
    """The error for a system call that failed while an overlay was changed, by its file.

    Args:
        overlay: its public path.
        tree: of its current revision.
        error: the failure.

    Returns:
        None if users cannot cause it.
    """
    where = error.filename2 or error.filename  # the second one is that which is written
    named = Path(os.fsdecode(where)) if where else overlay
    ours = named in overlay.parents or overlay.parent in named.parents
    if (error.errno in _BLOCKED and not ours) or tree in named.parents:
        return unusable(error)
    if error.errno in FULL:
        return _full(overlay)
    return _unwritable(overlay.parent, error) if error.errno in _BLOCKED else None


def _unwritable(place: Path, error: OSError) -> OverlayError:
    """The error for an overlay directory that cannot be written."""
    sentence = f"The overlay directory {place} cannot be written: {error.strerror}."
    return OverlayDirError(sentence, ELSEWHERE, path=str(place))


def unusable(error: OSError) -> OverlayError:
    """The error for a file that cannot be used."""
    path = os.fsdecode(error.filename)
    if error.errno in FULL:
        return _full(Path(path))
    there = next(one for one in (path, *map(str, Path(path).parents)) if os.path.lexists(one))
    return OverlayError(f"{path}: {error.strerror}.", shlex.join(["ls", "-ld", there]), path=path)


def _full(path: Path) -> OverlayError:
    """The error for a file system without free space, or without free inodes."""
    place = next(above for above in (path, *path.parents) if above.is_dir())
    free = os.statvfs(place)
    what, flag = ("inode", "-i") if free.f_files and not free.f_favail else ("space", "-h")
    sentence = f"No {what} left at {path}; the overlay is unchanged."
    return OverlayError(sentence, shlex.join(["df", flag, str(place)]), path=str(path))


class LockedError(OverlayError):
    """Another command is changing the same overlay."""

    def __init__(self, overlay: str, holder: str, timeout: float) -> None:
        sentence = f"{overlay} is being changed by {holder}; waited {timeout:g} s."
        hint = "wait for it to finish, or stop it, and try again"
        super().__init__(sentence, hint, overlay=overlay, holder=holder, timeout=timeout)


class OvertakenError(OverlayError):
    """The overlay was changed while another change was being prepared."""

    def __init__(self, overlay: str) -> None:
        sentence = f"{overlay} was changed by another command, so nothing was committed."
        super().__init__(sentence, "try again", overlay=overlay)


class AvoidableError(OverlayError):
    """A refusal where an option makes the command proceed."""

    _option: str | None = None  # that, if the hint names it

    def name_command(self, words: Sequence[str]) -> None:
        """Name the whole command in the hint, as pip and `run` have no such option.

        Args:
            words: as they were typed; a command line that the overlay's pip has translated.
        """
        if self._option and "overlay" in words:
            place = [*words].index("overlay") + 2
            command = shlex.join([*words[:place], self._option, *words[place:]])
            self.advise(f"{self.hint}: {command}")

    def advise(self, hint: str) -> None:
        """Give a whole hint."""
        self.hint, self._option = visible(hint), None


class ResolutionError(AvoidableError):
    """No consistent set of distributions exists."""

    def __init__(
        self,
        sentence: str,
        conflicts: Sequence[Conflict] = (),
        hint: str | None = None,
        pins: Sequence[str] = (),
    ) -> None:
        """Take the conflicts, and a sentence for each of the user's pins that does not fit."""
        self._option = None if hint else "--allow-conflicts"
        records = ", and records the conflicts" if conflicts else ""
        hint = hint or f"--allow-conflicts proceeds anyway{records}"
        data = {"conflicts": encode(conflicts), "pins": [*pins]}
        super().__init__(sentence, hint, [*conflicts, *pins], **data)


class CondaPackageError(UsageError):
    """One of conda's packages was requested, which an overlay cannot have."""

    def __init__(self, spec: str = "PKG", environment: str = "ENV", **data: Any) -> None:
        sentence = "Overlays cannot hold conda packages; they need an environment of your own."
        super().__init__(sentence, fork_command(spec, environment), **data)


def fork_command(spec: str, environment: str = "ENV", made: Sequence[str] = ()) -> str:
    """The command that makes an environment with one of conda's packages added.

    Args:
        spec: that package.
        environment: the baseline.
        made: the options that name the baseline and the fork, if one is being made.
    """
    made = made or ("--from", environment, "-n", "mine")
    return shlex.join(["conda", "overlay", "fork", *made, "--conda", spec])


class PipError(OverlayError):
    """pip failed; the last lines of its output say why."""

    def __init__(
        self, output: Sequence[str], what: str = "pip failed", hint: str | None = None, **data: Any
    ) -> None:
        text = "\n".join([what, *output])
        hint = hint or next((h for sign, h in _PIP_HINTS.items() if sign in text), _VERBOSE)
        sentence = f"{what}; the overlay is unchanged."
        super().__init__(sentence, hint, output, output=list(output), **data)


_VERBOSE = "run it again with -v to see all that pip says"

_PIP_HINTS = {
    "No space left": "free some space, or set CONDA_PLUGINS_OVERLAY_DIRS to another directory",
    "No matching distribution": "check the name and version, and the index: pip config list",
    "conflicting dependencies": "relax the versions",
}


class VerificationError(OverlayError):
    """The host's interpreter does not find the distributions as planned."""

    def __init__(self, faults: Sequence[str]) -> None:
        sentence = "Verification failed; the overlay is unchanged."
        hint = "run it again with -vv, and report the output"
        super().__init__(sentence, hint, faults, faults=list(faults))


class NotInOverlayError(OverlayError):
    """The overlay does not contain a distribution, or not in the version named."""

    def __init__(
        self,
        name: str,
        *,
        where: str | None,
        overlay: str,
        version: str | None = None,
        names: Iterable[str] = (),
    ) -> None:
        """Take the name, where it is instead, the overlay, its version, and the names there."""
        hint = "conda overlay status"
        if version is not None:
            sentence = f"{name} {version} is installed, not the version that you named."
            hint = f"conda overlay remove {name}"
        elif where == "host":
            sentence = f"{name} belongs to the environment, which is never changed."
            hint = f"install another version over it: conda overlay install {name}==VERSION"
        elif where == "user site":
            sentence = f"{name} is in {user_base()}, not in the overlay."
            hint = f"python -E -m pip uninstall {name}"  # without the overlay
        elif where is not None:
            sentence = f"{name} is in the layer {where}, not in your overlay {overlay}."
        else:
            sentence = f"{name} is not in the overlay.{did_you_mean(name, names)}"
        super().__init__(sentence, hint, name=name, where=where, overlay=overlay, version=version)


class EditedError(AvoidableError):
    """Edits made by hand, or commits, would be lost."""

    _option = "--force"

    def __init__(
        self, files: Sequence[str], sentence: str = "Your edits to these files would be lost:"
    ) -> None:
        super().__init__(sentence, "--force proceeds anyway", files, files=list(files))


class CannotEditAgainError(OverlayError):
    """Edits do not apply to other versions of their distributions."""

    def __init__(
        self,
        targets: Mapping[str, str],
        why: Sequence[str],
        where: Sequence[str] = (),
        keep: Sequence[str] = (),
    ) -> None:
        """Take what is known of the failures.

        Args:
            targets: the versions by name.
            why: descriptions of the failures.
            where: the options that name the overlay, if the edits are those of its copies.
            keep: the command, without these, that keeps edits that are not recorded.
        """
        self.targets, self.why = dict(targets), list(why)
        self.where, self.keep = tuple(where), tuple(keep)
        onto = ", ".join(f"{name} {version}" for name, version in targets.items())
        whose = "Your" if where else "The recorded"
        sentence = f"{whose} edits of {', '.join(targets)} do not apply to {onto}; nothing "
        sentence += "was changed."
        hint = f"conda overlay edit {next(iter(targets))}, and make them by hand"
        if where:
            steps = [*([keep] if keep else []), ["rebase", "--force"]]
            words = (["conda", "overlay", *step, *where] for step in steps)
            hint = " && ".join(map(shlex.join, words))
            hint += ", and make them again: conda overlay edit NAME"
        super().__init__(sentence, hint, why, name=next(iter(targets)))

    @classmethod
    def of_all(cls, errors: Sequence[CannotEditAgainError]) -> CannotEditAgainError:
        """One error for several distributions that have copies."""
        targets = {name: found for error in errors for name, found in error.targets.items()}
        why = [line for error in errors for line in error.why]
        keep = next((error.keep for error in errors if error.keep), ())
        return cls(targets, why, errors[0].where, keep)


class CannotRestoreError(OverlayError):
    """The files of a revision cannot be restored exactly."""

    def __init__(self, number: int, why: Sequence[str], hint: str | None = None) -> None:
        sentence = f"Revision {number} cannot be restored exactly; the overlay is unchanged."
        shown = [line.strip() for line in why[:_SHOWN]]
        shown += [f"and {len(why) - _SHOWN} more"] if len(why) > _SHOWN else []
        hint = hint or f"conda overlay history {number}, which shows its changes"
        super().__init__(sentence, hint, shown, number=number, why=list(why))


class NoSuchRevisionError(OverlayError):
    """There is no revision with that number, or no revision at all."""

    def __init__(self, overlay: str, number: int | None, numbers: Sequence[int]) -> None:
        sentence, hint = f"{overlay} has no revision {number}.", "conda overlay history"
        if not numbers:
            sentence = f"{overlay} has no revision yet."
            hint = "conda overlay install NAME, which creates the first"
        super().__init__(sentence, hint, overlay=overlay, number=number, revisions=[*numbers])


class DroppedRevisionError(OverlayError):
    """The files of a revision were deleted; only its record is left."""

    def __init__(self, overlay: str, number: int) -> None:
        sentence = f"The files of revision {number} of {overlay} were dropped."
        hint = f"conda overlay undo {number}, which installs again what it can"
        super().__init__(sentence, hint, overlay=overlay, number=number)

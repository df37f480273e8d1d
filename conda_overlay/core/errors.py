"""The errors. Their data are public attributes, which conda includes in its ``--json`` output."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from conda import CondaError

from conda_overlay.activation.shells import visible
from conda_overlay.core.serialize import encode

if TYPE_CHECKING:
    from pathlib import Path

    from conda_overlay.core.models import Conflict

FULL = {errno.ENOSPC, errno.EDQUOT}

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

    def __init__(self, environment: str) -> None:
        is_path = "/" in environment
        sentence = f"There is no conda environment {'at' if is_path else 'named'} {environment}."
        data = {"prefix" if is_path else "name": environment}
        super().__init__(sentence, "conda env list", **data)


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


class RefusedError(OverlayError):
    """An overlay is not trusted, so it is neither read nor changed."""

    def __init__(self, overlay: str, reason: str) -> None:
        """Take the path of the overlay, and the reason why it is not trusted."""
        hint = way_to_trust(reason, shlex.join(["ls", "-ld", overlay]))
        super().__init__(f"{overlay} is not used: {reason}.", hint, overlay=overlay)


def unwritable(path: Path, error: OSError) -> OverlayError:
    """The error for a directory that cannot be written."""
    place = path.parent
    if error.errno in FULL:
        sentence = f"No space left at {path}; the overlay is unchanged."
        return OverlayError(sentence, f"df -h {place}", path=str(path))
    sentence = f"The overlay directory {place} cannot be written: {error.strerror}."
    return OverlayDirError(sentence, ELSEWHERE, path=str(place))


def unusable(error: OSError) -> OverlayError:
    """The error for a file that cannot be used."""
    path = os.fsdecode(error.filename)
    return OverlayError(f"{path}: {error.strerror}.", shlex.join(["ls", "-ld", path]), path=path)


class LockedError(OverlayError):
    """Another command is changing the same overlay."""

    def __init__(self, overlay: str, holder: str, timeout: float) -> None:
        sentence = f"{overlay} is being changed by {holder}; waited {timeout:g} s."
        hint = "wait for it to finish, or stop it, and try again"
        super().__init__(sentence, hint, overlay=overlay, holder=holder, timeout=timeout)


class OvertakenError(OverlayError):
    """The overlay was changed while another change was being prepared."""

    def __init__(self, overlay: str) -> None:
        sentence = f"{overlay} has changed in the meantime, so nothing was committed."
        super().__init__(sentence, "try again", overlay=overlay)


class ResolutionError(OverlayError):
    """No consistent set of distributions exists."""

    def __init__(
        self, sentence: str, conflicts: Sequence[Conflict] = (), hint: str | None = None
    ) -> None:
        hint = hint or "--allow-conflicts proceeds anyway, and records the conflicts"
        super().__init__(sentence, hint, conflicts, conflicts=encode(conflicts))


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
    "No matching distribution": "check the name and the version, and which index pip uses: "
    "pip config list",
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
        self, name: str, *, where: str | None, overlay: str, version: str | None = None
    ) -> None:
        hint = "conda overlay status"
        if version is not None:
            sentence = f"{name} {version} is installed, not the version named."
            hint = f"conda overlay remove {name}"
        elif where == "host":
            sentence = f"{name} belongs to the host environment, which is never changed."
            hint = "install another version over it: conda overlay install NAME==VERSION"
        elif where == "user site":
            sentence = f"{name} is in ~/.local, not in the overlay."
            hint = f"python -m pip uninstall {name}"
        elif where is not None:
            sentence = f"{name} is in the layer {where}, not in your overlay {overlay}."
        else:
            sentence = f"{name} is not in the overlay."
        super().__init__(sentence, hint, name=name, where=where, overlay=overlay, version=version)


class EditedError(OverlayError):
    """Edits made by hand would be lost."""

    def __init__(self, files: Sequence[str]) -> None:
        sentence = "These files were edited by hand, and the edits would be lost:"
        super().__init__(sentence, "--force proceeds anyway", files, files=list(files))


class CannotRestoreError(OverlayError):
    """The files of a revision cannot be restored exactly."""

    def __init__(self, number: int, why: Sequence[str]) -> None:
        sentence = f"Revision {number} cannot be restored exactly; the overlay is unchanged."
        shown = [line.strip() for line in why[:10]]
        shown += [f"and {len(why) - 10} more"] if len(why) > 10 else []
        hint = f"conda overlay history {number} shows its contents"
        super().__init__(sentence, hint, shown, number=number, why=list(why))


class NoSuchRevisionError(OverlayError):
    """There is no revision with that number, or no revision at all."""

    def __init__(self, overlay: str, number: int | None, numbers: Sequence[int]) -> None:
        sentence, hint = f"{overlay} has no revision {number}.", "conda overlay history"
        if not numbers:
            sentence = f"{overlay} has no revision yet."
            hint = "conda overlay install NAME creates the first"
        super().__init__(sentence, hint, overlay=overlay, number=number, revisions=[*numbers])


class DroppedRevisionError(OverlayError):
    """The files of a revision were deleted; only its record is left."""

    def __init__(self, overlay: str, number: int) -> None:
        sentence = f"The files of revision {number} of {overlay} were dropped."
        hint = f"conda overlay undo {number} installs them again, as a new revision"
        super().__init__(sentence, hint, overlay=overlay, number=number)

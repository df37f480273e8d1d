"""The errors: data as public attributes, one sentence, one hint; conda prints them, as JSON too."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from conda import CondaError

from conda_overlay.records import encode

if TYPE_CHECKING:
    from pathlib import Path

    from conda_overlay.models import Conflict

FULL = {errno.ENOSPC, errno.EDQUOT}


class OverlayError(CondaError):
    """What a user can cause: one sentence that names the thing, and what to type."""

    def __init__(self, sentence: str, hint: str | None = None, **data: Any) -> None:
        super().__init__(sentence)
        self.hint = hint
        for name, value in data.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        # conda before 26.7 fills the message with %: a %20 in it would crash the printer.
        return self.message + (f"\nHint: {self.hint}" if self.hint else "")


class UsageError(OverlayError):
    """Arguments that make no sense together."""

    return_code = 2


class HostError(OverlayError):
    """The host environment cannot carry an overlay."""


class NoSuchEnvironmentError(HostError):
    """There is no conda environment at that place."""

    def __init__(self, prefix: str) -> None:
        sentence = f"There is no conda environment at {prefix}."
        super().__init__(sentence, "conda env list", prefix=prefix)


class NotProtectedError(HostError):
    """The user may write the host, and needs no overlay."""

    def __init__(self, prefix: str) -> None:
        sentence = f"You can write to {prefix} yourself: it needs no overlay."
        hint = "install there with conda install or pip, or make an overlay anyway with --force"
        super().__init__(sentence, hint, prefix=prefix)


class StateError(OverlayError):
    """The state files of an overlay cannot be read."""


class OverlayDirError(OverlayError):
    """There is no directory that an overlay could be written to."""


def unwritable(path: Path, error: OSError) -> OverlayError:
    """The error for a directory that cannot be written."""
    place = path.parent
    if error.errno in FULL:
        sentence = f"No space left at {path}; the overlay is unchanged."
        return OverlayError(sentence, f"df -h {place}", path=str(path))
    sentence = f"The overlay directory {place} cannot be written: {error.strerror}."
    hint = "export CONDA_PLUGINS_OVERLAY_DIRS=/a/directory/of/yours"
    return OverlayDirError(sentence, hint, path=str(place))


class LockedError(OverlayError):
    """Another command changes the same overlay."""

    def __init__(self, overlay: str, holder: str, timeout: float) -> None:
        sentence = f"{overlay} is being changed by {holder}; waited {timeout:g} s."
        hint = "wait for it to finish, or stop it, and try again"
        super().__init__(sentence, hint, overlay=overlay, holder=holder, timeout=timeout)


class OvertakenError(OverlayError):
    """Others have changed the overlay while a change of it was prepared."""

    def __init__(self, overlay: str) -> None:
        sentence = f"{overlay} has changed in the meantime, so nothing was committed."
        super().__init__(sentence, "try again", overlay=overlay)


class ResolutionError(OverlayError):
    """No consistent set of distributions exists."""

    def __init__(self, sentence: str, conflicts: Sequence[Conflict] = ()) -> None:
        hint = "--allow-conflicts proceeds anyway, and records the conflicts"
        super().__init__(_list(sentence, conflicts), hint, conflicts=encode(conflicts))


class PipError(OverlayError):
    """pip failed; its own last lines say why."""

    def __init__(
        self, output: Sequence[str], what: str = "pip failed", hint: str | None = None, **data: Any
    ) -> None:
        sentence = _list(f"{what}; the overlay is unchanged.", output)
        known = (known for sign, known in _PIP_HINTS.items() if sign in sentence)
        super().__init__(sentence, hint or next(known, None), output=list(output), **data)


_PIP_HINTS = {
    "No space left": "free some space, or choose another overlay directory: "
    "CONDA_PLUGINS_OVERLAY_DIRS",
    "No matching distribution": "check the name and the version, and which index pip uses: "
    "pip config list",
    "conflicting dependencies": "relax the versions",
}


class VerificationError(OverlayError):
    """What was staged is not what the host's interpreter sees."""

    def __init__(self, faults: Sequence[str]) -> None:
        sentence = _list("Verification failed; the overlay is unchanged.", faults)
        hint = "run it again with -vv, and report the output"
        super().__init__(sentence, hint, faults=list(faults))


class NotInOverlayError(OverlayError):
    """A distribution that is to be removed is not the overlay's."""

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
        elif where is not None:
            sentence = f"{name} is in the layer {where}, not in your overlay {overlay}."
        else:
            sentence = f"{name} is not in the overlay."
        super().__init__(sentence, hint, name=name, where=where, overlay=overlay, version=version)


class EditedError(OverlayError):
    """Edits made by hand would be lost."""

    def __init__(self, files: Sequence[str]) -> None:
        sentence = _list("These files were edited by hand, and the edits would be lost:", files)
        super().__init__(sentence, "--force proceeds anyway", files=list(files))


class CannotRestoreError(OverlayError):
    """The files of a revision cannot be had again as they were."""

    def __init__(self, number: int, why: Sequence[str]) -> None:
        sentence = f"Revision {number} cannot be restored as it was; the overlay is unchanged."
        shown = [line.strip() for line in why[:10]]
        shown += [f"and {len(why) - 10} more"] if len(why) > 10 else []
        hint = f"conda overlay history {number} shows what it had"
        super().__init__(_list(sentence, shown), hint, number=number, why=list(why))


class NoSuchRevisionError(OverlayError):
    """There is no revision of that number, or none at all."""

    def __init__(self, overlay: str, number: int | None, numbers: Sequence[int]) -> None:
        sentence, hint = f"{overlay} has no revision {number}.", "conda overlay history"
        if not numbers:
            sentence = f"{overlay} has no revision yet."
            hint = "conda overlay install NAME makes the first"
        super().__init__(sentence, hint, overlay=overlay, number=number, revisions=[*numbers])


class DroppedRevisionError(OverlayError):
    """The files of a revision were dropped, and only its record is left."""

    def __init__(self, overlay: str, number: int) -> None:
        sentence = f"The files of revision {number} of {overlay} were dropped."
        hint = f"conda overlay undo {number} installs them again, as a new revision"
        super().__init__(sentence, hint, overlay=overlay, number=number)


def _list(sentence: str, lines: Sequence[object]) -> str:
    return "\n  ".join([sentence, *map(str, lines)])

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
        super().__init__(
            f"There is no conda environment at {prefix}.", "conda env list", prefix=prefix
        )


class NotProtectedError(HostError):
    """The user may write the host, and needs no overlay."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            f"You can write to {prefix} yourself: it needs no overlay.",
            "install there with conda install or pip, or make an overlay anyway with --force",
            prefix=prefix,
        )


class StateError(OverlayError):
    """The state files of an overlay cannot be read."""


class OverlayDirError(OverlayError):
    """There is no directory that an overlay could be written to."""


def unwritable(path: Path, error: OSError) -> OverlayError:
    """The error for a directory that cannot be written."""
    if error.errno in FULL:
        return OverlayError(
            f"No space left at {path}; the overlay is unchanged.",
            f"df -h {path.parent}",
            path=str(path),
        )
    return OverlayDirError(
        f"The overlay directory {path.parent} cannot be written: {error.strerror}.",
        "export CONDA_PLUGINS_OVERLAY_DIRS=/a/directory/of/yours",
        path=str(path.parent),
    )


class LockedError(OverlayError):
    """Another command changes the same overlay."""

    def __init__(self, overlay: str, holder: str, timeout: float) -> None:
        super().__init__(
            f"{overlay} is being changed by {holder}; waited {timeout:g} s.",
            "wait for it to end, or stop it, and try again",
            overlay=overlay,
            holder=holder,
            timeout=timeout,
        )


class OvertakenError(OverlayError):
    """Others have changed the overlay while a change of it was prepared."""

    def __init__(self, overlay: str) -> None:
        super().__init__(
            f"{overlay} has changed meanwhile, so it was left as it is.",
            "try again",
            overlay=overlay,
        )


class ResolutionError(OverlayError):
    """No consistent set of distributions exists."""

    def __init__(self, sentence: str, conflicts: Sequence[Conflict] = ()) -> None:
        lines = [sentence, *(f"  {conflict}" for conflict in conflicts)]
        super().__init__(
            "\n".join(lines),
            "--allow-conflicts proceeds anyway, and records the conflicts",
            conflicts=[encode(conflict) for conflict in conflicts],
        )


class PipError(OverlayError):
    """pip failed; its own last lines say why."""

    def __init__(
        self, output: Sequence[str], what: str = "pip failed", hint: str | None = None, **data: Any
    ) -> None:
        lines = [f"{what}; the overlay is unchanged.", *(f"  {line}" for line in output)]
        text = "\n".join(output)
        hint = hint or next((hint for sign, hint in _PIP_HINTS.items() if sign in text), None)
        super().__init__("\n".join(lines), hint, output=list(output), **data)


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
        lines = ["Verification failed; the overlay is unchanged."]
        super().__init__(
            "\n".join([*lines, *(f"  {fault}" for fault in faults)]),
            "try again with -vv, and report it with what it prints",
            faults=list(faults),
        )


class NotInOverlayError(OverlayError):
    """A distribution that is to be removed is not the overlay's."""

    def __init__(
        self, name: str, *, where: str | None, overlay: str, version: str | None = None
    ) -> None:
        hint = "conda overlay status"
        if version is not None:
            sentence = f"{name} {version} is installed, and not the version that is named."
            hint = f"conda overlay remove {name}"
        elif where == "host":
            sentence = f"{name} belongs to the host environment, which is never changed."
            hint = "conda overlay install another version of it, which then is in effect"
        elif where is not None:
            sentence = f"{name} is in the layer {where}, and not in your overlay {overlay}."
        else:
            sentence = f"{name} is not in the overlay."
        super().__init__(sentence, hint, name=name, where=where, overlay=overlay, version=version)


class EditedError(OverlayError):
    """Edits made by hand would be lost."""

    def __init__(self, files: Sequence[str]) -> None:
        lines = ["These files were edited by hand, and the edits would be lost:"]
        super().__init__(
            "\n".join([*lines, *(f"  {file}" for file in files)]),
            "--force proceeds anyway",
            files=list(files),
        )


class CannotRestoreError(OverlayError):
    """The files of a revision cannot be had again as they were."""

    def __init__(self, number: int, why: Sequence[str]) -> None:
        lines = [f"Revision {number} cannot be restored as it was; the overlay is unchanged."]
        shown = [*why[:10], *([f"and {len(why) - 10} more"] if len(why) > 10 else [])]
        super().__init__(
            "\n".join([*lines, *(f"  {line.strip()}" for line in shown)]),
            f"conda overlay history {number} shows what it had",
            number=number,
            why=list(why),
        )


class NoSuchRevisionError(OverlayError):
    """There is no revision of that number, or none at all."""

    def __init__(self, overlay: str, number: int | None, numbers: Sequence[int]) -> None:
        sentence = (
            f"{overlay} has no revision yet."
            if not numbers
            else f"{overlay} has no revision {number}."
        )
        super().__init__(
            sentence,
            "conda overlay history" if numbers else "conda overlay install NAME makes the first",
            overlay=overlay,
            number=number,
            revisions=[*numbers],
        )


class DroppedRevisionError(OverlayError):
    """The files of a revision were dropped, and only its record is left."""

    def __init__(self, overlay: str, number: int) -> None:
        super().__init__(
            f"The files of revision {number} of {overlay} were dropped.",
            f"conda overlay undo {number} installs them again, as a new revision",
            overlay=overlay,
            number=number,
        )

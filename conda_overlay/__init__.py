"""A conda plugin that lays a writable overlay over a protected conda environment.

    from conda_overlay import Overlay

    with Overlay.open("science").draft(reason="ticket 1234") as draft:
        draft.install("flask>=3")
        draft.commit()

``docs/architecture.md`` describes the folders.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conda_overlay.change.draft import Draft
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.core.errors import (
        EditedError,
        HostError,
        OverlayError,
        OvertakenError,
        PipError,
        ResolutionError,
    )
    from conda_overlay.core.models import Change, Conflict, Finding, Plan, Revision
    from conda_overlay.report.status import Status

__version__: str  # of `core.version`

__all__ = [
    "Change",
    "Conflict",
    "Draft",
    "EditedError",
    "Finding",
    "HostError",
    "Overlay",
    "OverlayError",
    "OvertakenError",
    "PipError",
    "Plan",
    "ResolutionError",
    "Revision",
    "Status",
]

_PLACES = {
    "__version__": "core.version",
    "Draft": "change.draft",
    "Overlay": "change.overlay",
    "Status": "report.status",
    **dict.fromkeys(("Change", "Conflict", "Finding", "Plan", "Revision"), "core.models"),
}
"""The modules that define these names; the errors are in ``core.errors``."""


def __getattr__(name: str) -> object:
    """Import a public name on first use, because conda and activation need none of them."""
    if name not in _PLACES.keys() | __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_PLACES.get(name, 'core.errors')}")
    return getattr(module, name)

"""What conda says where it meets an environment that has, or could have, an overlay."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conda.base.context import context

_PROTECTED = {"EnvironmentNotWritableError", "EnvironmentIsFrozenError"}
_ADDING = {"install", "update", "upgrade"}


def for_error(error: Exception) -> str | None:
    """The command that does in the overlay what conda could not do in the environment."""
    if type(error).__name__ not in _PROTECTED:
        return None
    typed: Any = context._argparse_args or {}
    if typed.get("cmd") not in _ADDING:
        return None
    packages = typed.get("packages") or ()
    command = "install" if packages or typed["cmd"] == "install" else "update"
    words = ["conda", "overlay", command]
    for option, value in (("-n", typed.get("name")), ("-p", typed.get("prefix"))):
        words += [option, str(value)] if value else []
    if command == "install":
        requirements = list(filter(None, map(pip_requirement, packages)))
        words += ["--upgrade"] * (typed["cmd"] != "install") + (requirements or ["NAME"])
    return f"Use your own overlay of it: {shlex.join(words)}"


def pip_requirement(spec: str) -> str | None:
    """A conda package as pip takes it.

    Returns:
        The requirement; only the name where the version cannot be translated; None for what pip
        does not install: Python itself, and what has no name of its own.
    """
    from conda.models.match_spec import MatchSpec
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = MatchSpec(spec)
    except ValueError:  # conda's InvalidSpec is one
        return None
    version = str(found.version or "")
    if version and version[0] not in "<>=!~":
        version = "==" + version
    for text in (f"{found.name}{version}", f"{found.name}"):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        return None if requirement.name == "python" else str(requirement)
    return None


def report_to_doctor(prefix: str) -> None:
    """For ``conda doctor``: what is wrong with the overlays of an environment."""
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.cli.render.status import show_health
    from conda_overlay.core.errors import HostError
    from conda_overlay.core.serialize import encode
    from conda_overlay.report.status import layers

    try:
        found = layers(Overlay.open(Path(prefix)).stack)
    except HostError:  # no environment with Python
        return
    show_health(encode(found))


def repair_for_doctor(prefix: str, confirm: Callable[[str], None]) -> int:
    """For ``conda doctor --fix``: repair the overlay, with the question of ``conda doctor``."""
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.core.models import Plan

    def ask(plan: Plan) -> bool:
        confirm(f"Repair {plan.overlay}?")
        return True

    overlay = Overlay.open(Path(prefix))
    store = overlay.stack.store
    if store.managed and store.exists:
        command = ("conda", "doctor", "--fix")
        overlay.change(lambda draft: draft.repair(), ask, command=command)
    return 0

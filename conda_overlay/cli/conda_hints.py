"""Text for conda's own commands: a hint when an environment is protected, and health checks."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from conda.base.context import context

from conda_overlay.activation import wiring
from conda_overlay.cli.render.output import tell

_PROTECTED = {"EnvironmentNotWritableError", "EnvironmentIsFrozenError"}
_ADDING = {"install", "update", "upgrade"}


def for_error(error: Exception) -> str | None:
    """The command that makes the change in an overlay, if a protected environment refused it."""
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
    """Convert a conda package specification to a requirement for pip.

    Returns:
        The requirement; only the name if the version cannot be converted; None for Python itself,
        which pip does not install, and for a specification without a name.
    """
    from conda.models.match_spec import MatchSpec
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = MatchSpec(spec)
    except ValueError:  # the base class of conda's InvalidSpec
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
    """Print the problems of an environment's overlays for ``conda doctor``."""
    from conda_overlay.change.overlay import Overlay
    from conda_overlay.cli.render.status import show_health
    from conda_overlay.core.errors import HostError
    from conda_overlay.report.status import layers, relatives

    try:
        stack = Overlay.open(Path(prefix)).stack
    except HostError:  # not an environment with Python
        return
    found = layers(stack)
    show_health(found, [] if found else [*relatives(stack)])


def repair_for_doctor(prefix: str, confirm: Callable[[str], None]) -> int:
    """Repair the overlay for ``conda doctor --fix``, which asks for confirmation."""
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


def mention_overlay() -> None:
    """Say that the list of an environment which is active with overlays does not have these."""
    state = wiring.Wiring.decode(os.environ.get(wiring.STATE))
    layers = [layer for layer in state.layers if layer.prefix == str(context.target_prefix)]
    if not layers or context.json or context.quiet:
        return
    count = 0
    for layer in layers:
        with suppress(OSError):
            count += sum(name.endswith(".dist-info") for name in os.listdir(layer.site))
    if count:
        what = (
            "1 package of your overlay is"
            if count == 1
            else f"{count} packages of your overlay are"
        )
        tell(f"conda-overlay: {what} not listed; see: conda overlay status")

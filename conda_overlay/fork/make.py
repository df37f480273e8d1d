"""Makes a fork: a regular environment that matches a baseline, with packages added or dropped.

Only the additions are solved: conda installs the baseline's packages by their URLs. This happens in
a directory beside the prefix, because conda can write files for one prefix into another directory.
At the end one rename moves the whole environment to the prefix, and an existing one out of it.
After a kill the existing environment is intact, and the next command removes the directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conda_overlay.activation import notice
from conda_overlay.core.errors import EditedError, OverlayError, PipError
from conda_overlay.core.progress import Progress
from conda_overlay.fork import conda_packages
from conda_overlay.fork.losses import LOST, going_with, remember
from conda_overlay.fork.origin import CHANGES, DIGEST, absolute, digest_of, source
from conda_overlay.fork.pip_packages import add
from conda_overlay.fork.plan import ForkPlan
from conda_overlay.fork.replace import UNCONFIRMED, beside, relocate, swap, works
from conda_overlay.host.host import Host, name_of, option_of, prefix_of

if TYPE_CHECKING:
    from conda_overlay.resolve.pip import Pip


def make(
    plan: ForkPlan,
    pip: Callable[[Host], Pip],
    progress: Progress,
    *,
    origin: Path | None = None,
    again: bool = False,
    allow_conflicts: bool = False,
    force: bool = False,
) -> None:
    """Make a fork.

    Args:
        plan: made by the function `plan`.
        pip: makes the caller of pip for a host.
        progress: shows messages.
        origin: the file to read when the fork is made again, if not the fork's own copy.
        again: replace the existing fork.
        allow_conflicts: accept that pip finds no consistent set.
        force: lose commits and edits in the existing fork.

    Raises:
        EditedError: some would be lost; nothing has changed.
        OverlayError: conda or pip failed; nothing has changed.
    """
    prefix = plan.prefix
    digest = digest_of(origin) if origin else None  # before the file can be edited again
    with beside(prefix, progress) as place:
        new = place / prefix.name
        count = len(plan.urls)
        progress.tell(f"Installing {count} conda package{'' if count == 1 else 's'}")
        conda_packages.install_packages(plan.urls, new, prefix)
        exact, wanted = plan.baseline.pip, plan.document.requested
        if exact or wanted:
            try:
                add(
                    new,
                    prefix,
                    exact,
                    wanted,
                    pip,
                    dropped=plan.dropped,
                    allow_conflicts=allow_conflicts,
                    options=_options(plan, again=again),
                    file=origin or (prefix / notice.FORK / "overlay.toml" if again else None),
                )
            except PipError as error:
                text = error.message.replace("the overlay is unchanged", "nothing has changed")
                hint = f"df -h {prefix.parent}" if "No space left" in text else error.hint
                raise OverlayError(text, hint) from error
        relocate(new, prefix)
        _keep(plan, new / notice.FORK, origin, digest)
        remember(new)
        if again and not force and (lost := going_with(prefix).lost):
            raise EditedError(lost, LOST)
        swap(new, prefix, again=again)
        works(prefix)
        (prefix / UNCONFIRMED).unlink()
    from conda.core.envs_manager import register_env

    register_env(str(prefix))


def _options(plan: ForkPlan, *, again: bool) -> list[str]:
    """The options of the command that makes a fork, or makes it again."""
    baseline = ["--recreate"] if again else ["--from", source(plan.document)]
    return [*baseline, *option_of(name_of(plan.prefix))]


def _keep(plan: ForkPlan, place: Path, origin: Path | None, digest: bytes | None) -> None:
    """Store the sources of a fork in it. conda does not clone them, so a clone is not a fork."""
    env, spec = plan.document.baseline.env, plan.document.baseline.spec
    if env:  # by prefix, because another environment may get its name
        own = replace(plan.document.baseline, env=str(prefix_of(env)))
        plan = replace(plan, document=replace(plan.document, baseline=own))
    place.mkdir()
    (place / "unconfirmed").touch()
    (place / "overlay.toml").write_text(plan.text, encoding="utf-8")
    (place / "baseline.txt").write_text(plan.baseline.text, encoding="utf-8")
    (place / CHANGES).write_text("\n".join(c.split()[0] for c in plan.changed), "utf-8")
    if origin:
        (place / "origin").write_bytes(os.fsencode(absolute(origin)))
        (place / DIGEST).write_bytes(digest or b"")
    text = ""
    if env:
        sites = sorted(prefix_of(env).glob("lib/python*/site-packages"))
        text = notice.content_of_fork(str(prefix_of(env)), str([*sites, "-"][0]))
    elif spec and "://" not in spec:
        text = notice.content_of_fork(spec)
    (place / "notice").write_bytes(os.fsencode(text))

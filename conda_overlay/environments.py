"""Serves conda's own ``export`` and ``env create`` with the files of an overlay.

conda asks for these on nearly every command, so what they need is imported when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conda.plugins.types import (
    CondaEnvironmentExporter,
    CondaEnvironmentSpecifier,
    EnvironmentSpecBase,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conda.models.environment import Environment

    from conda_overlay.document import Document

NAMES = {
    "overlay-toml": "overlay.toml",
    "overlay-pylock": "pylock.toml",
    "overlay-requirements": "requirements.txt",
    "overlay-environment": "environment.yml",
}
"""conda's name of each format, and ours."""


def exporters() -> Iterator[CondaEnvironmentExporter]:
    """One exporter for each format: ``conda export --format overlay-toml``."""
    for name, file in NAMES.items():
        default = (file,) if file == "overlay.toml" else ()
        yield CondaEnvironmentExporter(
            name=name, aliases=(), default_filenames=default, export=_export(file)
        )


def specifiers() -> Iterator[CondaEnvironmentSpecifier]:
    """``conda env create --file overlay.toml``: an environment that has what the overlay has."""
    yield CondaEnvironmentSpecifier(name="overlay-toml", environment_spec=OverlayFile)


class OverlayFile(EnvironmentSpecBase):
    """An ``overlay.toml`` as conda's description of an environment."""

    def __init__(self, filename: str | None = None, **_: Any) -> None:
        self.filename = filename

    def can_handle(self) -> bool:
        """Whether the file is one."""
        from conda_overlay.exceptions import OverlayError

        try:
            return bool(self._document.python)
        except (OSError, UnicodeDecodeError, OverlayError):
            return False

    @property
    def env(self) -> Environment:
        """The Python of the host, and by pip what is locked."""
        from conda.base.context import context
        from conda.models.environment import Environment
        from conda.models.match_spec import MatchSpec

        from conda_overlay.formats import pip_lines

        document = self._document
        python = ".".join(document.python.split(".")[:2])
        return Environment(
            prefix=context.target_prefix,
            platform=context.subdir,
            name=document.host,
            requested_packages=[MatchSpec(f"python={python}"), MatchSpec("pip")],
            external_packages={"pip": pip_lines(document)},
        )

    @property
    def _document(self) -> Document:
        from pathlib import Path

        from conda_overlay.formats import read

        path = Path(self.filename or "")
        return read(path.read_text(encoding="utf-8"), str(path), {})


def _export(format_name: str) -> Callable[[Environment], str]:
    def export(environment: Environment) -> str:
        from conda_overlay.formats import FORMATS
        from conda_overlay.overlay import Overlay

        return FORMATS[format_name](Overlay.open(str(environment.prefix)).document())

    return export

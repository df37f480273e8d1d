"""The public names: imported when they are used, and nothing before."""

from __future__ import annotations

import subprocess
import sys

import pytest

import conda_overlay
from tests.bed import place

NOTHING_MORE = """
import sys
import conda_overlay
print(*(name for name in sys.modules if name.startswith(("conda", "packaging", "importlib.m"))))
"""


def test_import_of_the_package_imports_nothing_more() -> None:
    code = f"import sys; sys.path.append({str(place.CHECKOUT)!r})\n{NOTHING_MORE}"
    argv = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["conda_overlay"]


def test_every_public_name_leads_to_its_own_class() -> None:
    assert len(conda_overlay.__all__) == 14
    for name in conda_overlay.__all__:
        found = getattr(conda_overlay, name)
        assert isinstance(found, type) and found.__name__ == name


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Store'"):
        _ = conda_overlay.Store


def test_package_is_typed() -> None:
    assert (place.CHECKOUT / "conda_overlay" / "py.typed").is_file()

"""The tree of a draft: what it says of itself is what a fresh reading of its files finds."""

from __future__ import annotations

from tests.bench import Bench
from tests.change.test_overlay import FIX, python

PROGRAMME = """\
from conda_overlay import Overlay
from conda_overlay.filesystem.manifest import take_manifest
from conda_overlay.layer.index import Index, read_index


def check(draft):
    site, files = draft.stack.host.site_below_prefix, take_manifest(draft.tree)
    assert draft.files == files, set(draft.files) ^ set(files)
    assert draft.index == read_index(draft.tree, site, files, Index())


def steps(draft):
    yield draft.install("alpha==2.0", options=["--ignore-installed"])
    yield draft.remove("alpha")
    yield draft.install("alpha==1.5", "new")
    yield draft.patch("gamma", FIX.encode())
    yield draft.patch("gamma", FIX.encode(), reverse=True)
    yield draft.plan()
    yield draft.update("alpha")
    yield draft.undo(1)
    yield draft.plan()
    yield draft.repair()
    yield draft.undo(2)
    yield draft.rebase()
    yield draft.undo(0)
    yield draft.install("new")


overlay = Overlay.open("science")
with overlay.draft() as draft:
    for _ in steps(draft):
        check(draft)
    print(sorted(draft.installed))
"""


def test_each_write_keeps_the_manifest_and_the_index_up_to_date(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    quick.given("install", "new")
    (quick.site / "new" / "__init__.py").unlink()
    assert python(quick, f"FIX = {FIX!r}\n{PROGRAMME}") == "['new']\n"
    assert quick.revision == 2

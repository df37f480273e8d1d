"""The API: the programme of the documentation, and that commit keeps the rules of the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_overlay.activation.settings import Settings
from conda_overlay.change.draft import Draft
from conda_overlay.change.overlay import Overlay
from conda_overlay.core.errors import (
    EditedError,
    NoSuchEnvironmentError,
    OverlayError,
    OvertakenError,
    ResolutionError,
)
from conda_overlay.host.host import Host
from conda_overlay.layer.stack import Stack
from tests.bed import dists, place, pypi
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.bench import Bench
from tests.long import LONG

FIX = """\
--- a/gamma/__init__.py
+++ b/gamma/__init__.py
@@ -4,4 +4,4 @@


 def main():
-    print("gamma 1.0")
+    print("gamma, fixed")
"""


def programme() -> str:
    """The example of the documentation, for a distribution and a fix of the tests."""
    text = (place.CHECKOUT / "docs" / "architecture.md").read_text()
    _, start, rest = text.partition("from conda_overlay import Overlay")
    code = start + rest.partition("```")[0]
    changes = {'"flask>=3"': '"alpha>=2"', '"requests"': '"gamma"', "6644.diff": "fix.diff"}
    for documented, ours in changes.items():
        assert code.count(documented) == 1
        code = code.replace(documented, ours)
    return "from pathlib import Path\n" + code


def python(bench: Bench, code: str) -> str:
    """Run a programme as the user, by the Python of conda's base."""
    base = bench.conda.prefix / "bin" / "python"
    done = bench.user.run([base, "-c", code], env=bench.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_programme_of_the_documentation_works(bench: Bench) -> None:
    (bench.user.home / "fix.diff").write_text(FIX)
    printed = python(bench, programme())
    assert "Plan(" in printed and "alpha" in printed and "gamma" in printed
    assert f"{bench.host} 1" in printed.splitlines()
    assert bench.numbers == [1]
    assert (bench.site / "gamma" / "__init__.py").read_text().endswith('print("gamma, fixed")\n')
    record = json.loads(bench.record_path(1).read_text())
    assert record["reason"] == "ticket 1234"
    assert record["distributions"]["alpha"]["requirement"] == "alpha>=2.0"
    # beta needs an older alpha, so the newer beta came along.
    assert record["distributions"].keys() == {"alpha", "beta", "gamma"}


def test_status_is_what_the_command_shows(quick: Bench) -> None:
    quick.given("install", "alpha==1.5", "new")
    code = (
        "import json\n"
        "from conda_overlay import Overlay\n"
        "from conda_overlay.core.serialize import encode\n"
        "status = Overlay.open('science').status()\n"
        "print(json.dumps([encode(status), encode(status.findings)]))"
    )
    status, findings = json.loads(python(quick, code))
    assert status == quick.json("status")
    assert findings == [found for overlay in status["overlays"] for found in overlay["findings"]]


@LONG
def test_all_names_each_environment_with_an_overlay_once(
    quick: Bench, conda: Conda, alice: User
) -> None:
    code = (
        "from conda_overlay import Overlay\n"
        "for overlay in Overlay.all():\n"
        "    print(overlay.host, overlay.revision, overlay.path)"
    )
    assert python(quick, code) == ""
    quick.given("install", "new")
    quick.given("install", "alpha==1.5")
    gone = quick.overlays / ".gone"
    gone.mkdir()
    (gone / "host").write_text("/an/environment/that/is/gone\n")
    (gone / "revisions" / "1" / "tree").mkdir(parents=True)
    (quick.overlays / "gone").symlink_to(".gone/revisions/1/tree")
    assert python(quick, code) == f"{quick.host} 2 {quick.overlay}\n"


def test_name_of_no_environment_is_refused() -> None:
    with pytest.raises(NoSuchEnvironmentError, match="nosuchenvironment"):
        Overlay.open("nosuchenvironment")


# -- the rules of commit

Open = Callable[[], Overlay]


@pytest.fixture
def open_overlay(science: Path, scratch: Path) -> Open:
    """Opens the overlay of the host ``science`` in a directory of the test."""
    settings = Settings(overlay_dirs=(str(scratch / "overlays"),))
    return lambda: Overlay(Stack(Host(science, "science"), settings))


@pytest.fixture
def alpha(wheels: Path) -> Callable[[Draft, str], None]:
    """Puts a version of alpha into a draft, as somebody does who asks no resolver."""

    def put(draft: Draft, version: str) -> None:
        pypi.unpack([wheels / f"alpha-{version}-py3-none-any.whl"], draft.site)

    return put


Put = Callable[[Draft, str], None]


def test_commit_refuses_a_plan_that_breaks_something(open_overlay: Open, alpha: Put) -> None:
    with open_overlay().draft() as draft:
        alpha(draft, "2.0")  # beta 1.0 of the host requires alpha<2
        with pytest.raises(ResolutionError, match=r"beta 1\.0 .* requires alpha<2"):
            draft.commit()
    assert open_overlay().revision is None
    with open_overlay().draft() as draft:
        alpha(draft, "2.0")
        assert draft.commit(allow_conflicts=True) == 1
    assert open_overlay().revision == 1


def test_commit_refuses_to_lose_an_edit(open_overlay: Open, alpha: Put) -> None:
    with open_overlay().draft() as draft:
        alpha(draft, "1.5")
        assert draft.commit() == 1
    overlay = open_overlay()
    file = overlay.path / overlay.host.site_below_prefix / "alpha" / "__init__.py"
    file.chmod(0o644)
    file.write_text("mine = True\n")
    with overlay.draft() as draft:
        draft.remove("alpha")
        with pytest.raises(EditedError, match=r"alpha/__init__\.py"):
            draft.commit()
    assert (overlay.revision, file.read_text()) == (1, "mine = True\n")
    with open_overlay().draft() as draft:
        draft.remove("alpha")
        assert draft.commit(force=True) == 2
    assert not file.exists()


def test_commit_plans_again_what_was_changed_since(open_overlay: Open, alpha: Put) -> None:
    with open_overlay().draft() as draft:
        assert not draft.plan().changes
        alpha(draft, "1.5")
        assert draft.commit() == 1
    [change] = open_overlay().stack.store.revision(1).plan.changes
    assert (change.name, change.after) == ("alpha", "1.5")
    with open_overlay().draft() as draft:
        assert not draft.plan()
        alpha(draft, "2.0")
        with pytest.raises((ResolutionError, OverlayError), match="alpha"):
            draft.commit()


def test_commit_plans_again_when_only_an_entry_has_changed(open_overlay: Open, alpha: Put) -> None:
    from dataclasses import replace

    with open_overlay().draft() as draft:
        alpha(draft, "1.5")
        draft.commit()
    with open_overlay().draft() as draft:
        assert not draft.plan()
        draft.entries["alpha"] = replace(draft.entries["alpha"], until="2030-01-01")
        assert draft.commit() == 2
    assert open_overlay().stack.store.revision(2).distributions["alpha"].until == "2030-01-01"


def test_empty_plan_commits_nothing(open_overlay: Open, alpha: Put) -> None:
    with open_overlay().draft() as draft:
        assert draft.commit() is None
    assert open_overlay().revision is None
    with open_overlay().draft() as draft:
        alpha(draft, "1.5")
        draft.commit()
    with open_overlay().draft() as draft:
        assert draft.commit() is None
    assert open_overlay().revision == 1


def test_edit_made_since_the_draft_was_started_stops_the_commit(
    open_overlay: Open, alpha: Put
) -> None:
    with open_overlay().draft() as draft:
        alpha(draft, "1.5")
        draft.commit()
    overlay = open_overlay()
    file = overlay.path / overlay.host.site_below_prefix / "alpha" / "__init__.py"
    with overlay.draft() as draft:
        draft.remove("alpha")
        draft.plan()
        file.chmod(0o644)
        file.write_text("mine = True\n")
        with pytest.raises(OvertakenError):
            draft.commit(force=True)
    assert (overlay.revision, file.read_text()) == (1, "mine = True\n")


def test_draft_is_committed_once_and_within_its_context(open_overlay: Open, alpha: Put) -> None:
    with open_overlay().draft() as draft:
        alpha(draft, "1.5")
        draft.commit()
        with pytest.raises(OverlayError, match="committed already"):
            draft.commit()
    with open_overlay().draft() as late:
        alpha(late, "2.0")
    with pytest.raises(OverlayError, match="given up"):
        late.commit(allow_conflicts=True)
    assert open_overlay().revision == 1


def test_draft_of_a_dry_run_is_not_committed(open_overlay: Open, alpha: Put) -> None:
    with open_overlay().draft(dry_run=True) as draft:
        alpha(draft, "1.5")
        assert [change.name for change in draft.plan().changes] == ["alpha"]
        with pytest.raises(OverlayError, match="dry run"):
            draft.commit()
    assert not open_overlay().path.parent.exists()


def test_reason_and_history_are_there(open_overlay: Open, alpha: Put, links: Path) -> None:
    with open_overlay().draft(reason="ticket 1", command=("a", "b")) as draft:
        alpha(draft, "1.5")
        draft.commit()
    wheel = dists.wheel(links, "tool", "1.0")
    with open_overlay().draft(reason="ticket 2") as draft:
        pypi.unpack([wheel], draft.site)
        draft.commit()
    told = [(one.number, one.reason, one.command) for one in open_overlay().history()]
    assert told == [(1, "ticket 1", ("a", "b")), (2, "ticket 2", ())]

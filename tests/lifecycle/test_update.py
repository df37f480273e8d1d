"""``conda overlay update``, and the other words that people try."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench


@pytest.fixture
def versions(links: Path) -> Path:
    """Wheels: two versions of each."""
    for name in ("cowsay", "pony", "gnu"):
        for version in ("5.0", "6.1"):
            dists.wheel(links, name, version)
    return links


def test_all_that_was_asked_for_is_updated_except_what_is_held(
    quick: Bench, versions: Path
) -> None:
    quick.install("--find-links", versions, "cowsay<6")
    quick.change("install", "--find-links", str(versions), "pony==5.0")
    quick.run("install", *quick.where, "--intent", "fix", "cowsay>=5.0,<6", "-y")
    dists.wheel(versions, "cowsay", "5.5")
    printed = quick.change("update")
    assert "cowsay  5.0 -> 5.5" in printed
    assert "pony 5.0 is held, so it is not updated." in printed
    assert quick.see("cowsay", "pony") == {"cowsay": "5.5", "pony": "5.0"}


def test_what_is_named_is_updated_though_it_is_held_and_stays_held(
    quick: Bench, versions: Path
) -> None:
    quick.change("install", "--find-links", str(versions), "pony==5.0", "gnu==5.0")
    assert quick.record()["distributions"]["pony"]["intent"] == "hold"
    quick.given("upgrade", "pony")
    entry = quick.record()["distributions"]["pony"]
    assert (entry["version"], entry["intent"]) == ("6.1", "hold")
    assert quick.see("pony", "gnu") == {"pony": "6.1", "gnu": "5.0"}


def test_a_version_may_be_named_and_the_recorded_options_still_count(
    quick: Bench, versions: Path
) -> None:
    quick.change("install", "--find-links", str(versions), "pony<6")
    options = quick.record()["distributions"]["pony"]["options"]
    assert options
    quick.change("update", "pony>=6")
    entry = quick.record()["distributions"]["pony"]
    assert (entry["version"], entry["options"]) == ("6.1", options)


def test_a_distribution_of_the_host_is_updated_in_the_overlay(quick: Bench) -> None:
    quick.given("update", "alpha")
    assert quick.see("alpha") == {"alpha": "1.5"}
    assert quick.record()["distributions"]["alpha"]["requested"]


def test_nothing_to_update_is_no_revision(quick: Bench) -> None:
    assert "Nothing to " in quick.ask("update")
    assert quick.revision is None


def test_what_is_nowhere_is_an_error_that_names_it(quick: Bench) -> None:
    done = quick.run("update", *quick.where, "nosuch", "-y")
    assert done.returncode == 1 and "nosuch" in done.stderr and "Traceback" not in done.stderr


def test_uninstall_is_remove_and_takes_the_version_that_is_installed(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    refused = quick.run("uninstall", *quick.where, "alpha==1.0", "-y")
    assert refused.returncode == 1 and "1.5" in refused.stderr
    quick.given("uninstall", "alpha==1.5")
    assert quick.see("alpha") == {"alpha": "1.0"}


@pytest.mark.parametrize(
    "option", ["-c conda-forge", "--channel=conda-forge", "--override-channels"]
)
def test_a_channel_is_refused_in_a_sentence(quick: Bench, option: str) -> None:
    done = quick.run("install", *quick.where, *option.split(), "new")
    assert done.returncode == 2
    assert "cannot hold conda packages" in done.stderr
    assert "conda overlay fork --from ENV" in done.stderr


@pytest.mark.parametrize("intent", ["fix", "hold", "dev"])
def test_an_unedited_copy_that_is_named_is_updated_whatever_its_intent(
    quick: Bench, intent: str
) -> None:
    quick.given("edit", "alpha", "--no-editor")
    quick.change("note", "alpha", "--intent", intent)
    if intent != "hold":
        assert "alpha" not in [one["name"] for one in quick.json("update", "--dry-run")["changes"]]
    quick.change("update", "alpha")
    assert quick.version("alpha") == "1.5"  # beta of the environment requires alpha<2
    assert quick.record()["distributions"]["alpha"]["intent"] == intent

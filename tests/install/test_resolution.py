"""What moves, what stays, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import LONG, first


def moves(plan: dict[str, list[dict[str, str]]]) -> dict[str, tuple[str, str | None]]:
    return {change["name"]: (change["kind"], change["after"]) for change in plan["changes"]}


def test_new_distribution_is_added_and_nothing_of_the_host_moves(bench: Bench) -> None:
    bench.given("install", "new")
    assert bench.distributions() == ["new-1.0"]
    assert bench.see("new", "alpha") == {"new": "1.0", "alpha": "1.0"}
    assert bench.script("new") == "new 1.0"


def test_upgrade_brings_what_it_newly_needs(bench: Bench, links: Path) -> None:
    dists.wheel(links, "beta", "2.5", requires=["alpha>=1.5,<2", "fresh"])
    dists.wheel(links, "fresh", "0.1")
    bench.install("--find-links", links, "--upgrade", "beta==2.5")
    assert bench.distributions() == ["alpha-1.5", "beta-2.5", "fresh-0.1"]
    assert bench.version("alpha") == "1.5"


@LONG
def test_upgrade_stays_within_what_the_host_allows(bench: Bench) -> None:
    bench.given("install", "-U", "alpha")
    assert bench.distributions() == ["alpha-1.5"]
    assert bench.script("alpha") == "alpha 1.5"


def test_dependents_that_would_break_move_too(bench: Bench) -> None:
    plan = bench.plan("alpha==2.0")
    assert moves(plan) == {"alpha": ("upgrade", "2.0"), "beta": ("upgrade", "2.0")}
    why = {change["name"]: change["why"] for change in plan["changes"]}
    assert why == {"alpha": "requested", "beta": "beta 1.0 requires alpha<2"}
    assert bench.see("alpha", "beta") == {"alpha": "2.0", "beta": "2.0"}


def test_no_consistent_set_is_refused_with_who_requires_what(bench: Bench) -> None:
    told = bench.refused("delta==2.0")
    assert "stuck 1.0 (environment) requires delta<2, but 2.0 (overlay) would be in effect" in told
    assert "Hint: --allow-conflicts" in told
    assert not bench.state.exists()


def test_conflicts_are_installed_and_recorded_if_allowed(bench: Bench) -> None:
    printed = bench.install("--allow-conflicts", "delta==2.0")
    assert (
        "conflicts (allowed by --allow-conflicts):\n  stuck 1.0 (environment) requires delta<2"
        in printed
    )
    assert bench.version("delta") == "2.0"
    [conflict] = bench.record()["plan"]["conflicts"]
    assert (conflict["name"], conflict["origin"], conflict["found"]) == ("stuck", "host", "2.0")


def test_already_satisfied_changes_nothing(bench: Bench) -> None:
    assert "Nothing to do" in bench.install("alpha>=1")
    assert not bench.state.exists()
    bench.given("install", "new")
    assert "Nothing to do" in bench.install("new", "alpha")
    assert bench.revision == 1
    assert bench.kept == [1]


def test_only_the_dependents_that_must_move_do(quick: Bench, links: Path) -> None:
    """The upgrade of one name stays within what the host allows though another's cannot."""
    quick.given("install", "-U", "alpha", "gamma==2.0", "--allow-conflicts")
    assert quick.distributions() == ["alpha-1.5", "delta-2.0", "gamma-2.0"]


@LONG
def test_dependents_that_cannot_move_do_not_hold_back_those_that_can(quick: Bench) -> None:
    told = quick.refused("alpha==2.0", "delta==2.0")
    assert "stuck 1.0 (environment) requires delta<2" in told
    assert "beta" not in told
    quick.given("install", "--allow-conflicts", "alpha==2.0", "delta==2.0")
    assert quick.distributions() == ["alpha-2.0", "beta-2.0", "delta-2.0"]


@LONG
def test_dependents_of_dependents_move_too(quick: Bench, links: Path) -> None:
    dists.wheel(links, "top", "1.0", requires=["beta<2"])
    dists.wheel(links, "top", "2.0", requires=["beta>=2"])
    quick.install("--find-links", links, "top==1.0")
    quick.install("--find-links", links, "alpha==2.0")
    assert quick.distributions() == ["alpha-2.0", "beta-2.0", "top-2.0"]


def test_names_in_requirement_files_move_like_any_other(quick: Bench) -> None:
    (quick.user.home / "reqs.txt").write_text("alpha==2.0\nbeta==2.0  # both\n")
    quick.given("install", "-r", "reqs.txt")
    assert quick.distributions() == ["alpha-2.0", "beta-2.0"]
    assert all(change["why"] == "requested" for change in quick.record()["plan"]["changes"])


def test_own_constraints_count(quick: Bench) -> None:
    (quick.user.home / "limits.txt").write_text("alpha<1.5\n")
    assert "Nothing to do" in quick.install("-U", "alpha", "-c", "limits.txt")


@first(1)
@pytest.mark.parametrize("words", [["alpha==1.0"], ["alpha<1.5"]])
def test_back_to_the_version_of_the_host_drops_the_own_copy(quick: Bench, words: list[str]) -> None:
    quick.given("install", "alpha==1.5", "new")
    printed = quick.install(*words)
    assert "back to the environment's:\n  - alpha  1.5 -> 1.0" in printed
    assert quick.distributions() == ["new-1.0"]
    assert not (quick.overlay / "bin" / "alpha").exists()
    assert quick.version("alpha") == "1.0"
    assert "alpha" not in quick.record()["distributions"]


def test_downgrade(quick: Bench, links: Path) -> None:
    dists.wheel(links, "alpha", "0.9")
    plan = quick.plan("--find-links", str(links), "alpha==0.9")
    assert moves(plan) == {"alpha": ("downgrade", "0.9")}
    assert quick.version("alpha") == "0.9"


def test_extras_bring_their_requirements(quick: Bench, links: Path) -> None:
    dists.wheel(links, "rich", "1.0", extras={"more": ["fresh; python_version > '3'"]})
    dists.wheel(links, "fresh", "0.1")
    quick.install("--find-links", links, "rich")
    assert quick.distributions() == ["rich-1.0"]
    quick.install("--find-links", links, "rich[more]")
    assert quick.distributions() == ["fresh-0.1", "rich-1.0"]


def test_extra_of_a_distribution_that_the_host_has(quick: Bench, links: Path) -> None:
    dists.wheel(links, "needy", "1.0", requires=["rich[more]"])
    dists.wheel(links, "rich", "1.0", extras={"more": ["alpha>=1.5"]})
    quick.install("--find-links", links, "needy")
    assert quick.distributions() == ["alpha-1.5", "needy-1.0", "rich-1.0"]


def test_markers_of_another_platform_do_not_count(quick: Bench, links: Path) -> None:
    dists.wheel(links, "picky", "1.0", requires=["nosuch; sys_platform == 'plan9'", "alpha"])
    quick.install("--find-links", links, "picky", "nosuch; python_version < '3'")
    assert quick.distributions() == ["picky-1.0"]


def test_without_dependencies_only_what_is_asked_for_comes(quick: Bench, links: Path) -> None:
    dists.wheel(links, "needy", "1.0", requires=["nosuch", "alpha>=2"])
    said = quick.install("--find-links", links, "--no-deps", "needy")
    for text in (said, quick.ask("history", "1")):
        assert "conflicts (allowed by --no-deps):\n  needy 1.0 (overlay) requires " in text
    assert quick.distributions() == ["needy-1.0"]
    broken = {conflict["requirement"] for conflict in quick.record()["plan"]["conflicts"]}
    assert broken == {"nosuch", "alpha>=2"}


def test_without_dependencies_the_host_is_kept_whole_all_the_same(quick: Bench) -> None:
    assert "beta 1.0 (environment) requires alpha<2" in quick.refused("--no-deps", "alpha==2.0")


def test_conflicts_of_the_host_itself_are_not_reported(quick: Bench, broken_host: Path) -> None:
    bench = replace(quick, name=str(broken_host))
    plan = bench.plan("alpha==1.5")
    assert plan["conflicts"] == []
    assert bench.distributions() == ["alpha-1.5"]


@LONG
def test_upgrading_twice_leaves_one_copy_and_no_old_module(quick: Bench, links: Path) -> None:
    """E4."""
    dists.wheel(links, "tool", "1.0", files={"tool/old.py": ""}, scripts={"old": "tool:main"})
    dists.wheel(links, "tool", "2.0", files={"tool/new.py": ""}, scripts={"tool": "tool:main"})
    quick.install("--find-links", links, "tool==1.0")
    assert quick.python("-c", "import tool.old").returncode == 0
    quick.user.run([quick.host / "bin" / "python", "-m", "compileall", "-q", quick.site])
    quick.install("--find-links", links, "tool==2.0")
    assert quick.distributions() == ["tool-2.0"]
    assert quick.python("-c", "import tool.old").returncode != 0
    found = {path.name for path in (quick.overlay / "bin").glob("[!.]*")}
    assert {name for name in found if not name.startswith("pip")} == {"tool"}
    assert not list(quick.site.rglob("old*"))


@LONG
def test_repeating_an_installation_reports_what_is_there(quick: Bench, links: Path) -> None:
    """E5: the overlay's own copy counts though the overlay is not wired."""
    dists.wheel(links, "tool", "1.0")
    quick.install("--find-links", links, "tool")
    dists.wheel(links, "tool", "2.0")
    assert "Nothing to do" in quick.install("--find-links", links, "tool")
    quick.install("--find-links", links, "-U", "tool")
    assert quick.distributions() == ["tool-2.0"]


def test_distributions_that_only_the_host_has_count(quick: Bench, links: Path) -> None:
    dists.wheel(links, "needy", "1.0", requires=["alpha", "stuck>=1"])
    quick.install("needy", env={"PIP_FIND_LINKS": str(links)})
    assert quick.distributions() == ["needy-1.0"]


def test_copies_of_the_user_site_do_not_count(quick: Bench, links: Path) -> None:
    """E3: neither as installed already, nor to be removed."""
    wheel = dists.wheel(links, "tool", "1.0")
    user = ["-m", "pip", "install", "--user", "--no-index", str(wheel)]
    done = quick.user.run([str(quick.host / "bin/python"), *user])
    assert done.returncode == 0, done.stderr
    dists.wheel(links, "tool", "2.0")
    quick.install("--find-links", links, "tool")
    assert quick.distributions() == ["tool-2.0"]
    assert [p.name for p in quick.user.home.rglob("tool-*.dist-info") if ".local" in p.parts] == [
        "tool-1.0.dist-info"
    ]


def test_same_version_is_installed_again_when_forced(quick: Bench) -> None:
    quick.given("install", "--force-reinstall", "--no-deps", "alpha==1.0")
    assert quick.distributions() == ["alpha-1.0"]
    [change] = quick.record()["plan"]["changes"]
    assert change["kind"] == "replace"


def test_prereleases_come_only_when_asked_for(quick: Bench, links: Path) -> None:
    dists.wheel(links, "tool", "1.0")
    dists.wheel(links, "tool", "2.0rc1")
    quick.install("--find-links", links, "tool")
    assert quick.version("tool") == "1.0"
    quick.install("--find-links", links, "-U", "--pre", "tool")
    assert quick.version("tool") == "2.0rc1"


def test_wheel_by_path_and_by_url(quick: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "tool", "1.0")
    quick.install(f"./{wheel.name}", cwd=links)
    assert quick.version("tool") == "1.0"
    [change] = quick.record()["plan"]["changes"]
    assert (change["why"], change["requested"]) == ("requested", True)
    again = dists.wheel(links, "tool", "2.0")
    quick.install(f"tool @ {again.as_uri()}")
    assert quick.version("tool") == "2.0"
    assert quick.record()["plan"]["changes"][0]["url"] == again.as_uri()


def test_hashes_are_required_and_checked(quick: Bench, wheels: Path) -> None:
    import hashlib

    digest = hashlib.sha256((wheels / "alpha-1.5-py3-none-any.whl").read_bytes()).hexdigest()
    right, wrong = quick.user.home / "right.txt", quick.user.home / "wrong.txt"
    right.write_text(f"alpha==1.5 --hash=sha256:{digest}\n")
    wrong.write_text(f"alpha==1.5 --hash=sha256:{digest[::-1]}\n")
    assert "DO NOT MATCH THE HASHES" in quick.refused("--require-hashes", "-r", wrong)
    quick.install("--require-hashes", "-r", right)
    [change] = quick.record()["plan"]["changes"]
    assert (change["after"], change["sha256"]) == ("1.5", digest)


def test_layers_behind_count_as_installed(quick: Bench, scratch: Path) -> None:
    """Of two overlay directories the first that can be written is written, and wins."""
    second = quick.user.fresh_home()
    quick.install("alpha==1.5", env={"CONDA_PLUGINS_OVERLAY_DIRS": str(second)})
    both = {"CONDA_PLUGINS_OVERLAY_DIRS": f"{quick.overlay.parent}:{second}"}
    assert "Nothing to do" in quick.install("alpha>=1.5", env=both)
    quick.install("new", env=both)
    assert quick.distributions() == ["new-1.0"]


@first(1)
@pytest.mark.parametrize("words", [["-U", "alpha"], ["-U", "--pre", "alpha>=1", "new"]])
def test_upgrade_says_what_holds_it_back(quick: Bench, words: list[str]) -> None:
    printed = quick.install(*words)
    assert (
        "alpha 2.0 is held back: beta 1.0 requires alpha<2; "
        "conda overlay install -n science 'alpha>=2.0', which needs another beta\n"
    ) in printed
    assert quick.version("alpha") == "1.5"
    quick.given("install", "alpha>=2.0")
    assert quick.distributions()[:2] == ["alpha-2.0", "beta-2.0"]


@pytest.mark.parametrize("words", [["alpha>1"], ["-U", "alpha<2"], ["-U", "delta"], ["-U", "new"]])
@LONG
def test_nothing_is_said_of_what_is_not_held_back(quick: Bench, words: list[str]) -> None:
    done = quick.try_install("--yes", "--allow-conflicts", *words)
    assert ("held back" in done.stdout) == (words == ["-U", "delta"])


@LONG
def test_output_is_what_is_new(quick: Bench, links: Path) -> None:
    dists.wheel(links, "needy", "1.0", requires=["alpha>=2"])
    words: list[str | Path] = ["--dry-run", "--find-links", links, "needy"]
    printed = quick.install(*words)
    assert "already satisfied" not in printed
    told = [line for line in printed.splitlines() if line.startswith("Resolving again")]
    assert told == [
        "Resolving again (round 2): needy needs another alpha",
        "Resolving again (round 3): beta needs alpha<2",
    ]
    assert "Resolving again" not in quick.install("-q", *words)
    assert printed.count("Looking in links") == 1
    assert printed.count("Processing ") == 1
    printed = quick.install("-v", *words)
    assert "already satisfied" in printed
    assert printed.count("Looking in links") == 3


def test_the_dependencies_alone_are_installed_and_the_newest_options_are_pips(
    quick: Bench, links: Path
) -> None:
    dists.wheel(links, "plain", "1.0", requires=["new"])
    newest = ["--no-proxy-env", "--no-require-hashes", "--refresh-package", "plain", "--no-user"]
    quick.install("--find-links", links, "--only-deps", *newest, "plain")
    assert quick.distributions() == ["new-1.0"]
    assert not quick.record()["distributions"]["new"]["options"]

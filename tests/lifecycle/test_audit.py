"""``conda overlay audit``: the records of everybody's overlays, read as data."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.report.audit import Place, Unreadable, audit, homes
from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import shared as layers
from tests.lifecycle.shared import by_owner, change

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can read everybody's homes")


def by_root(bench: Bench, *words: str | Path, code: int = 0, home: Path = Path("/")) -> str:
    """Run audit as root, over the directories that are named."""
    environ = {**bench.environ_of(), "HOME": str(home), "COLUMNS": "100"}
    argv = [str(bench.conda.executable), "overlay", "audit", *map(str, words)]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def overlays_of(bench: Bench, *words: str | Path, code: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(by_root(bench, "--json", *words, code=code))[
        "overlays"
    ]
    return found


@pytest.fixture
def both(quick: Bench) -> Bench:
    """Two users over one environment."""
    layers.service().empty_home()
    quick.given("install", "new", "--reason", "ticket 7")
    by_owner(quick).given("install", "new", "alpha==1.5", "--reason", "ticket 8")
    return quick


@pytest.fixture
def everybody(both: Bench, scratch: Path) -> Bench:
    """And a layer behind their own."""
    bench = layers.lay(both, scratch, empty=False)
    change(bench, "install", "delta==2.0", "--allow-conflicts")
    return bench


def places(bench: Bench) -> list[Path]:
    return [bench.overlays, by_owner(bench).overlays, layers.layer_of(bench)]


def test_a_table_has_everybodys_distributions_most_used_first(everybody: Bench) -> None:
    told = by_root(everybody, *places(everybody), code=1).splitlines()
    assert told[0] == "3 overlays, 0 forks, 2 users, 1 environment, 0 unreadable"
    at = told.index(str(everybody.host))
    rows = [line.split() for line in told[at + 1 :]]
    assert rows[0][1:3] == ["distribution", "there"]
    assert [row[0] for row in rows[1:4]] == ["new", "alpha", "delta"]
    assert rows[1][1:4] == ["-", "1.0", "2"] and "ticket 7" in told[at + 2]
    assert rows[2][1:4] == ["1.0", "1.5", "1"]
    assert max(map(len, told)) <= 100 or any("/" in line for line in told if len(line) > 100)
    assert "1 with requirements that are not satisfied:" in "\n".join(told)


def test_json_has_every_overlay_and_can_be_read_again_elsewhere(
    everybody: Bench, tmp_path: Path
) -> None:
    found = overlays_of(everybody, *places(everybody), code=1)
    keys = {"overlay", "user", "host", "revision", "time", "distributions", "attention", "kind"}
    assert all(set(one) == keys for one in found)
    assert {one["user"] for one in found} == {everybody.user.name, layers.SERVICE}
    file = tmp_path / "elsewhere.json"
    file.write_text(json.dumps({"overlays": found, "unreadable": []}))
    assert overlays_of(everybody, file, code=1) == found
    file.write_text('{"overlays": [{"overlay": 1}], "unreadable": []}')
    told = by_root(everybody, file, code=1)
    assert "0 overlays" in told and f"{file}: damaged" in told


def test_of_one_environment_by_user_and_by_name(everybody: Bench) -> None:
    [layer] = overlays_of(everybody, layers.layer_of(everybody), "-n", "science", code=1)
    assert layer["user"] == layers.SERVICE
    assert overlays_of(everybody, everybody.overlays, "-n", "daq") == []
    told = by_root(everybody, *places(everybody), "--by", "user", code=1)
    assert f"\n{everybody.user.name}\n" in told and f"\n{layers.SERVICE}\n" in told
    assert "\nall environments\n" in by_root(everybody, *places(everybody), "--by", "name", code=1)


def test_against_says_what_retires_and_what_must_be_decided(
    everybody: Bench, own: Bench, wheels: Path, tmp_path: Path
) -> None:
    needs = dists.wheel(tmp_path, "needs", "1.0", requires=["alpha>=2"])
    names = ("new-1.0", "alpha-2.0")
    made = [wheels / f"{name}-py3-none-any.whl" for name in names]
    sources.administrate(own.host, *made, needs)
    told = by_root(everybody, *places(everybody), "--against", own.host, code=1)
    lines = [line.split() for line in told.partition(f"against {own.host}")[2].splitlines()]
    found = {line[0]: line[1:] for line in lines if line}
    assert found["new"][:3] == ["1.0", "overlay-alice,", layers.SERVICE]
    assert told.index("conflicts:") < told.index("  alpha 1.5") < told.index("retires:")
    assert "needs 1.0 (environment) requires alpha>=2" in told
    assert told.index("retires:") < told.index("  new 1.0")
    explicit = tmp_path / "next.txt"
    explicit.write_text("@EXPLICIT\nhttps://c.example/noarch/new-1.0-py_0.conda\n")
    told = by_root(everybody, *places(everybody), "--against", explicit, code=1)
    assert told.index("retires:") < told.index("  new 1.0") and "requirements are unknown" in told


def test_files_for_the_recipe_the_patches_and_a_browser(
    fixed: Bench, fix: Path, scratch: Path
) -> None:
    layers.service().empty_home()
    bob = by_owner(fixed)
    shutil.copy(fix, bob.user.home / "fix.patch")
    bob.given("patch", "tool", bob.user.home / "fix.patch", "--reason", "<script>alert(1)")
    fixed.change("install", "new", "--reason", "ticket 7")
    out = [scratch / "wanted.yml", scratch / "fixes", scratch / "page.html"]
    words: list[str | Path] = ["--recipe", out[0], "--patches", out[1], "--html", out[2]]
    by_root(fixed, fixed.overlays, bob.overlays, *words)
    recipe = out[0].read_text().splitlines()
    assert recipe[2].startswith("  # - tool >=1.0, edited  # 2 users: overlay-alice, overlay-bob; ")
    assert "  - new >=1.0  # 1 user: overlay-alice; ticket 7" in recipe
    [patch] = out[1].iterdir()
    assert patch.name.startswith("tool-1.0-") and "+    return 44  # fixed" in patch.read_text()
    assert "# of overlay-alice, overlay-bob" in patch.read_text()
    page = out[2].read_text()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    assert page.count("return 44  # fixed") == 1 and "://" not in page.partition("<body>")[0]


def test_what_needs_attention_is_named(both: Bench) -> None:
    bob = by_owner(both)
    both.change("install", "delta", "--until", "2020-01-01", "--force-reinstall", "--no-deps")
    both.state.chmod(0o775)
    (bob.overlays / "made/lib/python3.12/site-packages").mkdir(parents=True)
    bob.host_path.write_text("/opt/envs/science-2019\n")
    found = {one["overlay"]: one["attention"] for one in overlays_of(
        both, both.overlays, bob.overlays, code=1)}  # fmt: skip
    assert "writable" in found[str(both.overlay)]
    assert found[str(bob.overlay)] == ["host gone"]
    assert found[str(bob.overlays / "made")] == ["by hand"]
    told = by_root(both, both.overlays, bob.overlays, code=1)
    assert f"chmod go-w {both.state}" in told
    assert f"sudo -u {layers.SERVICE} " in told
    both.state.chmod(0o755)


def test_an_overlay_of_an_older_format_is_named_and_nobody_is_told_to_delete_it(
    quick: Bench,
) -> None:
    quick.given("install", "new")
    (quick.state / "history").mkdir()
    quick.record_path(1).rename(quick.state / "history" / "1.json")
    quick.tree(1).rename(quick.state / "tree")
    shutil.rmtree(quick.revisions / "1")
    (quick.state / "tree").rename(quick.revisions / "1")
    quick.overlay.unlink()
    quick.overlay.symlink_to(".science/revisions/1")
    [one] = overlays_of(quick, quick.overlays, code=1)
    assert "older format" in one["attention"]
    for command in ("status", "history", "list"):
        done = quick.run(command, *(() if command == "list" else quick.where))
        told = done.stdout + done.stderr
        assert "older version of conda-overlay" in told
        assert "rm " not in told and "delete" not in told


@pytest.mark.parametrize(
    "trick", ["link", "pipe", "others", "large", "garbage", "types", "linked home"]
)
def test_nothing_that_leads_elsewhere_is_followed_and_all_else_is_still_read(
    both: Bench, scratch: Path, trick: str
) -> None:
    bob = by_owner(both)
    record = bob.record_path(1)
    secret = scratch / "secret"
    secret.write_text(record.read_text())
    secret.chmod(0o600)
    record.parent.chmod(0o755)
    if trick != "linked home":
        record.unlink()
    if trick == "link":
        record.symlink_to(secret)
    elif trick == "pipe":
        os.mkfifo(record)
        os.chown(record, bob.user.uid, bob.user.gid)
    elif trick == "others":
        record.write_text(secret.read_text())  # of root
    elif trick == "large":
        record.touch()
        os.truncate(record, 1 << 40)
        os.chown(record, bob.user.uid, bob.user.gid)
    elif trick == "types":
        data = json.loads(secret.read_text())
        data["host"]["distributions"]["new"] = {"a": 1}
        record.write_text(json.dumps(data))
        os.chown(record, bob.user.uid, bob.user.gid)
    elif trick == "garbage":
        record.write_text("[" * 100_000)
        os.chown(record, bob.user.uid, bob.user.gid)
    else:
        bob.state.rename(scratch / "away")
        bob.state.symlink_to(scratch / "away")
    data = json.loads(by_root(both, "--json", bob.overlays, both.overlays,
                              code=0 if trick == "linked home" else 1))  # fmt: skip
    assert [one["overlay"] for one in data["overlays"]] == [str(both.overlay)]
    assert [one["path"] for one in data["unreadable"]] == (
        [] if trick == "linked home" else [str(bob.overlay)]
    )


def test_it_reads_and_changes_nothing_else(both: Bench) -> None:
    """With every tree closed to all, and the interpreter and pip gone."""
    before = both.content()
    tree = both.tree(1)
    shutil.rmtree(tree)
    tree.mkdir(mode=0o000)
    [one] = overlays_of(both, both.overlays)
    assert [d["name"] for d in one["distributions"]] == ["new"]
    tree.rmdir()
    after = both.content()
    assert {k: v for k, v in before.items() if "/tree/" not in k} == after


def test_a_user_sees_their_own_and_the_layers(everybody: Bench) -> None:
    done = everybody.run("audit", "--json")
    assert done.returncode == 1, done.stderr  # the layer has a conflict
    found = json.loads(done.stdout)["overlays"]
    assert {one["user"] for one in found} == {everybody.user.name, layers.SERVICE}
    told = everybody.run("audit", "/nowhere/*")
    assert told.returncode == 1 and "There is nothing at /nowhere/*." in told.stderr


def test_the_homes_of_all_accounts_are_looked_at(everybody: Bench) -> None:
    found = [*homes(["~/.conda/overlays", "/data/$USER/overlays", "/srv/layer"], ["/x/${USER}"])]
    home = pwd.getpwnam(layers.SERVICE).pw_dir
    assert Place(home, (".conda", "overlays")) in found
    assert Place(f"/data/{layers.SERVICE}/overlays") in found
    assert Place(f"/x/{layers.SERVICE}", (), "forks") in found
    assert found.count(Place("/srv/layer")) == 1


def test_a_link_below_a_home_is_not_followed_and_counts_as_unreadable(tmp_path: Path) -> None:
    (tmp_path / "away/overlays").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.conda").symlink_to(tmp_path / "away")
    places = [Place(str(tmp_path / name), (".conda", "overlays")) for name in ("home", "away")]
    [found] = audit(places, {})
    assert found == Unreadable(f"{tmp_path}/home/.conda/overlays", "a link, which is not followed")


def test_patches_go_to_new_files_alone_whatever_they_are_called(
    fixed: Bench, scratch: Path
) -> None:
    record = fixed.record(1)
    hostile = {**record["distributions"]["tool"], "name": "../" + "a" * 300}
    record["distributions"]["aaa"] = hostile
    fixed.record_path(1).parent.chmod(0o755)
    fixed.record_path(1).unlink()
    fixed.record_path(1).write_text(json.dumps(record))
    os.chown(fixed.record_path(1), fixed.user.uid, fixed.user.gid)
    place = scratch / "fixes"
    by_root(fixed, fixed.overlays, "--patches", place)
    one, other = sorted(place.iterdir())
    assert one.name.startswith("_") and other.name.startswith("tool-1.0-")
    text = other.read_text()
    mine = scratch / "mine"
    mine.write_text("mine")
    one.unlink()
    other.unlink()
    os.mkfifo(one)
    other.hardlink_to(mine)
    by_root(fixed, fixed.overlays, "--patches", place)
    assert (other.read_text(), mine.read_text()) == (text, "mine")


@pytest.mark.parametrize("change", [{"attention": ["bogus"]}, {"distributions": "x" * 5000}])
def test_a_damaged_file_of_another_machine_is_unreadable(
    quick: Bench, tmp_path: Path, change: dict[str, Any]
) -> None:
    quick.given("install", "new")
    [found] = overlays_of(quick, quick.overlays)
    file = tmp_path / "other.json"
    file.write_text(json.dumps({"overlays": [{**found, **change}], "unreadable": []}))
    told = by_root(quick, file, "--html", tmp_path / "page.html", code=1)
    assert f"{file}: damaged" in told and len(told) < 1000
    os.mkfifo(tmp_path / "pipe")
    assert "1 unreadable" in by_root(quick, tmp_path / "pipe", code=1)

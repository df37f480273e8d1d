"""What ``conda overlay status`` and ``conda overlay list`` say, on real overlays."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.cli.render.status import show_status
from conda_overlay.report.shell import Trigger
from conda_overlay.report.status import HostStatus, Status, Wiring
from tests.bed import environment, place
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.bench import Bench, Done
from tests.long import LONG


@pytest.fixture
def host(conda: Conda, science: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A protected host that the test may change, as its administrator."""
    prefix = conda.env(f"own-{tmp_path_factory.mktemp('host').name}")
    return environment.clone(science, prefix)


@pytest.fixture
def overlay_of(conda: Conda, alice: User, hermetic: dict[str, str]) -> Any:
    """Install into the overlay of a host, and return its path."""

    def install(host: Path, *arguments: str) -> Path:
        over = Bench(conda, alice, hermetic, str(host))
        over.given("install", *arguments)
        return over.overlay

    return install


def run(conda: Conda, user: User, *words: str | Path) -> Done:
    """Run a command of ``conda overlay``."""
    return Bench(conda, user, {}).run(*words)


def status(conda: Conda, user: User, host: Path) -> dict[str, Any]:
    """The status as a program reads it."""
    done = run(conda, user, "status", "-p", host, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def findings(conda: Conda, user: User, host: Path) -> dict[str, str]:
    """What is wrong with the only overlay, by kind."""
    (overlay,) = status(conda, user, host)["overlays"]
    return {finding["kind"]: finding["text"] for finding in overlay["findings"]}


def test_without_an_overlay_it_says_how_to_start_one(conda: Conda, alice: User) -> None:
    done = run(conda, alice, "status", "-n", "science")
    assert done.returncode == 0
    assert "overlay:      none" in done.stdout
    assert "conda overlay install -n science NAME" in done.stdout
    report = status(conda, alice, conda.env("science"))
    assert report["overlays"] == []


def test_command_to_start_an_overlay_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    host = HostStatus("/with space", "/with space", "root", "it belongs to root", "3.11.7")
    wiring = Wiring("off", "", Trigger("start-up hook"))
    show_status(Status(host, None, wiring, (), (), (), ()))
    assert "conda overlay install -p '/with space' NAME\n" in capsys.readouterr().out


def test_the_keys_of_the_json_stay(conda: Conda, alice: User, host: Path, overlay_of: Any) -> None:
    overlay_of(host, "new")
    report = status(conda, alice, host)
    assert set(report) == {
        *("host", "fork", "wiring", "overlays", "user_site", "kernels", "relatives"),
    }
    assert set(report["host"]) == {"name", "prefix", "owner", "protected", "python"}
    assert set(report["wiring"]) == {"state", "detail", "trigger"}
    assert set(report["wiring"]["trigger"]) == {"name", "reason", "remedy"}
    (overlay,) = report["overlays"]
    assert set(overlay) == {
        *(
            "overlay",
            "label",
            "managed",
            "revision",
            "position",
            "size",
            "distributions",
            "findings",
        ),
    }
    (row,) = overlay["distributions"]
    assert set(row) == {
        *("name", "host_version", "hides", "version", "kind", "editable", "edited", "since", "by"),
        *("reason", "intent", "until", "meaning", "requested"),
    }


def test_an_environment_is_the_same_by_two_paths(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "new")
    (alice.home / "envs").symlink_to(host.parent)
    through = alice.home / "envs" / host.name
    assert findings(conda, alice, through) == findings(conda, alice, host) == {}
    overlay_of(through, "alpha==1.5")
    assert findings(conda, alice, through) == findings(conda, alice, host) == {}


def test_it_says_what_is_overlaid_over_what_by_whom_since_when_and_why(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "alpha==2.0", "new", "--reason", "ticket 7")
    report = status(conda, alice, host)
    (overlay,) = report["overlays"]
    rows = {row["name"]: row for row in overlay["distributions"]}
    assert {n: (r["host_version"], r["version"], r["kind"]) for n, r in rows.items()} == {
        "alpha": ("1.0", "2.0", "upgrade"),
        "beta": ("1.0", "2.0", "upgrade"),
        "new": (None, "1.0", "add"),
    }
    meanings = {name: row["meaning"] for name, row in rows.items()}
    assert meanings == {
        "alpha": "newer than host",
        "beta": "newer than host",
        "new": "not in host",
    }
    assert rows["alpha"]["by"] == alice.name
    assert rows["alpha"]["reason"] == "ticket 7"
    assert overlay["findings"] == []
    assert report["host"]["owner"] == environment_owner(host)
    text = run(conda, alice, "status", "-p", host).stdout
    assert "ticket 7" in text
    assert str(host) not in text
    assert str(host) in run(conda, alice, "status", "-p", host, "-v").stdout


def environment_owner(prefix: Path) -> str:
    """The name that the file system gives."""
    return prefix.owner()


@LONG
def test_an_older_version_than_the_host_has_is_a_downgrade(
    conda: Conda, alice: User, overlay_of: Any, science: Path, wheels: Path
) -> None:
    newer = environment.template(pip="ensurepip", wheels=[wheels / "delta-2.0-py3-none-any.whl"])
    host = environment.clone(newer, conda.env("downgraded"))
    overlay_of(host, "delta==1.0")
    (overlay,) = status(conda, alice, host)["overlays"]
    (row,) = overlay["distributions"]
    assert (row["host_version"], row["version"], row["kind"]) == ("2.0", "1.0", "downgrade")


def test_conflicts_that_the_overlay_causes_are_named(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "delta==2.0", "--allow-conflicts")
    text = findings(conda, alice, host)["conflict"]
    assert text == (
        "stuck 1.0 (environment) requires delta<2, but 2.0 (overlay) is in effect; "
        "delta==2.0 was requested"
    )


def test_a_host_that_has_changed_since_is_told(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "new")
    (info,) = host.glob("lib/python*/site-packages/gamma-1.0.dist-info")
    metadata = (info / "METADATA").read_text().replace("Version: 1.0", "Version: 1.1")
    replace(info / "METADATA", metadata)
    assert "gamma 1.0 -> 1.1" in findings(conda, alice, host)["drift"]


def replace(path: Path, text: str) -> None:
    """Write a new file there: the host shares its files with the template."""
    path.unlink()
    path.write_text(text)


def test_what_was_added_or_removed_by_hand_is_told(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay = overlay_of(host, "new")
    (site,) = overlay.glob("lib/python*/site-packages")
    alice.run(["touch", site / "mine.py"])
    assert "mine.py" in findings(conda, alice, host)["by-hand"]
    alice.run(["rm", "-f", site / "new" / "__init__.py"])
    assert "new/__init__.py" in findings(conda, alice, host)["missing"]


@LONG
def test_hot_fix_by_hand_is_told_at_its_distribution(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay = overlay_of(host, "new", "delta==2.0", "--allow-conflicts")
    (module,) = overlay.glob("lib/python*/site-packages/new/__init__.py")
    script = 'cp "$1" "$1.new"; chmod u+w "$1.new"; echo "# fixed" >> "$1.new"; mv -f "$1.new" "$1"'
    alice.run(["sh", "-c", script, "sh", module])
    (report,) = status(conda, alice, host)["overlays"]
    assert {row["name"]: row["edited"] for row in report["distributions"]} == {
        "new": True,
        "delta": False,
    }
    assert "new/__init__.py" in findings(conda, alice, host)["by-hand"]


@LONG
def test_after_an_undo_it_says_of_which_revision_the_state_is(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "new")
    overlay_of(host, "alpha==1.5")
    undone = run(conda, alice, "undo", "-p", host, "--yes")
    assert undone.returncode == 0, undone.stderr
    (report,) = status(conda, alice, host)["overlays"]
    assert (report["revision"], report["position"]) == (3, 1)
    text = run(conda, alice, "status", "-p", host).stdout
    assert "3 (the state of revision 1)" in text


def test_bytecode_is_no_addition_by_hand(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay = overlay_of(host, "new")
    assert alice.run([overlay / "bin" / "new"]).stdout == "new 1.0\n"
    assert list(overlay.glob("lib/python*/site-packages/new/__pycache__/*.pyc"))
    assert findings(conda, alice, host) == {}


def test_an_overlay_for_another_python_is_told(conda: Conda, alice: User, host: Path) -> None:
    other = "python3.99"
    overlay = alice.home / ".conda" / "overlays" / host.name
    alice.run(["mkdir", "-p", overlay / "lib" / other / "site-packages"])
    mine = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert (
        findings(conda, alice, host)["python"]
        == f"built for {other}, but the environment has {mine}"
    )


def test_an_overlay_that_others_can_write_is_not_trusted(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay = overlay_of(host, "new")
    alice.run(["chmod", "o+w", overlay / "bin"])
    assert findings(conda, alice, host)["untrusted"].endswith("bin is writable by everybody")
    assert "overlay:      not used\n" in run(conda, alice, "status", "-p", host).stdout


def test_a_broken_record_is_one_sentence_and_no_traceback(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "new")
    record = Bench(conda, alice, {}, str(host)).record_path(1)
    alice.run(["sh", "-c", f"rm -f '{record}'; echo '{{' > '{record}'"])
    done = run(conda, alice, "status", "-p", host)
    assert done.returncode == 1
    assert f"The record {record} of the overlay cannot be read" in done.stderr
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr


WIRING = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false
conda overlay status -p '{host}' | grep ^active
conda activate '{host}'
conda overlay status | grep ^active
export PYTHONPATH=/elsewhere
conda overlay status | grep ^active
conda activate '{host}'
conda overlay status | grep ^active
conda deactivate
conda overlay status -p '{host}' | grep ^active
"""


def test_it_knows_the_wiring_of_the_shell_that_asks(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "new")
    script = WIRING.format(base=conda.prefix, host=host)
    lines = alice.run(["bash", "--norc", "-c", script]).stdout.splitlines()
    states = [line.split()[2].rstrip(";") for line in lines]
    assert states == ["no", "yes", "outdated", "yes", "no"]


STACKED = """
. '{base}/etc/profile.d/conda.sh'
mkdir -p ~/bare/conda-meta ~/bare/bin; touch ~/bare/conda-meta/history
conda activate '{host}'
conda activate --stack ~/bare
conda overlay status | grep '^[ea]'
conda deactivate; conda deactivate
conda activate ~/bare
conda overlay status
"""


def test_an_environment_without_python_that_is_stacked_says_what_is_below(
    conda: Conda, alice: User, host: Path, overlay_of: Any
) -> None:
    overlay_of(host, "new")
    done = alice.run(["bash", "--norc", "-c", STACKED.format(base=conda.prefix, host=host)])
    assert f"{alice.home}/bare has no Python; it is stacked on {host}:\n" in done.stderr
    assert "environment:  " in done.stdout and "active here:  yes\n" in done.stdout
    assert f"There is no Python in {alice.home}/bare" in done.stderr


KEYS_OF_LIST = {"overlay", "host", "revision", "size", "state", "remedies"}


def test_list_names_every_overlay_and_says_when_its_host_is_gone(
    conda: Conda, alice: User, host: Path, overlay_of: Any, science: Path
) -> None:
    lost = environment.clone(science, conda.env("lost"))
    overlay_of(host, "new")
    overlay_of(lost, "new")
    by_hand = alice.home / ".conda" / "overlays" / "byhand"
    alice.run(["mkdir", "-p", by_hand / "lib"])
    place.remove(lost)
    assert not lost.exists()
    done = run(conda, alice, "list", "--json")
    overlays = json.loads(done.stdout)["overlays"]
    assert [set(o) for o in overlays] == [KEYS_OF_LIST] * 3
    states = {Path(o["overlay"]).name: (o["revision"], o["state"]) for o in overlays}
    assert states == {
        host.name: (1, "ok"),
        "lost": (1, "host is gone"),
        "byhand": (None, "by hand"),
    }
    assert "host is gone" in run(conda, alice, "list").stdout


def test_list_without_overlays_says_how_to_start_one(conda: Conda, alice: User) -> None:
    done = run(conda, alice, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "conda overlay install" in done.stdout
    assert "No overlays" in done.stdout


def test_requested_distributions_have_a_line_each_and_dependencies_are_counted(
    quick: Bench,
) -> None:
    quick.given("install", "new", "--until", "2999-01-31", "--intent", "hold", "--reason", "why")
    quick.given("install", "alpha==2.0")
    today = datetime.now().strftime("%Y-%m-%d")
    lines = quick.ask("status").splitlines()
    assert lines[lines.index("instead of the environment's:") :] == [
        "instead of the environment's:",
        f"  alpha  1.0 -> 2.0  {today}  hold",
        "",
        "added:",
        f"  new  1.0  {today}  hold, until 2999-01-31; why",
        "",
        "and 1 that these need, instead of the environment's (--all)",
    ]
    every = quick.ask("status", "--all")
    assert f"  beta   1.0 -> 2.0  {today}  dependency\n" in every
    assert "that these need" not in every
    assert f"by {quick.user.name}" in quick.ask("status", "-v")


def test_long_lines_are_cut_at_80_columns_but_for_more_details(quick: Bench) -> None:
    reason = "a long reason " * 9
    quick.given("install", "new", "--reason", reason.strip())
    [row] = [line for line in quick.ask("status").splitlines() if line.startswith("  new ")]
    assert len(row) == 80 and row.endswith("...")
    assert reason.strip() in quick.ask("status", "-v")


def test_problems_come_before_what_is_overlaid(quick: Bench) -> None:
    quick.given("install", "new", "--until", "2020-01-31")
    printed = quick.ask("status")
    places = [printed.index(text) for text in ("overdue:", "conda overlay remove", "added:")]
    assert places == sorted(places)


def test_what_was_edited_or_damaged_comes_with_the_command_that_mends_it(quick: Bench) -> None:
    quick.given("install", "new")
    quick.given("install", "alpha==2.0")
    quick.edit(quick.site / "new/__init__.py", "edited = 1\n")
    (quick.site / "alpha/__init__.py").unlink()
    printed = quick.ask("status")
    assert re.search(r"^  conda overlay repair -\S .+ new$", printed, re.M)
    assert re.search(r"^  conda overlay repair -\S .+ alpha$", printed, re.M)


def test_all_shows_what_is_in_effect_of_every_place_and_what_it_hides(quick: Bench) -> None:
    quick.given("install", "alpha==2.0", "new")
    in_user_site(quick, "gamma", "9.0")
    rows = {row["name"]: row for row in quick.json("status", "--merged")}
    assert all(row.keys() == {"name", "version", "place", "hides"} for row in rows.values())
    host = str(next(quick.host.glob("lib/python3.*/site-packages")))
    mine = str(user_site_of(quick))
    assert (rows["alpha"]["version"], rows["alpha"]["place"]) == ("2.0", str(quick.overlay))
    assert rows["alpha"]["hides"] == [{"version": "1.0", "place": host}]
    assert (rows["gamma"]["version"], rows["gamma"]["place"]) == ("9.0", mine)
    assert (rows["stuck"]["place"], rows["stuck"]["hides"]) == (host, [])
    printed = quick.ask("status", "--merged")
    head = f"# overlay: {quick.overlay}\n# ~/.local: {mine}\n# environment: {host}\n#\n"
    assert printed.startswith(head) and printed.count(host) == 1
    assert re.search(r"^alpha +2\.0 +overlay +1\.0 \(environment\)$", printed, re.M)
    assert re.search(r"^gamma +9\.0 +~/\.local +1\.0 \(environment\)$", printed, re.M)
    assert re.search(r"^stuck +1\.0 +environment$", printed, re.M)


def user_site_of(bench: Bench) -> Path:
    return bench.user.home / ".local" / "lib" / bench.site.parent.name / "site-packages"


def in_user_site(bench: Bench, name: str, version: str) -> None:
    """Put metadata of a distribution there, as ``pip install --user`` does."""
    info = user_site_of(bench) / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info.parent / name).mkdir()
    (info.parent / name / "__init__.py").write_text(f"__version__ = {version!r}\n")


def test_what_the_users_own_site_has_can_be_removed_from_the_overlay(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    in_user_site(quick, "alpha", "9.0")
    done = quick.run("remove", *quick.where, "--yes", "alpha")
    assert done.returncode == 0, done.stderr
    assert f"alpha 9.0 of {user_site_of(quick)} is in effect now" in done.stderr
    assert "alpha 9.0 of ~/.local is in effect" in quick.ask("install", "--yes", "alpha==1.0")


def test_the_users_own_site_is_where_pythonuserbase_says(quick: Bench) -> None:
    in_user_site(quick, "alpha", "8.0")
    in_user_site(quick, "gamma", "9.0")
    base = quick.user.home / "base"
    (quick.user.home / ".local").rename(base)
    in_user_site(quick, "alpha", "7.0")
    printed = quick.ask("status", env={"PYTHONUSERBASE": str(base)})
    assert f"in {base} (visible in every" in printed and "~/.local" not in printed
    assert "alpha  8.0" in printed and "gamma  9.0" in printed and "7.0" not in printed


def test_distributions_of_the_users_own_site_are_named_with_the_way_out(quick: Bench) -> None:
    for name in ("alpha", "gamma", "unrelated"):
        in_user_site(quick, name, "9.0")
    printed = quick.ask("status")  # they count without an overlay, too
    assert "gamma  9.0  hides the environment's 1.0" in printed
    assert "also in effect: unrelated 9.0" in printed
    assert "conda overlay install -n science alpha==9.0 gamma==9.0\n" in printed
    assert "To hide all of ~/.local: export PYTHONNOUSERSITE=1\n" in printed
    quick.given("install", "alpha==2.0")
    found = quick.json("status")["user_site"]
    assert found == [
        {"name": "alpha", "version": "9.0", "host_version": "1.0", "overlay_version": "2.0"},
        {"name": "gamma", "version": "9.0", "host_version": "1.0", "overlay_version": None},
        {"name": "unrelated", "version": "9.0", "host_version": None, "overlay_version": None},
    ]
    printed = quick.ask("status")
    assert "alpha  9.0  hidden by the overlay's 2.0" in printed
    assert "gamma  9.0  hides the environment's 1.0" in printed
    assert "conda overlay install -n science gamma==9.0\n" in printed
    assert "conda config --set plugins.overlay_hide_user_site true" in printed
    for hiding in ({"PYTHONNOUSERSITE": "1"}, {"CONDA_PLUGINS_OVERLAY_HIDE_USER_SITE": "true"}):
        assert quick.json("status", env=hiding)["user_site"] == []
        rows = {row["name"]: row for row in quick.json("status", "--merged", env=hiding)}
        assert rows["gamma"]["version"] == "1.0"

"""A fork learns that its baseline has changed, and is made anew beside the old one."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sources
from tests.bed import forks, packages, place
from tests.bed.command import interruptible
from tests.bed.terminal import on_terminal
from tests.bed.users import User
from tests.lifecycle.forks import Forker, python, url
from tests.lifecycle.running import running
from tests.long import LONG
from tests.server import KILLED, Server

CHANGED = "its baseline has changed since it was made; see: conda overlay status"
LIB = {"lib": "1.0"}
SCRIPT = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false
conda activate '{env}'
conda deactivate
"""


@pytest.fixture(scope="module")
def small() -> Path:
    """An environment of root's without Python."""
    return packages.template(["gui", "tool=1.0"])


@pytest.fixture
def own(forker: Forker, small: Path) -> Iterator[Forker]:
    """Of an environment that the test may change, and that has no Python."""
    with place.scratch() as directory:
        shutil.copytree(small, directory / "lab", symlinks=True)
        yield Forker(replace(forker.bench, name=str(directory / "lab")))


def administrate(own: Forker, name: str = "extra") -> None:
    """Install a package into the baseline, of which only what conda notes of it counts."""
    platform = url(name).split("/")[-2]
    facts = {"name": name, "version": "1.0", "build": "0", "build_number": 0, "depends": []}
    place, _, md5 = url(f"{name}-1.0").partition("#")
    facts |= {"url": place, "md5": md5, "fn": Path(place).name, "subdir": platform}
    facts |= {"channel": packages.channel().as_uri(), "files": []}
    (own.bench.host / "conda-meta" / f"{name}-1.0-0.json").write_text(json.dumps(facts))


def hidden(forker: Forker) -> list[Path]:
    """What is beside the environments that is none."""
    found = forker.env("").glob(".*")
    return [path for path in found if path.name != ".conda_envs_dir_test"]


def activate(forker: Forker, name: str) -> str:
    """What activation says on a terminal, in a shell that has no overlays at all."""
    script = SCRIPT.format(base=forker.bench.conda.prefix, env=name)
    user = forker.bench.user
    return on_terminal(["bash", "--norc", "-eu", "-c", script], user.environ(), user)


def status(forker: Forker, name: str) -> dict[str, object]:
    """What status says of a fork."""
    done = forker.bench.run("status", "-n", name, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)["fork"]
    assert found.pop("remedy") == ["fork", "--recreate", "-p", str(forker.env(name))]
    return found


@LONG
def test_a_changed_environment_is_told_once_and_followed(own: Forker) -> None:
    own.fork("--from", own.bench.host, "-n", "fork")
    line = f"conda-overlay: {own.env('fork')}: {CHANGED}\n"
    assert activate(own, "fork") == ""
    unchanged: dict[str, object] = {"baseline": str(own.bench.host), "changes": [], "unknown": None}
    unchanged |= {"changed_file": None, "unread_file": None}
    assert status(own, "fork") == unchanged
    administrate(own)
    assert activate(own, "fork") == line
    assert activate(own, str(own.env("fork"))) == ""
    assert status(own, "fork") == {**unchanged, "changes": ["extra absent -> 1.0-0"]}
    told = own.bench.run("status", "-n", "fork").stdout
    assert "drift: the baseline has changed since:\n  extra absent -> 1.0-0\n" in told
    assert f"To follow it: conda overlay fork --recreate -p {own.env('fork')}\n" in told
    own.fork("--recreate", "-n", "fork")
    assert own.packages("fork")["extra"] == "1.0"
    assert (activate(own, "fork"), status(own, "fork")) == ("", unchanged)
    own.conda("env", "remove", "--yes", "-n", "fork")


def test_a_changed_list_is_told_once_and_followed(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), name="drifting.txt")
    forker.fork("--from", spec, "-n", "listed")
    os.utime(spec)
    assert activate(forker, "listed") == ""
    forker.spec(url("lib-2.0"), name="drifting.txt")
    assert activate(forker, "listed") == f"conda-overlay: {forker.env('listed')}: {CHANGED}\n"
    assert activate(forker, "listed") == ""
    assert status(forker, "listed")["changes"] == ["lib 1.0-0 -> 2.0-0"]
    forker.fork("--recreate", "-n", "listed")
    assert forker.packages("listed") == {"lib": "2.0"}
    spec.unlink()
    assert "cannot be read: No such file" in str(status(forker, "listed")["unknown"])


def test_other_content_of_the_same_version_is_a_change(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), name="rebuilt.txt")
    forker.fork("--from", spec, "-n", "rebuilt")
    forker.spec(f"{url('lib-1.0', hashed=False)}#{'0' * 32}", name="rebuilt.txt")
    assert status(forker, "rebuilt")["changes"] == ["other packages of the same versions"]


@LONG
def test_an_environment_that_is_no_fork_says_nothing(forker: Forker) -> None:
    forker.conda("create", "--yes", "-n", "plain", "lib=1.0")
    assert activate(forker, "plain") == ""


def test_a_fork_is_made_anew_from_the_file_that_it_was_made_from(forker: Forker) -> None:
    forker.spec(url("lib-1.0"), url("tool-1.0"))
    file = forker.write("mine.toml", '[baseline]\nspec = "baseline.txt"\n')
    forker.fork(file, "-n", "filed")
    assert status(forker, "filed")["changed_file"] is None
    forker.write("mine.toml", '[baseline]\nspec = "baseline.txt"\n[fork]\ndrop = ["tool"]\n')
    told = forker.bench.run("status", "-n", "filed").stdout
    said = f"\ndrift: its file has changed since: {file}\nTo follow it: "
    assert said in told
    forker.fork("--recreate", "-n", "filed")
    assert forker.packages("filed") == {"lib": "1.0"}
    assert status(forker, "filed")["changed_file"] is None
    file.unlink()
    forker.fork("--recreate", "-n", "filed", "--conda", "extra")
    assert forker.packages("filed") == {"lib": "1.0", "extra": "1.0"}


def test_a_dropped_package_that_has_gone_from_the_baseline_is_passed_over(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), url("tool-1.0"), name="going.txt")
    forker.fork("--from", spec, "--drop", "tool", "-n", "going")
    forker.spec(url("lib-1.0"), name="going.txt")
    forker.fork("--recreate", "-n", "going")
    told = forker.refused("--recreate", "-n", "going", "--drop", "nosuch")
    assert "has no conda package nosuch." in told  # which was never agreed upon


def test_status_survives_a_damaged_fork(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "damaged")
    forker.write(".conda/envs/damaged/conda-meta/overlay-fork/overlay.toml", "[")
    assert "is not a valid overlay.toml" in str(status(forker, "damaged")["unknown"])


def test_recreate_says_what_goes(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "changed")
    assert forker.fork("--recreate", "-n", "changed")["notes"] == []
    forker.conda("install", "--yes", "-n", "changed", "tool=1.0")
    files = "files that you changed in the present fork will be lost: sleep"
    since = "what was installed into it since will be lost: tool-1.0-0"
    program = forker.env("changed") / "sleep"
    forker.bench.user.run(["cp", shutil.which("sleep") or "sleep", program])
    file = forker.env("changed") / "conda-meta" / "overlay-fork" / "overlay.toml"
    forker.bench.user.run(["touch", file])  # as a user who edits it does
    user = forker.bench.user
    owner = {"user": user.uid, "group": user.gid} if os.geteuid() == 0 else {}
    with subprocess.Popen([program, "60"], **owner) as process:  # type: ignore[call-overload]
        told = forker.fork("--recreate", "-n", "changed")
        process.kill()
    running = f"these programs run from it and will lose their files: {process.pid} sleep 60"
    assert told["notes"] == [files, since, running]
    assert forker.packages("changed") == {"lib": "1.0"}


COMMIT = "git init -q; git add -A; git -c user.name=a -c user.email=a@b commit -qm x"
PUSHED = "git update-ref refs/remotes/origin/main HEAD"
"""As if the commit were in the repository that the clone is from."""


def git(forker: Forker, place: Path, script: str) -> None:
    assert forker.bench.user.run(["sh", "-ec", script], cwd=place).returncode == 0


def test_recreate_names_the_checkouts_with_work_that_go_and_needs_force(
    forker: Forker,
) -> None:
    """Those of editables from version control, which pip keeps in the environment."""
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "sources")
    source = forker.env("sources") / "src" / "mine"
    forker.bench.user.run(["mkdir", "-p", source])
    forker.bench.edit(source / "mine.py", "FIX = 1\n")
    told = forker.fork("--recreate", "-n", "sources", "--dry-run")["notes"]
    line = "sources with commits or edits that are nowhere else will be lost"
    assert told == [f"{line}: {source}"]
    refused = forker.refused("--recreate", "-n", "sources")
    assert f"{source}" in refused and "--force proceeds anyway" in refused
    assert (source / "mine.py").exists()
    git(forker, source, f"{COMMIT}; {PUSHED}")
    assert len(forker.fork("--recreate", "-n", "sources", "--dry-run")["notes"]) == 1
    forker.bench.edit(source / "mine.py", "FIX = 2\n")
    forker.fork("--recreate", "-n", "sources", "--force")
    assert not source.exists()


def hashed(text: str) -> str:
    """As in a RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={digest.decode().rstrip('=')}"


def editable_in(forker: Forker, name: str) -> Path:
    """Make a fork with an editable in it, in a commit that is nowhere else; return its source."""
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", name)
    source = sources.project(forker.bench.user, "mine")
    place = forker.env(name) / "work" / "mine"
    info = forker.env(name) / "lib/python3.12/site-packages/mine-0.1.dist-info"
    direct = json.dumps({"url": place.as_uri(), "dir_info": {"editable": True}})
    forker.write("METADATA", "Name: mine\nVersion: 0.1\n")
    script = f"""mkdir -p "$2" "$3"; mv "$1" "$2"; mv ~/METADATA "$3"
printf %s "$4" > "$3/direct_url.json"; cd "$2/mine"
{COMMIT}"""
    words: list[str | Path] = ["sh", "-ec", script, "sh", source, place.parent, info, direct]
    assert forker.bench.user.run(words).returncode == 0
    return place


def test_recreate_needs_force_for_the_work_in_an_editable_wherever_in_the_fork(
    forker: Forker,
) -> None:
    place = editable_in(forker, "editable")
    refused = forker.refused("--recreate", "-n", "editable")
    assert f"\n  {place}\n" in refused and "--force proceeds anyway" in refused
    note, line = forker.fork("--recreate", "-n", "editable", "--force")["notes"]
    assert line.endswith(f"with commits or edits that are nowhere else will be lost: {place}")
    assert "work/mine" not in note and not place.exists()


def test_recreate_needs_force_for_the_work_in_a_repository_anywhere_in_the_fork(
    forker: Forker,
) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "cloned")
    place = forker.env("cloned") / "share" / "data"
    forker.bench.user.run(["mkdir", "-p", place])
    git(forker, place, f"echo > a; {COMMIT}")
    assert f"\n  {place}\n" in forker.refused("--recreate", "-n", "cloned")
    git(forker, place, PUSHED)
    forker.fork("--recreate", "-n", "cloned")
    assert not place.exists()


def test_work_that_is_done_while_recreate_asks_is_not_lost(forker: Forker) -> None:
    place = editable_in(forker, "asking")
    remote = "git update-ref refs/remotes/origin/main HEAD"
    forker.bench.user.run(["sh", "-ec", remote], cwd=place)
    with running(replace(forker.bench, name="asking"), "fork", "--recreate") as waiting:
        waiting.wait_for("Proceed")
        forker.bench.edit(place / "mine.py", "FIX = 1\n")
        waiting.answer("y")
        assert waiting.end() == 1
    assert f"\n  {place}\n" in waiting.err and (place / "mine.py").read_text() == "FIX = 1\n"


def test_recreate_names_the_files_of_the_user(forker: Forker) -> None:
    """Also copies that keep their time, and edits of files that a package has."""
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "files")
    place = forker.env("files")
    script = """touch -d 2020-01-01 ~/a.csv; cd "$1"; mkdir -p data .cache/__pycache__
cp -p ~/a.csv data; for n in 1 2 3; do echo > $n.ipynb; done; echo > .cache/__pycache__/x.pyc
rm etc/lib.conf; echo mine > etc/lib.conf; echo {} > conda-meta/state"""
    assert forker.bench.user.run(["sh", "-ec", script, "sh", place]).returncode == 0
    named = "etc/lib.conf, 1.ipynb, 2.ipynb, 3.ipynb, conda-meta/state and 1 more"
    refused = forker.refused("--recreate", "-n", "files")
    assert refused.count("\n  /") == 1 and f"\n  {place}/etc/lib.conf\n" in refused
    [note] = forker.fork("--recreate", "-n", "files", "--force")["notes"]
    assert note == f"files that you changed in the present fork will be lost: {named}"


def test_recreate_needs_force_for_an_edited_file_that_has_no_hash(forker: Forker) -> None:
    """As the programs that conda makes of entry points have none."""
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "unhashed")
    place = forker.env("unhashed")
    [record] = place.glob("conda-meta/lib-*.json")
    made, known = record.stat().st_mtime_ns, json.loads(record.read_text())
    for path in known["paths_data"]["paths"]:
        path.pop("sha256", None)
        path.pop("sha256_in_prefix", None)
    forker.bench.edit(record, json.dumps(known))
    os.utime(record, ns=(made, made))
    script = 'cd "$1"; rm etc/lib.conf; echo mine > etc/lib.conf'
    assert forker.bench.user.run(["sh", "-ec", script, "sh", place]).returncode == 0
    assert f"\n  {place}/etc/lib.conf\n" in forker.refused("--recreate", "-n", "unhashed")
    [note] = forker.fork("--recreate", "-n", "unhashed", "--force")["notes"]
    assert note == "files that you changed in the present fork will be lost: etc/lib.conf"


def test_recreate_names_edits_of_what_was_installed_since_and_needs_force(forker: Forker) -> None:
    """By conda, and by pip: a distribution as pip leaves it."""
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "since")
    forker.conda("install", "--yes", "-n", "since", "tool=1.0", "gui=1.0")
    place, below = forker.env("since"), "lib/python3.12/site-packages"
    rows = "".join(f"{name}.py,{hashed(text)},\n" for name, text in (("a", "A"), ("b", "B")))
    forker.write("METADATA", "Name: mine\nVersion: 1.0\n")
    forker.write("RECORD", f"{rows}mine-1.0.dist-info/METADATA,,\nmine-1.0.dist-info/RECORD,,\n")
    script = """mkdir -p "$1/$2/mine-1.0.dist-info"; cd "$1/$2"; printf A > a.py; printf B > b.py
mv ~/METADATA ~/RECORD mine-1.0.dist-info"""
    words: list[str | Path] = ["sh", "-ec", script, "sh", place, below]
    assert forker.bench.user.run(words).returncode == 0
    [told] = forker.fork("--recreate", "-n", "since", "--dry-run")["notes"]
    assert told == "what was installed into it since will be lost: gui-1.0-0, mine-1.0, tool-1.0-0"
    edit = (
        "rm bin/tool share/gui; echo mine > bin/tool; printf 'gui\\n' > share/gui; echo > $1/a.py"
    )
    assert forker.bench.user.run(["sh", "-ec", edit, "sh", below], cwd=place).returncode == 0
    told, _ = forker.fork("--recreate", "-n", "since", "--dry-run")["notes"]
    named = f"files that you changed in the present fork will be lost: bin/tool, {below}/a.py"
    assert told.startswith(named)
    refused = forker.refused("--recreate", "-n", "since")
    assert f"\n  {place}/bin/tool\n  {place}/{below}/a.py\n" in refused
    forker.fork("--recreate", "-n", "since", "--force")
    assert not (place / "bin" / "tool").exists()


def test_the_old_fork_stays_until_the_new_one_works(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), name="failing.txt")
    forker.fork("--from", spec, "-n", "failing")
    forker.spec(url("lib-1.0"), url("gone-1.0"), name="failing.txt")
    told = forker.refused("--recreate", "-n", "failing")
    assert f"{url('gone-1.0', hashed=False)} are no longer in any channel" in told
    assert forker.packages("failing") == {"lib": "1.0"}


@LONG
def test_a_new_python_that_does_not_run_gives_way_to_the_old(forker: Forker, scratch: Path) -> None:
    broken = python(scratch, "exit 3")
    spec = forker.spec(url("lib-1.0"), name="unfit.txt")
    forker.fork("--from", spec, "-n", "unfit")
    forker.spec(broken, name="unfit.txt")
    told = forker.refused("--recreate", "-n", "unfit")
    assert f"The Python of {forker.env('unfit')} does not run" in told
    assert forker.packages("unfit") == {"lib": "1.0"}
    assert "does not run" in forker.refused("--from", spec, "-n", "unfit-from-the-start")


@LONG
def test_an_interrupted_check_of_the_new_one_leaves_the_old(forker: Forker, scratch: Path) -> None:
    slow = python(scratch, "kill -$(cat ~/signal) $PPID; sleep 5; exit 3")
    forker.fork("--from", forker.spec(url("lib-1.0"), name="slow.txt"), "-n", "slow")
    forker.spec(slow, name="slow.txt")
    argv: list[str | Path] = [forker.bench.conda.executable, "overlay", "fork"]
    argv += ["--recreate", "-y", "-n", "slow"]
    for signal in ("INT", "TERM", "KILL"):
        forker.write("signal", signal)
        done = forker.bench.user.run(interruptible(argv), env=forker.bench.environ)
        assert done.returncode != 0, done.stdout
        if signal == "KILL":  # the next command brings it back
            forker.write("signal", "0")
            again = forker.run("--yes", "--from", forker.home / "slow.txt", "-n", "slow")
            assert again.returncode == 1 and "already something" in again.stderr
        assert forker.packages("slow") == {"lib": "1.0"}
    assert hidden(forker) == []


@LONG
def test_a_baseline_that_is_gone_is_said_and_a_name_that_is_taken_is_not_it(forker: Forker) -> None:
    own = forker.home / "mine" / "env"
    forker.fork("--from", forker.spec(url("lib-1.0")), "-p", own)
    forker.fork("--from", os.path.relpath(own, forker.home), "-n", "of-own")
    assert status(forker, "of-own")["changes"] == []
    forker.fork("--from", forker.spec(url("tool-1.0")), "-n", "named")
    forker.fork("--from", "named", "-n", "of-named")
    shutil.rmtree(forker.env("named"))
    assert "no environment" in str(status(forker, "of-named")["unknown"])
    told = forker.refused("--recreate", "-n", "of-named")
    assert "no environment" in told
    file = forker.write("self.toml", f'[baseline]\nenv = "{forker.env("of-named")}"\n')
    assert "own baseline" in forker.refused("--recreate", file, "-n", "of-named")


def test_only_a_fork_is_made_anew(forker: Forker) -> None:
    text = f'[baseline]\nspec = "{forker.spec(url("lib-1.0"))}"\n'
    file = forker.write("anew.toml", text)
    forker.bench.user.run(["mkdir", forker.home / "precious"])
    precious = forker.write("precious/thesis", "mine")
    assert "is not a fork" in forker.refused("--recreate", file, "-p", precious.parent)
    assert precious.read_text() == "mine"


@LONG
def test_what_a_fork_is_made_from_is_kept_as_it_is(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), url("tool-1.0"))
    file = forker.home / "kept.toml"
    forker.refused("--from", spec, "-n", "kept", "--conda", "tokens-tool=1.0", file)
    assert not file.exists()  # nothing was created
    forker.fork("--from", spec, "-n", "kept", file, "--conda", "extra=1.0")
    assert '"extra=1.0"' in file.read_text()


def test_the_newest_request_of_a_package_counts(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"))
    forker.fork("--from", spec, "-n", "newest", "--conda", "tool=1.0", "--conda", "gui")
    words = ("--recreate", "-n", "newest")
    assert "tool 2.0-0" in forker.fork(*words, "--conda", "tool=2.0")["added"]
    assert forker.packages("newest") == {**LIB, "tool": "2.0", "gui": "1.0"}
    told = forker.fork(*words, "--drop", "tool")
    assert (told["dropped"], forker.packages("newest")) == ([], {**LIB, "gui": "1.0"})
    forker.fork(*words)
    assert "no conda package tool" in forker.refused(*words, "--drop", "tool")
    forker.fork("--from", spec, "-n", "both", "--conda", "lib=1.0")
    assert forker.fork("--recreate", "-n", "both", "--drop", "lib")["dropped"] == ["lib"]


def test_what_was_agreed_to_be_dropped_is_not_asked_about_again(forker: Forker) -> None:
    forker.spec(url("lib-1.0"), url("gui-1.0"), url("tool-1.0"), name="agreed.txt")
    text = '[baseline]\nspec = "agreed.txt"\n[fork]\ndrop = ["lib"]\n'
    forker.fork(forker.write("agreed.toml", text), "-n", "agreed", "--allow-conflicts")
    forker.fork("--recreate", "-n", "agreed")
    assert forker.packages("agreed") == {"tool": "1.0"}


@LONG
def test_a_change_that_was_allowed_is_allowed_again_and_no_other(forker: Forker) -> None:
    spec = forker.spec(url("tool-1.0"), name="allowed.txt")
    forker.fork("--from", spec, "-n", "allowed", "--conda", "newer", "--allow-changes")
    forker.spec(url("tool-1.0"), url("lib-1.0"), name="allowed.txt")
    told = forker.refused("--recreate", "-n", "allowed", "--conda", "lib=2.0")
    assert "would change what is pinned: lib 1.0-0 -> 2.0-0." in told
    for _ in range(2):  # it is kept each time
        assert forker.fork("--recreate", "-n", "allowed")["changed"] == ["tool 1.0-0 -> 2.0-0"]
    assert forker.packages("allowed") == {"lib": "1.0", "newer": "1.0", "tool": "2.0"}


def test_a_file_that_others_could_have_put_there_is_not_made_again(
    forker: Forker, mallory: User
) -> None:
    shared = forker.shared()
    text = f'[baseline]\nspec = "{forker.spec(url("lib-1.0"), name="mine.txt")}"\n'
    forker.bench.edit(shared / "it.toml", text)
    forker.fork(shared / "it.toml", "-n", "shared")
    (shared / "it.toml").unlink()
    text = text.replace("mine.txt", "theirs.txt")
    forker.spec(url("tool-1.0"), name="theirs.txt")
    mallory.run(["sh", "-c", 'printf %s "$2" > "$1"', "sh", shared / "it.toml", text])
    forker.fork("--recreate", "-n", "shared")
    assert forker.packages("shared") == {"lib": "1.0"}


def test_a_file_that_is_not_read_again_is_named_with_the_reason(forker: Forker) -> None:
    (forker.home / "open").mkdir()
    (forker.home / "open").chmod(0o777)
    text = f'[baseline]\nspec = "{forker.spec(url("lib-1.0"), name="its.txt")}"\n'
    file = forker.home / "open" / "overlay.toml"
    file.write_text(text)
    said = f"{file} is not read again: {file.parent} is writable by everybody; "
    said += "the fork follows its own copy of it, unless you name the file"
    assert forker.fork(file, "-n", "unread")["notes"] == [said]
    assert status(forker, "unread")["unread_file"] == said
    assert f"\nnote: {said}\n" in forker.bench.run("status", "-n", "unread").stdout
    file.unlink()
    said = said.replace(f"{file.parent} is writable by everybody", "No such file or directory")
    file.parent.chmod(0o755)
    assert status(forker, "unread")["unread_file"] == said
    assert forker.fork("--recreate", "-n", "unread")["notes"] == [said]
    assert status(forker, "unread")["unread_file"] is None  # it has its own copy alone
    file.parent.chmod(0o777)
    new = file.with_name("new.toml")
    told = forker.fork("--from", forker.home / "its.txt", "-n", "unread-new", new)
    assert "new.toml is not read again: " in told["notes"][0]


@LONG
def test_a_killed_command_leaves_the_old_or_the_new(forker: Forker) -> None:
    """Be it conda or the command itself; the next one finds all in order, and leaves nothing."""
    forker.fork("--from", forker.spec(url("lib-1.0"), name="killed.txt"), "-n", "killed")
    server = Server(forker.bench, forks.shared(forker.bench.conda, forker.bench.user))
    codes = []
    for number in range(1, 41, 3):
        forker.spec(url(f"lib-{1 + number % 2}.0"), name="killed.txt")
        options = {"watch": f"{forker.env('')}/", "kill_before": number}
        codes.append(server.run("fork", "--recreate", "--yes", "-n", "killed", **options).code)
        assert forker.packages("killed")["lib"] in ("1.0", "2.0")
    assert KILLED in codes
    forker.fork("--recreate", "-n", "killed")
    assert forker.packages("killed") == {"lib": "1.0" if number % 2 == 0 else "2.0"}
    assert hidden(forker) == []


@LONG
def test_a_killed_first_fork_is_whole_or_nothing(forker: Forker) -> None:
    spec = forker.spec(url("lib-1.0"), url("tool-1.0"), name="first.txt")
    server = Server(forker.bench, forks.shared(forker.bench.conda, forker.bench.user))
    for number in range(2, 42, 6):
        words = ["fork", "--yes", "--from", str(spec), "-n", f"first-{number}"]
        options = {"watch": f"{forker.env('')}/", "kill_before": number}
        server.at_once([words], **options)
        place = forker.env(f"first-{number}")
        assert not place.exists() or forker.packages(place.name) == {"lib": "1.0", "tool": "1.0"}
        if not place.exists():
            forker.fork("--from", spec, "-n", place.name)
    assert hidden(forker) == []


@LONG
def test_a_file_system_that_cannot_exchange_names_serves_too(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0"), name="plain.txt"), "-n", "plainly")
    server = Server(forker.bench, forks.shared(forker.bench.conda, forker.bench.user))
    forker.spec(url("lib-2.0"), name="plain.txt")
    words = ["fork", "--recreate", "--yes", "-n", "plainly"]
    ended = server.at_once([words], forbidden=["renameat2"])[0]
    assert ended.code == 0, ended.told
    assert forker.packages("plainly") == {"lib": "2.0"}
    # What a kill between the two renames leaves:
    script = "mkdir .plainly.fork && touch .plainly.fork/conda-overlay-fork.lock && "
    script += "mv plainly .plainly.fork/old"
    assert forker.bench.user.run(["sh", "-c", script], cwd=forker.env("")).returncode == 0
    told = forker.run("--from", forker.home / "plain.txt", "--yes", "-n", "plainly")
    assert "There is already something" in told.stderr and "--recreate" in told.stderr
    assert forker.packages("plainly") == {"lib": "2.0"}
    assert hidden(forker) == []


def test_what_somebody_else_could_have_written_is_not_followed(forker: Forker) -> None:
    forker.fork("--from", forker.spec(url("lib-1.0")), "-n", "open")
    kept = forker.env("open") / "conda-meta" / "overlay-fork"
    kept.chmod(0o777)
    told = forker.refused("--recreate", "-n", "open")
    assert f"{kept} is not used: {kept} is writable by everybody." in told
    kept.chmod(0o755)

"""What an earlier `run --with` or `fork` has left, or somebody has changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests import sources
from tests.bed import dists
from tests.bench import Bench
from tests.lifecycle import patches
from tests.lifecycle.forks import Forker, url
from tests.lifecycle.running import running
from tests.lifecycle.test_run import run


def test_with_a_layer_whose_link_is_gone(quick: Bench) -> None:
    code = ["python", "-c", "import new; print(new.__version__)"]
    run(quick, "--with", "new", *code)
    [layer] = (quick.user.home / ".cache/conda-overlay/run").iterdir()
    for path in layer.iterdir():
        if path.is_symlink():
            path.unlink()
    done = run(quick, "--with", "new", *code)
    assert done.stdout == "1.0\n", done


def test_with_a_layer_that_was_damaged_runs_the_right_code(quick: Bench) -> None:
    code = ["python", "-c", "import new; print(new.__version__)"]
    assert run(quick, "--with", "new", *code).stdout == "1.0\n"
    [layer] = (quick.user.home / ".cache/conda-overlay/run").iterdir()
    for file in layer.rglob("new/__init__.py"):
        file.parent.chmod(0o755)
        file.unlink()
    done = run(quick, "--with", "new", *code)
    assert done.stdout == "1.0\n", done


def test_with_a_layer_made_for_an_overlay_that_was_deleted_since(quick: Bench) -> None:
    code = ["python", "-c", "import beta, alpha; print(alpha.__version__)"]
    quick.change("install", "new")
    assert run(quick, "--with", "alpha>=1.5", *code).stdout == "1.5\n"
    quick.change("delete")
    quick.change("install", "alpha==2.0")
    assert run(quick, "--with", "alpha>=1.5", *code).stdout == "2.0\n"


def test_a_layer_place_that_is_a_link(quick: Bench) -> None:
    code = ["python", "-c", "import new; print(new.__version__)"]
    run(quick, "--with", "new", *code)
    [layer] = (quick.user.home / ".cache/conda-overlay/run").iterdir()
    away = quick.user.home / "data"
    away.mkdir()
    os.chown(away, quick.user.uid, quick.user.gid)
    shutil.rmtree(layer)
    layer.symlink_to(away)
    done = run(quick, "--with", "new", *code)
    assert "Traceback" not in done.stderr
    assert [*away.iterdir()] == [], done


def test_with_a_source_that_changes_while_a_program_runs_from_it(quick: Bench) -> None:
    """The program keeps what it started with, and the next run has what is there now."""
    code = "import mine, importlib; print('ready', flush=True); input()"
    code += "; print(importlib.reload(mine).MARK)"
    now = "import mine; print(mine.MARK)"
    tree = patches.source(quick.user, "mine", "1.0", "A")
    with running(quick, "run", "--with", tree, "--", "python", "-c", code) as first:
        first.wait_for("ready")
        patches.source(quick.user, "mine", "1.0", "B")
        assert run(quick, "--with", tree, "--", "python", "-c", now).stdout == "B\n"
        first.answer("")
        assert first.end() == 0 and first.out.endswith("A\n"), first.out + first.err
    places = {*(quick.user.home / ".cache/conda-overlay/run").iterdir()}
    assert run(quick, "--with", tree, "--", "python", "-c", now).stdout == "B\n"
    assert {*(quick.user.home / ".cache/conda-overlay/run").iterdir()} == places  # nobody uses it
    assert len(places) == 2


def test_a_layer_in_use_is_not_dropped_as_old(quick: Bench) -> None:
    code = "print('ready', flush=True); input(); import new; print(new.__version__)"
    with running(quick, "run", "--with", "new", "--", "python", "-c", code) as first:
        first.wait_for("ready")
        [layer] = (quick.user.home / ".cache/conda-overlay/run").iterdir()
        os.utime(layer, (0, 0))
        assert run(quick, "--with", "gamma", "true").returncode == 0
        first.answer("")
        assert first.end() == 0 and first.out.endswith("1.0\n"), first.out + first.err


def test_words_of_the_command_that_look_like_options_of_exec(quick: Bench) -> None:
    quick.given("install", "new")
    done = run(quick, "--", "-c", "env")
    assert done.returncode == 127, done


def test_a_dangling_link_for_the_file_outlives_a_failure(forker: Forker) -> None:
    link = forker.home / "new.toml"
    link.unlink(missing_ok=True)
    forker.bench.user.run(["ln", "-s", forker.home / "there.toml", link])
    words = ("--from", forker.spec(url("gone-1.0")), "-n", "failing", link)
    done = forker.run("--yes", *words)
    assert done.returncode and "Traceback" not in done.stderr
    assert link.is_symlink() and not (forker.home / "there.toml").exists(), done.stderr


# -- files that pip's configuration names, and files of the overlay

SEE_ALPHA = ("python", "-c", "import alpha; print(alpha.__version__)")


def test_a_relative_directory_of_wheels_is_that_of_each_project(
    quick: Bench, scratch: Path
) -> None:
    code, seen = "import mine; print(mine.MARK)", []
    for name in ("A", "B", "A"):
        file = dists.wheel(scratch, "mine", "1.0", files={"mine/__init__.py": f"MARK = '{name}'\n"})
        wheels = quick.user.home / name / "wheels"
        quick.user.run(["sh", "-c", 'mkdir -p "$1"; cp -u "$2" "$1"', "sh", wheels, file])
        env, cwd = {"PIP_FIND_LINKS": "wheels"}, wheels.parent
        done = run(quick, "--with", "mine", "--", "python", "-c", code, env=env, cwd=cwd)
        seen.append(done.stdout)
    assert seen == ["A\n", "B\n", "A\n"]


def test_constraints_are_those_that_the_file_has_now(quick: Bench) -> None:
    for name, version in (("A", "1.5"), ("B", "2.0"), ("A", "2.0")):
        file = sources.write(quick.user, quick.user.home / name / "c.txt", f"alpha=={version}\n")
        env = {"PIP_CONSTRAINT": "c.txt"}
        done = run(quick, "--with", "alpha>1", "--", *SEE_ALPHA, env=env, cwd=file.parent)
        assert done.stdout == f"{version}\n", done


def test_a_requirement_that_was_removed_from_the_overlay_by_hand_is_installed(quick: Bench) -> None:
    code = ["python", "-c", "import new; print(new.__version__)"]
    quick.given("install", "new")
    assert run(quick, "--with", "new", "--", *code).stdout == "1.0\n"
    quick.user.run(["sh", "-c", 'chmod -R u+w "$1"; rm -r "$1"/new*', "sh", quick.site])
    assert run(quick, "--with", "new", "--", *code).stdout == "1.0\n"


def test_what_a_directory_no_longer_has_does_not_run(quick: Bench) -> None:
    tree = patches.source(quick.user, "mine", "1.0", "A")
    code = ["python", "-c", "import sys; sys.path.remove(''); import mine; print(mine.MARK)"]
    assert run(quick, "--with", tree, *code).stdout == "A\n"
    shutil.rmtree(tree)
    patches.source(quick.user, "other", "1.0", "O").rename(tree)
    done = run(quick, "--with", tree, *code)
    assert "No module named 'mine'" in done.stderr, done


def test_a_refused_overlay_is_named_by_each_way_in_on_stderr_once(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    quick.user.run(["chmod", "o+w", quick.tree(1)])
    said = f"conda-overlay: {quick.overlay} is not used: "
    for words in (["env", "bash"], ["env", "--json"], ["env", "--dotenv"], ["pip", "list"]):
        done = quick.run(words[0], *quick.where, *words[1:])
        assert done.returncode == 0 and said not in done.stdout, done
        assert done.stderr.startswith(said) and done.stderr.count("\n") == 1, done
    told = {"_CONDA_OVERLAY": quick.json("env")["variables"]["_CONDA_OVERLAY"]}
    for words in (["env", "bash"], ["pip", "list"]):
        done = quick.run(words[0], *quick.where, *words[1:], env=told)
        assert (done.returncode, done.stderr) == (0, ""), done

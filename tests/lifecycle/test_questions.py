"""What is asked, what is refused, and what is said at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sources
from tests.bench import Bench, Done
from tests.lifecycle import patches
from tests.lifecycle.patches import revision
from tests.long import LONG, few

SESSION = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false
conda activate science
for requirement in new alpha==1.5; do
    conda overlay install --yes "$requirement" && echo "-- end of $requirement"
done
conda activate science
conda overlay install --yes alpha==2.0 && echo "-- end of wired"
conda overlay install --yes -n daq new && echo "-- end of daq"
python -c 'import new; print(new.__version__)'
"""


# -- what breaks something needs --allow-conflicts, in every command


@pytest.fixture
def tall(quick: Bench) -> Bench:
    """Revision 3: beta 2.0 requires alpha>=2; and in 1 there was what breaks stuck."""
    quick.given("install", "delta==2.0", "--allow-conflicts")
    quick.given("undo", "0")
    quick.given("install", "alpha==2.0", "beta==2.0")
    text = 'format = 1\n[[wanted]]\nrequirement = "delta==2.0"\n'
    sources.write(quick.user, quick.user.home / "breaking.toml", text)
    return quick


BREAKING = {
    "install": (["delta==2.0"], "stuck"),
    "remove": (["alpha"], "beta"),
    "undo": (["1"], "stuck"),
    "apply": (["breaking.toml"], "stuck"),
}


@pytest.mark.parametrize("command", few(BREAKING, "install"))
def test_what_breaks_something_needs_allow_conflicts(tall: Bench, command: str) -> None:
    words, broken = BREAKING[command]
    told = tall.refuse(command, "--yes", *words)
    assert f"{broken} " in told
    assert "--allow-conflicts" in told
    plan = tall.json(command, *words, "--allow-conflicts")
    assert plan["revision"] == revision(tall) == 4
    assert broken in {conflict["name"] for conflict in plan["conflicts"]}


def test_redo_of_what_breaks_something_needs_allow_conflicts(quick: Bench) -> None:
    quick.given("install", "delta==2.0", "--allow-conflicts")
    quick.given("undo")
    assert "stuck" in quick.refuse("redo", "--yes")
    quick.given("redo", "--allow-conflicts")
    assert quick.version("delta") == "2.0"


@LONG
def test_rebase_that_breaks_something_needs_allow_conflicts(own: Bench, wheels: Path) -> None:
    delta = [wheels / f"delta-{version}-py3-none-any.whl" for version in ("2.0", "1.0")]
    sources.administrate(own.host, delta[0])
    own.given("install", "gamma==2.0")
    sources.administrate(own.host, delta[1])
    assert "stuck" in own.refuse("rebase", "--yes")
    own.change("rebase", "--allow-conflicts")


def test_nobody_is_said_to_allow_what_they_were_not_asked_about(tall: Bench) -> None:
    done = tall.run("remove", *tall.where, "alpha", input="y\n")
    assert done.returncode == 1
    assert tall.version("alpha") == "2.0"
    assert "allow" not in done.stdout


# -- the answer that destroys nothing is the default


@pytest.fixture
def ready(quick: Bench) -> Bench:
    """Each of the commands has something to destroy."""
    quick.given("install", "alpha==1.5")
    quick.install(patches.source(quick.user, "mine", "1.0", "A"))
    quick.given("install", "new")
    return quick


DESTROYING = (["delete"], ["clean", "--force"])


@pytest.mark.parametrize("words", DESTROYING, ids=" ".join)
def test_a_destructive_question_defaults_to_no(ready: Bench, words: list[str]) -> None:
    command, *options = words
    before = ready.content()
    for typed in ("", "\n", "n\n"):
        done = ready.run(command, *ready.where, *options, input=typed)
        assert ready.content() == before, typed
        assert "Proceed" in done.stdout
        assert "[y]" not in done.stdout
        assert "Traceback" not in done.stderr
    done = ready.run(command, *ready.where, *options, input="y\n")
    assert done.returncode == 0, done.stderr
    assert ready.content() != before


def test_the_end_of_input_is_a_no(quick: Bench) -> None:
    quick.given("install", "new")
    before = quick.content()
    for command, *words in (["install", "alpha==1.5"], ["remove", "new"], ["undo"], ["delete"]):
        done = quick.run(command, *quick.where, *words)  # its stdin is /dev/null
        assert quick.content() == before, command
        assert "Traceback" not in done.stderr


@LONG
def test_closed_streams_are_as_empty_ones(quick: Bench) -> None:
    """Services and jobs have them closed: what needs no answer runs, and nothing else is done."""

    conda: list[str | Path] = [quick.conda.executable, "overlay"]

    def closed(streams: str, *argv: str | Path) -> Done:
        script = f'exec "$@" {streams}'
        return quick.user.run(["sh", "-c", script, "sh", *argv], env=quick.environ)

    done = closed("<&- >&- 2>&-", *conda, "install", *quick.where, "--yes", "new")
    assert (done.returncode, quick.version("new")) == (0, "1.0")
    for words in (["remove", "new"], ["delete"]):
        done = closed("<&-", *conda, *words, *quick.where)
        assert done.returncode == 1 and "No answer was given" in done.stderr, done
    done = closed(">&-", *conda, "status", *quick.where)
    assert (done.returncode, done.stderr) == (0, "")
    code = "import sys; print(1); sys.stderr.write('2')"
    done = closed(">&-", *conda, "run", *quick.where, "--", "python", "-c", code)
    assert (done.returncode, done.stderr) == (0, "2")
    done = closed("<&- >&-", quick.overlay / "bin/pip", "uninstall", "-y", "new")
    assert (done.returncode, quick.revision) == (0, 2), done


# -- which environment, and what to do next


@pytest.mark.parametrize(
    "words",
    [["install", "--yes", "new"], ["remove", "--yes", "new"], ["status"], ["history"], ["delete"]],
    ids=lambda words: words[0],
)
def test_without_an_active_environment_a_name_is_asked_for(quick: Bench, words: list[str]) -> None:
    done = quick.run(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "-n" in done.stderr
    assert not quick.overlay.parent.exists() or not list(quick.overlay.parent.iterdir())


def test_base_is_overlaid_when_it_is_named(quick: Bench) -> None:
    done = quick.run("install", "--dry-run", "-n", "base", "new")
    assert done.returncode == 0, done.stderr
    assert "new" in done.stdout


@LONG
def test_the_first_install_says_how_to_put_the_overlay_to_work(quick: Bench) -> None:
    script = SESSION.format(base=quick.conda.prefix)
    done = quick.user.run(["bash", "--norc", "-c", script], env=quick.environ, timeout=300)
    said: dict[str, str] = {}
    lines: list[str] = []
    for line in done.stdout.splitlines():
        if line.startswith("-- end of "):
            said[line.removeprefix("-- end of ")] = [text for text in lines if text][-1]
            lines = []
        else:
            lines.append(line)
    assert lines[-1:] == ["1.0"], done.stdout + done.stderr
    assert "conda activate science" in said["new"]
    assert "conda activate science" in said["alpha==1.5"]  # for it is not wired still
    assert "conda activate" not in said["wired"]
    assert "conda activate" not in said["daq"]

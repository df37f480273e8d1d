"""``conda overlay delete``: the overlay and its history are gone."""

from __future__ import annotations

from pathlib import Path

from tests.bench import Bench

SESSION = """
. '{base}/etc/profile.d/conda.sh'
export CONDA_CHANGEPS1=false PYTHONPATH=/mine
before=$PATH
conda activate science
echo "on  $PYTHONPATH"
conda overlay delete --yes >/dev/null
{then}
echo "off $PYTHONPATH"
conda deactivate
[ "$PATH" = "$before" ] && echo "$PYTHONPATH, PATH as before, ${{_CONDA_OVERLAY-no state}}"
"""


def test_it_asks_and_leaves_nothing(bench: Bench) -> None:
    bench.install("alpha==2.0")
    bench.change("reset")
    bench.change("undo")
    before = bench.content()
    says = f"The overlay {bench.overlay} and its history go.\n"
    assert bench.ask("delete", "--dry-run") == says
    assert bench.json("delete", "--dry-run") == {
        **{"success": True, "overlay": str(bench.overlay), "deleted": False}
    }
    assert bench.content() == before
    done = bench.run("delete", *bench.where, input="y\n")
    assert done.stdout.startswith(f"{says}Proceed ([y]/n)?")
    assert done.returncode == 0, done.stderr
    assert list(bench.overlay.parent.iterdir()) == []
    assert bench.version("alpha") == "1.0"
    assert bench.change("delete") == f"No overlay at {bench.overlay}.\n"
    assert bench.json("delete")["deleted"] is False
    assert list(bench.overlay.parent.iterdir()) == []
    bench.install("new")
    assert bench.revision == 1


def test_json_deletes_and_says_so(quick: Bench) -> None:
    quick.install("new")
    assert quick.json("delete") == {
        **{"success": True, "overlay": str(quick.overlay), "deleted": True}
    }
    assert not quick.state.exists()


def test_overlay_made_by_hand_is_deleted_too(quick: Bench, wheels: Path) -> None:
    quick.make_by_hand(wheels / "alpha-1.5-py3-none-any.whl")
    quick.change("delete")
    assert list(quick.overlay.parent.iterdir()) == []


def test_shell_that_has_it_active_is_unwired_cleanly(bench: Bench) -> None:
    for then in ("conda activate science", ""):
        bench.install("new")
        script = SESSION.format(base=bench.conda.prefix, then=then)
        done = bench.user.run(["bash", "--norc", "-c", script], env=bench.environ)
        assert done.stderr == ""
        lines = done.stdout.splitlines()
        assert lines[0] == f"on  {bench.site}:/mine"
        assert lines[1] == ("off /mine" if then else f"off {bench.site}:/mine")
        assert lines[2] == "/mine, PATH as before, no state"

"""Scripts of an overlay beside other layers: they use the same as the shell, and trusted ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bed.users import User
from tests.bench import Bench
from tests.lifecycle import shared as layers

VERSION = "import alpha; print(alpha.__version__)"
SITE = Path("lib") / "python3.11" / "site-packages"


@pytest.fixture
def wheel(links: Path) -> Path:
    """Of `teller`, whose script prints the version of alpha."""
    text = "import alpha\n\n\ndef main():\n    print(alpha.__version__)\n"
    return dists.wheel(
        links,
        "teller",
        "1.0",
        files={"teller/__init__.py": text},
        scripts={"teller": "teller:main"},
    )


def in_shell(bench: Bench, script: str) -> str:
    """Run a script in a shell that has the environment active."""
    base = f'. "{bench.conda.prefix}/etc/profile.d/conda.sh"; conda activate science; '
    done = bench.user.run(["bash", "--norc", "-c", base + script], env=bench.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_of_a_layer_uses_the_users_own_overlay(shared: Bench, wheel: Path) -> None:
    layers.change(shared, "install", wheel, "alpha==1.5")
    shared.change("install", "alpha==2.0", "--no-deps", "--allow-conflicts")
    assert in_shell(shared, f"python -c '{VERSION}'; teller") == "2.0\n2.0\n"
    assert shared.run("run", *shared.where, "teller").stdout == "2.0\n"


def test_a_script_of_the_overlay_uses_what_a_run_adds(quick: Bench, wheel: Path) -> None:
    quick.change("install", wheel, "alpha==1.5")
    done = quick.run("run", *quick.where, "--with", "alpha==1.0", "--", "teller")
    assert done.stdout == "1.0\n", done.stderr


def test_a_script_keeps_what_the_user_has_put_before_the_overlay(quick: Bench, wheel: Path) -> None:
    quick.change("install", wheel, "alpha==1.5")
    script = "mkdir -p dev; echo '__version__ = 9' > dev/alpha.py; PYTHONPATH=dev:$PYTHONPATH"
    assert in_shell(quick, f"cd; {script} teller") == "9\n"


def test_a_script_without_activation_uses_the_layers_that_are_trusted_now(
    shared: Bench, mallory: User
) -> None:
    """Not what another user puts in the place of a layer whose directory everybody can write."""
    layers.change(shared, "install", "alpha==1.5")
    shared.change("install", "new")
    python: list[str | Path] = ["env", "-i", shared.overlay / "bin" / ".python", "-c", VERSION]
    assert shared.user.run(python).stdout == "1.5\n"
    layer = layers.layer_of(shared)
    os.chmod(layer, 0o777)
    theirs = layer / "science" / SITE / "alpha"
    script = f"cd {layer}; mv science gone; mkdir -p {theirs}; echo '__version__ = 6' > "
    assert mallory.run(["sh", "-ec", f"{script}{theirs}/__init__.py"]).returncode == 0
    done = shared.user.run(python)
    assert done.stdout == "1.0\n"
    assert f"conda-overlay: {layer}/science is not used: " in done.stderr
    assert in_shell(shared, f".python -c '{VERSION}'") == "1.0\n"
    assert shared.user.run(["env", "-i", shared.overlay / "bin" / "new"]).returncode == 0


def test_status_says_that_scripts_do_not_use_the_layers_of_now(quick: Bench, scratch: Path) -> None:
    quick.change("install", "new")
    python: list[str | Path] = ["env", "-i", quick.overlay / "bin" / ".python", "-c", VERSION]
    shared = layers.lay(quick, scratch)
    layers.change(shared, "install", "alpha==1.5")

    def told() -> list[str]:
        found = next(
            one for one in shared.json("status")["overlays"] if one["overlay"] == str(quick.overlay)
        )
        return [
            remedy
            for one in found["findings"]
            if one["kind"] == "guard"
            for remedy in one["remedies"]
        ]

    assert told() == ["conda overlay repair -n science"]
    assert shared.user.run(python).stdout == "1.0\n"
    shared.change("repair")
    assert told() == [] and shared.user.run(python).stdout == "1.5\n"
    condarc = Path(shared.environ["CONDARC"])
    condarc.write_text(condarc.read_text().replace(f", beamline={layers.layer_of(shared)}", ""))
    assert told() == ["conda overlay repair -n science"]
    shared.change("repair")
    assert told() == [] and shared.user.run(python).stdout == "1.0\n"


def test_a_script_runs_with_its_overlay_alone_where_conda_is_gone(shared: Bench) -> None:
    layers.change(shared, "install", "alpha==1.5")
    shared.change("install", "new")
    text = (shared.overlay / "bin" / ".python").read_text()
    mine = shared.user.home / "python"
    shared.edit(mine, text.replace(f"{shared.conda.prefix}/bin/", "/gone/"))
    code = "import new, alpha; print(new.__version__, alpha.__version__)"
    done = shared.user.run(["env", "-i", "sh", mine, "-c", code])
    assert done.stdout == "1.0 1.0\n" and "/gone/" in done.stderr

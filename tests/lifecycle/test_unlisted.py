"""Files of the host that no package lists, beside the modules of one that is copied for editing."""

from __future__ import annotations

import pytest

from tests.bench import Bench
from tests.lifecycle import shared as layers
from tests.lifecycle.test_drift import findings
from tests.sources import write


@pytest.fixture
def plugged(own: Bench) -> Bench:
    """Over a host whose administrator has put a module, and data, beside those of `alpha`."""
    put(own, "plug.py", "P = 1\n")
    put(own, "big.bin", "\0" * (1 << 21))
    return own


def put(bench: Bench, name: str, content: str) -> None:
    [package] = bench.host.glob("lib/python*/site-packages/alpha")
    (package / name).write_text(content)


def value(bench: Bench) -> str:
    look = "import alpha.plug as p; print(p.__file__, p.P)"
    return bench.python("-c", look).stdout.strip().removeprefix(f"{bench.site}/")


NOTE = (
    "copied along with alpha, though no package lists these 2 files: alpha/big.bin, alpha/plug.py"
)


def test_a_copy_takes_them_along_as_originals(plugged: Bench) -> None:
    assert NOTE in plugged.json("edit", "alpha", "--no-editor", "--dry-run")["notes"]
    assert NOTE in plugged.change("edit", "alpha", "--no-editor")
    assert value(plugged) == "alpha/plug.py 1"
    assert (plugged.site / "alpha/big.bin").stat().st_size == 1 << 21
    assert findings(plugged) == {}
    [row] = plugged.json("status")["overlays"][0]["distributions"]
    assert not row["edited"]
    assert plugged.record()["distributions"]["alpha"]["patch"] == ""
    assert "plug" not in plugged.ask("diff", "0", "alpha", "--text")
    assert "plug" not in plugged.export().read_text()
    assert plugged.json("why", "alpha.plug")["name"] == "alpha"
    assert "Nothing to " in plugged.change("rebase")


def test_one_of_them_is_edited_as_any_other_file(plugged: Bench) -> None:
    [line] = plugged.json("edit", "alpha.plug", "--no-editor", "--dry-run")["changes"]
    assert line["name"] == "alpha"
    text = "--- a/alpha/plug.py\n+++ b/alpha/plug.py\n@@ -1 +1,2 @@\n P = 1\n+P = 2\n"
    plugged.change("patch", "alpha", write(plugged.user, plugged.user.home / "f.patch", text))
    assert value(plugged) == "alpha/plug.py 2"
    shown = plugged.ask("diff", "0", "alpha", "--text")
    assert "+P = 2" in shown and "-P" not in shown and "+P = 1" not in shown
    (plugged.site / "alpha/plug.py").unlink()
    plugged.change("record")
    assert "-P = 1" in plugged.ask("diff", "0", "alpha", "--text")
    assert "big.bin" not in plugged.ask("diff", "0", "alpha", "--text")


def test_a_copy_is_made_again_when_they_change(plugged: Bench) -> None:
    plugged.change("edit", "alpha", "--no-editor")
    for name in ("mine.py", "other.py"):
        plugged.edit(plugged.site / "alpha" / name, "MINE = 1\n")
    plugged.change("record")
    put(plugged, "mine.py", "MINE = 1\n")  # the same that the user has added
    assert findings(plugged) == {}
    for content in ("P = 2\n", "P = 3\n"):
        put(plugged, "plug.py", content)
        assert findings(plugged).keys() == {"drift"}
        assert "copied along" not in plugged.change("rebase", "--force")
        assert findings(plugged) == {} and value(plugged) == f"alpha/plug.py {content[4]}"
    put(plugged, "later.py", "")
    assert findings(plugged).keys() == {"drift"}
    assert "rebase" not in plugged.run("export", *plugged.where).stderr  # edits are as they were
    assert "lists it: alpha/later.py" in plugged.change("rebase")
    assert findings(plugged) == {} and (plugged.site / "alpha/later.py").is_file()


def test_a_repair_makes_the_copy_as_it_was(plugged: Bench) -> None:
    """Without what the administrator has added since; that is for `rebase`."""
    plugged.change("edit", "alpha", "--no-editor")
    put(plugged, "later.py", "L = 1\n")
    big, plug = plugged.site / "alpha/big.bin", plugged.site / "alpha/plug.py"
    for record in plugged.site.glob("alpha-*/RECORD"):
        record.unlink()
    plugged.user.run(["sh", "-c", 'rm -f "$0" "$1"; rm "${0%/*}/__init__.py"', big, plug])
    plugged.change("repair")
    assert value(plugged) == "alpha/plug.py 1" and big.exists()
    assert not (plugged.site / "alpha/later.py").exists()


def test_a_layer_behind_can_have_them_too(shared: Bench) -> None:
    layers.change(shared, "install", "new")
    [package] = layers.layer_of(shared).glob("*/lib/python3*/site-packages/new")
    script = f"cd {package.resolve()}; echo 'P = 1' > plug.py; ln -s /etc/hostname linked.txt"
    assert layers.service().run(["sh", "-ec", script]).returncode == 0
    assert "lists it: new/plug.py" in shared.change("edit", "new.plug", "--no-editor")
    assert shared.python("-c", "import new.plug as p; print(p.P)").stdout == "1\n"
    assert not (shared.site / "new/linked.txt").exists()
    overlays = shared.json("status")["overlays"]
    assert "drift" not in {found["kind"] for one in overlays for found in one["findings"]}

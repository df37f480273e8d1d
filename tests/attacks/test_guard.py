"""The guard of an overlay cannot be displaced, by a distribution or by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import first

UNCHECKED = bytes(4) + b"\1\0\0\0" + bytes(8)
"""The head of bytecode that is never compared with its source (PEP 552)."""

INTRUDERS: dict[str, str | bytes] = {
    "sitecustomize/__init__.py": "",
    "sitecustomize.pyc": "",
    "sitecustomize.cpython-311-x86_64-linux-gnu.so": "",
    "__pycache__/sitecustomize.cpython-311.pyc": UNCHECKED,
    "usercustomize.py": "",
    "encodings/__init__.py": "",
    "__future__.py": "",
    "site.py": "",
    "io.py": "",
}


@first(4)
@pytest.mark.parametrize("name", INTRUDERS)
def test_a_distribution_that_would_disable_it_is_refused(
    bench: Bench, links: Path, name: str
) -> None:
    wheel = dists.wheel(links, "bad", "1.0", top_level="", files={name: INTRUDERS[name]})
    told = bench.refused(wheel)
    assert f"ships its own {name.removesuffix('/__init__.py')}" in told


@first(3)
@pytest.mark.parametrize("name", list(INTRUDERS)[:6])
def test_an_overlay_where_it_is_disabled_by_hand_is_not_wired(bench: Bench, name: str) -> None:
    bench.given("install", "new")
    activate = (
        f". '{bench.conda.prefix}/etc/profile.d/conda.sh'; conda activate {bench.name}; "
        'echo "PYTHONPATH=$PYTHONPATH"'
    )
    assert f"PYTHONPATH={bench.site}" in bench.user.run(["sh", "-c", activate]).stdout
    path = bench.site / name
    bench.user.run(["mkdir", "-p", path.parent])
    content = INTRUDERS[name]
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    done = bench.user.run(["sh", "-c", activate])
    assert done.stdout == "PYTHONPATH=\n"
    place = str(path).removesuffix("/__init__.py")
    assert f"is not used: {place} would run in every Python" in done.stderr
    assert f"{Path(place).name} would run in every Python; remove it" in bench.ask("status")
    bench.user.run(["rm", "-rf", place])
    assert f"PYTHONPATH={bench.site}" in bench.user.run(["sh", "-c", activate]).stdout

"""What conda says of packages that it cannot get, and which distributions packages have."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from conda_overlay.fork.conda_packages import _failure, distributions


def test_a_thousand_packages_that_cannot_be_had_are_one_short_sentence() -> None:
    urls = [f"https://channel.invalid/noarch/p{n}-1.0-0.conda" for n in range(1000)]
    error = _failure("HTTP 404\n" + "\n".join(urls), urls, Path("/envs/new"))
    assert "and 995 more are no longer in any channel; nothing has changed." in error.message
    assert len(error.message) < 400
    assert error.dump_map()["packages"] == urls


def test_the_name_of_a_package_is_that_of_its_distribution_only_where_it_lists_no_files() -> None:
    site = "lib/python3.11/site-packages"
    tables = SimpleNamespace(name="pytables", files=[f"{site}/Tables-3.9.dist-info/METADATA"])
    program = SimpleNamespace(name="graphviz", files=["bin/dot"])
    fetched = SimpleNamespace(name="Ruamel_Yaml")
    found = distributions([tables, program, fetched])
    assert found == {"tables": "pytables", "ruamel-yaml": "Ruamel_Yaml"}

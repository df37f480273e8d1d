"""What was secret on the way in is nowhere on the disk, and in nothing that is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bed import dists
from tests.bench import Bench
from tests.long import few
from tests.sources import served

SECRET = "S3kr1t" * 6
TOKEN = f"ghp_{SECRET}"

BACKEND = """
import os, pathlib, shutil
def build_wheel(directory, config_settings=None, metadata_directory=None):
    assert config_settings, "no settings"
    name = "two-1.0-py3-none-any.whl"
    shutil.copy(pathlib.Path(__file__).with_name(name), directory)
    return name
"""

WAYS: dict[str, list[str]] = {
    "user": ["two @ http://me:{secret}@{host}/two-1.0-py3-none-any.whl"],
    "user alone": ["two @ http://{secret}@{host}/two-1.0-py3-none-any.whl"],
    "query": ["two @ http://{host}/two-1.0-py3-none-any.whl?jwt={secret}&raw=1"],
    "fragment": ["two @ http://{host}/two-1.0-py3-none-any.whl#x={secret}"],
    "path": ["--find-links", "http://{host}/{token}/", "new"],
    "find-links": ["--find-links", "http://me:{secret}@{host}/", "--no-index", "two"],
    "index": ["--extra-index-url", "http://me:{secret}@{host}/simple", "new"],
    "setting": ["-C", "auth={secret}", "{source}"],
    "setting in one word": ["--config-settings=auth={secret}", "{source}"],
    "reason": ["--reason", "with {token} it works, and with https://x:{secret}@y", "new"],
    "reason by name": ["--reason=the API_KEY={secret}", "new"],
}


def built_with_settings(links: Path) -> Path:
    """An sdist whose backend needs settings; what it builds is among the links already."""
    wheel = dists.wheel(links, "two", "1.0")
    files = {wheel.name: wheel.read_bytes()}
    return dists.sdist(links / "s", "two", "1.0", backend=BACKEND, files=files)


@pytest.mark.parametrize("way", few(WAYS, "user", "find-links"))
def test_it_is_never_recorded_exported_or_printed(
    bench: Bench, links: Path, way: str, tried: Callable[[int], None]
) -> None:
    source = built_with_settings(links)
    with served(links) as host:
        values = {"secret": SECRET, "token": TOKEN, "host": host, "source": str(source)}
        words = [word.format(**values) for word in WAYS[way]]
        done = bench.try_install("--yes", *words)
    assert done.returncode == 0, done.stderr
    assert ("-C auth may be a secret and is not recorded" in done.stdout) == ("setting" in way)
    looks = [["status", "--json"], ["history", "--json"], ["history", "1"], ["diff", "--text"]]
    looks += [["export", "--format", "overlay.toml"], ["export", "--format", "requirements.txt"]]
    tried(len(looks) + 2)
    # What pip says on its way is what was typed, and is printed to who typed it.
    told = (
        done.stdout.partition("\nhost: ")[2]
        + done.stderr
        + "".join(bench.ask(*look) for look in looks)
    )
    assert SECRET not in told
    for path in bench.overlays.rglob("*"):
        if path.is_file() and "backend" not in path.name:
            assert SECRET.encode() not in path.read_bytes(), path


def test_the_tail_of_an_error_has_none(bench: Bench) -> None:
    url = f"http://me:{SECRET}@localhost:1/two-1.0-py3-none-any.whl?jwt={SECRET}"
    told = bench.refused("--retries", "0", f"two @ {url}")
    assert "two-1.0" in told
    assert SECRET not in told


def test_an_origin_without_credentials_is_what_record_says(bench: Bench, links: Path) -> None:
    dists.wheel(links, "two", "1.0")
    with served(links) as host:
        bench.install(f"two @ http://{host}/two-1.0-py3-none-any.whl?jwt={SECRET}&raw=1")
    [path] = bench.site.glob("two-1.0.dist-info/direct_url.json")
    assert json.loads(path.read_text())["url"].endswith("two-1.0-py3-none-any.whl?jwt=&raw=1")
    assert [row["edited"] for row in bench.json("status")["overlays"][0]["distributions"]] == [
        False
    ]


def test_a_build_setting_of_a_known_name_is_kept_to_repeat_it(bench: Bench, links: Path) -> None:
    source = built_with_settings(links)
    bench.install("-C", "cmake.args=-DX=ON", source)
    options = bench.record()["distributions"]["two"]["options"]
    assert options == ["--config-settings=cmake.args=-DX=ON"]

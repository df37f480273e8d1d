"""What is read of a host environment."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conda_overlay.core.errors import HostError, NoSuchEnvironmentError
from conda_overlay.host.host import Host, clean_environ
from tests.bed import cpython


@pytest.fixture
def host(science: Path) -> Host:
    return Host(science, "science")


def fake(prefix: Path, python: str) -> Path:
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").write_text(python)
    (prefix / "bin" / "python").chmod(0o755)
    return prefix


def test_facts_are_those_of_its_interpreter(host: Host) -> None:
    python = cpython.default()
    assert host.python_version == python.xy
    assert host.markers["python_full_version"] == python.version
    assert host.site_below_prefix == Path("lib", f"python{python.xy}", "site-packages")
    assert host.site_packages == host.prefix / host.site_below_prefix


def test_distributions_are_those_of_its_site_packages(host: Host) -> None:
    assert {key: found[0].version for key, found in host.distributions.items()}.items() >= {
        ("alpha", "1.0"),
        ("stuck", "1.0"),
    }


def test_real_path_is_without_links(science: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(science)
    linked = Host(tmp_path / "link", "science")
    assert linked.real == science.resolve()
    assert linked.site_below_prefix == Host(science, "science").site_below_prefix


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"])
def test_variables_of_the_caller_do_not_mislead_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere")
    assert variable not in clean_environ()
    assert host.run(["-c", "print(1)"]).stdout == "1\n"


def test_modules_of_the_current_directory_do_not_mislead_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "alpha.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    done = host.run(["-c", "import alpha; print(alpha.__version__)"])
    assert done.stdout == "1.0\n", done.stderr


def test_fingerprint_changes_with_what_is_installed(tmp_path: Path, host: Host) -> None:
    prefix = fake(tmp_path / "host", f'#!/bin/sh\nexec {host.python} "$@"\n')
    before = Host(prefix, "x").fingerprint()
    assert Host(prefix, "x").fingerprint() == before
    (prefix / "conda-meta" / "zlib-1.2-0.json").write_text("{}")
    after = Host(prefix, "x").fingerprint()
    assert after["sha256"] != before["sha256"]
    assert after["packages"] == ["zlib-1.2-0"]
    json.dumps(after)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_place_without_conda_meta_is_no_environment(tmp_path: Path, make: object) -> None:
    place = tmp_path / "x"
    assert callable(make)
    make(place)
    with pytest.raises(NoSuchEnvironmentError, match=str(place)):
        Host(place, "x")


def test_environment_needs_a_python(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    with pytest.raises(HostError, match="no Python"):
        Host(tmp_path, "x")


@pytest.mark.parametrize("name", ["a:b", "a\nb"])
def test_path_that_path_cannot_carry(tmp_path: Path, name: str) -> None:
    with pytest.raises(HostError, match="a colon or a newline"):
        Host(fake(tmp_path / name, "#!/bin/sh\n"), name)


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("#!/bin/sh\necho one >&2; echo two >&2; exit 1\n", "does not run: two"),
        ("#!/bin/sh\n", "does not run: it prints nothing"),
        ("#!/no/such/program\n", "does not run: No such file"),
    ],
)
def test_python_that_does_not_run_says_why(tmp_path: Path, python: str, says: str) -> None:
    with pytest.raises(HostError, match=says):
        Host(fake(tmp_path / "host", python), "x").markers  # noqa: B018


def test_frozen_protects(tmp_path: Path) -> None:
    host = Host(fake(tmp_path / "host", "#!/bin/sh\n"), "x")
    (host.prefix / "conda-meta" / "frozen").touch()
    assert host.protection == "frozen"


def test_own_environment_on_a_read_only_file_system_is_said_to_be_on_one(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = os.statvfs(host.site_packages)

    class ReadOnly:
        f_flag = now.f_flag | os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_: False)
    assert host.protection == f"belongs to {host.owner}"
    del host.protection
    monkeypatch.setattr(os, "statvfs", lambda _: ReadOnly())
    assert host.protection == "on a read-only file system"

"""What is known of a host is neither asked nor read again, unless it has changed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conda_overlay.core.errors import HostError
from conda_overlay.host.host import Host
from tests.host.small import install, small_host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """With ``tool`` 1.0."""
    host = small_host(tmp_path / "host")
    install(host, host.prefix, "tool", "1.0")
    return host


def facts(host: Host) -> Mapping[str, Any]:
    """As they are read from a file."""
    found: Mapping[str, Any] = json.loads(json.dumps(host.facts()))
    return found


def again(host: Host, known: Any) -> Host:
    found = Host(host.prefix, host.name)
    found.recall = lambda: known
    return found


def metadata(host: Host) -> Path:
    return host.site_packages / "tool-1.0.dist-info" / "METADATA"


def silence(host: Host) -> None:
    """Let its interpreter answer no question."""
    (host.prefix / "facts").unlink()


def test_an_interpreter_that_is_known_is_not_started(host: Host) -> None:
    known = facts(host)
    silence(host)
    found = again(host, known)
    assert (found.markers, found.site_packages) == (
        {**host.markers, "platform_release": os.uname().release, "platform_version":
         os.uname().version}, host.site_packages)  # fmt: skip
    assert found.fingerprint() == host.fingerprint()


def test_an_interpreter_that_was_replaced_is_asked(host: Host) -> None:
    known = facts(host)
    host.python.touch()
    assert again(host, known).python_version == host.python_version
    silence(host)
    with pytest.raises(HostError):
        _ = again(host, known).markers


def test_the_system_is_the_running_one(host: Host) -> None:
    known = facts(host)
    known["python"]["markers"]["platform_release"] = "of another machine"
    assert again(host, known).markers["platform_release"] == os.uname().release


def test_metadata_that_is_known_is_not_read(host: Host) -> None:
    known, status = facts(host), metadata(host).stat()
    metadata(host).write_text(metadata(host).read_text().replace("Version: 1.0", "Version: 9.0"))
    os.utime(metadata(host), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert again(host, known).distributions["tool"][0].version == "1.0"
    metadata(host).touch()
    assert again(host, known).distributions["tool"][0].version == "9.0"
    assert again(host, known).has_changed(host.fingerprint())


def test_metadata_is_read_again_if_conda_has_installed_another_build(host: Host) -> None:
    """Which may have files of the same size and time."""
    known, status = facts(host), metadata(host).stat()
    metadata(host).write_text(metadata(host).read_text().replace("Version: 1.0", "Version: 9.0"))
    os.utime(metadata(host), ns=(status.st_atime_ns, status.st_mtime_ns))
    (host.prefix / "conda-meta" / "tool-1.0-1.json").touch()
    assert again(host, known).distributions["tool"][0].version == "9.0"


@pytest.mark.parametrize(
    "damage",
    [
        {"seen": 1},
        {"python": None},
        {"python": {"site": 1}},
        {"python": {"site": "lib", "abi": None, "markers": {"os_name": 1}}},
        {"metadata": []},
        {"metadata": {"tool-1.0.dist-info": {"seen": [1]}}},
        {"metadata": {"tool-1.0.dist-info": None}},
    ],
    ids=str,
)
def test_facts_that_make_no_sense_are_passed_over(host: Host, damage: Mapping[str, Any]) -> None:
    found = again(host, {**facts(host), **damage})
    assert found.site_packages == host.site_packages
    assert found.distributions == host.distributions
    assert again(host, {}).fingerprint() == host.fingerprint()

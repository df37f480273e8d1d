"""What of a text, a URL and a command line is kept."""

from __future__ import annotations

import json

import pytest

from conda_overlay.core.redact import setting, typed, without_credentials

GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://me:secret@host/simple", "https://host/simple"),
        ("https://token@host/", "https://host/"),
        ("https://me:p@ss@host/", "https://host/"),
        ("https://me:s/ash@host/simple", "https://host/simple"),
        ("x @ git+https://me:s@host/r.git@v1", "x @ git+https://host/r.git@v1"),
        ("git+ssh://git@host/r.git@v1", "git+ssh://git@host/r.git@v1"),
        ("git+ssh://git:pw@host/r.git", "git+ssh://host/r.git"),
        ("https://host:8080/r.git@v1", "https://host:8080/r.git@v1"),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
        ("me:secret@proxy:80", "proxy:80"),
        ("--proxy=me:secret@proxy:80", "--proxy=proxy:80"),
        ("--proxy //me:secret@proxy:80", "--proxy //proxy:80"),
        ("--proxy=//me:secret@proxy:80", "--proxy=//proxy:80"),
        ("//srv/wheels/x@1.whl", "//srv/wheels/x@1.whl"),
        ("see http://a:b@c and http://d:e@f", "see http://c and http://f"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://host/x.whl?jwt=secret&raw=1#sha256=c", "https://host/x.whl?jwt=&raw=1#sha256=c"),
        ("https://host/x?X-Amz-Signature=s#md5=a", "https://host/x?X-Amz-Signature=#md5=a"),
        ("https://host/x.whl#token=s&egg=x", "https://host/x.whl#token=&egg=x"),
        ("https://host/t/secret/simple", "https://host/simple"),
        ("https://host/t/secret", "https://host/"),
        (f"https://host/{GITHUB}/simple", "https://host//simple"),
        (f"it needs {GITHUB}, says Bob", "it needs , says Bob"),
        ("with API_KEY=secret it works", "with API_KEY= it works"),
        ("/t/tmp/wheels", "/t/tmp/wheels"),
        ("pkg @ file:///x", "pkg @ file:///x"),
    ],
)
def test_of_a_url_only_what_is_harmless_is_kept(text: str, clean: str) -> None:
    assert without_credentials(text) == clean
    assert without_credentials(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        *("tokenizers==0.15", "secretstorage>=3.3", "pypi-attestations==0.0.22", "sk-learn-extra"),
        "https://host/packages/ab/cd/0123456789abcdef/hf_transfer-0.1.9-cp38-abi3-linux.whl",
        "a[b,c]>=1,<2; python_version < '3.13'",
        json.dumps({"url": "https://host/x.whl", "archive_info": {"hash": "sha256=ab"}}),
        "the token expires: see the ticket",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert without_credentials(text) == text


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        (["-C", "auth=s"], ["-C", "auth="]),
        (["-Cauth=s"], ["-Cauth="]),
        (["--config-settings", "auth=s"], ["--config-settings", "auth="]),
        (["--config-settings=auth=s", "x"], ["--config-settings=auth=", "x"]),
        (["--config-setting=editable_mode=compat"], ["--config-setting=editable_mode=compat"]),
        (["-C", "cmake.args=-DTOKEN=s"], ["-C", "cmake.args="]),
        (["-C", "cmake.args=-DX=ON"], ["-C", "cmake.args=-DX=ON"]),
        (["-c", "x.txt", "https://me:s@host"], ["-c", "x.txt", "https://host"]),
    ],
)
def test_of_a_command_line_only_build_settings_of_a_known_name_are_kept(
    words: list[str], clean: list[str]
) -> None:
    assert typed(words) == tuple(clean)


@pytest.mark.parametrize("text", ["auth=s", "builddir", "cmake.define.X=" + GITHUB, ""])
def test_a_setting_that_may_be_a_secret_is_not_recorded(text: str) -> None:
    assert setting(text) is None


@pytest.mark.parametrize(
    "words", [["-qC", "license=hunter2"], ["-qClicense=hunter2"], ["-C", "license=hunter2"]]
)
def test_a_build_setting_behind_combined_options_is_left_out(words: list[str]) -> None:
    assert "hunter2" not in " ".join(typed(["pip", "install", *words, "new"]))

"""Keeps credentials out of what is recorded, exported and printed.

Of a URL only what is known to be harmless stays: no user but ``git``, no password, and the values
of a few query and fragment parameters. Of a build setting only the value of a known name stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_PARAMETERS = {
    *("egg", "subdirectory", "sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2b"),
    *("ref", "ref_type", "rev", "tag", "branch", "path", "inline", "raw", "download", "format"),
}
"""The query and fragment parameters of URLs whose values stay."""

_SETTINGS = re.compile(
    r"--(build|global)-option|editable[_-](mode|verbose)|(setup|compile|install|dist|build)-args"
    r"|(cmake|ninja|build|editable|install|logging|sdist|wheel|skbuild|maturin)[.-][\w.-]+"
)
"""The build settings whose values stay: of setuptools, meson-python, scikit-build-core, maturin."""

_URL = re.compile(r"(?P<scheme>\b[A-Za-z][\w+.-]*://)(?P<rest>[^\s'\"<>]*)")
_USER = re.compile(r"(?<![\w/.])[^\s/:@=]+:[^\s/@]*@")
_TOKEN = re.compile(
    r"\b(gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|pypi-AgE[\w-]{40,}"
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|sk-[\w-]{40,}|xox[abprs]-[\w-]{20,}"
    r"|AKIA[0-9A-Z]{16}|ya29\.[\w-]{20,}|eyJ[\w-]{10,}\.[\w.-]+)"
)
_NAMED = re.compile(r"([\w-]*(?:token|secret|passw|api_?key)[\w-]*[=:])(?!=)[^\s\"'&#]+", re.I)
"""Tokens in a text, by their well-known beginnings, and by a name before them."""


def without_credentials(text: str) -> str:
    """The text without the credentials in its URLs, and without tokens that can be told as such."""
    text = _USER.sub("", _URL.sub(lambda url: url["scheme"] + _rest(url["rest"]), text))
    return _NAMED.sub(r"\1", _TOKEN.sub("", text))


def typed(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a command line without credentials."""
    settings = ("-C", "--config-settings", "--config-setting")
    result = []
    for before, word in pairwise(["", *words]):
        option, equals, value = word.partition("=")
        if option not in settings:
            option, equals, value = (word[:2], "", word[2:]) if word[:2] == "-C" else ("", "", word)
        if option or before in settings:
            value = setting(value) or "".join(value.partition("=")[:2])
        result.append(without_credentials(option + equals + value))
    return tuple(result)


def setting(text: str) -> str | None:
    """A build setting (``NAME=VALUE``) that can be recorded; None if it may be a secret."""
    clean = without_credentials(text)
    return text if clean == text and _SETTINGS.fullmatch(text.partition("=")[0]) else None


def _rest(text: str) -> str:
    """What is behind the scheme of a URL.

    All before an ``@`` goes that cannot be a host and a port; ``@`` in a path can name a revision.
    """
    main, mark, fragment = text.partition("#")
    place, question, query = main.partition("?")
    user, at, place = _split_user(place)
    kept = f"{user}{at}" if user == "git" else ""
    place = re.sub(r"(?<=/)t/[^/]+(/|$)", "", place)
    return kept + place + question + _parameters(query) + mark + _parameters(fragment)


def _split_user(place: str) -> tuple[str, str, str]:
    """The user information, ``@``, and what follows."""
    host = place.partition("/")[0]
    if "@" in host:
        return host.rpartition("@")[0], "@", host.rpartition("@")[2] + place[len(host) :]
    if ":" in host and not re.fullmatch(r"(\[.*\]|[^:]*):\d*", host) and "@" in place:
        return place.rpartition("@")[0], "@", place.rpartition("@")[2]  # a password with a slash
    return "", "", place


def _parameters(text: str) -> str:
    """A query or fragment, where values that are not known to be harmless are empty."""
    parts = [part.partition("=") for part in text.split("&")]
    return "&".join(n + e + (v if n in _PARAMETERS else "") for n, e, v in parts)


def clean(text: str) -> str:
    """A requirement or a channel without credentials; a text without a URL has none."""
    return without_credentials(text) if "://" in text else text

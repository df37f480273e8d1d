"""Keeps credentials out of the history, exported files and printed text.

A URL keeps only its harmless parts: no user except ``git``, no password, and only the values of a
few query and fragment parameters. A build setting keeps its value only if its name is known.
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

_URL = re.compile(r"(?P<scheme>\b[A-Za-z][\w+.-]*://|(?<![^\s'\"=])//)(?P<rest>[^\s'\"<>]*)")
_USER = re.compile(r"(?<![\w/.])[^\s/:@=]+:[^\s/@]*@")
_TOKEN = re.compile(
    r"\b(gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|pypi-AgE[\w-]{40,}"
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|sk-[\w-]{40,}|xox[abprs]-[\w-]{20,}"
    r"|AKIA[0-9A-Z]{16}|ya29\.[\w-]{20,}|eyJ[\w-]{10,}\.[\w.-]+)"
)
_NAMED = re.compile(r"([\w-]*(?:token|secret|passw|api_?key)[\w-]*[=:])(?!=)[^\s\"'&#]+", re.I)
"""Tokens in a text: `_TOKEN` by their well-known prefixes, this one by a name before them."""


def without_credentials(text: str) -> str:
    """Remove the credentials in the URLs of a text, and all tokens that can be recognized."""
    text = _USER.sub("", _URL.sub(lambda url: url["scheme"] + _rest(url["rest"]), text))
    return _NAMED.sub(r"\1", _TOKEN.sub("", text))


_COMBINED = re.compile(r"-[a-zA-BD-Z]*C")
"""The option ``-C``, behind other short ones; all before it may have no value."""


def typed(words: Sequence[str]) -> tuple[str, ...]:
    """Remove the credentials from the words of a command line."""
    settings = ("-C", "--config-settings", "--config-setting")
    result = []
    for before, word in pairwise(["", *words]):
        option, equals, value = word.partition("=")
        if option not in settings:
            short = _COMBINED.match(word)  # as in -qC
            end = short.end() if short else 0
            option, equals, value = word[:end], "", word[end:]
        if option or before in settings or _COMBINED.fullmatch(before):
            value = setting(value) or "".join(value.partition("=")[:2])
        result.append(without_credentials(option + equals + value))
    return tuple(result)


def setting(text: str) -> str | None:
    """Return a build setting (``NAME=VALUE``) that can be recorded; None if it may be a secret."""
    clean = without_credentials(text)
    return text if clean == text and _SETTINGS.fullmatch(text.partition("=")[0]) else None


def _rest(text: str) -> str:
    """Clean the part of a URL after the scheme.

    The text before an ``@`` is dropped, unless it can be a host and a port: an ``@`` in the path
    may precede a revision.
    """
    main, mark, fragment = text.partition("#")
    place, question, query = main.partition("?")
    user, at, place = _split_user(place)
    kept = f"{user}{at}" if user == "git" else ""
    place = re.sub(r"(?<=/)t/[^/]+(/|$)", "", place)
    return kept + place + question + _parameters(query) + mark + _parameters(fragment)


def _split_user(place: str) -> tuple[str, str, str]:
    """Split into the user information, ``@``, and the rest."""
    host = place.partition("/")[0]
    if "@" in host:
        return host.rpartition("@")[0], "@", host.rpartition("@")[2] + place[len(host) :]
    if ":" in host and not re.fullmatch(r"(\[.*\]|[^:]*):\d*", host) and "@" in place:
        return place.rpartition("@")[0], "@", place.rpartition("@")[2]  # a password with a slash
    return "", "", place


def _parameters(text: str) -> str:
    """Empty the values in a query or fragment, except for those that are known to be harmless."""
    parts = [part.partition("=") for part in text.split("&")]
    return "&".join(n + e + (v if n in _PARAMETERS else "") for n, e, v in parts)


def clean(text: str) -> str:
    """Remove the credentials from a requirement or channel; only one with a URL can have any."""
    return without_credentials(text) if "://" in text else text

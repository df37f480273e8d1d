"""Downloads small files as conda does: with its proxies, certificates and credentials."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urljoin, urlsplit

from conda_overlay.activation import files

LARGEST = 1 << 24
"""The maximum size of a download in bytes."""
_PATIENCE = 60.0  # seconds for all of a download
_REDIRECTIONS = 10


def download(url: str) -> bytes:
    """Read a file at a URL.

    A server can redirect to ``http`` and ``https`` alone, and has a minute for all of it.

    Raises:
        OSError: it cannot be read, is too large, or is a web page.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return files.read_file(unquote(parts.path), largest=LARGEST, follow=True)
    done: list[bytes | Exception] = []

    def run() -> None:
        try:
            done.append(_fetch(url))
        except Exception as error:
            done.append(error)

    thread = threading.Thread(target=run, daemon=True)  # it may never end
    thread.start()
    thread.join(_PATIENCE)
    if not done:
        raise OSError(0, f"it takes more than {_PATIENCE:.0f} s")
    if isinstance(done[0], Exception):
        raise done[0]
    return done[0]


def _fetch(url: str) -> bytes:
    from conda.gateways.connection.session import get_session

    for _ in range(_REDIRECTIONS):
        if urlsplit(url).scheme not in ("http", "https"):
            raise OSError(0, f"{urlsplit(url).scheme} is neither http nor https")
        options = {"timeout": _PATIENCE, "stream": True, "allow_redirects": False}
        with _silence(), get_session(url).get(url, **options) as answer:
            answer.raise_for_status()
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                continue
            if "html" in answer.headers.get("content-type", ""):
                raise OSError(0, "it is a web page")
            content = b""
            for block in answer.iter_content(1 << 16):
                content += block
                if len(content) > LARGEST:
                    raise OSError(0, "it is too large")
            return content
    raise OSError(0, "it is redirected too often")


@contextmanager
def _silence() -> Iterator[None]:
    """Keep urllib3 from logging the URLs that it tries again, which may have a token."""
    logger = logging.getLogger("urllib3.connectionpool")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def reason_of(error: Exception) -> str:
    """Say why a download failed; a server that does not answer is named."""
    request = getattr(error, "request", None)
    if getattr(error, "response", None) is None and request is not None:
        return f"{urlsplit(request.url).hostname} cannot be reached"
    return str(error)

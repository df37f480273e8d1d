"""Downloads small files as conda does: with its proxies, certificates and credentials."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from conda_overlay.activation import files

LARGEST = 1 << 24
"""The maximum size of a download in bytes."""


def download(url: str) -> bytes:
    """Read a file at a URL.

    Raises:
        OSError: it cannot be read, is too large, or is a web page.
    """
    from conda.gateways.connection.session import get_session

    parts = urlsplit(url)
    if parts.scheme == "file":
        return files.read_file(unquote(parts.path), largest=LARGEST, follow=True)
    with get_session(url).get(url, timeout=60, stream=True) as answer:
        answer.raise_for_status()
        if "html" in answer.headers.get("content-type", ""):
            raise OSError(0, "it is a web page")
        content = b""
        for block in answer.iter_content(1 << 16):
            content += block
            if len(content) > LARGEST:
                raise OSError(0, "it is too large")
    return content

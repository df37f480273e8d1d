"""Small files at a URL: of this machine or of a server, and never without end."""

from __future__ import annotations

import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from conda_overlay.formats import download as module
from conda_overlay.formats.download import LARGEST, download, reason_of

ANSWERS = {
    "/patch.diff": ("text/plain", b"diff\r\n\xff"),
    "/empty": ("text/plain", b""),
    "/page": ("text/html; charset=utf-8", b"<html>log in</html>"),
    "/most": ("application/octet-stream", b"x" * LARGEST),
    "/more": ("application/octet-stream", b"x" * (LARGEST + 1)),
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Knows the answers above, and of `/endless` and `/slow` each block but the last."""

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", unquote(self.path.partition("?")[2]))
            self.end_headers()
            return
        kind, content = ANSWERS.get(self.path, ("text/plain", b"x" * (1 << 20)))
        self.send_response(404 if self.path == "/absent" else 200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        try:
            self.wfile.write(content)
            while self.path == "/endless":
                self.wfile.write(content)
            while self.path == "/slow":
                self.wfile.write(b"x")
                time.sleep(0.1)
        except ConnectionError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of this process."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_file_of_this_machine_is_read_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "my file%20\u00fc.diff"
    path.write_bytes(b"\xff\r\n")
    assert download(path.as_uri()) == b"\xff\r\n"
    (tmp_path / "link").symlink_to(path)
    assert download((tmp_path / "link").as_uri()) == b"\xff\r\n"
    assert download(f"file://localhost{tmp_path}/link") == b"\xff\r\n"


def test_file_of_this_machine_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "large"
    for size in (LARGEST, LARGEST + 1):
        path.touch()
        os.truncate(path, size)
        if size == LARGEST:
            assert len(download(path.as_uri())) == LARGEST
    with pytest.raises(OSError, match="not a small file"):
        download(path.as_uri())


@pytest.mark.parametrize("kind", ["absent", "pipe", "directory"])
def test_path_that_is_no_file_is_an_error_at_once(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError) as caught:
        download((tmp_path / kind).as_uri())
    assert caught.value.filename == str(tmp_path / kind)


@pytest.mark.parametrize("path", ["/patch.diff", "/empty", "/most"])
def test_file_of_a_server_is_read_byte_by_byte(server: str, path: str) -> None:
    assert download(server + path) == ANSWERS[path][1]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/more", "it is too large"),
        ("/endless", "it is too large"),
        ("/page", "it is a web page"),
        ("/absent", "404"),
    ],
)
def test_answer_that_is_no_small_file_is_an_error(server: str, path: str, says: str) -> None:
    with pytest.raises(OSError, match=says):
        download(server + path)


def test_redirection_leads_to_other_servers_and_to_no_file(server: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("secret")
    os.mkfifo(tmp_path / "pipe")
    for target in (f"{server}/patch.diff", "/patch.diff"):
        assert download(f"{server}/to?{quote(target)}") == ANSWERS["/patch.diff"][1]
    for name in ("mine", "pipe"):
        with pytest.raises(OSError, match="file is neither http nor https"):
            download(f"{server}/to?{quote((tmp_path / name).as_uri())}")
    with pytest.raises(OSError, match="redirected too often"):
        download(server + "/to?" + quote("/to?") * 20)


def test_server_that_never_ends_its_answer_is_an_error(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 1.0)
    with pytest.raises(OSError, match="it takes more than 1 s"):
        download(server + "/slow")


def test_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(OSError) as caught:
        download("http://127.0.0.1:1/patch.diff")
    assert reason_of(caught.value) == "127.0.0.1 cannot be reached"


def test_error_of_a_server_is_told(server: str) -> None:
    with pytest.raises(OSError) as caught:
        download(f"{server}/absent")
    assert "404" in reason_of(caught.value)
    assert reason_of(OSError(0, "it is a web page")) == "[Errno 0] it is a web page"


def test_server_that_does_not_answer_is_tried_again_without_a_word(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OSError) as caught:
        download("http://127.0.0.1:9/x.diff?token=hunter2")
    assert reason_of(caught.value) == "127.0.0.1 cannot be reached"
    assert "hunter2" not in "".join(capfd.readouterr()) + caplog.text

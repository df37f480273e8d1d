"""Where distributions come from besides a folder of wheels: a source tree, a web server, root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.bed import pypi
from tests.bed.users import User

_BACKEND = '''\
"""A build backend that needs nothing, for an editable install."""

import os
import zipfile

NAME, VERSION, REQUIRES = "{name}", "{version}", {requires!r}


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {{NAME}}", f"Version: {{VERSION}}"]
    lines += [f"Requires-Dist: {{requirement}}" for requirement in REQUIRES]
    files = {{
        f"{{NAME}}.pth": os.path.dirname(os.path.abspath(__file__)) + "\\n",
        f"{{info}}/METADATA": "\\n".join(lines) + "\\n",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files[f"{{info}}/RECORD"] = "".join(f"{{f}},,\\n" for f in [*files, f"{{info}}/RECORD"])
    wheel = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel
'''


def project(user: User, name: str, version: str = "0.1", requires: tuple[str, ...] = ()) -> Path:
    """A user's source tree, to be installed in editable mode without any network."""
    files = {
        "backend.py": _BACKEND.format(name=name, version=version, requires=requires),
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
        f"{name}.py": f'__version__ = "{version}"\n',
    }
    directory = user.home / name
    for file, text in files.items():
        write(user, directory / file, text)
    return directory


def write(user: User, path: Path, text: str) -> Path:
    """A file of a user's."""
    script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"'
    done = user.run(["sh", "-c", script, "sh", path, text])
    assert done.returncode == 0, done.stderr
    return path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        """Nothing."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory; what is before the port of the address, as credentials, is ignored."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=directory)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def administrate(host: Path, *wheels: Path) -> None:
    """Install into a host, as its administrator; in place of other versions."""
    pypi.install(host, wheels)

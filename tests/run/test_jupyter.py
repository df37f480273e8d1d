"""Jupyter from an overlay over a host that has none of it: the lab, its extensions, its kernels."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.bench import PATIENCE, Bench
from tests.long import LONG

pytestmark = LONG


NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "id": "a", "metadata": {}, "source": "print(6 * 7)", "outputs": []}
        | {"execution_count": None}
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
KERNEL = """
import sys, time
from jupyter_client.manager import start_new_kernel

def run(code, interrupt=False):
    said = []
    def hook(message):
        content = message["content"]
        said.append(content.get("text") or content.get("ename") or "")
        if interrupt and "started" in said[-1]:
            manager.interrupt_kernel()
    client.execute_interactive(code, output_hook=hook, timeout=120, store_history=False)
    return "".join(said)

manager, client = start_new_kernel(kernel_name="overlay-science", startup_timeout=120)
try:
    # One that is upgraded, and one that is added.
    assert "1.5 True" in run("import alpha, zmq; print(alpha.__version__, bool(zmq.__version__))")
    code = "import time; print('started', flush=True); time.sleep(99)"
    assert "KeyboardInterrupt" in run(code, interrupt=True)
    pid = run("import os; print(os.getpid())")
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=120)
    assert run("import os; print(os.getpid())") != pid
    assert "1.5" in run("import alpha; print(alpha.__version__)")
    said = run("%pip install --no-deps alpha==1.0")
    assert "-> conda overlay install --no-deps alpha==1.0" in said and "Proceed" not in said, said
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""


@pytest.mark.network
def test_lab_with_extensions_nbconvert_and_kernels_all_from_the_overlay(
    online: Bench, wheels: Path
) -> None:
    words = ["--find-links", str(wheels), "alpha==1.5", "jupyterlab", "jupyterlab_widgets"]
    online.install(*words)
    home, jupyter = online.user.home, str(online.overlay / "bin" / "jupyter")
    activated = online.json("env")["variables"]
    listed = online.user.run([jupyter, "labextension", "list"], env=activated)
    assert "@jupyter-widgets/jupyterlab-manager" in listed.stderr + listed.stdout, listed
    (home / "n.ipynb").write_text(json.dumps(NOTEBOOK))
    convert = [jupyter, "nbconvert", "--to", "html", "--execute", str(home / "n.ipynb")]
    convert += ["--output-dir", str(home)]
    done = online.user.run(convert)  # not activated
    assert done.returncode == 0 and ">42\n" in (home / "n.html").read_text(), done
    assert online.run("kernel", "install", *online.where).returncode == 0
    (home / "kernel.py").write_text(KERNEL)
    done = online.user.run([online.overlay / "bin" / ".python", home / "kernel.py"])
    assert done.returncode == 0, done
    lab = [jupyter, "lab", "--no-browser", "--IdentityProvider.token=x", "--port=0"]
    root = os.geteuid() == 0
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(
            lab,
            env=online.user.environ(activated),
            cwd=home,
            stderr=log,
            user=online.user.uid if root else None,
            group=online.user.gid if root else None,
        ) as process,
    ):
        try:
            address = wait_for_address(home / "log")
            assert "lab" in read(f"{address}/lab?token=x")
            # Of a server extension that is switched on by a file in the overlay's etc.
            assert "specs" in json.loads(read(f"{address}/lsp/status?token=x"))
        finally:
            process.kill()


def wait_for_address(log: Path) -> str:
    """Where the server listens, as it says in its log."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                return word.partition("/lab")[0]
        time.sleep(0.2)
    pytest.fail(log.read_text())


def read(address: str) -> str:
    for _ in range(3000):
        try:
            with urlopen(address) as answer:
                assert answer.status == 200
                text: str = answer.read().decode()
                return text
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"{address} does not answer")

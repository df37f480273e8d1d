"""Run as ``python -I -S <this directory> SHELL [--dir DIR]... [--owner NAME]... [--path SUM]``.

Prints the commands that make the calling shell's environ right. Arguments are percent-encoded.
"""

from __future__ import annotations

import os
import sys

# Behind the standard library, so that nothing installed beside the plugin can hide a part of it.
sys.path[:] = [*sys.path[1:], os.path.abspath(__file__ + "/../../..")]

from conda_overlay.activation import engine, notice, shells  # noqa: E402


def main(arguments: list[str]) -> int:
    """Print the shell's commands on stdout, refusals and news on stderr."""
    shell = shells.SHELLS[arguments[0]]
    options: dict[str, list[str]] = {"--dir": [], "--owner": [], "--path": []}
    for option, value in zip(arguments[1::2], arguments[2::2], strict=True):
        options[option].append(shells.decode(value))
    outcome = engine.run(os.environ, options["--dir"], options["--owner"], *options["--path"][:1])
    for overlay, reason in outcome.news.items():
        _say(f"{overlay} is not used: {reason}.")
    if outcome.diff and not outcome.news:
        import time

        for layer in outcome.layers:
            overlay = os.path.dirname(layer.bin)
            if news := notice.news(overlay, layer.prefix, time.strftime("%Y-%m-%d")):
                _say(f"{overlay}: {'; '.join(news)}; see: conda overlay status")
    text = shell.render(outcome.diff)
    if isinstance(shell, shells.Csh) and any("\n" in (v or "") for v in outcome.diff.values()):
        text = _through_a_file(text)
    sys.stdout.buffer.write(os.fsencode(text))
    return 0


def _say(text: str) -> None:
    """Print a line on stderr."""
    text = shells.visible(text, keep="")
    sys.stderr.buffer.write(os.fsencode(f"conda-overlay: {text}\n"))


def _through_a_file(text: str) -> str:
    """For csh, which cannot evaluate a newline: the command that reads a file and removes it."""
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".csh", delete=False) as file:
        file.write(os.fsencode(text))
    quoted = shells.SHELLS["csh"].quote(file.name)
    return f"source {quoted}; rm -f {quoted};\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

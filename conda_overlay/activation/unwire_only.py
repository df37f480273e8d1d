"""Unwires shells and programs that cannot run the engine after the code that conda prints.

It is needed only if such a shell or program was started from a wired shell.
"""

from __future__ import annotations

import os
import sys

from conda_overlay.activation import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conda_overlay.activation.wiring import EnvironDiff


def unwire_other(shell: str, diff: EnvironDiff) -> None:
    """Add the unwiring to the output of conda.

    Args:
        shell: the shell's name in conda, such as ``powershell`` or ``posix+json``.
        diff: the changes that remove the wiring.
    """
    if shell.endswith("+json"):
        import atexit
        import io

        stdout, sys.stdout = sys.stdout, io.StringIO()
        atexit.register(_print_amended, sys.stdout, stdout, diff)
    elif shell == "powershell":
        sys.stdout.buffer.write(os.fsencode(shells.PowerShell().render(diff)))
        sys.stdout.flush()


def _print_amended(written: object, stdout: object, diff: EnvironDiff) -> None:
    """Print the JSON that conda wrote, and add the changed variables that it does not contain."""
    import io
    import json

    assert isinstance(written, io.StringIO) and isinstance(stdout, io.TextIOBase)
    sys.stdout = stdout
    text = written.getvalue()
    try:
        answer = json.loads(text)
        variables, path = answer["vars"], answer.get("path", {})
        export, unset = variables["export"], list(variables["unset"])
        for name, value in diff.items():
            if name in export or name in unset or name in path:
                continue
            if value is None:
                unset.append(name)
            else:
                export[name] = value
        variables["unset"] = unset
        text = json.dumps(answer, indent=2)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # an error, or an unknown format
    stdout.write(text)
    stdout.flush()

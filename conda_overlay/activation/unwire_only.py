"""The shells that are only unwired: what asks conda for their code cannot run the engine behind it.

Run only where something is wired, and such a shell or program was started in the wired one.
"""

from __future__ import annotations

import os
import sys

from conda_overlay.activation import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conda_overlay.activation.wiring import EnvironDiff


def unwire_other(shell: str, diff: EnvironDiff) -> None:
    """Add the unwiring to what conda prints.

    Args:
        shell: as conda names it, such as ``powershell`` or ``posix+json``.
        diff: what takes the wiring away.
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
    """Print the JSON that conda wrote, with the variables that it says nothing about."""
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
        pass  # an error, or a form that is not known
    stdout.write(text)
    stdout.flush()

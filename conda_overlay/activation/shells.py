"""The shells: how each spells an assignment, and the line that makes it run the engine."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from conda_overlay.activation.wiring import EnvironDiff

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=~@")


class Posix:
    """sh, bash, zsh, dash."""

    def quote(self, text: str) -> str:
        """One word, whatever it holds."""
        return "'" + text.replace("'", "'\\''") + "'"

    def export(self, name: str, value: str) -> str:
        """The command that sets and exports a variable."""
        return f"export {name}={self.quote(value)}"

    def unset(self, name: str) -> str:
        """The command that removes a variable."""
        return f"unset {name}"

    def render(self, diff: EnvironDiff) -> str:
        """The commands that make a shell's environ what the diff says."""
        commands = [
            self.unset(name) if value is None else self.export(name, value)
            for name, value in diff.items()
        ]
        return "".join(command + self.end for command in commands)

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and evaluates what it prints."""
        return 'eval "$({})"'.format(" ".join(map(self.quote, command)))

    end = "\n"


class Fish(Posix):
    """fish: variables whose names end in PATH are lists, joined with colons when exported."""

    def quote(self, text: str) -> str:
        """One word, whatever it holds."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def export(self, name: str, value: str) -> str:
        """The command that sets and exports a variable."""
        words = value.split(":") if name.endswith("PATH") else [value]
        return f"set -gx {name} " + " ".join(map(self.quote, words))

    def unset(self, name: str) -> str:
        """The command that removes a variable."""
        return f"set -e {name}"

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and evaluates what it prints."""
        return " ".join(map(self.quote, command)) + " | source"

    end = ";\n"


class Csh(Posix):
    """csh and tcsh: history is expanded inside quotes too, and a newline ends a command."""

    def quote(self, text: str) -> str:
        """One word, whatever it holds."""
        text = text.replace("'", "'\\''").replace("!", "\\!").replace("\n", "\\\n")
        return "'" + text + "'"

    def export(self, name: str, value: str) -> str:
        """The command that sets and exports a variable."""
        return f"setenv {name} {self.quote(value)}"

    def unset(self, name: str) -> str:
        """The command that removes a variable."""
        return f"unsetenv {name}"

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and evaluates what it prints.

        The semicolon in front ends a ``source`` that conda leaves without a newline.
        """
        return ';eval "`{}`";'.format(" ".join(map(self.quote, command)))

    end = ";\n"


_FAMILIES = {
    Posix(): ("posix", "sh", "bash", "zsh", "dash", "ash", "ksh"),
    Fish(): ("fish",),
    Csh(): ("csh", "tcsh"),
}
SHELLS = {name: shell for shell, names in _FAMILIES.items() for name in names}


def encode(argument: str) -> str:
    """An argument that no shell can misread; bytes outside a plain set become ``%XX``."""
    raw = argument.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if chr(b) in _PLAIN else f"%{b:02X}" for b in raw)


def decode(argument: str) -> str:
    """The reverse of `encode`."""
    head, *parts = argument.split("%")
    raw = head.encode()
    for part in parts:
        raw += bytes([int(part[:2], 16)]) + part[2:].encode()
    return raw.decode("utf-8", "surrogateescape")

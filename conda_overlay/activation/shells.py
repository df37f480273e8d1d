"""The shells: how each spells an assignment, and the line that makes it run the engine."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from conda_overlay.activation.wiring import EnvironDiff

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=~@")


class Posix:
    """sh, bash, zsh, dash."""

    escapes: tuple[tuple[str, str], ...] = (("'", "'\\''"),)
    """What stands in single quotes for what, in this order."""
    export, unset, end = "export {}={}", "unset {}", "\n"
    evaluate = 'eval "$({})"'

    def quote(self, text: str) -> str:
        """Quote a text, so that it is one word."""
        for plain, escaped in self.escapes:
            text = text.replace(plain, escaped)
        return f"'{text}'"

    def words(self, name: str, value: str) -> str:
        """The value of a variable, quoted."""
        return self.quote(value)

    def render(self, diff: EnvironDiff) -> str:
        """The commands that make a shell's environ what the diff says."""
        commands = [
            self.unset.format(name)
            if value is None
            else self.export.format(name, self.words(name, value))
            for name, value in diff.items()
        ]
        return "".join(command + self.end for command in commands)

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and evaluates what it prints."""
        return self.evaluate.format(" ".join(map(self.quote, command)))


class Fish(Posix):
    """fish: variables whose names end in PATH are lists, joined with colons when exported."""

    escapes = (("\\", "\\\\"), ("'", "\\'"))
    export, unset, end = "set -gx {} {}", "set -e {}", ";\n"
    evaluate = "{} | source"

    def words(self, name: str, value: str) -> str:
        """The value of a variable, or the items of a list, quoted."""
        return " ".join(map(self.quote, value.split(":") if name.endswith("PATH") else [value]))


class Csh(Posix):
    """csh and tcsh: history is expanded inside quotes too, and a newline ends a command.

    The semicolon in front of the line ends a ``source`` that conda leaves without a newline.
    """

    escapes = (*Posix.escapes, ("!", "\\!"), ("\n", "\\\n"))
    export, unset, end = "setenv {} {}", "unsetenv {}", ";\n"
    evaluate = ';eval "`{}`";'


SHELLS = {
    **dict.fromkeys(("posix", "sh", "bash", "zsh", "dash", "ash", "ksh"), Posix()),
    "fish": Fish(),
    **dict.fromkeys(("csh", "tcsh"), Csh()),
}


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with escapes for what is not printable, and could steer a terminal."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


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

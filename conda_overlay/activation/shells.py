"""The shells: how each spells an assignment, and the line that makes it run the engine."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from conda_overlay.activation.wiring import EnvironDiff

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=~@")


class Posix:
    """sh, bash, zsh, dash: builtins are called past any alias.

    In zsh, an array may be tied to a variable, and must not lose it: there, unset is not exported.
    A read-only variable would end dash: then nothing is changed, which a subshell finds out.
    """

    escapes: tuple[tuple[str, str], ...] = (("'", "'\\''"),)
    """What stands in single quotes for what, in this order."""
    export = "\\export {0}={1}"
    unset = (
        """if [ -n "${{ZSH_VERSION-}}" ] && \\eval '[[ ${{(t){0}}} = *tied* ]]'; """
        "then {0}=; \\typeset -g +x {0}; else \\unset {0}; fi"
    )
    end = "\n"
    evaluate = '\\eval "$({})"'

    def quote(self, text: str) -> str:
        """Quote a text, so that it is one word."""
        for plain, escaped in self.escapes:
            text = text.replace(plain, escaped)
        return f"'{text}'"

    def commands(self, diff: EnvironDiff) -> str:
        """An assignment for each variable."""
        commands = [
            self.unset.format(name)
            if value is None
            else self.export.format(name, self.quote(value))
            for name, value in diff.items()
        ]
        return "".join(command + self.end for command in commands)

    def render(self, diff: EnvironDiff) -> str:
        """The commands that make a shell's environ what the diff says."""
        if not diff:
            return ""
        names = " ".join(diff)
        warning = f"conda-overlay: nothing is changed, for one of these is read-only: {names}"
        return (
            f"if (\\unset {names}) 2>/dev/null; then\n{self.commands(diff)}"
            f"else \\printf '%s\\n' {self.quote(warning)} >&2; fi\n"
        )

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and evaluates what it prints."""
        return self.evaluate.format(" ".join(map(self.quote, command)))


class Fish(Posix):
    """fish: lists are split at colons, and a universal variable is not to stay hidden."""

    escapes = (("\\", "\\\\"), ("'", "\\'"))
    export = (
        "builtin set -qU {0}; and builtin set -eg {0}; builtin set -qx {0}; "
        'and builtin test "${0}" = {1}; or builtin set -gx {0} {1}'
    )
    unset = "builtin set -eg {0}"
    end = ";\n"
    evaluate = "{} | builtin source"
    render = Posix.commands


class Csh(Posix):
    """csh and tcsh: history is expanded inside quotes too, and a newline ends a command.

    The semicolon in front of the line ends a ``source`` that conda leaves without a newline.
    """

    escapes = (*Posix.escapes, ("!", "\\!"), ("\n", "\\\n"))
    export, unset, end = "setenv {0} {1}", "unsetenv {0}", ";\n"
    evaluate = ';eval "`{}`";'

    def render(self, diff: EnvironDiff) -> str:
        """The commands; through a file, if a value has a newline, which csh cannot evaluate."""
        text = self.commands(diff)
        if not any("\n" in (value or "") for value in diff.values()):
            return text
        import os
        import tempfile

        with tempfile.NamedTemporaryFile(suffix=".csh", delete=False) as file:
            file.write(os.fsencode(text))
        quoted = self.quote(file.name)
        return f"source {quoted}; /bin/rm -f {quoted};\n"


class Xonsh(Posix):
    """xonsh: variables and commands are Python's."""

    export, unset = "${0} = {1}", "${{...}}.pop('{0}', None)"
    render = Posix.commands

    def quote(self, text: str) -> str:
        """Quote a text as Python does."""
        return repr(text)

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and executes what it prints."""
        return f"execx($(@({list(command)!r})))"


class PowerShell(Posix):
    """PowerShell, which is unwired, and not wired."""

    escapes = (("'", "''"),)
    export, unset = "$Env:{0} = {1}", "Remove-Item Env:/{0}"
    render = Posix.commands


SHELLS = {
    **dict.fromkeys(("posix", "sh", "bash", "zsh", "dash", "ash", "ksh"), Posix()),
    "fish": Fish(),
    **dict.fromkeys(("csh", "tcsh"), Csh()),
    "xonsh": Xonsh(),
}
"""The shells that can be wired."""


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

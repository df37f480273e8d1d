"""The shells: how each one assigns variables, and runs the engine, at once or by a hook.

A hook is code for a shell's start-up file that runs the engine after each activation, whichever
program made it: it is for programs that never call conda (mamba, micromamba), and for a conda that
does not load the plugin. The engine does not run while the environment and PATH are unchanged.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from conda_overlay.activation.wiring import EnvironDiff

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=~@")


_FUNCTIONS = """\
_conda_overlay_hook() {
  if [ "${CONDA_SHLVL-}:${CONDA_PREFIX-}:${PATH-}" != "${_conda_overlay_seen-}" ]; then
    LINE
    _conda_overlay_seen="${CONDA_SHLVL-}:${CONDA_PREFIX-}:${PATH-}"
  fi
}
__conda_hashr() {
  if [ -n "${ZSH_VERSION-}" ]; then \\rehash; else \\hash -r 2>/dev/null || :; fi
  _conda_overlay_seen=
  _conda_overlay_hook
}
__mamba_hashr() { __conda_hashr; }
"""
"""conda and mamba call their functions of these names after each activation, also in scripts."""

_PROMPT = """\
_conda_overlay_prompt() {
  \\local code=$?
  _conda_overlay_hook
  \\return $code
}
"""
_NOW = r'"`printenv CONDA_SHLVL CONDA_PREFIX PATH | tr \'\n\' :`"'
_PRECMD = f'test {_NOW} = "$_conda_overlay_seen" || LINE; set _conda_overlay_seen = {_NOW}'
"""The code before each prompt of tcsh; two small programs check whether anything has changed."""


class Posix:
    """sh, bash, zsh, dash; a backslash bypasses aliases of builtins.

    In zsh, an array may be tied to a variable, and unsetting would break the tie; such a variable
    is emptied and no longer exported. Unsetting a read-only variable would end dash, so a subshell
    tries it first; if it fails, nothing is changed.
    """

    escapes: tuple[tuple[str, str], ...] = (("'", "'\\''"),)
    """The replacements inside single quotes, made in this order."""
    export = "\\export {0}={1}"
    unset = (
        """if [ -n "${{ZSH_VERSION-}}" ] && \\eval '[[ ${{(t){0}}} = *tied* ]]'; """
        "then {0}=; \\typeset -g +x {0}; else \\unset {0}; fi"
    )
    end = "\n"
    evaluate = '\\eval "$({})"'
    functions = _FUNCTIONS
    """The code of the hook; LINE stands for the line that runs the engine."""

    def quote(self, text: str) -> str:
        """Quote a text as one word."""
        for plain, escaped in self.escapes:
            text = text.replace(plain, escaped)
        return f"'{text}'"

    def commands(self, diff: EnvironDiff) -> str:
        """The commands that set or unset each variable."""
        commands = [
            self.unset.format(name)
            if value is None
            else self.export.format(name, self.quote(value))
            for name, value in diff.items()
        ]
        return "".join(command + self.end for command in commands)

    def render(self, diff: EnvironDiff) -> str:
        """The commands that apply a diff to a shell's environ."""
        if not diff:
            return ""
        names = " ".join(diff)
        reason = "nothing was changed because one of these variables is read-only"
        warning = f"conda-overlay: {reason}: {names}"
        return (
            f"if (\\unset {names}) 2>/dev/null; then\n{self.commands(diff)}"
            f"else \\printf '%s\\n' {self.quote(warning)} >&2; fi\n"
        )

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and evaluates its output."""
        return self.evaluate.format(" ".join(map(self.quote, command)))

    def hook(self, command: Sequence[str]) -> str:
        """The code for a start-up file that runs a command after each activation."""
        return f"{self.functions.replace('LINE', self.line(command))}_conda_overlay_hook\n"


class Bash(Posix):
    """bash: the hook also runs at the prompt."""

    functions = f"""{_FUNCTIONS}{_PROMPT}\
case ";${{PROMPT_COMMAND-}};" in
  *";_conda_overlay_prompt;"*) ;;
  *) PROMPT_COMMAND="_conda_overlay_prompt${{PROMPT_COMMAND:+;$PROMPT_COMMAND}}" ;;
esac
"""


class Zsh(Posix):
    """zsh: the hook also runs at the prompt; options such as KSH_ARRAYS change what arrays mean."""

    functions = f"""{_FUNCTIONS}{_PROMPT}\
_conda_overlay_add_prompt() {{
  \\emulate -L zsh
  typeset -ga precmd_functions
  if [[ -z "${{precmd_functions[(r)_conda_overlay_prompt]-}}" ]]; then
    precmd_functions=(_conda_overlay_prompt $precmd_functions)
  fi
}}
_conda_overlay_add_prompt
\\unfunction _conda_overlay_add_prompt
"""


class Fish(Posix):
    """fish: it splits lists at colons, and a global variable must not hide a universal one."""

    escapes = (("\\", "\\\\"), ("'", "\\'"))
    export = (
        "builtin set -qU {0}; and builtin set -eg {0}; builtin set -qx {0}; "
        'and builtin test "${0}" = {1}; or builtin set -gx {0} {1}'
    )
    unset = "builtin set -eg {0}"
    end = ";\n"
    evaluate = "{} | builtin source"
    functions = """\
function _conda_overlay_hook --on-variable CONDA_SHLVL --on-event fish_prompt
  builtin set -l now "$CONDA_SHLVL:$CONDA_PREFIX:$PATH"
  if builtin set -q argv[1]; or builtin test "$now" != "$_conda_overlay_seen"
    LINE
    builtin set -g _conda_overlay_seen "$CONDA_SHLVL:$CONDA_PREFIX:$PATH"
  end
end
"""
    render = Posix.commands


class Csh(Posix):
    """csh and tcsh: history is expanded even inside quotes, and a newline ends a command.

    The semicolon before the line ends a ``source`` that conda prints without a newline.
    """

    escapes = (*Posix.escapes, ("!", "\\!"), ("\n", "\\\n"))
    export, unset, end = "setenv {0} {1}", "unsetenv {0}", ";\n"
    evaluate = ';eval "`{}`";'

    def hook(self, command: Sequence[str]) -> str:
        """The code for a start-up file: an alias that tcsh runs before each prompt."""
        code = self.quote(_PRECMD.replace("LINE", self.line(command).strip(";")))
        alias = f"alias _conda_overlay_hook {code};\nalias precmd _conda_overlay_hook;\n"
        return f'set _conda_overlay_seen = "";\n{alias}'

    def render(self, diff: EnvironDiff) -> str:
        """The commands; in a file if a value contains a newline, which csh cannot evaluate."""
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
    """xonsh: variables and commands are Python code."""

    export, unset = "${0} = {1}", "${{...}}.pop('{0}', None)"
    render = Posix.commands
    functions = """\
@events.on_pre_prompt
def _conda_overlay_hook(seen=[None], **kwargs):
    now = [__xonsh__.env.detype().get(name) for name in ("CONDA_SHLVL", "CONDA_PREFIX", "PATH")]
    if now != seen[0]:
        LINE
        seen[0] = [__xonsh__.env.detype().get(n) for n in ("CONDA_SHLVL", "CONDA_PREFIX", "PATH")]
"""

    def hook(self, command: Sequence[str]) -> str:
        """The code for a start-up file: an event handler that runs before each prompt."""
        return self.functions.replace("LINE", self.line(command))

    def quote(self, text: str) -> str:
        """Quote a text as Python does."""
        return repr(text)

    def line(self, command: Sequence[str]) -> str:
        """The line that runs a command and executes its output."""
        return f"execx($(@({list(command)!r})))"


class PowerShell(Posix):
    """PowerShell, which can be unwired but not wired."""

    escapes = (("'", "''"),)
    export, unset = "$Env:{0} = {1}", "Remove-Item Env:/{0}"
    render = Posix.commands


SHELLS = {
    **dict.fromkeys(("posix", "sh", "dash", "ash", "ksh"), Posix()),
    "bash": Bash(),
    "zsh": Zsh(),
    "fish": Fish(),
    **dict.fromkeys(("csh", "tcsh"), Csh()),
    "xonsh": Xonsh(),
}
"""The shells that can be wired."""


def visible(text: str, keep: str = "\n\t") -> str:
    """Escape the characters of a text that are not printable and could control a terminal."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def percent_encode(argument: str) -> str:
    """Encode an argument so that no shell can misread it; unusual bytes become ``%XX``."""
    raw = argument.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if chr(b) in _PLAIN else f"%{b:02X}" for b in raw)


def percent_decode(argument: str) -> str:
    """Reverse `percent_encode`."""
    head, *parts = argument.split("%")
    raw = head.encode()
    for part in parts:
        raw += bytes([int(part[:2], 16)]) + part[2:].encode()
    return raw.decode("utf-8", "surrogateescape")

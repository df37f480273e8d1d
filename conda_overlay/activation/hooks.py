"""Functions for a shell's start-up file, which run the engine after whatever activates.

For what never calls conda (mamba, micromamba), and for a conda that does not load the plugin. They
start nothing while neither the environment nor PATH has changed.
"""

from __future__ import annotations

from conda_overlay.activation import shells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_POSIX = """\
_conda_overlay_hook() {
  if [ "${CONDA_SHLVL-}:${CONDA_PREFIX-}:${PATH-}" != "${_conda_overlay_seen-}" ]; then
    LINE
    _conda_overlay_seen="${CONDA_SHLVL-}:${CONDA_PREFIX-}:${PATH-}"
  fi
}
__conda_hashr() {
  if [ -n "${ZSH_VERSION-}" ]; then \\rehash; else \\hash -r 2>/dev/null || :; fi
  _conda_overlay_hook
}
__mamba_hashr() { __conda_hashr; }
"""
"""Theirs of these names are called at the end of each activation, in scripts, too."""

_PROMPT = """\
_conda_overlay_prompt() {
  \\local code=$?
  _conda_overlay_hook
  \\return $code
}
"""

_NOW = r'"`printenv CONDA_SHLVL CONDA_PREFIX PATH | tr \'\n\' :`"'
_CSH = f'test {_NOW} = "$_conda_overlay_seen" || LINE; set _conda_overlay_seen = {_NOW}'
"""A command; the others are whole. Two small programs look whether something has changed."""

TEMPLATES = {
    "sh": _POSIX,
    "bash": _POSIX
    + _PROMPT
    + """\
case ";${PROMPT_COMMAND-};" in
  *";_conda_overlay_prompt;"*) ;;
  *) PROMPT_COMMAND="_conda_overlay_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}" ;;
esac
""",
    "zsh": _POSIX
    + _PROMPT
    + """\
typeset -ga precmd_functions
if [[ -z "${precmd_functions[(r)_conda_overlay_prompt]-}" ]]; then
  precmd_functions=(_conda_overlay_prompt $precmd_functions)
fi
""",
    "fish": """\
function _conda_overlay_hook --on-variable CONDA_SHLVL --on-event fish_prompt
  builtin set -l now "$CONDA_SHLVL:$CONDA_PREFIX:$PATH"
  if builtin test "$now" != "$_conda_overlay_seen"
    LINE
    builtin set -g _conda_overlay_seen "$CONDA_SHLVL:$CONDA_PREFIX:$PATH"
  end
end
""",
    "xonsh": """\
@events.on_pre_prompt
def _conda_overlay_hook(seen=[None], **kwargs):
    now = [__xonsh__.env.detype().get(name) for name in ("CONDA_SHLVL", "CONDA_PREFIX", "PATH")]
    if now != seen[0]:
        LINE
        seen[0] = [__xonsh__.env.detype().get(n) for n in ("CONDA_SHLVL", "CONDA_PREFIX", "PATH")]
""",
}
TEMPLATES |= {"dash": _POSIX, "posix": _POSIX, "ksh": _POSIX, "ash": _POSIX}
TEMPLATES |= {"tcsh": _CSH, "csh": _CSH}


def text(shell: str, command: Sequence[str]) -> str:
    """The code for a shell's start-up file.

    Args:
        shell: one of `TEMPLATES`.
        command: that prints what to do, as of `startup.command`.
    """
    syntax = shells.SHELLS[shell]
    code = TEMPLATES[shell].replace("LINE", syntax.line(command).strip(";"))
    if TEMPLATES[shell] is not _CSH:
        return code if shell == "xonsh" else f"{code}_conda_overlay_hook\n"
    alias = f"alias _conda_overlay_hook {syntax.quote(code)};\nalias precmd _conda_overlay_hook;\n"
    return f'set _conda_overlay_seen = "";\n{alias}'

"""The hook wires where mamba activates, which never calls conda, and starts nothing in between."""

from __future__ import annotations

import os
import pty
import select
import time

import pytest

from tests.activation.made import Overlay
from tests.bed import shells
from tests.bed.condas import Conda
from tests.bed.users import User
from tests.bench import PATIENCE
from tests.long import first

STAND_IN = """\
#!/bin/sh
# Prints what mamba does: the environment's bin in front of PATH, and conda's variables.
case "$2" in
  activate) prefix="$4" level=1 path="$4/bin:$OLD_PATH" ;;
  deactivate) prefix= level=0 path="$OLD_PATH" ;;
esac
case "$3" in
  fish) echo "set -gx PATH (string split : '$path'); set -gx CONDA_PREFIX '$prefix'"
        echo "set -gx CONDA_SHLVL $level" ;;
  tcsh) echo "setenv PATH '$path'; setenv CONDA_PREFIX '$prefix'; setenv CONDA_SHLVL $level;" ;;
  *) echo "export PATH='$path' CONDA_PREFIX='$prefix' CONDA_SHLVL=$level" ;;
esac
"""
POSIX = """\
__mamba_hashr() { hash -r; }
mamba() { eval "$("$MAMBA" shell "$1" sh "${2-}")"; __mamba_hashr; }
"""
MAMBA = {
    "bash": POSIX,
    "zsh": POSIX,
    "dash": POSIX,
    "fish": "function mamba; eval ($MAMBA shell $argv[1] fish $argv[2] | string collect); end\n",
    "tcsh": "alias mamba 'eval \"`$MAMBA shell \\!:1 tcsh \\!:2*`\"'\n",
}
HOOK = {
    "fish": "'{conda}' overlay hook fish | source\n",
    "tcsh": 'eval "`{conda} overlay hook tcsh`"\n',
}


@pytest.fixture
def environ(alice: User) -> dict[str, str | None]:
    mamba = alice.home / "mamba"
    mamba.write_text(STAND_IN)
    mamba.chmod(0o755)
    return {"MAMBA": str(mamba), "OLD_PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "dumb"}


@first(1)
@pytest.mark.parametrize("name", [name for name in shells.ACTIVATING if name != "tcsh"])
def test_mamba_activates_with_the_overlay_and_deactivates_without(
    name: str,
    conda: Conda,
    alice: User,
    over_science: Overlay,
    over_daq: Overlay,
    environ: dict[str, str | None],
) -> None:
    started = shells.started(name, lenient=True)
    hook = HOOK.get(name, "eval \"$('{conda}' overlay hook NAME)\"\n").replace("NAME", name)
    lines = [MAMBA[name], hook.format(conda=conda.executable)]
    for step in (f"activate {over_science.prefix}", f"activate {over_daq.prefix}", "deactivate"):
        lines.append(f"mamba {step}\n/usr/bin/env | grep -E '^(PATH|PYTHONPATH)='; echo +-+\n")
    script = alice.home / "script"
    script.write_text("".join(lines))
    done = alice.run([*started, script], env=environ)
    science, daq, after = done.stdout.split("+-+\n")[:3]
    assert f"PATH={over_science.bin}:{over_science.prefix}/bin:" in science, done
    assert f"PYTHONPATH={over_science.site}\n" in science
    assert f"PYTHONPATH={over_daq.site}\n" in daq and str(over_science.path) not in daq
    assert "PYTHONPATH" not in after and after.strip() == f"PATH={environ['OLD_PATH']}"


@pytest.mark.parametrize("name", ["bash", "zsh", "dash", "fish"])
def test_activating_again_wires_an_overlay_that_is_new(
    name: str,
    conda: Conda,
    alice: User,
    over_science: Overlay,
    environ: dict[str, str | None],
) -> None:
    hook = HOOK.get(name, "eval \"$('{conda}' overlay hook NAME)\"\n").replace("NAME", name)
    path, prefix = over_science.path, over_science.prefix
    lines = [MAMBA[name], hook.format(conda=conda.executable), f"mv {path} {path}.away\n"]
    lines += [f"mamba activate {prefix}\n", 'echo "first=$PYTHONPATH"\n']
    lines += [f"mv {path}.away {path}\nmamba activate {prefix}\n", 'echo "again=$PYTHONPATH"\n']
    script = alice.home / "script"
    script.write_text("".join(lines))
    done = alice.run([*shells.started(name, lenient=True), script], env=environ)
    assert done.stdout.splitlines()[-2:] == ["first=", f"again={over_science.site}"], done


@pytest.mark.parametrize("options", ["extendedglob", "ksharrays nounset"])
@pytest.mark.parametrize("own", ["a b c", ""])
def test_zsh_keeps_the_hooks_of_its_prompt(
    conda: Conda, alice: User, options: str, own: str
) -> None:
    hook = f"eval \"$('{conda.executable}' overlay hook zsh)\"\n"
    script = alice.home / "script"
    array = f"precmd_functions=({own})\n" if own else ""
    shown = 'print -r -- "${precmd_functions[@]}"\n'
    script.write_text(f"setopt {options}\n{array}{hook}{hook}{shown}")
    done = alice.run([*shells.started("zsh", lenient=True), script])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["_conda_overlay_prompt", *own.split()]


def test_tcsh_wires_at_its_prompt(
    conda: Conda, alice: User, over_science: Overlay, environ: dict[str, str | None]
) -> None:
    tcsh = shells.started("tcsh", lenient=True)
    typed = [
        MAMBA["tcsh"].strip(),
        HOOK["tcsh"].format(conda=conda.executable).strip(),
        f"mamba activate {over_science.prefix}",
        "echo at=$PYTHONPATH",
        "mamba deactivate",
        "echo after=$?PYTHONPATH",
    ]
    said = at_a_terminal(alice, tcsh, typed, environ)
    assert f"at={over_science.site}\r\n" in said
    assert "after=0\r\n" in said


def test_nothing_is_started_while_nothing_has_changed(
    conda: Conda, alice: User, over_science: Overlay, environ: dict[str, str | None]
) -> None:
    """At the prompt of bash; the Python of the engine is one that counts."""
    hook = alice.run([conda.executable, "overlay", "hook", "bash"]).stdout
    counting = alice.home / "python"
    started = "#!/bin/sh\necho started >> ~/count\n"
    counting.write_text(f'{started}exec {conda.prefix}/bin/python "$@"\n')
    counting.chmod(0o755)
    (alice.home / "rc").write_text(hook.replace(f"{conda.prefix}/bin/python", str(counting)))
    typed = [". ~/rc", ":", ":", "cd /", "false\necho code=$?", "export PATH=$PATH:/x", ":"]
    said = at_a_terminal(alice, shells.started("bash", lenient=True), typed, environ)
    assert "code=1\r\n" in said
    assert (alice.home / "count").read_text() == "started\n" * 2


def at_a_terminal(
    user: User, argv: list[str], typed: list[str], environ: dict[str, str | None]
) -> str:
    """Type lines to an interactive shell, and return what the terminal shows."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir("/")
        if os.geteuid() == 0:
            os.setgroups([user.gid])
            os.setgid(user.gid)
            os.setuid(user.uid)
        os.execvpe(argv[0], argv, user.environ(environ))
    said = b""
    for number, line in enumerate([*typed, "exit"]):
        os.write(terminal, f"{line}; echo d''one{number}\n".encode())
        end = time.monotonic() + PATIENCE
        while f"done{number}".encode() not in said and line != "exit":
            assert time.monotonic() < end, said.decode(errors="replace")
            if select.select([terminal], [], [], 1)[0]:
                said += os.read(terminal, 65536)
    os.close(terminal)
    os.waitpid(pid, 0)
    return said.decode(errors="replace")

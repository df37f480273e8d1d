"""The demo: ``python3 -m tests.demo``.

A real conda, an environment of root's with real distributions in it, and a user without privileges
who adds one and replaces another. Every command is shown with what it prints, and what has to be
seen is checked: the exit code is 1 if it was not.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bed import base, cpython, environment, place, users
from tests.bed.command import checked
from tests.bed.users import User

WIDTH = 88
PINS = "flask==2.3.0 werkzeug==2.3.0 click==8.1.3 requests==2.31.0"
IMPORTS = "import cowsay, flask, werkzeug, click"
PRINT = "print(cowsay, flask, werkzeug, click, sep='\\n')"

ASK = """\
python -c "
from requests import Request, adapters
print()
print(adapters.HTTPAdapter().request_url(Request('GET', 'http://localhost//v:h').prepare(), None))
\""""
FIX = """\
diff --git a/src/requests/adapters.py b/src/requests/adapters.py
--- a/src/requests/adapters.py
+++ b/src/requests/adapters.py
@@ -391,6 +391,9 @@ def request_url(self, request, proxies):
             using_socks_proxy = proxy_scheme.startswith("socks")
 
         url = request.path_url
+        if url.startswith("//"):  # Don't confuse urllib3
+            url = f"/{url.lstrip('/')}"
+
         if is_proxied_http_request and not using_socks_proxy:
             url = urldefragauth(request.url)
 
diff --git a/tests/test_adapters.py b/tests/test_adapters.py
new file mode 100644
--- /dev/null
+++ b/tests/test_adapters.py
@@ -0,0 +1 @@
+import requests.adapters
"""  # noqa: W293


class SurpriseError(Exception):
    """Something is not as it should be."""


class Shell:
    """A bash in which commands run one after the other, visibly."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def show(self, sentence: str, command: str, *shown: str, fails: bool = False) -> None:
        """Say what is to be seen, print a command, and run it.

        Args:
            sentence: What is to be seen.
            command: A line of bash.
            shown: What its output has to contain.
            fails: Whether it has to fail, and not to succeed.

        Raises:
            SurpriseError: It was otherwise.
        """
        say(sentence)
        print(f"$ {command}", flush=True)
        code, output = self._run(command, visible=True)
        if (code != 0) != fails:
            raise SurpriseError(f"`{command}` exited with {code}")
        for text in shown:
            if text not in output:
                raise SurpriseError(f"`{command}` did not print {text!r}")

    def run(self, command: str) -> str:
        """Run a command and return its output, and show neither."""
        return self._run(command, visible=False)[1]

    def _run(self, command: str, *, visible: bool) -> tuple[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # bash reads its commands from the same input as they would, so they get another.
        line = f"eval {shlex.quote(command)} </dev/null; printf '\\036%s\\n' $?\n"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        output = ""
        for raw in self._process.stdout:
            text, end, code = raw.decode(errors="replace").partition("\036")
            output += text
            if visible:
                print(text, end="", flush=True)
            if end:
                return int(code), output
        raise SurpriseError(f"`{command}` ended the shell")


def main() -> int:
    """Show it all, and return the exit code."""
    os.umask(0o022)  # for other users read files that the demo makes
    try:
        with place.scratch() as scratch:
            conda = base.clone(base.floor_base(), scratch / "conda")
            base.install_plugin(conda)
            host = administer(conda)
            before = environment.tree_hash(host)
            overlay(conda, host)
            fork(conda)
            compare(before, environment.tree_hash(host))
            user = users.user("overlay-alice")
            edits(conda, host, user)
            if os.geteuid() == 0:  # else there is one user alone
                cycle(conda, host, user, scratch)
    except SurpriseError as surprise:
        print(f"\nThe demo failed: {surprise}.", file=sys.stderr)
        return 1
    print("\nAll was as it should be.")
    return 0


def administer(conda: Path) -> Path:
    """Make an environment that nobody else can change."""
    host = conda / "envs" / "science"
    title(f"The administrator of {conda} makes an environment")
    with bash(clean_environ()) as shell, tempfile.TemporaryDirectory() as nobody:
        shell.run(f"source {conda}/etc/profile.d/conda.sh; export HOME={nobody}")
        shell.show(
            "A real conda makes a real environment, from a channel in a local directory.",
            f"conda create --quiet --yes -n science python={cpython.default().xy}",
            "python-",
        )
        # conda must not note the environment in the real home, but pip's configuration is there.
        shell.run(f"export HOME={shlex.quote(str(Path.home()))}; conda activate base")
        shell.show(
            "It gets distributions from PyPI, not the newest ones, and a pip.",
            f"pip --python {host} install --quiet \\\n    pip {PINS}",
        )
        shell.show("This is what is in it now.", "conda list -n science", "2.3.0")
    environment.protect(host)
    return host


def overlay(conda: Path, host: Path) -> None:
    """Use the environment, and more than is in it, as somebody who cannot change it."""
    user = users.user("overlay-alice")
    title(f"{user.name} needs more than is in it")
    owner = "root"
    if os.geteuid() != 0:
        owner = user.name
        say("You are not root, so the environment is yours as well, but read-only.")
    with bash(clean_environ(user), user) as shell:
        shell.show("This is an ordinary user.", "id", user.name)
        shell.show("The shell learns of conda.", f"source {conda}/etc/profile.d/conda.sh")
        before = shell.run("env -0")
        shell.show("The environment serves as always.", "conda activate science")
        shell.show("Its flask is 2.3.0.", "flask --version", "Flask 2.3.0")
        shell.show("The user cannot write to it:", "ls -ld $CONDA_PREFIX", owner)
        shell.show("nor by hand,", "touch $CONDA_PREFIX/file", "Permission denied", fails=True)
        shell.show(
            "nor by pip.", "pip install -q --no-user cowsay", "Permission denied", fails=True
        )
        shell.show(
            "But conda overlay adds a distribution that the environment lacks, from PyPI.",
            "conda overlay install --yes --reason 'we need cows' cowsay",
            "added:",
            "Revision 1",
            "To use it in this shell: conda activate science",
        )
        shell.show(
            "And it replaces one that the environment has, with what the new one needs newer.",
            "conda overlay install --yes --upgrade flask",
            "instead of the environment's:",
            "2.3.0 -> 3.",
            "werkzeug",
            "Revision 2",
        )
        shell.show("From the next activation on, both are there.", "conda activate science")
        shell.show(
            "Imports find both, and werkzeug came along; what need not move is the host's.",
            f'python -c "{IMPORTS}; {PRINT}"',
            f"{user.home}/.conda/overlays/science/lib/python{cpython.default().xy}",
            "site-packages/cowsay/",
            f"{host}/lib/python{cpython.default().xy}/site-packages/click/",
        )
        shell.show("So do console scripts.", "cowsay -t 'Moo from an overlay'", "Moo from")
        shell.show("This one runs the new flask.", "flask --version", "Flask 3.", "Werkzeug 3.")
        shell.show(
            "A script of the overlay needs no activation, and so can run from cron.",
            "env -i ~/.conda/overlays/science/bin/cowsay -t hi",
            "| hi |",
        )
        shell.show(
            "The overlay knows what is in it, over what, since when, by whom and why.",
            "conda overlay status",
            "cowsay",
            "we need cows",
            "2.3.0",
        )
        shell.show("Back to where we were:", "conda deactivate")
        shell.show("the shell is as if it had never been activated.", "type flask", fails=True)
        say("The environ, before and after, are compared byte for byte.")
        changed = variables(before) ^ variables(shell.run("env -0"))
        if changed:
            raise SurpriseError(f"the environ has changed: {sorted(changed)}")
        print("They are equal.")


def fork(conda: Path) -> None:
    """Make a whole environment that matches it, and follow when the baseline has changed."""
    user = users.user("overlay-alice")
    title(f"{user.name} needs an environment of her own")
    with bash(clean_environ(user), user) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh")
        shell.show(
            "A list says what the environment consists of, each package by URL and hash.",
            "conda overlay export --baseline -n science -f science.txt && cat science.txt",
            "@EXPLICIT",
            "python-",
            "# pip Flask==2.3.0",
        )
        shell.show(
            "A fork is an ordinary environment that matches it, but for what one says.",
            "conda overlay fork --yes --from ./science.txt -n mine cowsay",
            "Created ",
        )
        shell.show("It is the user's own,", "conda activate mine && cowsay -t hi", "| hi |")
        shell.show("and has what the baseline has.", "conda list '^(python|flask)$'", "2.3.0")
        shell.show(
            "The next cycle has a newer click.", "sed -i s/click==8.1.3/click==8.1.7/ science.txt"
        )
        shell.show(
            "Activation says so, once;", "conda deactivate; conda activate mine", "has changed"
        )
        shell.show("status says what.", "conda overlay status", "click (pip) 8.1.3 -> 8.1.7")
        shell.show(
            "It is made anew, beside the old one, which stays until the new one works.",
            "conda overlay fork --yes --recreate -n mine",
            "Created ",
        )
        look = "import importlib.metadata as m; print(m.version('click'))"
        shell.show("That is all.", f'python -c "{look}"', "8.1.7")


def edits(conda: Path, host: Path, user: User) -> None:
    """Fix a distribution of the environment by hand, and follow when it gets a newer one."""
    title("Three lines of the environment's requests are wrong")
    with bash(clean_environ(user), user) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh; conda activate science")
        shell.show("It takes this path for the name of a host:", ASK, "\n//v:h\n")
        shell.run(f"cat > fix.patch <<'END'\n{FIX}END")
        shell.show(
            "A pull request has the fix, which goes into a copy of requests in the overlay.",
            "conda overlay patch --yes requests fix.patch --reason 'PR 6644'",
            "edited: adapters.py +3 -0",
            "no part of requests, so left out: tests/test_adapters.py",
        )
        shell.show("It works.", f"conda activate science; {ASK}", "\n/v:h\n")
        shell.show(
            "Other lines are edited by hand; on a terminal this opens the editor.",
            "FILE=$(conda overlay edit --yes requests.models --no-editor | tail -n 1); echo $FILE",
            f"{user.home}/.conda/overlays/science/lib/",
        )
        limit = "DEFAULT_REDIRECT_LIMIT = 3"
        shell.run(f"sed -i 's/^{limit}0/{limit}/' \"$FILE\"")
        shell.show(
            "What was edited becomes a revision, with its reason.",
            "conda overlay record --yes --reason 'ticket 1234'",
            "models.py +1 -1",
        )
        shell.show(
            "All of it is a patch, to send upstream.",
            "conda overlay export --format patch",
            "# PR 6644; ticket 1234",
            f"+{limit}",
        )
        administer_update(host)
        shell.show("The next activation says so.", "conda activate science", "has changed")
        shell.show(
            "The same edits are made in the new requests, but for those that it has.",
            "conda overlay rebase --yes",
            "edited: models.py +1 -1",
        )
        code = "import requests.models as m; print(m.__version__, m.DEFAULT_REDIRECT_LIMIT)"
        code = code.replace("m.__version__", "__import__('requests').__version__")
        shell.show("Both are there:", f'python -c "{code}"; {ASK}', "2.32.3 3\n", "\n/v:h\n")


def administer_update(host: Path) -> None:
    """Give the environment a newer requests, as its administrator."""
    title("The administrator updates the environment")
    environment.unprotect(host)
    with bash(clean_environ()) as shell:
        shell.run(f"source {host.parents[1]}/etc/profile.d/conda.sh; conda activate base")
        shell.show(
            "Its requests has the fix of adapters.py.",
            f"pip --python {host} install --quiet requests==2.32.3",
        )
    environment.protect(host)


def cycle(conda: Path, host: Path, user: User, scratch: Path) -> None:
    """Give a fix to everybody on shift, see what all have, and fold it into the next cycle's."""
    service = users.user("overlay-bob")
    layer, wanted = scratch / "beamline", scratch / "wanted.yml"
    title("The administrator makes a layer for everybody on shift")
    settings = (
        f"plugins:\n  overlay_dirs: ['~/.conda/overlays', 'beamline={layer}']\n"
        f"  overlay_trusted_owners: [{service.name}]\n"
    )
    with bash(clean_environ()) as shell:
        shell.run(f"printf %s {shlex.quote(settings)} >> {conda}/.condarc")
        shell.show(
            "It belongs to one account, which its users become by sudo.",
            f"install -d -o {service.name} -m 755 {layer} && tail -n 3 {conda}/.condarc",
            "beamline=",
        )
    title(f"The fix of {user.name} becomes that of the beamline")
    with bash(clean_environ(user), user) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh")
        shell.run("conda overlay install -n science --yes cowsay --reason 'we need cows'")
        shell.show(
            "Patch, reason and author go into a file.",
            "conda overlay export -n science requests -f fix.toml && grep '^by' fix.toml",
            user.name,
        )
    with bash(clean_environ(service), service) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh")
        shell.show(
            "The account of the layer applies it; nothing else of the layer goes.",
            f"conda overlay apply -n science --layer beamline --yes {user.home}/fix.toml",
            "edited: models.py +1 -1",
            "Revision 1",
        )
    with bash(clean_environ(user), user) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh")
        shell.show(
            "One's own copy is needed no more, for the layer has all its edits.",
            "conda overlay rebase -n science --yes; conda activate science",
            "retired: requests 2.32.3 has all its edits",
        )
        limit = "import requests.models as m; print(m.__file__, m.DEFAULT_REDIRECT_LIMIT)"
        shell.show("The layer's is in effect.", f'python -c "{limit}"', f"{layer}/science", " 3\n")
    title("The administrator looks at what all have, and makes the next environment")
    following = conda / "envs" / "science-2027"
    environment.clone(host, following)
    with bash(clean_environ()) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh; conda activate base")
        places = f"{user.home}/.conda/overlays {layer}"
        shell.show(
            "The records of all overlays are read, and nothing else of them.",
            f"conda overlay audit {places} --recipe {wanted}; cat {wanted}",
            "2 overlays",
            "cowsay",
            "we need cows",
        )
        environment.unprotect(following)
        shell.show(
            "What is wanted most goes into the next environment.",
            f"pip --python {following} install --quiet cowsay",
        )
        environment.protect(following)
        shell.show(
            "What becomes of the rest is told before anybody is surprised.",
            f"conda overlay audit {places} --against science-2027",
            "retires:",
            "cowsay",
            "to decide:",
            "requests",
            fails=True,
        )
    title("Everybody follows")
    with bash(clean_environ(user), user) as shell:
        shell.run(f"source {conda}/etc/profile.d/conda.sh")
        shell.show(
            "What the next environment has is left behind, the rest is carried over.",
            "conda overlay rebase --yes --from science -n science-2027",
            "cowsay",
            "is not carried over: the environment has the same version already",
        )
        shell.show(
            "It works.",
            "conda activate science-2027 && cowsay -t hi",
            "| hi |",
        )


def compare(before: str, after: str) -> None:
    """Show that the environment did not change.

    Raises:
        SurpriseError: It did.
    """
    title("The environment is what it was")
    say("These are hashes of all its files, their owners, modes and times, before and after.")
    print(f"sha256 {before}\nsha256 {after}")
    if before != after:
        raise SurpriseError("the environment was changed")


@contextmanager
def bash(environ: Mapping[str, str], user: User | None = None) -> Iterator[Shell]:
    """Start a bash, as another user if this one may, and end it."""
    options: dict[str, Any] = {}
    if user is not None and os.geteuid() == 0:
        options = {"user": user.uid, "group": user.gid, "extra_groups": [user.gid]}
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile"],
        env=environ,
        cwd=environ["HOME"],
        umask=0o022,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    ) as process:
        yield Shell(process)


def clean_environ(user: User | None = None) -> dict[str, str]:
    """Return the environ that the bed runs commands in, without what would mislead them."""
    printed = (
        checked(["env", "-0"]) if user is None else user.run(["env", "-0"], network=True).stdout
    )
    environ = dict(line.split("=", 1) for line in printed.split("\0") if line)
    return {**environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def variables(printed: str) -> set[str]:
    """Return what `env -0` printed, less what every command changes."""
    return {line for line in printed.split("\0") if not line.startswith("_=")}


def title(text: str) -> None:
    """Begin a part."""
    print(f"\n{text}\n{'=' * len(text)}")


def say(sentence: str) -> None:
    """Print a sentence as a comment."""
    print()
    print(*textwrap.wrap(sentence, WIDTH, initial_indent="# ", subsequent_indent="# "), sep="\n")


if __name__ == "__main__":
    sys.exit(main())

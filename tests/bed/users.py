"""Gives the tests real users without privileges, and runs commands as them."""

from __future__ import annotations

import atexit
import os
import pwd
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bed import place
from tests.bed.command import checked

_NETWORK = (
    "PIP_",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where the users of the tests find programs."""


@dataclass(frozen=True)
class User:
    """A user of this machine."""

    name: str
    """The login name."""
    uid: int
    """The user's number."""
    gid: int
    """The number of the user's only group."""
    home: Path
    """The home directory that commands run with: in the bed, empty at first, not the account's."""

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        input: str | None = None,
        timeout: float | None = 600,
        network: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in a clean environ, whatever its exit code will be.

        Args:
            argv: The command, looked up on the PATH of the clean environ.
            env: Changes to the clean environ; None unsets a variable.
            cwd: Where to run; the home directory if not given.
            input: What the command reads; nothing if not given.
            timeout: Seconds after which `subprocess.TimeoutExpired` is raised.
            network: Whether to pass on the caller's variables for pip and its way to an index.
        """
        environ = self.environ(env, network=network)
        command = [str(word) for word in argv]
        options = (
            {"user": self.uid, "group": self.gid, "extra_groups": [self.gid]}
            if os.geteuid() == 0
            else {}
        )
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            command,
            env=environ,
            cwd=cwd or self.home,
            umask=0o022,
            timeout=timeout,
            capture_output=True,
            text=True,
            **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}),
            **options,
        )

    def fresh_home(self) -> Path:
        """Make a new empty directory that belongs to this user; it goes when the tests end."""
        return _home(self.name, self.uid, self.gid)

    def empty_home(self) -> None:
        """Remove all that is in the home, and in the directory for temporary files."""
        for directory, mode in ((self.home, 0o755), (_temporary(self.home), 0o700)):
            place.empty(directory)
            _give(directory, mode, self.uid, self.gid)

    def environ(
        self, changes: Mapping[str, str | None] | None = None, *, network: bool = False
    ) -> dict[str, str]:
        """Return the clean environ, with changes; both arguments are those of `run`."""
        environ: dict[str, str | None] = {
            "HOME": str(self.home),
            "TMPDIR": str(_temporary(self.home)),
            "USER": self.name,
            "LOGNAME": self.name,
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }
        if network:
            names = [
                name for name in os.environ if name.startswith(_NETWORK) or name.lower() in _NETWORK
            ]
            environ.update({name: os.environ[name] for name in names})
        environ.update(changes or {})
        return {name: value for name, value in environ.items() if value is not None}


def user(name: str) -> User:
    """Return the user of this name, at a new home; the account is made if it does not exist.

    Only root can make accounts and become other users; for anybody else it is the current user.

    Raises:
        RuntimeError: The name is that of a privileged user.
    """
    account = _account(name) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0 and account.pw_uid == 0:
        raise RuntimeError(f"The tests need a user without privileges, which {name} is not.")
    home = _home(account.pw_name, account.pw_uid, account.pw_gid)
    return User(account.pw_name, account.pw_uid, account.pw_gid, home)


def _account(name: str) -> pwd.struct_passwd:
    with place.locked("users.lock"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            checked(["useradd", "--create-home", "--shell", "/bin/bash", "--user-group", name])
    return pwd.getpwnam(name)


def _home(name: str, uid: int, gid: int) -> Path:
    homes = place.root() / "homes"
    homes.mkdir(mode=0o755, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=homes))
    temporary = _temporary(home)
    temporary.mkdir()
    for directory, mode in ((home, 0o755), (temporary, 0o700)):
        _give(directory, mode, uid, gid)
        atexit.register(_remove_own, directory, os.getpid())
    return home


def _give(directory: Path, mode: int, uid: int, gid: int) -> None:
    directory.chmod(mode)
    if os.geteuid() == 0:
        os.lchown(directory, uid, gid)


def _temporary(home: Path) -> Path:
    """The directory beside a home for what killed commands would leave in /tmp."""
    return home.with_name(f"{home.name}.tmp")


def _remove_own(home: Path, pid: int) -> None:
    if os.getpid() == pid:  # and not a fork that ends
        place.remove(home)

"""Looks whether the tests have left alone what is not theirs.

Other people use this machine, too: that somebody makes an account, a directory in `/` or a file in
`/tmp` tells nothing of the tests. So no time of a shared place counts, but only what can be the
tests' own: files of their users, files by a name of the project, and the files that the project, or
a program that it starts, could write into a home.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

from tests.bed import place

SHARED = ("/", "/etc", "/home", "/tmp", "/var/tmp", "/dev/shm", "/run/lock")
"""The directories of a machine that all users share."""
IN_HOMES = (
    *(".conda/overlays", ".conda/overlays/*", ".conda/overlays/*/*", ".conda/overlays/.*/*/*"),
    *(".conda/envs/*", ".conda/pkgs", ".conda/condarc", ".conda/.condarc", ".condarc"),
    *(".config/conda/*", ".cache/conda-overlay", ".cache/conda-overlay/*/*"),
    *(".local/share/jupyter/kernels/*", ".local/share/jupyter/kernels/*/*"),
    *(".local/bin/*", ".local/lib/python*/site-packages/*"),
    *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile"),
    *(".zshrc", ".zshenv", ".zprofile", ".zlogin", ".cshrc", ".tcshrc", ".login", ".kshrc"),
    *(".config/fish/config.fish", ".config/fish/conf.d/*", ".config/fish/functions/*"),
    *(".xonshrc", ".config/xonsh/*", ".config/powershell/*"),
)
"""What the project, conda, pip or their set-up of a shell could write into a home."""
ENVIRONMENTS = ".conda/environments.txt"
"""The list of environments that conda keeps in a home: a line of the bed is the tests' own."""
SYSTEM = ("etc/conda", "etc/conda/*", "etc/profile.d/conda*", "usr/local/share/jupyter/kernels/*")
"""What root could write outside a home."""
_NAME, _BED = "conda-overlay-", "conda-overlay-bed-"
"""How names of the project's temporary directories begin, and those of a bed elsewhere."""
_DEEP, _MANY = 4, 10_000
"""Levels of directories, and entries of each, that are looked at."""
_PATIENCE = 30.0
"""Seconds in which another worker, or another checkout, can remove what it needs for a moment."""

Facts = dict[str, str]


@dataclass(frozen=True)
class Outside:
    """The places of a machine that the tests leave alone, and who the tests are."""

    shared: tuple[Path, ...]
    """Directories of which owner and mode stay, and where nothing new is the tests' own."""
    homes: tuple[Path, ...]
    """Directories in which nothing of `IN_HOMES` is new, changed or gone."""
    system: Path
    """The same, of `SYSTEM`."""
    users: frozenset[int]
    """The numbers of the users who are nobody else than the tests."""
    bed: Path
    """The directory of the tests' own files."""

    def facts(self) -> Facts:
        """Take down all that counts."""
        found: Facts = {}
        for directory in (*self.shared, *self.homes):
            found[str(directory)] = _owner_and_mode(directory.stat())
        for directory in self.shared:
            found.update(self._own(directory, _DEEP))
        written = [*product(self.homes, IN_HOMES), *product([self.system], SYSTEM)]
        for home, pattern in written:
            paths = (path for path in home.glob(pattern) if path.name != "__pycache__")
            found.update(_content(path) for path in paths)
        for home in self.homes:
            found.update(self._environments(home / ENVIRONMENTS))
        return found

    def _own(self, directory: Path, depth: int) -> Iterator[tuple[str, str]]:
        """Yield what is the tests' own, also in directories where everybody can make files."""
        try:
            entries = [*islice(os.scandir(directory), _MANY)]
        except OSError:  # somebody else's, or gone
            return
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if Path(entry.path) == self.bed or entry.name.startswith(_BED):
                continue
            if status.st_uid in self.users or entry.name.startswith(_NAME):
                # A time of their own file tells of nobody else.
                facts = f"inode {status.st_ino} of {status.st_ctime_ns}"
                yield entry.path, f"{_owner_and_mode(status)}, {facts}"
            elif stat.S_ISDIR(status.st_mode) and status.st_mode & 0o002 and depth:
                yield from self._own(Path(entry.path), depth - 1)

    def _environments(self, file: Path) -> Iterator[tuple[str, str]]:
        if file.is_file():
            for line in file.read_text(errors="replace").splitlines():
                if self.bed in Path(line).parents:
                    yield f"{line} in {file}", "there"


def of_this_machine(users: Iterable[str]) -> Outside:
    """Return the places of this machine, and the accounts of the tests.

    Without root the only account is the caller's, whose files are not the tests' alone.
    """
    caller = pwd.getpwuid(os.geteuid())
    accounts = [pwd.getpwnam(name) for name in users] if os.geteuid() == 0 else []
    homes = dict.fromkeys(account.pw_dir for account in (caller, *accounts))
    return Outside(
        shared=tuple(path for path in map(Path, SHARED) if path.is_dir()),
        # Some programs are given / as their home.
        homes=tuple(path for path in map(Path, (*homes, "/")) if path.is_dir()),
        system=Path("/"),
        users=frozenset(account.pw_uid for account in accounts),
        bed=place.root(),
    )


@contextmanager
def unchanged(outside: Outside, patience: float = _PATIENCE) -> Iterator[None]:
    """Look before and after.

    Args:
        outside: The places.
        patience: For how long, in seconds, a change may stay before it counts.

    Raises:
        AssertionError: The tests have left something there; the message says where, and which.
    """
    before = outside.facts()
    yield
    end = time.monotonic() + patience
    while (changes := _changes(before, outside.facts())) and time.monotonic() < end:
        time.sleep(0.5)
    assert not changes, "The tests have changed what is not theirs: " + "; ".join(changes)


def _changes(before: Facts, after: Facts) -> list[str]:
    return [
        f"{path}: was {before.get(path, 'absent')} and is {after.get(path, 'absent')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _owner_and_mode(status: os.stat_result) -> str:
    return f"of {status.st_uid}:{status.st_gid}, mode {oct(status.st_mode)}"


def _content(path: Path) -> tuple[str, str]:
    try:
        status = path.lstat()
        facts = _owner_and_mode(status)
        if stat.S_ISLNK(status.st_mode):
            facts += f", to {path.readlink()}"
        elif stat.S_ISREG(status.st_mode):
            facts += f", sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    except OSError as error:  # gone meanwhile, or not the caller's to read
        return str(path), str(error.strerror)
    return str(path), facts

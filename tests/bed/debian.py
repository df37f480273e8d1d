"""Takes Debian's own ideas about where distributions live out of a copy of its Python."""

from __future__ import annotations

from pathlib import Path

# `site` is frozen into the executable, so its strings are changed there too, which keeps its
# behaviour otherwise as it is. The replacements have the same length: what would be
# <prefix>/local/lib/pythonX.Y/dist-packages names <prefix>/lib/pythonX.Y/site-packages.
_WORDS = {b"dist-packages": b"site-packages", b"local/lib": b"./././lib"}

_SYSCONFIG = """def _get_preferred_schemes():
    return {"prefix": "posix_prefix", "home": "posix_home", "user": "posix_user"}


"""
_DISTUTILS = """def is_virtual_environment():
    return True


"""
_ENSUREPIP = """def _ensurepip_is_disabled_in_debian_for_system():
    pass


"""
# Each override goes before the first function that uses what it overrides, as some do when they are
# defined.
_OVERRIDES = (
    ("sysconfig.py", "def get_preferred_scheme(", _SYSCONFIG),
    ("sysconfig/__init__.py", "def get_preferred_scheme(", _SYSCONFIG),
    ("distutils/sysconfig.py", "def get_python_lib(", _DISTUTILS),
    ("ensurepip/__init__.py", "def bootstrap(", _ENSUREPIP),
)


def neutralise(stdlib: Path, executable: Path) -> None:
    """Make a copy of Debian's Python use `site-packages`; leave any other's alone."""
    site = stdlib / "site.py"
    if b'"dist-packages"' not in site.read_bytes():
        return
    for file, edge in ((executable, b"\0"), (site, b'"')):
        content = file.read_bytes()
        for old, new in _WORDS.items():
            content = content.replace(edge + old + edge, edge + new + edge)
        file.write_bytes(content)
    for name, user, override in _OVERRIDES:
        module = stdlib / name
        if module.exists():
            module.write_text(module.read_text().replace(user, override + user, 1))

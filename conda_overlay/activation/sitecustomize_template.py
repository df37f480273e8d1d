# The guard of a conda overlay: copied into the overlay's site-packages as sitecustomize.py, with
# the constants filled in. PYTHONPATH reaches every Python, of any version; an overlay is meant for one.
# So this is valid for every Python 2.7 and 3, imports nothing that site has not imported already,
# and raises only what the next sitecustomize raises, or that there is none.
import os
import sys

HOST = None  # the bytes of <real path of the host>/lib/pythonX.Y/site-packages
PIP_VALUES = []  # the options of pip that may come before its command, with a value, also shortened


def _site_of(host, paths):
    """The entry of sys.path that is the host's site-packages, by whatever path; or None."""
    if host in paths:
        return host
    tail = os.sep.join(host.split(os.sep)[-3:])
    real = os.path.realpath(host)
    likely = (path for path in paths if path.endswith(tail))
    return next((path for path in likely if os.path.realpath(path) == real), None)


def _is_trusted(here):
    """Whether the overlay may run: not a user's as root, who inherits PYTHONPATH over su."""
    return not hasattr(os, "geteuid") or os.geteuid() != 0 or os.stat(here).st_uid == 0


def _leave(here, rest):
    """For another Python, or for root: hide the overlay."""
    sys.path[:] = rest
    gone = set(name.split(".")[0] for name in _forget(here))
    for path in rest if gone else ():
        _start_again(path, gone)


def _start_again(path, gone):
    """Run the lines of another Python's own start-up files that had got modules of the overlay."""
    site = os.path.basename(path) in ("site-packages", "dist-packages") and os.path.isdir(path)
    for name in sorted(name for name in os.listdir(path) if name.endswith(".pth")) if site else ():
        try:
            with open(os.path.join(path, name)) as file:
                for line in file:
                    if line.startswith(("import ", "import\t")) and any(g in line for g in gone):
                        exec(line, {"os": os, "sys": sys})
        except Exception:  # it also fails without the overlay
            continue


def _enter(here, rest, host):
    """For the host's Python: put the overlay between the standard library and the host's own."""
    import site

    behind = _behind(here)
    if behind is not None:  # they stay behind it
        rest = [path for path in rest if path not in behind]
    place = rest.index(_site_of(host, rest))
    if behind is None:
        place, behind = sys.path.index(here), []
    user_site = getattr(site, "USER_SITE", None)
    user_place = rest.index(user_site) if user_site in rest else place
    if user_place < place and os.path.dirname(os.__file__) in rest[:user_place]:
        place = user_place
    before = rest[:place] + [here] + behind + rest[place:]
    finders = list(sys.meta_path)
    sys.path[:] = before
    _forget(here, rest[:place])
    try:
        site.addsitedir(here)
    except Exception as error:  # one that site itself would not survive
        sys.stderr.write("Error processing .pth files in %s: %s\n" % (here, error))
    # Paths from .pth files are appended after the host's own packages: move them to the overlay.
    # An editable install may be a finder, which also belongs before the host's copy.
    start = sys.path.index(here) + 1
    sys.path[start:] = sorted(sys.path[start:], key=lambda path: path in before)
    start = sys.meta_path.index(_path_finder())
    new = [finder for finder in sys.meta_path[start:] if finder not in finders]
    if new:
        old = [finder for finder in sys.meta_path[start:] if finder in finders]
        sys.meta_path[start:] = [_Front(here)] + new + old


def _behind(here):
    """The directories of PYTHONPATH behind the overlay; None if it is behind the library already."""
    library = os.path.dirname(os.__file__)
    zipped = os.path.join(os.path.dirname(library), "python%d%d.zip" % sys.version_info[:2])
    start = sys.path.index(here) + 1
    if library in sys.path[:start]:  # the guard of another layer has moved it
        return None
    ends = [i for i, path in enumerate(sys.path) if path in (library, zipped)]
    return sys.path[start : min(ends)] if ends else []


class _Front(object):
    """Comes before the overlay's finders, and finds modules that precede it in sys.path."""

    def __init__(self, here):
        self.here = here
        self.names = set()

    def find_spec(self, name, path=None, target=None):
        if path is None and self.here in sys.path:
            front = sys.path[: sys.path.index(self.here)]
            spec = _path_finder().find_spec(name, front, target)
            if spec and spec.origin:  # not a part of a namespace, to which others add
                self.names.add(name)
                return spec
        elif name.split(".")[0] in self.names:
            return _path_finder().find_spec(name, path, target)
        return None


def _forget(here, path=None):
    """Drop modules that start-up files imported from the overlay, or only those also on a path."""
    gone = set()
    for name, module in list(sys.modules.items()):
        try:
            ours = name != __name__ and module.__file__.startswith(here + os.sep)
        except Exception:  # not a file's, or something odder
            continue
        if ours and (path is None or _find(name.split(".")[0], path)):
            gone.add(name)
            del sys.modules[name]
    sys.meta_path[:] = [f for f in sys.meta_path if getattr(f, "__module__", None) not in gone]
    return gone


def _find(name, path):
    spec = _path_finder().find_spec(name, path)
    return spec if spec and spec.loader else None


def _path_finder():
    from _frozen_importlib_external import PathFinder  # importlib.util would cost milliseconds

    return PathFinder


def _chain(rest, passed):
    """Load the sitecustomize that would have been found without the overlay, if there is one."""
    me = sys.modules[__name__]
    if sys.version_info[0] == 2:
        import imp

        try:
            found = imp.find_module(__name__, rest)
        except ImportError:
            return False
        try:
            del sys.modules[__name__]
            imp.load_module(__name__, *found)
        finally:
            if found[0]:
                found[0].close()
            sys.modules.setdefault(__name__, me)
        return True
    from _frozen_importlib import module_from_spec

    spec = _find(__name__, rest)
    if spec is None:
        return False
    module = sys.modules[__name__] = module_from_spec(spec)
    module._passed = passed
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules[__name__] = me
        raise
    return True


def _changes_of_pip():
    """The words of ``python -m pip install`` or ``uninstall`` in the host; None of another command."""
    given = len(getattr(sys, "argv", ())) - 1
    if given < 1 or sys.argv[0] != "-m" or sys.prefix != sys.base_prefix:
        return None
    # Python has not put the module into sys.argv yet, and before 3.10 it keeps the name nowhere else.
    with open("/proc/self/cmdline", "rb") as file:
        words = os.fsdecode(file.read()).split("\0")[-given - 2 : -1]
    module = words.pop(0)
    rest = words[:]
    while rest and rest[0][:1] == "-":
        del rest[: 2 if rest[0] in PIP_VALUES else 1]
    module = module.partition("m")[2] if module[:1] == "-" else module  # in -mpip, -Bmpip
    return words if module == "pip" and rest[:1] in (["install"], ["uninstall"]) else None


def _hand_over_pip(here, words):
    """Become the overlay's own pip, which decides what the words mean."""
    program = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(here))), "bin", "pip")
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os.execv(program, [program] + words)
    except Exception as error:
        text = "conda-overlay: this pip does not use the overlay: %s: %s\n"
        sys.stderr.write(text % (program, getattr(error, "strerror", error)))


def _guard():
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [path for path in sys.path if path != here]
    entered = False
    try:
        host = HOST if str is bytes else os.fsdecode(HOST)
        entered = _is_trusted(here) and _site_of(host, rest) is not None
        try:
            words = _changes_of_pip() if entered else None
            if words:
                entered = False  # a pip that sees the overlay would uninstall from it
                _hand_over_pip(here, words)
        except Exception:  # there may be no /proc, and stderr may be closed, or full
            pass
        if entered:
            _enter(here, rest, host)
        else:
            _leave(here, rest)
    except Exception:
        entered = False
        _leave(here, rest)
    # Guards of other layers that came before this one are still on the path, and have acted.
    passed = globals().get("_passed", []) + [here]
    if not _chain([path for path in rest if path not in passed], passed) and not entered:
        # So that nothing of the overlay stays: to site this error says that there is none.
        error = ImportError("No module named " + __name__)
        error.name = __name__
        raise error


if __name__ == "sitecustomize":
    _guard()

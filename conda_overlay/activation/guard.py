# The guard of a conda overlay: copied into the overlay's site-packages as sitecustomize.py, with
# HOST filled in. PYTHONPATH reaches every Python, of any version; an overlay is meant for one.
# So this is valid for every Python from 2.7, imports nothing that site has not imported already,
# and raises only what the next sitecustomize raises.
import os
import sys

HOST = None  # the host's own site-packages: <prefix>/lib/pythonX.Y/site-packages


def _is_host():
    """Whether this interpreter has the host's site-packages: the host's own, by whatever path."""
    if HOST in sys.path:
        return True
    tail = os.sep.join(HOST.split(os.sep)[-3:])
    real = os.path.realpath(HOST)
    return any(p.endswith(tail) and os.path.realpath(p) == real for p in sys.path)


def _leave(here):
    """Another Python: be as if the overlay were not there."""
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != here or p == ""]
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if name != __name__ and origin and os.path.abspath(origin).startswith(here + os.sep):
            del sys.modules[name]


def _enter(here):
    """The host's Python: be a site directory between the standard library and the host's own."""
    import site

    rest = [p for p in sys.path if p == "" or os.path.abspath(p) != here]
    user_site = getattr(site, "USER_SITE", None)
    real = os.path.realpath(HOST)
    place = len(rest)
    for index, path in enumerate(rest):
        if path == HOST or path == user_site or os.path.realpath(path) == real:
            place = index
            break
    finders = list(sys.meta_path)
    before = rest[:place] + [here] + rest[place:]
    sys.path[:] = before
    # What .pth files append lands behind the host's own packages, and is moved to the overlay.
    site.addsitedir(here)
    if sys.path[: len(before)] == before:
        added = sys.path[len(before):]
        sys.path[:] = before[: place + 1] + added + before[place + 1:]
    # An editable install may be a finder: it has to outrank the host's copy too.
    new = [f for f in sys.meta_path if f not in finders]
    if new:
        old = [f for f in sys.meta_path if f in finders]
        names = [getattr(f, "__name__", "") for f in old]
        index = names.index("PathFinder") if "PathFinder" in names else len(old)
        sys.meta_path[:] = old[:index] + new + old[index:]


def _chain(here):
    """Load the sitecustomize that would have been found without the overlay."""
    rest = [p for p in sys.path if p == "" or os.path.abspath(p) != here]
    name = __name__
    me = sys.modules[name]
    if sys.version_info[0] == 2:
        import imp

        try:
            found = imp.find_module(name, rest)
        except ImportError:
            return
        del sys.modules[name]
        try:
            imp.load_module(name, *found)
        finally:
            if found[0]:
                found[0].close()
            sys.modules.setdefault(name, me)
        return
    from _frozen_importlib import module_from_spec  # importlib.util would cost milliseconds
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec(name, rest)
    if spec is None or spec.loader is None:
        return
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules[name] = me
        raise


def _guard():
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        if _is_host():
            _enter(here)
        else:
            _leave(here)
    except Exception:
        _leave(here)
    _chain(here)


if __name__ == "sitecustomize":
    _guard()

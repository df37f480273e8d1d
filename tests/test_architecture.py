"""The order of the house, read from its imports: DESIGN's one-way street and who may do what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.bed import place
from tests.bed.command import checked
from tests.bed.condas import Conda

LEVELS = (
    {"__main__", "plugin"},
    {"hints"},
    {"cli"},
    {"fork"},
    {"run", "status", "files", "formats", "why", "kernels"},
    {"operations", "packages"},
    {"user_site", "calling_shell", "baseline", "swap"},
    {"overlay", "resolver", "checks"},
    {"draft"},
    {"plan", "store", "pip", "verify", "pylock", "prune"},
    {"dependencies", "state", "host", "outcome", "lock", "document", "timeline"},
    {"scripts", "settings", "guard", "edits"},
    {"distributions"},
    {"tree", "git", "download"},
    {"exceptions", "running"},
    {"models", "credentials"},
    {"activation", "run_pip", "records", "toml", "conda_overlay"},
)
"""What imports, above what is imported. The packages `cli` and `activation` count as one each."""

UPWARD = {
    ("conda_overlay.activation.startup", "conda_overlay.settings"),
    ("conda_overlay.draft", "conda_overlay.overlay"),
    ("conda_overlay.prune", "conda_overlay.overlay"),
}
"""At conda's exit the start-up hook reads the settings, by the conda that runs it. The others name
the type of the overlay that they serve, for type checkers alone."""

LONGEST_MODULE = 400
"""Lines."""
LONG_FUNCTION = 25
"""Lines, docstring included, that nine of ten functions have at most."""

LIGHT = {"__future__", "argparse", "collections.abc", "conda.plugins", "importlib", "typing"}
"""What conda has imported already when it loads the plugin, or what costs nothing."""

OF_CONDA = {"conda.base.context", "conda.cli.helpers"}
SHARED = ("activation", "credentials", "exceptions", "models", "records", "settings")
"""What the commands import when they are imported."""

STARTED = {"__future__", "os", "stat", "sys"}
"""What an interpreter without `site` has imported already when it starts."""

PYTHON_2 = {"imp"}
"""The guard is valid there."""

ON_EVERY_COMMAND = {
    "conda_overlay",
    "conda_overlay.cli",
    "conda_overlay.plugin",
    "conda_overlay.activation",
    "conda_overlay.activation.settings",
}
PROBE = """
import sys
from argparse import ArgumentParser
import conda.base.context, conda.cli.conda_argparse, conda.plugins
before = set(sys.modules)
import conda_overlay.plugin as plugin
for hook in vars(plugin).copy().values():
    if hasattr(hook, "conda_impl"):
        for made in hook() if hook.__code__.co_argcount == 0 else ():
            if hasattr(made, "configure_parser"):
                made.configure_parser(ArgumentParser())
print(*set(sys.modules) - before)
"""


def room(module: str) -> str:
    """The name by which LEVELS knows a module or the package that it is in."""
    return module.split(".")[:2][-1]


MODULES = {
    ".".join(path.relative_to(place.CHECKOUT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((place.CHECKOUT / "conda_overlay").rglob("*.py"))
}
"""The files of all modules by the modules' full names."""

ACTIVATION = [name for name in MODULES if room(name) == "activation"]
COMMANDS = [name for name in MODULES if name.startswith("conda_overlay.cli.")]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str, *, at_start: bool = False, for_checkers: bool = True) -> set[str]:
    """The full names of what a module imports.

    Args:
        module: one of ours.
        at_start: only what is imported as soon as the module is.
        for_checkers: with what only type checkers see.
    """
    found = set()
    for node in nodes(tree(module), deferred=not at_start, for_checkers=for_checkers):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} has a relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & MODULES.keys() or {node.module}
    return found


def nodes(node: ast.AST, *, deferred: bool, for_checkers: bool) -> Iterator[ast.AST]:
    """All nodes, with those in functions and those for type checkers or without."""
    for child in ast.iter_child_nodes(node):
        in_function = isinstance(child, ast.FunctionDef)
        checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if (deferred or not in_function) and (for_checkers or not checked):
            yield child
            yield from nodes(child, deferred=deferred, for_checkers=for_checkers)


def ours(module: str) -> set[str]:
    return imports(module) & MODULES.keys()


def level(module: str) -> int:
    found = [number for number, rooms in enumerate(LEVELS) if room(module) in rooms]
    assert len(found) == 1, f"{module} has no place in LEVELS: find the one that fits it"
    return found[0]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    for other in ours(module):
        if room(other) != room(module) and (module, other) not in UPWARD:
            assert level(other) > level(module), f"{module} imports {other}"


def test_no_import_goes_in_a_circle() -> None:
    """Those for type checkers are passed over: they name a type, and import nothing."""
    imported = {module: imports(module, for_checkers=False) & MODULES.keys() for module in MODULES}
    TopologicalSorter(imported).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_MODULE, f"{module} has {lines} lines"


def test_functions_are_short() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[len(lengths) * 9 // 10] <= LONG_FUNCTION


def test_levels_name_only_what_exists() -> None:
    assert set().union(*LEVELS) == set(map(room, MODULES))
    assert all(other in ours(module) for module, other in UPWARD)


@pytest.mark.parametrize("module", ACTIVATION)
def test_activation_needs_the_standard_library_alone(module: str) -> None:
    for other in imports(module):
        standard = other.partition(".")[0] in sys.stdlib_module_names | PYTHON_2
        assert standard or other in ACTIVATION or (module, other) in UPWARD, other


@pytest.mark.parametrize("module", ACTIVATION)
def test_activation_starts_with_what_python_has_imported(module: str) -> None:
    assert imports(module, at_start=True, for_checkers=False) <= STARTED.union(ACTIVATION)


@pytest.mark.parametrize("module", ["conda_overlay.plugin", "conda_overlay.cli"])
def test_what_every_command_imports_is_light(module: str) -> None:
    assert imports(module, at_start=True, for_checkers=False) <= LIGHT


@pytest.mark.parametrize("module", COMMANDS)
def test_commands_import_the_rest_when_they_run(module: str) -> None:
    """Their help needs what conda has imported, what all commands share, and no more."""
    for other in imports(module, at_start=True, for_checkers=False):
        ours = room(other) in ("cli", *SHARED)
        assert ours or other in OF_CONDA or other.partition(".")[0] in sys.stdlib_module_names


def test_plugin_adds_few_modules_to_every_command(conda: Conda) -> None:
    printed = checked([conda.prefix / "bin" / "python", "-I", "-c", PROBE])
    assert set(printed.split()) == ON_EVERY_COMMAND


def test_pip_is_run_in_one_place() -> None:
    runners = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and node.value in ("pip", "pip3", "run_pip.py")
    }
    # The last three speak of what users type.
    assert set(map(room, runners)) == {"pip", "run_pip", "scripts", "activation", "cli"}


def test_processes_are_started_in_few_places() -> None:
    starters = {module for module in MODULES if "subprocess" in imports(module)}
    assert set(map(room, starters)) == {"host", "pip", "git", "calling_shell", "run"}


def test_commands_print_in_one_place() -> None:
    printers = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    }
    # pip.py tells what happens between two runs of pip.
    assert printers == {"conda_overlay.cli.output", "conda_overlay.pip"}

"""The order of the house, read from its imports: DESIGN's one-way street and who may do what."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.bed import place
from tests.bed.command import checked
from tests.bed.condas import Conda

FOLDERS = (
    "activation",
    "core",
    "filesystem",
    "distributions",
    "host",
    "edits",
    "formats",
    "layer",
    "resolve",
    "change",
    "run",
    "fork",
    "report",
    "cli",
)
"""Lowest first: a folder imports nothing of those behind it, for type checkers or in functions
included. The modules beside the folders are above them all."""

LARGE = {"activation", "change", "fork", "layer", "report", "resolve"}
"""They have so many files that their docstrings list them."""

SIBLINGS = {"run", "fork"}
"""They do not import each other either."""

FACADE = {
    "Draft.install": "change.install",
    "Draft.update": "change.update",
    "Draft.note": "change.note",
    "Draft.remove": "change.remove",
    "Draft.patch": "change.edit",
    "Draft.record": "change.edit",
    "Draft.undo": "change.undo",
    "Draft.redo": "change.undo",
    "Draft.repair": "change.repair",
    "Draft.apply": "change.apply",
    "Draft.rebase": "change.rebase",
    "Draft.commit": "change.commit",
    "Overlay.status": "report.status",
}
"""The methods of the API that hand on to a module above their own, which they import inside."""

LONGEST_MODULE = 400
"""Lines."""
LONG_FUNCTION = 25
"""Lines, docstring included, that nine of ten functions have at most."""

LIGHT = {
    "__future__",
    "argparse",
    "collections.abc",
    "conda.plugins",
    "conda.plugins.types",
    "importlib",
    "os",
    "typing",
}
"""What conda has imported already when it loads the plugin, or what costs nothing."""

OF_CONDA = {"conda.base.context", "conda.cli.helpers"}
SHARED = ("activation", "cli", "core")
"""The folders that the commands import when they are imported."""

STARTED = {"__future__", "os", "stat", "sys"}
"""What an interpreter without `site` has imported already when it starts."""

PYTHON_2 = {"imp"}
"""The guard is valid there."""

SETTINGS = "conda_overlay.activation.settings"
"""It asks conda, in its functions: no shell runs it, but the conda that activates does."""

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


MODULES = {
    ".".join(path.relative_to(place.CHECKOUT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((place.CHECKOUT / "conda_overlay").rglob("*.py"))
}
"""The files of all modules by the modules' full names."""

ACTIVATION = [name for name in MODULES if name.startswith("conda_overlay.activation")]
COMMANDS = [name for name in MODULES if name.startswith("conda_overlay.cli.commands.")]


def folder(module: str) -> str | None:
    """The folder that a module is in; None beside the folders."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FOLDERS else None


def rank(module: str) -> int:
    """The place of a module's folder in the order."""
    name = folder(module)
    return FOLDERS.index(name) if name else len(FOLDERS)


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
    """Our modules that a module imports, but for what the methods of the API hand on to."""
    handed = {
        f"conda_overlay.{target}"
        for method, target in FACADE.items()
        if module == f"conda_overlay.change.{method.partition('.')[0].lower()}"
    }
    return imports(module) & MODULES.keys() - handed


def test_every_folder_has_a_place_and_says_its_job() -> None:
    folders = {
        path.parent.name for path in (place.CHECKOUT / "conda_overlay").glob("*/__init__.py")
    }
    assert folders == {*FOLDERS}
    for name in FOLDERS:
        docstring = ast.get_docstring(tree(f"conda_overlay.{name}")) or ""
        assert len(docstring.split()) > 5, f"what is {name} for?"


@pytest.mark.parametrize("name", [name for name in FOLDERS if name in LARGE])
def test_a_large_folder_lists_its_files(name: str) -> None:
    listed = {*re.findall(r"\w+", ast.get_docstring(tree(f"conda_overlay.{name}")) or "")}
    files = {path.stem for path in (place.CHECKOUT / "conda_overlay" / name).glob("[!_]*.py")}
    assert len(files) > 5 and files <= listed


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    for other in ours(module):
        assert rank(other) <= rank(module), f"{module} imports {other}"
        assert {folder(module), folder(other)} != SIBLINGS, f"{module} imports {other}"


def test_no_import_goes_in_a_circle() -> None:
    TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


def test_api_hands_on_inside_its_methods() -> None:
    """Each exception is used, by the method that has the name and by no other."""
    for class_name in ("Draft", "Overlay"):
        module = f"conda_overlay.change.{class_name.lower()}"
        [kind] = (
            n for n in tree(module).body if isinstance(n, ast.ClassDef) and n.name == class_name
        )
        used = {
            f"{class_name}.{method.name}": node.module.removeprefix("conda_overlay.")
            for method in kind.body
            if isinstance(method, ast.FunctionDef)
            for node in ast.walk(method)
            if isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("conda_overlay.")
        }
        assert used == {name: t for name, t in FACADE.items() if name.startswith(f"{class_name}.")}
        at_start = imports(module, at_start=True, for_checkers=False)
        assert not at_start & {f"conda_overlay.{target}" for target in used.values()}


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


def test_page_on_the_architecture_names_files_and_tests_that_exist() -> None:
    page = (place.CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    files = [
        path for top in ("conda_overlay", "tests") for path in place.CHECKOUT.glob(f"{top}/**/*.py")
    ]
    others = {"sitecustomize.py", "cli/commands/NAME.py"}  # of an overlay; of a new command
    named = {*re.findall(r"`([\w/]+\.py)`", page)} - others
    assert len(named) > 30
    for name in named:
        assert any(str(path).endswith(f"/{name}") for path in files), name
    tests = "".join(
        path.read_text(encoding="utf-8") for path in files if path.name.startswith("test_")
    )
    for name in re.findall(r"`(test_\w+)`", page):
        assert f"def {name}(" in tests, name


def test_docstrings_name_the_noun() -> None:
    """The word "what" in place of one makes prose hard to read: at most 3 in 1,000 words."""
    words = [
        word.lower()
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for word in re.findall("[A-Za-z]+", str(node.value.value))
    ]
    assert words.count("what") <= len(words) * 3 / 1000


@pytest.mark.parametrize("module", ACTIVATION)
def test_activation_needs_the_standard_library_alone(module: str) -> None:
    for other in imports(module):
        top = other.partition(".")[0]
        standard = top in sys.stdlib_module_names | PYTHON_2
        assert standard or other in ACTIVATION or (module == SETTINGS and top == "conda"), other


@pytest.mark.parametrize("module", ACTIVATION)
def test_activation_starts_with_what_python_has_imported(module: str) -> None:
    more = {"typing"} if module == SETTINGS else set()
    assert imports(module, at_start=True, for_checkers=False) <= STARTED.union(ACTIVATION, more)


@pytest.mark.parametrize("module", ["conda_overlay.plugin", "conda_overlay.cli"])
def test_what_every_command_imports_is_light(module: str) -> None:
    assert imports(module, at_start=True, for_checkers=False) <= LIGHT


@pytest.mark.parametrize("module", COMMANDS)
def test_commands_import_the_rest_when_they_run(module: str) -> None:
    """Their help needs what conda has imported, what all commands share, and no more."""
    for other in imports(module, at_start=True, for_checkers=False):
        assert (
            folder(other) in SHARED
            or other in OF_CONDA
            or other.partition(".")[0] in sys.stdlib_module_names
        )


def test_plugin_adds_few_modules_to_every_command(conda: Conda) -> None:
    printed = checked([conda.prefix / "bin" / "python", "-I", "-c", PROBE])
    assert set(printed.split()) == ON_EVERY_COMMAND


def test_pip_is_run_in_one_place() -> None:
    runners = {
        module.removeprefix("conda_overlay.")
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and node.value in ("pip", "pip3", "pip_child.py")
    }
    # The scaffolding has the overlay's own pip; the rest speak of what users type.
    spoken = {"activation.settings", "activation.sitecustomize_template", "cli"}
    spoken |= {"cli.commands.pip", "layer.scaffolding"}
    assert runners - spoken == {"resolve.pip", "resolve.pip_child", "resolve.uv"}


def test_processes_are_started_in_few_places() -> None:
    starters = {
        module.removeprefix("conda_overlay.")
        for module in MODULES
        if "subprocess" in imports(module)
    }
    assert starters == {
        "host.host",
        "resolve.pip",
        "resolve.uv",
        "edits.git",
        "report.shell",
        "cli.editor",
        "run.command",
    }


def test_commands_print_in_one_place() -> None:
    printers = {
        module.removeprefix("conda_overlay.")
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    }
    # pip tells what happens between two runs of it.
    assert printers == {f"cli.render.{name}" for name in ("output", "diff", "audit")} | {
        "resolve.pip"
    }

"""Wiring is a pure function from environ to environ, with an exact reverse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.activation.wiring import (
    STATE,
    EnvironDiff,
    Layer,
    State,
    active_prefixes,
    checksum,
    disabled,
    unwire,
    wire,
)

SCIENCE, DAQ = "/envs/science", "/envs/daq"
MINE = Layer(SCIENCE, "/mine/science/bin", "/mine/science/site")
GROUP = Layer(SCIENCE, "/group/science/bin", "/group/science/site")
BELOW = Layer(DAQ, "/mine/daq/bin", "/mine/daq/site")
LAYERS = (MINE, GROUP, BELOW)

ENTRIES = st.sampled_from(
    [
        "",
        ".",
        "/usr/bin",
        "/with space",
        "/qu'o\"te$`!\\",
        "/new\nline",
        "/é\udcff",
        *(layer.bin for layer in LAYERS),
        *(layer.site for layer in LAYERS),
        SCIENCE + "/bin",
        DAQ + "/bin",
    ]
)
VALUES = st.lists(ENTRIES, max_size=7).map(":".join)


def with_prefix(path: str, place: int) -> str:
    entries = path.split(":")
    entries.insert(place, SCIENCE + "/bin")
    return ":".join(entries)


@st.composite
def environs(draw: st.DrawFn) -> dict[str, str]:
    environ = {"CONDA_PREFIX": SCIENCE, "CONDA_SHLVL": "1", "HOME": "/home/alice"}
    for name in ("PATH", "PYTHONPATH"):
        if draw(st.booleans()):
            environ[name] = draw(VALUES)
    return environ


LAYER_LISTS = st.lists(st.sampled_from(LAYERS), unique=True)


@given(environs(), LAYER_LISTS)
def test_unwire_reverses_wire(environ: dict[str, str], layers: list[Layer]) -> None:
    assert unwire(wire(environ, layers)) == environ


@given(environs(), LAYER_LISTS, LAYER_LISTS)
def test_wiring_anew_is_wiring_once(
    environ: dict[str, str], before: list[Layer], after: list[Layer]
) -> None:
    assert wire(wire(environ, before), after) == wire(environ, after)


@given(environs(), LAYER_LISTS)
def test_unwire_leaves_a_path_alone_that_conda_computed_without_the_wiring(
    environ: dict[str, str], layers: list[Layer]
) -> None:
    cleaned = {**wire(environ, layers), "PATH": environ.get("PATH", "")}
    assert unwire(cleaned, in_path=False) == {**environ, "PATH": environ.get("PATH", "")}


@given(environs(), LAYER_LISTS)
def test_wire_changes_nothing_but_three_variables(
    environ: dict[str, str], layers: list[Layer]
) -> None:
    assert set(EnvironDiff.between(environ, wire(environ, layers))) <= {"PATH", "PYTHONPATH", STATE}


@given(environs(), LAYER_LISTS)
def test_wire_puts_each_overlay_directly_before_its_host_and_first_on_pythonpath(
    environ: dict[str, str], layers: list[Layer]
) -> None:
    after = wire(environ, layers)
    path = environ.get("PATH", "").split(":")
    wired = [layer for layer in layers if layer.prefix + "/bin" in path]
    sites = [layer.site for layer in wired]
    before = environ.get("PYTHONPATH")
    assert after.get("PYTHONPATH", "").split(":")[: len(sites)] == sites or not sites
    if sites:
        assert after["PYTHONPATH"] == ":".join(sites + ([before] if before else []))
    expected = []
    seen = set()
    for entry in path:
        if entry not in seen:
            expected += [layer.bin for layer in wired if layer.prefix + "/bin" == entry]
        seen.add(entry)
        expected.append(entry)
    assert after.get("PATH", "").split(":") == expected


@pytest.mark.parametrize("before", [None, "", ":", "::", "/a", "/a:", ":/a", "/a:/a", "/a::/b"])
def test_pythonpath_is_restored_exactly(before: str | None) -> None:
    environ = {"PATH": f"{SCIENCE}/bin"}
    if before is not None:
        environ["PYTHONPATH"] = before
    wired = wire(environ, [MINE])
    assert wired["PYTHONPATH"] == (f"{MINE.site}:{before}" if before else MINE.site)
    assert unwire(wired) == environ


def test_pythonpath_that_was_unset_is_never_left_empty() -> None:
    assert "PYTHONPATH" not in unwire(wire({"PATH": f"{SCIENCE}/bin"}, [MINE, GROUP]))


PATH_EDITS: dict[str, tuple[Callable[[str], str], str]] = {
    "prepended": (lambda path: f"/first:{path}", f"/first:{SCIENCE}/bin:/usr/bin"),
    "appended": (lambda path: f"{path}:/last", f"{SCIENCE}/bin:/usr/bin:/last"),
    "between": (lambda path: path.replace(MINE.bin, f"{MINE.bin}:/between"), "/between"),
    "removed": (lambda path: path.replace(":/usr/bin", ""), f"{SCIENCE}/bin"),
    "replaced": (lambda path: "/other", "/other"),
    "emptied": (lambda path: "", ""),
    "the overlay's own in front": (
        lambda path: f"{MINE.bin}:/first:{path}",
        f"{MINE.bin}:/first:{SCIENCE}/bin:/usr/bin",
    ),
}


@pytest.mark.parametrize("edit", PATH_EDITS)
def test_user_edits_of_path_survive(edit: str) -> None:
    change, expected = PATH_EDITS[edit]
    wired = wire({"PATH": f"{SCIENCE}/bin:/usr/bin"}, [MINE])
    after = unwire({**wired, "PATH": change(wired["PATH"])})["PATH"]
    assert after == (f"/between:{SCIENCE}/bin:/usr/bin" if edit == "between" else expected)


@pytest.mark.parametrize(
    ("before", "edited", "after"),
    [
        (None, f"/new:{MINE.site}:/end", "/new:/end"),
        ("/u1", f"/new:{MINE.site}:/u1:/end", "/new:/u1:/end"),
        (None, "/x", "/x"),
        (None, None, None),
        ("/u1", None, None),
        (None, "", ""),
        (None, f"{MINE.site}:", ""),
    ],
)
def test_user_edits_of_pythonpath_survive(
    before: str | None, edited: str | None, after: str | None
) -> None:
    environ = {"PATH": f"{SCIENCE}/bin", **({} if before is None else {"PYTHONPATH": before})}
    wired = wire(environ, [MINE])
    wired.pop("PYTHONPATH")
    if edited is not None:
        wired["PYTHONPATH"] = edited
    assert unwire(wired).get("PYTHONPATH") == after


def test_a_switch_that_left_the_overlay_in_path_is_undone() -> None:
    """As conda and mamba do it: only the prefix is replaced, so that A's overlay precedes B."""
    wired = wire({"PATH": f"/x:{SCIENCE}/bin:/usr/bin", "CONDA_PREFIX": SCIENCE}, [MINE])
    switched = {**wired, "PATH": f"/x:{MINE.bin}:{DAQ}/bin:/usr/bin", "CONDA_PREFIX": DAQ}
    assert wire(switched, [BELOW])["PATH"] == f"/x:{BELOW.bin}:{DAQ}/bin:/usr/bin"


def test_an_overlay_behind_its_host_is_put_before_it_again() -> None:
    """As mamba's reactivation leaves it: it moves the prefix to the front."""
    wired = wire({"PATH": f"{SCIENCE}/bin:/usr/bin", "CONDA_PREFIX": SCIENCE}, [MINE])
    moved = {**wired, "PATH": f"{SCIENCE}/bin:{MINE.bin}:/usr/bin"}
    assert wire(moved, [MINE]) == wired


def test_an_overlay_is_wired_only_while_its_host_is_in_path() -> None:
    assert wire({"PATH": "/usr/bin"}, [MINE]) == {"PATH": "/usr/bin"}
    assert wire({}, [MINE]) == {}


ABSOLUTE = st.text(st.characters(exclude_characters=":"), max_size=9).map(lambda text: "/" + text)


@given(
    st.booleans(),
    st.lists(st.builds(Layer, ABSOLUTE, ABSOLUTE, ABSOLUTE), max_size=3),
    st.lists(ABSOLUTE, max_size=3),
)
def test_state_survives_its_encoding(
    was_set: bool, layers: list[Layer], refused: list[str]
) -> None:
    text = State(was_set, layers, refused).encode()
    again = State.decode(text)
    assert (again.layers, again.refused) == (layers, refused)
    if layers or refused:
        assert again.pythonpath_was_set == was_set
    else:
        assert text is None


@given(st.none() | st.text())
def test_no_text_in_the_state_variable_raises(text: str | None) -> None:
    environ = {"PATH": "/usr/bin", "PYTHONPATH": "/a:"} | ({} if text is None else {STATE: text})
    assert STATE not in unwire(environ)


@pytest.mark.parametrize("text", ["1:/a", "1:/a:/b", "1:/a:/b:/c:/d"])
def test_a_truncated_state_counts_as_none(text: str) -> None:
    environ = {"PATH": "/b:/usr/bin", "PYTHONPATH": "/c"}
    assert unwire({**environ, STATE: text}) == environ


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"CONDA_SHLVL": "0", "CONDA_PREFIX": SCIENCE}, []),
        ({"CONDA_SHLVL": "", "CONDA_PREFIX": SCIENCE}, []),
        ({"CONDA_SHLVL": "many", "CONDA_PREFIX": SCIENCE}, []),
        ({"CONDA_SHLVL": "1", "CONDA_PREFIX": ""}, []),
        ({"CONDA_SHLVL": "1", "CONDA_PREFIX": SCIENCE}, [SCIENCE]),
        ({"CONDA_SHLVL": "1", "CONDA_PREFIX": SCIENCE, "PATH": "/usr/bin"}, []),
        ({"CONDA_SHLVL": "2", "CONDA_PREFIX": SCIENCE, "CONDA_PREFIX_1": DAQ}, [SCIENCE]),
        (
            {
                "CONDA_SHLVL": "2",
                "CONDA_PREFIX": SCIENCE,
                "CONDA_PREFIX_1": DAQ,
                "CONDA_STACKED_2": "true",
            },
            [SCIENCE, DAQ],
        ),
        (
            {
                "CONDA_SHLVL": "3",
                "CONDA_PREFIX": SCIENCE,
                "CONDA_PREFIX_2": DAQ,
                "CONDA_PREFIX_1": "/envs/hidden",
                "CONDA_STACKED_3": "true",
            },
            [SCIENCE, DAQ],
        ),
    ],
)
def test_active_prefixes_are_those_whose_commands_the_shell_sees(
    environ: dict[str, str], expected: list[str]
) -> None:
    path = f"{SCIENCE}/bin:{DAQ}/bin:/envs/hidden/bin"
    assert active_prefixes({"PATH": path, **environ}) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)]
)
def test_disabled_means_any_value_but_the_empty_one_and_0(
    value: str | None, expected: bool
) -> None:
    assert disabled({} if value is None else {"CONDA_OVERLAY_DISABLE": value}) is expected


@given(environs(), environs())
def test_a_diff_turns_one_environ_into_the_other(
    before: dict[str, str], after: dict[str, str]
) -> None:
    result = dict(before)
    for name, value in EnvironDiff.between(before, after).items():
        if value is None:
            del result[name]
        else:
            result[name] = value
    assert result == after


@given(VALUES, VALUES)
def test_a_checksum_tells_paths_apart_in_few_characters(one: str, two: str) -> None:
    assert (checksum(one) == checksum(two)) is (one == two)
    assert len(checksum(one)) <= 19

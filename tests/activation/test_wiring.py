"""Wiring is a pure function from environ to environ, with an exact reverse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_overlay.activation.wiring import (
    DATA,
    NO_USER_SITE,
    STATE,
    EnvironDiff,
    Layer,
    Wiring,
    active_prefixes,
    disabled,
    unwire,
    wire,
)

SCIENCE, DAQ = "/envs/science", "/envs/daq"
CODE = {"PATH": "bin", "PYTHONPATH": "site"}
MINE = Layer(SCIENCE, "/mine/science", CODE)
GROUP = Layer(SCIENCE, "/group/science", {**CODE, **DATA})
BELOW = Layer(DAQ, "/mine/daq", {**CODE, "MANPATH": "share/man"})
LAYERS = (MINE, GROUP, BELOW)
LISTS = ("PATH", "PYTHONPATH", *DATA)


def bin_of(layer: Layer) -> str:
    return f"{layer.overlay}/bin"


ENTRIES = st.sampled_from(
    [
        "",
        ".",
        "/usr/bin",
        "/with space",
        "/qu'o\"te$`!\\",
        "/new\nline",
        "/é\udcff",
        *(f"{layer.overlay}/{place}" for layer in LAYERS for place in layer.places.values()),
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
    for name in LISTS:
        if draw(st.booleans()):
            environ[name] = draw(VALUES)
    hidden = draw(st.sampled_from([None, "", "1", "yes"]))
    return environ if hidden is None else {**environ, NO_USER_SITE: hidden}


LAYER_LISTS = st.lists(st.sampled_from(LAYERS), unique=True)


@given(environs(), LAYER_LISTS, st.booleans())
def test_unwire_reverses_wire(environ: dict[str, str], layers: list[Layer], hide: bool) -> None:
    assert unwire(wire(environ, layers, hide_user_site=hide)) == environ


@given(environs(), LAYER_LISTS, LAYER_LISTS)
def test_wiring_anew_is_wiring_once(
    environ: dict[str, str], before: list[Layer], after: list[Layer]
) -> None:
    assert wire(wire(environ, before), after) == wire(environ, after)


@given(environs(), LAYER_LISTS, st.booleans())
def test_wire_changes_only_the_variables_of_what_the_overlays_have(
    environ: dict[str, str], layers: list[Layer], hide: bool
) -> None:
    names = {STATE, NO_USER_SITE, *(name for layer in layers for name in layer.places)}
    assert set(EnvironDiff.between(environ, wire(environ, layers, hide_user_site=hide))) <= names


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
            expected += [bin_of(layer) for layer in wired if layer.prefix + "/bin" == entry]
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


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("before", [None, "", ":", "/a", "/a:", ":/a"])
def test_a_variable_of_data_is_restored_exactly(name: str, before: str | None) -> None:
    environ = {"PATH": f"{SCIENCE}/bin", **({} if before is None else {name: before})}
    wired = wire(environ, [GROUP])
    mine = f"{GROUP.overlay}/{DATA[name]}"
    # To man, an empty entry stands for its own directories, and so does an unset variable.
    assert wired[name] == (f"{mine}:{before}" if before else mine + ":" * (name == "MANPATH"))
    assert unwire(wired) == environ
    assert name not in wire({"PATH": f"{SCIENCE}/bin"}, [MINE])


@pytest.mark.parametrize(
    ("before", "wired", "changed", "after"),
    [
        (None, "1", "1", None),
        ("", "1", "1", ""),
        ("yes", "yes", "yes", "yes"),
        (None, "1", "0", "0"),
        (None, "1", None, None),
    ],
)
def test_the_user_site_is_hidden_where_asked_for_and_a_change_by_the_user_stays(
    before: str | None, wired: str, changed: str | None, after: str | None
) -> None:
    environ = {"PATH": f"{SCIENCE}/bin", **({} if before is None else {NO_USER_SITE: before})}
    result = wire(environ, [MINE], hide_user_site=True)
    assert result.pop(NO_USER_SITE) == wired
    assert unwire(result | ({} if changed is None else {NO_USER_SITE: changed})).get(
        NO_USER_SITE
    ) == (after)
    assert wire(environ, [], hide_user_site=True) == environ


def test_what_was_refused_is_remembered_until_it_is_forgotten_on_purpose() -> None:
    bare = unwire(wire({"PATH": f"{SCIENCE}/bin"}, [MINE], ["/theirs"]))
    assert Wiring.decode(bare.pop(STATE)).refused == ["/theirs"]
    assert bare == {"PATH": f"{SCIENCE}/bin"}
    assert wire(wire(bare, [], ["/theirs"]), []) == bare


def test_pythonpath_that_was_unset_is_never_left_empty() -> None:
    assert "PYTHONPATH" not in unwire(wire({"PATH": f"{SCIENCE}/bin"}, [MINE, GROUP]))


PATH_EDITS: dict[str, tuple[Callable[[str], str], str]] = {
    "prepended": (lambda path: f"/first:{path}", f"/first:{SCIENCE}/bin:/usr/bin"),
    "appended": (lambda path: f"{path}:/last", f"{SCIENCE}/bin:/usr/bin:/last"),
    "between": (lambda path: path.replace(bin_of(MINE), f"{bin_of(MINE)}:/between"), "/between"),
    "removed": (lambda path: path.replace(":/usr/bin", ""), f"{SCIENCE}/bin"),
    "replaced": (lambda path: "/other", "/other"),
    "emptied": (lambda path: "", ""),
    "the overlay's own in front": (
        lambda path: f"{bin_of(MINE)}:/first:{path}",
        f"{bin_of(MINE)}:/first:{SCIENCE}/bin:/usr/bin",
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
    switched = {**wired, "PATH": f"/x:{bin_of(MINE)}:{DAQ}/bin:/usr/bin", "CONDA_PREFIX": DAQ}
    assert wire(switched, [BELOW])["PATH"] == f"/x:{bin_of(BELOW)}:{DAQ}/bin:/usr/bin"


def test_an_overlay_behind_its_host_is_put_before_it_again() -> None:
    """As mamba's reactivation leaves it: it moves the prefix to the front."""
    wired = wire({"PATH": f"{SCIENCE}/bin:/usr/bin", "CONDA_PREFIX": SCIENCE}, [MINE])
    moved = {**wired, "PATH": f"{SCIENCE}/bin:{bin_of(MINE)}:/usr/bin"}
    assert wire(moved, [MINE]) == wired


def test_an_overlay_is_wired_only_while_its_host_is_in_path() -> None:
    assert wire({"PATH": "/usr/bin"}, [MINE]) == {"PATH": "/usr/bin"}
    assert wire({}, [MINE]) == {}


ABSOLUTE = st.text(st.characters(exclude_characters=":"), max_size=9).map(lambda text: "/" + text)
PLACES = st.dictionaries(st.sampled_from(LISTS), ABSOLUTE.map(lambda text: text[1:]), min_size=1)


@given(
    st.lists(st.builds(Layer, ABSOLUTE, ABSOLUTE, PLACES), max_size=3),
    st.lists(ABSOLUTE, max_size=3),
    st.sets(st.sampled_from(LISTS)),
    st.booleans(),
)
def test_state_survives_its_encoding(
    layers: list[Layer], refused: list[str], existed: set[str], hidden: bool
) -> None:
    text = Wiring(layers, refused, existed, hidden).encode()
    again = Wiring.decode(text)
    assert (again.layers, again.refused) == (layers, refused)
    if layers or refused:
        assert (again.existed, again.user_site_hidden) == (existed, hidden)
    else:
        assert text is None


@given(st.none() | st.text())
def test_no_text_in_the_state_variable_raises(text: str | None) -> None:
    environ = {"PATH": "/usr/bin", "PYTHONPATH": "/a:"} | ({} if text is None else {STATE: text})
    assert STATE not in unwire(environ)


@pytest.mark.parametrize("text", ["/a", "/a:/b", "/a:/b:x", "PATH=c:/a:/b", "/a:/b:HOME=c"])
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

"""What each format holds, and that broken files are one sentence."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_overlay.core.errors import OverlayError
from conda_overlay.core.models import INTENTS, HistoryEntry
from conda_overlay.core.pip_options import Options
from conda_overlay.formats import exports, overlay_toml
from conda_overlay.formats.document import BaselineRef, Document, ForkSpec, describe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHA = "0123456789abcdef" * 4
WHEEL = HistoryEntry(
    "2.0",
    "Alpha_One",
    requested=True,
    url="https://host.invalid/a/alpha_one-2.0-py3-none-any.whl",
    sha256=SHA,
)
SDIST = HistoryEntry("1.0", "beta", url="https://host.invalid/beta-1.0.tar.gz", sha256=SHA)
ARCHIVE = HistoryEntry("1.0", "gamma", url="https://host.invalid/archive/main.zip", sha256=SHA)
VCS = HistoryEntry(
    "1.0", "delta", url="git+https://host.invalid/delta.git@abc123#subdirectory=python"
)
EDITABLE = HistoryEntry("0.1", "mine", requested=True, editable="/home/me/mine")


def keyed(*entries: HistoryEntry) -> dict[str, HistoryEntry]:
    return {canonicalize_name(entry.name): entry for entry in entries}


def document(*entries: HistoryEntry, **conda: str) -> Document:
    return Document("science", "3.11.7", "f" * 64, keyed(*entries), conda)


def again(text: str, name: str = "overlay.toml") -> Document:
    return overlay_toml.parse(text, name)


def tables(*entries: HistoryEntry) -> Any:
    return tomllib.loads(overlay_toml.to_toml(document(*entries)))


def packages(text: str) -> dict[str, Any]:
    return {package["name"]: package for package in tomllib.loads(text)["packages"]}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def is_no_option(text: str) -> bool:
    return not text.startswith("-")


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(is_no_option)
WORD = LINE.map(lambda text: "".join(text.split()) or "0").filter(is_no_option)
"""What a file may have, of which pip could take nothing for an option."""
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)
ENTRY = st.builds(
    HistoryEntry,
    version=WORD,
    name=NAME,
    url=st.none() | WORD,
    sha256=st.none() | WORD,
    editable=st.none() | LINE,
)
REQUESTED = st.builds(
    replace,
    ENTRY,
    requested=st.just(True),
    requirement=LINE,
    options=st.lists(LINE.map("--find-links={}".format), max_size=2).map(Options.from_json),
    reason=st.none() | TEXT,
    intent=st.sampled_from(INTENTS),
    until=st.none() | st.dates().map(str),
)


@given(TEXT, st.lists(ENTRY | REQUESTED, max_size=5))
@settings(deadline=None, database=None)
def test_overlay_toml_reads_back_as_what_was_written(
    host: str, entries: list[HistoryEntry]
) -> None:
    original = Document(host, "3.11.7", "f" * 64, keyed(*entries))
    assert again(overlay_toml.to_toml(original)) == original


def test_overlay_toml_is_what_was_asked_for_and_what_was_got() -> None:
    asked = replace(
        WHEEL,
        requirement="Alpha-One>=1",
        options=Options.parse(["--pre"]),
        reason="ticket 7",
        intent="hold",
        until="2030-01-31",
    )
    mine = replace(EDITABLE, requirement="/home/me/mine", intent="dev")
    expected = f"""\
format = 1

[host]
name = "science"
python = "3.11.7"
sha256 = "{"f" * 64}"

[[wanted]]
requirement = "Alpha-One>=1"
name = "Alpha_One"
options = ["--pre"]
reason = "ticket 7"
intent = "hold"
until = "2030-01-31"

[[wanted]]
requirement = "/home/me/mine"
name = "mine"
editable = true

[[locked]]
name = "Alpha_One"
version = "2.0"
url = "{WHEEL.url}"
sha256 = "{SHA}"
requested = true

[[locked]]
name = "beta"
version = "1.0"
url = "{SDIST.url}"
sha256 = "{SHA}"

[[locked]]
name = "mine"
version = "0.1"
editable = "/home/me/mine"
requested = true
"""
    assert overlay_toml.to_toml(document(asked, SDIST, mine)) == expected


def test_what_was_asked_for_in_words_unknown_is_asked_for_again_as_it_is() -> None:
    asked = {item["name"]: item for item in tables(WHEEL, SDIST, EDITABLE)["wanted"]}
    assert asked == {
        "Alpha_One": {"requirement": "Alpha_One==2.0", "name": "Alpha_One", "intent": "fix"},
        "mine": {
            "requirement": "/home/me/mine",
            "name": "mine",
            "editable": True,
            "intent": "fix",
        },
    }


@pytest.mark.parametrize(
    ("wanted", "intent"),
    [
        ('requirement = "a"', "fix"),
        ('requirement = "a>=1"', "fix"),
        ('requirement = "a==1"', "hold"),
        ('requirement = "a<2"', "hold"),
        ('requirement = "a @ https://host.invalid/a.whl"', "hold"),
        ('requirement = "/home/me/a"\nname = "a"\neditable = true', "dev"),
        ('requirement = "a==1"\nintent = "fix"', "fix"),
    ],
)
def test_a_file_that_tells_no_intent_means_what_the_same_words_typed_mean(
    wanted: str, intent: str
) -> None:
    assert again(f"format = 1\n[[wanted]]\n{wanted}\n").entries["a"].intent == intent


def test_pylock_has_for_each_distribution_the_table_of_its_origin() -> None:
    found = packages(exports.pylock_toml(document(WHEEL, SDIST, ARCHIVE, VCS, EDITABLE)))
    assert found["alpha-one"]["wheels"][0]["name"] == "alpha_one-2.0-py3-none-any.whl"
    assert found["beta"]["sdist"]["hashes"] == {"sha256": SHA}
    assert found["gamma"]["archive"] == {"url": ARCHIVE.url, "hashes": {"sha256": SHA}}
    assert found["delta"]["vcs"] == {
        "type": "git",
        "url": "https://host.invalid/delta.git",
        "commit-id": "abc123",
        "subdirectory": "python",
    }
    assert found["mine"]["directory"] == {"path": "/home/me/mine", "editable": True}


def test_pylock_is_valid_by_the_reference_implementation() -> None:
    standard = pytest.importorskip("packaging.pylock")
    text = exports.pylock_toml(document(WHEEL, SDIST, ARCHIVE, VCS, EDITABLE))
    read = standard.Pylock.from_dict(tomllib.loads(text))
    assert [package.name for package in read.packages] == [
        "alpha-one", "beta", "gamma", "delta", "mine",
    ]  # fmt: skip


def test_pylock_needs_to_know_every_file() -> None:
    with pytest.raises(OverlayError, match=r"source file unknown for beta 1\.0"):
        exports.pylock_toml(document(WHEEL, replace(SDIST, url=None)))


HEAD = (
    "# The overlay of science (Python 3.11.7) alone, to be installed on top of that environment.\n"
)


def test_copy_with_edits_is_a_comment_and_takes_no_hash_away() -> None:
    copy = replace(SDIST, sha256=None, url=None, copied=True, patch="x")
    assert exports.requirements(document(WHEEL, copy)) == (
        f"{HEAD}# beta 1.0 is the environment's, edited.\nAlpha_One==2.0 --hash=sha256:{SHA}\n"
    )
    with pytest.raises(OverlayError, match=r"beta is edited, which a pylock\.toml cannot contain"):
        exports.pylock_toml(document(WHEEL, copy))


def test_copy_without_edits_is_not_called_edited_and_not_left_out() -> None:
    copy = replace(SDIST, sha256=None, url=None, copied=True, patch="")
    text = exports.requirements(document(WHEEL, copy))
    assert "edited" not in text and "beta==1.0\n" in text
    said = "The file has no hashes, because there is none of beta, a copy of the environment's."
    assert exports.notes(document(WHEEL, copy), "requirements.txt") == [said]
    assert exports.notes(document(copy), "requirements.txt") == []
    with pytest.raises(OverlayError, match=r"source file unknown for beta 1\.0"):
        exports.pylock_toml(document(WHEEL, copy))


def test_requirements_have_hashes_and_name_the_places() -> None:
    options = Options.parse(["--find-links=/my wheels", "--constraint=/c.txt", "--prefer-binary"])
    text = exports.requirements(document(replace(WHEEL, options=options), SDIST))
    assert text == (
        f"{HEAD}--find-links='/my wheels'\nAlpha_One==2.0 --hash=sha256:{SHA}\n"
        f"beta==1.0 --hash=sha256:{SHA}\n"
    )


def test_requirements_have_no_hash_where_one_is_unknown_since_pip_wants_all_or_none() -> None:
    text = exports.requirements(document(WHEEL, replace(SDIST, sha256=None)))
    assert "--hash" not in text
    assert "hashes unknown for beta" in text


def test_an_editable_beside_hashes_is_a_comment_since_pip_would_refuse_the_file() -> None:
    hashed = exports.requirements(document(WHEEL, EDITABLE)).splitlines()
    assert hashed[-1].startswith("#") and hashed[-1].endswith("-e /home/me/mine")
    assert exports.requirements(document(EDITABLE)) == f"{HEAD}-e /home/me/mine\n"


def test_what_came_from_a_url_is_required_by_that_url() -> None:
    asked = replace(ARCHIVE, requested=True, requirement=f"gamma @ {ARCHIVE.url}")
    text = exports.requirements(document(asked))
    assert text == f"{HEAD}gamma @ {ARCHIVE.url} --hash=sha256:{SHA}\n"
    line = text.removeprefix(HEAD).partition(" --hash")[0]
    assert Requirement(line).url == ARCHIVE.url


def test_environment_yml_asks_conda_for_what_the_host_has_by_conda_and_pip_for_the_rest() -> None:
    text = exports.environment_yaml(
        document(WHEEL, SDIST, EDITABLE, **{"alpha-one": "alpha_one", "mine": "mine"})
    )
    assert text == (
        "name: science\ndependencies:\n  - alpha_one=2.0\n  - pip\n  - pip:\n      - beta==1.0\n"
        "  # mine is an editable install of /home/me/mine\n"
    )


@pytest.mark.parametrize("name", ["science", "2026", "on", "a: b", "é!", "null", 'q"uote'])
def test_environment_yml_keeps_odd_names(name: str) -> None:
    yaml = pytest.importorskip("ruamel.yaml").YAML(typ="safe")
    read = yaml.load(exports.environment_yaml(replace(document(VCS), host=name)))
    assert read["name"] == name
    assert read["dependencies"][1]["pip"] == [f"delta @ {VCS.url}"]
    assert yaml.load(exports.environment_yaml(document()))["dependencies"] == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("overlay.toml", "overlay.toml"),
        ("mine.toml", "overlay.toml"),
        ("pylock.toml", "pylock.toml"),
        ("pylock.science.toml", "pylock.toml"),
        ("requirements.txt", "requirements.txt"),
        ("requirements-2026.txt", "requirements.txt"),
        ("environment.yml", "environment.yml"),
        ("environment.yaml", "environment.yml"),
    ],
)
def test_the_name_of_the_file_chooses_the_format(file: str, expected: str) -> None:
    assert exports.format_of(file) == expected


GOOD = 'format = 1\n[[wanted]]\nrequirement = "a"\n'
BROKEN = {
    "no TOML": ("alpha==2.0\n", "is not a valid overlay.toml: "),
    "empty": ("", "it has no 'format'"),
    "another TOML": ("[project]\nname = 'x'\n", "it has no 'format'"),
    "newer": ("format = 2\n", "newer version of conda-overlay"),
    "format is text": ("format = 'x'\n", "is not a valid overlay.toml: "),
    "unknown key": (GOOD + "intnet = 'fix'\n", "wanted: 'intnet' is not known"),
    "unknown intent": (GOOD + "intent = 'fxi'\n", "the intent 'fxi' is none of"),
    "no date": (GOOD + "until = 'soon'\n", "'soon' is not a date (YYYY-MM-DD)"),
    "wrong type": (GOOD + "options = 'x'\n", "wanted: options: 'x' is of the wrong type"),
    "wrong item": (GOOD + "options = [1]\n", "wanted: options: 1 is of the wrong type"),
    "no requirement": ("format = 1\n[[wanted]]\nname = 'a'\n", "has no 'requirement'"),
    "no name": ("format = 1\n[[wanted]]\nrequirement = '/src'\n", "'/src' has no name"),
    "no time": (GOOD + "until = 2030-01-31T10:00:00\n", "is not a date"),
    "short date": (GOOD + "until = '20300131'\n", "is not a date"),
    "editable is text": (GOOD + "editable = '/x'\n", "wanted: editable: '/x' is of the wrong type"),
    "empty requirement": (
        "format = 1\n[[wanted]]\nname = 'a'\nrequirement = ''\n", "has no 'requirement'",
    ),
    "lock without version": ("format = 1\n[[locked]]\nname = 'a'\n", "no 'version'"),
    "lock with unknown key": (
        "format = 1\n[[locked]]\nname = 'a'\nversion = '1'\nsince = 'x'\n",
        "locked: 'since' is not known",
    ),
    "unknown table": (GOOD + "[[wnated]]\nrequirement = 'b'\n", "'wnated' is not known"),
    "wanted twice": (GOOD + "[[wanted]]\nrequirement = 'A>1'\n", "[[wanted]] has a twice"),
    "locked twice": (
        "format = 1\n" + 2 * "[[locked]]\nname = 'a'\nversion = '1'\n", "[[locked]] has a twice",
    ),
    "wanted is no table": ("format = 1\nwanted = 3\n", "is not a valid overlay.toml: "),
    "wanted holds text": ("format = 1\nwanted = ['a']\n", "is not a valid overlay.toml: "),
    "host is text": ("format = 1\nhost = 'a'\n", "is not a valid overlay.toml: "),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_one_sentence_and_a_hint(text: str, says: str) -> None:
    with pytest.raises(OverlayError) as raised:
        again(text, "my.toml")
    assert says in raised.value.message
    assert raised.value.message.startswith("my.toml ")
    assert "\n" not in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize("name", ["pylock.toml", "/my files/pylock.science.toml"])
def test_a_pylock_is_for_pip_and_the_hint_is_what_to_type(name: str) -> None:
    with pytest.raises(OverlayError) as raised:
        again(exports.pylock_toml(document(WHEEL)), name)
    sentence = f"{name} is a lock file for pip and other tools, not an overlay.toml."
    assert raised.value.message == sentence
    assert raised.value.hint == f"conda overlay install -r {shlex.quote(name)}"


@given(st.integers(0, 400), st.binary(max_size=3))
@settings(deadline=None, database=None)
def test_a_damaged_file_is_read_or_refused_and_never_a_crash(place: int, garbage: bytes) -> None:
    asked = replace(
        WHEEL, requirement="alpha>=1", until="2030-01-01", options=Options.parse(["--pre"])
    )
    whole = overlay_toml.to_toml(document(asked)).encode()
    text = (whole[:place] + garbage + whole[place + 1 :]).decode(errors="replace")
    try:
        assert isinstance(again(text), Document)
    except OverlayError as error:
        assert error.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("r.txt", "conda overlay install -r r.txt"),
        ("e.yml", "conda env create -f e.yml"),
        ("b.txt", "conda overlay fork --from b.txt -n NEW"),
    ],
)
def test_for_other_formats_the_hint_names_what_reads_them(name: str, hint: str) -> None:
    with pytest.raises(OverlayError) as raised:
        again("@EXPLICIT\nhttps://host/x" if name == "b.txt" else "alpha==2.0 --hash=x", name)
    assert hint in str(raised.value.hint)


def test_a_date_may_be_written_without_quotes() -> None:
    assert again(GOOD + "until = 2030-01-31\n").entries["a"].until == "2030-01-31"


def test_an_overlay_toml_by_hand_needs_neither_host_nor_lock() -> None:
    asked = HistoryEntry("", "a", requested=True, requirement="a")
    read = again(GOOD)
    assert read == Document("", "", "", {"a": asked})
    assert read.requested == read.entries


def test_what_is_asked_for_comes_from_wanted_and_what_was_got_from_locked() -> None:
    text = (
        'format = 1\n[[wanted]]\nrequirement = "alpha_one>=1"\nreason = "r"\n'
        f'[[locked]]\nname = "Alpha.One"\nversion = "2.0"\nurl = "u"\nsha256 = "{SHA}"\n'
        '[[locked]]\nname = "beta"\nversion = "1.0"\n'
    )
    assert again(text).entries == {
        "alpha-one": HistoryEntry(
            "2.0", "Alpha.One", "", "", "r", True, "alpha_one>=1", url="u", sha256=SHA
        ),
        "beta": HistoryEntry("1.0", "beta"),
    }
    assert list(again(text).requested) == ["alpha-one"]


LOCKED_EDITABLE = '[[locked]]\nname = "mine"\nversion = "1"\neditable = "/src/checkout"\n'


@pytest.mark.parametrize(
    ("wanted", "locked", "expected"),
    [
        ('requirement = "/src/mine"\neditable = true', "", "/src/mine"),
        ('requirement = "/src/mine[extra]"\neditable = true', "", "/src/mine"),
        ('requirement = "git+https://h.invalid/m"\neditable = true', "", "git+https://h.invalid/m"),
        ('requirement = "git+https://h.invalid/m"\neditable = true', LOCKED_EDITABLE,
         "/src/checkout"),
        ('requirement = "mine>=1"', LOCKED_EDITABLE, None),
    ],
)  # fmt: skip
def test_an_editable_is_in_its_locked_directory_or_where_its_requirement_says(
    wanted: str, locked: str, expected: str | None
) -> None:
    entry = again(f'format = 1\n[[wanted]]\nname = "mine"\n{wanted}\n{locked}').entries["mine"]
    assert entry.editable == expected


def test_whoever_exports_an_editable_is_told_where_the_file_holds() -> None:
    assert exports.notes(document(WHEEL, EDITABLE), "overlay.toml") == [
        "mine is an editable install of /home/me/mine: "
        "the file can only be applied where that directory exists."
    ]


FINGERPRINT = {"python": "3.11.7", "sha256": "x", "packages": ["ruamel.yaml-0.18-py311_0"]}


def test_conda_packages_are_found_by_normalized_name() -> None:
    entries = {
        "ruamel-yaml": HistoryEntry("0.19", "ruamel.yaml"),
        "alpha": HistoryEntry("1", "alpha"),
    }
    described = describe("science", FINGERPRINT, entries)
    assert described.conda == {"ruamel-yaml": "ruamel.yaml"}
    assert list(described.entries.items()) == sorted(entries.items())


def test_the_tables_of_a_fork_read_back_and_need_no_format() -> None:
    text = """\
[baseline]
spec = "baselines/2026-3.txt"

[fork]
drop = ["qt-main"]
conda = ["lammps", "gcc>=13"]
channels = ["conda-forge"]
"""
    found = again(text)
    assert found.baseline == BaselineRef(spec="baselines/2026-3.txt")
    assert found.fork == ForkSpec(("qt-main",), ("lammps", "gcc>=13"), ("conda-forge",))
    assert again(overlay_toml.to_toml(found)) == found
    assert overlay_toml.to_toml(found).endswith(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[baseline]\nenv = 'a'\nspec = 'b'\n", "[baseline] has an 'env' and a 'spec'"),
        ("[baseline]\nenvironment = 'a'\n", "'environment' is not known"),
        ("[baseline]\n[fork]\ndrop = 'qt'\n", "'qt' is of the wrong type"),
    ],
)
def test_tables_of_a_fork_that_are_wrong_are_one_sentence(text: str, why: str) -> None:
    with pytest.raises(OverlayError) as caught:
        again(text)
    assert why in str(caught.value)


def test_what_a_fork_is_made_from_is_written_without_credentials_and_else_as_it_is() -> None:
    """A version behind a name is no secret, whatever the name."""
    fork = ForkSpec(("qt-main",), ("tokenizers=1.0", "my-tokens::pkg"), ("http://me:pw@host/c",))
    asked = HistoryEntry("", "x", requested=True, requirement="x @ http://me:pw@host/x.whl")
    written = overlay_toml.to_toml(Document("", "", "", {"x": asked}, fork=fork))
    read = overlay_toml.parse(written, "overlay.toml")
    assert read.fork == replace(fork, channels=("http://host/c",))
    assert read.entries["x"].requirement == "x @ http://host/x.whl"

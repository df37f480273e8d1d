"""Makes `docs/session.svg` from a real session in a terminal: ``python3 -m tests.recording``.

A real conda, an environment of root's and a user without privileges, as in `tests.demo`; PyPI is
needed. The conda of the test bed is shown as ``/opt/conda``, the user as alice and her home as
``/home/alice``. Left out are the lines in which pip names the index or directories that it is
configured for on this machine. All else is what the terminal shows.
"""

from __future__ import annotations

import re
from html import escape

from tests.bed import base, environment, place, users
from tests.bed.terminal import on_terminal

PICTURE = place.CHECKOUT / "docs" / "session.svg"
SESSION = (
    "conda activate science",
    "conda overlay install humanize",
    "y",
    "conda activate science",
    'python -c "import humanize; print(humanize.__version__)"',
    "conda overlay status",
    "conda overlay undo",
    "y",
)
"""The lines that are typed: commands at a prompt, answers at a question."""

COLUMNS = 80
CLASSES = {"1": "bold", "31": "red", "32": "green", "33": "yellow"}
"""The styles that conda-overlay prints."""
MARGIN, ADVANCE, LINE, GAP = 24, 8.4, 19, 9
"""In pixels: around the text, for a character, for a line, and above a prompt."""
TYPING, PRINTING = 0.9, 0.06
"""The seconds after which a typed line lights up, or another one."""
STYLE = """\
rect{fill:#0d1117;stroke:#3d444d}
text{fill:#c9d1d9;white-space:pre;
  font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace}
.typed{fill:#fff}
.bold{font-weight:700}
.red{fill:#ff7b72}
.green{fill:#7ee787}
.yellow{fill:#e3b341}
@media (prefers-reduced-motion:no-preference){text{animation:light .2s both}}
@keyframes light{from{opacity:.45}}"""


def session() -> str:
    """Run the session, and return what the terminal shows, with the escapes for colours."""
    with place.scratch() as scratch:
        conda = base.clone(base.floor_base(), scratch / "conda")
        base.install_plugin(conda)
        environment.clone(environment.template(), conda / "envs" / "science")
        environment.protect(conda)
        start = scratch / "bashrc"
        start.write_text(f"source {conda}/etc/profile.d/conda.sh; PS1='$ '\n")
        user = users.user("overlay-alice")
        environ = user.environ({"TERM": "xterm-256color"}, network=True)
        environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        bash = ["bash", "--noprofile", "--rcfile", str(start), "--noediting", "-i"]
        controlled = ["setsid", "--ctty", "--wait"]  # bash wants a terminal for its jobs
        shown = on_terminal([*controlled, *bash], environ, user, typed=(*SESSION, "exit"))
    shown = shown.rstrip().removesuffix("exit\nexit").rstrip()
    for real, said in {conda: "/opt/conda", user.home: "/home/alice", user.name: "alice"}.items():
        shown = shown.replace(str(real), said)
    shown = re.sub(r"(?m)^Looking in .*\n", "", shown)
    assert str(place.root()) not in shown, shown
    return shown


def picture(shown: str) -> str:
    """Return an SVG of what a terminal shows, whose lines light up one after the other.

    Args:
        shown: the text, with escapes for colours that end on their line.
    """
    texts: list[str] = []
    y, delay = MARGIN, 0.0
    for line in shown.splitlines():
        typed = re.match(r"(\(\w+\) )?\$( |$)", line)
        y += LINE + (GAP if typed and texts else 0)
        delay += TYPING if typed and texts else PRINTING
        kind = ' class="typed"' if typed else ""
        if line:
            place_and_time = f'x="{MARGIN}" y="{y:g}" style="animation-delay:{delay:.2f}s"'
            texts.append(f"<text{kind} {place_and_time}>{spans(line)}</text>")
    width, height = COLUMNS * ADVANCE + 2 * MARGIN, y + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
    title = "A session in a terminal: a package is added to an environment of root's, and removed"
    frame = f'<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="8"/>'
    parts = [f'{head} role="img" xml:space="preserve">', f"<title>{title}</title>"]
    return "\n".join([*parts, f"<style>\n{STYLE}\n</style>", frame, *texts, "</svg>", ""])


def spans(line: str) -> str:
    """Return a line of a terminal as the content of an SVG text, with colours and bold."""
    line = line.rpartition("\r")[2]  # a bar is drawn over itself
    line = re.sub(r"\x1b\[[?\d;]*[A-Za-ln-z]", "", line)  # all but colours
    classes: list[str] = []
    content, columns = "", 0
    for index, part in enumerate(re.split(r"\x1b\[([\d;]*)m", line)):
        if index % 2:  # between two texts
            for code in part.split(";"):
                classes = [*classes, CLASSES[code]] if code.strip("0") else []
        elif part:
            columns += len(part)
            text = escape(part, quote=False)
            content += f'<tspan class="{" ".join(classes)}">{text}</tspan>' if classes else text
    assert columns <= COLUMNS, line
    return content


if __name__ == "__main__":
    PICTURE.write_text(picture(session()), encoding="utf-8")

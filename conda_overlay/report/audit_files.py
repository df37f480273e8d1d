"""The files of ``conda overlay audit``: lines for a recipe, patches, and a page."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from conda_overlay.activation.shells import visible
from conda_overlay.core.text import few
from conda_overlay.filesystem.atomic import replace_file
from conda_overlay.report.audit import ATTENTION
from conda_overlay.report.audit_summary import Patch, Row, Summary


def recipe(summary: Summary) -> str:
    """Lines for the recipes of environments, most wanted first, with users and reasons."""
    lines = []
    for title, rows in summary.rows():
        lines += [f"# {visible(title, keep='')}", "dependencies:"]
        for row in rows:
            who = f"{len(row.users)} user{'s'[: len(row.users) != 1]}: {few(sorted(row.users))}"
            why = "".join(f"; {reason}" for reason in sorted(row.reasons))
            version = max(row.versions, key=lambda one: row.versions[one])
            spec = f"{_safe(row.name)} >={_safe(version)}"
            start = "  - "
            if row.kinds.keys() & {"edited", "editable", "source"}:
                start, spec = "  # - ", f"{spec}, {'/'.join(sorted(row.kinds))}"
            lines.append(visible(f"{start}{spec}  # {who}{why}", keep=""))
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def write_patches(patches: Iterable[Patch], directory: Path) -> list[str]:
    """Write each patch to a file, with who has it and why in comments above.

    Returns:
        The names of the files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    names = []
    for patch in sorted(patches, key=lambda one: (one.name, one.version, one.text)):
        whole = "\0".join((patch.name, patch.version, patch.text))
        digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{_safe(patch.name)[:80]}-{_safe(patch.version)[:40]}-{digest}.patch"
        about = [f"{patch.name} {patch.version}", f"of {', '.join(sorted(patch.users))}"]
        head = "".join(visible(f"# {line}", keep="") + "\n" for line in (*about, *patch.reasons))
        replace_file(directory / name, f"{head}\n{patch.text}".encode("utf-8", "surrogatepass"))
        names.append(name)
    return names


def page(summary: Summary, made: str) -> str:
    """A page for a browser: nothing in it is loaded from elsewhere, and everything is escaped.

    Args:
        summary: what was read, with its patches.
        made: the time.
    """
    counts = [
        (summary.overlays, "overlays"), (summary.forks, "forks"), (len(summary.users), "users"),
        (len(summary.environments), "environments"), (summary.unreadable, "unreadable"),
    ]  # fmt: skip
    head = "".join(f"<div><b>{number}</b>{word}</div>" for number, word in counts)
    tables = "".join(f"<h2>{_escaped(title)}</h2>{_table(rows)}" for title, rows in summary.rows())
    return _PAGE.format(
        made=_escaped(made),
        head=head,
        tables=tables or "<p>Nothing is on top.</p>",
        attention="".join(_attention(summary)),
        patches="".join(map(_patch, summary.patches.values())),
    )


def _table(rows: list[Row]) -> str:
    most = max(len(row.users) for row in rows)
    names = ("distribution", "there", "on top", "users", "since", "until", "kind", "reasons")
    heads = "".join(f"<th><button>{name}</button></th>" for name in names)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>" + "".join(
        f"<tr><td>{_escaped(row.name)}</td><td>{_escaped(', '.join(sorted(row.there)))}</td>"
        f"<td>{_escaped(', '.join(sorted(row.versions)))}</td>"
        f'<td data-n="{len(row.users)}" title="{_escaped(", ".join(sorted(row.users)))}">'
        f'<span class="bar" style="width:{100 * len(row.users) // most}px"></span>'
        f"{len(row.users)}</td><td>{_escaped(row.since[:10])}</td><td>{_escaped(row.until)}</td>"
        f"<td>{_escaped(', '.join(sorted(row.kinds)))}</td>"
        f"<td>{_escaped('; '.join(sorted(row.reasons)))}</td></tr>"
        for row in rows
    ) + "</tbody></table>"  # fmt: skip


def _attention(summary: Summary) -> Iterator[str]:
    for kind, count in summary.counts.most_common():
        items = "".join(f"<li>{_escaped(path)}</li>" for path in summary.attention[kind])
        what = f"{count} {kind}" if kind == "unreadable" else f"{count} {ATTENTION[kind]}"
        yield f"<details><summary>{_escaped(what)}</summary><ul>{items}</ul></details>"


def _patch(patch: Patch) -> str:
    lines = []
    for line in patch.text.splitlines():
        kind = {"+": "new", "-": "old", "@": "at"}.get(line[:1], "")
        text = _escaped(line) or "&nbsp;"
        lines.append(f'<span class="{kind}">{text}</span>')
    who = ", ".join(sorted(patch.users))
    why = "; ".join(sorted(patch.reasons))
    title = _escaped(f"{patch.name} {patch.version}, of {who}{': ' if why else ''}{why}")
    return f"<details><summary>{title}</summary><pre>{''.join(lines)}</pre></details>"


def _escaped(text: str) -> str:
    """Text for a page, without control characters."""
    return html.escape(visible(text.replace("\t", "    "), keep=""))


def _safe(text: str) -> str:
    """A name or a version for a file name or a recipe."""
    return re.sub(r"[^A-Za-z0-9._+!-]", "_", text).lstrip(".-") or "_"


_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
 script-src 'unsafe-inline'">
<title>Overlays</title>
<style>
:root {{ color-scheme: light dark; --text: #1d2430; --soft: #667085; --line: #e4e7ec;
  --back: #fff; --bar: #4c8dd6; --new: #d7f5dd; --old: #fde2e1; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #e6e9ef; --soft: #98a2b3;
  --line: #2c3442; --back: #14181f; --bar: #5b9be6; --new: #153d22; --old: #4a1d1c; }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ margin-bottom: 0; }} h2 {{ margin-top: 2.5rem; overflow-wrap: anywhere; }}
.made {{ color: var(--soft); margin-top: 0; }}
.head {{ display: flex; flex-wrap: wrap; gap: 2.5rem; margin: 1.5rem 0; }}
.head div {{ color: var(--soft); }} .head b {{ display: block; font-size: 2rem;
  line-height: 1.1; color: var(--text); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .35rem .8rem .35rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }}
th, td:nth-child(4), td:nth-child(5), td:nth-child(6) {{ white-space: nowrap; }}
th button {{ all: unset; cursor: pointer; color: var(--soft); font-weight: 600; }}
th button:focus-visible {{ outline: 2px solid var(--bar); }}
.bar {{ display: inline-block; height: .7em; margin-right: .5em; border-radius: 2px;
  background: var(--bar); }}
details {{ border-bottom: 1px solid var(--line); padding: .4rem 0; }}
summary {{ cursor: pointer; overflow-wrap: anywhere; }}
pre {{ overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }} pre span {{ display: block; }}
.new {{ background: var(--new); }} .old {{ background: var(--old); }} .at {{ color: var(--soft); }}
</style></head><body>
<h1>Overlays</h1><p class="made">{made}</p>
<div class="head">{head}</div>
<h2>Attention</h2>{attention}
<div class="wide">{tables}</div>
<h2>Patches</h2>{patches}
<script>
for (const button of document.querySelectorAll("th button")) button.onclick = () => {{
  const cell = button.parentNode, column = cell.cellIndex, down = cell.dataset.down !== "1";
  const body = cell.closest("table").tBodies[0];
  const value = row => row.cells[column].dataset.n ?? row.cells[column].textContent;
  const rows = [...body.rows].sort((a, b) =>
    value(a).localeCompare(value(b), undefined, {{numeric: true}}) * (down ? 1 : -1));
  cell.dataset.down = down ? "1" : "0";
  body.append(...rows);
}};
</script></body></html>
"""

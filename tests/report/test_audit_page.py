"""The page of ``audit --html``, in a browser."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conda_overlay.core.models import HistoryEntry
from conda_overlay.report.audit import Audited, AuditedOverlay, Unreadable
from conda_overlay.report.audit_files import page
from conda_overlay.report.audit_summary import Summary
from tests.long import LONG

HOSTILE = (
    "</td><script>document.title = 'taken'</script>\x1b[1m<img src=x onerror=\"document.title=1\">"
)
CLICK = "<script>document.querySelectorAll('th button')[{}].click()</script></body>"


def summary(hostile: str = "why") -> Summary:
    found = Summary(keeps_patches=True)
    for user, names in {"ann": "ab", "bea": "bc", "cat": "b"}.items():
        entries = (
            HistoryEntry("1.0", name, reason=hostile, requested=True, requirement=name,
                         patch=f"+{hostile}\n" if name == "b" else None)
            for name in names
        )  # fmt: skip
        audited = tuple(Audited(entry.name, "1.0", None, entry) for entry in entries)
        found.add(AuditedOverlay(f"/{hostile}/{user}", user, "/h", 1, "", audited, ("overdue",)))
    found.add(Unreadable(f"/{hostile}", hostile))
    return found


@LONG
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
@pytest.mark.parametrize(
    ("column", "order"), [(None, "bac"), (0, "abc"), (3, "acb")], ids=["as made", "name", "users"]
)
def test_its_tables_can_be_sorted_and_nothing_in_them_runs(
    tmp_path: Path, column: int | None, order: str
) -> None:
    text = page(summary(HOSTILE), "today")
    if column is not None:
        text = text.replace("</body>", CLICK.format(column))
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    argv += [f"--user-data-dir={tmp_path}/profile", file.as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    assert "<title>Overlays</title>" in done.stdout
    assert "".join(re.findall(r"<tr><td>(\w)</td>", done.stdout)) == order
    assert "<img" not in done.stdout and "\x1b" not in done.stdout


def test_it_loads_nothing_and_escapes_everything() -> None:
    text = page(summary(HOSTILE), "today")
    outside = text.replace(html.escape("http://www.w3.org"), "")
    assert "://" not in outside and "default-src 'none'" in text
    assert text.count("<script>") == 1 and "<img" not in text and "\x1b" not in text
    assert text.count("+&lt;/td&gt;") == 1  # the same patch of three users

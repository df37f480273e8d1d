"""Prints the recipe of an sdist that was built, as conda-forge wants it; see CONTRIBUTING.md."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

TEMPLATE = Path(__file__).with_name("recipe.yaml")


def filled(sdist: Path, repository: str, maintainers: list[str]) -> str:
    """Return the recipe of an sdist.

    Args:
        sdist: the file, whose name has the version.
        repository: the URL of the repository, where the tags are.
        maintainers: their names on GitHub.
    """
    values = {
        "version": sdist.name.removesuffix(".tar.gz").partition("-")[2],
        "sha256": hashlib.sha256(sdist.read_bytes()).hexdigest(),
        "repository": repository,
        "maintainers": '"\n    - "'.join(maintainers),
    }
    text = TEMPLATE.read_text(encoding="utf-8").partition("\n")[2]  # less what it says of itself
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sdist", type=Path, help="dist/conda_overlay-VERSION.tar.gz")
    parser.add_argument("--repository", required=True, metavar="URL")
    parser.add_argument("--maintainer", required=True, action="append", help="a name on GitHub")
    given = parser.parse_args()
    print(filled(given.sdist, given.repository, given.maintainer), end="")

"""Runs ``python -m conda_overlay ARGS`` as ``conda overlay ARGS``; explains a missing conda."""

from __future__ import annotations

import sys

WITHOUT_CONDA = (
    "conda-overlay is a plugin of conda, and there is no conda in this Python: "
    "install it into the Python of conda's base environment, then type conda overlay.\n"
)


def main() -> int:
    """Run conda with our subcommand."""
    try:
        # The conda on PyPI is an old version without plugins.
        import conda.plugins  # noqa: F401
        from conda.cli import main as conda_main
    except ModuleNotFoundError as error:
        if error.name not in ("conda", "conda.cli", "conda.plugins"):
            raise
        sys.stderr.write(WITHOUT_CONDA)
        return 1
    sys.argv[:] = ["conda", "overlay", *sys.argv[1:]]
    code: int = conda_main()
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Run as ``python -I -S <this file> SHELL [OPTION VALUE]...``; see `startup.command`.

It is small because Python compiles it at each start; a directory or a module with a ``__main__``
would be compiled once, but takes some milliseconds to find.
"""

import os
import sys

# After the standard library, so that modules installed next to the plugin cannot hide it.
sys.path.append(os.path.abspath(__file__ + "/../../.."))

from conda_overlay.activation.reconcile import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

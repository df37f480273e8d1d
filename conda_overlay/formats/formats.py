"""The file formats that an overlay is exported to and read from."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    pass
else:
    pass

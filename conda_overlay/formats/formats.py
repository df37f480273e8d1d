"""The file formats to which an overlay is exported, and from which it is read."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    pass
else:
    pass

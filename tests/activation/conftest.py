"""Settings of hypothesis: no deadline, because the machine may be busy, and no files."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("bed", deadline=None, database=None)
settings.load_profile("bed")

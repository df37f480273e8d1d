"""Files, directories, locks and processes: trees are cloned, compared and written safely.

Knows nothing of Python packages.
"""

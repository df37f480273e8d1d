"""Files, directories, locks and processes: clones, compares and writes trees safely.

Knows nothing about Python packages.
"""

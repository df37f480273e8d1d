"""Copies of distributions that users edit: their originals, and the edits as patches."""

"""Copies of distributions that users edit: the original files, and the edits as patches."""

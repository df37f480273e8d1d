"""Overlays on disk: the layers over a host, their revisions, and our own files in each."""

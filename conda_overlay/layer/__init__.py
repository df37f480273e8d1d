"""Overlays on disk: the layers over a host, their revisions, and the files that we add to each."""

"""Calls pip in a throw-away environment until it finds a set of versions that breaks nothing."""

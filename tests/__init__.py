"""The tests of conda-overlay."""

"""Puts overlays into a shell's environ and takes them out again; standard library only."""

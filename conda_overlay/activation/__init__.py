"""Wires the overlays of the active environment, in the user's shell and as conda starts.

Standard library only, and little of it: this runs at every prompt that activates something.
"""

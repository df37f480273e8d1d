"""Wires the overlays of the active environment, in the user's shell and when conda starts.

It imports only little of the standard library, because it runs at every activation.
"""

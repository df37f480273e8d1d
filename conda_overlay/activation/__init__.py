"""Wires the overlays of the active environment, in the user's shell and when conda starts.

It imports only little of the standard library, because it runs at every activation.

    startup                  in conda's Python, as it starts: unwires, and adds the engine's line
    engine                   runs in the user's shell: finds the layers, and makes its environ right
    locate, trust            which overlays a host has; whether a directory may be used at all
    moved                    overlays whose environment has moved away
    switch                   whether all wiring is switched off, by the user or an environment
    wiring                   the pure part: one environ to another, and back
    shells                   a class for each shell: quotes, exports, runs the engine, hooks
    unwire_only              shells and programs that can be unwired, and not wired
    reconcile, spawn         the same for a calling shell, and for ``conda spawn``
    notice                   the line about a changed host or a date that has passed
    layer_news               news of the layers of others
    files                    the safe reader
    settings                 the plugin's settings, by conda
    sitecustomize_template   the guard, which runs in every Python that sees an overlay
"""

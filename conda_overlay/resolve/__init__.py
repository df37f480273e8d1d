"""Calls pip, in a throw-away environment, until it finds a set of versions that breaks nothing.

resolver       the rounds: which constraints are dropped, which dependents join
stage          the environment that pip resolves and installs into
uv             lets uv install instead, where pip would install the same
pip            starts pip, with our options and the user's; the newest that is at hand
configuration  whether the user's configuration of pip could change a satisfied request
pip_child      runs in pip's process
pip_output     reads pip's output: the failure and its cause
"""

"""Other ways to use an environment with its overlay: a command, a layer for one run, a kernel."""

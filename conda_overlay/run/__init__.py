"""Other ways into an environment with its overlay: a command, a layer for one run, a kernel."""

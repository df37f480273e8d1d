"""The only way to change an overlay: a draft of the next state, its plan, and its commit."""

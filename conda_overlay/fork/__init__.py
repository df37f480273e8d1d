"""conda_overlay.fork."""

"""conda_overlay.host."""

"""conda_overlay.filesystem."""

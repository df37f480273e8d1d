"""conda_overlay.change."""

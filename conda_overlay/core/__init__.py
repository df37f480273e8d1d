"""conda_overlay.core."""

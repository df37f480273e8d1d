"""conda_overlay.layer."""

"""conda_overlay.formats."""

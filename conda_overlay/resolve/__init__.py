"""conda_overlay.resolve."""

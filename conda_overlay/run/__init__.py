"""conda_overlay.run."""

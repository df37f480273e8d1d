"""conda_overlay.report."""

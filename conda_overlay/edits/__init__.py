"""conda_overlay.edits."""

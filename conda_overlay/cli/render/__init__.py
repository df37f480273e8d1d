"""conda_overlay.cli.render."""

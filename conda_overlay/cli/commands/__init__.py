"""conda_overlay.cli.commands."""

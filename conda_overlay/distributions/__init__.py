"""conda_overlay.distributions."""

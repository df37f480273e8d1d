"""The conda environment below the overlay, and the user's ``~/.local``; only ever read."""

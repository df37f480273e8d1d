"""A regular conda environment of the user's own, made from a baseline and their overlay."""

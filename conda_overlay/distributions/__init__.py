"""The distributions in a site-packages directory: their metadata, RECORD and dependencies."""

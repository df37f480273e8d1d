"""A conda plugin that lays a writable overlay over a protected conda environment."""

__version__ = "0.1.0"

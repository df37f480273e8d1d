"""The commands, a file each: examples, ``configure_parser`` and ``execute``."""

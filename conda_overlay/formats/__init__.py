"""The files that an overlay is exported to, and read from; and how files are downloaded."""

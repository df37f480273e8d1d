"""The file formats that overlays are exported to and read from; and downloads."""
